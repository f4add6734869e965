//! Times, measured on a real control plane: from the first bad answer of a metric backend to weight 0, of Linnet and then
//! of Argo Rollouts on the same machine.
//!
//! Linnet is held to its goals in milliseconds, and to the part of the reference's time that they are: most of each time
//! is the API server's, and the second one holds on a machine of any speed. How fast the machine is tells the first row:
//! the two writes that every abort is made of, made by nobody but us.

mod backend;
mod fleet;
mod floor;
mod goal;
mod quantile;
mod reference;
mod times;

use std::io::Write;

use anyhow::{Result, ensure};
use e2e_tests::facts::Facts;
use e2e_tests::operator;

use backend::Backend;
use goal::Goal;
use quantile::Spread;
use reference::Reference;
use times::{CANARIES, Often, Times};

/// What the goals ask for.
const LINNET: Often = Often { alone: 200, rounds: 10 };
/// Less often: its aborts take seconds where there are many.
const REFERENCE: Often = Often { alone: 60, rounds: 3 };
/// Of a canary that has the cluster for itself.
const ALONE: Goal = Goal::new((15, 60), (24, 152));
/// Of twenty at once.
const AT_ONCE: Goal = Goal::new((100, 300), (1550, 3100));

#[tokio::main]
async fn main() -> Result<()> {
    let backend = Backend::start().await?;
    let release = operator::shared_release();
    release.install().await?;
    let linnet = Times::measure("Linnet", &backend, LINNET).await?;
    release.uninstall().await?;
    let reference = {
        let _running = Reference::start(&Facts::read()?)?;
        Times::measure("Argo Rollouts", &backend, REFERENCE).await?
    };
    print(&mut std::io::stdout(), &linnet, &reference)?;
    check("alone", linnet.alone, &ALONE.bounds(reference.alone))?;
    check("at once", linnet.at_once, &AT_ONCE.bounds(reference.at_once))
}

fn check(what: &str, linnet: Spread, bounds: &[Spread]) -> Result<()> {
    for bound in bounds {
        ensure!(linnet.is_within(*bound), "{what}: {linnet} ms is more than {bound} ms");
    }
    Ok(())
}

fn print(out: &mut impl Write, linnet: &Times, reference: &Times) -> Result<()> {
    writeln!(out, "\nfrom the first bad answer to weight 0 at the API server, p50 / p99 in ms")?;
    row(out, ["", "Linnet", "Argo Rollouts", "goal here", "goal there"])?;
    let rows = [
        ("the two writes by themselves".to_owned(), linnet.floor, reference.floor, None),
        ("one canary alone".to_owned(), linnet.alone, reference.alone, Some(ALONE)),
        ("one by one, others aborted".to_owned(), linnet.in_turn, reference.in_turn, None),
        (format!("{CANARIES} at once"), linnet.at_once, reference.at_once, Some(AT_ONCE)),
    ];
    for (what, own, other, goal) in rows {
        let here = goal.map(|goal| goal.on_this_machine(other).to_string()).unwrap_or_default();
        let there = goal.map(|goal| goal.to_string()).unwrap_or_default();
        row(out, [&what, &own.to_string(), &other.to_string(), &here, &there])?;
    }
    Ok(())
}

fn row(out: &mut impl Write, [what, linnet, reference, here, there]: [&str; 5]) -> Result<()> {
    writeln!(out, "  {what:28} {linnet:>12} {reference:>14} {here:>12}  {there}")?;
    Ok(())
}
