//! What the batches before would have changed. The org does not know of it, because nothing is sent.

use std::collections::HashSet;
use std::hash::BuildHasher;

use foldhash::quality::FixedState;

use crate::matching::{MatchPlan, RowKey};

/// The most changes that are remembered. A later one is forgotten.
const MOST: usize = 900_000;

/// The memory of them: eight bytes each in a table of 2^20 places, with a byte more for each place.
pub(crate) const KNOWN_BYTES: usize = (1 << 20) * 9;

/// Keys of records that were created, and ids of records that were deleted.
#[derive(Debug, Default)]
pub(super) struct KnownRecords {
    hashes: HashSet<u64>,
    /// Whether a change was forgotten.
    has_forgotten: bool,
}

/// Changes of one kind: of one object, and by the same fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Changes(u64);

impl Changes {
    /// Changes of records that are found by `plan`.
    pub(super) fn of(what: &str, plan: &MatchPlan) -> Self {
        let names = (plan.object.to_ascii_lowercase(), plan.names().to_ascii_lowercase());
        Self(FixedState::default().hash_one((what, names)))
    }

    fn hash(self, key: RowKey) -> u64 {
        FixedState::with_seed(self.0).hash_one(key.hash())
    }
}

impl KnownRecords {
    /// Whether the record with this key is changed.
    pub(super) fn has(&self, changes: Changes, key: RowKey) -> bool {
        self.hashes.contains(&changes.hash(key))
    }

    /// Remembers a change. False if it is known already.
    pub(super) fn add(&mut self, changes: Changes, key: RowKey) -> bool {
        let hash = changes.hash(key);
        if self.hashes.len() < MOST {
            return self.hashes.insert(hash);
        }
        let is_new = !self.hashes.contains(&hash);
        self.has_forgotten |= is_new;
        is_new
    }

    /// Whether a change was forgotten, so that counts may be wrong from then on.
    pub(super) fn has_forgotten(&self) -> bool {
        self.has_forgotten
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{OnMissing, OnSeveral};
    use crate::convert::KeyComparison;
    use crate::matching::{KeyField, ValueType};

    fn plan(object: &str, field: &str) -> MatchPlan {
        let key = KeyField {
            name: field.into(),
            value_type: ValueType::Text,
            comparison: KeyComparison::IgnoreCase,
            longest: None,
        };
        MatchPlan {
            object: object.into(),
            keys: vec![key],
            on_missing: OnMissing::Reject,
            on_several: OnSeveral::Reject,
        }
    }

    fn add(known: &mut KnownRecords, changes: &str, at: (&str, &str), value: &str) -> bool {
        let plan = plan(at.0, at.1);
        known.add(Changes::of(changes, &plan), plan.row_key([value]).unwrap())
    }

    #[test]
    fn a_change_is_known_by_object_fields_and_key() {
        let mut known = KnownRecords::default();
        assert!(add(&mut known, "created", ("Account", "Code__c"), "A-1"));
        assert!(!add(&mut known, "created", ("ACCOUNT", "code__C"), "a-1 "));
        assert!(add(&mut known, "created", ("Account", "Code__c"), "A-2"));
        assert!(add(&mut known, "created", ("Account", "Other__c"), "A-1"));
        assert!(add(&mut known, "created", ("Contact", "Code__c"), "A-1"));
        assert!(add(&mut known, "erased", ("Account", "Code__c"), "A-1"));
    }

    #[test]
    fn the_number_of_known_changes_is_bounded() {
        let mut known = KnownRecords::default();
        let plan = plan("Account", "Code__c");
        let mut add =
            |number: usize| known.add(Changes::of("created", &plan), plan.row_key([&*number.to_string()]).unwrap());
        assert!((0..MOST + 10).all(&mut add));
        assert!(!add(0) && !add(MOST - 1) && add(MOST));
        assert!(known.has_forgotten() && known.hashes.len() == MOST);
        assert!(known.hashes.capacity() * 8 / 7 * 9 <= KNOWN_BYTES);
    }
}
