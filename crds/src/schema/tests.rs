//! The definitions of the kinds: what the API promises its clients, and what an API server demands of a schema.

use std::sync::LazyLock;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use rstest::rstest;
use serde_json::{Value, json};

use super::definitions;

/// Made once, because that takes a while without optimization.
pub(super) static DEFINITIONS: LazyLock<Vec<CustomResourceDefinition>> = LazyLock::new(definitions);

pub(super) fn definition(kind: &str) -> Value {
    let found = DEFINITIONS.iter().find(|definition| definition.spec.names.kind == kind).unwrap();
    serde_json::to_value(found).unwrap()
}

pub(super) fn version(definition: &Value) -> &Value {
    let versions = definition["spec"]["versions"].as_array().unwrap();
    assert_eq!(versions.len(), 1);
    &versions[0]
}

#[rstest]
#[case("AnalysisRun", "analysisruns", "ar", "Namespaced")]
#[case("AnalysisTemplate", "analysistemplates", "at", "Namespaced")]
#[case("ClusterAnalysisTemplate", "clusteranalysistemplates", "cat", "Cluster")]
#[case("Experiment", "experiments", "exp", "Namespaced")]
#[case("Rollout", "rollouts", "ro", "Namespaced")]
fn names(#[case] kind: &str, #[case] plural: &str, #[case] short: &str, #[case] scope: &str) {
    let definition = definition(kind);
    assert_eq!(definition["metadata"]["name"], format!("{plural}.argoproj.io"));
    assert_eq!(definition["spec"]["scope"], scope);
    assert_eq!(definition["spec"]["names"]["shortNames"], json!([short]));
    assert_eq!(version(&definition)["name"], "v1alpha1");
}

#[rstest]
#[case("AnalysisRun", Value::Null)]
#[case("AnalysisTemplate", Value::Null)]
#[case("ClusterAnalysisTemplate", Value::Null)]
#[case("Experiment", Value::Null)]
#[case("Rollout", json!({
    "status": {},
    "scale": {
        "specReplicasPath": ".spec.replicas",
        "statusReplicasPath": ".status.HPAReplicas",
        "labelSelectorPath": ".status.selector",
    },
}))]
fn subresources(#[case] kind: &str, #[case] want: Value) {
    assert_eq!(version(&definition(kind))["subresources"], want);
}

#[rstest]
#[case("AnalysisRun", &["Status .status.phase", "Age .metadata.creationTimestamp"])]
#[case("AnalysisTemplate", &[])]
#[case("ClusterAnalysisTemplate", &[])]
#[case("Experiment", &["Status .status.phase", "Age .metadata.creationTimestamp"])]
#[case("Rollout", &[
    "Desired .spec.replicas",
    "Current .status.replicas",
    "Up-to-date .status.updatedReplicas",
    "Available .status.availableReplicas",
    "Age .metadata.creationTimestamp",
])]
fn printer_columns(#[case] kind: &str, #[case] want: &[&str]) {
    let definition = definition(kind);
    let columns = version(&definition)["additionalPrinterColumns"].as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let found: Vec<String> = columns
        .iter()
        .map(|column| format!("{} {}", text(&column["name"]), text(&column["jsonPath"])))
        .collect();
    assert_eq!(found, want);
}

#[test]
fn only_the_selector_of_a_rollout_is_immutable() {
    let mut rules = Vec::new();
    for definition in DEFINITIONS.iter() {
        visit(definition, &mut |path, node| {
            if let Some(rule) = node.get("x-kubernetes-validations") {
                rules.push((definition.spec.names.kind.clone(), path.to_owned(), rule.clone()));
            }
        });
    }
    let rule = json!([{ "rule": "self == oldSelf", "message": ".spec.selector is immutable" }]);
    assert_eq!(rules, [("Rollout".to_owned(), ".spec.selector".to_owned(), rule)]);
}

#[test]
fn every_schema_is_structural() {
    let forbidden = [
        "$ref",
        "anyOf",
        "oneOf",
        "allOf",
        "not",
        "definitions",
        "dependencies",
        "deprecated",
        "discriminator",
        "id",
        "patternProperties",
        "readOnly",
        "writeOnly",
        "xml",
        "uniqueItems",
    ];
    for definition in DEFINITIONS.iter() {
        let mut nodes = 0;
        visit(definition, &mut |path, node| {
            nodes += 1;
            let kind = &definition.spec.names.kind;
            for key in forbidden {
                assert!(node.get(key).is_none(), "{kind} {path} has {key}");
            }
            let untyped = ["x-kubernetes-int-or-string", "x-kubernetes-preserve-unknown-fields"]
                .iter()
                .any(|key| node.get(*key) == Some(&Value::Bool(true)));
            assert!(untyped || node.get("type").is_some_and(Value::is_string), "{kind} {path} has no type");
            let both = node.get("properties").is_some() && node.get("additionalProperties").is_some();
            assert!(!both, "{kind} {path} has properties and additionalProperties");
        });
        assert!(nodes > 50, "{nodes} nodes");
    }
}

#[test]
fn nothing_appears_in_an_object_that_its_owner_did_not_write() {
    for definition in DEFINITIONS.iter() {
        visit(definition, &mut |path, node| {
            assert!(node.get("default").is_none() && node.get("nullable").is_none(), "{path}");
        });
    }
}

#[test]
fn every_field_is_explained() {
    for definition in DEFINITIONS.iter() {
        visit(definition, &mut |path, node| {
            let of_field = path.rsplit('.').next().is_some_and(|last| !last.ends_with(['[', ']', '}']));
            let explained =
                node.get("description").and_then(Value::as_str).is_some_and(|text| text.len() > 5);
            assert!(explained || !of_field, "{} {path} has no description", definition.spec.names.kind);
        });
    }
}

/// Calls `look` with the path and the schema of every field, item and map value of a definition.
pub(super) fn visit(definition: &CustomResourceDefinition, look: &mut dyn FnMut(&str, &Value)) {
    let definition = serde_json::to_value(definition).unwrap();
    descend("", &version(&definition)["schema"]["openAPIV3Schema"], look);
}

fn descend(path: &str, node: &Value, look: &mut dyn FnMut(&str, &Value)) {
    look(path, node);
    for (name, property) in node.get("properties").and_then(Value::as_object).into_iter().flatten() {
        descend(&format!("{path}.{name}"), property, look);
    }
    if let Some(items) = node.get("items") {
        descend(&format!("{path}[]"), items, look);
    }
    if let Some(values) = node.get("additionalProperties") {
        descend(&format!("{path}{{}}"), values, look);
    }
}
