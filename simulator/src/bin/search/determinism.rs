//! Equal seeds give equal traces.

use simulator::search::Swarm;

use crate::failure;
use crate::workers::{self, Numbers};

/// What a run leaves behind: its trace, its decisions, how many events and writes, and how many rules it broke.
type Trace = (u64, u64, u64, u64, usize);

/// Plays seeds twice, the second time with nothing that the first one left behind; returns whether all traces agree.
///
/// Prints one number for all traces together: a change that only makes things faster leaves it as it was.
pub(crate) fn run(threads: usize, seeds: u64) -> bool {
    let numbers = Numbers::new(0, seeds, None);
    let mut played: Vec<(u64, [Option<Trace>; 2])> = workers::on(threads, || {
        let swarm = Swarm::default();
        let mut played = Vec::new();
        while let Some(seed) = numbers.take() {
            played.push((seed, [trace(&swarm, seed), trace(&swarm, seed)]));
        }
        played
    })
    .into_iter()
    .flatten()
    .collect();
    played.sort_unstable_by_key(|(seed, _)| *seed);
    let different: Vec<u64> =
        played.iter().filter(|(_, [first, second])| first != second).map(|(seed, _)| *seed).collect();
    println!("{seeds} seeds played twice: {} differ", different.len());
    println!("all traces together: {:016x}", together(played.iter().map(|(_, [first, _])| *first)));
    for seed in different.iter().take(10) {
        println!("  seed {seed}");
    }
    different.is_empty()
}

fn trace(swarm: &Swarm, seed: u64) -> Option<Trace> {
    let outcome = failure::play(&swarm.trial(seed).ok()?).ok()?;
    let broken = outcome.violations.len();
    Some((outcome.trace_hash, outcome.decision_hash, outcome.events, outcome.commits, broken))
}

/// One number for all traces in their order (FNV-1a).
fn together(traces: impl Iterator<Item = Option<Trace>>) -> u64 {
    let text: Vec<String> = traces.map(|trace| format!("{trace:?}")).collect();
    let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    text.join("\n").bytes().fold(0xcbf2_9ce4_8422_2325, mix)
}
