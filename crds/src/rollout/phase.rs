//! The phases of a Rollout, and why it pauses.

words! {
    /// Where a Rollout stands, in one word.
    pub enum RolloutPhase {
        /// The wanted version runs and is stable.
        Healthy = "Healthy",
        /// The update failed, was aborted, or the spec is invalid.
        Degraded = "Degraded",
        /// An update is under way.
        Progressing = "Progressing",
        /// The Rollout waits for a person or a timer.
        Paused = "Paused",
        _ => Unknown
    }
}

words! {
    /// Why a Rollout pauses.
    pub enum PauseReason {
        /// An inline or background analysis, or one around a promotion, was inconclusive.
        InconclusiveAnalysis = "InconclusiveAnalysisRun",
        /// An experiment was inconclusive.
        InconclusiveExperiment = "InconclusiveExperiment",
        /// A pause step of a canary.
        CanaryPauseStep = "CanaryPauseStep",
        /// A blue-green update waits for its promotion.
        BlueGreenPause = "BlueGreenPause",
        _ => Unknown
    }
}

words! {
    /// How an update ended: the words of `status.duration.completionStatus`.
    pub enum CompletionStatus {
        /// The new version was promoted.
        Promoted = "Promoted",
        /// The new version was promoted without its remaining steps.
        FastPromoted = "FastPromoted",
        /// The update was taken back.
        Aborted = "Aborted",
        /// Another version came before the end.
        Superseded = "Superseded",
        /// An earlier version was promoted.
        RolledBack = "RolledBack",
        /// An earlier version was promoted without its steps.
        FastRolledBack = "FastRolledBack",
        _ => Unknown
    }
}

words! {
    /// What a step plugin was last asked to do.
    pub enum StepPluginOperation {
        /// Run the step.
        Run = "Run",
        /// End the step early.
        Terminate = "Terminate",
        /// Undo the step.
        Abort = "Abort",
        _ => Unknown
    }
}

words! {
    /// Where a step plugin stands.
    pub enum StepPluginPhase {
        /// The step is under way.
        Running = "Running",
        /// The step succeeded.
        Successful = "Successful",
        /// The step failed.
        Failed = "Failed",
        /// The plugin could not be asked.
        Error = "Error",
        _ => Unknown
    }
}

words! {
    /// Which Service is the stable one: the words of `status.canary.stablePingPong`.
    pub enum PingPongRole {
        /// pingService.
        Ping = "ping",
        /// pongService.
        Pong = "pong",
        _ => Unset
    }
}
