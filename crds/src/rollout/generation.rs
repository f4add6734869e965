//! Which spec a status is about, and how that is written.

use super::RolloutStatus;
use crate::IntOrString;

words! {
    /// How `status.observedGeneration` is written.
    pub enum GenerationForm {
        /// As text: what typed clients of this API read.
        Text = "string",
        /// As a number: what kstatus reads, and so Flux, Helm 4 and kpt.
        Integer = "integer",
        /// Not at all: who reads the status cannot tell whether it is about the current spec.
        Omitted = "omitted",
    }
}

impl RolloutStatus {
    /// Returns the generation that this status is about, in whatever form it was written; nothing if it does not say,
    /// or if a very old client wrote a hash there.
    #[must_use]
    pub fn observed(&self) -> Option<i64> {
        self.observed_generation.as_ref().and_then(|generation| generation.as_int().ok())
    }

    /// Says whether this status is about that generation of the spec. Where it was left out on purpose, whatever
    /// status there is counts.
    #[must_use]
    pub fn observes(&self, generation: i64) -> bool {
        match self.observed_generation {
            Some(IntOrString::Int(_)) => self.observed().is_some_and(|observed| observed >= generation),
            Some(IntOrString::String(_)) => self.observed().is_none_or(|observed| observed >= generation),
            None => self.phase != super::RolloutPhase::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    #[rstest]
    #[case::text(json!({ "observedGeneration": "3" }), Some(3), true)]
    #[case::number(json!({ "observedGeneration": 3 }), Some(3), true)]
    #[case::older_text(json!({ "observedGeneration": "2" }), Some(2), false)]
    #[case::older_number(json!({ "observedGeneration": 2 }), Some(2), false)]
    #[case::hash(json!({ "observedGeneration": "5f4d8" }), None, true)]
    #[case::left_out(json!({ "phase": "Healthy" }), None, true)]
    #[case::no_status(json!({}), None, false)]
    fn all_forms_are_read(#[case] status: Value, #[case] observed: Option<i64>, #[case] is_current: bool) {
        let read: RolloutStatus = serde_json::from_value(status.clone()).unwrap();
        assert_eq!((read.observed(), read.observes(3)), (observed, is_current));
        assert_eq!(serde_json::to_value(read).unwrap(), status);
    }
}
