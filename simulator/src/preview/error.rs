//! Why nothing can be shown.

use crds::object_ref::ObjectRef;

/// Why nothing can be shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PreviewError {
    /// Before and after are the same.
    #[error(
        "{rollout} does not change: give another image with --set-image, or a manifest with another template"
    )]
    NoChange {
        /// The Rollout.
        rollout: String,
    },
    /// The workload that keeps the pod template is not there.
    #[error(
        "{workload}, which spec.workloadRef of {rollout} ({place}) takes the pod template from, is {looked}: give its \
         manifest with -f, or correct the reference"
    )]
    NoWorkload {
        /// The workload.
        workload: ObjectRef,
        /// The Rollout.
        rollout: String,
        /// Where the Rollout stands.
        place: String,
        /// Where the workload was looked for.
        looked: &'static str,
    },
    /// No measurement is made at or after the step at which it is to fail.
    #[error("--fail-at {step}: nothing is measured at step {step} or later; {}", measured(steps))]
    NothingMeasured {
        /// The step, from 1.
        step: usize,
        /// The steps during which something is measured.
        steps: Vec<usize>,
    },
    /// The step at which it is to fail is never reached.
    #[error("--fail-at {step}: the update does not come to step {step}; it has {steps}")]
    NoSuchStep {
        /// The step, from 1.
        step: usize,
        /// How many there are.
        steps: usize,
    },
    /// No answer is known that makes a metric fail.
    #[error(
        "--fail-at {step}: no answer was found that makes a measurement of {} fail: check successCondition and \
         failureCondition",
        metrics.join(", ")
    )]
    CannotFail {
        /// The step, from 1.
        step: usize,
        /// The metrics.
        metrics: Vec<String>,
    },
}

fn measured(steps: &[usize]) -> String {
    if steps.is_empty() {
        return "the update has no analysis that measures".to_owned();
    }
    let steps = steps.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    format!("something is measured during step {steps}")
}
