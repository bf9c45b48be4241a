//! What goes wrong on the way, and that nothing is lost or doubled by it.

mod bucket;
mod close;
mod create;
mod job_end;
mod polling;
mod process;
mod random;
mod replay;
mod results;
mod session;
mod upload;

use std::ops::RangeInclusive;

use salesforce_sim::{Endpoint, JobState, RowFault};
use serde_json::{Value, json};

use crate::connector::Run;
use crate::world::{World, catalog, complete, record, state, stream};

/// The key of a record, which is its last name.
fn key(number: u64) -> String {
    format!("L{number:04}")
}

fn keys(numbers: RangeInclusive<u64>) -> Vec<String> {
    numbers.map(key).collect()
}

/// Contacts that are inserted.
fn inserts() -> Value {
    catalog(&[stream("s", "Contact", &[("LastName", "string")])])
}

/// Contacts that are upserted by their key.
fn upserts() -> Value {
    let mut stream = stream("s", "Contact", &[("LastName", "string"), ("External_Id__c", "string")]);
    stream["destination_sync_mode"] = json!("append_dedup");
    stream["primary_key"] = json!([["External_Id__c"]]);
    catalog(&[stream])
}

fn inserted(number: u64) -> String {
    record("s", json!({"LastName": key(number)}))
}

fn upserted(number: u64) -> String {
    record("s", json!({"LastName": key(number), "External_Id__c": key(number)}))
}

/// The records 1 to `count`, a state in the middle and one at the end, each with the number of its last record.
fn input(count: u64, record: fn(u64) -> String) -> Vec<String> {
    let middle = count / 2;
    let first = (1..=middle).map(record).chain([state("s", middle)]);
    first.chain((middle + 1..=count).map(record)).chain([state("s", count), complete("s")]).collect()
}

/// The keys that the org has, each as often as it has it.
fn in_org(world: &World) -> Vec<String> {
    world.values("Contact", "LastName").into_iter().flatten().collect()
}

/// The keys that the bucket has, each as often as it has it.
fn in_bucket(world: &World) -> Vec<String> {
    let rejected = world.rejected();
    let mut keys: Vec<String> =
        rejected.iter().map(|row| row["_airbyte_data"]["LastName"].as_str().unwrap().to_owned()).collect();
    keys.sort();
    keys
}

/// The states that came back: the number of the last record, and the counts.
fn states(run: &Run) -> Vec<(u64, (u64, u64))> {
    run.states().iter().map(|state| (state.id(), state.counts())).collect()
}

/// The states of the org's jobs, oldest first.
fn jobs(world: &World) -> Vec<JobState> {
    world.org.jobs().iter().map(|job| job.state).collect()
}

/// How often an endpoint was asked.
fn asked(world: &World, endpoint: Endpoint) -> usize {
    world.org.requests().iter().filter(|request| request.endpoint == endpoint).count()
}

fn is_refused(number: u64) -> bool {
    number % 10 == 7
}

/// Refuses the records for which [`is_refused`] is true.
fn refuse_some(world: &World) {
    let rule = RowFault::new("Contact", "FIELD_CUSTOM_VALIDATION_EXCEPTION:The \"seventh\", too:LastName --");
    world.org.inject(rule.when(|row| row.get("LastName").is_some_and(|name| name.ends_with('7'))));
}

/// Each of the records 1 to `count` is in the org once, and both states have come back.
#[track_caller]
fn assert_all_in_org(world: &World, run: &Run, count: u64) {
    run.assert_success();
    assert_eq!(in_org(world), keys(1..=count));
    assert_eq!(in_bucket(world), Vec::<String>::new());
    assert_eq!(states(run), [(count / 2, (count / 2, 0)), (count, (count - count / 2, 0))]);
}

/// Each of the records 1 to `count` is in the org or in the bucket once, and both states have come back.
#[track_caller]
fn assert_refused_ones_in_bucket(world: &World, run: &Run, count: u64) {
    run.assert_success();
    let (refused, written): (Vec<u64>, Vec<u64>) = (1..=count).partition(|number| is_refused(*number));
    assert_eq!(in_org(world), written.into_iter().map(key).collect::<Vec<_>>());
    assert_eq!(in_bucket(world), refused.into_iter().map(key).collect::<Vec<_>>());
    let counts = |numbers: RangeInclusive<u64>| {
        let refused = numbers.clone().filter(|number| is_refused(*number)).count() as u64;
        (numbers.count() as u64 - refused, refused)
    };
    assert_eq!(states(run), [(count / 2, counts(1..=count / 2)), (count, counts(count / 2 + 1..=count))]);
}

/// The run failed for now, says why, and acknowledged nothing.
#[track_caller]
fn assert_nothing_acknowledged(run: &Run, reason: &str) {
    let (failure_type, message) = run.failure();
    assert_eq!(failure_type, "transient_error", "{message}");
    assert!(message.contains(reason), "{message}");
    assert_eq!(states(run), []);
}
