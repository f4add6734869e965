//! What faults do.

mod objects;
mod process;
mod squat;

use super::World;
use crate::clock::after_ms;
use crate::fault::{FaultKind, Harm};
use crate::outcome::Happened;

impl World {
    /// A fault strikes while a write is about to be carried out.
    pub(super) fn strike_at_write(&mut self, place: usize) {
        if let Some(Harm::Crash { moment, down_ms }) = self.faults.get(place).map(|fault| &fault.harm) {
            self.meeting.crash = Some((*moment, *down_ms));
            self.announce(place);
        } else {
            self.strike(place);
        }
    }

    /// A fault strikes.
    pub(super) fn strike(&mut self, place: usize) {
        let Some(harm) = self.faults.get(place).map(|fault| fault.harm.clone()) else { return };
        self.announce(place);
        self.disturb(if harm.leaves_aborts_alone() { 0 } else { harm.lasts_ms() });
        match &harm {
            Harm::Crash { .. }
            | Harm::RestartStale { .. }
            | Harm::Standstill { .. }
            | Harm::Clock { .. }
            | Harm::TakeOver { .. }
            | Harm::Crowd { .. } => self.strike_process(&harm),
            Harm::RelistStale { .. }
            | Harm::MissEvents { .. }
            | Harm::SlowWatch { .. }
            | Harm::BreakWatch { .. }
            | Harm::KindMissing { .. } => self.strike_watches(&harm),
            Harm::Conflicts { .. }
            | Harm::Refuse { .. }
            | Harm::LoseRequests { .. }
            | Harm::LoseAnswers { .. }
            | Harm::StoreDown { .. }
            | Harm::Deny { .. }
            | Harm::Squat { .. } => self.strike_requests(&harm),
            Harm::StoreRestored { back } => self.restore_store(*back),
            Harm::Metrics { answer, count } => self.backend.replace(answer.clone(), *count),
            Harm::HangMetrics { delay_ms, count } => self.backend.hang(*delay_ms, *count),
            Harm::Delete { target, recreate } => self.delete(*target, *recreate),
            Harm::Edit { edit } => self.edit(edit),
            Harm::Revert { period_ms, for_ms } => {
                let until = after_ms(self.now, *for_ms);
                self.revert(place, *period_ms, until);
            }
            Harm::SlowProxy { proxy, lag_ms, for_ms } => self.slow_proxies(*proxy, *lag_ms, *for_ms),
            Harm::PruneStatus => self.prune(),
            Harm::BreakPods { version, percent, for_ms } => self.break_pods(*version, *percent, *for_ms),
            Harm::Malform { target, for_ms } => self.malform(*target, *for_ms),
        }
    }

    fn announce(&mut self, place: usize) {
        let Some(fault) = self.faults.get(place) else { return };
        let (kind, text) = (fault.harm.kind(), format!("{:?}", fault.harm));
        self.trace.tell(self.begun, self.now, || Happened::Fault { kind, text });
    }

    /// Something goes wrong for so long.
    fn disturb(&mut self, for_ms: u64) {
        self.disturbed = self.now;
        self.judge.disturb(after_ms(self.now, for_ms));
    }

    fn strike_watches(&mut self, harm: &Harm) {
        match harm {
            Harm::RelistStale { back, kind } => {
                let version = self.store.version().saturating_sub(*back);
                let at = self.chance.after(self.now, self.prepared.scenario.timings.request_ms);
                self.each_watch(*kind, |watching| watching.cursor.relist(at, Some(version)));
            }
            Harm::MissEvents { kind, for_ms } => {
                let until = after_ms(self.now, *for_ms);
                self.hold_watches(*kind, until);
            }
            Harm::SlowWatch { kind, lag_ms, for_ms } => {
                let slow = (after_ms(self.now, *for_ms), *lag_ms);
                self.each_watch(*kind, |watching| watching.slow = Some(slow));
            }
            Harm::BreakWatch { kind, how } => self.break_watches(*kind, *how),
            Harm::KindMissing { kind, for_ms } => {
                let until = after_ms(self.now, *for_ms);
                self.meeting.missing.push((*kind, until));
                self.judge.excuse_all(self.now);
                self.mark(FaultKind::F17);
                self.judge.unserved(*kind, until);
                self.miss_kind(*kind, until);
            }
            _ => {}
        }
    }

    fn strike_requests(&mut self, harm: &Harm) {
        match harm {
            Harm::Conflicts { count } => self.meeting.conflicts += count,
            Harm::Refuse { status, retry_after_seconds, count } => {
                self.meeting.refuse = Some((*status, *retry_after_seconds, *count));
            }
            Harm::LoseRequests { count } => self.meeting.lose_requests += count,
            Harm::LoseAnswers { count } => self.meeting.lose_answers += count,
            Harm::StoreDown { for_ms } => self.meeting.down_until = Some(after_ms(self.now, *for_ms)),
            Harm::Squat { kind, for_ms } => self.meeting.squat.push((*kind, *for_ms)),
            Harm::Deny { kind, status, for_ms } => {
                self.meeting.deny.push((*kind, *status, after_ms(self.now, *for_ms)));
            }
            _ => {}
        }
    }

    /// The store goes back; everybody who looks at it directly sees what was then.
    fn restore_store(&mut self, back: u64) {
        let version = self.store.version().saturating_sub(back);
        if version == self.store.version() {
            return;
        }
        self.store.restore(version);
        self.noticed = self.store.version();
        self.judge.restored(self.now);
        self.learn_everything();
        self.mend_what_came_back();
        self.notice_pods();
        for process in 0..self.processes.len() {
            for kind in self.watched(process) {
                self.expect(process, kind);
            }
        }
        self.mark(FaultKind::F8);
    }
}
