//! Events about objects: what they look like, and how many there may be.

use std::collections::BTreeMap;
use std::time::Duration;

use crds::object_ref::{Kind, ObjectRef};
use jiff::Timestamp;
use planner::event::{Event, Severity};
use serde_json::{Value, json};

use crate::effect::{Call, Request};
use crate::settings::Settings;
use crate::time::after;

/// The longest message, in bytes.
const LONGEST_MESSAGE: usize = 1024;
/// The longest part of an Event's name that comes from the object's.
const LONGEST_NAME: usize = 220;
/// For how long a warning that says the same is not repeated.
const QUIET: Duration = Duration::from_mins(5);
/// How many events one object may have at once.
const BURST: u32 = 60;
/// How long it takes until one more may come.
const REFILL: Duration = Duration::from_secs(2);

/// Decides which events go out, and writes them.
#[derive(Clone, Debug)]
pub(crate) struct Publisher {
    component: String,
    instance: String,
    objects: BTreeMap<ObjectRef, Account>,
    serial: u64,
}

/// What one object has said.
#[derive(Clone, Debug)]
struct Account {
    spent: u32,
    refilled: Timestamp,
    warned: BTreeMap<String, Timestamp>,
}

impl Publisher {
    /// A publisher whose events name this source.
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            component: settings.event_component.clone(),
            instance: settings.event_instance.clone(),
            objects: BTreeMap::new(),
            serial: 0,
        }
    }

    /// The request that files `event` about `object`; `None` if it has said so lately, or too much.
    pub(crate) fn publish(
        &mut self,
        object: &ObjectRef,
        uid: &str,
        event: &Event,
        now: Timestamp,
    ) -> Option<Request> {
        let account = self.objects.entry(object.clone()).or_insert_with(|| Account {
            spent: 0,
            refilled: now,
            warned: BTreeMap::new(),
        });
        if !account.admits(event, now) {
            return None;
        }
        self.serial = self.serial.wrapping_add(1);
        let name = event_name(object, now, self.serial);
        let mut body = body(object, uid, event, now);
        if let Some(fields) = body.as_object_mut() {
            fields.insert("metadata".to_owned(), json!({ "name": name, "namespace": namespace(object) }));
            fields.insert("source".to_owned(), json!({ "component": self.component }));
            fields.insert("reportingComponent".to_owned(), json!(self.component));
            fields.insert("reportingInstance".to_owned(), json!(self.instance));
        }
        let reference = ObjectRef::new(Kind::Event, namespace(object), name);
        Some(Request { object: reference, call: Call::Create(body) })
    }

    /// Forgets what `object` has said.
    pub(crate) fn remove(&mut self, object: &ObjectRef) {
        self.objects.remove(object);
    }
}

impl Account {
    fn admits(&mut self, event: &Event, now: Timestamp) -> bool {
        while self.spent > 0 && after(self.refilled, REFILL) <= now {
            self.spent -= 1;
            self.refilled = after(self.refilled, REFILL);
        }
        if self.spent == 0 {
            self.refilled = now;
        }
        self.warned.retain(|_, said| after(*said, QUIET) > now);
        if event.severity == Severity::Warning {
            let said = format!("{} {}", event.reason, event.message);
            if self.warned.insert(said, now).is_some() {
                return false;
            }
        }
        let admitted = self.spent < BURST;
        self.spent += u32::from(admitted);
        admitted
    }
}

/// Events about objects without a namespace are filed in `default`.
fn namespace(object: &ObjectRef) -> &str {
    if object.namespace.is_empty() { "default" } else { &object.namespace }
}

/// Unique: two processes do not decide in the same nanosecond, and one counts.
fn event_name(object: &ObjectRef, now: Timestamp, serial: u64) -> String {
    let stem: String = object.name.chars().take(LONGEST_NAME).collect();
    format!("{}.{:x}{:04x}", stem.trim_end_matches('.'), now.as_nanosecond(), serial & 0xffff)
}

fn body(object: &ObjectRef, uid: &str, event: &Event, now: Timestamp) -> Value {
    let time = crds::Time::from(Timestamp::from_second(now.as_second()).unwrap_or(now));
    let severity = match event.severity {
        Severity::Normal => "Normal",
        Severity::Warning => "Warning",
    };
    json!({
        "apiVersion": "v1",
        "kind": "Event",
        "involvedObject": {
            "apiVersion": crds::names::API_VERSION,
            "kind": object.kind.name(),
            "namespace": object.namespace,
            "name": object.name,
            "uid": uid,
        },
        "reason": event.reason,
        "message": shortened(&event.message),
        "type": severity,
        "count": 1,
        "firstTimestamp": time,
        "lastTimestamp": time,
    })
}

fn shortened(message: &str) -> &str {
    let end = (0..=LONGEST_MESSAGE.min(message.len())).rev().find(|end| message.is_char_boundary(*end));
    message.get(..end.unwrap_or(0)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn web() -> ObjectRef {
        ObjectRef::new(Kind::Rollout, "shop", "web")
    }

    fn publish(publisher: &mut Publisher, event: &Event, now: Timestamp) -> Option<Request> {
        publisher.publish(&web(), "u", event, now)
    }

    #[test]
    fn an_event_names_its_object_and_its_source() {
        let event = Event::warning("TrafficRoutingError", "x".repeat(2000));
        let request = publish(&mut Publisher::new(&Settings::default()), &event, NOW).unwrap();
        let Call::Create(body) = request.call else { panic!("no create") };
        assert_eq!(request.object.namespace, "shop");
        assert_eq!(body["metadata"]["name"], request.object.name);
        assert_eq!(body["involvedObject"]["uid"], "u");
        assert_eq!(body["involvedObject"]["apiVersion"], "argoproj.io/v1alpha1");
        assert_eq!(
            (body["type"].as_str(), body["reason"].as_str()),
            (Some("Warning"), Some("TrafficRoutingError"))
        );
        assert_eq!(body["source"]["component"], "rollouts-controller");
        assert_eq!(body["firstTimestamp"], "1970-01-01T00:00:00Z");
        assert_eq!(body["message"].as_str().unwrap().len(), LONGEST_MESSAGE);
    }

    #[test]
    fn names_differ_even_within_one_moment() {
        let mut publisher = Publisher::new(&Settings::default());
        let event = Event::normal("ScalingReplicaSet", "up");
        let first = publish(&mut publisher, &event, NOW).unwrap().object.name;
        let second = publish(&mut publisher, &event, NOW).unwrap().object.name;
        assert!(first.starts_with("web.") && first != second, "{first} {second}");
    }

    #[test]
    fn the_same_warning_comes_once_in_five_minutes() {
        let mut publisher = Publisher::new(&Settings::default());
        let event = Event::warning("ReconciliationError", "no");
        assert!(publish(&mut publisher, &event, NOW).is_some());
        assert!(publish(&mut publisher, &event, after(NOW, QUIET / 2)).is_none());
        assert!(publish(&mut publisher, &Event::warning("ReconciliationError", "other"), NOW).is_some());
        assert!(publish(&mut publisher, &event, after(NOW, QUIET * 2)).is_some());
    }

    #[test]
    fn a_loop_does_not_flood() {
        let mut publisher = Publisher::new(&Settings::default());
        let event = Event::normal("ScalingReplicaSet", "up");
        let sent = (0..1000).filter(|_| publish(&mut publisher, &event, NOW).is_some()).count();
        assert_eq!(sent, BURST as usize);
        assert!(publish(&mut publisher, &event, after(NOW, REFILL)).is_some());
        assert!(publish(&mut publisher, &event, after(NOW, REFILL)).is_none());
    }
}
