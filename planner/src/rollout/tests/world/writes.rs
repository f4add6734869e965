//! How the cluster in memory carries out what is planned.

use crds::analysis::AnalysisPhase;
use crds::names::{EPHEMERAL_METADATA, MANAGED_BY_ROLLOUTS, POD_TEMPLATE_HASH, REVISION};
use serde_json::Value;

use super::World;
use crate::facts::{AnalysisRunFacts, Controller};
use crate::fixture;
use crate::rollout::Action;
use crate::rollout::tests::role_metadata;

impl World {
    pub(super) fn carry_out(&mut self, action: &Action) {
        match action {
            Action::PatchRollout { .. } => self.patch_rollout(action),
            Action::CreateReplicaSet { name, object, events } => {
                self.writes.push(format!("create replicasets {name}"));
                self.create_set(object);
                self.tell(events);
            }
            Action::PatchReplicaSet { .. } => self.patch_set(action),
            Action::PatchTemplateMetadata { name, added, changes, .. } => {
                self.writes.push(format!("patch replicasets {name} template"));
                let set = self.snapshot.replica_sets.iter_mut().find(|set| set.meta.name == *name).unwrap();
                role_metadata::patch_set(set, added.as_deref(), changes);
            }
            Action::PatchPod { name, changes, .. } => {
                self.writes.push(format!("patch pods {name}"));
                let pods = self.snapshot.pods.as_mut().unwrap();
                let pod = pods.iter_mut().find(|pod| pod.meta.name == *name).unwrap();
                role_metadata::patch_pod(pod, changes);
            }
            Action::AdoptReplicaSet { name, .. } => self.adopt(name),
            Action::EvictPod { name, .. } => {
                panic!("no story of this world restarts pods, but {name} is evicted")
            }
            Action::DeleteReplicaSet { name, .. } => {
                self.writes.push(format!("delete replicasets {name}"));
                self.snapshot.replica_sets.retain(|set| set.meta.name != *name);
            }
            Action::ScaleWorkload { .. } => self.scale_workload(action),
            Action::SwitchService { .. } | Action::SetWeight { .. } => self.turn(action),
            Action::CreateAnalysisRun { name, object, events } => {
                self.writes.push(format!("create analysisruns {name}"));
                self.create_run(object);
                self.tell(events);
            }
            Action::TerminateAnalysisRun { name, .. } => {
                self.writes.push(format!("patch analysisruns {name}"));
                let run = self.snapshot.analysis_runs.iter_mut().find(|run| run.meta.name == *name).unwrap();
                if let Ok(spec) = &mut run.spec {
                    spec.terminate = true;
                }
                run.status.phase = AnalysisPhase::Successful;
            }
            Action::DeleteAnalysisRun { name, .. } => {
                self.writes.push(format!("delete analysisruns {name}"));
                self.snapshot.analysis_runs.retain(|run| run.meta.name != *name);
            }
        }
    }

    fn patch_rollout(&mut self, action: &Action) {
        let Action::PatchRollout { annotations, replicas, events } = action else { return };
        self.writes.push("patch rollouts".to_owned());
        for (key, value) in annotations {
            let held = &mut self.snapshot.rollout.meta.annotations;
            match value {
                Some(value) => held.insert(key.clone(), value.clone()),
                None => held.remove(key),
            };
        }
        if let (Some(replicas), Ok(spec)) = (replicas, &mut self.snapshot.rollout.spec) {
            spec.replicas = Some(*replicas);
        }
        self.bump_rollout();
        self.tell(events);
    }

    fn scale_workload(&mut self, action: &Action) {
        let Action::ScaleWorkload { workload, uid, scale, events } = action else { return };
        self.writes.push(format!("patch deployments {} {}->{}", workload.name, scale.from, scale.to));
        let held = self.snapshot.workload.as_mut().unwrap();
        assert_eq!((&held.meta.uid, held.replicas), (uid, scale.from));
        held.replicas = scale.to;
        held.meta.generation += 1;
        self.tell(events);
    }

    fn adopt(&mut self, name: &str) {
        self.writes.push(format!("adopt replicasets {name}"));
        let orphans = &mut self.snapshot.orphans;
        let place = orphans.iter().position(|set| set.meta.name == name).unwrap();
        let mut set = orphans.remove(place);
        let (kind, name) = ("Rollout".to_owned(), fixture::ROLLOUT.to_owned());
        set.meta.controller = Some(Controller { kind, name, uid: fixture::UID.to_owned() });
        self.snapshot.replica_sets.push(set);
    }

    fn patch_set(&mut self, action: &Action) {
        let Action::PatchReplicaSet { name, uid, scale, annotations, events } = action else { return };
        let is_unwanted = self.wants_no_pods();
        let size = scale.map_or(String::new(), |scale| format!(" {}->{}", scale.from, scale.to));
        self.writes.push(format!("patch replicasets {name}{size}"));
        let set = self.snapshot.replica_sets.iter_mut().find(|set| set.meta.uid == *uid).unwrap();
        for (key, value) in annotations {
            match value {
                Some(value) => set.meta.annotations.insert(key.clone(), value.clone()),
                None => set.meta.annotations.remove(key),
            };
        }
        if let Some(scale) = scale {
            assert_eq!(set.replicas, scale.from);
            set.replicas = scale.to;
            set.meta.generation += 1;
            if scale.to == 0 && is_unwanted {
                self.emptied.insert(set.hash.clone());
            }
        }
        self.tell(events);
    }

    /// Turns a Service or a route.
    fn turn(&mut self, action: &Action) {
        let version = self.next_version();
        match action {
            Action::SwitchService { name, hash, events, .. } => {
                self.writes.push(format!("patch services {name} {hash}"));
                let service = self.snapshot.services.get_mut(name).unwrap();
                service.selector.insert(POD_TEMPLATE_HASH.to_owned(), hash.clone());
                service.meta.annotations.insert(MANAGED_BY_ROLLOUTS.to_owned(), fixture::ROLLOUT.to_owned());
                service.meta.resource_version = version;
                self.tell(events);
                self.note_reach();
            }
            Action::SetWeight { route, canary_weight, managed, events, .. } => {
                let rules: String = managed.iter().flat_map(|rule| [" +", rule.name()]).collect();
                self.writes.push(format!("patch ingresses {} {canary_weight}{rules}", route.name));
                let route = self.snapshot.routes.iter_mut().find(|known| known.reference == *route).unwrap();
                route.canary_weight = Some(*canary_weight);
                route.in_shape = true;
                route.managed = route.managed.as_ref().map(|_| managed.clone());
                route.version = Some(("uid-route".to_owned(), version));
                self.tell(events);
                self.note_reach();
            }
            _ => {}
        }
        self.note_reach();
    }

    fn create_set(&mut self, object: &Value) {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or("").to_owned();
        let hash = text("/metadata/labels/rollouts-pod-template-hash");
        let version = hash.trim_start_matches("hash-").to_owned();
        assert_eq!(object["spec"]["replicas"], 0);
        let mut set = fixture::replica_set(&version, 0, 0);
        set.meta.created = Some(self.now);
        set.meta.annotations = serde_json::from_value(object["metadata"]["annotations"].clone()).unwrap();
        assert!(set.meta.annotations.contains_key(REVISION));
        if set.meta.annotations.contains_key(EPHEMERAL_METADATA) {
            let metadata = object["spec"]["template"]["metadata"].clone();
            set.template_metadata = Some(serde_json::from_value(metadata).unwrap());
        }
        assert!(self.snapshot.replica_sets.iter().all(|known| known.meta.name != set.meta.name));
        self.snapshot.replica_sets.push(set);
    }

    fn create_run(&mut self, object: &Value) {
        let name = object["metadata"]["name"].as_str().unwrap();
        assert!(self.snapshot.analysis_runs.iter().all(|run| run.meta.name != name), "{name} twice");
        let mut meta = fixture::meta(name, name);
        meta.created = Some(self.now);
        meta.labels = serde_json::from_value(object["metadata"]["labels"].clone()).unwrap();
        let mut run = AnalysisRunFacts {
            meta,
            spec: Ok(serde_json::from_value(object["spec"].clone()).unwrap()),
            status: crds::analysis::AnalysisRunStatus::default(),
        };
        run.status.phase = self.verdict;
        self.snapshot.analysis_runs.push(run.into());
    }
}
