//! Watches: opened by processes, looked at when something is due, disturbed by faults.

use crds::object_ref::Kind;
use engine::input::Input;
use jiff::{SignedDuration, Timestamp};

use super::World;
use super::happening::Happening;
use crate::clock::{after_ms, ms_between};
use crate::fault::{FaultKind, WatchEnd};
use crate::process::{Address, Watching};
use crate::watch::{Cause, Cursor, Selector};

impl World {
    /// A process opens a watch: it begins with a list.
    pub(super) fn open(&mut self, from: Address, kind: Kind) {
        let at = self.chance.after(self.now, self.prepared.scenario.timings.request_ms);
        let mut cursor = Cursor::open(kind, Selector::of_operator(kind, None), SignedDuration::ZERO, at);
        let Some(process) = self.processes.get_mut(from.process) else { return };
        if let Some((version, only)) = process.lists_from
            && only.is_none_or(|only| only == kind)
        {
            cursor.relist(at, Some(version));
        }
        let missing = self.meeting.missing_until(kind, self.now);
        if let Some(until) = missing {
            cursor.relist(until, None);
        }
        process.watches.insert(kind, Watching { cursor, planned: None, slow: None });
        if missing.is_some() {
            // Whoever comes while a kind is not served learns that, and lists it when it is.
            self.feed(from, Input::KindMissing(kind));
            return;
        }
        self.expect(from.process, kind);
    }

    /// Plans the next look at a watch, unless one is planned already.
    pub(super) fn expect(&mut self, process: usize, kind: Kind) {
        let address = self.address(process);
        let range = self.prepared.scenario.timings.watch_ms;
        let now = self.now;
        let Some(watching) =
            self.processes.get_mut(process).and_then(|process| process.watches.get_mut(&kind))
        else {
            return;
        };
        if watching.planned.is_some_and(|planned| planned >= now) {
            return;
        }
        let drawn = ms_between(now, self.chance.after(now, range));
        let lag = match watching.slow {
            Some((until, lag)) if until > now => lag,
            _ => drawn,
        };
        let slowed = lag != drawn;
        watching.cursor.set_lag(SignedDuration::from_millis(i64::try_from(lag).unwrap_or(i64::MAX)));
        let Some(due) = watching.cursor.next_due(&self.store) else { return };
        let due = due.max(now);
        watching.planned = Some(due);
        if slowed {
            self.mark(FaultKind::F4);
        }
        self.plan(due, Happening::Deliver { to: address, kind });
    }

    /// A watch delivers what is due.
    pub(super) fn deliver(&mut self, to: Address, kind: Kind) {
        if let Some(watching) = self.watching(to.process, kind) {
            watching.planned = None;
        }
        loop {
            let now = self.now;
            let (store, processes) = (&self.store, &mut self.processes);
            let watching = processes.get_mut(to.process).and_then(|process| process.watches.get_mut(&kind));
            let Some(delivery) = watching.and_then(|watching| watching.cursor.poll(store, now)) else {
                break;
            };
            match delivery.cause {
                Cause::OldList => self.mark(FaultKind::F2),
                Cause::Collapsed => self.mark(FaultKind::F3),
                Cause::Change | Cause::List | Cause::Duplicate => {}
            }
            self.trace.all.number(delivery.version);
            self.feed(to, Input::Watch { kind, event: delivery.event.to_event() });
        }
        self.expect(to.process, kind);
    }

    fn watching(&mut self, process: usize, kind: Kind) -> Option<&mut Watching> {
        self.processes.get_mut(process)?.watches.get_mut(&kind)
    }

    /// Of what a watch has held back only the last state of each object is left.
    pub(super) fn collapse(&mut self, to: Address, kind: Kind) {
        let (store, processes) = (&self.store, &mut self.processes);
        let watching = processes.get_mut(to.process).and_then(|process| process.watches.get_mut(&kind));
        let saved = watching.map_or(0, |watching| watching.cursor.collapse(store));
        if saved > 0 {
            self.mark(FaultKind::F3);
        }
        if let Some(watching) = self.watching(to.process, kind) {
            watching.planned = None;
        }
        self.expect(to.process, kind);
    }

    /// Does something with every watch of the leading process, of one kind or of all; looks at them anew.
    pub(super) fn each_watch(&mut self, only: Option<Kind>, mut change: impl FnMut(&mut Watching)) {
        let Some(leader) = self.leader() else { return };
        let Some(process) = self.processes.get_mut(leader) else { return };
        let mut kinds = Vec::new();
        for (kind, watching) in &mut process.watches {
            if only.is_none_or(|only| only == *kind) {
                change(watching);
                watching.planned = None;
                kinds.push(*kind);
            }
        }
        for kind in kinds {
            self.expect(leader, kind);
        }
    }

    /// Watches end.
    pub(super) fn break_watches(&mut self, only: Option<Kind>, how: WatchEnd) {
        let now = self.now;
        let range = self.prepared.scenario.timings.request_ms;
        let again = self.chance.after(now, range);
        self.each_watch(only, |watching| match how {
            WatchEnd::Closed => watching.cursor.silence(again),
            WatchEnd::Expired => watching.cursor.relist(again, None),
            WatchEnd::Silent { for_ms } => watching.cursor.silence(after_ms(now, for_ms)),
        });
        self.mark(FaultKind::F7);
    }

    /// The kinds that a process watches.
    pub(super) fn watched(&self, process: usize) -> Vec<Kind> {
        self.processes
            .get(process)
            .map(|process| process.watches.keys().copied().collect())
            .unwrap_or_default()
    }

    /// For a while nothing is delivered, then only the last state of each object.
    pub(super) fn hold_watches(&mut self, only: Option<Kind>, until: Timestamp) {
        let Some(leader) = self.leader() else { return };
        let to = self.address(leader);
        // Planned before the next look, so that nothing is delivered one by one.
        for kind in self.watched(leader).into_iter().filter(|kind| only.is_none_or(|only| only == *kind)) {
            self.plan(until, Happening::Collapse { to, kind });
        }
        self.each_watch(only, |watching| watching.cursor.hold(until));
    }

    /// A kind is not served: every process is told so.
    pub(super) fn miss_kind(&mut self, kind: Kind, until: Timestamp) {
        for process in 0..self.processes.len() {
            let to = self.address(process);
            if let Some(watching) = self.watching(process, kind) {
                watching.cursor.relist(until, None);
                watching.planned = None;
                self.feed(to, Input::KindMissing(kind));
            }
        }
        self.plan(until, Happening::Served(kind));
    }

    /// A kind is served again.
    pub(super) fn served_again(&mut self, kind: Kind) {
        for process in 0..self.processes.len() {
            self.expect(process, kind);
        }
    }

    /// Everybody lists everything anew: nothing may come of it.
    pub(super) fn relist_everything(&mut self) {
        for process in 0..self.processes.len() {
            let now = self.now;
            for kind in self.watched(process) {
                if let Some(watching) = self.watching(process, kind) {
                    watching.cursor.relist(now, None);
                    watching.planned = None;
                }
                self.expect(process, kind);
            }
        }
    }
}
