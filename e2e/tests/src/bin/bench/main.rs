//! Times, measured on a real control plane: from the first bad answer of a metric backend to weight 0.
//!
//! The reference numbers were measured on the same kind of machine with the same API server; read them as ratios.

mod backend;
mod fleet;
mod quantile;

use std::io::Write;
use std::time::Duration;

use anyhow::{Result, ensure};
use e2e_tests::operator;
use e2e_tests::space::Space;

use backend::Backend;
use fleet::Fleet;
use quantile::Spread;

/// Canaries that are under analysis at the same time.
const CANARIES: usize = 20;
/// Rounds in which they are aborted one after another, and rounds in which they are aborted at once.
const ROUNDS: usize = 10;
/// Between two aborts that are to be alone.
const APART: Duration = Duration::from_millis(300);

#[tokio::main]
async fn main() -> Result<()> {
    let mut out = std::io::stdout();
    operator::shared().await?;
    let space = Space::create("bench").await?;
    let backend = Backend::start().await?;
    let mut fleet = Fleet::deploy(&space, &backend, CANARIES).await?;
    let (mut alone, mut together) = (Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        fleet.update().await?;
        for canary in 0..CANARIES {
            alone.extend(fleet.abort(&[canary]).await?);
            tokio::time::sleep(APART).await;
        }
        fleet.update().await?;
        together.extend(fleet.abort(&(0..CANARIES).collect::<Vec<_>>()).await?);
        writeln!(out, "round {round} of {ROUNDS}: {} aborts", alone.len() + together.len())?;
    }
    space.remove().await?;
    let (alone, together) = (Spread::of(&mut alone), Spread::of(&mut together));
    writeln!(out, "\nfrom the first bad answer to weight 0 at the API server, p50 / p99 in ms")?;
    writeln!(out, "  {:32} {:>12} {:>12} {:>12}", "", "Linnet", "goal", "reference")?;
    writeln!(
        out,
        "  {:32} {:>12} {:>12} {:>12}",
        "one canary at a time",
        alone.to_string(),
        "15 / 60",
        "24 / 152"
    )?;
    writeln!(
        out,
        "  {:32} {:>12} {:>12} {:>12}",
        format!("{CANARIES} at once"),
        together.to_string(),
        "100 / 300",
        "1550 / 3100"
    )?;
    ensure!(alone.is_within(15, 60), "one at a time: {alone} is more than 15 / 60 ms");
    ensure!(together.is_within(100, 300), "{CANARIES} at once: {together} is more than 100 / 300 ms");
    Ok(())
}
