//! The records in the org and in the bucket, by their keys.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::scenario::{Operation, PlannedStream, TARGETS, Target};
use crate::world::World;

/// The mark of records that the source has deleted.
pub(super) const MARK: &str = "_ab_cdc_deleted_at";

/// The version of a record and the sync that wrote it. Both are 0 for a record of a stream that deletes all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Origin {
    version: usize,
    sync: usize,
}

impl Origin {
    fn new(version: Option<String>, sync: Option<String>) -> Self {
        let number = |text: Option<String>| text.map_or(0, |text| text.parse().unwrap());
        Self { version: number(version), sync: number(sync) }
    }

    /// The mark of a deleted record, which says its version and sync.
    pub(super) fn mark(version: usize, sync: usize) -> String {
        format!("2026-01-01T00:{sync:02}:00.{version:06}Z")
    }

    fn of_mark(mark: &str) -> Self {
        Self::new(Some(mark[20..26].to_owned()), Some(mark[14..16].to_owned()))
    }
}

pub(super) struct Snapshot {
    org: HashMap<String, Vec<Origin>>,
    bucket: HashMap<String, Vec<Origin>>,
}

impl Snapshot {
    /// Reads the org, then the bucket. The bucket only grows, so a record that is missing from it was never in it.
    /// `keys_by_id` has the keys of the records that are updated or deleted by their id.
    pub(super) fn take(world: &World, keys_by_id: &HashMap<String, String>) -> Self {
        let mut org: HashMap<String, Vec<Origin>> = HashMap::new();
        for target in &TARGETS {
            for record in world.org.records(target.object) {
                let text = |field: &str| record.get(field).cloned().flatten();
                let origin = Origin::new(text(target.version), text(target.sync));
                org.entry(text(target.key).unwrap()).or_default().push(origin);
            }
        }
        let mut bucket: HashMap<String, Vec<Origin>> = HashMap::new();
        for row in world.rejected() {
            let data = &row["_airbyte_data"];
            let text = |field: &str| data.get(field).and_then(Value::as_str).map(str::to_owned);
            let first = |field: fn(&Target) -> &'static str| TARGETS.iter().find_map(|target| text(field(target)));
            let by_id = || keys_by_id.get(&text("Id")?).cloned();
            let key = first(|target| target.key).or_else(|| text("External_Id__c")).or_else(by_id).expect("a key");
            let origin = match text(MARK) {
                Some(mark) => Origin::of_mark(&mark),
                None => Origin::new(first(|target| target.version), first(|target| target.sync)),
            };
            bucket.entry(key).or_default().push(origin);
        }
        Self { org, bucket }
    }

    /// Whether this version of a record, or a later one with the same key, took effect or is in the bucket.
    pub(super) fn has(&self, stream: &PlannedStream, version: usize) -> bool {
        let key = &stream.keys[version - 1];
        let is_late_enough = |origin: &Origin| origin.version >= version;
        let (org, bucket) = (self.org.get(key), self.bucket.get(key));
        match stream.operation {
            Operation::Insert => org.is_some() || bucket.is_some(),
            Operation::Upsert | Operation::Update | Operation::FindOrCreate => {
                let mut later = (version..=stream.keys.len()).filter(|later| stream.keys[later - 1] == *key);
                let is_deleted = org.is_none() && later.any(|later| stream.is_deleted(later));
                is_deleted || org.into_iter().chain(bucket).flatten().any(is_late_enough)
            }
            Operation::Delete => org.is_none() || bucket.is_some(),
        }
    }

    /// How many records of an insert are there twice.
    pub(super) fn inserted_twice(&self, stream: &PlannedStream) -> usize {
        let is_twice = |key: &&String| self.org.get(*key).is_some_and(|records| records.len() > 1);
        if stream.operation == Operation::Insert { stream.keys.iter().filter(is_twice).count() } else { 0 }
    }

    /// Describes the records that are there twice after `syncs` syncs: inserts that were written twice at all, but for
    /// those `in_doubt`, and other records that a single sync wrote more than once.
    pub(super) fn doubled(&self, stream: &PlannedStream, syncs: usize, in_doubt: &HashSet<String>) -> Vec<String> {
        let mut doubled = Vec::new();
        for key in &stream.keys {
            let in_org = self.org.get(key).map_or(&[][..], Vec::as_slice);
            let in_bucket = self.bucket.get(key).map_or(&[][..], Vec::as_slice);
            let all = in_bucket;
            let is_doubled = match stream.operation {
                Operation::Insert => {
                    let is_known = !in_doubt.contains(key);
                    (is_known && (in_org.len() > 1 || !(in_org.is_empty() || all.is_empty()))) || all.len() > syncs
                }
                Operation::Delete => all.len() > syncs,
                _ => (0..all.len()).any(|index| all[..index].contains(&all[index])),
            };
            if is_doubled || (stream.operation != Operation::Insert && in_org.len() > 1) {
                doubled.push(format!("{key}: {all:?}, {} in the org", in_org.len()));
            }
        }
        doubled
    }
}
