//! The projections, kind by kind.

use std::collections::BTreeMap;

use crds::TemplateText;
use crds::analysis::{AnalysisRunSpec, AnalysisTemplateSpec};
use crds::metadata::PodTemplateMetadata;
use crds::names::{EPHEMERAL_METADATA, POD_TEMPLATE_HASH};
use crds::rollout::RolloutSpec;
use jiff::Timestamp;
use k8s_openapi::ByteString;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use planner::facts::{
    AnalysisRunFacts, Meta, PodFacts, ReplicaFailure, ReplicaSetFacts, RolloutFacts, ServiceFacts,
    TemplateFacts, WorkloadFacts,
};
use planner::shared::Shared;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::metadata::field;
use super::{Parts, complaint};
use crate::object::{SecretData, View};

pub(super) fn rollout(meta: &Meta, json: &str, parts: &Parts<'_>) -> View {
    View::Rollout(Shared::new(RolloutFacts {
        meta: meta.clone(),
        spec: spec::<RolloutSpec>(json),
        last_readable_spec: None,
        status: status(parts.status),
    }))
}

pub(super) fn analysis_run(meta: &Meta, json: &str, parts: &Parts<'_>) -> View {
    View::AnalysisRun(Shared::new(AnalysisRunFacts {
        meta: meta.clone(),
        spec: spec::<AnalysisRunSpec>(json),
        status: status(parts.status),
    }))
}

pub(super) fn template(meta: &Meta, json: &str) -> View {
    View::Template(Shared::new(TemplateFacts {
        meta: meta.clone(),
        spec: spec::<AnalysisTemplateSpec>(json),
    }))
}

/// The spec, or what is wrong in it and where.
fn spec<S: DeserializeOwned + Default>(json: &str) -> Result<S, String> {
    #[derive(Deserialize)]
    #[serde(bound = "S: DeserializeOwned")]
    struct SpecOf<S> {
        #[serde(default = "Option::default")]
        spec: Option<S>,
    }
    crds::decoded::read::<SpecOf<S>>(json)
        .map(|object| object.spec.unwrap_or_default())
        .map_err(|error| complaint(&error))
}

/// The status; if it is malformed, its fields one by one, so that a bad one does not lose the others.
fn status<S: DeserializeOwned + Default>(text: Option<&RawValue>) -> S {
    field(text).unwrap_or_else(|| {
        let fields: Map<String, Value> = field(text).unwrap_or_default();
        let readable = fields.into_iter().filter(|(key, value)| {
            let alone = Map::from_iter([(key.clone(), value.clone())]);
            serde_json::from_value::<S>(Value::Object(alone)).is_ok()
        });
        serde_json::from_value(Value::Object(readable.collect())).unwrap_or_default()
    })
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReplicaSetSpec<'a> {
    #[serde(default)]
    replicas: Option<i32>,
    #[serde(default)]
    min_ready_seconds: Option<i32>,
    #[serde(borrow, default)]
    template: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReplicaSetStatus {
    #[serde(default)]
    replicas: Option<i32>,
    #[serde(default)]
    ready_replicas: Option<i32>,
    #[serde(default)]
    available_replicas: Option<i32>,
    #[serde(default)]
    observed_generation: Option<i64>,
    #[serde(default)]
    conditions: Option<Vec<ReplicaSetCondition>>,
}

#[derive(Deserialize)]
struct ReplicaSetCondition {
    #[serde(rename = "type", default)]
    type_: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    message: String,
}

pub(super) fn replica_set(meta: &Meta, parts: &Parts<'_>) -> View {
    let spec: ReplicaSetSpec<'_> =
        parts.spec.and_then(|text| serde_json::from_str(text.get()).ok()).unwrap_or_default();
    let status: ReplicaSetStatus = field(parts.status).unwrap_or_default();
    let failure = status
        .conditions
        .unwrap_or_default()
        .into_iter()
        .find(|condition| condition.type_ == "ReplicaFailure" && condition.status == "True");
    let template = spec.template.map(RawValue::get);
    // What a role added makes no other version of the template.
    let added: Option<PodTemplateMetadata> =
        meta.annotations.get(EPHEMERAL_METADATA).map(|text| serde_json::from_str(text).unwrap_or_default());
    View::ReplicaSet(Shared::new(ReplicaSetFacts {
        meta: meta.clone(),
        hash: meta.labels.get(POD_TEMPLATE_HASH).cloned().unwrap_or_default(),
        template_digest: template
            .map(|text| crate::template::digest(text, added.as_ref()))
            .unwrap_or_default(),
        template_metadata: added
            .is_some()
            .then(|| Box::new(template.map(crate::template::metadata).unwrap_or_default())),
        // The API server fills in 1 where it is left out.
        replicas: spec.replicas.unwrap_or(1),
        min_ready_seconds: spec.min_ready_seconds.unwrap_or_default(),
        current_replicas: status.replicas.unwrap_or_default(),
        ready_replicas: status.ready_replicas.unwrap_or_default(),
        available_replicas: status.available_replicas.unwrap_or_default(),
        observed_generation: status.observed_generation.unwrap_or_default(),
        failure: failure
            .map(|condition| ReplicaFailure { reason: condition.reason, message: condition.message }),
    }))
}

/// A pod: of its labels and annotations all are kept, because a Rollout names any of them.
pub(super) fn pod(meta: &Meta, parts: &Parts<'_>) -> View {
    #[derive(Default, Deserialize)]
    struct PodStatus {
        #[serde(default)]
        conditions: Option<Vec<PodCondition>>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct PodCondition {
        #[serde(rename = "type", default)]
        type_: String,
        #[serde(default)]
        status: String,
        #[serde(default)]
        last_transition_time: Option<Timestamp>,
    }
    let status: PodStatus = field(parts.status).unwrap_or_default();
    let conditions = status.conditions.unwrap_or_default();
    let ready = conditions.into_iter().find(|it| it.type_ == "Ready" && it.status == "True");
    // Whoever is ready and does not say since when is so from its beginning.
    let ready_since = ready.and_then(|ready| ready.last_transition_time.or(meta.created));
    View::Pod(Shared::new(PodFacts { meta: meta.clone(), ready_since }))
}

pub(super) fn service(meta: &Meta, parts: &Parts<'_>) -> View {
    #[derive(Default, Deserialize)]
    struct ServiceSpec {
        #[serde(default)]
        selector: Option<BTreeMap<String, String>>,
    }
    let spec: ServiceSpec = field(parts.spec).unwrap_or_default();
    View::Service(Shared::new(ServiceFacts {
        meta: meta.clone(),
        selector: spec.selector.unwrap_or_default(),
    }))
}

/// A Deployment or a ReplicaSet, as far as a Rollout may take its template from it.
pub(super) fn workload(meta: &Meta, spec: Option<&RawValue>) -> View {
    #[derive(Default, Deserialize)]
    struct WorkloadSpec<'a> {
        #[serde(borrow, default)]
        replicas: Option<&'a RawValue>,
        #[serde(borrow, default)]
        selector: Option<&'a RawValue>,
        #[serde(borrow, default)]
        template: Option<&'a RawValue>,
    }
    let spec: WorkloadSpec<'_> =
        spec.and_then(|text| serde_json::from_str(text.get()).ok()).unwrap_or_default();
    View::Workload(Shared::new(WorkloadFacts {
        meta: meta.clone(),
        template: field::<TemplateText>(spec.template),
        selector: field::<LabelSelector>(spec.selector),
        // The API server fills in 1 where it is left out.
        replicas: field(spec.replicas).unwrap_or(1),
    }))
}

/// A PodTemplate: its template stands beside its metadata.
pub(super) fn pod_template(meta: &Meta, parts: &Parts<'_>) -> View {
    let template = field::<TemplateText>(parts.template);
    View::Workload(Shared::new(WorkloadFacts { meta: meta.clone(), template, selector: None, replicas: 0 }))
}

/// The values that are text; a binary value is left out, no metric backend takes one.
pub(super) fn secret(parts: &Parts<'_>) -> View {
    let data: BTreeMap<String, ByteString> = field(parts.data).unwrap_or_default();
    let texts = data.into_iter().filter_map(|(key, bytes)| Some((key, String::from_utf8(bytes.0).ok()?)));
    View::Secret(SecretData(texts.collect()))
}
