//! What `keep_successes` has kept, compared with the org.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::scenario::{Operation, PlannedStream, TARGETS};
use crate::world::World;

/// Checks that each id is kept under its own key, and that each record which the syncs created is kept. `before` are the
/// keys of the records that the org had before, by id.
pub(super) fn check(world: &World, streams: &[PlannedStream], before: &HashMap<String, String>, label: &str) {
    let mut keys_in_org: HashMap<String, String> = HashMap::new();
    for target in &TARGETS {
        for mut record in world.org.records(target.object) {
            let key = record.remove(target.key).flatten().unwrap_or_default();
            keys_in_org.insert(record["Id"].clone().unwrap(), key);
        }
    }
    let mut kept = HashSet::new();
    for (object, bytes) in world.success_objects() {
        let stream = streams.iter().find(|stream| object.contains(&format!("/{}/", stream.name)));
        let stream = stream.unwrap_or_else(|| panic!("{label}: whose is {object}?"));
        for line in std::str::from_utf8(&bytes).unwrap().lines() {
            let row: Value = serde_json::from_str(line).unwrap();
            let data = &row["_airbyte_data"];
            let id = data["sf__Id"].as_str().unwrap();
            kept.insert(id.to_owned());
            let in_org = keys_in_org.get(id).or_else(|| before.get(id));
            match stream.operation {
                Operation::Update | Operation::Delete => assert_eq!(data["Id"], id, "{label}: {line}"),
                Operation::Upsert => assert_key(in_org, &data["External_Id__c"], label),
                Operation::Insert | Operation::FindOrCreate => assert_key(in_org, &data[stream.target.key], label),
            }
        }
    }
    let created = keys_in_org.iter().filter(|(id, _)| !before.contains_key(*id));
    let missing: Vec<_> = created.filter(|(id, _)| !kept.contains(*id)).collect();
    assert!(missing.is_empty(), "{label}: these are not kept: {missing:?}");
}

/// A record that was deleted since then is not in the org.
#[track_caller]
fn assert_key(in_org: Option<&String>, kept: &Value, label: &str) {
    if let Some(in_org) = in_org {
        assert_eq!(kept.as_str(), Some(in_org.as_str()), "{label}");
    }
}
