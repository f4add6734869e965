//! A parsed condition.

use std::sync::Arc;

/// A part of a condition, and where it stands, in characters from 0.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub(super) kind: Kind,
    pub(super) at: usize,
    /// How many nodes lie on the longest way down, this one included.
    pub(super) depth: usize,
}

/// What a part of a condition says.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    String(Arc<str>),
    List(Vec<Node>),
    /// The measured value.
    Result,
    /// `#`: the element that the innermost predicate looks at.
    Element,
    Unary(UnaryOp, Box<Node>),
    Binary(BinaryOp, Box<Node>, Box<Node>),
    /// `a < b <= c`, each operand evaluated at most once.
    Comparisons(Box<Node>, Vec<Comparison>),
    Choice(Box<Choice>),
    Access(Box<Access>),
    Call(Function, Vec<Node>),
    Iterate(Box<Iterate>),
}

/// One more operand of a chain of comparisons, with the operator before it and where that stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Comparison {
    pub(super) operator: BinaryOp,
    pub(super) at: usize,
    pub(super) right: Node,
}

/// `condition ? then : otherwise`; without `then` the condition itself is the value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Choice {
    pub(super) condition: Node,
    pub(super) then: Option<Node>,
    pub(super) otherwise: Node,
}

/// `base.field` or `base[key]`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Access {
    pub(super) base: Node,
    pub(super) key: Node,
    /// `?.`: nil has every field, and the chain ends there.
    pub(super) optional: bool,
    /// Whether `base` is an access of the same chain, not one in parentheses.
    pub(super) chained: bool,
}

/// A function that walks over a list.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Iterate {
    pub(super) function: Iteration,
    pub(super) list: Node,
    pub(super) predicate: Option<Node>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UnaryOp {
    Not,
    Minus,
    Plus,
}

impl UnaryOp {
    pub(super) fn symbol(self) -> &'static str {
        match self {
            Self::Not => "!",
            Self::Minus => "-",
            Self::Plus => "+",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BinaryOp {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    Matches,
    Contains,
    StartsWith,
    EndsWith,
    Range,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Power,
    Coalesce,
}

impl BinaryOp {
    /// The operator that `symbol` writes, with its binding power; a higher one binds tighter.
    pub(super) fn of(symbol: &str) -> Option<(Self, u16)> {
        Some(match symbol {
            "or" | "||" => (Self::Or, 10),
            "and" | "&&" => (Self::And, 15),
            "==" => (Self::Equal, 20),
            "!=" => (Self::NotEqual, 20),
            "<" => (Self::Less, 20),
            "<=" => (Self::LessOrEqual, 20),
            ">" => (Self::Greater, 20),
            ">=" => (Self::GreaterOrEqual, 20),
            "in" => (Self::In, 20),
            "matches" => (Self::Matches, 20),
            "contains" => (Self::Contains, 20),
            "startsWith" => (Self::StartsWith, 20),
            "endsWith" => (Self::EndsWith, 20),
            ".." => (Self::Range, 25),
            "+" => (Self::Add, 30),
            "-" => (Self::Subtract, 30),
            "*" => (Self::Multiply, 60),
            "/" => (Self::Divide, 60),
            "%" => (Self::Remainder, 60),
            "**" | "^" => (Self::Power, 100),
            "??" => (Self::Coalesce, 500),
            _ => return None,
        })
    }

    pub(super) fn symbol(self) -> &'static str {
        match self {
            Self::Or => "||",
            Self::And => "&&",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::In => "in",
            Self::Matches => "matches",
            Self::Contains => "contains",
            Self::StartsWith => "startsWith",
            Self::EndsWith => "endsWith",
            Self::Range => "..",
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
            Self::Power => "**",
            Self::Coalesce => "??",
        }
    }

    /// Whether `not` may stand before the operator, as in `not in`.
    pub(super) fn takes_not(self) -> bool {
        matches!(self, Self::In | Self::Matches | Self::Contains | Self::StartsWith | Self::EndsWith)
    }

    /// Whether `a < b < c` means `a < b && b < c`.
    pub(super) fn chains(self) -> bool {
        matches!(self, Self::Less | Self::LessOrEqual | Self::Greater | Self::GreaterOrEqual)
    }
}

macro_rules! names {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum $name { $($variant),+ }

        impl $name {
            pub(super) fn of(name: &str) -> Option<Self> {
                match name { $($text => Some(Self::$variant),)+ _ => None }
            }

            pub(super) fn name(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }
    };
}

names! {
    /// A function of its arguments' values.
    Function {
        AsInt = "asInt", AsFloat = "asFloat", IsNan = "isNaN", IsInf = "isInf", IsNil = "isNil", Default = "default",
        Len = "len", Max = "max", Min = "min", Mean = "mean", Median = "median",
        Abs = "abs", Ceil = "ceil", Floor = "floor", Round = "round",
        First = "first", Last = "last", Keys = "keys", Values = "values",
        Int = "int", Float = "float", String = "string", Upper = "upper", Lower = "lower", Trim = "trim",
    }
}

names! {
    /// A function that evaluates a predicate for each element of a list.
    Iteration {
        All = "all", None = "none", Any = "any", One = "one",
        Filter = "filter", Map = "map", Count = "count", Sum = "sum", Find = "find",
    }
}

impl Iteration {
    /// Whether the predicate may be left out.
    pub(super) fn predicate_is_optional(self) -> bool {
        matches!(self, Self::Count | Self::Sum)
    }

    /// Whether the predicate must be a yes or no.
    pub(super) fn asks(self) -> bool {
        !matches!(self, Self::Map | Self::Sum)
    }
}
