//! A fault of ours in one decision stays with the object that the decision was about.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crds::object_ref::ObjectRef;
use jiff::Timestamp;
use planner::event::Event;

use crate::effect::Level;
use crate::engine::Engine;

/// What a decision came to, or what it said when it panicked.
pub(crate) fn decide<T>(decide: impl FnOnce() -> T) -> Result<T, String> {
    // A decision borrows what it looks at and owns what it makes: a panic leaves nothing half done behind.
    catch_unwind(AssertUnwindSafe(decide)).map_err(|panic| message(panic.as_ref()))
}

/// The words of a panic.
fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no message").to_owned()
}

impl Engine {
    /// Leaves an object alone for a while because a decision about it panicked or breaks an invariant, and says so:
    /// nothing was written.
    pub(crate) fn set_aside(&mut self, key: &ObjectRef, fault: &str, now: Timestamp) {
        let text =
            format!("a fault in Linnet: the decision about {key} failed, nothing was written: {fault}");
        self.publish(key, &[Event::warning("ReconciliationError", text.clone())], now);
        self.note(Level::Warn, Some(key), text);
        self.queue.refused(key, now);
    }
}

#[cfg(test)]
mod tests {
    use super::decide;

    #[test]
    fn a_decision_is_returned() {
        assert_eq!(decide(|| 7), Ok(7));
    }

    #[test]
    fn a_panic_becomes_its_words() {
        assert_eq!(decide(|| panic!("no pods")), Err::<(), _>("no pods".to_owned()));
        assert_eq!(decide(|| panic!("no {}", "pods")), Err::<(), _>("no pods".to_owned()));
    }
}
