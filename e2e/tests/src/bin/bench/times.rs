//! What is measured of one operator: times from the first bad answer of a metric backend to weight 0.

use std::io::Write;
use std::time::Duration;

use anyhow::Result;
use e2e_tests::space::Space;

use super::backend::Backend;
use super::fleet::Fleet;
use super::floor;
use super::quantile::Spread;

/// Canaries that are under analysis at the same time.
pub(crate) const CANARIES: usize = 20;
/// Between two aborts one after another.
const APART: Duration = Duration::from_millis(300);
/// After the update of one canary, and of many: the reference may send forty requests a second, and no abort is to wait
/// for those of the update before it.
const BREATH: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(5));

/// How often an operator is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Often {
    /// Aborts of a canary that has the cluster for itself.
    pub(crate) alone: usize,
    /// Rounds in which many are aborted one after another, and rounds in which they are aborted at once.
    pub(crate) rounds: usize,
}

/// The times of one operator.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    /// The two writes that every abort is made of, made by nobody but us.
    pub(crate) floor: Spread,
    /// Aborts of the only canary that there is.
    pub(crate) alone: Spread,
    /// Aborts one by one, while the others are under analysis or stay aborted.
    pub(crate) in_turn: Spread,
    /// Aborts of all canaries at once.
    pub(crate) at_once: Spread,
}

impl Times {
    /// Measures the operator that runs now; it is `name` for those who watch.
    pub(crate) async fn measure(name: &str, backend: &Backend, often: Often) -> Result<Self> {
        let (floor, alone) = alone(name, backend, often.alone).await?;
        let (in_turn, at_once) = among_others(name, backend, often.rounds).await?;
        Ok(Self { floor, alone, in_turn, at_once })
    }
}

async fn alone(name: &str, backend: &Backend, aborts: usize) -> Result<(Spread, Spread)> {
    let space = Space::create("bench").await?;
    let mut fleet = Fleet::deploy(&space, backend, 1).await?;
    fleet.update().await?;
    let mut floor = floor::two_writes(fleet.first()?, aborts, BREATH.0).await?;
    let mut times = fleet.abort(&[0]).await?;
    for count in 2..=aborts {
        fleet.update().await?;
        tokio::time::sleep(BREATH.0).await;
        times.extend(fleet.abort(&[0]).await?);
        if count % 20 == 0 {
            writeln!(std::io::stdout(), "{name}: {count} of {aborts} aborts alone")?;
        }
    }
    space.remove_wholly().await?;
    Ok((Spread::of(&mut floor), Spread::of(&mut times)))
}

async fn among_others(name: &str, backend: &Backend, rounds: usize) -> Result<(Spread, Spread)> {
    let space = Space::create("bench").await?;
    let mut fleet = Fleet::deploy(&space, backend, CANARIES).await?;
    let (mut in_turn, mut at_once) = (Vec::new(), Vec::new());
    for round in 1..=rounds {
        fleet.update().await?;
        tokio::time::sleep(BREATH.1).await;
        for canary in 0..CANARIES {
            in_turn.extend(fleet.abort(&[canary]).await?);
            tokio::time::sleep(APART).await;
        }
        fleet.update().await?;
        tokio::time::sleep(BREATH.1).await;
        at_once.extend(fleet.abort(&(0..CANARIES).collect::<Vec<_>>()).await?);
        writeln!(std::io::stdout(), "{name}: round {round} of {rounds} with {CANARIES} canaries")?;
    }
    space.remove_wholly().await?;
    Ok((Spread::of(&mut in_turn), Spread::of(&mut at_once)))
}
