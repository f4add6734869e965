//! What Linnet's times are held against.

use super::quantile::Spread;

/// A goal, which was set beside what the reference took on the machine of that day.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Goal {
    /// What Linnet may take, there and everywhere.
    linnet: Spread,
    /// What the reference took there.
    reference: Spread,
}

impl Goal {
    /// A goal from medians and 99th percentiles in milliseconds.
    pub(crate) const fn new(linnet: (u64, u64), reference: (u64, u64)) -> Self {
        Self {
            linnet: Spread::from_millis(linnet.0, linnet.1),
            reference: Spread::from_millis(reference.0, reference.1),
        }
    }

    /// What Linnet may take on a machine on which the reference takes `reference` now: the same parts of it. Most of
    /// each time is the API server's, and both wait for that.
    pub(crate) fn on_this_machine(self, reference: Spread) -> Spread {
        self.linnet.scaled(self.reference, reference)
    }

    /// All that Linnet has to stay within: the goal as it is, and as it is on this machine.
    pub(crate) fn bounds(self, reference: Spread) -> [Spread; 2] {
        [self.linnet, self.on_this_machine(reference)]
    }
}

impl std::fmt::Display for Goal {
    /// Linnet's goal, and what the reference took when it was set.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} (of {})", self.linnet, self.reference)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goal_grows_with_what_the_reference_takes() {
        let goal = Goal::new((15, 60), (24, 152));
        assert_eq!(goal.on_this_machine(Spread::from_millis(24, 152)).to_string(), "15 / 60");
        assert_eq!(goal.on_this_machine(Spread::from_millis(48, 76)).to_string(), "30 / 30");
        let bounds = goal.bounds(Spread::from_millis(240, 76)).map(|bound| bound.to_string());
        assert_eq!(bounds, ["15 / 60", "150 / 30"], "a slow reference loosens nothing");
        assert_eq!(goal.to_string(), "15 / 60 (of 24 / 152)");
    }
}
