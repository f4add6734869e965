//! A pod template as JSON text.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// A pod template as JSON text: every field that the user wrote is kept, known or not.
///
/// The text is compact and its keys are sorted, so equal objects have equal texts, however they were read. A clone
/// shares the text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TemplateText(Arc<str>);

impl TemplateText {
    /// Returns the template as JSON text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the template as a JSON value.
    #[must_use]
    pub fn to_value(&self) -> Value {
        // The text was written from a value, so it always reads back.
        serde_json::from_str(&self.0).unwrap_or_default()
    }
}

impl From<&Value> for TemplateText {
    fn from(value: &Value) -> Self {
        Self(value.to_string().into())
    }
}

impl Default for TemplateText {
    fn default() -> Self {
        Self("{}".into())
    }
}

impl fmt::Debug for TemplateText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Serialize for TemplateText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_value().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for TemplateText {
    /// Reads by way of a value, not as raw text: this also works inside buffered enums and from YAML.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(|value| Self::from(&value))
    }
}

impl JsonSchema for TemplateText {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "PodTemplate".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true })
    }
}
