//! Waiting with a limit, and with words for what is waited for.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// Between two looks at first.
const SHORTEST: Duration = Duration::from_millis(20);
/// Between two looks at last.
const LONGEST: Duration = Duration::from_secs(1);

/// Looks until `look` returns something.
///
/// # Errors
/// When `limit` has passed: with `what` was waited for, and what `look` last said instead.
pub async fn until<T, F, Fut>(what: &str, limit: Duration, mut look: F) -> Result<T>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<Look<T>>>,
{
    let start = Instant::now();
    loop {
        match look().await? {
            Look::Seen(value) => return Ok(value),
            Look::NotYet(seen) if start.elapsed() >= limit => {
                bail!("waited {limit:?} for {what}; last seen: {seen}")
            }
            Look::NotYet(_) => tokio::time::sleep(pause(start.elapsed())).await,
        }
    }
}

/// Until the next look: what comes late is seen a tenth late, and many who wait leave the API server to others.
fn pause(waited: Duration) -> Duration {
    (waited / 10).clamp(SHORTEST, LONGEST)
}

/// What one look showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Look<T> {
    /// What was waited for.
    Seen(T),
    /// Something else, in words.
    NotYet(String),
}

impl Look<()> {
    /// Seen if `condition` holds; `seen` says in words what there is.
    pub fn when(condition: bool, seen: impl std::fmt::Debug) -> Self {
        if condition { Self::Seen(()) } else { Self::NotYet(format!("{seen:?}")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_who_wait_long_look_seldom() {
        assert_eq!(pause(Duration::ZERO), SHORTEST);
        assert_eq!(pause(Duration::from_secs(1)), Duration::from_millis(100));
        assert_eq!(pause(Duration::from_mins(1)), LONGEST);
    }
}
