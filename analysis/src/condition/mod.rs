//! The language of `successCondition` and `failureCondition`.
//!
//! A condition is an expression over `result`, the measured value, that says yes or no. The language is the part of
//! expr-lang that analysis templates use: numbers, strings, `nil`, comparison, `&&`/`and`, `||`/`or`, `!`/`not`,
//! arithmetic, `in`, `contains`, `startsWith`, `endsWith`, `matches`, `?:`, `??`, `.field`, `[index]`, lists, ranges,
//! and functions such as `len`, `max`, `isNaN` and `all(result, # < 1)`.
//!
//! A condition has three outcomes. True and false judge the version; an error judges the condition or the metric, so
//! what cannot be compared, is out of range or is mistyped is never false. Types are checked against the measured
//! value before anything is evaluated. Length, nesting and work are limited, so that hostile text costs nothing.

mod ast;
mod check;
mod datum;
mod error;
mod eval;
mod functions;
mod number;
mod operators;
mod parser;
#[cfg(test)]
mod tests;
mod token;
mod types;

pub use error::{ConditionError, Problem};

use crate::value::Value;

/// A condition that has been parsed and can be evaluated on any number of values.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    root: ast::Node,
}

impl Condition {
    /// The condition that `expression` writes.
    ///
    /// # Errors
    /// When the text is no expression of the language, too long or nested too deep.
    pub fn parse(expression: &str) -> Result<Self, ConditionError> {
        parser::parse(expression).map(|root| Self { root })
    }

    /// Whether the condition holds for `result`.
    ///
    /// # Errors
    /// When the condition does not fit the type of `result`, reads outside of it, or is not a yes or no.
    pub fn evaluate(&self, result: &Value) -> Result<bool, ConditionError> {
        check::check(&self.root, &types::Type::of(result))?;
        match eval::Machine::new(datum::Datum::of(result)).node(&self.root)? {
            datum::Datum::Bool(holds) => Ok(holds),
            other => {
                Err(ConditionError::at(self.root.at, Problem::NotBool { found: other.kind().to_string() }))
            }
        }
    }
}

/// Whether the condition that `expression` writes holds for `result`.
///
/// # Errors
/// As [`Condition::parse`] and [`Condition::evaluate`].
pub fn evaluate(expression: &str, result: &Value) -> Result<bool, ConditionError> {
    Condition::parse(expression)?.evaluate(result)
}
