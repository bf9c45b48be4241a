//! Syncs that a seed decides: what is sent, what goes wrong, and when the process is ended.

mod scenario;
mod snapshot;
mod syncs;

use std::ops::Range;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// The seeds of every run of the tests.
const SEEDS: Range<u64> = 1..13;

/// Seeds that failed once.
const ONCE_FAILED: &[u64] = &[];

/// How many scenarios run at once. They wait most of the time: for jobs, and before they try again.
const AT_ONCE: usize = 12;

/// Whatever goes wrong and whenever the process ends: no state is ahead of what is in the org or the bucket, nothing is
/// there twice within a sync, and syncs that begin after the last state bring everything there.
///
/// `FAULT_SEEDS=1000..1100` takes other seeds, `FAULT_SEEDS=7` a single one.
#[tokio::test(flavor = "multi_thread")]
async fn random_faults_and_kills_lose_nothing_and_double_nothing() {
    let seeds: Vec<u64> = match std::env::var("FAULT_SEEDS") {
        Ok(text) => range(&text).collect(),
        Err(_) => SEEDS.chain(ONCE_FAILED.iter().copied()).collect(),
    };
    let permits = Arc::new(Semaphore::new(AT_ONCE));
    let mut scenarios = JoinSet::new();
    for seed in &seeds {
        let (seed, permits) = (*seed, Arc::clone(&permits));
        scenarios.spawn(async move {
            let _permit = permits.acquire_owned().await.unwrap();
            let scenario = tokio::spawn(syncs::run(scenario::Scenario::of(seed)));
            // The words of a panic have been printed.
            scenario.await.map_err(|_| seed)
        });
    }
    let (mut failed, mut ended) = (Vec::new(), 0);
    while let Some(outcome) = scenarios.join_next().await {
        match outcome.unwrap() {
            Ok(syncs) => ended += syncs - 1,
            Err(seed) => failed.push(seed),
        }
    }
    assert!(failed.is_empty(), "FAULT_SEEDS={} and so on: {failed:?} failed", failed[0]);
    assert!(seeds.len() < 5 || ended >= seeds.len() / 2, "few of the syncs were ended before they were done: {ended}");
}

fn range(text: &str) -> Range<u64> {
    let number = |text: &str| text.trim().parse::<u64>().unwrap_or_else(|_| panic!("FAULT_SEEDS: {text:?}"));
    match text.split_once("..") {
        Some((first, end)) => number(first)..number(end),
        None => number(text)..number(text) + 1,
    }
}
