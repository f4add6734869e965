//! Every write of every row.

use std::collections::BTreeMap;
use std::time::Duration;

use simulator::search::exhaustive::{Plan, plans};
use simulator::search::rows;

use crate::failure::{self, Failure};
use crate::workers::{self, Numbers};

/// What one thread has seen.
#[derive(Default)]
struct Tally {
    rows: u64,
    plans: BTreeMap<&'static str, u64>,
    events: u64,
    failing: u64,
    failures: Vec<Failure>,
}

/// Goes through all rows with that text in their names, as far as it gets in that time; returns whether every rule was
/// kept.
pub(crate) fn run(threads: usize, only: &str, limit: Option<Duration>) -> bool {
    let mut rows = rows::all();
    rows.retain(|row| row.scenario.name.contains(only));
    // What is reached in a limited time is something of every shape.
    rows.sort_by_key(|row| row.scenario.name.split(' ').nth(1).map(str::to_owned));
    let count = u64::try_from(rows.len()).unwrap_or(u64::MAX);
    let numbers = Numbers::new(0, count, limit);
    let begin = workers::now();
    let tallies = workers::on(threads, || {
        let mut tally = Tally::default();
        while let Some(row) = numbers.take().and_then(|index| rows.get(usize::try_from(index).ok()?)) {
            tally.rows += 1;
            match plans(row) {
                Ok(plans) => plans.for_each(|plan| tally.play(plan)),
                Err(error) => {
                    println!("{} cannot be played: {error}", row.scenario.name);
                    tally.failing += 1;
                }
            }
        }
        tally
    });
    let mut all = Tally::default();
    for tally in tallies {
        all.add(tally);
    }
    let plans: u64 = all.plans.values().sum();
    let took = begin.elapsed().as_secs_f64();
    let Tally { rows, events, failing, .. } = &all;
    println!("{plans} plans of {rows} rows, {events} events, in {took:.1} s: {failing} failing");
    if *rows < count {
        println!("{} of {count} rows were not reached in that time", count - rows);
    }
    for (shape, plans) in &all.plans {
        println!("  {shape}: {plans}");
    }
    failure::report(all.failures, None);
    all.failing == 0
}

impl Tally {
    fn play(&mut self, plan: Plan) {
        let trial = plan.trial.clone();
        let result = failure::caught(|| plan.run());
        let number = self.plans.values().sum();
        *self.plans.entry(trial.shape.name).or_default() += 1;
        self.events += result.as_ref().map_or(0, |outcome| outcome.events);
        if let Some(violation) = failure::first_violation(&result) {
            self.failing += 1;
            let (scenario, violation) = (trial.scenario(), violation.clone());
            failure::keep(&mut self.failures, Failure { number, scenario, violation });
        }
    }

    fn add(&mut self, other: Self) {
        for (shape, plans) in other.plans {
            *self.plans.entry(shape).or_default() += plans;
        }
        self.rows += other.rows;
        self.events += other.events;
        self.failing += other.failing;
        for failure in other.failures {
            failure::keep(&mut self.failures, failure);
        }
    }
}
