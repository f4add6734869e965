//! The stage before the curtain rises: what is in the cluster, and what is applied.

use crds::object_ref::{Kind, ObjectRef};
use crds::rollout::RolloutSpec;
use serde_json::Value;

use super::Before;
use super::assume::{fill, routes, templates};
use super::bundle::Bundle;
use super::change::{Version, spec, workload};
use super::error::PreviewError;
use super::options::Options;
use super::play::longest;
use super::report::{Assumption, ImageChange};
use super::rig::{Rigged, rig};

/// How often metrics are measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    /// As often as their intervals say.
    Full,
    /// At most so often that the longest update is played in no time.
    Sparse,
}

/// All that is needed to play one Rollout.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Setup {
    /// The Rollout.
    pub rollout: ObjectRef,
    /// Its spec; default if it cannot be read.
    pub spec: RolloutSpec,
    /// What is in the cluster: the Rollout as it was before, and everything that it names.
    pub manifests: Vec<Value>,
    /// What is applied, in this order.
    pub updates: Vec<Value>,
    /// Which images change.
    pub images: Vec<ImageChange>,
    /// The metrics whose answers are ours to give.
    pub metrics: Vec<Rigged>,
    /// The objects that carry its weight.
    pub routes: Vec<ObjectRef>,
    /// What was assumed.
    pub assumptions: Vec<Assumption>,
}

/// Sets the stage for one Rollout of the bundle; `before` is what was otherwise, or an earlier version is assumed.
///
/// # Errors
/// If the workload that keeps the pod template is not there, or nothing changes.
pub(super) fn set_up(
    bundle: &Bundle,
    rollout: &ObjectRef,
    before: Option<&Before>,
    options: &Options,
    pace: Pace,
) -> Result<Setup, PreviewError> {
    let [stable, update] = versions(bundle, rollout, before, options)?;
    let spec = spec(&update.rollout);
    let given = bundle.objects.iter().filter(|(object, _)| object.kind != Kind::Rollout);
    let objects = given.map(|(object, it)| (object.clone(), it.value.clone())).collect();
    let origin = place(bundle, rollout);
    let (mut objects, mut assumptions, _) = fill((rollout, &origin), &spec, objects, options.makes_up);
    let templates = templates(rollout, &spec, &objects);
    let longest_ms = (pace == Pace::Sparse).then(|| longest(&spec, options));
    let (metrics, more) = rig(&mut objects, &templates, &spec, longest_ms);
    let images = stable.image_changes(&update);
    let assumed = before.is_none().then(|| stable.assumed(&images));
    assumptions.splice(0..0, assumed.into_iter().chain(update.own_pods()));
    assumptions.extend(more.into_iter().chain(passed_over(bundle)));
    objects.extend(stable.workload.clone());
    Ok(Setup {
        routes: routes(rollout, &spec),
        rollout: rollout.clone(),
        updates: updates(&stable, update),
        manifests: objects.into_values().chain([stable.rollout]).collect(),
        spec,
        images,
        metrics,
        assumptions,
    })
}

/// The Rollout and its workload, before the change and after it.
fn versions(
    bundle: &Bundle,
    rollout: &ObjectRef,
    before: Option<&Before>,
    options: &Options,
) -> Result<[Version; 2], PreviewError> {
    let given = |object: &ObjectRef| bundle.objects.get(object).map(|it| it.value.clone());
    let after = Version::of(&rollout.namespace, given(rollout).unwrap_or_default(), given);
    let wanted = workload(&spec(&after.rollout), &rollout.namespace);
    if let Some(workload) = wanted.filter(|_| after.workload.is_none()) {
        let (rollout, place) = (rollout.to_string(), place(bundle, rollout));
        let looked = if options.makes_up {
            "not among the files"
        } else {
            "neither among the files nor in the cluster"
        };
        return Err(PreviewError::NoWorkload { workload, rollout, place, looked });
    }
    let Some(before) = before else { return Ok([after.earlier(), after]) };
    let held = |object: &ObjectRef| before.get(object).cloned().or_else(|| given(object));
    let stable = Version::of(&rollout.namespace, held(rollout).unwrap_or_default(), held);
    // Where there is none at all, the operator says what is wrong.
    if after.template().is_some_and(|template| stable.template() == Some(template)) {
        return Err(PreviewError::NoChange { rollout: rollout.to_string() });
    }
    Ok([stable, after])
}

/// What is applied: the workload comes first, so that the Rollout never refers to one that is not there.
fn updates(stable: &Version, update: Version) -> Vec<Value> {
    let workload = update.workload.filter(|it| stable.workload.as_ref() != Some(it));
    workload.into_iter().map(|(_, value)| value).chain([update.rollout]).collect()
}

fn place(bundle: &Bundle, rollout: &ObjectRef) -> String {
    bundle.objects.get(rollout).map(|it| it.place.to_string()).unwrap_or_default()
}

/// Says which kinds of objects play no part: one of them may be misspelt.
fn passed_over(bundle: &Bundle) -> Option<Assumption> {
    let kinds: Vec<String> =
        bundle.passed_over.iter().map(|(kind, count)| format!("{kind} ({count})")).collect();
    let text = format!("these objects play no part: {}", kinds.join(", "));
    (!kinds.is_empty()).then(|| Assumption { text, ..Assumption::default() })
}

/// Objects that the Rollout names and that are not in the bundle, but for Secrets.
pub(super) fn wanted(bundle: &Bundle, rollout: &ObjectRef) -> Vec<ObjectRef> {
    let spec = spec(&bundle.objects.get(rollout).map(|it| it.value.clone()).unwrap_or_default());
    let objects = bundle.objects.iter().map(|(object, it)| (object.clone(), it.value.clone())).collect();
    let workload = workload(&spec, &rollout.namespace).filter(|it| !bundle.objects.contains_key(it));
    workload.into_iter().chain(fill((rollout, ""), &spec, objects, true).2).collect()
}
