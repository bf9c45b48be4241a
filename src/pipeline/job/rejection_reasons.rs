//! Why records were rejected: how many for each reason and field, and a few examples.

use std::collections::BTreeMap;

use crate::convert::Rejection;
use crate::rejected::{RejectedRecord, RejectedWriter};

/// How many reasons are counted separately. A sync sees a handful of Salesforce's three hundred status codes; the
/// limit is for answers that have no status code.
const MAX_REASONS: usize = 100;

/// The name of all further reasons.
const OTHER_REASONS: &str = "other reasons";

/// How many examples a reason has.
const MAX_EXAMPLES: usize = 3;

/// The most bytes of a code or of the names of fields. Both are what someone else answered.
const MAX_NAME_BYTES: usize = 200;

/// Counts of rejected records by their status code and the fields at fault.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RejectionReasons(BTreeMap<(String, String), Reason>);

/// One reason.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Reason {
    pub(crate) count: u64,
    /// How many of them the connector itself rejected, and why it rejected the first: sentences without values.
    pub(crate) by_connector: u64,
    pub(crate) message: Option<String>,
    /// The first records of the reason.
    pub(crate) examples: Vec<Example>,
}

/// Where to find a rejected record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Example {
    pub(crate) place: Place,
    /// Its `sf__Id`; mostly empty.
    pub(crate) salesforce_id: String,
}

/// What leads to a rejected record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// It is stored with this `_airbyte_raw_id` in the object with this key.
    Bucket { row: String, object: Option<String> },
    /// It is not stored, and was a row of this job.
    Job(String),
    /// It is not stored and was never sent. The source extracted it at this time, in milliseconds since 1970; 0 if it
    /// does not say.
    Source { extracted_at_ms: i64 },
}

impl Example {
    /// A record that `writer` has just written.
    pub(crate) fn stored(record: &RejectedRecord, writer: &RejectedWriter) -> Self {
        let place = Place::Bucket { row: record.raw_id().to_string(), object: writer.object().map(str::to_owned) };
        Self { place, salesforce_id: record.salesforce_id.clone() }
    }

    /// A record that is not stored.
    pub(crate) fn of_job(job: &str, salesforce_id: &str) -> Self {
        Self { place: Place::Job(job.to_owned()), salesforce_id: salesforce_id.to_owned() }
    }

    /// A record that is neither sent nor stored.
    pub(crate) fn of_source(extracted_at_ms: i64) -> Self {
        Self { place: Place::Source { extracted_at_ms }, salesforce_id: String::new() }
    }
}

impl RejectionReasons {
    /// Counts records that the connector itself rejects. Calls `example` for the first records of a reason only.
    pub(crate) fn add_rejection(
        &mut self,
        rejection: &Rejection,
        records: u64,
        example: impl FnOnce() -> Option<Example>,
    ) {
        let field = rejection.field.as_deref().unwrap_or_default();
        self.add_records(rejection.code.as_str(), field, records, example);
        let reason = self.entry(rejection.code.as_str(), field);
        reason.by_connector += records;
        reason.message.get_or_insert_with(|| rejection.message.clone());
    }

    /// Counts several records of one row. Calls `example` for the first records of a reason only.
    pub(crate) fn add_records(
        &mut self,
        code: &str,
        field: &str,
        records: u64,
        example: impl FnOnce() -> Option<Example>,
    ) {
        let reason = self.entry(code, field);
        reason.count += records;
        if reason.examples.len() < MAX_EXAMPLES {
            reason.examples.extend(example());
        }
    }

    /// Adds the counts of `others`.
    pub(crate) fn merge(&mut self, others: &Self) {
        for ((code, field), other) in &others.0 {
            let reason = self.entry(code, field);
            reason.count += other.count;
            reason.by_connector += other.by_connector;
            reason.message = reason.message.take().or_else(|| other.message.clone());
            let room = MAX_EXAMPLES - reason.examples.len().min(MAX_EXAMPLES);
            reason.examples.extend(other.examples.iter().take(room).cloned());
        }
    }

    /// The reasons and fields with the most frequent ones first.
    pub(crate) fn by_count(&self) -> Vec<(&str, &str, &Reason)> {
        let reasons = self.0.iter().map(|((code, field), reason)| (code.as_str(), field.as_str(), reason));
        let mut reasons: Vec<_> = reasons.collect();
        reasons.sort_by_key(|(_, _, reason)| std::cmp::Reverse(reason.count));
        reasons
    }

    /// The reasons, whatever the fields, with the most frequent one first.
    pub(crate) fn by_code(&self) -> Vec<(&str, u64)> {
        let mut codes: BTreeMap<&str, u64> = BTreeMap::new();
        for ((code, _), reason) in &self.0 {
            *codes.entry(code).or_default() += reason.count;
        }
        let mut codes: Vec<_> = codes.into_iter().collect();
        codes.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        codes
    }

    fn entry(&mut self, code: &str, field: &str) -> &mut Reason {
        let key = (cut(code), cut(field));
        let is_full = self.0.len() >= MAX_REASONS && !self.0.contains_key(&key);
        self.0.entry(if is_full { (OTHER_REASONS.to_owned(), String::new()) } else { key }).or_default()
    }
}

fn cut(name: &str) -> String {
    name[..name.floor_char_boundary(MAX_NAME_BYTES)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(id: &str) -> Option<Example> {
        Some(Example::of_job(id, ""))
    }

    #[test]
    fn reasons_are_counted_by_field_with_the_first_examples() {
        let mut reasons = RejectionReasons::default();
        reasons.add_records("LESS", "Name", 1, || example("a"));
        reasons.add_records("MORE", "", 1, || None);
        reasons.add_records("LESS", "Email", 1, || None);
        let mut later = RejectionReasons::default();
        ["b", "c", "d"].into_iter().for_each(|id| later.add_records("MORE", "", 1, || example(id)));
        later.add_records("MORE", "", 1, || panic!("called for the first ones only"));
        later.add_records("LESS", "Email", 2, || example("e"));
        reasons.merge(&later);
        reasons.merge(&later);
        let id = |example: &Example| match &example.place {
            Place::Job(job) => job.clone(),
            other => panic!("{other:?}"),
        };
        let ids = |reason: &Reason| reason.examples.iter().map(id).collect::<Vec<_>>().join(" ");
        let counts: Vec<_> =
            reasons.by_count().into_iter().map(|(code, field, it)| (code, field, it.count, ids(it))).collect();
        let expected = [("MORE", "", 9, "b c d"), ("LESS", "Email", 5, "e e"), ("LESS", "Name", 1, "a")];
        assert_eq!(reasons.by_code(), [("MORE", 9), ("LESS", 6)]);
        assert_eq!(counts, expected.map(|(code, field, count, ids)| (code, field, count, ids.to_owned())));
    }

    #[test]
    fn reasons_beyond_the_limit_are_counted_together() {
        let mut reasons = RejectionReasons::default();
        (0..1_000).for_each(|number| reasons.add_records("CODE", &number.to_string(), 1, || None));
        assert_eq!(reasons.by_count().len(), MAX_REASONS + 1);
        assert_eq!(reasons.by_count()[0].0, OTHER_REASONS);
        assert_eq!(reasons.by_count().iter().map(|(_, _, reason)| reason.count).sum::<u64>(), 1_000);
        let known = |reasons: &RejectionReasons, field: &str| {
            let of_field = |(code, name, _): &(&str, &str, &Reason)| *code == "CODE" && *name == field;
            reasons.by_count().into_iter().find(of_field).map(|(_, _, reason)| reason.count)
        };
        reasons.add_records("CODE", "7", 4, || None);
        assert_eq!(known(&reasons, "7"), Some(5), "one that is known keeps its own count");
        let mut merged = reasons.clone();
        merged.merge(&reasons);
        assert_eq!((known(&merged, "7"), known(&merged, "999")), (Some(10), None));
        assert_eq!((merged.by_count().len(), merged.by_code()[0]), (MAX_REASONS + 1, (OTHER_REASONS, 1_800)));
    }

    #[test]
    fn long_names_are_cut() {
        let mut reasons = RejectionReasons::default();
        reasons.add_records(&"ä".repeat(1_000), &"b".repeat(1_000), 1, || None);
        let by_count = reasons.by_count();
        assert_eq!((by_count[0].0.len(), by_count[0].1.len()), (MAX_NAME_BYTES, MAX_NAME_BYTES));
    }
}
