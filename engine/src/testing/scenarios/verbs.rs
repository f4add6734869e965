//! What people and tools do to a rollout while the operator writes: nothing of it is lost.

use std::time::Duration;

use rstest::rstest;
use serde_json::{Value, json};

use crate::testing::World;
use crate::testing::fixtures::{nginx, web};

/// What a client writes; every patch is made from the status as the client last read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Abort,
    Retry,
    /// `promote` of the command line.
    Promote,
    PromoteFull,
    Pause,
    /// `resume` of Argo CD.
    Resume,
    /// `skip-current-step` of Argo CD.
    Skip,
    /// `set image` to a third version.
    SetImage,
    /// The template of the first version again.
    Undo,
}

impl Verb {
    const ALL: [Self; 9] = [
        Self::Abort,
        Self::Retry,
        Self::Promote,
        Self::PromoteFull,
        Self::Pause,
        Self::Resume,
        Self::Skip,
        Self::SetImage,
        Self::Undo,
    ];

    const fn deed(self) -> fn(&mut World) {
        match self {
            Self::Abort => |world| world.patch_status(&json!({ "abort": true })),
            Self::Retry => |world| world.patch_status(&json!({ "abort": false })),
            Self::Promote => promote,
            Self::PromoteFull => |world| {
                unpause(world);
                if world.status()["currentPodHash"] != world.status()["stableRS"] {
                    world.patch_status(&json!({ "promoteFull": true }));
                }
            },
            Self::Pause => |world| world.api.merge(&web(), &json!({ "spec": { "paused": true } })),
            Self::Resume => |world| {
                unpause(world);
                world.patch_status(&json!({ "pauseConditions": null }));
            },
            Self::Skip => skip,
            Self::SetImage => |world| world.set_image("web:3"),
            Self::Undo => |world| world.set_image("web:1"),
        }
    }

    /// Whether it goes one step on from where it finds the rollout.
    const fn moves_on(self) -> bool {
        matches!(self, Self::Promote | Self::Resume | Self::Skip)
    }
}

fn unpause(world: &mut World) {
    if world.api.objects[&web()]["spec"]["paused"] == json!(true) {
        world.api.merge(&web(), &json!({ "spec": { "paused": false } }));
    }
}

fn skip(world: &mut World) {
    let next = world.status()["currentStepIndex"].as_i64().unwrap_or(0) + 1;
    if next <= 4 {
        world.patch_status(&json!({ "pauseConditions": null, "currentStepIndex": next }));
    }
}

fn promote(world: &mut World) {
    let was_paused = world.api.objects[&web()]["spec"]["paused"] == json!(true);
    unpause(world);
    let status = world.status();
    if status["pauseConditions"].is_array() {
        world.patch_status(&json!({ "pauseConditions": null }));
    } else if !was_paused && status["currentPodHash"] != status["stableRS"] {
        skip(world);
    }
}

/// A second version at its first pause, with a fifth of the requests.
fn paused() -> World {
    let mut world = World::new();
    let steps = json!([{ "setWeight": 20 }, { "pause": {} }, { "setWeight": 60 }, { "pause": {} }]);
    world.deploy(&nginx(&steps));
    world.set_image("web:2");
    world.settle();
    assert_eq!(world.status()["message"], "CanaryPauseStep", "{}", world.story());
    world
}

/// Where it stands in the end, as far as people care.
fn end(world: &mut World) -> Value {
    world.settle();
    world.settle();
    let at_rest = world.api.writes.len();
    world.run(Duration::from_hours(1));
    assert_eq!(world.api.writes.len(), at_rest, "it does not come to rest: {}", world.story());
    // Where there is no canary Ingress yet, nobody is sent to the new version.
    let weight = Some(world.weight()).filter(|weight| *weight != "none").unwrap_or("0");
    let object = &world.api.objects[&web()];
    let status = &object["status"];
    json!({
        "image": object["spec"]["template"]["spec"]["containers"][0]["image"],
        "paused": object["spec"]["paused"] == json!(true),
        "phase": status["phase"], "message": status["message"], "step": status["currentStepIndex"],
        "abort": status["abort"] == json!(true), "full": status["promoteFull"] == json!(true),
        "stable": status["stableRS"], "current": status["currentPodHash"],
        "weight": weight, "services": [world.selected("web-stable"), world.selected("web-canary")],
    })
}

/// Verbs one after the other, each once everything has come to rest.
fn in_peace(verbs: &[Verb]) -> Value {
    let mut world = paused();
    for verb in verbs {
        world.settle();
        verb.deed()(&mut world);
    }
    end(&mut world)
}

/// The second verb comes just before the write of that number after the first one.
fn in_haste(first: Verb, second: Verb, write: usize) -> (Value, World) {
    let mut world = paused();
    let at = world.writes_seen() + write;
    world.deeds.insert(at, second.deed());
    first.deed()(&mut world);
    world.settle();
    // Fewer writes than that: then it comes at rest.
    if let Some(deed) = world.deeds.remove(&at) {
        deed(&mut world);
    }
    (end(&mut world), world)
}

#[rstest]
#[case::abort(Verb::Abort, json!({ "phase": "Degraded", "abort": true, "weight": "0", "step": 0 }))]
#[case::retry(Verb::Retry, json!({ "phase": "Paused", "abort": false, "weight": "20", "step": 1 }))]
#[case::promote(Verb::Promote, json!({ "phase": "Paused", "weight": "60", "step": 3 }))]
#[case::promote_full(Verb::PromoteFull, json!({ "phase": "Healthy", "full": false, "weight": "0", "step": 4 }))]
#[case::pause(Verb::Pause, json!({ "phase": "Paused", "paused": true, "message": "manually paused", "step": 1 }))]
#[case::resume(Verb::Resume, json!({ "phase": "Paused", "weight": "60", "step": 3 }))]
#[case::skip(Verb::Skip, json!({ "phase": "Paused", "weight": "60", "step": 3 }))]
#[case::set_image(Verb::SetImage, json!({ "phase": "Paused", "image": "web:3", "weight": "20", "step": 1 }))]
#[case::undo(Verb::Undo, json!({ "phase": "Healthy", "image": "web:1", "weight": "0", "step": 4 }))]
fn one_verb(#[case] verb: Verb, #[case] want: Value) {
    let end = in_peace(&[verb]);
    for (field, value) in want.as_object().unwrap() {
        assert_eq!(end[field], *value, "{field} of {end:#}");
    }
}

/// A verb comes at every moment of an update, also between our read of the status and our write of it.
#[rstest]
fn a_verb_at_any_write_of_an_update(
    #[values(Verb::Abort, Verb::PromoteFull, Verb::Pause, Verb::SetImage, Verb::Undo)] verb: Verb,
) {
    let mut conflicts = 0;
    let want = in_peace(&[verb]);
    for write in 0..10 {
        let mut world = World::new();
        let steps = json!([{ "setWeight": 20 }, { "pause": {} }, { "setWeight": 60 }, { "pause": {} }]);
        world.deploy(&nginx(&steps));
        let at = world.writes_seen() + write;
        world.deeds.insert(at, verb.deed());
        world.set_image("web:2");
        let _ = end(&mut world);
        if let Some(deed) = world.deeds.remove(&at) {
            deed(&mut world);
        }
        let got = end(&mut world);
        conflicts += world.conflicts;
        // An update that has not begun for the operator has nothing to take back: then it goes on to its pause.
        let is_before = write < 3 && matches!(verb, Verb::Abort | Verb::PromoteFull) && got["step"] == 1;
        // A pause by hand holds the update wherever it is.
        let is_held = verb == Verb::Pause && got["message"] == want["message"] && got["paused"] == true;
        assert!(got == want || is_before || is_held, "{verb:?} at write {write}: {got:#}\n{}", world.story());
    }
    assert!(conflicts > 0, "no write of ours was overtaken");
}

/// Whether a verb that came while another one was under way has had its effect: the same as in peace, or one of the
/// few that its moment excuses. `alone` is what the first one leads to.
fn fits(first: Verb, second: Verb, got: &Value, want: &Value, alone: &Value) -> bool {
    if got == want {
        return true;
    }
    let is_taken_back = got["abort"] == true && got["phase"] == "Degraded" && got["weight"] == "0";
    // What was asked for one version ends when another one is wanted.
    let is_about_before = matches!(first, Verb::SetImage | Verb::Undo) && got == alone;
    match second {
        // An update that was promoted in peace is taken back before that.
        Verb::Abort => is_taken_back || is_about_before,
        // It holds the update wherever it finds it.
        Verb::Pause => got["paused"] == true && got["message"] == "manually paused",
        // The other version may come before or after a promotion.
        Verb::SetImage | Verb::Undo => {
            let same = ["image", "current", "abort"].iter().all(|field| got[field] == want[field]);
            same && got["phase"] != "Degraded"
        }
        // Who goes one step on twice within a moment may mean the same step; and an abort takes every step back.
        Verb::Promote | Verb::Resume | Verb::Skip => {
            is_about_before || (first.moves_on() && got == alone) || (first == Verb::Abort && is_taken_back)
        }
        Verb::PromoteFull => is_about_before || (first == Verb::Abort && is_taken_back),
        Verb::Retry => false,
    }
}

/// Every verb while every other one is under way, also itself.
#[rstest]
fn a_verb_while_another_is_under_way(
    #[values(
        Verb::Abort,
        Verb::Retry,
        Verb::Promote,
        Verb::PromoteFull,
        Verb::Pause,
        Verb::Resume,
        Verb::Skip,
        Verb::SetImage,
        Verb::Undo
    )]
    first: Verb,
) {
    let alone = in_peace(&[first]);
    for second in Verb::ALL {
        let want = in_peace(&[first, second]);
        for write in [0, 1, 2, 4] {
            let (got, world) = in_haste(first, second, write);
            assert!(
                fits(first, second, &got, &want, &alone),
                "{second:?} at write {write} after {first:?}: {got:#}, in peace {want:#}\n{}",
                world.story()
            );
        }
    }
}
