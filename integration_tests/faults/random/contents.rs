//! Compares each field of each record of the org and of the bucket with what the source sent.

use std::collections::HashMap;

use serde_json::Value;

use super::scenario::{PlannedStream, TARGETS};
use super::values;
use crate::world::World;

/// Checks that each record of the org has all values of the version that it says it is, and that a record that no sync
/// has written has none.
pub(super) fn check_org(world: &World, streams: &[PlannedStream], label: &str) {
    for target in &TARGETS {
        for record in world.org.records(target.object) {
            let held = |field: &str| record.get(field).and_then(Option::as_deref);
            let key = held(target.key).unwrap_or_else(|| panic!("{label}: a record without a key"));
            let stream = stream_of(key, streams).unwrap_or_else(|| panic!("{label}: nobody sent {key}"));
            let version = held(target.version).map(|version| version.parse::<usize>().unwrap());
            if let Some(version) = version {
                assert_eq!(stream.keys[version - 1], key, "{label}: version {version} of {}", stream.name);
            }
            let sent = version.map(|version| values::of_version(stream, version));
            for (place, (field, _)) in values::FIELDS.iter().enumerate() {
                let expected = sent.as_ref().map(|sent| sent[place].held.as_str());
                // A new checkbox is not checked.
                let found = held(field).filter(|found| expected.is_some() || *found != "false");
                assert_eq!(found, expected, "{label}: {field} of {key}, version {version:?}");
            }
        }
    }
}

/// Checks that each rejected record of the bucket has all values that were sent. `keys_by_id` has the keys of the
/// records that are updated or deleted by their id.
pub(super) fn check_bucket(
    world: &World,
    streams: &[PlannedStream],
    keys_by_id: &HashMap<String, String>,
    label: &str,
) {
    for row in world.rejected() {
        let data = &row["_airbyte_data"];
        let text = |field: &str| data.get(field).and_then(Value::as_str);
        let Some(target) = TARGETS.iter().find(|target| text(target.version).is_some()) else {
            // A delete sends its key and perhaps the mark.
            let values: Vec<_> = values::FIELDS.iter().filter(|(field, _)| !data[*field].is_null()).collect();
            assert!(values.is_empty(), "{label}: {values:?} of a delete: {data}");
            continue;
        };
        let key = text(target.key).or_else(|| keys_by_id.get(text("Id")?).map(String::as_str));
        let key = key.unwrap_or_else(|| panic!("{label}: whose is {data}?"));
        let stream = stream_of(key, streams).unwrap_or_else(|| panic!("{label}: nobody sent {key}"));
        let version: usize = text(target.version).unwrap().parse().unwrap();
        assert_eq!(stream.keys[version - 1], key, "{label}: version {version} of {}", stream.name);
        for ((field, _), sent) in values::FIELDS.iter().zip(values::of_version(stream, version)) {
            // A record that Salesforce refuses has its texts in the form in which they were written.
            let is_same = data[*field] == sent.json || data[*field] == sent.held;
            assert!(is_same, "{label}: {field} is not {} in {data}", sent.json);
        }
    }
}

/// The stream that sends a key, which begins with its name.
fn stream_of<'a>(key: &str, streams: &'a [PlannedStream]) -> Option<&'a PlannedStream> {
    let (name, _) = key.split_once('-')?;
    streams.iter().find(|stream| stream.name == name)
}
