//! Which part of an update a status speaks of.

use crds::analysis::AnalysisPhase;
use crds::rollout::{BlueGreenStrategy, CanaryStep, PauseReason, RolloutSpec, RolloutStatus};

/// A part of an update.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum StageKey {
    /// A step of a canary, from 0.
    Step(usize),
    /// Pods are replaced: a canary without steps.
    Replace,
    /// Blue-green: the new version comes up beside the active one.
    Preview,
    /// Blue-green: it is measured before the switch.
    PrePromotion,
    /// Blue-green: the switch waits.
    Waiting,
    /// Blue-green: the switch, and what is measured after it.
    Switch,
    /// All steps are done; the new version takes over for good.
    Promotion,
    /// The new version is stable; what is left of the old one goes.
    CleanUp,
    /// The update is taken back.
    Back,
}

impl StageKey {
    /// What it does, in a few words.
    pub(super) fn words(&self, spec: &RolloutSpec) -> String {
        match self {
            Self::Step(index) => {
                let step = spec.strategy.canary.as_ref().and_then(|canary| canary.steps.get(*index));
                step.map(step_words).unwrap_or_default()
            }
            Self::Replace => "replace the pods".to_owned(),
            Self::Preview => "start the preview".to_owned(),
            Self::PrePromotion => "analysis before the switch".to_owned(),
            Self::Waiting => waiting_words(spec.strategy.blue_green.as_ref()),
            Self::Switch => "switch the active Service".to_owned(),
            Self::Promotion => "promote".to_owned(),
            Self::CleanUp => "remove the old version".to_owned(),
            Self::Back => "take the update back".to_owned(),
        }
    }

    /// The number of the step, from 1.
    pub(super) const fn step(&self) -> Option<usize> {
        match self {
            Self::Step(index) => Some(*index + 1),
            _ => None,
        }
    }
}

/// The part of the update to the version `new` that a status speaks of; `before` was the part until now.
pub(super) fn stage_of(
    spec: &RolloutSpec,
    status: &RolloutStatus,
    new: &str,
    before: Option<&StageKey>,
) -> StageKey {
    if status.stable_rs == new {
        return StageKey::CleanUp;
    }
    if status.abort {
        return StageKey::Back;
    }
    if spec.strategy.blue_green.is_some() {
        return match (blue_green(status, new), before) {
            // Nothing holds the switch back any more.
            (StageKey::Preview, Some(StageKey::PrePromotion | StageKey::Waiting | StageKey::Switch)) => {
                StageKey::Switch
            }
            (stage, _) => stage,
        };
    }
    let steps = spec.strategy.canary.as_ref().map(|canary| canary.steps.len()).unwrap_or_default();
    let index = status.current_step_index.and_then(|index| usize::try_from(index).ok()).unwrap_or_default();
    match steps {
        0 => StageKey::Replace,
        _ if index >= steps => StageKey::Promotion,
        _ => StageKey::Step(index),
    }
}

fn blue_green(status: &RolloutStatus, new: &str) -> StageKey {
    let status = (&status.blue_green, &status.pause_conditions);
    let (blue_green, pauses) = status;
    let is_running = |run: &Option<crds::rollout::AnalysisRunSummary>| {
        run.as_ref().is_some_and(|run| {
            matches!(run.status, AnalysisPhase::Pending | AnalysisPhase::Running | AnalysisPhase::Unknown)
        })
    };
    if blue_green.active_selector == new {
        return StageKey::Switch;
    }
    if is_running(&blue_green.pre_promotion_analysis_run_status) {
        return StageKey::PrePromotion;
    }
    if pauses.is_empty() { StageKey::Preview } else { StageKey::Waiting }
}

/// What a step does, in the words of the spec.
fn step_words(step: &CanaryStep) -> String {
    let names = |templates: &[crds::analysis::AnalysisTemplateRef]| {
        templates.iter().map(|template| template.template_name.as_str()).collect::<Vec<_>>().join(", ")
    };
    if let Some(weight) = step.set_weight {
        return format!("setWeight {weight}");
    }
    if let Some(pause) = &step.pause {
        return match &pause.duration {
            Some(crds::IntOrString::Int(seconds)) => format!("pause {seconds}s"),
            Some(crds::IntOrString::String(text)) if text.bytes().all(|byte| byte.is_ascii_digit()) => {
                format!("pause {text}s")
            }
            Some(crds::IntOrString::String(text)) => format!("pause {text}"),
            None => "pause until promoted".to_owned(),
        };
    }
    if let Some(analysis) = &step.analysis {
        return format!("analysis {}", names(&analysis.templates));
    }
    if let Some(scale) = &step.set_canary_scale {
        return match (scale.replicas, scale.weight) {
            (Some(replicas), _) => format!("setCanaryScale {replicas} pods"),
            (None, Some(weight)) => format!("setCanaryScale {weight} %"),
            (None, None) => "setCanaryScale as the weight".to_owned(),
        };
    }
    if let Some(route) = &step.set_header_route {
        return format!("setHeaderRoute {}", route.name);
    }
    if let Some(route) = &step.set_mirror_route {
        return format!("setMirrorRoute {}", route.name);
    }
    if let Some(plugin) = &step.plugin {
        return format!("plugin {}", plugin.name);
    }
    if step.experiment.is_some() { "experiment".to_owned() } else { "an empty step".to_owned() }
}

fn waiting_words(strategy: Option<&BlueGreenStrategy>) -> String {
    match strategy.map(|strategy| strategy.auto_promotion_seconds) {
        Some(seconds @ 1..) => format!("wait {seconds}s before the switch"),
        _ => "wait for the promotion".to_owned(),
    }
}

/// Why a person is needed, in the words of the status; nothing while the pause ends by itself or there is none.
pub(super) fn person_needed(spec: &RolloutSpec, status: &RolloutStatus) -> Option<String> {
    if spec.paused {
        return Some("spec.paused".to_owned());
    }
    let pause = status.pause_conditions.first()?;
    let is_timed = match pause.reason {
        PauseReason::CanaryPauseStep => {
            let steps =
                spec.strategy.canary.as_ref().map(|canary| canary.steps.as_slice()).unwrap_or_default();
            let index = usize::try_from(status.current_step_index?).ok()?;
            steps.get(index).is_some_and(|step| step.pause.as_ref().is_some_and(|it| it.duration.is_some()))
        }
        PauseReason::BlueGreenPause => {
            spec.strategy.blue_green.as_ref().is_some_and(|strategy| strategy.auto_promotion_seconds > 0)
        }
        PauseReason::InconclusiveAnalysis | PauseReason::InconclusiveExperiment | PauseReason::Unknown => {
            false
        }
    };
    (!is_timed).then(|| pause.reason.as_str().to_owned())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn canary(steps: &Value) -> RolloutSpec {
        serde_json::from_value(json!({ "strategy": { "canary": { "steps": steps } } })).unwrap()
    }

    #[rstest]
    #[case::step(json!({ "currentStepIndex": 1 }), StageKey::Step(1))]
    #[case::no_index_yet(json!({}), StageKey::Step(0))]
    #[case::promotion(json!({ "currentStepIndex": 2 }), StageKey::Promotion)]
    #[case::clean_up(json!({ "currentStepIndex": 2, "stableRS": "new" }), StageKey::CleanUp)]
    #[case::back(json!({ "currentStepIndex": 1, "abort": true }), StageKey::Back)]
    fn stages_of_a_canary(#[case] status: Value, #[case] want: StageKey) {
        let spec = canary(&json!([{ "setWeight": 5 }, { "pause": {} }]));
        let status = serde_json::from_value(status).unwrap();
        assert_eq!(stage_of(&spec, &status, "new", None), want);
    }

    #[rstest]
    #[case::preview(json!({}), None, StageKey::Preview)]
    #[case::let_go(json!({}), Some(StageKey::Waiting), StageKey::Switch)]
    #[case::pre(json!({ "blueGreen": { "prePromotionAnalysisRunStatus": { "name": "a", "status": "Running" } } }), None, StageKey::PrePromotion)]
    #[case::waiting(json!({ "pauseConditions": [{ "reason": "BlueGreenPause" }] }), None, StageKey::Waiting)]
    #[case::switch(json!({ "blueGreen": { "activeSelector": "new" } }), None, StageKey::Switch)]
    fn stages_of_a_switch(#[case] status: Value, #[case] before: Option<StageKey>, #[case] want: StageKey) {
        let spec = serde_json::from_value(json!({ "strategy": { "blueGreen": {} } })).unwrap();
        let status = serde_json::from_value(status).unwrap();
        assert_eq!(stage_of(&spec, &status, "new", before.as_ref()), want);
    }

    #[rstest]
    #[case::weight(json!({ "setWeight": 5 }), "setWeight 5")]
    #[case::seconds(json!({ "pause": { "duration": 30 } }), "pause 30s")]
    #[case::seconds_as_text(json!({ "pause": { "duration": "30" } }), "pause 30s")]
    #[case::text(json!({ "pause": { "duration": "1h" } }), "pause 1h")]
    #[case::for_ever(json!({ "pause": {} }), "pause until promoted")]
    #[case::analysis(json!({ "analysis": { "templates": [{ "templateName": "a" }, { "templateName": "b" }] } }), "analysis a, b")]
    #[case::scale(json!({ "setCanaryScale": { "replicas": 2 } }), "setCanaryScale 2 pods")]
    #[case::nothing(json!({}), "an empty step")]
    fn words_of_steps(#[case] step: Value, #[case] want: &str) {
        assert_eq!(StageKey::Step(0).words(&canary(&json!([step]))), want);
    }

    #[rstest]
    #[case::for_ever(0, "CanaryPauseStep", true)]
    #[case::timed(1, "CanaryPauseStep", false)]
    #[case::inconclusive(1, "InconclusiveAnalysisRun", true)]
    fn people(#[case] index: i32, #[case] reason: &str, #[case] want: bool) {
        let spec = canary(&json!([{ "pause": {} }, { "pause": { "duration": 5 } }]));
        let status = serde_json::from_value(
            json!({ "currentStepIndex": index, "pauseConditions": [{ "reason": reason }] }),
        )
        .unwrap();
        assert_eq!(person_needed(&spec, &status).is_some(), want);
    }
}
