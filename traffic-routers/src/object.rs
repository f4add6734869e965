//! Questions that every router asks of a live object.

use crds::object_ref::ObjectRef;
use serde_json::Value;

use crate::RouteError;

/// The version that a write on `live` has to carry.
///
/// # Errors
/// [`RouteError::Unfit`] if it has none, which no answer of an API server does.
pub(crate) fn resource_version<'a>(object: &ObjectRef, live: &'a Value) -> Result<&'a str, RouteError> {
    text(live, "/metadata/resourceVersion").ok_or_else(|| RouteError::Unfit {
        object: object.clone(),
        path: "metadata.resourceVersion".to_owned(),
        message: "missing: the object was not read from an API server".to_owned(),
    })
}

/// Whether the object's controlling owner has this uid.
pub(crate) fn is_controlled_by(live: &Value, uid: &str) -> bool {
    list(live, "/metadata/ownerReferences").iter().any(|owner| {
        owner.get("controller").and_then(Value::as_bool) == Some(true)
            && owner.get("uid").and_then(Value::as_str) == Some(uid)
    })
}

/// What stands at a JSON pointer whose parts need no escapes: unlike `Value::pointer` it copies none of them.
pub(crate) fn at<'a>(value: &'a Value, pointer: &str) -> Option<&'a Value> {
    pointer.split('/').skip(1).try_fold(value, |value, part| match value {
        Value::Array(items) => items.get(part.parse::<usize>().ok()?),
        _ => value.get(part),
    })
}

/// The text at such a pointer.
pub(crate) fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    at(value, pointer).and_then(Value::as_str)
}

/// The list at such a pointer; empty when there is none.
pub(crate) fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    at(value, pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}
