//! What a metric provider measured.

use std::collections::BTreeMap;
use std::fmt;

/// A measured value, as conditions see it in `result`.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing was measured.
    Nil,
    /// A yes or no.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number; may be NaN or infinite.
    Float(f64),
    /// A text.
    String(String),
    /// Numbers and nothing else: a vector or matrix of a time series database.
    ///
    /// Conditions on it are checked against the type of its elements, also when it is empty.
    Floats(Vec<f64>),
    /// Elements of any type: a JSON array.
    List(Vec<Value>),
    /// Fields of any type: a JSON object.
    Map(BTreeMap<String, Value>),
}

impl Value {
    /// The value of a JSON document, in which every number is a float.
    #[must_use]
    pub fn from_json(json: &serde_json::Value) -> Self {
        match json {
            serde_json::Value::Null => Self::Nil,
            serde_json::Value::Bool(value) => Self::Bool(*value),
            serde_json::Value::Number(number) => Self::Float(number.as_f64().unwrap_or(f64::NAN)),
            serde_json::Value::String(text) => Self::String(text.clone()),
            serde_json::Value::Array(items) => Self::List(items.iter().map(Self::from_json).collect()),
            serde_json::Value::Object(fields) => {
                Self::Map(fields.iter().map(|(name, value)| (name.clone(), Self::from_json(value))).collect())
            }
        }
    }
}

/// The text that a measurement carries as its value: numbers without exponent, lists as `[0.95,NaN]`.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nil => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Int(value) => write!(f, "{value}"),
            Self::Float(value) => write_float(f, *value),
            Self::String(text) => f.write_str(text),
            Self::Floats(items) => write_list(f, items, |f, item| write_float(f, *item)),
            Self::List(items) => write_list(f, items, write_nested),
            Self::Map(fields) => {
                f.write_str("{")?;
                for (index, (name, value)) in fields.iter().enumerate() {
                    f.write_str(if index == 0 { "" } else { "," })?;
                    write_quoted(f, name)?;
                    f.write_str(":")?;
                    write_nested(f, value)?;
                }
                f.write_str("}")
            }
        }
    }
}

fn write_list<T>(
    f: &mut fmt::Formatter<'_>,
    items: &[T],
    write_item: impl Fn(&mut fmt::Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    f.write_str("[")?;
    for (index, item) in items.iter().enumerate() {
        f.write_str(if index == 0 { "" } else { "," })?;
        write_item(f, item)?;
    }
    f.write_str("]")
}

fn write_nested(f: &mut fmt::Formatter<'_>, value: &Value) -> fmt::Result {
    match value {
        Value::String(text) => write_quoted(f, text),
        other => write!(f, "{other}"),
    }
}

fn write_quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    write!(f, "{}", serde_json::Value::from(text))
}

fn write_float(f: &mut fmt::Formatter<'_>, value: f64) -> fmt::Result {
    if value.is_nan() {
        f.write_str("NaN")
    } else if value.is_infinite() {
        f.write_str(if value > 0.0 { "+Inf" } else { "-Inf" })
    } else {
        write!(f, "{value}")
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::shortest_form(Value::Float(0.1), "0.1")]
    #[case::no_fraction(Value::Float(2.0), "2")]
    #[case::no_exponent(Value::Float(1e21), "1000000000000000000000")]
    #[case::not_a_number(Value::Float(f64::NAN), "NaN")]
    #[case::infinite(Value::Float(f64::INFINITY), "+Inf")]
    #[case::minus_infinite(Value::Float(f64::NEG_INFINITY), "-Inf")]
    #[case::empty_vector(Value::Floats(vec![]), "[]")]
    #[case::vector(Value::Floats(vec![0.95, f64::NAN]), "[0.95,NaN]")]
    #[case::text(Value::String("ok".into()), "ok")]
    #[case::json(Value::from_json(&serde_json::json!({"a": ["b\"", 1, null], "c": true})), r#"{"a":["b\"",1,null],"c":true}"#)]
    fn display(#[case] value: Value, #[case] expected: &str) {
        assert_eq!(value.to_string(), expected);
    }
}
