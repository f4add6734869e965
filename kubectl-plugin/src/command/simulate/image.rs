//! Another image, in the bundle alone.

use anyhow::{Context, Result, bail};
use crds::object_ref::ObjectRef;
use serde_json::Value;
use simulator::preview::Bundle;

use crate::command::set_image::{assignment, operations};

/// Changes the images of a Rollout of the bundle; what it was before, or nothing without a new image.
pub(super) fn set(bundle: &mut Bundle, rollout: &ObjectRef, images: &[String]) -> Result<Option<Value>> {
    let Some(manifest) = bundle.objects.get_mut(rollout).filter(|_| !images.is_empty()) else {
        return Ok(None);
    };
    let before = manifest.value.clone();
    manifest.value = with_images(&before, images).with_context(|| format!("{rollout}"))?;
    Ok(Some(before))
}

fn with_images(rollout: &Value, images: &[String]) -> Result<Value> {
    let Some(template) = rollout.pointer("/spec/template") else {
        bail!("there is no spec.template: the image belongs to the workload that it refers to");
    };
    let wanted = images.iter().map(|text| assignment(text)).collect::<Result<Vec<_>>>()?;
    let operations = operations(template, &wanted)?;
    let patch: json_patch::Patch =
        serde_json::from_value(Value::Array(operations)).context("cannot write the patch")?;
    let mut changed = rollout.clone();
    json_patch::patch(&mut changed, &patch).context("cannot change the image")?;
    Ok(changed)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_image_changes_and_nothing_else() {
        let rollout = json!({ "spec": { "replicas": 2, "template": { "spec": { "containers": [
            { "name": "web", "image": "web:1" }, { "name": "log", "image": "log:1" }] } } } });
        let changed = with_images(&rollout, &["web=web:2".to_owned()]).unwrap();
        let mut want = rollout;
        want["spec"]["template"]["spec"]["containers"][0]["image"] = json!("web:2");
        assert_eq!(changed, want);
    }

    #[test]
    fn what_is_wrong_is_said() {
        let rollout = json!({ "spec": { "template": { "spec": { "containers": [] } } } });
        assert!(
            with_images(&rollout, &["web=web:2".to_owned()]).unwrap_err().to_string().contains("\"web\"")
        );
        assert!(
            with_images(&json!({}), &["web=web:2".to_owned()]).unwrap_err().to_string().contains("template")
        );
    }
}
