//! Since when this process decides, and whether it was away in between.

use std::time::Duration;

use jiff::Timestamp;

use crate::engine::Engine;
use crate::time::after;

/// A timer that rings this much too late rings after a standstill.
const OVERSLEPT: Duration = Duration::from_secs(1);
/// Whoever asks the API server hears something within this time, if only that no answer came.
const SILENCE: Duration = Duration::from_secs(11);

impl Engine {
    /// Since when this process leads, if it does.
    pub(crate) fn leading_since(&self) -> Option<Timestamp> {
        self.tenure.map(|tenure| tenure.leading_since)
    }

    /// Something happens at `now`: if it should have happened long ago, nobody decided anything in between.
    pub(crate) fn notice_absence(&mut self, now: Timestamp) {
        let overslept = self.wake_asked.is_some_and(|asked| after(asked, OVERSLEPT) < now);
        let unheard = self.flights.len() > 0 && after(self.now, SILENCE) < now;
        if let Some(tenure) = self.tenure.as_mut().filter(|_| overslept || unheard) {
            tenure.attending_since = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;
    use rstest::rstest;
    use serde_json::json;

    use crate::input::{Input, Leadership};
    use crate::testing::World;
    use crate::testing::fixtures::nginx;
    use crate::time::after;

    fn attending_since(world: &World) -> Option<Timestamp> {
        world.engine.tenure.map(|tenure| tenure.attending_since)
    }

    /// A process that asked to be woken in half a minute.
    fn waiting() -> World {
        let mut world = World::new();
        world.deploy(&nginx(
            &json!([{ "setWeight": 20 }, { "pause": { "duration": "30s" } }, { "pause": {} }]),
        ));
        world.set_image("web:2");
        world.run(Duration::from_secs(5));
        assert_eq!(attending_since(&world), world.engine.leading_since());
        world
    }

    #[rstest]
    #[case::in_time(Duration::ZERO, false)]
    #[case::a_bit_late(Duration::from_millis(900), false)]
    #[case::overslept(Duration::from_millis(1_100), true)]
    fn who_wakes_late_was_away(#[case] late: Duration, #[case] away: bool) {
        let mut world = waiting();
        let asked = world.engine.wake_asked.unwrap();
        world.now = after(asked, late);
        world.feed(Input::Tick);
        let want = if away { Some(world.now) } else { world.engine.leading_since() };
        assert_eq!(attending_since(&world), want);
    }

    #[rstest]
    #[case::an_answer_in_time(Duration::from_secs(10), false)]
    #[case::no_answer_can_take_so_long(Duration::from_secs(12), true)]
    fn who_hears_nothing_although_it_asked_was_away(#[case] silence: Duration, #[case] away: bool) {
        let mut world = waiting();
        // The request is answered by nobody.
        world.set_image("web:3");
        for (kind, event) in std::mem::take(&mut world.api.undelivered) {
            world.engine.handle(Input::Watch { kind, event }, world.now);
        }
        assert!(world.engine.flights.len() > 0);
        world.engine.wake_asked = None;
        world.now = after(world.now, silence);
        world.engine.handle(Input::Tick, world.now);
        let want = if away { Some(world.now) } else { world.engine.leading_since() };
        assert_eq!(attending_since(&world), want);
    }

    #[test]
    fn who_follows_attends_to_nothing() {
        let mut world = waiting();
        let reason = "another leads".to_owned();
        world.engine.handle(Input::Leadership(Leadership::Following { reason }), world.now);
        world.engine.handle(Input::Tick, after(world.now, Duration::from_mins(1)));
        assert_eq!(attending_since(&world), None);
    }
}
