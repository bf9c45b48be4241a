//! Why records were rejected: how many for each reason, and one of them to look at.

use std::collections::BTreeMap;

/// How many reasons are kept apart. Salesforce has some three hundred status codes, of which a sync meets a handful;
/// the bound is for answers that are none.
const MOST_REASONS: usize = 100;

/// The name of all reasons beyond those that are kept apart.
const OTHERS: &str = "other reasons";

/// Counts of rejected records by their status code.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::pipeline) struct RejectionReasons(BTreeMap<String, Reason>);

/// One reason.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::pipeline) struct Reason {
    pub(in crate::pipeline) count: u64,
    /// Where one of the records is found: its `_airbyte_raw_id` in the bucket; without a bucket its job, if it had one.
    pub(in crate::pipeline) example: Option<String>,
}

impl RejectionReasons {
    /// Counts one record; `example` is asked for the first one only.
    pub(in crate::pipeline) fn add(&mut self, code: &str, example: impl FnOnce() -> Option<String>) {
        let reason = self.entry(code);
        reason.count += 1;
        if reason.count == 1 {
            reason.example = example();
        }
    }

    /// Adds the counts of `others`.
    pub(in crate::pipeline) fn merge(&mut self, others: &Self) {
        for (code, other) in &others.0 {
            let reason = self.entry(code);
            reason.count += other.count;
            reason.example = reason.example.take().or_else(|| other.example.clone());
        }
    }

    /// The reasons, the most frequent first.
    pub(in crate::pipeline) fn by_count(&self) -> Vec<(&str, &Reason)> {
        let mut reasons: Vec<_> = self.0.iter().map(|(code, reason)| (code.as_str(), reason)).collect();
        reasons.sort_by_key(|(_, reason)| std::cmp::Reverse(reason.count));
        reasons
    }

    fn entry(&mut self, code: &str) -> &mut Reason {
        let is_full = self.0.len() >= MOST_REASONS && !self.0.contains_key(code);
        self.0.entry(if is_full { OTHERS } else { code }.to_owned()).or_default()
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
        later.add("MORE", || panic!("asked for the first one only"));
        reasons.merge(&later);
        let told: Vec<_> =
            reasons.by_count().into_iter().map(|(code, it)| (code, it.count, it.example.as_deref())).collect();
        assert_eq!(told, [("MORE", 3, Some("b")), ("LESS", 1, Some("a"))]);
    }

    #[test]
    fn reasons_without_end_are_counted_together() {
        let mut reasons = RejectionReasons::default();
        (0..1_000).for_each(|number| reasons.add(&number.to_string(), || None));
        assert_eq!(reasons.by_count().len(), MOST_REASONS + 1);
        assert_eq!(reasons.by_count()[0].0, OTHERS);
        assert_eq!(reasons.by_count().iter().map(|(_, reason)| reason.count).sum::<u64>(), 1_000);
    }
}
