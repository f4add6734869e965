//! Values while a condition is evaluated: cheap to copy.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::number::float_of;
use super::types::Type;
use crate::value::Value;

#[derive(Debug, Clone)]
pub(super) enum Datum {
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    String(Arc<str>),
    List(Arc<[Datum]>),
    Map(Arc<BTreeMap<Arc<str>, Datum>>),
}

impl Datum {
    pub(super) fn of(value: &Value) -> Self {
        match value {
            Value::Nil => Self::Nil,
            Value::Bool(value) => Self::Bool(*value),
            Value::Int(value) => Self::Int(*value),
            Value::Float(value) => Self::Float(*value),
            Value::String(text) => Self::String(text.as_str().into()),
            Value::Floats(items) => Self::List(items.iter().copied().map(Self::Float).collect()),
            Value::List(items) => Self::List(items.iter().map(Self::of).collect()),
            Value::Map(fields) => {
                let fields = fields.iter().map(|(name, value)| (name.as_str().into(), Self::of(value)));
                Self::Map(Arc::new(fields.collect()))
            }
        }
    }

    /// The type of the value alone: elements of lists are not looked at.
    pub(super) fn kind(&self) -> Type {
        match self {
            Self::Nil => Type::Nil,
            Self::Bool(_) => Type::Bool,
            Self::Int(_) => Type::Int,
            Self::Float(_) => Type::Float,
            Self::String(_) => Type::String,
            Self::List(_) => Type::list(Type::Any),
            Self::Map(_) => Type::Map,
        }
    }

    /// The number, ints as floats.
    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Self::Int(value) => Some(float_of(*value)),
            Self::Float(value) => Some(*value),
            _ => None,
        }
    }

    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// What it costs to walk over the value.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::String(text) => text.len(),
            Self::List(items) => items.iter().fold(items.len(), |sum, item| sum.saturating_add(item.size())),
            Self::Map(fields) => {
                fields.values().fold(fields.len(), |sum, field| sum.saturating_add(field.size()))
            }
            _ => 1,
        }
    }

    /// Whether the two are equal: numbers by value, different types never.
    pub(super) fn equals(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Nil, Self::Nil) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Int(a), Self::Int(b)) => a == b,
            (Self::String(a), Self::String(b)) => a == b,
            (Self::List(a), Self::List(b)) => {
                a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| a.equals(b))
            }
            (Self::Map(a), Self::Map(b)) => {
                a.len() == b.len() && a.iter().zip(b.iter()).all(|((j, a), (k, b))| j == k && a.equals(b))
            }
            #[expect(clippy::float_cmp, reason = "equality of the language is exact")]
            _ => matches!((self.number(), other.number()), (Some(a), Some(b)) if a == b),
        }
    }
}
