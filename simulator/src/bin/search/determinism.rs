//! Equal seeds give equal traces.

use simulator::search::Swarm;

use crate::failure;
use crate::workers::{self, Numbers};

/// Plays seeds twice, the second time with nothing that the first one left behind; returns whether all traces agree.
pub(crate) fn run(threads: usize, seeds: u64) -> bool {
    let numbers = Numbers::new(0, seeds, None);
    let different: Vec<u64> = workers::on(threads, || {
        let mut swarm = Swarm::default();
        let mut different = Vec::new();
        while let Some(seed) = numbers.take() {
            let traces = [trace(&mut swarm, seed), trace(&mut swarm, seed)];
            if traces[0] != traces[1] {
                different.push(seed);
            }
        }
        different
    })
    .into_iter()
    .flatten()
    .collect();
    println!("{seeds} seeds played twice: {} differ", different.len());
    for seed in different.iter().take(10) {
        println!("  seed {seed}");
    }
    different.is_empty()
}

fn trace(swarm: &mut Swarm, seed: u64) -> Option<(u64, u64, u64)> {
    let outcome = failure::play(&swarm.trial(seed).ok()?).ok()?;
    Some((outcome.trace_hash, outcome.events, outcome.commits))
}
