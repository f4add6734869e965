//! Another image, in the bundle alone.

use anyhow::{Context, Result};
use crds::object_ref::ObjectRef;
use crds::rollout::WorkloadRef;
use serde_json::Value;
use simulator::preview::{Before, Bundle};

use crate::command::keeper::Keeper;
use crate::command::set_image::{assignment, operations};

/// Changes the images of a Rollout of the bundle, where its pod template is kept; what that was before, or nothing
/// without a new image.
pub(super) fn set(bundle: &mut Bundle, rollout: &ObjectRef, images: &[String]) -> Result<Option<Before>> {
    let Some(manifest) = bundle.objects.get(rollout).filter(|_| !images.is_empty()) else {
        return Ok(None);
    };
    let workload = workload(&manifest.value).with_context(|| format!("{rollout}: spec.workloadRef"))?;
    let keeper = Keeper::of(rollout, workload.as_ref())?;
    // That it is missing is said when it is to be played.
    let Some(manifest) = bundle.objects.get_mut(&keeper.object) else { return Ok(None) };
    let before = manifest.value.clone();
    manifest.value = with_images(&keeper, &before, images)?;
    Ok(Some(Before::from([(keeper.object, before)])))
}

fn workload(rollout: &Value) -> Result<Option<WorkloadRef>> {
    let reference = rollout.pointer("/spec/workloadRef").cloned().unwrap_or_default();
    serde_json::from_value(reference).context("cannot understand it")
}

fn with_images(keeper: &Keeper, held: &Value, images: &[String]) -> Result<Value> {
    let wanted = images.iter().map(|text| assignment(text)).collect::<Result<Vec<_>>>()?;
    let operations = operations(keeper, held, &wanted)?;
    let patch: json_patch::Patch =
        serde_json::from_value(Value::Array(operations)).context("cannot write the patch")?;
    let mut changed = held.clone();
    json_patch::patch(&mut changed, &patch).context("cannot change the image")?;
    Ok(changed)
}

#[cfg(test)]
mod tests {
    use crds::object_ref::Kind;
    use rstest::rstest;
    use simulator::preview::manifest::read;

    use super::*;

    const GIVEN: &str = r#"
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: { name: own }
spec: { replicas: 2, template: { spec: { containers: [{ name: web, image: "web:1" }, { name: log, image: "log:1" }] } } }
---
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: { name: referring }
spec: { workloadRef: { apiVersion: v1, kind: PodTemplate, name: base } }
---
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: { name: lost }
spec: { workloadRef: { apiVersion: apps/v1, kind: Deployment, name: base } }
---
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: { name: refused }
spec: { workloadRef: { apiVersion: apps/v1, kind: StatefulSet, name: base } }
---
apiVersion: v1
kind: PodTemplate
metadata: { name: base }
template: { spec: { containers: [{ name: web, image: "web:1" }] } }
"#;

    fn changed(name: &str, images: &[&str]) -> (Bundle, Bundle, Result<Option<Before>>) {
        let mut bundle = Bundle::new(read("a.yaml", GIVEN).unwrap(), "shop").unwrap();
        let (given, rollout) = (bundle.clone(), ObjectRef::new(Kind::Rollout, "shop", name));
        let images: Vec<String> = images.iter().map(|it| (*it).to_owned()).collect();
        let before = set(&mut bundle, &rollout, &images);
        (given, bundle, before)
    }

    #[rstest]
    #[case::of_its_own("own", (Kind::Rollout, "own"), "/spec/template/spec/containers/0/image")]
    #[case::of_a_workload("referring", (Kind::PodTemplate, "base"), "/template/spec/containers/0/image")]
    fn the_image_changes_and_nothing_else(
        #[case] rollout: &str,
        #[case] (kind, name): (Kind, &str),
        #[case] path: &str,
    ) {
        let (mut want, bundle, before) = changed(rollout, &["web=web:2"]);
        let keeper = ObjectRef::new(kind, "shop", name);
        let value = &mut want.objects.get_mut(&keeper).unwrap().value;
        assert_eq!(before.unwrap(), Some(Before::from([(keeper, value.clone())])));
        *value.pointer_mut(path).unwrap() = "web:2".into();
        assert_eq!(bundle, want);
    }

    #[rstest]
    #[case::no_image("referring", &[])]
    #[case::no_workload("lost", &["web=web:2"])]
    fn nothing_changes(#[case] rollout: &str, #[case] images: &[&str]) {
        let (given, bundle, before) = changed(rollout, images);
        assert_eq!((bundle, before.unwrap()), (given, None));
    }

    #[rstest]
    #[case::container("own", "db=db:2", "no container \"db\" in spec.template.spec: there is web, log")]
    #[case::container_of_a_workload(
        "referring",
        "db=db:2",
        "no container \"db\" in template.spec: there is web"
    )]
    #[case::kind("refused", "web=web:2", "spec.workloadRef is StatefulSet \"base\" of \"apps/v1\"")]
    fn what_is_wrong_is_said(#[case] rollout: &str, #[case] image: &str, #[case] want: &str) {
        let error = changed(rollout, &[image]).2.unwrap_err().to_string();
        assert!(error.contains(want), "{error}");
    }
}
