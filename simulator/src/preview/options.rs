//! How a Rollout is played.

/// How long a pod takes to start unless something else is said, in seconds.
pub const POD_START_SECONDS: u64 = 5;
/// How long a person takes unless something else is said, in seconds.
pub const PERSON_SECONDS: u64 = 60;

/// What is made to go wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trouble {
    /// From this step on, counted from 1, every measurement fails.
    pub fail_at: Option<usize>,
    /// The pods of the new version never become ready.
    pub pods_never_ready: bool,
    /// No metric backend can be reached.
    pub metrics_down: bool,
}

/// How a Rollout is played.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// What is made to go wrong.
    pub trouble: Trouble,
    /// How long a pod takes from its creation until it is ready, in milliseconds.
    pub pod_start_ms: u64,
    /// How long it takes until a person who is needed promotes, in milliseconds.
    pub person_ms: u64,
    /// `--route-drain-seconds` of the operator.
    pub route_drain_seconds: u32,
    /// Whether objects that are named and not given are made up.
    pub makes_up: bool,
    /// Whether the other troubles are tried, too.
    pub asks_what_if: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            trouble: Trouble::default(),
            pod_start_ms: POD_START_SECONDS * 1000,
            person_ms: PERSON_SECONDS * 1000,
            route_drain_seconds: 5,
            makes_up: true,
            asks_what_if: true,
        }
    }
}

impl Trouble {
    /// What is made to go wrong, in words.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        let analysis = self.fail_at.map(|step| format!("measurements fail from step {step} on"));
        let pods = self.pods_never_ready.then(|| "pods of the new version never become ready".to_owned());
        let metrics = self.metrics_down.then(|| "no metric backend can be reached".to_owned());
        analysis.into_iter().chain(pods).chain(metrics).collect()
    }
}
