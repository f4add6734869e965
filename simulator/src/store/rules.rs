//! What the API server does differently from kind to kind.

use crds::object_ref::Kind;

/// Whether the status of a kind is written apart from all else. Where it is not, it belongs to the object itself.
pub(super) const fn has_status_subresource(kind: Kind) -> bool {
    matches!(kind, Kind::Rollout | Kind::ReplicaSet | Kind::Service | Kind::Ingress | Kind::VirtualService)
}

/// Whether objects of a kind count the changes of what people want.
pub(super) const fn counts_generations(kind: Kind) -> bool {
    !matches!(kind, Kind::Service | Kind::Secret | Kind::Event)
}

/// Whether a write of the status may also change labels and annotations, as it may for the kinds that are built in.
pub(super) const fn status_carries_metadata(kind: Kind) -> bool {
    matches!(kind, Kind::ReplicaSet | Kind::Service | Kind::Ingress)
}

/// Whether objects of a kind live in a namespace.
pub(super) const fn is_namespaced(kind: Kind) -> bool {
    !matches!(kind, Kind::ClusterAnalysisTemplate)
}

/// The kinds that the store keeps, in the order of [`Kind`].
pub const KINDS: [Kind; 11] = [
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
];

/// The kind that a manifest names; `None` for a kind that is not kept.
#[must_use]
pub fn kind_of(manifest: &serde_json::Value) -> Option<Kind> {
    let name = manifest.get("kind")?.as_str()?;
    KINDS.into_iter().find(|kind| kind.name() == name)
}
