//! Whether a measured share of requests agrees with a weight.

/// The share of one version among the requests that were answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Requests that the version answered.
    pub hits: u64,
    /// All requests.
    pub total: u64,
}

impl Share {
    /// The share in percent; 0 of no requests.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "request counts are far below 2^52")]
    pub fn percent(self) -> f64 {
        if self.total == 0 { 0.0 } else { self.hits as f64 * 100.0 / self.total as f64 }
    }

    /// Whether the share agrees with `weight` percent, at a false-alarm probability of at most `alpha`.
    ///
    /// Exact at 0 and 100. Otherwise by Hoeffding's bound, which holds for random and for round-robin routing:
    /// `P(|hits/total - p| >= e) <= 2 exp(-2 total e^2)`, tightened by Bernstein's where the variance is small.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "request counts are far below 2^52")]
    pub fn agrees_with(self, weight: u32, alpha: f64) -> bool {
        match weight {
            0 => self.hits == 0,
            100 => self.hits == self.total,
            _ => {
                let total = self.total as f64;
                let expected = f64::from(weight) / 100.0;
                (self.hits as f64 / total - expected).abs() <= tolerance(total, expected, alpha)
            }
        }
    }
}

/// The distance from `expected` that `total` requests exceed with probability at most `alpha`.
fn tolerance(total: f64, expected: f64, alpha: f64) -> f64 {
    let log = (2.0 / alpha).ln();
    let hoeffding = (log / (2.0 * total)).sqrt();
    // Bernstein: total e^2 / (2 (v + e/3)) >= log, solved for e.
    let variance = expected * (1.0 - expected);
    let third = log / (3.0 * total);
    let bernstein = third + (third * third + 2.0 * variance * log / total).sqrt();
    hoeffding.min(bernstein)
}

#[cfg(test)]
mod tests {
    use super::Share;

    #[test]
    fn the_ends_are_exact() {
        assert!(Share { hits: 0, total: 2_000 }.agrees_with(0, 1e-5));
        assert!(!Share { hits: 1, total: 2_000 }.agrees_with(0, 1e-5));
        assert!(!Share { hits: 1_999, total: 2_000 }.agrees_with(100, 1e-5));
    }

    #[test]
    fn a_wrong_weight_is_seen() {
        assert!(Share { hits: 400, total: 2_000 }.agrees_with(20, 1e-5));
        assert!(!Share { hits: 200, total: 2_000 }.agrees_with(20, 1e-5));
        assert!(Share { hits: 100, total: 2_000 }.agrees_with(5, 1e-5));
        assert!(!Share { hits: 200, total: 2_000 }.agrees_with(5, 1e-5));
    }
}
