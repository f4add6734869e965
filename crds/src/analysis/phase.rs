//! The phases of measurements, metrics and analysis runs.

words! {
    /// Where a measurement, a metric, an analysis run or an experiment stands.
    pub enum AnalysisPhase {
        /// It has not begun.
        Pending = "Pending",
        /// It is under way.
        Running = "Running",
        /// It ended well.
        Successful = "Successful",
        /// It ended badly.
        Failed = "Failed",
        /// It could not be done.
        Error = "Error",
        /// It ended without a verdict.
        Inconclusive = "Inconclusive",
        _ => Unknown
    }
}

impl AnalysisPhase {
    /// Says whether this phase is final.
    #[must_use]
    pub const fn is_completed(self) -> bool {
        matches!(self, Self::Successful | Self::Failed | Self::Error | Self::Inconclusive)
    }

    /// Says whether this phase is a verdict that takes an update back.
    #[must_use]
    pub const fn is_bad(self) -> bool {
        matches!(self, Self::Failed | Self::Error)
    }

    /// Returns how bad this phase is: the worst of several metrics decides the run. Larger is worse; a phase that is
    /// not known is the least.
    #[must_use]
    pub const fn severity(self) -> u8 {
        match self {
            Self::Unknown => 0,
            Self::Successful => 1,
            Self::Running => 2,
            Self::Pending => 3,
            Self::Inconclusive => 4,
            Self::Error => 5,
            Self::Failed => 6,
        }
    }

    /// Returns the worse of two phases.
    #[must_use]
    pub const fn worst(self, other: Self) -> Self {
        if other.severity() > self.severity() { other } else { self }
    }
}

#[cfg(test)]
mod tests {
    use super::AnalysisPhase;

    #[test]
    fn the_worst_phase_wins_in_either_order() {
        let order = [
            AnalysisPhase::Unknown,
            AnalysisPhase::Successful,
            AnalysisPhase::Running,
            AnalysisPhase::Pending,
            AnalysisPhase::Inconclusive,
            AnalysisPhase::Error,
            AnalysisPhase::Failed,
        ];
        for (index, better) in order.iter().enumerate() {
            for worse in &order[index..] {
                assert_eq!(better.worst(*worse), *worse);
                assert_eq!(worse.worst(*better), *worse);
            }
        }
    }
}
