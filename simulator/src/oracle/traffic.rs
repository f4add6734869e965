//! S1 and S2: requests meet pods, wherever a proxy sends them, and no pod is taken away that they still need.
//!
//! What counts is what the operator did: a pod that was available once and is not being deleted counts as there, also
//! while it is not ready, and one that was not ready when it was deleted is not missed until there were enough again. If
//! somebody else takes pods or objects away, what is missing afterwards is excused until it has been enough again.

use std::collections::{BTreeMap, BTreeSet};

use crds::IntOrString;
use crds::rollout::{CanaryStrategy, RolloutSpec};
use engine::effect::Call;
use engine::object::View;
use jiff::Timestamp;
use planner::facts::RolloutFacts;

use super::asked::Asked;
use super::pods::{Pods, earned, is_refuge};
use super::wanted::Wanted;
use super::{Commit, rollouts};
use crate::clock::ms_between;
use crate::controllers::Nodes;
use crate::data_plane::{DataPlane, Share};
use crate::roles;
use crate::store::Store;
use crate::world::scaled_to;

/// For how long after somebody else's change new shortages are excused.
const AMNESTY_MS: u64 = 30_000;

/// For how long after a clock was made to run fast a proxy may be later than was promised.
const LATE_MS: u64 = 10_000;

/// What is remembered between looks.
#[derive(Clone, Debug, Default)]
pub(super) struct Traffic {
    /// How many pods each Rollout wanted.
    pub(super) wanted: Wanted,
    /// The number of wanted pods for which a Rollout without a router had enough last, by uid.
    enough: BTreeMap<String, i32>,
    excused: BTreeSet<(String, String)>,
    /// How many pods had been lost when there were enough last, by uid and hash.
    forgiven: BTreeMap<(String, String), i32>,
    amnesty: Option<Timestamp>,
    /// When an operator's clock was made to run fast while proxies were late already.
    hurried: Option<Timestamp>,
    /// What proxies send where, by uid, and then by proxy and place among its shares.
    shares: BTreeMap<String, BTreeMap<(usize, usize), Held>>,
    /// What the routes ask for.
    pub(super) asked: Asked,
}

/// A share as it was at the last look.
#[derive(Clone, Debug)]
struct Held {
    hash: String,
    percent: u32,
    /// Since when it has not grown.
    since: Timestamp,
    /// Whether it lacked pods since then while there was no better place for it: it may stay until there are enough.
    has_fled: bool,
}

impl Traffic {
    /// Somebody else took something away.
    pub(super) fn excuse(&mut self, now: Timestamp) {
        self.amnesty = Some(now);
    }

    /// The store went back in time: whoever had enough pods since may have none of them.
    pub(super) fn restored(&mut self) {
        self.enough.clear();
    }

    /// An operator's clock runs fast from now on: what is on its way to a proxy may take longer than was promised.
    pub(super) fn hurry(&mut self, now: Timestamp) {
        self.excuse(now);
        self.hurried = Some(now);
    }

    /// The share at a place, and since when it has not grown: who gets less than before, there or of other requests to
    /// the same proxy, owes no pods that were not owed already, also where a proxy never learned of what was before.
    /// Nor does who takes over from a version that has no more pods: nobody is worse off.
    fn held(
        &self,
        uid: &str,
        place: (usize, usize),
        share: &Share,
        pods: Option<&BTreeMap<String, Pods>>,
    ) -> Option<Held> {
        let (hash, percent) = (share.hash.clone()?, share.percent());
        let of = |hash: &str| pods.and_then(|pods| pods.get(hash)).copied().unwrap_or_default();
        let is_no_worse = |before: &Held| {
            let (old, new) = (of(&before.hash), of(&hash));
            new.there > 0 && new.there >= old.there
        };
        let before = self.shares.get(uid).into_iter().flatten().filter(|((proxy, _), _)| *proxy == place.0);
        let is_heir = |(at, before): &(&(usize, usize), &Held)| {
            percent <= before.percent && (before.hash == hash || (**at == place && is_no_worse(before)))
        };
        let heirs: Vec<&Held> = before.filter(is_heir).map(|(_, before)| before).collect();
        let asked = self.asked.since(uid, &hash, percent, share.written_at);
        let since =
            heirs.iter().map(|before| before.since).chain(asked).fold(share.written_at, Timestamp::min);
        let has_fled = if heirs.is_empty() {
            self.asked.flees(uid, &hash, share.written_at)
        } else {
            heirs.iter().any(|before| before.has_fled && before.hash == hash)
        };
        Some(Held { hash, percent, since, has_fled })
    }

    fn is_excused(&mut self, rollout: &str, hash: &str, now: Timestamp) -> bool {
        let key = (rollout.to_owned(), hash.to_owned());
        if self.amnesty.is_some_and(|since| ms_between(since, now) <= AMNESTY_MS) {
            self.excused.insert(key);
            return true;
        }
        self.excused.contains(&key)
    }

    /// How many pods were lost, through no fault of the operator, since there were enough.
    fn lost(&self, rollout: &str, hash: &str, pods: Pods) -> i32 {
        let forgiven = self.forgiven.get(&(rollout.to_owned(), hash.to_owned())).copied().unwrap_or(0);
        (pods.lost - forgiven).max(0)
    }

    /// There are enough pods: from now on, what was missing before is no excuse.
    fn enough_again(&mut self, rollout: &str, hash: &str, pods: Pods) {
        let key = (rollout.to_owned(), hash.to_owned());
        self.excused.remove(&key);
        if pods.lost > 0 {
            self.forgiven.insert(key, pods.lost);
        } else {
            self.forgiven.remove(&key);
        }
    }

    /// S1: everything that misses pods.
    pub(super) fn check(
        &mut self,
        store: &Store,
        plane: &DataPlane,
        nodes: &Nodes,
        now: Timestamp,
    ) -> Vec<String> {
        let mut messages = Vec::new();
        for facts in rollouts(store) {
            let Some(spec) = facts.readable_spec() else { continue };
            if facts.status.stable_rs.is_empty() || facts.meta.deleting {
                continue;
            }
            let earned = earned(store, facts, nodes, now);
            if is_steered(spec) {
                messages.extend(self.steered(facts, spec, plane, (&earned, now)));
            } else {
                messages.extend(self.together(facts, spec, (&earned, now)));
            }
        }
        messages
    }

    fn steered(
        &mut self,
        facts: &RolloutFacts,
        spec: &RolloutSpec,
        plane: &DataPlane,
        (earned, now): (&BTreeMap<String, Pods>, Timestamp),
    ) -> Vec<String> {
        let mut messages = Vec::new();
        let mut short = BTreeSet::new();
        let mut seen = BTreeSet::new();
        let mut held = BTreeMap::new();
        for proxy in 0..plane.proxies() {
            for (place, share) in plane.shares(proxy, facts).into_iter().enumerate() {
                let Some(mut now_held) = self.held(&facts.meta.uid, (proxy, place), &share, Some(earned))
                else {
                    continue;
                };
                let need = needed(spec, &share, self.wanted.least(&facts.meta.uid, now_held.since));
                let hash = now_held.hash.clone();
                let pods = earned.get(&hash).copied().unwrap_or_default();
                let have = pods.there;
                now_held.has_fled = have < need && (now_held.has_fled || is_refuge(&hash, earned, |_| true));
                let has_fled = now_held.has_fled;
                held.insert((proxy, place), now_held);
                seen.insert(hash.clone());
                if have >= need {
                    continue;
                }
                short.insert(hash.clone());
                let lost = self.lost(&facts.meta.uid, &hash, pods);
                let is_owed = have + lost < need && !has_fled;
                if is_owed && !self.is_excused(&facts.meta.uid, &hash, now) {
                    let (name, percent) = (&facts.meta.name, share.percent());
                    messages.push(format!(
                        "proxy {proxy} sends {percent} % of {name} to {hash}, which has {have} of {need} pods"
                    ));
                }
            }
        }
        self.shares.insert(facts.meta.uid.clone(), held);
        for hash in seen.difference(&short) {
            let pods = earned.get(hash).copied().unwrap_or_default();
            self.enough_again(&facts.meta.uid, hash, pods);
        }
        messages
    }

    /// Without a router all pods serve together.
    fn together(
        &mut self,
        facts: &RolloutFacts,
        spec: &RolloutSpec,
        (earned, now): (&BTreeMap<String, Pods>, Timestamp),
    ) -> Option<String> {
        let uid = &facts.meta.uid;
        let there: i32 = earned.values().map(|pods| pods.there).sum();
        let pods = Pods { there, lost: earned.values().map(|pods| pods.lost).sum(), ..Pods::default() };
        let have = pods.there;
        let wanted = spec.replicas.unwrap_or(1).min(self.wanted.least(uid, now));
        let bound = self.enough.get(uid).map_or(0, |enough| *enough).min(wanted);
        if have >= wanted - missing(spec, wanted) {
            self.enough.insert(uid.clone(), wanted);
        }
        let need = bound - missing(spec, bound);
        if have >= need {
            self.enough_again(uid, "", pods);
            return None;
        }
        if have + self.lost(uid, "", pods) >= need || self.is_excused(uid, "", now) {
            return None;
        }
        Some(format!("{} has {have} of {need} pods in all", facts.meta.name))
    }

    /// S2: what a scale-down of an operator takes away although a proxy still sends requests there.
    pub(super) fn shortages(&mut self, commit: &Commit<'_>, store: &Store, plane: &DataPlane) -> Vec<String> {
        let Call::JsonPatch(patch) = &commit.request.call else { return Vec::new() };
        let Some(View::ReplicaSet(set)) = commit.before.map(|object| &object.view) else { return Vec::new() };
        let to = scaled_to(patch).and_then(|to| i32::try_from(to).ok());
        let Some(to) = to.filter(|to| *to < set.replicas) else { return Vec::new() };
        let owner = set.meta.controller.as_ref().map(|owner| owner.uid.as_str()).unwrap_or_default();
        let Some(facts) = rollouts(store).find(|facts| facts.meta.uid == owner) else { return Vec::new() };
        let Some(spec) = facts.readable_spec().filter(|spec| is_steered(spec)) else { return Vec::new() };
        if self.hurried.is_some_and(|since| ms_between(since, commit.now) <= LATE_MS) {
            return Vec::new();
        }
        let mut need = None;
        for proxy in 0..plane.proxies() {
            for (place, share) in plane.shares(proxy, facts).iter().enumerate() {
                let held = self
                    .held(&facts.meta.uid, (proxy, place), share, None)
                    .filter(|held| held.hash == set.hash);
                let owed =
                    held.map(|held| needed(spec, share, self.wanted.least(&facts.meta.uid, held.since)));
                need = need.max(owed);
            }
        }
        let (name, from) = (&set.meta.name, set.replicas);
        need.filter(|need| to < *need)
            .map(|need| format!("{name} is scaled from {from} to {to}, but requests to it need {need} pods"))
            .into_iter()
            .collect()
    }
}

/// Whether something decides which version answers a request.
fn is_steered(spec: &RolloutSpec) -> bool {
    spec.strategy.blue_green.is_some()
        || spec.strategy.canary.as_ref().is_some_and(|canary| canary.traffic_routing.is_some())
}

/// How many pods a share needs, of so many wanted ones: rounded up, less what may be missing, at least one.
fn needed(spec: &RolloutSpec, share: &Share, wanted: i32) -> i32 {
    if wanted <= 0 {
        return 0;
    }
    let tolerant = |canary: &CanaryStrategy| canary.replica_progress_threshold.is_some();
    if spec.strategy.canary.as_ref().is_some_and(tolerant) {
        return 1;
    }
    (share.pods(wanted) - missing(spec, wanted)).max(1)
}

/// How many of so many pods may be missing: `maxUnavailable`, 25 % rounded down; one if no more may be there either, or
/// if they are to be restarted.
fn missing(spec: &RolloutSpec, wanted: i32) -> i32 {
    let quarter = IntOrString::from("25%");
    let count = |value: Option<&IntOrString>, up: bool| {
        let pods = value.unwrap_or(&quarter).of(i64::from(wanted), up).unwrap_or(0);
        i32::try_from(pods.max(0)).unwrap_or(i32::MAX)
    };
    let (surge, unavailable) = match (&spec.strategy.canary, &spec.strategy.blue_green) {
        (Some(canary), _) => {
            (count(canary.max_surge.as_ref(), true), count(canary.max_unavailable.as_ref(), false))
        }
        (None, Some(blue_green)) => {
            (1, blue_green.max_unavailable.as_ref().map_or(0, |value| count(Some(value), false)))
        }
        (None, None) => (1, 0),
    };
    let is_stuck = surge == 0 && unavailable == 0;
    if is_stuck || spec.restart_at.is_some() { unavailable.max(1) } else { unavailable }
}

/// Whether the stable version has all its pods, available.
pub(super) fn is_complete(facts: &RolloutFacts, store: &Store, nodes: &Nodes, now: Timestamp) -> bool {
    let wanted = facts.readable_spec().map_or(1, |spec| spec.replicas.unwrap_or(1));
    let stable = roles::sets(store, facts).filter(|set| set.hash == facts.status.stable_rs);
    stable.map(|set| nodes.counts(&set.meta.uid, now).available).sum::<i32>() >= wanted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{START, after_ms};

    fn share(hash: &str, weight: u64, written_ms: u64) -> Share {
        Share { hash: Some(hash.to_owned()), weight, total: 100, written_at: after_ms(START, written_ms) }
    }

    #[rstest::rstest]
    #[case::as_many(2, 2, 100, 1000)]
    #[case::fewer(3, 2, 100, 9000)]
    #[case::none_at_all(0, 0, 100, 9000)]
    #[case::more_requests(2, 2, 60, 9000)]
    fn a_successor_owes_no_more_if_it_has_the_pods(
        #[case] old: i32,
        #[case] new: i32,
        #[case] percent: u32,
        #[case] want: u64,
    ) {
        let mut traffic = Traffic::default();
        let since = after_ms(START, 1000);
        let before = Held { hash: "old".to_owned(), percent, since, has_fled: false };
        traffic.shares.insert("uid".to_owned(), BTreeMap::from([((0, 0), before)]));
        let pods = |there| Pods { there, ..Pods::default() };
        let pods = BTreeMap::from([("old".to_owned(), pods(old)), ("new".to_owned(), pods(new))]);
        let held = traffic.held("uid", (0, 0), &share("new", 100, 9000), Some(&pods)).unwrap();
        assert_eq!(held.since, after_ms(START, want));
    }

    /// What fled to a version may stay there; more requests, or those of another version, may not come after it.
    #[rstest::rstest]
    #[case::as_many("old", 60, true)]
    #[case::fewer("old", 40, true)]
    #[case::more("old", 100, false)]
    #[case::to_another_version("new", 60, false)]
    fn only_what_fled_may_stay(#[case] hash: &str, #[case] percent: u64, #[case] want: bool) {
        let mut traffic = Traffic::default();
        let since = after_ms(START, 1000);
        let before = Held { hash: "old".to_owned(), percent: 60, since, has_fled: true };
        traffic.shares.insert("uid".to_owned(), BTreeMap::from([((0, 0), before)]));
        let held = traffic.held("uid", (0, 0), &share(hash, percent, 9000), None).unwrap();
        assert_eq!(held.has_fled, want);
    }

    /// Whether the new version's pods had failed when the routes were written counts, not how they are when a proxy
    /// follows; and it counts once.
    #[rstest::rstest]
    #[case::they_had_failed(0, None, true)]
    #[case::they_were_well(1, None, false)]
    #[case::there_were_enough_since(0, Some(false), false)]
    #[case::there_were_never_enough(0, Some(true), true)]
    fn a_proxy_may_follow_a_flight_late(
        #[case] available: i32,
        #[case] had_fled: Option<bool>,
        #[case] want: bool,
    ) {
        let mut traffic = Traffic::default();
        let at = after_ms(START, 1000);
        let pods = |there, available| Pods { there, available, lost: 0 };
        let pods = BTreeMap::from([("old".to_owned(), pods(2, 2)), ("new".to_owned(), pods(1, available))]);
        let asked = |old, new| BTreeMap::from([("old".to_owned(), old), ("new".to_owned(), new)]);
        traffic.asked.written("uid", &asked(40, 60), &pods, START);
        traffic.asked.written("uid", &asked(100, 0), &pods, at);
        let before =
            had_fled.map(|has_fled| Held { hash: "old".to_owned(), percent: 100, since: at, has_fled });
        traffic.shares.insert("uid".to_owned(), before.into_iter().map(|before| ((0, 0), before)).collect());
        let held = traffic.held("uid", (0, 0), &share("old", 100, 1000), None).unwrap();
        assert_eq!(held.has_fled, want);
    }
}
