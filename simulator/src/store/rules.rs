//! What the API server does differently from kind to kind.

use crds::names::POD_TEMPLATE_HASH;
use crds::object_ref::Kind;

/// Whether the status of a kind is written apart from all else. Where it is not, it belongs to the object itself.
pub(super) const fn has_status_subresource(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Rollout
            | Kind::ReplicaSet
            | Kind::Service
            | Kind::Ingress
            | Kind::VirtualService
            | Kind::Pod
            | Kind::Deployment
            | Kind::SourceReplicaSet
    )
}

/// Whether the field `status` of a kind is no part of the manifest: it is written elsewhere, held by the projection, or
/// not served at all.
pub(super) const fn status_stands_apart(kind: Kind) -> bool {
    !matches!(kind, Kind::Experiment | Kind::Secret | Kind::Event)
}

/// Whether a write of the object itself writes its status too.
pub(super) const fn status_is_written_with_the_object(kind: Kind) -> bool {
    matches!(kind, Kind::AnalysisRun | Kind::Experiment)
}

/// Whether a field of the status is one that the server knows; it drops others without a word.
pub(super) fn is_status_field(kind: Kind, field: &str) -> bool {
    match kind {
        Kind::Service => matches!(field, "loadBalancer" | "conditions"),
        Kind::Ingress => field == "loadBalancer",
        _ => true,
    }
}

/// Whether objects of a kind count the changes of what people want.
pub(super) const fn counts_generations(kind: Kind) -> bool {
    !matches!(kind, Kind::Service | Kind::Secret | Kind::Event | Kind::Pod)
}

/// Whether a kind is built into the API server; others have a definition.
pub(super) const fn is_built_in(kind: Kind) -> bool {
    !matches!(
        kind,
        Kind::Rollout
            | Kind::AnalysisRun
            | Kind::AnalysisTemplate
            | Kind::ClusterAnalysisTemplate
            | Kind::Experiment
            | Kind::VirtualService
    )
}

/// Whether a write of the status may also change labels and annotations, as it may for the kinds that are built in.
pub(super) const fn status_carries_metadata(kind: Kind) -> bool {
    is_built_in(kind)
}

/// Whether objects of a kind live in a namespace.
pub(super) const fn is_namespaced(kind: Kind) -> bool {
    !matches!(kind, Kind::ClusterAnalysisTemplate)
}

/// The kinds that the store keeps, in the order of [`Kind`].
pub const KINDS: [Kind; 15] = [
    Kind::Rollout,
    Kind::AnalysisRun,
    Kind::AnalysisTemplate,
    Kind::ClusterAnalysisTemplate,
    Kind::Experiment,
    Kind::ReplicaSet,
    Kind::Service,
    Kind::Secret,
    Kind::Event,
    Kind::Ingress,
    Kind::VirtualService,
    Kind::Pod,
    Kind::Deployment,
    Kind::SourceReplicaSet,
    Kind::PodTemplate,
];

/// The kind that a manifest names; `None` for a kind that is not kept.
///
/// A ReplicaSet that carries no hash is none of a Rollout's: nothing but a template that one may refer to.
#[must_use]
pub fn kind_of(manifest: &serde_json::Value) -> Option<Kind> {
    let name = manifest.get("kind")?.as_str()?;
    let kind = KINDS.into_iter().find(|kind| kind.name() == name)?;
    let has_hash = manifest.pointer("/metadata/labels").is_some_and(|it| it.get(POD_TEMPLATE_HASH).is_some());
    Some(if kind == Kind::ReplicaSet && !has_hash { Kind::SourceReplicaSet } else { kind })
}
