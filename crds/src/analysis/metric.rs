//! One metric of an analysis.

use super::provider::MetricProvider;
use crate::IntOrString;

api! {
    /// What is measured, how often, and what is good enough.
    pub struct Metric {
        /// Name of the metric; each metric of an analysis has another.
        pub name: String,
        /// Time between two measurements, such as 30s. Without interval and count there is one measurement.
        pub interval: String,
        /// Time before the first measurement, such as 1m.
        pub initial_delay: String,
        /// Number of measurements. With an interval alone, it goes on until the analysis is ended.
        pub count: Option<IntOrString>,
        /// Expression over result that a good measurement fulfils, such as `result[0] < 0.05`.
        pub success_condition: String,
        /// Expression over result that a bad measurement fulfils. If both conditions are set and neither holds, the
        /// measurement is inconclusive.
        pub failure_condition: String,
        /// How many measurements may fail. Defaults to 0; -1 is no limit.
        pub failure_limit: Option<IntOrString>,
        /// How many measurements may be inconclusive. Defaults to 0.
        pub inconclusive_limit: Option<IntOrString>,
        /// How many measurements in a row may end in an error. Defaults to 4.
        pub consecutive_error_limit: Option<IntOrString>,
        /// How many successful measurements in a row end the metric as successful. Defaults to 0, which is never.
        pub consecutive_success_limit: Option<IntOrString>,
        /// Who is asked.
        pub provider: MetricProvider,
    }
}
