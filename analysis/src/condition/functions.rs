//! The functions of the language.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::ast::{BinaryOp, Function};
use super::check::taken;
use super::datum::Datum;
use super::error::{ConditionError, Problem};
use super::eval::{Evaluated, Machine};
use super::number::{float_of, int_of, truncated};
use super::operators;

/// The value of `function` for its arguments, whose number the check has proven.
pub(super) fn call(machine: &mut Machine, function: Function, arguments: &[Datum], at: usize) -> Evaluated {
    let cost = arguments.iter().fold(0_usize, |sum, argument| sum.saturating_add(argument.size()));
    if !matches!(function, Function::IsNil | Function::Default | Function::Len) {
        machine.spend(cost, at)?;
    }
    let first = arguments.first().unwrap_or(&Datum::Nil);
    let called = match function {
        // Both look at the whole result whatever they are given, as templates in use rely on.
        Function::IsNil => Ok(Datum::Bool(matches!(machine.result, Datum::Nil))),
        Function::Default => Ok(match &machine.result {
            Datum::Nil => arguments.get(1).cloned().unwrap_or(Datum::Nil),
            present => present.clone(),
        }),
        Function::AsInt | Function::Int => whole(function, first),
        Function::AsFloat | Function::Float => decimal(function, first),
        Function::IsNan | Function::IsInf => floating(function, first),
        Function::Abs | Function::Ceil | Function::Floor | Function::Round => rounded(function, first),
        Function::Max | Function::Min => extreme(function, arguments),
        Function::Mean | Function::Median => average(function, arguments),
        Function::Len | Function::First | Function::Last | Function::Keys | Function::Values => {
            collection(function, first)
        }
        Function::String | Function::Upper | Function::Lower | Function::Trim => textual(function, first),
    };
    called.map_err(|problem| ConditionError::at(at, problem))
}

fn refused(function: Function, given: &Datum) -> Problem {
    Problem::Argument {
        function: function.name(),
        expected: taken(function),
        found: given.kind().to_string(),
    }
}

fn unconvertible(function: Function, text: &str, expected: &'static str) -> Problem {
    Problem::Conversion { function: function.name(), text: text.chars().take(40).collect(), expected }
}

fn whole(function: Function, given: &Datum) -> Result<Datum, Problem> {
    const EXPECTED: &str = "an integer of at most 64 bits";
    match given {
        Datum::Int(_) => Ok(given.clone()),
        Datum::Float(value) => truncated(*value)
            .map(Datum::Int)
            .ok_or_else(|| unconvertible(function, &value.to_string(), EXPECTED)),
        Datum::String(text) => {
            text.parse().map(Datum::Int).map_err(|_| unconvertible(function, text, EXPECTED))
        }
        _ => Err(refused(function, given)),
    }
}

fn decimal(function: Function, given: &Datum) -> Result<Datum, Problem> {
    match given {
        Datum::Int(value) => Ok(Datum::Float(float_of(*value))),
        Datum::Float(_) => Ok(given.clone()),
        Datum::String(text) => parse_float(text)
            .map(Datum::Float)
            .ok_or_else(|| unconvertible(function, text, "a number in the range of a 64 bit float")),
        _ => Err(refused(function, given)),
    }
}

/// A decimal number, `NaN` or an infinity; nothing for a finite number that is too large.
fn parse_float(text: &str) -> Option<f64> {
    let value: f64 = text.parse().ok()?;
    let overflowed = value.is_infinite() && text.bytes().any(|byte| byte.is_ascii_digit());
    (!overflowed).then_some(value)
}

fn floating(function: Function, given: &Datum) -> Result<Datum, Problem> {
    let Datum::Float(value) = given else { return Err(refused(function, given)) };
    Ok(Datum::Bool(if function == Function::IsNan { value.is_nan() } else { value.is_infinite() }))
}

fn rounded(function: Function, given: &Datum) -> Result<Datum, Problem> {
    match (function, given) {
        (Function::Abs, Datum::Int(value)) => Ok(Datum::Int(value.wrapping_abs())),
        (_, Datum::Int(value)) => Ok(Datum::Float(float_of(*value))),
        (Function::Abs, Datum::Float(value)) => Ok(Datum::Float(value.abs())),
        (Function::Ceil, Datum::Float(value)) => Ok(Datum::Float(value.ceil())),
        (Function::Floor, Datum::Float(value)) => Ok(Datum::Float(value.floor())),
        (_, Datum::Float(value)) => Ok(Datum::Float(value.round())),
        _ => Err(refused(function, given)),
    }
}

/// The numbers in the arguments, those in lists included.
fn numbers(function: Function, arguments: &[Datum]) -> Result<Vec<Datum>, Problem> {
    let mut found = Vec::new();
    for argument in arguments {
        match argument {
            Datum::List(items) => found.extend(numbers(function, items)?),
            Datum::Int(_) | Datum::Float(_) => found.push(argument.clone()),
            other => return Err(refused(function, other)),
        }
    }
    Ok(found)
}

/// The largest or smallest number, the first one if it has no order; nil if there is none.
fn extreme(function: Function, arguments: &[Datum]) -> Result<Datum, Problem> {
    let better = if function == Function::Max { BinaryOp::Greater } else { BinaryOp::Less };
    let mut best = Datum::Nil;
    for number in numbers(function, arguments)? {
        let replaces = matches!(best, Datum::Nil)
            || matches!(operators::binary(better, &number, &best)?, Datum::Bool(true));
        if replaces {
            best = number;
        }
    }
    Ok(best)
}

/// The mean or median as a float, 0 if there is no number.
fn average(function: Function, arguments: &[Datum]) -> Result<Datum, Problem> {
    let mut values: Vec<f64> = numbers(function, arguments)?.iter().filter_map(Datum::number).collect();
    let count = float_of(int_of(values.len()));
    if values.is_empty() {
        return Ok(Datum::Float(0.0));
    }
    if function == Function::Mean {
        return Ok(Datum::Float(values.iter().sum::<f64>() / count));
    }
    // NaN sorts first, so that it shifts the middle instead of hiding at the end.
    values.sort_by(|a, b| b.is_nan().cmp(&a.is_nan()).then(a.total_cmp(b)));
    let middle = values.len() / 2;
    let upper = values.get(middle).copied().unwrap_or(f64::NAN);
    let lower = values.get(middle.saturating_sub(1)).copied().unwrap_or(f64::NAN);
    Ok(Datum::Float(if values.len() % 2 == 1 { upper } else { f64::midpoint(lower, upper) }))
}

fn collection(function: Function, given: &Datum) -> Result<Datum, Problem> {
    match (function, given) {
        (Function::Len, Datum::String(text)) => Ok(Datum::Int(int_of(text.chars().count()))),
        (Function::Len, Datum::List(items)) => Ok(Datum::Int(int_of(items.len()))),
        (Function::Len, Datum::Map(fields)) => Ok(Datum::Int(int_of(fields.len()))),
        (Function::First, Datum::List(items)) => Ok(items.first().cloned().unwrap_or(Datum::Nil)),
        (Function::Last, Datum::List(items)) => Ok(items.last().cloned().unwrap_or(Datum::Nil)),
        (Function::Keys, Datum::Map(fields)) => {
            Ok(Datum::List(fields.keys().cloned().map(Datum::String).collect()))
        }
        (Function::Values, Datum::Map(fields)) => Ok(Datum::List(fields.values().cloned().collect())),
        _ => Err(refused(function, given)),
    }
}

fn textual(function: Function, given: &Datum) -> Result<Datum, Problem> {
    let text: Arc<str> = match (function, given) {
        (Function::String, other) => written(other).into(),
        (Function::Upper, Datum::String(text)) => text.to_uppercase().into(),
        (Function::Lower, Datum::String(text)) => text.to_lowercase().into(),
        (Function::Trim, Datum::String(text)) => text.trim().into(),
        _ => return Err(refused(function, given)),
    };
    Ok(Datum::String(text))
}

fn written(datum: &Datum) -> String {
    fn fields(map: &BTreeMap<Arc<str>, Datum>) -> Vec<String> {
        map.iter().map(|(name, value)| format!("{name}:{}", written(value))).collect()
    }
    match datum {
        Datum::Nil => "<nil>".to_owned(),
        Datum::Bool(value) => value.to_string(),
        Datum::Int(value) => value.to_string(),
        Datum::Float(value) => crate::value::Value::Float(*value).to_string(),
        Datum::String(text) => text.to_string(),
        Datum::List(items) => format!("[{}]", items.iter().map(written).collect::<Vec<_>>().join(" ")),
        Datum::Map(map) => format!("map[{}]", fields(map).join(" ")),
    }
}
