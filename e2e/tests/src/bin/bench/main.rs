//! Times, measured on a real control plane: from the first bad answer of a metric backend to weight 0.
//!
//! The reference numbers were measured on the same kind of machine with the same API server; read them as ratios. How fast
//! this machine is, the first row tells: the two writes that every abort is made of, made by nobody but us.

mod backend;
mod fleet;
mod floor;
mod quantile;

use std::io::Write;
use std::time::Duration;

use anyhow::{Result, ensure};
use e2e_tests::operator;
use e2e_tests::space::Space;

use backend::Backend;
use fleet::Fleet;
use quantile::Spread;

/// Aborts of a canary that has the cluster for itself.
const ALONE: usize = 200;
/// Canaries that are under analysis at the same time.
const CANARIES: usize = 20;
/// Rounds in which they are aborted one after another, and rounds in which they are aborted at once.
const ROUNDS: usize = 10;
/// Between two aborts one after another.
const APART: Duration = Duration::from_millis(300);

#[tokio::main]
async fn main() -> Result<()> {
    let mut out = std::io::stdout();
    operator::shared().await?;
    let backend = Backend::start().await?;
    let (floor, alone) = alone(&backend).await?;
    let (in_turn, at_once) = among_others(&backend).await?;
    writeln!(out, "\nfrom the first bad answer to weight 0 at the API server, p50 / p99 in ms")?;
    row(&mut out, "", &"Linnet", "goal", "reference")?;
    row(&mut out, "the two writes by themselves", &floor, "", "")?;
    row(&mut out, "one canary alone", &alone, "15 / 60", "24 / 152")?;
    row(&mut out, "one by one, others aborted", &in_turn, "", "680 / 810")?;
    row(&mut out, &format!("{CANARIES} at once"), &at_once, "100 / 300", "1550 / 3100")?;
    ensure!(alone.is_within(15, 60), "alone: {alone} is more than 15 / 60 ms");
    ensure!(at_once.is_within(100, 300), "{CANARIES} at once: {at_once} is more than 100 / 300 ms");
    Ok(())
}

/// What the API server alone takes, and aborts of the only canary that there is.
async fn alone(backend: &Backend) -> Result<(Spread, Spread)> {
    let space = Space::create("bench").await?;
    let mut fleet = Fleet::deploy(&space, backend, 1).await?;
    fleet.update().await?;
    let mut floor = floor::two_writes(fleet.first()?, ALONE).await?;
    let mut times = fleet.abort(&[0]).await?;
    for count in 2..=ALONE {
        fleet.update().await?;
        times.extend(fleet.abort(&[0]).await?);
        if count % 20 == 0 {
            writeln!(std::io::stdout(), "{count} of {ALONE} aborts alone")?;
        }
    }
    space.remove().await?;
    Ok((Spread::of(&mut floor), Spread::of(&mut times)))
}

/// Aborts one by one, while the others are under analysis or stay aborted, and aborts of all at once.
async fn among_others(backend: &Backend) -> Result<(Spread, Spread)> {
    let space = Space::create("bench").await?;
    let mut fleet = Fleet::deploy(&space, backend, CANARIES).await?;
    let (mut in_turn, mut at_once) = (Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        fleet.update().await?;
        for canary in 0..CANARIES {
            in_turn.extend(fleet.abort(&[canary]).await?);
            tokio::time::sleep(APART).await;
        }
        fleet.update().await?;
        at_once.extend(fleet.abort(&(0..CANARIES).collect::<Vec<_>>()).await?);
        writeln!(std::io::stdout(), "round {round} of {ROUNDS} with {CANARIES} canaries")?;
    }
    space.remove().await?;
    Ok((Spread::of(&mut in_turn), Spread::of(&mut at_once)))
}

fn row(
    out: &mut impl Write,
    what: &str,
    linnet: &dyn std::fmt::Display,
    goal: &str,
    reference: &str,
) -> Result<()> {
    writeln!(out, "  {what:32} {:>12} {goal:>12} {reference:>12}", linnet.to_string())?;
    Ok(())
}
