//! What the tests of all routers share: a Rollout, and an API server's way of carrying out an edit.

use crds::object_ref::ObjectRef;
use crds::rollout::RolloutSpec;
use serde_json::{Value, json};

use crate::{Edit, Objects, Observation, Owner, RouteError, Router, Target, drivable};

/// The Rollout `shop/web`.
pub(crate) fn owner() -> Owner {
    Owner {
        namespace: "shop".to_owned(),
        name: "web".to_owned(),
        uid: "uid-web".to_owned(),
        stable_ping_pong: crds::rollout::PingPongRole::Unset,
    }
}

/// A canary strategy between the Services `web-stable` and `web-canary`.
pub(crate) fn spec(routing: Value) -> RolloutSpec {
    let mut canary = json!({ "stableService": "web-stable", "canaryService": "web-canary" });
    canary["trafficRouting"] = routing;
    serde_json::from_value(json!({ "strategy": { "canary": canary } })).unwrap()
}

/// The only router of that routing.
pub(crate) fn router(routing: Value) -> Router {
    let (mut routers, errors) = drivable(&owner(), &spec(routing));
    assert_eq!((routers.len(), errors), (1, vec![]));
    routers.pop().unwrap()
}

/// Why there is no router for that routing.
pub(crate) fn refusal(routing: Value) -> String {
    crate::routers(&owner(), &spec(routing)).err().unwrap().to_string()
}

/// A target at that weight.
pub(crate) fn at(canary_weight: u32) -> Target {
    Target {
        canary_weight,
        canary_hash: "new".to_owned(),
        stable_hash: "old".to_owned(),
        managed: Vec::new(),
    }
}

/// Carries out an edit as an API server does, and checks the precondition as it does.
pub(crate) fn apply(objects: &mut Objects, route: &ObjectRef, edit: &Edit) {
    let version = |object: &Value| object.pointer("/metadata/resourceVersion").cloned();
    let live = objects.get(route).cloned();
    let mut next = match edit {
        Edit::Nothing => return,
        Edit::Create(object) => {
            assert_eq!(live, None, "the object exists already");
            object.clone()
        }
        Edit::MergePatch(patch) => {
            let mut object = live.unwrap();
            assert_eq!(version(patch), version(&object), "the patch has no precondition");
            json_patch::merge(&mut object, patch);
            object
        }
        Edit::JsonPatch(patch) => {
            let mut object = live.unwrap();
            let first = &patch[0];
            assert_eq!(first["path"], "/metadata/resourceVersion", "the patch has no precondition");
            assert_eq!(first["op"], "replace");
            assert_eq!(Some(first["value"].clone()), version(&object));
            let operations: json_patch::Patch = serde_json::from_value(patch.clone()).unwrap();
            json_patch::patch(&mut object, &operations).unwrap();
            object
        }
    };
    next["metadata"]["resourceVersion"] = json!("next");
    objects.insert(route.clone(), next);
}

/// Edits to that weight, applies, and checks what every router owes: the route then says the weight, is in shape, and
/// needs no second edit.
pub(crate) fn settle(
    router: &Router,
    route: &ObjectRef,
    objects: &mut Objects,
    weight: u32,
) -> Result<(), RouteError> {
    let edit = router.edit(route, objects, &at(weight))?;
    apply(objects, route, &edit);
    let seen = router.observe(route, objects)?;
    assert_eq!((seen.canary_weight.unwrap_or(0), seen.in_shape), (weight, true), "after {edit:?}");
    assert_eq!(router.edit(route, objects, &at(weight)), Ok(Edit::Nothing));
    Ok(())
}

/// Checks that an edit is missing exactly where the observation says so.
pub(crate) fn agree(router: &Router, route: &ObjectRef, objects: &Objects, weight: u32) {
    let (Ok(Observation { canary_weight, in_shape, .. }), Ok(edit)) =
        (router.observe(route, objects), router.edit(route, objects, &at(weight)))
    else {
        return;
    };
    assert_eq!(edit == Edit::Nothing, in_shape && canary_weight.unwrap_or(0) == weight, "{edit:?}");
}
