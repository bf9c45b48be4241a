//! What it costs in requests and memory to find records.

use salesforce_sim::{Answer, Endpoint, JobSummary, RequestFault};
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
    assert_eq!(requests(&world, &[Endpoint::Query]), 1, "the records are counted");
    assert_eq!(requests(&world, &[Endpoint::QueryJobCreate, Endpoint::QueryJobResults]), 2);
    assert_eq!(requests(&world, &[Endpoint::QueryJobDelete]), 1, "its results are of no more use");
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
    assert_eq!(requests(&world, &[Endpoint::Query]), 3, "one counts the records");
}

/// The requests for lists and counts, and the query jobs, of a sync of so many keys into an org that says it has so many
/// records, if it says it.
async fn asked(keys: usize, records: Option<u64>) -> (usize, usize) {
    let world = World::kind().await;
    contact(&world, &[("LastName", "old"), ("Email", &email(0))]);
    if keys > LISTS_AT_ANY_SIZE {
        let answer = match records {
            Some(records) => Answer::json(200, &json!({"totalSize": records, "done": true, "records": []}).to_string()),
            None => Answer::error(400, "QUERY_TIMEOUT", "Your query request was running for too long."),
        };
        world.org.inject(RequestFault::new(Endpoint::Query, answer).times(1));
    }
    let config = settings("update", json!({"fields": ["Email"]}));
    let run = world.write(config, contacts(&["Email", "Title"]), lines(&self::records(keys))).await;
    run.assert_success();
    assert_eq!(run.counts(), [Counts { written: 1, rejected: keys as u64 - 1 }]);
    (requests(&world, &[Endpoint::Query]), requests(&world, &[Endpoint::QueryJobCreate]))
}

/// About the keys that fit into 14 lists, which take fewer requests than any query job.
const LISTS_AT_ANY_SIZE: usize = 2_900;

#[tokio::test(flavor = "multi_thread")]
async fn the_number_of_records_decides_between_lists_and_a_query_job() {
    assert_eq!(asked(LISTS_AT_ANY_SIZE, None).await, (14, 0), "nothing need be known");
    // 15 lists take no more requests than a query job with two pages of 100,000 records.
    assert_eq!(asked(3_100, Some(100_000)).await, (1, 1));
    assert_eq!(asked(3_100, Some(100_001)).await, (16, 0));
    assert_eq!(asked(3_100, None).await, (16, 0), "three pages are supposed");
    assert_eq!(asked(3_600, None).await, (1, 1));
    assert_eq!(asked(3_600, Some(10_000_000)).await, (18, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_records_are_counted_once_in_a_sync() {
    let world = org_of(8_000).await;
    let mut config = settings("update", json!({"fields": ["Email"]}));
    // Two batches, each of more keys than fit into a few lists.
    config["batch_size_mb"] = json!(0.13);
    let run = world.write(config, contacts(&["Email", "Title"]), lines(&records(8_000))).await;
    run.assert_success();
    assert_eq!(run.counts(), [Counts { written: 8_000, rejected: 0 }]);
    assert_eq!((requests(&world, &[Endpoint::Query]), requests(&world, &[Endpoint::QueryJobCreate])), (1, 2));
}

fn rows(jobs: &[JobSummary]) -> usize {
    jobs.iter().map(|job| job.rows).sum()
}

/// Writes so many records into an org of as many contacts. Returns the requests and the peak of memory in bytes. How often
/// the state of a job is asked for depends on how busy the machine is, so these requests are left out.
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
    let polls = requests(&world, &[Endpoint::JobInfo, Endpoint::QueryJobInfo]);
    (world.org.requests().len() - polls, peak_memory)
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_thousand_keys_take_few_requests_and_little_memory() {
    let (requests, peak_memory) = measure(50_000).await;
    assert!(requests < 25, "{requests} requests");
    assert!((1..64_000_000).contains(&peak_memory), "{peak_memory} bytes were resident");
}
