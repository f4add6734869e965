//! What an update changes: the Rollout, and the workload that keeps its pod template where it refers to one.

use std::collections::BTreeMap;

use crds::object_ref::{Kind, ObjectRef};
use crds::rollout::RolloutSpec;
use engine::object::{View, decode};
use planner::facts::WorkloadFacts;
use planner::shared::Shared;
use serde_json::Value;

use super::report::{Assumption, ImageChange};

/// The tag of images that nobody named: what ran before.
const BEFORE: &str = "before-this-change";

/// A Rollout, and the workload that keeps its pod template, at one time.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Version {
    /// The Rollout.
    pub rollout: Value,
    /// The workload, if there is one.
    pub workload: Option<(ObjectRef, Value)>,
}

impl Version {
    /// The Rollout with its workload as `find` knows it.
    pub(super) fn of(
        namespace: &str,
        rollout: Value,
        find: impl FnOnce(&ObjectRef) -> Option<Value>,
    ) -> Self {
        let workload = workload(&spec(&rollout), namespace);
        let workload = workload.and_then(|object| find(&object).map(|value| (object, value)));
        Self { rollout, workload }
    }

    /// The same, as it may have been before this change: other images, and not paused.
    pub(super) fn earlier(&self) -> Self {
        let mut earlier = self.clone();
        for container in earlier.containers_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
            let image = container.get("image").and_then(Value::as_str).unwrap_or_default();
            let before = Value::from(format!("{}:{BEFORE}", repository(image)));
            container.insert("image".to_owned(), before);
        }
        if let Some(spec) = earlier.rollout.get_mut("spec").and_then(Value::as_object_mut) {
            spec.remove("paused");
        }
        earlier
    }

    /// The pod template.
    pub(super) fn template(&self) -> Option<&Value> {
        match &self.workload {
            Some((object, value)) => value.pointer(object.kind.template_path()?),
            None => self.rollout.pointer(Kind::Rollout.template_path()?),
        }
    }

    fn containers_mut(&mut self) -> Option<&mut Vec<Value>> {
        let template = match &mut self.workload {
            Some((object, value)) => value.pointer_mut(object.kind.template_path()?),
            None => self.rollout.pointer_mut(Kind::Rollout.template_path()?),
        };
        template?.pointer_mut("/spec/containers")?.as_array_mut()
    }

    /// Names and images of the containers.
    fn containers(&self) -> impl Iterator<Item = (&str, &str)> {
        let containers = self.template().and_then(|template| template.pointer("/spec/containers"));
        containers.and_then(Value::as_array).into_iter().flatten().map(|container| {
            let text = |key: &str| container.get(key).and_then(Value::as_str).unwrap_or_default();
            (text("name"), text("image"))
        })
    }

    /// Which images change on the way to a later version.
    pub(super) fn image_changes(&self, later: &Self) -> Vec<ImageChange> {
        let from: BTreeMap<&str, &str> = self.containers().collect();
        let changes = later.containers().map(|(container, to)| ImageChange {
            container: container.to_owned(),
            from: from.get(container).copied().unwrap_or_default().to_owned(),
            to: to.to_owned(),
        });
        changes.filter(|change| change.from != change.to).collect()
    }

    /// Says that this version is assumed to come before a change of these images.
    pub(super) fn assumed(&self, images: &[ImageChange]) -> Assumption {
        let images = images.iter().map(|it| it.from.as_str()).collect::<Vec<_>>().join(", ");
        let place = self.workload.as_ref().map(|(object, _)| format!(" in {object}")).unwrap_or_default();
        let text = format!("the stable version is the same Rollout with the image {images}{place}");
        Assumption { text, ..Assumption::default() }
    }

    /// Says that a Deployment has pods beside those of the Rollout: they show the new version without any step.
    pub(super) fn own_pods(&self) -> Option<Assumption> {
        let (object, value) = self.workload.as_ref().filter(|(object, _)| object.kind == Kind::Deployment)?;
        let replicas = workload_facts(object, value)?.replicas;
        let text = format!(
            "{object} asks for {replicas} pods of its own (spec.replicas): it gives them the new template by itself, \
             without steps, and they are not counted here"
        );
        (replicas > 0).then(|| Assumption { text, ..Assumption::default() })
    }
}

/// The spec of a Rollout; default if it cannot be read: the operator says then what is wrong.
pub(super) fn spec(rollout: &Value) -> RolloutSpec {
    match decode(Kind::Rollout, &rollout.to_string()).map(|object| object.view) {
        Ok(View::Rollout(facts)) => facts.spec.clone().unwrap_or_default(),
        _ => RolloutSpec::default(),
    }
}

/// The workload that keeps the pod template; nothing if the Rollout does itself, or if the operator refuses the kind.
pub(super) fn workload(spec: &RolloutSpec, namespace: &str) -> Option<ObjectRef> {
    spec.workload_ref.as_ref()?.object(namespace)
}

/// What the operator reads of a workload.
pub(super) fn workload_facts(object: &ObjectRef, value: &Value) -> Option<Shared<WorkloadFacts>> {
    match decode(object.kind, &value.to_string()).ok()?.view {
        View::Workload(facts) => Some(facts),
        _ => None,
    }
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
