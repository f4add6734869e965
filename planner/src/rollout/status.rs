//! The status: counts, facts, conditions and phase.

use std::collections::BTreeMap;

use crds::names::POD_TEMPLATE_HASH;
use crds::rollout::{BlueGreenStatus, BlueGreenStrategy, RolloutStatus, TrafficWeights, WeightDestination};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use super::change::Change;
use super::draft::Draft;
use super::strategy::Strategy;
use super::view::{View, stable_hash};
use super::{
    analysis, blue_green, conditions, drain, duration, events, generation, phase, restart, services, workload,
};
use crate::facts::ReplicaSetFacts;

/// Completes the draft's status after the facts of this round, and says what changed.
pub(crate) fn finish(view: &View<'_>, change: &Change, draft: &mut Draft) {
    let status = &mut draft.status;
    count(view, status);
    observed(view, status);
    view.step_hash().clone_into(&mut status.current_step_hash);
    analysis::summarize(view, status);
    weights(view, status);
    drain::record(view, status);
    workload::note(view, status);
    if let Strategy::BlueGreen(strategy) = view.strategy {
        blue_green::gate::settle(view, strategy, status);
    }
    duration::note(view, change, status);
    conditions::update(view, change, status);
    set_phase(view, status);
    let told = events::of(view, change, status);
    draft.events.extend(told);
}

/// Which generations the status is about.
fn observed(view: &View<'_>, status: &mut RolloutStatus) {
    status.observed_generation = generation::observed(view.snapshot);
    status.workload_observed_generation =
        view.workload.map(|workload| workload.meta.generation.to_string()).unwrap_or_default();
}

fn set_phase(view: &View<'_>, status: &mut RolloutStatus) {
    let end = match view.strategy {
        Strategy::BlueGreen(strategy) => {
            phase::End::UsersSwitched { measured: strategy.post_promotion_analysis.is_some() }
        }
        Strategy::Canary(_) if view.is_routed() => phase::End::StepsDone,
        Strategy::Canary(_) => phase::End::OldPodsGone,
    };
    let around = phase::Surroundings {
        paused: view.spec.paused,
        restarting: restart::is_under_way(view, status),
        replicas: view.replicas(),
        end,
    };
    (status.phase, status.message) = phase::of(status, around);
    conditions::follow_phase(status, view.now);
}

/// Counts pods and notes what the Services select.
pub(crate) fn count(view: &View<'_>, status: &mut RolloutStatus) {
    let sum = |of: fn(&ReplicaSetFacts) -> i32| {
        view.snapshot.replica_sets.iter().map(|set| of(set).max(0)).fold(0, i32::saturating_add)
    };
    status.replicas = sum(|set| set.current_replicas);
    status.ready_replicas = sum(|set| set.ready_replicas);
    status.available_replicas = sum(|set| set.available_replicas);
    status.updated_replicas = view.revisions.new.map_or(0, |set| set.current_replicas.max(0));
    status.hpa_replicas = status.replicas;
    status.selector = selector_text(view.selector);
    match view.strategy {
        Strategy::BlueGreen(strategy) => count_active(view, strategy, status),
        Strategy::Canary(_) => status.blue_green = BlueGreenStatus::default(),
    }
}

/// What the two Services select. Once the active one selects a version, autoscalers and users see that version alone.
fn count_active(view: &View<'_>, strategy: &BlueGreenStrategy, status: &mut RolloutStatus) {
    let selected = |name: &str| view.service(name).map_or("", services::selected);
    let active = selected(&strategy.active_service);
    active.clone_into(&mut status.blue_green.active_selector);
    selected(&strategy.preview_service).clone_into(&mut status.blue_green.preview_selector);
    let Some(set) = view.snapshot.replica_sets.iter().find(|set| set.hash == active) else { return };
    status.ready_replicas = set.ready_replicas.max(0);
    status.available_replicas = set.available_replicas.max(0);
    status.hpa_replicas = set.current_replicas.max(0);
    let mut selector = view.selector.clone();
    let labels = selector.match_labels.get_or_insert_default();
    labels.insert(POD_TEMPLATE_HASH.to_owned(), set.hash.clone());
    status.selector = selector_text(&selector);
}

/// A selector as autoscalers read it: `app=web,tier in (a,b)`.
fn selector_text(selector: &LabelSelector) -> String {
    let labels: BTreeMap<_, _> = selector.match_labels.iter().flatten().collect();
    let equal = labels.into_iter().map(|(key, value)| format!("{key}={value}"));
    let expressions = selector.match_expressions.iter().flatten().map(|expression| {
        let (key, values) = (&expression.key, expression.values.clone().unwrap_or_default().join(","));
        match expression.operator.as_str() {
            "In" => format!("{key} in ({values})"),
            "NotIn" => format!("{key} notin ({values})"),
            "DoesNotExist" => format!("!{key}"),
            _ => key.clone(),
        }
    });
    equal.chain(expressions).collect::<Vec<_>>().join(",")
}

/// The weights that the routes ask for, once all of them can be read.
fn weights(view: &View<'_>, status: &mut RolloutStatus) {
    if !view.is_routed() {
        status.canary.weights = None;
        return;
    }
    let routes = &view.snapshot.routes;
    if routes.is_empty() || routes.iter().any(|route| route.canary_weight.is_none()) {
        return;
    }
    let to_i32 = |weight: u32| i32::try_from(weight).unwrap_or(i32::MAX);
    let canary = view.highest_weight();
    let stable = stable_hash(status).to_owned();
    status.canary.weights = Some(TrafficWeights {
        canary: WeightDestination {
            weight: to_i32(canary),
            service_name: view.canary_service().to_owned(),
            pod_template_hash: view.hash().to_owned(),
        },
        stable: WeightDestination {
            weight: to_i32(view.max_weight().saturating_sub(canary)),
            service_name: view.stable_service().to_owned(),
            pod_template_hash: stable,
        },
        additional: Vec::new(),
        verified: None,
    });
}

/// Whether two statuses differ in more than what follows pods coming and going: counts, the phase's message, and the
/// times of conditions. Such a difference is written at once; the others may be merged for a moment.
#[must_use]
pub fn is_urgent(old: &RolloutStatus, new: &RolloutStatus) -> bool {
    let calm = |status: &RolloutStatus| {
        let mut status = status.clone();
        status.replicas = 0;
        status.updated_replicas = 0;
        status.ready_replicas = 0;
        status.available_replicas = 0;
        status.hpa_replicas = 0;
        status.message = String::new();
        for condition in &mut status.conditions {
            condition.last_update_time = None;
            condition.last_transition_time = None;
        }
        status.conditions.retain(|condition| !condition.is(crds::condition::ConditionType::Available));
        status
    };
    calm(old) != calm(new)
}

/// Whether a status says what comes next: another step or attempt, a pause that begins or ends, a promotion, an update
/// that is taken back.
#[must_use]
pub fn is_decisive(old: &RolloutStatus, new: &RolloutStatus) -> bool {
    let steers = |status: &RolloutStatus| {
        (
            (status.current_pod_hash.clone(), status.stable_rs.clone(), status.current_step_index),
            (status.controller_pause, status.pause_conditions.len(), status.promote_full),
            status.linnet.as_ref().map(|own| (own.attempt, own.pause_over, own.fast_track)),
        )
    };
    let is_abort = new.abort && (!old.abort || old.aborted_at.is_none());
    is_abort || steers(old) != steers(new)
}

/// Brings only counts, conditions and phase up to date, because no decision was made about the wanted version.
pub(crate) fn observe_only(view: &View<'_>, draft: &mut Draft) {
    count(view, &mut draft.status);
    observed(view, &mut draft.status);
    conditions::update(view, &Change::default(), &mut draft.status);
    set_phase(view, &mut draft.status);
}
