//! The open event streams, so that they can be ended from outside.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::attributes::Attributes;
use crate::rule::{CutMode, Matcher};

type Open = BTreeMap<u64, (Attributes, oneshot::Sender<CutMode>)>;

/// The open streams.
#[derive(Debug, Clone, Default)]
pub(crate) struct Streams {
    open: Arc<Mutex<(u64, Open)>>,
}

/// Keeps a stream in the list for as long as it lives.
#[derive(Debug)]
pub(crate) struct Membership {
    streams: Streams,
    id: u64,
}

impl Streams {
    /// Adds a stream; the receiver is told when it must end.
    pub(crate) fn join(&self, request: Attributes) -> (Membership, oneshot::Receiver<CutMode>) {
        let (end, ended) = oneshot::channel();
        let mut open = self.lock();
        open.0 += 1;
        let id = open.0;
        open.1.insert(id, (request, end));
        (Membership { streams: self.clone(), id }, ended)
    }

    /// Ends all streams that match; returns how many.
    pub(crate) fn end(&self, matcher: &Matcher, mode: CutMode) -> usize {
        let mut open = self.lock();
        let (matching, rest) =
            std::mem::take(&mut open.1).into_iter().partition(|(_, (request, _))| matcher.matches(request));
        open.1 = rest;
        let matching: Open = matching;
        matching.into_values().filter_map(|(_, end)| end.send(mode).ok()).count()
    }

    /// What the open streams are about.
    pub(crate) fn list(&self) -> Vec<Attributes> {
        self.lock().1.values().map(|(request, _)| request.clone()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, (u64, Open)> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.streams.lock().1.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watch(resource: &str) -> Attributes {
        Attributes::read("GET", &format!("/api/v1/{resource}"), "watch=1", "linnet")
    }

    #[tokio::test]
    async fn only_matching_streams_are_ended() {
        let streams = Streams::default();
        let (_pods, pods_end) = streams.join(watch("pods"));
        let (services, mut services_end) = streams.join(watch("services"));
        let matcher = Matcher { resources: vec!["pods".to_owned()], ..Matcher::default() };
        assert_eq!(streams.end(&matcher, CutMode::Hang), 1);
        assert_eq!(pods_end.await.unwrap(), CutMode::Hang);
        assert!(services_end.try_recv().is_err());
        assert_eq!(streams.list(), [watch("services")]);
        drop(services);
        assert!(streams.list().is_empty());
    }
}
