//! The check of a condition against the type of the measured value, before anything is evaluated.
//!
//! A mismatch is an error also where evaluation would never reach it, as in `true || result == "x"` on a number.

use super::ast::{Access, BinaryOp, Function, Iterate, Iteration, Kind, Node, UnaryOp};
use super::error::{ConditionError, Problem};
use super::types::Type;

/// The type of `node` where `result` has the type `result`.
///
/// # Errors
/// The first mismatch, in evaluation order.
pub(super) fn check(node: &Node, result: &Type) -> Result<Type, ConditionError> {
    Checker { result, elements: Vec::new() }.node(node)
}

struct Checker<'a> {
    result: &'a Type,
    /// The types of `#`, the innermost last.
    elements: Vec<Type>,
}

type Checked = Result<Type, ConditionError>;

impl Checker<'_> {
    fn node(&mut self, node: &Node) -> Checked {
        match &node.kind {
            Kind::Nil => Ok(Type::Nil),
            Kind::Bool(_) => Ok(Type::Bool),
            Kind::Int(_) => Ok(Type::Int),
            Kind::Float(_) => Ok(Type::Float),
            Kind::String(_) => Ok(Type::String),
            Kind::Result => Ok(self.result.clone()),
            Kind::Element => Ok(self.elements.last().cloned().unwrap_or(Type::Any)),
            Kind::List(items) => self.list(items),
            Kind::Unary(operator, operand) => {
                let operand = self.node(operand)?;
                unary(*operator, operand, node.at)
            }
            Kind::Binary(operator, left, right) => {
                let (left, right) = (self.node(left)?, self.node(right)?);
                binary(*operator, &left, &right, node.at)
            }
            Kind::Comparisons(first, rest) => {
                let mut left = self.node(first)?;
                for comparison in rest {
                    let right = self.node(&comparison.right)?;
                    binary(comparison.operator, &left, &right, comparison.at)?;
                    left = right;
                }
                Ok(Type::Bool)
            }
            Kind::Choice(choice) => {
                let condition = self.node(&choice.condition)?;
                if !matches!(condition, Type::Bool | Type::Any) {
                    let problem = Problem::Choice { found: condition.to_string() };
                    return Err(ConditionError::at(choice.condition.at, problem));
                }
                let then = choice.then.as_ref().map_or(Ok(condition), |then| self.node(then))?;
                Ok(then.either(&self.node(&choice.otherwise)?))
            }
            Kind::Access(access) => self.access(access, node.at),
            Kind::Call(function, arguments) => self.call(*function, arguments, node.at),
            Kind::Iterate(iterate) => self.iterate(iterate, node.at),
        }
    }

    fn list(&mut self, items: &[Node]) -> Checked {
        let mut element: Option<Type> = None;
        for item in items {
            let next = self.node(item)?;
            element = Some(element.map_or(next.clone(), |before| before.either(&next)));
        }
        Ok(Type::list(element.unwrap_or(Type::Any)))
    }

    fn access(&mut self, access: &Access, at: usize) -> Checked {
        let (base, key) = (self.node(&access.base)?, self.node(&access.key)?);
        match (base, &key, &access.key.kind) {
            (Type::Any, ..) | (Type::Map, Type::String | Type::Any, _) => Ok(Type::Any),
            (Type::Map, other, _) => {
                Err(ConditionError::at(access.key.at, Problem::MapKey { index: other.to_string() }))
            }
            (Type::List(element), Type::Int | Type::Any, _) => Ok(*element),
            (container @ Type::List(_), _, Kind::String(field)) => {
                let problem = Problem::NoField { container: container.to_string(), field: field.to_string() };
                Err(ConditionError::at(at, problem))
            }
            (Type::List(_), other, _) => {
                Err(ConditionError::at(access.key.at, Problem::ListIndex { index: other.to_string() }))
            }
            (container, _, Kind::String(field)) => {
                let problem = Problem::NoField { container: container.to_string(), field: field.to_string() };
                Err(ConditionError::at(at, problem))
            }
            (container, ..) => {
                Err(ConditionError::at(at, Problem::NoIndex { container: container.to_string() }))
            }
        }
    }

    fn call(&mut self, function: Function, arguments: &[Node], at: usize) -> Checked {
        let found = arguments.len();
        if let Some(expected) = wrong_count(function, found) {
            let problem = Problem::ArgumentCount { function: function.name(), expected, found };
            return Err(ConditionError::at(at, problem));
        }
        let mut types = Vec::with_capacity(found);
        for argument in arguments {
            let given = self.node(argument)?;
            if !takes(function, &given) {
                let problem = Problem::Argument {
                    function: function.name(),
                    expected: taken(function),
                    found: given.to_string(),
                };
                return Err(ConditionError::at(argument.at, problem));
            }
            types.push(given);
        }
        Ok(returned(function, types.into_iter().next().unwrap_or(Type::Any)))
    }

    fn iterate(&mut self, iterate: &Iterate, at: usize) -> Checked {
        let function = iterate.function;
        let element = match self.node(&iterate.list)? {
            Type::Any => Type::Any,
            Type::List(element) => *element,
            other => {
                let problem = Problem::Argument {
                    function: function.name(),
                    expected: "a list",
                    found: other.to_string(),
                };
                return Err(ConditionError::at(iterate.list.at, problem));
            }
        };
        let said = match &iterate.predicate {
            None => element.clone(),
            Some(predicate) => {
                self.elements.push(element.clone());
                let said = self.node(predicate)?;
                self.elements.pop();
                said
            }
        };
        if function.asks() && iterate.predicate.is_some() && !matches!(said, Type::Bool | Type::Any) {
            let problem = Problem::Predicate { function: function.name(), found: said.to_string() };
            return Err(ConditionError::at(iterate.predicate.as_ref().map_or(at, |node| node.at), problem));
        }
        Ok(match function {
            Iteration::All | Iteration::None | Iteration::Any | Iteration::One => Type::Bool,
            Iteration::Filter => Type::list(element),
            Iteration::Map => Type::list(said),
            Iteration::Count => Type::Int,
            Iteration::Sum => said,
            Iteration::Find => Type::Any,
        })
    }
}

fn unary(operator: UnaryOp, operand: Type, at: usize) -> Checked {
    let fits = match operator {
        UnaryOp::Not => matches!(operand, Type::Bool | Type::Any),
        UnaryOp::Minus | UnaryOp::Plus => operand.is_number() || operand.is_any(),
    };
    if fits {
        return Ok(operand);
    }
    Err(ConditionError::at(
        at,
        Problem::Operand { operator: operator.symbol(), operand: operand.to_string() },
    ))
}

fn binary(operator: BinaryOp, left: &Type, right: &Type, at: usize) -> Checked {
    let both =
        |wanted: fn(&Type) -> bool| (wanted(left) || left.is_any()) && (wanted(right) || right.is_any());
    let number = Type::is_number as fn(&Type) -> bool;
    let text = |of: &Type| *of == Type::String;
    let found = match operator {
        BinaryOp::Or | BinaryOp::And => both(|of| *of == Type::Bool).then_some(Type::Bool),
        BinaryOp::Equal | BinaryOp::NotEqual => left.comparable(right).then_some(Type::Bool),
        BinaryOp::Less | BinaryOp::LessOrEqual | BinaryOp::Greater | BinaryOp::GreaterOrEqual => {
            (both(number) || both(text)).then_some(Type::Bool)
        }
        BinaryOp::In => return contained(left, right, at),
        BinaryOp::Matches | BinaryOp::Contains | BinaryOp::StartsWith | BinaryOp::EndsWith => {
            both(text).then_some(Type::Bool)
        }
        BinaryOp::Range => both(|of| *of == Type::Int).then(|| Type::list(Type::Int)),
        BinaryOp::Add if *left == Type::String && *right == Type::String => Some(Type::String),
        BinaryOp::Add => (both(number) || both(text)).then(|| arithmetic(left, right)),
        BinaryOp::Subtract | BinaryOp::Multiply => both(number).then(|| arithmetic(left, right)),
        BinaryOp::Divide | BinaryOp::Power => both(number).then_some(Type::Float),
        BinaryOp::Remainder => both(|of| *of == Type::Int).then_some(Type::Int),
        BinaryOp::Coalesce => Some(match (left, right) {
            (Type::Nil, _) => right.clone(),
            (_, Type::Nil) => left.clone(),
            _ => left.clone().either(right),
        }),
    };
    found.ok_or_else(|| ConditionError::at(at, mismatch(operator, left, right)))
}

/// The error of an operator between two types that it has no meaning for.
pub(super) fn mismatch(operator: BinaryOp, left: &Type, right: &Type) -> Problem {
    Problem::Operands { operator: operator.symbol(), left: left.to_string(), right: right.to_string() }
}

fn arithmetic(left: &Type, right: &Type) -> Type {
    match (left, right) {
        (Type::Int, Type::Int) => Type::Int,
        (Type::Any, _) | (_, Type::Any) => Type::Any,
        _ => Type::Float,
    }
}

fn contained(left: &Type, right: &Type, at: usize) -> Checked {
    let possible = match right {
        Type::Any => true,
        Type::List(element) => left.comparable(element),
        Type::Map => matches!(left, Type::String | Type::Any),
        _ => return Err(ConditionError::at(at, mismatch(BinaryOp::In, left, right))),
    };
    if possible {
        return Ok(Type::Bool);
    }
    let problem = Problem::NeverIn { needle: left.to_string(), haystack: right.to_string() };
    Err(ConditionError::at(at, problem))
}

/// How many arguments the function takes, where `found` is not that number.
fn wrong_count(function: Function, found: usize) -> Option<&'static str> {
    match function {
        Function::Default => (found != 2).then_some("2 arguments"),
        Function::Max | Function::Min | Function::Mean | Function::Median => {
            (found == 0).then_some("at least 1 argument")
        }
        _ => (found != 1).then_some("1 argument"),
    }
}

fn takes(function: Function, given: &Type) -> bool {
    if given.is_any() {
        return true;
    }
    match function {
        Function::AsInt | Function::AsFloat | Function::IsNil | Function::Default | Function::String => true,
        // An int that is not a literal is refused where it is evaluated.
        Function::IsNan
        | Function::IsInf
        | Function::Abs
        | Function::Ceil
        | Function::Floor
        | Function::Round => given.is_number(),
        Function::Len => matches!(given, Type::String | Type::List(_) | Type::Map),
        Function::Max | Function::Min | Function::Mean | Function::Median => match given {
            Type::List(element) => takes(function, element),
            other => other.is_number(),
        },
        Function::First | Function::Last => matches!(given, Type::List(_)),
        Function::Keys | Function::Values => *given == Type::Map,
        Function::Int | Function::Float => given.is_number() || *given == Type::String,
        Function::Upper | Function::Lower | Function::Trim => *given == Type::String,
    }
}

/// What the function takes, in words.
pub(super) fn taken(function: Function) -> &'static str {
    match function {
        Function::AsInt | Function::AsFloat | Function::Int | Function::Float => "a number or a string",
        Function::IsNil | Function::Default | Function::String => "any value",
        Function::IsNan | Function::IsInf => "a float",
        Function::Abs | Function::Ceil | Function::Floor | Function::Round => "a number",
        Function::Len => "a string, a list or a map",
        Function::Max | Function::Min | Function::Mean | Function::Median => "numbers or lists of numbers",
        Function::First | Function::Last => "a list",
        Function::Keys | Function::Values => "a map",
        Function::Upper | Function::Lower | Function::Trim => "a string",
    }
}

fn returned(function: Function, first: Type) -> Type {
    match function {
        Function::AsInt | Function::Len | Function::Int => Type::Int,
        Function::AsFloat | Function::Float | Function::Ceil | Function::Floor | Function::Round => {
            Type::Float
        }
        Function::IsNan | Function::IsInf | Function::IsNil => Type::Bool,
        // The numbers in a list may be none, which is nil.
        Function::Max | Function::Min | Function::Mean | Function::Median if first.is_number() => first,
        Function::Default
        | Function::First
        | Function::Last
        | Function::Max
        | Function::Min
        | Function::Mean
        | Function::Median => Type::Any,
        Function::Abs => first,
        Function::Keys => Type::list(Type::String),
        Function::Values => Type::list(Type::Any),
        Function::String | Function::Upper | Function::Lower | Function::Trim => Type::String,
    }
}
