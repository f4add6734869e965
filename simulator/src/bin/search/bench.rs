//! How fast the search is.

use std::time::Duration;

use simulator::search::{Swarm, swarm};

use crate::random::{self, Going, Tally, rate};
use crate::workers::{self, Numbers};

/// Events per second and core that the search aims at.
const AIM: u64 = 60_000;

/// Measures with one thread and with all, once every story has been made ready; says whether all can be played.
pub(crate) fn run(threads: usize, seconds: u64) -> bool {
    let swarm = Swarm::default();
    let begin = workers::now();
    let stories = u64::try_from(swarm::numbers().count()).unwrap_or(u64::MAX);
    let places = Numbers::new(0, stories, None);
    let failed = workers::on(threads, || {
        std::iter::from_fn(|| places.take()).filter(|place| swarm.prepare(*place).is_err()).count()
    });
    println!("{stories} stories made ready in {:.1} s", begin.elapsed().as_secs_f64());
    println!(
        "{:>8}{:>14}{:>26}{:>12}{:>16}",
        "threads", "seeds/s", "events/s and thread", "aim", "events/seed"
    );
    for threads in if threads > 1 { vec![1, threads] } else { vec![1] } {
        let numbers = Numbers::new(0, u64::MAX, Some(Duration::from_secs(seconds)));
        let begin = workers::now();
        let tallies = workers::on(threads, || random::search(&numbers, &swarm, Going::On));
        let took = begin.elapsed();
        let tally = tallies.into_iter().fold(Tally::default(), Tally::and);
        let of_all = took * u32::try_from(threads).unwrap_or(1);
        println!(
            "{threads:>8}{:>14}{:>26}{AIM:>12}{:>16}",
            rate(tally.seeds, took),
            rate(tally.events, of_all),
            tally.events / tally.seeds.max(1)
        );
    }
    failed.iter().all(|count| *count == 0)
}
