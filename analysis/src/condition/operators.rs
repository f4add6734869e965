//! What operators and accesses do with values.

use super::ast::{BinaryOp, UnaryOp};
use super::check::mismatch;
use super::datum::Datum;
use super::error::Problem;
use super::number::{int_of, truncated};

/// Elements that a range may have.
const MAX_RANGE: usize = 1_000_000;
/// Bytes that a compiled pattern may take.
const MAX_PATTERN: usize = 256 * 1024;

/// The steps that `operator` takes beyond one.
pub(super) fn cost(operator: BinaryOp, left: &Datum, right: &Datum) -> usize {
    match operator {
        BinaryOp::Equal | BinaryOp::NotEqual => left.size().min(right.size()),
        BinaryOp::In => right.size(),
        BinaryOp::Matches => left.size().saturating_add(right.size().saturating_mul(16)),
        BinaryOp::Contains | BinaryOp::StartsWith | BinaryOp::EndsWith | BinaryOp::Add => {
            left.size().saturating_add(right.size())
        }
        BinaryOp::Range => range_length(left, right),
        _ => 0,
    }
}

fn range_length(left: &Datum, right: &Datum) -> usize {
    let (Datum::Int(first), Datum::Int(last)) = (left, right) else { return 0 };
    let length = last.saturating_sub(*first).saturating_add(1).max(0);
    usize::try_from(length).unwrap_or(usize::MAX)
}

pub(super) fn unary(operator: UnaryOp, operand: &Datum) -> Result<Datum, Problem> {
    match (operator, operand) {
        (UnaryOp::Not, Datum::Bool(value)) => Ok(Datum::Bool(!value)),
        (UnaryOp::Minus, Datum::Int(value)) => Ok(Datum::Int(value.wrapping_neg())),
        (UnaryOp::Minus, Datum::Float(value)) => Ok(Datum::Float(-value)),
        (UnaryOp::Plus, Datum::Int(_) | Datum::Float(_)) => Ok(operand.clone()),
        _ => Err(Problem::Operand { operator: operator.symbol(), operand: operand.kind().to_string() }),
    }
}

pub(super) fn binary(operator: BinaryOp, left: &Datum, right: &Datum) -> Result<Datum, Problem> {
    let wrong = || mismatch(operator, &left.kind(), &right.kind());
    match operator {
        BinaryOp::Or | BinaryOp::And => match (left, right) {
            // The left side did not decide, so the right side is the value.
            (Datum::Bool(_), Datum::Bool(_)) => Ok(right.clone()),
            _ => Err(wrong()),
        },
        BinaryOp::Equal => Ok(Datum::Bool(left.equals(right))),
        BinaryOp::NotEqual => Ok(Datum::Bool(!left.equals(right))),
        BinaryOp::Less | BinaryOp::LessOrEqual | BinaryOp::Greater | BinaryOp::GreaterOrEqual => {
            ordered(operator, left, right).map(Datum::Bool).ok_or_else(wrong)
        }
        BinaryOp::In => contained(left, right).map(Datum::Bool).ok_or_else(wrong),
        BinaryOp::Matches | BinaryOp::Contains | BinaryOp::StartsWith | BinaryOp::EndsWith => {
            let (Some(text), Some(other)) = (left.text(), right.text()) else { return Err(wrong()) };
            searched(operator, text, other).map(Datum::Bool)
        }
        BinaryOp::Range => range(left, right).ok_or_else(wrong),
        BinaryOp::Remainder => match (left, right) {
            (Datum::Int(_), Datum::Int(0)) => Err(Problem::DivisionByZero),
            (Datum::Int(a), Datum::Int(b)) => Ok(Datum::Int(a.wrapping_rem(*b))),
            _ => Err(wrong()),
        },
        BinaryOp::Add | BinaryOp::Subtract | BinaryOp::Multiply | BinaryOp::Divide | BinaryOp::Power => {
            arithmetic(operator, left, right).ok_or_else(wrong)
        }
        BinaryOp::Coalesce => Ok(if matches!(left, Datum::Nil) { right.clone() } else { left.clone() }),
    }
}

fn arithmetic(operator: BinaryOp, left: &Datum, right: &Datum) -> Option<Datum> {
    if let (Datum::Int(a), Datum::Int(b)) = (left, right) {
        match operator {
            BinaryOp::Add => return Some(Datum::Int(a.wrapping_add(*b))),
            BinaryOp::Subtract => return Some(Datum::Int(a.wrapping_sub(*b))),
            BinaryOp::Multiply => return Some(Datum::Int(a.wrapping_mul(*b))),
            _ => {}
        }
    }
    if let (BinaryOp::Add, Datum::String(a), Datum::String(b)) = (operator, left, right) {
        return Some(Datum::String(format!("{a}{b}").into()));
    }
    let (a, b) = (left.number()?, right.number()?);
    Some(Datum::Float(match operator {
        BinaryOp::Add => a + b,
        BinaryOp::Subtract => a - b,
        BinaryOp::Multiply => a * b,
        BinaryOp::Divide => a / b,
        _ => a.powf(b),
    }))
}

fn ordered(operator: BinaryOp, left: &Datum, right: &Datum) -> Option<bool> {
    let ordering = match (left, right) {
        (Datum::Int(a), Datum::Int(b)) => Some(a.cmp(b)),
        (Datum::String(a), Datum::String(b)) => Some(a.cmp(b)),
        // NaN has no order: every comparison with it is false.
        _ => left.number()?.partial_cmp(&right.number()?),
    };
    Some(ordering.is_some_and(|ordering| match operator {
        BinaryOp::Less => ordering.is_lt(),
        BinaryOp::LessOrEqual => ordering.is_le(),
        BinaryOp::Greater => ordering.is_gt(),
        _ => ordering.is_ge(),
    }))
}

fn contained(needle: &Datum, haystack: &Datum) -> Option<bool> {
    match (haystack, needle) {
        (Datum::List(items), _) => Some(items.iter().any(|item| item.equals(needle))),
        (Datum::Map(fields), Datum::String(name)) => Some(fields.contains_key(name)),
        (Datum::Nil, _) | (Datum::Map(_), Datum::Nil) => Some(false),
        _ => None,
    }
}

fn searched(operator: BinaryOp, text: &str, other: &str) -> Result<bool, Problem> {
    Ok(match operator {
        BinaryOp::Contains => text.contains(other),
        BinaryOp::StartsWith => text.starts_with(other),
        BinaryOp::EndsWith => text.ends_with(other),
        _ => regex::RegexBuilder::new(other)
            .size_limit(MAX_PATTERN)
            .build()
            .map_err(|error| Problem::Pattern { why: last_line(&error.to_string()) })?
            .is_match(text),
    })
}

/// The last line of a message that may draw arrows in the lines before.
fn last_line(message: &str) -> String {
    message.lines().last().unwrap_or_default().trim_start_matches("error: ").chars().take(120).collect()
}

fn range(left: &Datum, right: &Datum) -> Option<Datum> {
    let (Datum::Int(first), Datum::Int(last)) = (left, right) else { return None };
    Some(Datum::List((*first..=*last).take(MAX_RANGE).map(Datum::Int).collect()))
}

/// `base.key` or `base[key]`.
pub(super) fn access(base: &Datum, key: &Datum) -> Result<Datum, Problem> {
    match (base, key) {
        (Datum::Map(fields), Datum::String(name)) => Ok(fields.get(name).cloned().unwrap_or(Datum::Nil)),
        (Datum::Map(_), other) => Err(Problem::MapKey { index: other.kind().to_string() }),
        (Datum::List(items), Datum::Int(index)) => element(items, *index),
        (Datum::List(items), Datum::Float(index)) => match truncated(*index) {
            Some(index) => element(items, index),
            None => Err(Problem::ListIndex { index: "a float that is no position".to_owned() }),
        },
        (Datum::List(_), Datum::String(name)) => {
            Err(Problem::NoField { container: base.kind().to_string(), field: name.to_string() })
        }
        (Datum::List(_), other) => Err(Problem::ListIndex { index: other.kind().to_string() }),
        (other, Datum::String(name)) => {
            Err(Problem::NoField { container: other.kind().to_string(), field: name.to_string() })
        }
        (other, _) => Err(Problem::NoIndex { container: other.kind().to_string() }),
    }
}

/// The element at `index`; negative ones count from the end.
fn element(items: &[Datum], index: i64) -> Result<Datum, Problem> {
    let from_start = if index < 0 { index.saturating_add(int_of(items.len())) } else { index };
    let found = usize::try_from(from_start).ok().and_then(|place| items.get(place));
    found.cloned().ok_or(Problem::OutOfRange { index, length: items.len() })
}
