//! What holds after any writes.

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::object::decode;
use proptest::prelude::*;

use super::*;
use crate::store::{KINDS, Verb};

/// One write by somebody.
#[derive(Clone, Debug)]
enum Write {
    Create(Kind, usize),
    Spec(Kind, usize, i32),
    Label(Kind, usize, i32),
    Status(Kind, usize, i32),
    Finalizer(Kind, usize, bool),
    Remove(Kind, usize),
    Tidy,
    Restore(u64),
}

const WRITTEN: [Kind; 6] = [
    Kind::Rollout,
    Kind::ReplicaSet,
    Kind::Service,
    Kind::AnalysisRun,
    Kind::Ingress,
    Kind::AnalysisTemplate,
];

fn kinds() -> impl Strategy<Value = Kind> {
    prop::sample::select(WRITTEN.as_slice())
}

fn write() -> impl Strategy<Value = Write> {
    let at = || (kinds(), 0..3_usize, 0..3_i32);
    prop_oneof![
        4 => at().prop_map(|(kind, name, _)| Write::Create(kind, name)),
        4 => at().prop_map(|(kind, name, value)| Write::Spec(kind, name, value)),
        3 => at().prop_map(|(kind, name, value)| Write::Label(kind, name, value)),
        3 => at().prop_map(|(kind, name, value)| Write::Status(kind, name, value)),
        1 => at().prop_map(|(kind, name, value)| Write::Finalizer(kind, name, value > 0)),
        2 => at().prop_map(|(kind, name, _)| Write::Remove(kind, name)),
        1 => Just(Write::Tidy),
    ]
}

fn perform(store: &mut Store, write: &Write, now: Timestamp) {
    let name = |index: usize| format!("web-{index}");
    let at = |kind: Kind, index: usize| reference(kind, &name(index));
    match write {
        Write::Create(kind, index) => {
            let body = manifest(*kind, &name(*index));
            store.call(&Request { object: at(*kind, *index), call: Call::Create(body) }, now);
        }
        Write::Spec(kind, index, value) => {
            // What a template cannot be read with.
            store.set_permissive(*kind == Kind::AnalysisTemplate);
            let field = if *kind == Kind::AnalysisTemplate { "dryRun" } else { "replicas" };
            store.merge(&at(*kind, *index), &json!({ "spec": { field: value } }), false, now);
            store.set_permissive(false);
        }
        Write::Label(kind, index, value) => {
            let patch = json!({ "metadata": { "labels": { "n": value.to_string() } } });
            store.merge(&at(*kind, *index), &patch, false, now);
        }
        Write::Status(kind, index, value) => {
            let patch = json!({ "status": { "replicas": value, "phase": "Running" } });
            store.merge(&at(*kind, *index), &patch, *kind != Kind::AnalysisRun, now);
        }
        Write::Finalizer(kind, index, set) => {
            let finalizers = if *set { json!(["a/b"]) } else { Value::Null };
            store.merge(&at(*kind, *index), &json!({ "metadata": { "finalizers": finalizers } }), false, now);
        }
        Write::Remove(kind, index) => {
            store.remove(&at(*kind, *index), now);
        }
        Write::Tidy => {
            store.collect_garbage(now);
        }
        Write::Restore(version) => store.restore(*version),
    }
}

fn written(writes: &[Write]) -> Store {
    let mut store = Store::new();
    for (second, write) in writes.iter().enumerate() {
        perform(&mut store, write, later(i64::try_from(second).unwrap()));
    }
    store
}

fn now(store: &Store, kind: Kind) -> Vec<Arc<Object>> {
    store.list(kind).cloned().collect()
}

proptest! {
    #[test]
    fn versions_rise_and_each_change_carries_its_own(writes in prop::collection::vec(write(), 0..60)) {
        let store = written(&writes);
        let mut all: Vec<u64> = Vec::new();
        for kind in KINDS {
            let versions: Vec<u64> = store.changes(kind, 0).map(|change| change.version).collect();
            prop_assert!(versions.is_sorted_by(|a, b| a < b));
            for change in store.changes(kind, 0) {
                prop_assert_eq!(&change.object.meta.resource_version, &change.version.to_string());
            }
            all.extend(versions);
        }
        all.sort_unstable();
        prop_assert_eq!(all, (1..=store.version()).collect::<Vec<_>>(), "one version per write");
    }

    #[test]
    fn the_log_leads_to_the_objects_at_every_version(writes in prop::collection::vec(write(), 0..60)) {
        let mut store = Store::new();
        let mut history: BTreeMap<u64, BTreeMap<Kind, Vec<Arc<Object>>>> = BTreeMap::new();
        for (second, write) in writes.iter().enumerate() {
            perform(&mut store, write, later(i64::try_from(second).unwrap()));
            if !matches!(write, Write::Tidy) {
                history.insert(store.version(), WRITTEN.map(|kind| (kind, now(&store, kind))).into());
            }
        }
        for (version, kinds) in history {
            for (kind, objects) in kinds {
                prop_assert_eq!(store.list_at(kind, version), objects, "{:?} at {}", kind, version);
            }
        }
    }

    #[test]
    fn compaction_forgets_history_and_nothing_else(writes in prop::collection::vec(write(), 1..60), version: u64) {
        let whole = written(&writes);
        let mut store = whole.clone();
        let version = version % (whole.version() + 2);
        store.compact(version);
        prop_assert_eq!(store.compacted(), version.min(whole.version()));
        for kind in WRITTEN {
            for asked in 0..=whole.version() {
                prop_assert_eq!(store.list_at(kind, asked), whole.list_at(kind, asked.max(version)));
            }
        }
        store.restore(0);
        prop_assert_eq!(store.version(), version.min(whole.version()), "nothing older can be restored");
    }

    #[test]
    fn a_restored_store_is_as_it_was(
        before in prop::collection::vec(write(), 0..30),
        after in prop::collection::vec(write(), 0..30),
    ) {
        let store = written(&before);
        let mut restored = store.clone();
        for write in after.iter().chain([&Write::Restore(store.version())]) {
            perform(&mut restored, write, later(1000));
        }
        for kind in WRITTEN {
            prop_assert_eq!(now(&restored, kind), now(&store, kind));
            for object in store.list(kind) {
                let reference = ObjectRef::new(kind, &object.meta.namespace, &object.meta.name);
                prop_assert_eq!(restored.manifest(&reference), store.manifest(&reference));
            }
        }
    }

    #[test]
    fn projections_are_what_would_be_read_from_the_whole_object(writes in prop::collection::vec(write(), 0..60)) {
        let store = written(&writes);
        for kind in WRITTEN {
            for object in store.list(kind) {
                let reference = ObjectRef::new(kind, &object.meta.namespace, &object.meta.name);
                let read = decode(kind, &store.manifest(&reference).unwrap().to_string()).unwrap();
                prop_assert_eq!(&read, &**object);
            }
        }
    }

    #[test]
    fn one_uid_is_one_life(writes in prop::collection::vec(write(), 0..60)) {
        let store = written(&writes);
        let mut lives: BTreeMap<String, Verb> = BTreeMap::new();
        for kind in WRITTEN {
            for change in store.changes(kind, 0) {
                let before = lives.insert(change.object.meta.uid.clone(), change.verb);
                match change.verb {
                    Verb::Added => prop_assert_eq!(before, None),
                    Verb::Modified | Verb::Deleted => {
                        prop_assert!(matches!(before, Some(Verb::Added | Verb::Modified)));
                    }
                }
            }
        }
    }
}
