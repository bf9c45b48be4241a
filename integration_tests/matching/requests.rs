//! What it costs in requests and memory to find records.

use salesforce_sim::{Endpoint, JobSummary};
use serde_json::{Value, json};

use super::{contact, contacts, lines, settings};
use crate::connector::{MeasuredRun, write_with_memory_limit};
use crate::operations::values;
use crate::protocol_model::Counts;
use crate::world::{World, blocking};

fn email(number: usize) -> String {
    format!("person-{number}@example.com")
}

/// An org with so many contacts.
async fn org_of(count: usize) -> World {
    let world = World::kind().await;
    for number in 0..count {
        contact(&world, &[("LastName", "old"), ("Email", &email(number))]);
    }
    world
}

fn records(count: usize) -> Vec<Value> {
    (0..count).map(|number| json!({"Email": email(number).to_uppercase(), "Title": format!("T{number}")})).collect()
}

fn requests(world: &World, endpoints: &[Endpoint]) -> usize {
    world.org.requests().iter().filter(|request| endpoints.contains(&request.endpoint)).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn few_keys_are_asked_for_in_packed_lists() {
    for (keys, expected) in [(1, 1..=1), (100, 1..=1), (1_000, 5..=7)] {
        let world = org_of(keys).await;
        let config = settings("update", json!({"fields": ["Email"]}));
        let run = world.write(config, contacts(&["Email", "Title"]), lines(&records(keys))).await;
        run.assert_success();
        assert_eq!(run.counts(), [Counts { written: keys as u64, rejected: 0 }]);
        let queries = requests(&world, &[Endpoint::Query]);
        assert!(expected.contains(&queries), "{queries} requests for {keys} keys");
        assert_eq!(requests(&world, &[Endpoint::QueryMore, Endpoint::QueryJobCreate]), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_keys_are_found_by_one_query_job() {
    let world = org_of(4_500).await;
    let mut records = records(4_000);
    records.push(json!({"Email": "nobody@example.com", "Title": "none"}));
    let config = settings("update", json!({"fields": ["Email"]}));
    let run = world.write(config, contacts(&["Email", "Title"]), lines(&records)).await;
    run.assert_success();
    assert_eq!(run.counts(), [Counts { written: 4_000, rejected: 1 }]);
    assert_eq!(requests(&world, &[Endpoint::Query]), 0);
    assert_eq!(requests(&world, &[Endpoint::QueryJobCreate, Endpoint::QueryJobResults]), 2);
    let found = values(&world, "Contact", &["Title"]).iter().filter(|row| row[0] != "null").count();
    assert_eq!(found, 4_000);
    assert_eq!(rows(&world.org.jobs()), 4_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_keys_those_that_are_uncertain_are_asked_for_alone() {
    let world = org_of(4_000).await;
    for name in ["m\u{fc}ller", "Gotz"] {
        contact(&world, &[("LastName", name), ("Email", &format!("{name}@example.com"))]);
    }
    let mut records = records(4_000);
    for name in ["M\u{dc}LLER", "G\u{f6}tz"] {
        records.push(json!({"Email": format!("{name}@example.com"), "Title": "perhaps"}));
    }
    let config = settings("update", json!({"fields": ["Email"]}));
    let run = world.write(config, contacts(&["Email", "Title"]), lines(&records)).await;
    run.assert_success();
    assert_eq!(run.counts(), [Counts { written: 4_001, rejected: 1 }]);
    // The org says that an umlaut is another letter, and that its case does not matter.
    assert_eq!(super::reasons(&world), ["NO_MATCH"]);
    assert_eq!(requests(&world, &[Endpoint::Query]), 2);
}

fn rows(jobs: &[JobSummary]) -> usize {
    jobs.iter().map(|job| job.rows).sum()
}

/// Writes so many records into an org of as many contacts. Returns the requests and the peak of memory in bytes.
async fn measure(count: usize) -> (usize, u64) {
    const LIMIT: u64 = 256_000_000;
    let world = org_of(count).await;
    let config = world.config(settings("update", json!({"fields": ["Email"]})));
    let write = move || {
        let records =
            (0..count).map(|number| json!({"Email": email(number).to_uppercase(), "Title": format!("T{number}")}));
        let lines = records.map(|data| crate::world::record("a", data));
        let lines = lines.chain([crate::world::state("a", 1), crate::world::complete("a")]);
        write_with_memory_limit(LIMIT, &config, &contacts(&["Email", "Title"]), lines)
    };
    let MeasuredRun { run, peak_memory } = blocking(write).await;
    run.assert_success();
    assert_eq!(run.counts(), [Counts { written: count as u64, rejected: 0 }]);
    assert_eq!(rows(&world.org.jobs()), count);
    (world.org.requests().len(), peak_memory)
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_thousand_keys_take_few_requests_and_little_memory() {
    let (requests, peak_memory) = measure(50_000).await;
    assert!(requests < 60, "{requests} requests");
    assert!((1..64_000_000).contains(&peak_memory), "{peak_memory} bytes were resident");
}
