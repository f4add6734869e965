//! How many seeds it takes to find each planted bug.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use clap::Args;
use planted_bugs::Bug;
use simulator::outcome::Violation;
use simulator::search::{Lure, Swarm, Trial};

use crate::failure;
use crate::workers;

/// After how many seeds a bug counts as a survivor.
const LIMIT: u64 = 100_000;
/// How many seeds a bug gets before it is the others' turn.
const TURN: u64 = 5;

/// What to search for.
#[derive(Args)]
pub(crate) struct Arguments {
    /// For how many seconds in all.
    #[arg(long, default_value_t = 300)]
    seconds: u64,
    /// Only these bugs.
    #[arg(long)]
    only: Vec<Bug>,
    /// Fail if fewer percent of them are found.
    #[arg(long, default_value_t = 0)]
    at_least_percent: usize,
    /// Show the smallest scenario that finds each.
    #[arg(long)]
    show: bool,
}

/// How far the search for a bug has come.
#[derive(Clone, Debug)]
struct Hunt {
    bug: Bug,
    /// Seeds that were played.
    seeds: u64,
    found: Option<(Trial, Violation)>,
}

/// Searches for all of them, in turns; returns whether enough were found.
pub(crate) fn run(threads: usize, arguments: &Arguments) -> bool {
    if !planted_bugs::ENABLED {
        println!("this build has no planted bugs: build it with --features planted-bugs");
        return false;
    }
    let bugs: &[Bug] = if arguments.only.is_empty() { Bug::ALL } else { &arguments.only };
    let begin = workers::now();
    let until = begin + Duration::from_secs(arguments.seconds);
    let open = Mutex::new(bugs.iter().map(|bug| Hunt { bug: *bug, seeds: 0, found: None }).collect());
    let swarm = Swarm::default();
    let done = workers::on(threads, || hunt(&open, &swarm, until));
    let mut all: BTreeMap<Bug, Hunt> = BTreeMap::new();
    let left = open.into_inner().unwrap_or_else(PoisonError::into_inner);
    for hunt in done.into_iter().flatten().chain(left) {
        all.insert(hunt.bug, hunt);
    }
    println!("{:<34}{:>8}  found by", "bug", "seeds");
    for hunt in all.values() {
        hunt.print();
    }
    let found = all.values().filter(|hunt| hunt.found.is_some()).count();
    let percent = found * 100 / all.len().max(1);
    let survivors: Vec<&str> =
        all.values().filter(|hunt| hunt.found.is_none()).map(|hunt| hunt.bug.name()).collect();
    if !survivors.is_empty() {
        println!("survivors: {}", survivors.join(", "));
    }
    println!("{found} of {} found ({percent} %) in {:.1} s", all.len(), begin.elapsed().as_secs_f64());
    if arguments.show {
        all.into_values().for_each(Hunt::show);
    }
    percent >= arguments.at_least_percent
}

/// Takes bugs in turns until time is up.
fn hunt(open: &Mutex<VecDeque<Hunt>>, swarm: &Swarm, until: Instant) -> Vec<Hunt> {
    let take = || open.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    let mut done = Vec::new();
    while let Some(mut hunt) = take() {
        hunt.turn(swarm, until);
        if hunt.found.is_some() || hunt.seeds >= LIMIT || workers::now() >= until {
            done.push(hunt);
        } else {
            open.lock().unwrap_or_else(PoisonError::into_inner).push_back(hunt);
        }
        if workers::now() >= until {
            break;
        }
    }
    done
}

impl Hunt {
    fn turn(&mut self, swarm: &Swarm, until: Instant) {
        for _ in 0..TURN {
            if workers::now() >= until {
                return;
            }
            let trial = swarm.lured(Lure::of(self.bug), self.seeds);
            self.seeds += 1;
            let Ok(trial) = trial else { continue };
            let result = planted_bugs::with(self.bug, || failure::play(&trial));
            let Some(violation) = failure::first_violation(&result) else { continue };
            // A seed that fails without the bug says nothing about it.
            if failure::first_violation(&failure::play(&trial)).is_none() {
                self.found = Some((trial, violation.clone()));
                return;
            }
        }
    }

    fn print(&self) {
        match &self.found {
            Some((_, violation)) => {
                let how: String = violation.to_string().chars().take(110).collect();
                println!("{:<34}{:>8}  {how}", self.bug.name(), self.seeds);
            }
            None => println!("{:<34}{:>8}  SURVIVED", self.bug.name(), self.seeds),
        }
    }

    fn show(self) {
        if let Some((trial, violation)) = self.found {
            println!("=== {}", self.bug);
            let failure = failure::Failure { number: self.seeds - 1, scenario: trial.scenario(), violation };
            failure::report(vec![failure], Some(self.bug));
        }
    }
}
