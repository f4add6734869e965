//! The pods of each version that S1 and S2 count.

use std::collections::BTreeMap;

use jiff::Timestamp;
use planner::facts::RolloutFacts;

use super::workload;
use crate::controllers::Nodes;
use crate::roles;
use crate::store::Store;

/// The pods of a version that count.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pods {
    /// Those that were available once and are not being deleted.
    pub(super) there: i32,
    /// Those that are available now.
    pub(super) available: i32,
    /// Those that were deleted while they were not ready although they had been, so far.
    pub(super) lost: i32,
}

/// The pods of each version that count, by hash; those of a Deployment that hands its own over have none.
pub(super) fn earned(
    store: &Store,
    facts: &RolloutFacts,
    nodes: &Nodes,
    now: Timestamp,
) -> BTreeMap<String, Pods> {
    let mut earned: BTreeMap<String, Pods> = BTreeMap::new();
    for set in roles::sets(store, facts) {
        let counts = nodes.counts(&set.meta.uid, now);
        let pods = earned.entry(set.hash.clone()).or_default();
        pods.there += counts.earned;
        pods.available += counts.available;
        pods.lost += counts.lost;
    }
    if let Some(workload) = workload::serving(store, facts) {
        let counts = nodes.counts(&workload.meta.uid, now);
        let pods = Pods { there: counts.earned, available: counts.available, lost: counts.lost };
        earned.insert(String::new(), pods);
    }
    earned
}

/// Whether a version takes requests from versions whose pods fail, and has as many available ones as any of them: there
/// is no better place for them. Only versions that `serves` holds for count: what nobody was sent to yet is no place.
pub(super) fn is_refuge(hash: &str, earned: &BTreeMap<String, Pods>, serves: impl Fn(&str) -> bool) -> bool {
    let available = earned.get(hash).map_or(0, |pods| pods.available);
    let others = earned.iter().filter(|(other, pods)| *other != hash && pods.there > 0);
    let mut others = others.filter(|(other, _)| serves(other)).peekable();
    others.peek().is_some()
        && others.all(|(_, pods)| pods.available < pods.there && pods.available <= available)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case::the_others_fail(2, (4, 0), true)]
    #[case::the_others_fail_but_have_more(1, (4, 2), false)]
    #[case::the_others_are_well(2, (2, 2), false)]
    #[case::there_are_no_others(2, (0, 0), false)]
    fn failing_versions_are_fled_from(
        #[case] available: i32,
        #[case] (there, others): (i32, i32),
        #[case] want: bool,
    ) {
        let pods = |there, available| Pods { there, available, lost: 0 };
        let earned =
            BTreeMap::from([("new".to_owned(), pods(there, others)), ("old".to_owned(), pods(2, available))]);
        assert_eq!(is_refuge("old", &earned, |_| true), want);
    }

    #[test]
    fn a_version_that_nobody_was_sent_to_is_no_better_place() {
        let pods = |available| Pods { there: 2, available, lost: 0 };
        let earned = [("failing", pods(0)), ("next", pods(2)), ("old", pods(2))];
        let earned = BTreeMap::from(earned.map(|(hash, pods)| (hash.to_owned(), pods)));
        assert!(!is_refuge("old", &earned, |_| true));
        assert!(is_refuge("old", &earned, |hash| hash != "next"));
    }
}
