//! Many rollouts of every strategy at once, driven in random orders under live traffic: no request is lost, no version
//! that is not ready is met, and every rollout ends at the version that was asked for last.

mod picture;
mod play;
mod strategy;
mod verb;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use e2e_tests::operator;
use tokio::task::JoinSet;

use play::{Play, play};
use strategy::Strategy;

/// Rollouts of each strategy at once.
const EACH: u64 = 10;
/// How often the whole is repeated; `make soak` asks for more.
const ROUNDS: &str = "LINNET_SEQUENCE_ROUNDS";
/// The seed of the first rollout; the others count on from it.
const SEED: &str = "LINNET_SEQUENCE_SEED";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rollouts_driven_in_random_orders_lose_no_request() -> Result<()> {
    operator::shared().await?;
    let rounds = number(ROUNDS)?.unwrap_or(1);
    let first = number(SEED)?.unwrap_or(1);
    for round in 0..rounds {
        let seeds = EACH * Strategy::ALL.len() as u64;
        all_at_once(first + round * seeds).await?;
    }
    Ok(())
}

async fn all_at_once(first: u64) -> Result<()> {
    let begin = Instant::now();
    let mut plays = JoinSet::new();
    let strategies = Strategy::ALL.into_iter().cycle();
    for (seed, strategy) in (first..first + EACH * Strategy::ALL.len() as u64).zip(strategies) {
        plays.spawn(async move {
            // Not all in the same second, as people do.
            tokio::time::sleep(Duration::from_millis(100 * (seed - first))).await;
            play(strategy, seed).await.with_context(|| format!("{strategy:?}, {SEED}={seed}"))
        });
    }
    let (mut ended, mut failed) = (Vec::new(), Vec::new());
    while let Some(play) = plays.join_next().await {
        match play? {
            Ok(play) => ended.push(play),
            Err(error) => failed.push(format!("{error:#}")),
        }
    }
    let requests: usize = ended.iter().map(|play| play.requests).sum();
    let verbs: usize = ended.iter().map(|play| play.verbs).sum();
    let (rollouts, seconds) = (ended.len() + failed.len(), begin.elapsed().as_secs());
    println!(
        "{rollouts} rollouts, {verbs} verbs, {requests} requests in {seconds} s, {} failed",
        failed.len()
    );
    let removed = remove(ended).await;
    ensure!(failed.is_empty(), "{} of {} failed:\n{}", failed.len(), rollouts, failed.join("\n"));
    removed
}

/// The pods of one round are none of the next one's load. Nothing else is going on by now: to empty a namespace takes the
/// control plane hundreds of requests.
async fn remove(ended: Vec<Play>) -> Result<()> {
    let removals: JoinSet<Result<()>> = ended.into_iter().map(|play| play.space.remove_wholly()).collect();
    removals.join_all().await.into_iter().collect()
}

/// A number in the environment.
fn number(variable: &str) -> Result<Option<u64>> {
    let text = std::env::var(variable).ok();
    text.map(|text| text.parse().with_context(|| format!("{variable} is no number: {text:?}"))).transpose()
}
