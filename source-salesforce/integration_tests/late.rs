//! Random work in the org, with transactions that commit late, and random kills: no change and no deletion is missing, and
//! a kill repeats at most one page.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use salesforce_sim::{Nature, RandomWork, Settings};
use serde_json::{Value, json};

use crate::changes::accounts;
use crate::world::{World, blocking};

/// The orgs of a test run. More are tried with `SOURCE_SALESFORCE_SEEDS=1000`.
const SEEDS: u64 = 6;

#[tokio::test(flavor = "multi_thread")]
async fn no_change_and_no_deletion_is_missing_with_late_commits_and_kills() {
    let number = |name: &str| std::env::var(name).ok().and_then(|number| number.parse().ok());
    let first = number("SOURCE_SALESFORCE_FIRST_SEED").unwrap_or(0);
    for seed in first..first + number("SOURCE_SALESFORCE_SEEDS").unwrap_or(SEEDS) {
        follow(seed).await;
    }
}

/// Follows an org over some syncs, of which some attempts are killed.
async fn follow(seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let nature = if seed.is_multiple_of(3) { Nature::harsh() } else { Nature::kind() };
    let world = World::with(Settings { nature, seed, ..Settings::default() }).await;
    world.org.stop_clock();
    let mut work = RandomWork::new("Account", seed);
    let page = random.usize(1..8);
    // A page of a query job is of one moment. One of a REST query has what its records have become.
    let api = if seed.is_multiple_of(4) { "rest" } else { "bulk" };
    let changes = json!({"api": api, "max_page_rows": page});
    let catalog = accounts();
    let (mut states, mut rows, mut kills) = (json!([]), Vec::new(), 0);
    for attempt in 0..8 {
        (0..random.usize(0..25)).for_each(|_| work.step(&world.org));
        if attempt == 7 {
            work.finish();
            world.org.advance_clock(Duration::from_secs(180));
        }
        let connector = world.start_read(changes.clone(), &catalog, &states);
        let nth_state = if attempt < 7 && random.bool() { random.usize(1..6) } else { usize::MAX };
        let reading = tokio::spawn(blocking(move || connector.kill_at_state(nth_state)));
        // The org is never still, but for the last attempt.
        while attempt < 7 && !reading.is_finished() {
            work.step(&world.org);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let run = reading.await.unwrap();
        rows.extend(run.records("Account").into_iter().cloned());
        let last = run.last_states();
        if last != json!([]) {
            states = last;
        }
        match run.exit_code {
            0 => assert_eq!(run.statuses("Account").last(), Some(&"COMPLETE"), "seed {seed}"),
            -1 => kills += 1,
            code => panic!("seed {seed}: {code} {:?}", run.failure()),
        }
    }
    let seen = newest(&rows, seed);
    let expected: BTreeMap<String, Value> = world
        .org
        .records("Account")
        .into_iter()
        .map(|record| (record["Id"].clone().unwrap(), json!(record["Name"])))
        .collect();
    assert_eq!(seen, expected, "seed {seed}");
    let mut times: HashMap<String, usize> = HashMap::new();
    rows.iter().for_each(|row| *times.entry(row.to_string()).or_default() += 1);
    let repeated: usize = times.values().map(|times| times - 1).sum();
    assert!(api == "rest" || repeated <= kills * page, "seed {seed}: {repeated} rows again after {kills} kills");
}

/// What a destination has after these rows: of each record the row with the latest cursor, and of those the last; no record
/// that is deleted.
fn newest(rows: &[Value], seed: u64) -> BTreeMap<String, Value> {
    let mut newest: BTreeMap<&str, &Value> = BTreeMap::new();
    for row in rows {
        let id = row["Id"].as_str().unwrap();
        let is_newest = newest.get(id).is_none_or(|known| cursor(known, seed) <= cursor(row, seed));
        if is_newest {
            newest.insert(id, row);
        }
    }
    let there = newest.into_iter().filter(|(_, row)| row["_ab_cdc_deleted_at"].is_null());
    there.map(|(id, row)| (id.to_owned(), row["Name"].clone())).collect()
}

fn cursor(row: &Value, seed: u64) -> &str {
    row["SystemModstamp"].as_str().unwrap_or_else(|| panic!("seed {seed}: no cursor in {row}"))
}
