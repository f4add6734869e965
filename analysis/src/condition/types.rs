//! The types that conditions are checked with before they are evaluated.

use std::fmt;

use crate::value::Value;

/// What is known about a value before evaluation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Type {
    /// Known only when evaluated: the inside of JSON documents.
    Any,
    Nil,
    Bool,
    Int,
    Float,
    String,
    List(Box<Type>),
    Map,
}

impl Type {
    /// The type of a measured value: elements of JSON lists and maps are [`Type::Any`].
    pub(super) fn of(value: &Value) -> Self {
        match value {
            Value::Nil => Self::Nil,
            Value::Bool(_) => Self::Bool,
            Value::Int(_) => Self::Int,
            Value::Float(_) => Self::Float,
            Value::String(_) => Self::String,
            Value::Floats(_) => Self::list(Self::Float),
            Value::List(_) => Self::list(Self::Any),
            Value::Map(_) => Self::Map,
        }
    }

    pub(super) fn list(element: Self) -> Self {
        Self::List(Box::new(element))
    }

    pub(super) fn is_any(&self) -> bool {
        *self == Self::Any
    }

    pub(super) fn is_number(&self) -> bool {
        matches!(self, Self::Int | Self::Float)
    }

    /// Whether `==` has a meaning between the two.
    pub(super) fn comparable(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any | Self::Nil, _) | (_, Self::Any | Self::Nil) | (Self::List(_), Self::List(_)) => true,
            _ => self == other || (self.is_number() && other.is_number()),
        }
    }

    /// The type of something that has one of the two types.
    pub(super) fn either(self, other: &Self) -> Self {
        if self == *other { self } else { Self::Any }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::Nil => f.write_str("nil"),
            Self::Bool => f.write_str("bool"),
            Self::Int => f.write_str("int"),
            Self::Float => f.write_str("float"),
            Self::String => f.write_str("string"),
            Self::List(element) => match **element {
                Self::Any => f.write_str("list"),
                _ => write!(f, "list of {element}"),
            },
            Self::Map => f.write_str("map"),
        }
    }
}
