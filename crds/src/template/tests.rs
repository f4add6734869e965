//! The identity of templates: against what a real API server made of the samples, and as properties.

use std::collections::BTreeMap;

use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Map, Value, json};

use super::*;
use crate::metadata::PodTemplateMetadata;
use crate::names::POD_TEMPLATE_HASH;

/// Each sample has the template that an API server of Kubernetes 1.36 returned for it.
#[rstest]
#[case::account(include_str!("../../samples/pod-templates/account.yaml"), include_str!("../../samples/pod-templates/kubernetes-1.36/account.json"))]
#[case::environment(include_str!("../../samples/pod-templates/environment.yaml"), include_str!("../../samples/pod-templates/kubernetes-1.36/environment.json"))]
#[case::host(include_str!("../../samples/pod-templates/host.yaml"), include_str!("../../samples/pod-templates/kubernetes-1.36/host.json"))]
#[case::images(include_str!("../../samples/pod-templates/images.yaml"), include_str!("../../samples/pod-templates/kubernetes-1.36/images.json"))]
#[case::minimal(include_str!("../../samples/pod-templates/minimal.yaml"), include_str!("../../samples/pod-templates/kubernetes-1.36/minimal.json"))]
#[case::probes(include_str!("../../samples/pod-templates/probes.yaml"), include_str!("../../samples/pod-templates/kubernetes-1.36/probes.json"))]
#[case::resources(include_str!("../../samples/pod-templates/resources.yaml"), include_str!("../../samples/pod-templates/kubernetes-1.36/resources.json"))]
#[case::scheduling(include_str!("../../samples/pod-templates/scheduling.yaml"), include_str!("../../samples/pod-templates/kubernetes-1.36/scheduling.json"))]
#[case::sidecars(include_str!("../../samples/pod-templates/sidecars.yaml"), include_str!("../../samples/pod-templates/kubernetes-1.36/sidecars.json"))]
#[case::storage(include_str!("../../samples/pod-templates/storage.yaml"), include_str!("../../samples/pod-templates/kubernetes-1.36/storage.json"))]
#[case::switches(include_str!("../../samples/pod-templates/switches.yaml"), include_str!("../../samples/pod-templates/kubernetes-1.36/switches.json"))]
#[case::volumes(include_str!("../../samples/pod-templates/volumes.yaml"), include_str!("../../samples/pod-templates/kubernetes-1.36/volumes.json"))]
fn defaulting_changes_nothing(#[case] written: &str, #[case] returned: &str) {
    let written: Value = serde_saphyr::from_str(written).unwrap();
    let returned: Value = serde_json::from_str(returned).unwrap();
    assert_ne!(written, returned);
    assert_eq!(normal_form(&written), normal_form(&returned));
    assert!(same(&written, &returned));
    assert_eq!(digest(&written), digest(&returned));
}

/// A template with everything that the tables below change.
fn template() -> Value {
    json!({
        "metadata": { "labels": { "app": "web" } },
        "spec": {
            "serviceAccountName": "builder",
            "containers": [{
                "name": "web",
                "image": "web:1",
                "env": [{ "name": "A", "value": "1" }, { "name": "B", "value": "2" }],
                "ports": [{ "containerPort": 8080 }],
                "resources": { "limits": { "cpu": "1" } },
            }],
            "volumes": [{ "name": "data" }],
        },
    })
}

/// Returns the template with one value set, or taken away by null.
fn with(pointer: &str, value: Value) -> Value {
    let mut changed = template();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    match changed.pointer_mut(parent).unwrap() {
        Value::Array(items) => items[key.parse::<usize>().unwrap()] = value,
        Value::Object(map) => drop(map.insert(key.to_owned(), value)),
        other => panic!("{other}"),
    }
    changed
}

#[rstest]
#[case::image("/spec/containers/0/image", json!("web:2"))]
#[case::order_of_variables("/spec/containers/0/env", json!([{ "name": "B", "value": "2" }, { "name": "A", "value": "1" }]))]
#[case::variable("/spec/containers/0/env/0/value", json!(""))]
#[case::limit("/spec/containers/0/resources/limits/cpu", json!("1001m"))]
#[case::request_below_the_limit("/spec/containers/0/resources/requests", json!({ "cpu": "500m" }))]
#[case::further_request("/spec/containers/0/resources/requests", json!({ "memory": "1Mi" }))]
#[case::protocol("/spec/containers/0/ports/0/protocol", json!("UDP"))]
#[case::port_by_name("/spec/containers/0/ports/0/containerPort", json!("8080"))]
#[case::pull_policy("/spec/containers/0/imagePullPolicy", json!("Always"))]
#[case::no_grace("/spec/terminationGracePeriodSeconds", json!(0))]
#[case::no_links("/spec/enableServiceLinks", json!(false))]
#[case::no_token("/spec/automountServiceAccountToken", json!(false))]
#[case::root("/spec/securityContext", json!({ "runAsUser": 0 }))]
#[case::label("/metadata/labels/app", json!("shop"))]
#[case::empty_label("/metadata/labels/tier", json!(""))]
#[case::annotation("/metadata/annotations", json!({ "restarted": "now" }))]
#[case::account("/spec/serviceAccountName", json!("other"))]
#[case::memory_volume("/spec/volumes/0/emptyDir", json!({ "medium": "Memory" }))]
#[case::host_network("/spec/hostNetwork", json!(true))]
#[case::selects_all("/spec/topologySpreadConstraints", json!([{ "labelSelector": {} }]))]
#[case::own_affinity("/spec/affinity", json!({ "podAntiAffinity": {
    "requiredDuringSchedulingIgnoredDuringExecution": [{ "topologyKey": "zone", "labelSelector": { "matchLabels": { "app": "web" } } }],
} }))]
#[case::field_of_the_future("/spec/warpDrive", json!(true))]
fn another_version(#[case] pointer: &str, #[case] value: Value) {
    let changed = with(pointer, value);
    assert!(!same(&template(), &changed));
    assert_ne!(digest(&template()), digest(&changed));
    assert_ne!(hash_of(&template()), hash_of(&changed));
}

#[rstest]
#[case::null("/spec/affinity", json!(null))]
#[case::empty("/spec/affinity", json!({ "podAntiAffinity": {} }))]
#[case::creation_time("/metadata/creationTimestamp", json!(null))]
#[case::milli("/spec/containers/0/resources/limits/cpu", json!("1000m"))]
#[case::number("/spec/containers/0/resources/limits/cpu", json!(1))]
#[case::request_of_the_limit("/spec/containers/0/resources/requests", json!({ "cpu": 1 }))]
#[case::account_alias("/spec/serviceAccount", json!("builder"))]
#[case::stale_alias_loses("/spec/serviceAccount", json!("other"))]
#[case::empty_dir("/spec/volumes/0/emptyDir", json!({}))]
#[case::hash_label("/metadata/labels/rollouts-pod-template-hash", json!("5b8d7c9f"))]
#[case::hash_label_of_a_deployment("/metadata/labels/pod-template-hash", json!("5b8d7c9f"))]
#[case::required_anti_affinity("/spec/affinity", json!({ "podAntiAffinity": {
    "requiredDuringSchedulingIgnoredDuringExecution": [{
        "labelSelector": { "matchExpressions": [
            { "key": "rollouts-pod-template-hash", "operator": "In", "values": ["5b8d7c9f"] },
        ] },
        "topologyKey": "kubernetes.io/hostname",
        "namespaces": ["shop"],
    }],
} }))]
#[case::preferred_anti_affinity("/spec/affinity", json!({ "podAntiAffinity": {
    "preferredDuringSchedulingIgnoredDuringExecution": [{ "weight": 1, "podAffinityTerm": {
        "labelSelector": { "matchExpressions": [
            { "key": "rollouts-pod-template-hash", "operator": "In", "values": ["5b8d7c9f"] },
        ] },
        "topologyKey": "kubernetes.io/hostname",
    } }],
} }))]
fn the_same_version(#[case] pointer: &str, #[case] value: Value) {
    let changed = with(pointer, value);
    assert_ne!(template(), changed);
    assert!(same(&template(), &changed), "{}", normal_form(&changed));
    assert_eq!(digest(&template()), digest(&changed));
}

#[test]
fn on_the_network_of_the_node_ports_are_those_of_the_node() {
    let without = with("/spec/hostNetwork", json!(true));
    let mut explicit = without.clone();
    explicit["spec"]["containers"][0]["ports"][0]["hostPort"] = json!(8080);
    assert!(same(&without, &explicit));
    assert!(!same(&template(), &with("/spec/containers/0/ports/0/hostPort", json!(8080))));
}

#[test]
fn metadata_of_a_role_is_taken_away_but_not_what_the_user_wrote() {
    let mut added = PodTemplateMetadata::default();
    added.labels.insert("role".into(), "canary".into());
    added.labels.insert("app".into(), "canary".into());
    added.annotations.insert("note".into(), "new".into());
    let mut found = with("/metadata/annotations", json!({ "note": "new" }));
    found["metadata"]["labels"]["role"] = json!("canary");
    assert!(same(&without_metadata(&found, &added), &template()));
}

#[test]
fn the_template_of_a_replica_set_as_the_user_wrote_it() {
    let added = PodTemplateMetadata {
        labels: BTreeMap::from([("role".to_owned(), "canary".to_owned())]),
        ..PodTemplateMetadata::default()
    };
    let mut found = template();
    found["metadata"]["labels"]["role"] = json!("canary");
    found["metadata"]["labels"][POD_TEMPLATE_HASH] = json!("abc");
    let apart = json!([{ "topologyKey": "kubernetes.io/hostname", "labelSelector": { "matchExpressions": [
        { "key": POD_TEMPLATE_HASH, "operator": "In", "values": ["abc"] }] } }]);
    found["spec"]["affinity"] =
        json!({ "podAntiAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": apart } });
    let written = as_written(&found, &added);
    assert_eq!(written["metadata"], template()["metadata"]);
    assert!(same(&written, &template()) && !written.to_string().contains("abc"), "{written}");
}

#[test]
fn the_hash_of_a_template_never_changes() {
    // A release that changed this would give every new revision another name than the last release did.
    assert_eq!(hash_of(&template()), "5cf8b5779c");
    assert_eq!(pod_template_hash(&TemplateText::from(&template()), Some(1)), "744f7fc66d");
}

fn hash_of(template: &Value) -> String {
    pod_template_hash(&TemplateText::from(template), None)
}

/// Any JSON, with keys that the normal form knows, in places where they belong and where they do not.
fn any_json() -> impl Strategy<Value = Value> {
    let key = prop::sample::select(vec![
        "spec",
        "metadata",
        "labels",
        "containers",
        "volumes",
        "resources",
        "limits",
        "requests",
        "env",
        "ports",
        "image",
        "serviceAccount",
        "affinity",
        "podAntiAffinity",
        "emptyDir",
        "labelSelector",
        "readOnly",
        "hostNetwork",
        "livenessProbe",
        "httpGet",
        "secret",
        "projected",
        "sources",
        "divisor",
        "a",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3_i64..3000).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-z0-9.:/@mGi-]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 48, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(key.clone(), inner, 0..5).prop_map(|map| {
                map.into_iter().map(|(key, value)| (key.to_owned(), value)).collect::<Map<_, _>>().into()
            }),
        ]
    })
}

/// Fields that an API server adds to the template above, and what it adds.
fn server_default() -> impl Strategy<Value = (&'static str, Value)> {
    prop::sample::select(vec![
        ("/spec/dnsPolicy", json!("ClusterFirst")),
        ("/spec/restartPolicy", json!("Always")),
        ("/spec/terminationGracePeriodSeconds", json!(30)),
        ("/spec/schedulerName", json!("default-scheduler")),
        ("/spec/securityContext", json!({})),
        ("/spec/serviceAccount", json!("builder")),
        ("/spec/volumes/0/emptyDir", json!({})),
        ("/spec/containers/0/imagePullPolicy", json!("IfNotPresent")),
        ("/spec/containers/0/terminationMessagePath", json!("/dev/termination-log")),
        ("/spec/containers/0/terminationMessagePolicy", json!("File")),
        ("/spec/containers/0/ports/0/protocol", json!("TCP")),
        ("/spec/containers/0/resources/requests", json!({ "cpu": "1" })),
        ("/metadata/creationTimestamp", json!(null)),
    ])
}

proptest! {
    #[test]
    fn the_normal_form_is_a_fixed_point(spec in any_json(), metadata in any_json()) {
        let once = normal_form(&json!({ "spec": spec, "metadata": metadata }));
        prop_assert_eq!(&normal_form(&once), &once);
    }

    #[test]
    fn whatever_it_is_it_is_the_same_as_itself(value in any_json()) {
        prop_assert!(same(&value, &value.clone()));
        prop_assert_eq!(digest(&value), digest(&normal_form(&value)));
    }

    #[test]
    fn any_subset_of_the_defaults_is_the_same_version(
        defaults in prop::collection::vec(server_default(), 0..13),
    ) {
        let mut completed = template();
        for (pointer, value) in defaults {
            let (parent, key) = pointer.rsplit_once('/').unwrap();
            completed.pointer_mut(parent).unwrap()[key] = value;
        }
        prop_assert!(same(&template(), &completed));
    }

    #[test]
    fn the_hash_does_not_depend_on_the_order_of_keys(
        entries in prop::collection::btree_map("[a-c]{1,3}", any_json(), 0..6),
        seed in any::<u64>(),
    ) {
        let mut shuffled: Vec<(&String, &Value)> = entries.iter().collect();
        shuffled.sort_by_key(|(key, _)| key.bytes().fold(seed, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)));
        let text = |entries: &[(&String, &Value)]| {
            let fields: Vec<String> = entries.iter().map(|(key, value)| format!("{key:?}: {value}")).collect();
            let template: TemplateText = serde_json::from_str(&format!("{{ {} }}", fields.join(", "))).unwrap();
            pod_template_hash(&template, None)
        };
        let sorted: BTreeMap<_, _> = shuffled.iter().copied().collect();
        prop_assert_eq!(text(&shuffled), text(&sorted.into_iter().collect::<Vec<_>>()));
    }
}
