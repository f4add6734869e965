//! The stage before the curtain rises: what is in the cluster, and what is applied.

use std::collections::BTreeMap;

use crds::object_ref::{Kind, ObjectRef};
use crds::rollout::RolloutSpec;
use engine::object::{View, decode};
use serde_json::Value;

use super::assume::{fill, routes, templates};
use super::bundle::Bundle;
use super::options::Options;
use super::play::longest;
use super::report::{Assumption, ImageChange};
use super::rig::{Rigged, rig};

/// The tag of images that nobody named: what ran before.
const BEFORE: &str = "before-this-change";

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
    /// The Rollout as it is applied.
    pub update: Value,
    /// Which images change.
    pub images: Vec<ImageChange>,
    /// The metrics whose answers are ours to give.
    pub metrics: Vec<Rigged>,
    /// The objects that carry its weight.
    pub routes: Vec<ObjectRef>,
    /// What was assumed.
    pub assumptions: Vec<Assumption>,
}

/// Sets the stage for one Rollout of the bundle; `before` is how it was, or an assumed earlier version.
pub(super) fn set_up(
    bundle: &Bundle,
    rollout: &ObjectRef,
    before: Option<&Value>,
    options: &Options,
    pace: Pace,
) -> Setup {
    let update = bundle.objects.get(rollout).map(|it| it.value.clone()).unwrap_or_default();
    let spec = spec(&update);
    let given = bundle.objects.iter().filter(|(object, _)| object.kind != Kind::Rollout);
    let objects = given.map(|(object, it)| (object.clone(), it.value.clone())).collect();
    let origin = bundle.objects.get(rollout).map(|it| it.place.to_string()).unwrap_or_default();
    let (mut objects, mut assumptions, _) = fill((rollout, &origin), &spec, objects, options.makes_up);
    let templates = templates(rollout, &spec, &objects);
    let longest_ms = (pace == Pace::Sparse).then(|| longest(&spec, options));
    let (metrics, more) = rig(&mut objects, &templates, &spec, longest_ms);
    assumptions.extend(more);
    let stable = before.cloned().unwrap_or_else(|| earlier(&update));
    let images = image_changes(&stable, &update);
    assumptions.extend(passed_over(bundle));
    if before.is_none() {
        let images: Vec<&str> = images.iter().map(|it| it.from.as_str()).collect();
        assumptions.insert(0, assumed_stable(&images));
    }
    Setup {
        routes: routes(rollout, &spec),
        rollout: rollout.clone(),
        manifests: objects.into_values().chain([stable]).collect(),
        spec,
        update,
        images,
        metrics,
        assumptions,
    }
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
    fill((rollout, ""), &spec, objects, true).2
}

/// The pod template of a Rollout.
pub(super) fn template(rollout: &Value) -> Option<&Value> {
    rollout.pointer("/spec/template")
}

fn assumed_stable(images: &[&str]) -> Assumption {
    let text = format!("the stable version is the same Rollout with the image {}", images.join(", "));
    Assumption { text, ..Assumption::default() }
}

/// The spec of a Rollout; default if it cannot be read: the operator says then what is wrong.
fn spec(rollout: &Value) -> RolloutSpec {
    match decode(Kind::Rollout, &rollout.to_string()).map(|object| object.view) {
        Ok(View::Rollout(facts)) => facts.spec.clone().unwrap_or_default(),
        _ => RolloutSpec::default(),
    }
}

/// The containers of a Rollout's template.
fn containers(rollout: &Value) -> impl Iterator<Item = (&str, &str)> {
    let containers = rollout.pointer("/spec/template/spec/containers").and_then(Value::as_array);
    containers.into_iter().flatten().map(|container| {
        let text = |key: &str| container.get(key).and_then(Value::as_str).unwrap_or_default();
        (text("name"), text("image"))
    })
}

/// The same Rollout, as it may have been before this change: other images, and not paused.
fn earlier(rollout: &Value) -> Value {
    let mut earlier = rollout.clone();
    let containers = earlier.pointer_mut("/spec/template/spec/containers").and_then(Value::as_array_mut);
    for container in containers.into_iter().flatten().filter_map(Value::as_object_mut) {
        let image = container.get("image").and_then(Value::as_str).unwrap_or_default();
        let before = Value::from(format!("{}:{BEFORE}", repository(image)));
        container.insert("image".to_owned(), before);
    }
    if let Some(spec) = earlier.get_mut("spec").and_then(Value::as_object_mut) {
        spec.remove("paused");
    }
    earlier
}

/// An image without its tag and digest.
fn repository(image: &str) -> &str {
    let image = image.split_once('@').map_or(image, |(name, _)| name);
    match image.rsplit_once(':') {
        // A colon before a slash belongs to the port of the registry.
        Some((name, tag)) if !tag.contains('/') => name,
        _ => image,
    }
}

fn image_changes(before: &Value, after: &Value) -> Vec<ImageChange> {
    let from: BTreeMap<&str, &str> = containers(before).collect();
    containers(after)
        .map(|(container, to)| ImageChange {
            container: container.to_owned(),
            from: from.get(container).copied().unwrap_or_default().to_owned(),
            to: to.to_owned(),
        })
        .filter(|change| change.from != change.to)
        .collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::tag("web:1", "web")]
    #[case::no_tag("web", "web")]
    #[case::port("registry:5000/web", "registry:5000/web")]
    #[case::port_and_tag("registry:5000/web:1", "registry:5000/web")]
    #[case::digest("web:1@sha256:00", "web")]
    fn repositories(#[case] image: &str, #[case] want: &str) {
        assert_eq!(repository(image), want);
    }
}
