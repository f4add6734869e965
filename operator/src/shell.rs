//! The loop: takes what happened, asks the engine, carries out what it wants. The clock is read here.

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use crds::object_ref::ObjectRef;
use engine::clock::Clock;
use engine::effect::Effect;
use engine::engine::Engine;
use engine::input::Input;
use jiff::Timestamp;
use tokio::sync::{mpsc, watch};

use crate::health::Health;
use crate::measure::Measurer;
use crate::send::Sender;
use crate::telemetry::{self, Metrics};
use crate::watch::Watches;

/// How often the clock is looked at while a timer runs: it may approach the wall clock meanwhile.
const CLOCK_CHECK: Duration = Duration::from_secs(5);

/// Where inputs come from.
#[derive(Debug)]
pub(crate) struct Inputs {
    /// Answers, measurements and leadership: they come first, because somebody waits for what follows.
    pub(crate) answers: mpsc::UnboundedReceiver<Input>,
    /// What the watches deliver: bounded, so that a long list waits for the engine.
    pub(crate) watched: mpsc::Receiver<Input>,
}

/// What carries effects out.
pub(crate) struct Outlets {
    /// Requests to the API server.
    pub(crate) sender: Sender,
    /// Questions to metric backends.
    pub(crate) measurer: Measurer,
    /// Watches.
    pub(crate) watches: Watches,
    /// Numbers.
    pub(crate) metrics: Metrics,
    /// The loop's pulse.
    pub(crate) health: Health,
}

/// The engine has panicked: its state can no longer be trusted, so the process must start anew.
#[derive(Debug, thiserror::Error)]
#[error(
    "the engine failed at {about}, which is a defect of Linnet; the process ends and starts anew with fresh stores"
)]
pub(crate) struct EnginePanic {
    /// What the engine was told.
    about: String,
}

/// The engine with everything that it speaks through.
pub(crate) struct Shell {
    engine: Engine,
    outlets: Outlets,
    wake_at: Option<Timestamp>,
    begun: Instant,
    clock: Clock,
}

impl Shell {
    /// An engine that has been told nothing yet.
    pub(crate) fn new(engine: Engine, outlets: Outlets) -> Self {
        Self { engine, outlets, wake_at: None, begun: Instant::now(), clock: Clock::default() }
    }

    /// Runs until `stop` says otherwise.
    ///
    /// # Errors
    /// [`EnginePanic`], after which nothing may be written any more.
    pub(crate) async fn run(
        mut self,
        mut inputs: Inputs,
        mut stop: watch::Receiver<bool>,
    ) -> Result<(), EnginePanic> {
        self.step(Input::Tick)?;
        while let Some(input) = self.next(&mut inputs, &mut stop).await {
            self.outlets.health.beat(Instant::now());
            self.outlets.metrics.waiting(inputs.answers.len() + inputs.watched.len());
            if let Some(input) = input {
                self.step(input)?;
            }
        }
        Ok(())
    }

    /// Waits for what happens next; `Some(None)` is nothing but time, `None` the end.
    async fn next(&mut self, inputs: &mut Inputs, stop: &mut watch::Receiver<bool>) -> Option<Option<Input>> {
        let pause = pause(self.wake_at, self.now());
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => None,
            Some(input) = inputs.answers.recv() => Some(Some(input)),
            () = tokio::time::sleep(pause) => Some(self.due().then_some(Input::Tick)),
            Some(input) = inputs.watched.recv() => Some(Some(input)),
            else => None,
        }
    }

    /// The time that decisions are made at.
    fn now(&mut self) -> Timestamp {
        self.clock.read(Timestamp::now(), self.begun.elapsed())
    }

    fn due(&mut self) -> bool {
        let now = self.now();
        self.wake_at.is_some_and(|at| at <= now)
    }

    /// Feeds one input to the engine and carries out what follows.
    fn step(&mut self, input: Input) -> Result<(), EnginePanic> {
        if matches!(input, Input::Tick) {
            self.wake_at = None;
        }
        self.outlets.metrics.saw(&input);
        let about = describe(&input);
        let (now, started) = (self.now(), Instant::now());
        let handled = std::panic::catch_unwind(AssertUnwindSafe(|| self.engine.handle(input, now)));
        let elapsed = started.elapsed();
        for effect in handled.map_err(|_| EnginePanic { about: about.to_string() })? {
            self.carry_out(effect, elapsed);
        }
        Ok(())
    }

    fn carry_out(&mut self, effect: Effect, elapsed: Duration) {
        match effect {
            Effect::Request { id, request, urgency } => self.outlets.sender.send(id, request, urgency),
            Effect::Measure { id, ask } => self.outlets.measurer.ask(id, ask),
            Effect::Watch(kind) => self.outlets.watches.open(kind),
            Effect::Wake { at } => self.wake_at = Some(self.wake_at.map_or(at, |earlier| earlier.min(at))),
            Effect::Log(note) => telemetry::note(&note),
            Effect::Count(count) => self.outlets.metrics.count(&count, elapsed),
        }
    }
}

/// How long to sleep at most until a timer is looked at.
fn pause(wake_at: Option<Timestamp>, now: Timestamp) -> Duration {
    let left =
        wake_at.map_or(CLOCK_CHECK, |at| Duration::try_from(at.duration_since(now)).unwrap_or_default());
    left.min(CLOCK_CHECK)
}

/// What an input is about, kept for the case that the engine panics over it.
enum About {
    Object(ObjectRef),
    Other(&'static str),
}

fn describe(input: &Input) -> About {
    match (input.object(), input) {
        (Some(object), _) => About::Object(object),
        (None, Input::Watch { kind, .. } | Input::KindMissing(kind)) => About::Other(kind.name()),
        (None, Input::Answer { .. }) => About::Other("the answer to a request"),
        (None, Input::Measured { .. }) => About::Other("a measurement"),
        (None, Input::Tick) => About::Other("a timer"),
        (None, Input::Leadership(_)) => About::Other("a change of leadership"),
    }
}

impl std::fmt::Display for About {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Object(object) => write!(f, "{object}"),
            Self::Other(words) => f.write_str(words),
        }
    }
}

#[cfg(test)]
mod tests {
    use crds::object_ref::Kind;
    use rstest::rstest;

    use super::*;

    fn at(milliseconds: i64) -> Timestamp {
        Timestamp::from_millisecond(milliseconds).unwrap()
    }

    #[rstest]
    #[case::no_timer(None, 5_000)]
    #[case::soon(Some(1_250), 250)]
    #[case::far_away_is_looked_at_again(Some(3_600_000), 5_000)]
    #[case::overdue(Some(0), 0)]
    fn sleeping(#[case] wake_at: Option<i64>, #[case] want: u64) {
        assert_eq!(pause(wake_at.map(at), at(1_000)), Duration::from_millis(want));
    }

    #[test]
    fn an_input_is_described_by_what_it_is_about() {
        assert_eq!(describe(&Input::Tick).to_string(), "a timer");
        assert_eq!(describe(&Input::KindMissing(Kind::VirtualService)).to_string(), "VirtualService");
    }
}
