//! Records that are found by other fields than their ids.

mod ends;
mod key_kinds;
mod order;
mod outcomes;
mod requests;

use serde_json::{Value, json};

use crate::connector::Run;
use crate::world::{World, catalog, complete, record, state, stream};

/// A stream `a` of contacts with these text columns.
fn contacts(fields: &[&str]) -> Value {
    let fields: Vec<(&str, &str)> = fields.iter().map(|field| (*field, "string")).collect();
    catalog(&[stream("a", "Contact", &fields)])
}

/// The settings of the stream `a`: an operation and a match.
fn settings(operation: &str, matching: Value) -> Value {
    json!({"streams": [{"stream": "a", "operation": operation, "match": matching}]})
}

/// The lines of a stream `a` with these records and one state.
fn lines(records: &[Value]) -> Vec<String> {
    let records = records.iter().map(|data| record("a", data.clone()));
    records.chain([state("a", 1), complete("a")]).collect()
}

/// Adds a contact, and returns its id.
fn contact(world: &World, values: &[(&str, &str)]) -> String {
    world.org.insert("Contact", values).unwrap()
}

/// The reasons of the rejected records in the bucket, sorted.
fn reasons(world: &World) -> Vec<String> {
    let reason =
        |row: &serde_json::Map<String, Value>| row["_airbyte_data"]["rejected_reason"].as_str().unwrap().to_owned();
    let mut reasons: Vec<String> = world.rejected().iter().map(reason).collect();
    reasons.sort();
    reasons
}

/// Whether a log line of this level has all of these parts.
fn logs(run: &Run, level: &str, parts: &[&str]) -> bool {
    run.log(level).iter().any(|line| parts.iter().all(|part| line.contains(part)))
}
