//! Faults of the org, the bucket and the process lose no record and double none.

mod attempts;
mod bucket;
mod close;
mod create;
mod echo;
mod every_call;
mod job_end;
mod journal;
mod later_attempts;
mod output;
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
use crate::protocol_model::Counts;
use crate::world::{World, catalog, complete, keyed, record, state, stream};

/// The last name of a record, which is its key.
fn key(number: u64) -> String {
    format!("L{number:04}")
}

fn keys(numbers: RangeInclusive<u64>) -> Vec<String> {
    numbers.map(key).collect()
}

/// A catalog that inserts contacts.
fn insert_catalog() -> Value {
    catalog(&[stream("s", "Contact", &[("LastName", "string")])])
}

/// A catalog that upserts contacts by an external id.
fn upsert_catalog() -> Value {
    let contacts = stream("s", "Contact", &[("LastName", "string"), ("External_Id__c", "string")]);
    catalog(&[keyed(contacts, "append_dedup", "External_Id__c")])
}

fn insert_record(number: u64) -> String {
    record("s", json!({"LastName": key(number)}))
}

fn upsert_record(number: u64) -> String {
    record("s", json!({"LastName": key(number), "External_Id__c": key(number)}))
}

/// The records 1 to `count`, with a state in the middle and one at the end. The id of a state is the number of the last
/// record before it.
fn input_lines(count: u64, record: fn(u64) -> String) -> Vec<String> {
    let middle = count / 2;
    let first_half = (1..=middle).map(record).chain([state("s", middle)]);
    first_half.chain(input_range(middle + 1..=count, record)).collect()
}

/// The records of a range and a state after the last one.
fn input_range(numbers: RangeInclusive<u64>, record: fn(u64) -> String) -> Vec<String> {
    let last = *numbers.end();
    numbers.map(record).chain([state("s", last), complete("s")]).collect()
}

/// Inserts the records 1 to `count`.
async fn insert_contacts(world: &World, count: u64) -> Run {
    world.write(json!({}), insert_catalog(), input_lines(count, insert_record)).await
}

/// Upserts the records 1 to `count`.
async fn upsert_contacts(world: &World, count: u64) -> Run {
    world.write(json!({}), upsert_catalog(), input_lines(count, upsert_record)).await
}

/// The key of each record in the org, sorted.
fn keys_in_org(world: &World) -> Vec<String> {
    world.values("Contact", "LastName").into_iter().flatten().collect()
}

/// The key of each rejected record in the bucket, sorted.
fn keys_in_bucket(world: &World) -> Vec<String> {
    let rejected = world.rejected();
    let mut keys: Vec<String> =
        rejected.iter().map(|row| row["_airbyte_data"]["LastName"].as_str().unwrap().to_owned()).collect();
    keys.sort();
    keys
}

/// The state of each job, oldest first.
fn job_states(world: &World) -> Vec<JobState> {
    world.org.jobs().iter().map(|job| job.state).collect()
}

fn request_count(world: &World, endpoint: Endpoint) -> usize {
    world.org.requests().iter().filter(|request| request.endpoint == endpoint).count()
}

fn is_rejected(number: u64) -> bool {
    number % 10 == 7
}

/// Lets the org reject the records for which [`is_rejected`] is true.
fn reject_some_rows(world: &World) {
    let fault = RowFault::new("Contact", "FIELD_CUSTOM_VALIDATION_EXCEPTION:The \"seventh\", too:LastName --");
    world.org.inject(fault.when(|row| row.get("LastName").is_some_and(|name| name.ends_with('7'))));
}

/// Each of the records 1 to `count` is in the org once, and both states came back.
#[track_caller]
fn assert_all_in_org(world: &World, run: &Run, count: u64) {
    run.assert_success();
    assert_eq!(keys_in_org(world), keys(1..=count));
    assert_eq!(keys_in_bucket(world), Vec::<String>::new());
    let middle = count / 2;
    let first_half = Counts { written: middle, rejected: 0 };
    let second_half = Counts { written: count - middle, rejected: 0 };
    assert_eq!(run.ids_and_counts(), [(middle, first_half), (count, second_half)]);
}

/// Each of the records 1 to `count` is in the org or in the bucket once, and both states came back.
#[track_caller]
fn assert_all_in_org_or_bucket(world: &World, run: &Run, count: u64) {
    run.assert_success();
    let (rejected, written): (Vec<u64>, Vec<u64>) = (1..=count).partition(|number| is_rejected(*number));
    assert_eq!(keys_in_org(world), written.into_iter().map(key).collect::<Vec<_>>());
    assert_eq!(keys_in_bucket(world), rejected.into_iter().map(key).collect::<Vec<_>>());
    let counts = |numbers: RangeInclusive<u64>| {
        let rejected = numbers.clone().filter(|number| is_rejected(*number)).count() as u64;
        Counts { written: numbers.count() as u64 - rejected, rejected }
    };
    let middle = count / 2;
    assert_eq!(run.ids_and_counts(), [(middle, counts(1..=middle)), (count, counts(middle + 1..=count))]);
}

/// The run failed with a transient error that contains `reason`, and acknowledged nothing.
#[track_caller]
fn assert_nothing_acknowledged(run: &Run, reason: &str) {
    let (failure_type, message) = run.failure();
    assert_eq!(failure_type, "transient_error", "{message}");
    assert!(message.contains(reason), "{message}");
    assert_eq!(run.ids_and_counts(), []);
}
