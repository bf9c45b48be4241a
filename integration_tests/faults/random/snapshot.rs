//! What is in the org and in the bucket, by the keys of the records.

use std::collections::HashMap;

use serde_json::Value;

use super::scenario::{Operation, StreamOf, TARGETS};
use crate::world::World;

/// What was found under a key: the version of the entry, and the sync that brought it. Neither is known of a delete.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Trace {
    version: usize,
    sync: usize,
}

pub(super) struct Snapshot {
    org: HashMap<String, Vec<Trace>>,
    bucket: HashMap<String, Vec<Trace>>,
}

impl Snapshot {
    /// Looks at both, at the bucket last: what is in neither then was not in the bucket before either. `ids` has the keys of
    /// the records that are known by their id.
    pub(super) fn of(world: &World, ids: &HashMap<String, String>) -> Self {
        let mut org: HashMap<String, Vec<Trace>> = HashMap::new();
        for target in &TARGETS {
            for record in world.org.records(target.object) {
                let text = |field: &str| record.get(field).cloned().flatten();
                org.entry(text(target.key).unwrap()).or_default().push(trace(text(target.version), text(target.sync)));
            }
        }
        let mut bucket: HashMap<String, Vec<Trace>> = HashMap::new();
        for row in world.rejected() {
            let data = &row["_airbyte_data"];
            let text = |field: &str| data.get(field).and_then(Value::as_str).map(str::to_owned);
            let any =
                |field: fn(&super::scenario::Target) -> &'static str| TARGETS.iter().find_map(|it| text(field(it)));
            let key = any(|it| it.key).or_else(|| ids.get(&text("Id")?).cloned()).expect("a key");
            bucket.entry(key).or_default().push(trace(any(|it| it.version), any(|it| it.sync)));
        }
        Self { org, bucket }
    }

    /// Whether the entry of a stream, or a later one of the same record, has taken effect or is kept.
    pub(super) fn has(&self, stream: &StreamOf, version: usize) -> bool {
        let key = &stream.keys[version - 1];
        let is_late_enough = |trace: &Trace| trace.version >= version;
        let (org, bucket) = (self.org.get(key), self.bucket.get(key));
        match stream.operation {
            Operation::Insert => org.is_some() || bucket.is_some(),
            Operation::Upsert | Operation::Update => org.into_iter().chain(bucket).flatten().any(is_late_enough),
            Operation::Delete => org.is_none() || bucket.is_some(),
        }
    }

    /// What is there more than once though one sync alone brought it. `syncs` is how many there were.
    pub(super) fn doubled(&self, stream: &StreamOf, syncs: usize) -> Vec<String> {
        let mut doubled = Vec::new();
        for key in &stream.keys {
            let in_org = self.org.get(key).map_or(&[][..], Vec::as_slice);
            let in_bucket = self.bucket.get(key).map_or(&[][..], Vec::as_slice);
            let all: Vec<&Trace> = match stream.operation {
                Operation::Insert => in_org.iter().chain(in_bucket).collect(),
                _ => in_bucket.iter().collect(),
            };
            let is_doubled = match stream.operation {
                Operation::Delete => all.len() > syncs,
                _ => (0..all.len()).any(|one| all[..one].contains(&all[one])),
            };
            if is_doubled || (stream.operation != Operation::Insert && in_org.len() > 1) {
                doubled.push(format!("{key}: {all:?}, {} in the org", in_org.len()));
            }
        }
        doubled
    }
}

fn trace(version: Option<String>, sync: Option<String>) -> Trace {
    let number = |text: Option<String>| text.map_or(0, |text| text.parse().unwrap());
    Trace { version: number(version), sync: number(sync) }
}
