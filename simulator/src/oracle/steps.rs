//! S4 and S5: the steps of an update in order, each done before the next, and a promotion that was earned.

use std::collections::{BTreeMap, BTreeSet};

use crds::analysis::AnalysisPhase;
use crds::names::{POD_TEMPLATE_HASH, REVISION, ROLLOUT_TYPE, STEP_INDEX};
use crds::object_ref::{Kind, ObjectRef};
use crds::rollout::{CanaryStep, PauseReason, RolloutStatus};
use engine::effect::Call;
use engine::object::View;
use jiff::Timestamp;
use planner::facts::{AnalysisRunFacts, RolloutFacts};
use planner::rollout::is_blank;

use super::Commit;
use crate::clock::{after_ms, ms_between};
use crate::outcome::Rule;
use crate::roles;
use crate::store::Store;

/// How much too early a pause may end: it counts from when it was decided, which comes a request before its commit.
const EARLY_MS: u64 = 100;
/// How much too late a pause may end.
const LATE_MS: u64 = 10_000;
/// The same after something went wrong: an operator waits for up to half a minute before it tries again.
const DISTURBED_LATE_MS: u64 = 60_000;

/// What is remembered of each Rollout, by uid.
#[derive(Clone, Debug, Default)]
pub(super) struct Steps {
    aborted_at: BTreeMap<String, Timestamp>,
    /// When the pause of a step began, in real time: uid, hash, attempt, step.
    paused_at: BTreeMap<(String, String, i64, i32), Timestamp>,
    /// Which runs were created: uid, hash, attempt, type, step.
    runs: BTreeMap<(String, String, i64, String, String), String>,
    /// Hash and revision of the wanted version, by uid: when it is another update, what was done before does not count.
    wanted: BTreeMap<String, (String, Option<String>)>,
    /// The Rollouts of which a person was asked what to make of an inconclusive analysis.
    asked: BTreeSet<String>,
    /// The steps of which the status had a hash last, by uid.
    hashed: BTreeMap<String, Vec<CanaryStep>>,
    /// The Rollouts that a person has held, by uid: their pauses take as long as that person wants.
    held: BTreeSet<String>,
    /// Until when something goes wrong.
    disturbed: Option<Timestamp>,
    /// Somebody else deletes, restores or turns clocks: what was remembered may be wrong.
    excused: bool,
    /// How fast the clock of an operator ran at most, in tenths of a percent, if not as fast as the real one: it measures pauses.
    fastest: Option<u32>,
    /// Clocks that differ have measured the same pause.
    clocks_differ: bool,
}

impl Steps {
    /// From now on only what can be seen in one write counts.
    pub(super) fn excuse(&mut self) {
        self.excused = true;
    }

    /// When the abort that is under way was written.
    pub(super) fn aborted_at(&self, uid: &str) -> Option<Timestamp> {
        self.aborted_at.get(uid).copied()
    }

    /// From now on an operator's clock runs at this speed, in percent.
    pub(super) fn runs_at(&mut self, percent: u32) {
        // While it approaches a wall clock that was set, it runs faster by a tenth.
        self.fastest = Some(self.fastest.unwrap_or(1_000).max(percent.saturating_mul(11)));
    }

    /// From now on no pause is measured: its two ends may be told by clocks that differ.
    pub(super) const fn clock_changes(&mut self) {
        self.clocks_differ = true;
    }

    /// Something goes wrong until then.
    pub(super) fn disturb(&mut self, until: Timestamp) {
        self.disturbed = self.disturbed.max(Some(until));
    }

    /// A Rollout has changed.
    pub(super) fn changed(&mut self, facts: &RolloutFacts, now: Timestamp) {
        let status = &facts.status;
        if status.abort && status.stable_rs != status.current_pod_hash {
            self.aborted_at.entry(facts.meta.uid.clone()).or_insert(now);
        } else {
            self.aborted_at.remove(&facts.meta.uid);
        }
        let uid = &facts.meta.uid;
        let update = (status.current_pod_hash.clone(), facts.meta.annotations.get(REVISION).cloned());
        if self.wanted.insert(uid.clone(), update.clone()).is_some_and(|before| before != update) {
            self.runs.retain(|(owner, ..), _| owner != uid);
            self.paused_at.retain(|(owner, ..), _| owner != uid);
            self.asked.remove(uid);
        }
        let pauses = |reason| status.pause_conditions.iter().any(|pause| pause.reason == reason);
        if pauses(PauseReason::InconclusiveAnalysis) {
            self.asked.insert(uid.clone());
        }
        let is_pausing = pauses(PauseReason::CanaryPauseStep);
        if facts.spec.as_ref().is_ok_and(|spec| spec.paused) {
            self.held.insert(facts.meta.uid.clone());
        }
        if let (true, Some(step)) = (is_pausing, status.current_step_index) {
            self.paused_at.entry(key(facts, step)).or_insert(now);
        }
    }

    /// An operator wrote something.
    pub(super) fn committed(&mut self, commit: &Commit<'_>, store: &Store) -> Vec<(Rule, String)> {
        match &commit.request.call {
            Call::Create(_) if commit.request.object.kind == Kind::AnalysisRun => {
                self.run_created(commit, store).into_iter().map(|message| (Rule::S4, message)).collect()
            }
            Call::MergePatchStatus(_) => self.status_written(commit, store),
            _ => Vec::new(),
        }
    }

    fn run_created(&mut self, commit: &Commit<'_>, store: &Store) -> Option<String> {
        let object = store.get(&commit.request.object)?;
        let owner = &object.meta.controller.as_ref()?.uid;
        let facts = super::rollouts(store).find(|facts| facts.meta.uid == *owner)?;
        let label = |name: &str| object.meta.labels.get(name).cloned().unwrap_or_default();
        let attempt = attempt(&facts.status);
        let key = (owner.clone(), label(POD_TEMPLATE_HASH), attempt, label(ROLLOUT_TYPE), label(STEP_INDEX));
        let name = object.meta.name.clone();
        let before = self.runs.insert(key, name.clone())?;
        let is_repeated = !self.was_answered(facts, &before, store) && !self.excused;
        is_repeated.then(|| format!("{name} does what {before} did already in attempt {attempt}"))
    }

    /// Whether a person was asked after a run that decided nothing, and resumed: then another one is wanted, once.
    fn was_answered(&mut self, facts: &RolloutFacts, name: &str, store: &Store) -> bool {
        let mut runs = runs(store).filter(|run| run.meta.namespace == facts.meta.namespace);
        let is_undecided =
            runs.any(|run| run.meta.name == name && run.status.phase == AnalysisPhase::Inconclusive);
        is_undecided && facts.status.pause_conditions.is_empty() && self.asked.remove(&facts.meta.uid)
    }

    fn status_written(&mut self, commit: &Commit<'_>, store: &Store) -> Vec<(Rule, String)> {
        let Some(View::Rollout(before)) = commit.before.map(|object| &object.view) else { return Vec::new() };
        let after = store.get(&commit.request.object).map(|object| &object.view);
        let Some(View::Rollout(after)) = after else { return Vec::new() };
        let mut found = Vec::new();
        if before.status.stable_rs != after.status.stable_rs {
            found.extend(promotion(before, after, store).map(|message| (Rule::S5, message)));
        }
        let are_same = self.are_same(before, after);
        if let Some(step) = advance(&before.status, &after.status, are_same) {
            match step {
                Advance::One(index) => {
                    found.extend(
                        self.undone(before, index, store, commit.now).map(|message| (Rule::S4, message)),
                    );
                }
                Advance::Wrong => {
                    let (from, to) = (before.status.current_step_index, after.status.current_step_index);
                    found.push((
                        Rule::S4,
                        format!("the step of {} goes from {from:?} to {to:?}", after.meta.name),
                    ));
                }
            }
        }
        found
    }

    /// Why a step that was ended is not done; nothing if it is.
    fn undone(&mut self, before: &RolloutFacts, index: i32, store: &Store, now: Timestamp) -> Option<String> {
        let spec = before.spec.as_ref().ok()?;
        let step = spec.strategy.canary.as_ref()?.steps.get(usize::try_from(index).ok()?)?;
        let status = &before.status;
        let resumed = status.controller_pause && status.pause_conditions.is_empty();
        if self.excused || resumed {
            return None;
        }
        if let Some(pause) = &step.pause {
            let Some(text) = &pause.duration else {
                return Some(format!("step {index} pauses for ever, and nobody resumed it"));
            };
            let length = crds::duration::seconds_or_text(text).ok()?.as_millis();
            return self.wrong_pause(before, index, length, now);
        }
        undone_analysis(before, step, index, store)
    }

    /// Why a pause that was to last so many milliseconds ended too early or too late.
    fn wrong_pause(&self, before: &RolloutFacts, index: i32, length: i128, now: Timestamp) -> Option<String> {
        let Some(began) = self.paused_at.get(&key(before, index)).copied() else {
            return (length > 0).then(|| format!("step {index} ended without ever having paused"));
        };
        if self.clocks_differ {
            return None;
        }
        let passed = ms_between(began, now).saturating_mul(u64::from(self.fastest.unwrap_or(1_000))) / 1_000;
        let is_early = i128::from(passed + EARLY_MS) < length;
        let is_calm = self.disturbed.is_none_or(|until| after_ms(until, DISTURBED_LATE_MS) < now);
        let is_late = i128::from(passed) > length + i128::from(LATE_MS) && is_calm;
        let is_measured = self.fastest.is_none() && !self.held.contains(&before.meta.uid);
        (is_early || (is_late && is_measured))
            .then(|| format!("step {index} paused for {passed} ms instead of {length} ms"))
    }

    /// Whether the steps are those that the status knows: then a new hash of them is no reason to begin anew.
    fn are_same(&mut self, before: &RolloutFacts, after: &RolloutFacts) -> bool {
        let canary = after.spec.as_ref().ok().and_then(|spec| spec.strategy.canary.as_ref());
        let Some(canary) = canary else { return false };
        let known = self.hashed.get(&after.meta.uid);
        let are_same = known.is_some_and(|known| *known == canary.steps);
        let is_hashed = before.status.current_step_hash != after.status.current_step_hash;
        if !are_same && (is_hashed || known.is_none()) {
            self.hashed.insert(after.meta.uid.clone(), canary.steps.clone());
        }
        are_same
    }
}

/// How the step changed.
enum Advance {
    One(i32),
    Wrong,
}

/// How an operator's write changed the step, unless something else explains it: another version, another attempt after
/// an abort, other steps, an abort, or the promotion. Another hash of the same steps explains nothing.
fn advance(before: &RolloutStatus, after: &RolloutStatus, are_same: bool) -> Option<Advance> {
    let (from, to) = (before.current_step_index, after.current_step_index);
    let begins_anew = before.current_pod_hash != after.current_pod_hash
        || before.aborted_at.is_some()
        || (before.current_step_hash != after.current_step_hash && !are_same);
    let is_aborted = before.aborted_at != after.aborted_at || after.abort;
    let is_promoted = after.stable_rs == after.current_pod_hash;
    if from == to || begins_anew || is_aborted || is_promoted {
        return None;
    }
    match (from, to) {
        (Some(from), Some(to)) if to == from + 1 => Some(Advance::One(from)),
        _ => Some(Advance::Wrong),
    }
}

fn undone_analysis(before: &RolloutFacts, step: &CanaryStep, index: i32, store: &Store) -> Option<String> {
    step.analysis.as_ref()?;
    let is_it = |run: &&AnalysisRunFacts| {
        let label = |name: &str| run.meta.labels.get(name).map(String::as_str);
        run.meta.controller.as_ref().is_some_and(|owner| owner.uid == before.meta.uid)
            && label(POD_TEMPLATE_HASH) == Some(before.status.current_pod_hash.as_str())
            && label(STEP_INDEX) == Some(index.to_string().as_str())
    };
    let successful = runs(store).filter(is_it).any(|run| run.status.phase == AnalysisPhase::Successful);
    (!successful).then(|| format!("step {index} ended without a successful analysis"))
}

fn runs(store: &Store) -> impl Iterator<Item = &AnalysisRunFacts> {
    store.list(Kind::AnalysisRun).filter_map(|object| match &object.view {
        View::AnalysisRun(facts) => Some(&**facts),
        _ => None,
    })
}

/// Why a promotion was not earned; nothing if it was.
fn promotion(before: &RolloutFacts, after: &RolloutFacts, store: &Store) -> Option<String> {
    let (old, new) = (&before.status, &after.status);
    let name = &after.meta.name;
    if is_blank(old) && new.current_pod_hash.is_empty() {
        return (!serves(after, store))
            .then(|| format!("{name}: {} is stable again and serves nobody", new.stable_rs));
    }
    if new.stable_rs != new.current_pod_hash {
        return Some(format!(
            "{name}: {} becomes stable, but {} is wanted",
            new.stable_rs, new.current_pod_hash
        ));
    }
    if old.stable_rs.is_empty() || old.promote_full {
        return None;
    }
    if old.abort {
        return Some(format!("{name}: an aborted version becomes stable"));
    }
    let steps = before.spec.as_ref().ok()?.strategy.canary.as_ref().map_or(0, |canary| canary.steps.len());
    let done = old.current_step_index.and_then(|index| usize::try_from(index).ok()).unwrap_or(0);
    if done < steps {
        return Some(format!("{name}: a version becomes stable at step {done} of {steps}"));
    }
    let summary = old.canary.current_background_analysis_run_status.as_ref();
    let is_bad = |run: &AnalysisRunFacts| {
        matches!(run.status.phase, AnalysisPhase::Failed | AnalysisPhase::Error | AnalysisPhase::Inconclusive)
    };
    let bad =
        summary.and_then(|summary| runs(store).find(|run| run.meta.name == summary.name && is_bad(run)));
    bad.map(|run| {
        format!("{name}: a version becomes stable although {} is {}", run.meta.name, run.status.phase)
    })
}

/// Whether the version that a Rollout calls stable is to have pods and the users' Service, if there is one, selects it.
fn serves(rollout: &RolloutFacts, store: &Store) -> bool {
    let hash = &rollout.status.stable_rs;
    let has_pods = roles::sets(store, rollout).any(|set| set.hash == *hash && set.replicas > 0);
    let service = roles::services(rollout).map(|[users, _]| users).filter(|users| !users.is_empty());
    let selected = service.and_then(|name| {
        match &store.get(&ObjectRef::new(Kind::Service, &rollout.meta.namespace, name))?.view {
            View::Service(service) => service.selector.get(POD_TEMPLATE_HASH).cloned(),
            _ => None,
        }
    });
    has_pods && selected.is_none_or(|selected| selected == *hash)
}

fn attempt(status: &RolloutStatus) -> i64 {
    status.linnet.as_ref().and_then(|own| own.attempt).unwrap_or(1)
}

fn key(facts: &RolloutFacts, step: i32) -> (String, String, i64, i32) {
    (facts.meta.uid.clone(), facts.status.current_pod_hash.clone(), attempt(&facts.status), step)
}
