//! Tells people by an event that this operator stands back, or acts again.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Event, EventSource, ObjectReference};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::api::PostParams;
use kube::{Api, Client};

/// Writes events about this operator itself.
#[derive(Clone, Debug)]
pub(super) struct Announcer {
    api: Api<Event>,
    about: ObjectReference,
}

impl Announcer {
    /// Events about this operator's pod, or about its Lease where it does not know its pod.
    pub(super) fn new(client: Client, namespace: &str, pod: Option<&str>, lease: &str) -> Self {
        let (api_version, kind, name) = match pod {
            Some(pod) => ("v1", "Pod", pod),
            None => ("coordination.k8s.io/v1", "Lease", lease),
        };
        let about = ObjectReference {
            api_version: Some(api_version.to_owned()),
            kind: Some(kind.to_owned()),
            name: Some(name.to_owned()),
            namespace: Some(namespace.to_owned()),
            ..ObjectReference::default()
        };
        Self { api: Api::namespaced(client, namespace), about }
    }

    /// Writes one event. That it could not be written is only logged: the log and readiness say the same.
    pub(super) async fn announce(&self, type_: &str, reason: &str, message: &str) {
        let event = event(&self.about, (type_, reason, message), Timestamp::now());
        if let Err(error) = self.api.create(&PostParams::default(), &event).await {
            tracing::warn!(reason, %error, "event was not written");
        }
    }
}

fn event(about: &ObjectReference, (type_, reason, message): (&str, &str, &str), now: Timestamp) -> Event {
    let name = about.name.as_deref().unwrap_or("linnet");
    Event {
        metadata: ObjectMeta {
            name: Some(format!("{name}.{:x}", now.as_nanosecond())),
            namespace: about.namespace.clone(),
            ..ObjectMeta::default()
        },
        involved_object: about.clone(),
        type_: Some(type_.to_owned()),
        reason: Some(reason.to_owned()),
        message: Some(message.to_owned()),
        first_timestamp: Some(Time(now)),
        last_timestamp: Some(Time(now)),
        count: Some(1),
        source: Some(EventSource { component: Some("linnet".to_owned()), ..EventSource::default() }),
        ..Event::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_about_the_pod_and_has_a_name_of_its_own() {
        let about = ObjectReference {
            name: Some("linnet-1".to_owned()),
            namespace: Some("linnet".to_owned()),
            ..ObjectReference::default()
        };
        let first = event(&about, ("Warning", "StandingBack", "because"), Timestamp::UNIX_EPOCH);
        let later = event(&about, ("Normal", "Acting", "again"), "2026-01-01T00:00:00Z".parse().unwrap());
        assert_eq!(first.metadata.name.as_deref(), Some("linnet-1.0"));
        assert_ne!(first.metadata.name, later.metadata.name);
        assert_eq!(first.metadata.namespace, about.namespace);
        assert_eq!(first.involved_object, about);
    }
}
