//! What the routes ask the proxies to send to each version: since when, and whether it was asked because the other
//! versions had failed.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::pods::{Pods, is_refuge};

/// What was asked for, by uid and hash, in the order of time.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked(BTreeMap<(String, String), Vec<Weight>>);

#[derive(Clone, Copy, Debug)]
struct Weight {
    written: Timestamp,
    percent: u32,
    /// Whether there was no better place for the requests when it was written.
    flees: bool,
}

impl Asked {
    /// The routes were written: what they ask for now, in percent by hash.
    pub(super) fn written(
        &mut self,
        uid: &str,
        weights: &BTreeMap<String, u32>,
        pods: &BTreeMap<String, Pods>,
        now: Timestamp,
    ) {
        let known =
            self.0.range((uid.to_owned(), String::new())..).take_while(|((owner, _), _)| owner == uid);
        let gone: Vec<String> =
            known.map(|((_, hash), _)| hash.clone()).filter(|hash| !weights.contains_key(hash)).collect();
        let gone = gone.into_iter().map(|hash| (hash, 0));
        let weights = weights.iter().map(|(hash, percent)| (hash.clone(), *percent)).chain(gone);
        let serves = |hash: &str| {
            let history = self.0.get(&(uid.to_owned(), hash.to_owned()));
            history.and_then(|history| history.last()).is_some_and(|asked| asked.percent > 0)
        };
        let weights: Vec<_> =
            weights.map(|(hash, percent)| (is_refuge(&hash, pods, serves), hash, percent)).collect();
        for (flees, hash, percent) in weights {
            let history = self.0.entry((uid.to_owned(), hash)).or_default();
            if history.last().is_none_or(|last| last.percent != percent) {
                history.push(Weight { written: now, percent, flees });
            }
        }
    }

    /// Since when the routes have asked for no less than that, as they stood at a time.
    pub(super) fn since(&self, uid: &str, hash: &str, percent: u32, at: Timestamp) -> Option<Timestamp> {
        let earlier = self.until(uid, hash, at).iter().rev();
        earlier.take_while(|asked| asked.percent >= percent).last().map(|asked| asked.written)
    }

    /// Whether what the routes asked for at a time was asked because there was no better place. Proxies follow later,
    /// when the others may be well again: that could not be known.
    pub(super) fn flees(&self, uid: &str, hash: &str, at: Timestamp) -> bool {
        self.until(uid, hash, at).last().is_some_and(|asked| asked.flees)
    }

    fn until(&self, uid: &str, hash: &str, at: Timestamp) -> &[Weight] {
        let history = self.0.get(&(uid.to_owned(), hash.to_owned())).map_or(&[][..], Vec::as_slice);
        history.get(..history.partition_point(|asked| asked.written <= at)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{START, after_ms};

    #[rstest::rstest]
    #[case::a_label_came_after_the_weight(60, 2500, Some(2000))]
    #[case::what_was_more_is_never_learned(50, 3000, Some(2000))]
    #[case::nothing_asked_for_it_before(60, 1500, None)]
    #[case::the_least_of_all(20, 4000, Some(1000))]
    fn a_weight_is_as_old_as_what_was_asked(
        #[case] percent: u32,
        #[case] written: u64,
        #[case] want: Option<u64>,
    ) {
        let mut asked = Asked::default();
        for (at, percent) in [(1000, 40), (2000, 60), (3000, 50), (4000, 20)] {
            let weights = BTreeMap::from([("old".to_owned(), 100 - percent), ("new".to_owned(), percent)]);
            asked.written("uid", &weights, &BTreeMap::new(), after_ms(START, at));
        }
        let since = asked.since("uid", "new", percent, after_ms(START, written));
        assert_eq!(since, want.map(|at| after_ms(START, at)));
    }
}
