//! Waiting with a limit, and with words for what is waited for.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// How often the world is looked at.
const STEP: Duration = Duration::from_millis(20);

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
            Look::NotYet(_) => tokio::time::sleep(STEP).await,
        }
    }
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
