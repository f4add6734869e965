//! The steps of a canary: their texts, their hash, the weight that is in force, and when one is done.

use crds::analysis::AnalysisPhase;
use crds::duration;
use crds::rollout::{CanaryStep, SetCanaryScale};
use planted_bugs::{Bug, planted};

use super::view::View;
use super::{analysis, managed_routes, pause, replicas, weights};

/// The text of a step in messages, events and on the command line.
#[must_use]
pub fn text(step: &CanaryStep) -> String {
    if let Some(weight) = step.set_weight {
        return format!("setWeight: {weight}");
    }
    if let Some(pause) = &step.pause {
        return pause
            .duration
            .as_ref()
            .map_or_else(|| "pause".to_owned(), |duration| format!("pause: {duration}"));
    }
    if let Some(scale) = &step.set_canary_scale {
        return match (scale.weight, scale.replicas) {
            (Some(weight), _) => format!("setCanaryScale{{weight: {weight}}}"),
            (None, Some(replicas)) => format!("setCanaryScale{{replicas: {replicas}}}"),
            (None, None) => format!("setCanaryScale{{matchTrafficWeight: {}}}", scale.match_traffic_weight),
        };
    }
    if step.analysis.is_some() {
        return "analysis".to_owned();
    }
    if step.experiment.is_some() {
        return "experiment".to_owned();
    }
    if let Some(route) = &step.set_header_route {
        return format!("setHeaderRoute: {}", route.name);
    }
    if let Some(route) = &step.set_mirror_route {
        return format!("setMirrorRoute: {}", route.name);
    }
    step.plugin.as_ref().map_or_else(|| "invalid".to_owned(), |plugin| format!("plugin: {}", plugin.name))
}

/// The hash that tells whether the steps changed: 32-bit FNV-1a over their JSON, in the alphabet of pod hashes.
pub(crate) fn hash(steps: &[CanaryStep]) -> String {
    const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
    let text = serde_json::to_string(steps).unwrap_or_default();
    let sum =
        text.bytes().fold(0x811c_9dc5_u32, |sum, byte| (sum ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    sum.to_string()
        .bytes()
        .filter_map(|digit| ALPHABET.get(usize::from(digit) % ALPHABET.len()))
        .map(|letter| char::from(*letter))
        .collect()
}

/// The weight that the steps up to and including `index` ask for; none of them, none.
pub(crate) fn weight_at(steps: &[CanaryStep], index: usize) -> u32 {
    last_weight(steps.iter().take(index.saturating_add(1)))
}

/// The weight that was in force before the one at `index`.
pub(crate) fn weight_before(steps: &[CanaryStep], index: usize) -> u32 {
    let current =
        steps.iter().take(index.saturating_add(1)).rposition(|step| step.set_weight.is_some()).unwrap_or(0);
    last_weight(steps.iter().take(current))
}

fn last_weight<'a>(steps: impl DoubleEndedIterator<Item = &'a CanaryStep>) -> u32 {
    steps.rev().find_map(|step| step.set_weight).and_then(|weight| u32::try_from(weight).ok()).unwrap_or(0)
}

/// The weight that the new version is to have in the end of the current step: all of it when all steps are done, none
/// after an abort.
pub(crate) fn wanted_weight(view: &View<'_>) -> u32 {
    if view.is_aborted() {
        return 0;
    }
    if view.is_promoted() || view.is_promoted_by_force() {
        return view.max_weight();
    }
    view.current_index()
        .map_or(view.max_weight(), |index| weight_at(view.steps(), index))
        .min(view.max_weight())
}

/// The `setCanaryScale` that is in force: the last one up to the current step, unless it follows the weight again. None
/// is when the update was taken back, is promoted in full or has no steps left.
pub(crate) fn scale_in_force<'a>(view: &View<'a>) -> Option<&'a SetCanaryScale> {
    let index = view.current_index().filter(|_| !view.is_aborted() && !view.is_promoted_by_force())?;
    let steps = view.steps().get(..=index)?;
    let last = steps.iter().rev().find_map(|step| step.set_canary_scale.as_ref())?;
    (!last.match_traffic_weight && view.is_routed()).then_some(last)
}

/// Whether the current step is done.
pub(crate) fn is_done(view: &View<'_>) -> bool {
    let Some(step) = view.current_index().and_then(|index| view.steps().get(index)) else { return false };
    if let Some(pause) = &step.pause {
        let length = pause.duration.as_ref().and_then(|text| duration::seconds_or_text(text).ok());
        return pause::is_over(view.status(), length, view.now);
    }
    if step.set_canary_scale.is_some() {
        return replicas::at_target(view);
    }
    if step.set_weight.is_some() {
        return replicas::at_target(view) && weights::are_reached(view);
    }
    if step.set_header_route.is_some() || step.set_mirror_route.is_some() {
        return replicas::at_target(view) && managed_routes::are_reached(view);
    }
    if step.analysis.is_some() {
        return match analysis::step_phase(view) {
            Some(AnalysisPhase::Successful) => true,
            Some(AnalysisPhase::Running) if planted(Bug::StepDoesNotAwaitAnalysis) => true,
            Some(AnalysisPhase::Inconclusive) => pause::was_resumed(view.status()),
            _ => false,
        };
    }
    false
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn steps() -> Vec<CanaryStep> {
        serde_json::from_value(json!([
            { "pause": {} },
            { "setWeight": 20 },
            { "pause": { "duration": "10s" } },
            { "setWeight": 0 },
            { "setWeight": 60 },
            { "analysis": {} },
        ]))
        .unwrap()
    }

    #[rstest]
    #[case::before_the_first(0, 0, 0)]
    #[case::at_a_weight(1, 20, 0)]
    #[case::after_it(2, 20, 0)]
    #[case::zero_is_a_weight(3, 0, 20)]
    #[case::last(4, 60, 0)]
    #[case::beyond_the_last(5, 60, 0)]
    fn weights_in_force(#[case] index: usize, #[case] now: u32, #[case] before: u32) {
        assert_eq!((weight_at(&steps(), index), weight_before(&steps(), index)), (now, before));
    }

    #[test]
    fn texts() {
        let texts: Vec<_> = steps().iter().map(text).collect();
        assert_eq!(
            texts,
            ["pause", "setWeight: 20", "pause: 10s", "setWeight: 0", "setWeight: 60", "analysis"]
        );
    }

    #[rstest]
    #[case::scale_by_weight(json!({ "setCanaryScale": { "weight": 25 } }), "setCanaryScale{weight: 25}")]
    #[case::scale_by_number(json!({ "setCanaryScale": { "replicas": 3 } }), "setCanaryScale{replicas: 3}")]
    #[case::scale_as_the_weight(
        json!({ "setCanaryScale": { "matchTrafficWeight": true } }),
        "setCanaryScale{matchTrafficWeight: true}"
    )]
    #[case::seconds(json!({ "pause": { "duration": 30 } }), "pause: 30")]
    #[case::experiment(json!({ "experiment": { "duration": "5m" } }), "experiment")]
    #[case::header(json!({ "setHeaderRoute": { "name": "beta" } }), "setHeaderRoute: beta")]
    #[case::mirror(json!({ "setMirrorRoute": { "name": "copy" } }), "setMirrorRoute: copy")]
    #[case::plugin(json!({ "plugin": { "name": "team/step" } }), "plugin: team/step")]
    #[case::nothing(json!({}), "invalid")]
    fn text_of_a_step(#[case] step: serde_json::Value, #[case] want: &str) {
        assert_eq!(text(&serde_json::from_value(step).unwrap()), want);
    }

    #[test]
    fn the_hash_follows_the_steps() {
        let one = hash(&steps());
        assert_eq!(one, hash(&steps()));
        assert_ne!(one, hash(&steps()[1..]));
        assert!(one.bytes().all(|letter| b"bcdfghjklmnpqrstvwxz2456789".contains(&letter)), "{one}");
    }
}
