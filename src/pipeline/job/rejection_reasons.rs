//! Why records were rejected: how many for each reason, and an example.

use std::collections::BTreeMap;

/// How many reasons are counted separately. A sync sees a handful of Salesforce's three hundred status codes; the
/// limit is for answers that have no status code.
const MAX_REASONS: usize = 100;

/// The name of all further reasons.
const OTHER_REASONS: &str = "other reasons";

/// Counts of rejected records by their status code.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RejectionReasons(BTreeMap<String, Reason>);

/// One reason.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Reason {
    pub(crate) count: u64,
    /// Where to find one of the records: its `_airbyte_raw_id` in the bucket, or without a bucket the id of its job, if
    /// it has one.
    pub(crate) example: Option<String>,
}

impl RejectionReasons {
    /// Counts one record. Calls `example` for the first record of a reason only.
    pub(crate) fn add(&mut self, code: &str, example: impl FnOnce() -> Option<String>) {
        self.add_records(code, 1, example);
    }

    /// Counts several records of one row.
    pub(crate) fn add_records(&mut self, code: &str, records: u64, example: impl FnOnce() -> Option<String>) {
        let reason = self.entry(code);
        let is_first = reason.count == 0;
        reason.count += records;
        if is_first {
            reason.example = example();
        }
    }

    /// Adds the counts of `others`.
    pub(crate) fn merge(&mut self, others: &Self) {
        for (code, other) in &others.0 {
            let reason = self.entry(code);
            reason.count += other.count;
            reason.example = reason.example.take().or_else(|| other.example.clone());
        }
    }

    /// The reasons with the most frequent one first.
    pub(crate) fn by_count(&self) -> Vec<(&str, &Reason)> {
        let mut reasons: Vec<_> = self.0.iter().map(|(code, reason)| (code.as_str(), reason)).collect();
        reasons.sort_by_key(|(_, reason)| std::cmp::Reverse(reason.count));
        reasons
    }

    fn entry(&mut self, code: &str) -> &mut Reason {
        let is_full = self.0.len() >= MAX_REASONS && !self.0.contains_key(code);
        self.0.entry(if is_full { OTHER_REASONS } else { code }.to_owned()).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_counted_with_the_first_example() {
        let mut reasons = RejectionReasons::default();
        reasons.add("LESS", || Some("a".into()));
        reasons.add("MORE", || None);
        let mut later = RejectionReasons::default();
        later.add("MORE", || Some("b".into()));
        later.add("MORE", || panic!("called for the first one only"));
        reasons.merge(&later);
        let counts: Vec<_> =
            reasons.by_count().into_iter().map(|(code, it)| (code, it.count, it.example.as_deref())).collect();
        assert_eq!(counts, [("MORE", 3, Some("b")), ("LESS", 1, Some("a"))]);
    }

    #[test]
    fn reasons_beyond_the_limit_are_counted_together() {
        let mut reasons = RejectionReasons::default();
        (0..1_000).for_each(|number| reasons.add(&number.to_string(), || None));
        assert_eq!(reasons.by_count().len(), MAX_REASONS + 1);
        assert_eq!(reasons.by_count()[0].0, OTHER_REASONS);
        assert_eq!(reasons.by_count().iter().map(|(_, reason)| reason.count).sum::<u64>(), 1_000);
    }
}
