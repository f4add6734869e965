//! Another image, in the bundle alone.

use anyhow::{Context, Result};
use crds::object_ref::ObjectRef;
use serde_json::Value;
use simulator::preview::Bundle;

use crate::command::keeper::Keeper;
use crate::command::set_image::{assignment, operations};

/// Changes the images of a Rollout of the bundle; what it was before, or nothing without a new image.
pub(super) fn set(bundle: &mut Bundle, rollout: &ObjectRef, images: &[String]) -> Result<Option<Value>> {
    let Some(manifest) = bundle.objects.get_mut(rollout).filter(|_| !images.is_empty()) else {
        return Ok(None);
    };
    let before = manifest.value.clone();
    manifest.value = with_images(&Keeper::of(rollout, None)?, &before, images)?;
    Ok(Some(before))
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
    use serde_json::json;

    use super::*;

    #[test]
    fn the_image_changes_and_nothing_else() {
        let rollout = json!({ "spec": { "replicas": 2, "template": { "spec": { "containers": [
            { "name": "web", "image": "web:1" }, { "name": "log", "image": "log:1" }] } } } });
        let keeper = Keeper::of(&ObjectRef::new(Kind::Rollout, "shop", "web"), None).unwrap();
        let changed = with_images(&keeper, &rollout, &["web=web:2".to_owned()]).unwrap();
        let mut want = rollout;
        want["spec"]["template"]["spec"]["containers"][0]["image"] = json!("web:2");
        assert_eq!(changed, want);
    }
}
