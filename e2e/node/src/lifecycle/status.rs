//! The status patch of a pod.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::lifecycle::exit::Exit;
use crate::lifecycle::state::{ContainerState, PodState, Run};

/// The strategic merge patch that makes the pod with this uid say what `state` says.
///
/// The uid guards against a successor of the same name (the API server answers 409). Absent reasons are
/// explicit nulls, because conditions are merged one by one and would keep an old word for ever.
pub(crate) fn patch(uid: &str, node_ip: &str, state: &PodState) -> Value {
    let conditions: Vec<Value> = state
        .conditions
        .iter()
        .map(|(kind, condition)| {
            let (reason, message) = match &condition.why {
                Some((reason, message)) => (Some(*reason), (!message.is_empty()).then_some(message)),
                None => (None, None),
            };
            json!({
                "type": kind,
                "status": if condition.holds { "True" } else { "False" },
                "lastTransitionTime": seconds(condition.since),
                "reason": reason,
                "message": message,
            })
        })
        .collect();
    let mut status = json!({
        "phase": state.phase().as_str(),
        "startTime": seconds(state.began),
        "hostIP": node_ip,
        "hostIPs": [{ "ip": node_ip }],
        "conditions": conditions,
        "containerStatuses": state.main.iter().map(|main| container(main, main.ready && !state.terminating)).collect::<Vec<_>>(),
    });
    if let Some(fields) = status.as_object_mut() {
        if !state.init.is_empty() {
            // An init container that has done its work is shown as ready.
            let init = |init: &ContainerState| container(init, init.ready || init.code() == Some(0));
            let statuses: Vec<Value> = state.init.iter().map(init).collect();
            fields.insert("initContainerStatuses".to_owned(), statuses.into());
        }
        if let Some(address) = state.address {
            fields.insert("podIP".to_owned(), json!(address));
            fields.insert("podIPs".to_owned(), json!([{ "ip": address }]));
        }
    }
    json!({ "metadata": { "uid": uid }, "status": status })
}

fn container(container: &ContainerState, ready: bool) -> Value {
    let id = format!("linnet://{}-{}", container.name, container.restarts);
    let run = match &container.run {
        Run::Waiting { reason, message } if message.is_empty() => json!({ "waiting": { "reason": reason } }),
        Run::Waiting { reason, message } => json!({ "waiting": { "reason": reason, "message": message } }),
        Run::Running { since } => json!({ "running": { "startedAt": seconds(*since) } }),
        Run::Exited(exit) => terminated(exit, &id),
    };
    let running = matches!(container.run, Run::Running { .. });
    json!({
        "name": container.name,
        "image": container.image,
        "imageID": if container.never_ran() { String::new() } else { format!("linnet://{}", container.image) },
        "containerID": if container.never_ran() { String::new() } else { id },
        "ready": ready,
        "started": running && container.started,
        "restartCount": container.restarts,
        "state": run,
        "lastState": container.last.as_ref().map_or_else(|| json!({}), |exit| terminated(exit, "")),
    })
}

fn terminated(exit: &Exit, id: &str) -> Value {
    json!({ "terminated": {
        "exitCode": exit.ending.code,
        "reason": exit.ending.reason,
        "message": exit.ending.message,
        "startedAt": seconds(exit.began),
        "finishedAt": seconds(exit.ended),
        "containerID": id,
    } })
}

/// The API's time format has whole seconds.
fn seconds(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::lifecycle::exit::Ending;
    use crate::lifecycle::restart::Policy;
    use crate::lifecycle::state::{Change, Event, Slot};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn running() -> PodState {
        let main = vec![ContainerState::new("web", "linnet.test/demo:v1", false)];
        let mut pod = PodState::new(Policy::Always, vec![], vec![], main, at(0));
        pod.apply(Event::Address(Ipv4Addr::new(10, 244, 0, 9)), at(1));
        pod.apply(Event::Container(Slot::Main(0), Change::Started), at(2));
        pod.apply(Event::Container(Slot::Main(0), Change::Passed), at(2));
        pod.apply(Event::Container(Slot::Main(0), Change::Ready(true)), at(3));
        pod
    }

    #[test]
    fn a_ready_pod_is_reported_with_address_and_guarded_by_uid() {
        let patch = patch("u-1", "192.0.2.1", &running());
        assert_eq!(patch.pointer("/metadata/uid").unwrap(), "u-1");
        let status = patch.get("status").unwrap();
        assert_eq!(status.get("phase").unwrap(), "Running");
        assert_eq!(status.get("podIP").unwrap(), "10.244.0.9");
        assert_eq!(
            status.pointer("/containerStatuses/0/state").unwrap(),
            &json!({ "running": { "startedAt": "1970-01-01T00:00:02Z" } })
        );
        assert_eq!(status.pointer("/containerStatuses/0/ready").unwrap(), true);
        let conditions = status.get("conditions").unwrap().as_array().unwrap();
        let ready = conditions.iter().find(|condition| condition.get("type").unwrap() == "Ready").unwrap();
        let want = json!({
            "type": "Ready", "status": "True", "lastTransitionTime": "1970-01-01T00:00:03Z",
            "reason": null, "message": null,
        });
        assert_eq!(ready, &want);
    }

    #[test]
    fn a_crashed_container_shows_its_last_state() {
        let mut pod = running();
        pod.apply(Event::Container(Slot::Main(0), Change::Exited(Ending::failed("out of luck"))), at(4));
        pod.apply(Event::Container(Slot::Main(0), Change::Started), at(5));
        let patch = patch("u-1", "192.0.2.1", &pod);
        let container = patch.pointer("/status/containerStatuses/0").unwrap();
        assert_eq!(container.get("restartCount").unwrap(), 1);
        assert_eq!(container.pointer("/lastState/terminated/exitCode").unwrap(), 1);
        assert_eq!(container.pointer("/lastState/terminated/message").unwrap(), "out of luck");
        assert_eq!(container.get("ready").unwrap(), false);
    }
}
