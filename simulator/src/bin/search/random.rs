//! Stories and faults by chance.

use std::time::Duration;

use clap::Args;
use simulator::search::{Among, Matrix, Shape, Swarm, Trial};

use crate::failure::{self, Failure};
use crate::workers::{self, Numbers};

/// How many writes make a whole update.
const WHOLE: u64 = 60;
/// How many failures end the search.
const FAILURES: usize = 20;

/// What to search.
#[derive(Args)]
pub(crate) struct Arguments {
    /// How many seeds.
    #[arg(long)]
    seeds: Option<u64>,
    /// For how many seconds.
    #[arg(long)]
    seconds: Option<u64>,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// Fail if fewer seeds were played that are a whole update.
    #[arg(long, default_value_t = 0)]
    at_least: u64,
    /// How many of a thousand seeds may break a rule: those that are known as open.
    #[arg(long, default_value_t = 0)]
    open_per_mille: u64,
    /// Only this shape, such as `canary-nginx`.
    #[arg(long)]
    shape: Option<String>,
    /// Go on after failures to the end.
    #[arg(long)]
    keep_going: bool,
    /// Print a line for each failing seed and make none smaller.
    #[arg(long)]
    list: bool,
}

/// What one thread, or all of them, have seen.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) seeds: u64,
    pub(crate) whole: u64,
    pub(crate) events: u64,
    pub(crate) commits: u64,
    failing: u64,
    matrix: Matrix,
    failures: Vec<Failure>,
}

/// Searches; returns whether every rule was kept.
pub(crate) fn run(threads: usize, arguments: &Arguments, with_matrix: bool) -> bool {
    let among = match arguments.shape.as_deref().map(|name| (name, Shape::named(name))) {
        Some((name, None)) => {
            println!("no shape is named {name:?}");
            return false;
        }
        Some((_, Some(shape))) => Among::One(shape),
        None if with_matrix => Among::Places,
        None => Among::Shapes,
    };
    let limit = arguments.seconds.map(Duration::from_secs);
    let count = arguments.seeds.unwrap_or(if limit.is_some() { u64::MAX } else { 1000 });
    let numbers = Numbers::new(arguments.first, count, limit);
    let begin = workers::now();
    let swarm = Swarm::among(among);
    let tallies = workers::on(threads, || search(&numbers, &swarm, arguments.going()));
    let tally = tallies.into_iter().fold(Tally::default(), Tally::and);
    tally.print(threads, begin.elapsed());
    if with_matrix {
        println!("{}", tally.matrix);
    }
    let is_enough = tally.whole >= arguments.at_least;
    if !is_enough {
        println!("fewer than {} seeds were a whole update", arguments.at_least);
    }
    let open = tally.seeds.saturating_mul(arguments.open_per_mille) / 1000;
    if arguments.open_per_mille > 0 {
        println!(
            "{} seeds break a rule, {open} may: docs/simulator-findings.md says what is open",
            tally.failing
        );
    }
    let is_good = tally.failing <= open && is_enough;
    if !arguments.list {
        failure::report(tally.failures, None);
    }
    is_good
}

/// How a search treats failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Going {
    /// Some of them end it.
    UntilFailures,
    /// None ends it.
    On,
    /// None ends it, and each is printed as it is found.
    OnAndTelling,
}

impl Arguments {
    const fn going(&self) -> Going {
        match (self.list, self.keep_going) {
            (true, _) => Going::OnAndTelling,
            (false, true) => Going::On,
            (false, false) => Going::UntilFailures,
        }
    }
}

/// One thread's part.
pub(crate) fn search(numbers: &Numbers, swarm: &Swarm, going: Going) -> Tally {
    let mut tally = Tally::default();
    while let Some(seed) = numbers.take() {
        match swarm.trial(seed) {
            Ok(trial) => tally.play(seed, &trial, going == Going::OnAndTelling),
            Err(error) => {
                println!("seed {seed} cannot be played: {error}");
                tally.failing += 1;
            }
        }
        if going == Going::UntilFailures && tally.failures.len() >= FAILURES {
            numbers.stop();
        }
    }
    tally
}

impl Tally {
    fn play(&mut self, seed: u64, trial: &Trial, telling: bool) {
        let result = failure::play(trial);
        self.seeds += 1;
        if let Ok(outcome) = &result {
            self.events += outcome.events;
            self.commits += outcome.commits;
            self.whole += u64::from(outcome.commits >= WHOLE);
            self.matrix.add(trial.shape, &outcome.effective_faults);
        }
        if let Some(violation) = failure::first_violation(&result) {
            self.failing += 1;
            let (scenario, violation) = (trial.scenario(), violation.clone());
            if telling {
                println!("{}: {violation}", scenario.name);
            }
            failure::keep(&mut self.failures, Failure { number: seed, scenario, violation });
        }
    }

    /// Both together.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.seeds += other.seeds;
        self.whole += other.whole;
        self.events += other.events;
        self.commits += other.commits;
        self.failing += other.failing;
        self.matrix.merge(&other.matrix);
        for failure in other.failures {
            failure::keep(&mut self.failures, failure);
        }
        self
    }

    fn print(&self, threads: usize, took: Duration) {
        println!(
            "{} seeds in {:.1} s on {threads} threads: {} of them whole updates of {WHOLE} writes or more, {} failing",
            self.seeds,
            took.as_secs_f64(),
            self.whole,
            self.failing
        );
        println!(
            "{} per second, {} events per second and thread, {} writes per seed",
            rate(self.seeds, took),
            rate(self.events, took * u32::try_from(threads).unwrap_or(1)),
            self.commits / self.seeds.max(1)
        );
    }
}

/// So many per second, rounded down.
pub(crate) fn rate(count: u64, took: Duration) -> u128 {
    u128::from(count) * 1000 / took.as_millis().max(1)
}
