//! Taking over what an earlier node reported.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerStatus, PodStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::lifecycle::exit::{Ending, Exit};
use crate::lifecycle::state::{ContainerState, PodState, Run};

impl ContainerState {
    /// Continues what an earlier node reported about this container.
    fn adopt(&mut self, status: &ContainerStatus) {
        self.restarts = status.restart_count;
        self.ready = status.ready;
        self.started = status.started.unwrap_or(false);
        let Some(state) = &status.state else { return };
        if let Some(since) = state.running.as_ref().and_then(|running| running.started_at.as_ref()) {
            self.run = Run::Running { since: since.0 };
        }
        if let Some(ended) = &state.terminated {
            let time = |time: &Option<Time>| time.as_ref().map_or(Timestamp::UNIX_EPOCH, |time| time.0);
            let ending = Ending::exited(ended.exit_code);
            let (began, ended) = (time(&ended.started_at), time(&ended.finished_at));
            self.run = Run::Exited(Exit { ending, began, ended });
        }
    }
}

impl PodState {
    /// Continues what an earlier node reported.
    pub(crate) fn adopt(&mut self, status: &PodStatus, now: Timestamp) {
        if let Some(began) = &status.start_time {
            self.began = began.0;
        }
        let sides = [
            (&mut self.init, status.init_container_statuses.as_deref()),
            (&mut self.main, status.container_statuses.as_deref()),
        ];
        for (containers, statuses) in sides {
            for container in containers {
                let named = |status: &&ContainerStatus| status.name == container.name;
                if let Some(status) = statuses.unwrap_or_default().iter().find(named) {
                    container.adopt(status);
                }
            }
        }
        for (kind, condition) in &mut self.conditions {
            let known = status.conditions.iter().flatten().find(|known| known.type_ == *kind);
            if let Some(known) = known {
                condition.holds = known.status == "True";
                condition.since = known.last_transition_time.as_ref().map_or(condition.since, |time| time.0);
            }
        }
        self.settle(now);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::lifecycle::restart::Policy;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_ready_pod_stays_ready_since_the_same_moment_and_keeps_its_restarts() {
        let main = vec![ContainerState::new("web", "linnet.test/demo:v1", false)];
        let now = at("2026-01-02T00:00:00Z");
        let mut pod = PodState::new(Policy::Always, vec![], vec![], main, now);
        let status = json!({
            "startTime": "2026-01-01T00:00:00Z",
            "podIP": "10.244.0.9",
            "conditions": [
                { "type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:07Z" },
                { "type": "ContainersReady", "status": "True", "lastTransitionTime": "2026-01-01T00:00:07Z" },
            ],
            "containerStatuses": [{
                "name": "web", "image": "", "imageID": "", "ready": true, "started": true, "restartCount": 2,
                "state": { "running": { "startedAt": "2026-01-01T00:00:05Z" } },
            }],
        });
        pod.adopt(&serde_json::from_value(status).unwrap(), now);
        assert!(pod.is_ready());
        assert_eq!(pod.conditions.get("Ready").unwrap().since, at("2026-01-01T00:00:07Z"));
        assert_eq!(pod.main[0].run, Run::Running { since: at("2026-01-01T00:00:05Z") });
        assert_eq!((pod.main[0].restarts, pod.began), (2, at("2026-01-01T00:00:00Z")));
    }

    #[test]
    fn a_failed_pod_stays_failed() {
        let main = vec![ContainerState::new("job", "busybox", false)];
        let now = at("2026-01-02T00:00:00Z");
        let mut pod = PodState::new(Policy::Never, vec![], vec![], main, now);
        let status = json!({
            "containerStatuses": [{
                "name": "job", "image": "", "imageID": "", "ready": false, "restartCount": 0,
                "state": { "terminated": { "exitCode": 3 } },
            }],
        });
        pod.adopt(&serde_json::from_value(status).unwrap(), now);
        assert!(pod.phase().is_final());
        assert_eq!(pod.main[0].code(), Some(3));
    }
}
