//! Moments in objects.

use std::borrow::Cow;
use std::fmt;

use jiff::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A moment with a precision of one millisecond, as RFC 3339 in UTC.
///
/// Whole seconds are written without a fraction (`2026-11-21T03:00:00Z`), like every other client of the API does;
/// else with three digits (`2026-11-21T03:00:00.250Z`), which all RFC 3339 readers accept. Rounding the start of a
/// pause to whole seconds would shorten the pause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(Timestamp);

impl Time {
    /// Returns the moment.
    #[must_use]
    pub const fn get(self) -> Timestamp {
        self.0
    }
}

impl From<Timestamp> for Time {
    /// Cuts off what is finer than a millisecond, so that a round trip through an object changes nothing.
    fn from(moment: Timestamp) -> Self {
        Self(Timestamp::from_millisecond(moment.as_millisecond()).unwrap_or(moment))
    }
}

impl From<Time> for Timestamp {
    fn from(time: Time) -> Self {
        time.0
    }
}

impl fmt::Display for Time {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = if self.0.subsec_millisecond() == 0 { 0 } else { 3 };
        write!(formatter, "{:.digits$}", self.0)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        let moment: Timestamp = text
            .parse()
            .map_err(|error| de::Error::custom(format!("{text:?} is not an RFC 3339 time: {error}")))?;
        Ok(moment.into())
    }
}

impl JsonSchema for Time {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Time".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time" })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::whole_seconds("2026-11-21T03:00:00Z", "2026-11-21T03:00:00Z")]
    #[case::milliseconds("2026-11-21T03:00:00.25Z", "2026-11-21T03:00:00.250Z")]
    #[case::finer_is_cut("2026-11-21T03:00:00.250999999Z", "2026-11-21T03:00:00.250Z")]
    #[case::less_than_one_millisecond("2026-11-21T03:00:00.000999Z", "2026-11-21T03:00:00Z")]
    #[case::other_offset("2026-11-21T05:00:00+02:00", "2026-11-21T03:00:00Z")]
    fn text(#[case] read: &str, #[case] written: &str) {
        let time: Time = serde_json::from_value(read.into()).unwrap();
        assert_eq!(serde_json::to_value(time).unwrap(), written);
    }

    #[test]
    fn a_wrong_text_is_named() {
        let error = serde_json::from_value::<Time>("yesterday".into()).unwrap_err();
        assert!(error.to_string().starts_with("\"yesterday\" is not an RFC 3339 time"), "{error}");
    }
}
