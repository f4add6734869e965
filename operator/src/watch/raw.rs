//! An API object as its JSON text: the client library keeps the watch protocol, and the engine does the reading.

use std::borrow::Cow;

use kube::api::{ApiResource, ObjectMeta};
use kube::core::DynamicResourceScope;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// An object that has been found in a list or a watch, and of which only the name and the version have been read.
///
/// A list of such objects never fails because of one of them.
#[derive(Clone, Debug)]
pub(super) struct RawObject {
    /// Name, namespace and version: what the watch protocol and the log need.
    metadata: ObjectMeta,
    /// The whole object.
    text: Box<RawValue>,
}

impl RawObject {
    /// The object's JSON text.
    pub(super) fn text(&self) -> &str {
        self.text.get()
    }
}

/// The part of an object that is read here.
#[derive(Default, Deserialize)]
struct Head {
    #[serde(default)]
    metadata: HeadMeta,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct HeadMeta {
    name: Option<String>,
    namespace: Option<String>,
    resource_version: Option<String>,
}

impl<'de> Deserialize<'de> for RawObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Box::<RawValue>::deserialize(deserializer)?;
        // The API server checks metadata even where a CRD checks nothing else. Should it be unreadable all the same,
        // the object has no version, and the watcher lists again.
        let Head { metadata } = serde_json::from_str(text.get()).unwrap_or_default();
        let metadata = ObjectMeta {
            name: metadata.name,
            namespace: metadata.namespace,
            resource_version: metadata.resource_version,
            ..ObjectMeta::default()
        };
        Ok(Self { metadata, text })
    }
}

impl kube::Resource for RawObject {
    type DynamicType = ApiResource;
    type Scope = DynamicResourceScope;

    fn kind(resource: &ApiResource) -> Cow<'_, str> {
        resource.kind.as_str().into()
    }
    fn group(resource: &ApiResource) -> Cow<'_, str> {
        resource.group.as_str().into()
    }
    fn version(resource: &ApiResource) -> Cow<'_, str> {
        resource.version.as_str().into()
    }
    fn api_version(resource: &ApiResource) -> Cow<'_, str> {
        resource.api_version.as_str().into()
    }
    fn plural(resource: &ApiResource) -> Cow<'_, str> {
        resource.plural.as_str().into()
    }
    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }
    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

#[cfg(test)]
mod tests {
    use kube::ResourceExt;
    use kube::api::{ObjectList, WatchEvent};

    use super::*;

    #[test]
    fn a_list_with_a_malformed_object_is_read_whole() {
        let list = r#"{"kind":"RolloutList","apiVersion":"argoproj.io/v1alpha1","metadata":{"resourceVersion":"7"},
            "items":[{"metadata":{"name":"good","namespace":"shop","resourceVersion":"3"},"spec":{"replicas":1}},
                     {"metadata":{"name":"bad","resourceVersion":"4"},"spec":[1, "two", {"x":null}]}]}"#;
        let list: ObjectList<RawObject> = serde_json::from_str(list).unwrap();
        let names: Vec<_> = list.items.iter().map(ResourceExt::name_any).collect();
        assert_eq!(names, ["good", "bad"]);
        assert!(list.items[1].text().contains(r#"[1, "two", {"x":null}]"#));
        assert_eq!(list.items[0].resource_version().as_deref(), Some("3"));
    }

    #[test]
    fn a_watch_event_keeps_the_text() {
        let event =
            r#"{"type":"MODIFIED","object":{"metadata":{"name":"web","resourceVersion":"9"},"spec":1.50}}"#;
        let event: WatchEvent<RawObject> = serde_json::from_str(event).unwrap();
        let WatchEvent::Modified(object) = event else { panic!("another event") };
        assert!(object.text().contains("1.50"), "numbers stay as they were written");
    }

    #[test]
    fn unreadable_metadata_is_an_object_without_a_version() {
        let object: RawObject = serde_json::from_str(r#"{"metadata":{"name":5}}"#).unwrap();
        assert_eq!((object.name_any(), object.resource_version()), (String::new(), None));
    }
}
