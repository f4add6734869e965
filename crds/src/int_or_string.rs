//! Values that may be written as a number or as text: counts, percentages, durations, arguments.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A number or text, kept as the user wrote it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum IntOrString {
    /// Written as a number.
    Int(i64),
    /// Written as text.
    String(String),
}

/// Why a value is neither a count nor a percentage.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid value {value:?}: expected a number, or a percentage such as \"25%\"")]
pub struct NotACount {
    /// The text that was found.
    pub value: String,
}

impl IntOrString {
    /// Returns the count that this stands for: a number as it is, text as a percentage of `total` (with or without
    /// `%`), rounded up or down.
    ///
    /// # Errors
    /// [`NotACount`] if the text is not a whole number with an optional `%`.
    pub fn of(&self, total: i64, round_up: bool) -> Result<i64, NotACount> {
        match self {
            Self::Int(count) => Ok(*count),
            Self::String(text) => {
                let percent = percentage(text)?;
                let product = i128::from(percent) * i128::from(total);
                let count = if round_up {
                    product.div_euclid(100) + i128::from(product.rem_euclid(100) > 0)
                } else {
                    product.div_euclid(100)
                };
                i64::try_from(count).map_err(|_| NotACount { value: text.clone() })
            }
        }
    }

    /// Returns the whole number that this stands for, whether written as a number or as text.
    ///
    /// # Errors
    /// [`NotACount`] if the text is not a whole number.
    pub fn as_int(&self) -> Result<i64, NotACount> {
        match self {
            Self::Int(count) => Ok(*count),
            Self::String(text) => text.parse().map_err(|_| NotACount { value: text.clone() }),
        }
    }
}

fn percentage(text: &str) -> Result<i64, NotACount> {
    let digits = text.strip_suffix('%').unwrap_or(text);
    digits.parse().map_err(|_| NotACount { value: text.to_owned() })
}

impl From<i64> for IntOrString {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<i32> for IntOrString {
    fn from(value: i32) -> Self {
        Self::Int(value.into())
    }
}

impl From<&str> for IntOrString {
    fn from(value: &str) -> Self {
        Self::String(value.to_owned())
    }
}

impl fmt::Display for IntOrString {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(value) => value.fmt(formatter),
            Self::String(value) => value.fmt(formatter),
        }
    }
}

impl Serialize for IntOrString {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Int(value) => serializer.serialize_i64(*value),
            Self::String(value) => serializer.serialize_str(value),
        }
    }
}

impl<'de> Deserialize<'de> for IntOrString {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = IntOrString;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a whole number or a string")
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<IntOrString, E> {
                Ok(IntOrString::Int(value))
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<IntOrString, E> {
                i64::try_from(value)
                    .map(IntOrString::Int)
                    .map_err(|_| E::invalid_value(de::Unexpected::Unsigned(value), &self))
            }

            fn visit_str<E: de::Error>(self, value: &str) -> Result<IntOrString, E> {
                Ok(IntOrString::String(value.to_owned()))
            }

            fn visit_string<E: de::Error>(self, value: String) -> Result<IntOrString, E> {
                Ok(IntOrString::String(value))
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for IntOrString {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "IntOrString".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "x-kubernetes-int-or-string": true })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::number(json!(3), 10, true, Some(3))]
    #[case::percentage_up(json!("25%"), 10, true, Some(3))]
    #[case::percentage_down(json!("25%"), 10, false, Some(2))]
    #[case::any_text_is_a_percentage(json!("25"), 4, true, Some(1))]
    #[case::exact_is_not_rounded(json!("50%"), 4, true, Some(2))]
    #[case::negative(json!("-50%"), 3, true, Some(-1))]
    #[case::words(json!("many"), 4, true, None)]
    #[case::overflow(json!("9223372036854775807%"), i64::MAX, true, None)]
    fn counts(
        #[case] value: serde_json::Value,
        #[case] total: i64,
        #[case] up: bool,
        #[case] want: Option<i64>,
    ) {
        let value: IntOrString = serde_json::from_value(value).unwrap();
        assert_eq!(value.of(total, up).ok(), want);
    }

    #[rstest]
    #[case::fraction(json!(1.5))]
    #[case::list(json!([1]))]
    #[case::too_large(json!(18_446_744_073_709_551_615_u64))]
    fn refused(#[case] value: serde_json::Value) {
        let error = serde_json::from_value::<IntOrString>(value).unwrap_err();
        assert!(error.to_string().contains("a whole number or a string"), "{error}");
    }
}
