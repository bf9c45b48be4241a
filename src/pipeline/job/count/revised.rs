//! What keys name once the batches before are written: what the org says, revised by what the run would have changed.

use std::sync::{Mutex, PoisonError};

use super::known::{Holder, KnownChanges, Record, Standing, Way};
use crate::matching::{Found, Matches, RecordId, RowKey};
use crate::pipeline::job::matched::FoundRecords;

/// The ids of rows whose record is unclear begin with this, so that they pass through the rewriting. No object of
/// Salesforce has it.
const UNCLEAR: [u8; 3] = *b"UNC";

/// What the keys of a batch name.
pub(super) struct RevisedMatches<'m> {
    pub(super) matches: &'m Matches,
    pub(super) known: &'m Mutex<KnownChanges>,
    pub(super) way: Way,
}

/// What a key names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Revised {
    Found(Found),
    /// It depends on what the run writes first.
    Unclear,
}

impl RevisedMatches<'_> {
    /// What a key names. A key that is unclear stays so.
    pub(super) fn revised(&self, key: RowKey, known: &mut KnownChanges) -> Revised {
        let (ids, count) = match self.matches.of(key) {
            Found::Uncertain => return Revised::Found(Found::Uncertain),
            Found::Missing => (Vec::new(), 0),
            Found::One(id) => (vec![id], 1),
            Found::Several { ids, count } => (ids, count),
        };
        let holder = known.holder(self.way, key);
        if holder == Holder::Unclear {
            known.make_unclear(self.way, key);
            return Revised::Unclear;
        }
        let mut left = Vec::with_capacity(ids.len());
        let unseen = count - ids.len();
        for id in ids {
            match known.standing(self.way, Record::of_id(id.as_str()), key) {
                Standing::Here => left.push(id),
                // It may be one of those that are not known by their ids, too.
                Standing::Away if unseen > 0 => return Revised::Unclear,
                Standing::Away => {}
                Standing::Unclear => return Revised::Unclear,
            }
        }
        if let Holder::Record(record) = holder
            && left.iter().all(|id| Record::of_id(id.as_str()) != record)
        {
            left.push(record.new_id());
        }
        let count = left.len() + unseen;
        Revised::Found(match (&*left, count) {
            ([], 0) => Found::Missing,
            ([id], 1) => Found::One(*id),
            _ => Found::Several { ids: left, count },
        })
    }
}

impl FoundRecords for RevisedMatches<'_> {
    fn of(&self, key: RowKey) -> Found {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match self.revised(key, &mut known) {
            Revised::Found(found) => found,
            Revised::Unclear => Found::One(RecordId::invented(UNCLEAR, key.hash())),
        }
    }

    fn may_share_records(&self) -> bool {
        self.matches.may_share_records()
    }

    fn has_alike_rows(&self) -> bool {
        self.matches.has_alike_rows()
    }

    fn found(&self) -> usize {
        self.matches.found()
    }
}

/// Whether the id of a rewritten row says that its record is unclear.
pub(super) fn is_unclear(id: &str) -> bool {
    RecordId::invented_number(UNCLEAR, id).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::Budget;
    use crate::config::{OnMissing, OnSeveral};
    use crate::convert::KeyComparison;
    use crate::matching::{Asked, KeyField, MatchPlan, ValueType};
    use crate::pipeline::job::count::known::{Gone, NewKey};

    fn plan() -> MatchPlan {
        let key = KeyField {
            name: "Email".into(),
            value_type: ValueType::Text,
            comparison: KeyComparison::IgnoreCase,
            longest: None,
        };
        MatchPlan {
            object: "Contact".into(),
            keys: vec![key],
            on_missing: OnMissing::Reject,
            on_several: OnSeveral::Reject,
        }
    }

    fn key(value: &str) -> RowKey {
        plan().row_key([value]).unwrap()
    }

    fn id(number: u64) -> RecordId {
        RecordId::invented(*b"003", number)
    }

    fn record(number: u64) -> Record {
        Record::of_id(id(number).as_str())
    }

    /// What the org says of the key `a`, of which three ids are kept.
    fn of_org(ids: &[u64]) -> Matches {
        let mut matches = Matches::new(vec![key("a")], 3, Budget::new(usize::MAX).lease());
        ids.iter().for_each(|number| assert!(matches.add(key("a"), id(*number).as_str(), Asked::All).unwrap()));
        matches
    }

    fn several(numbers: &[u64], count: usize) -> Revised {
        Revised::Found(Found::Several { ids: numbers.iter().map(|number| id(*number)).collect(), count })
    }

    fn one(number: u64) -> Revised {
        Revised::Found(Found::One(id(number)))
    }

    /// A change by the run before a key is looked at.
    type Change = fn(&mut KnownChanges, Way);

    #[test]
    fn what_the_org_says_of_a_key_is_revised_by_what_the_run_changes_before() {
        let missing = || Revised::Found(Found::Missing);
        let nothing: Change = |_, _| {};
        let delete_one: Change = |known, _| known.delete(record(1), Gone::Erased);
        let move_one: Change = |known, way| known.rewrite(way, record(1), NewKey::Is(key("b")));
        let clear_one: Change = |known, way| known.rewrite(way, record(1), NewKey::Cleared);
        let change_one: Change = |known, way| known.rewrite(way, record(1), NewKey::InPart);
        let give_to_nine: Change = |known, way| known.rewrite(way, record(9), NewKey::Is(key("a")));
        let give_to_one: Change = |known, way| known.rewrite(way, record(1), NewKey::Is(key("a")));
        for (number, (ids, change, expected)) in [
            (&[][..], nothing, missing()),
            (&[], give_to_nine, one(9)),
            (&[], delete_one, missing()),
            (&[1], nothing, one(1)),
            (&[1], delete_one, missing()),
            (&[1], move_one, missing()),
            (&[1], clear_one, missing()),
            (&[1], change_one, Revised::Unclear),
            (&[1], give_to_one, one(1)),
            (&[1], give_to_nine, several(&[1, 9], 2)),
            (&[2], delete_one, one(2)),
            (&[1, 2], nothing, several(&[1, 2], 2)),
            (&[1, 2], delete_one, one(2)),
            (&[1, 2], move_one, one(2)),
            (&[2, 1], change_one, Revised::Unclear),
            (&[1, 2, 3, 4, 5], nothing, several(&[1, 2, 3], 5)),
            (&[5, 4, 3, 2, 1], delete_one, several(&[5, 4, 3], 5)),
            // It may be one of those that are not known by their ids, too.
            (&[1, 2, 3, 4, 5], delete_one, Revised::Unclear),
            (&[1, 2, 3, 4], delete_one, Revised::Unclear),
        ]
        .into_iter()
        .enumerate()
        {
            let (matches, way) = (of_org(ids), Way::of(&plan()));
            let mut changes = KnownChanges::default();
            change(&mut changes, way);
            let known = Mutex::new(KnownChanges::default());
            let revised = RevisedMatches { matches: &matches, known: &known, way };
            // The org has not got the record nine: the dry run knows it by the number of its id.
            let shown = |found: RecordId| if found == record(9).new_id() { id(9) } else { found };
            let found = match revised.revised(key("a"), &mut changes) {
                Revised::Found(Found::One(found)) => Revised::Found(Found::One(shown(found))),
                Revised::Found(Found::Several { ids, count }) => {
                    Revised::Found(Found::Several { ids: ids.into_iter().map(shown).collect(), count })
                }
                found => found,
            };
            assert_eq!(found, expected, "case {number} of {ids:?}");
        }
    }

    #[test]
    fn a_key_that_is_unclear_stays_so() {
        let (matches, way) = (of_org(&[]), Way::of(&plan()));
        let known = Mutex::new(KnownChanges::default());
        let revised = RevisedMatches { matches: &matches, known: &known, way };
        let mut changes = KnownChanges::default();
        let created = changes.create(way, key("M\u{fc}ller"));
        let found = revised.revised(key("M\u{fc}ller"), &mut changes);
        assert_eq!(found, Revised::Found(Found::One(created.new_id())));
        for value in ["M\u{dc}LLER", "M\u{fc}ller", "M\u{dc}LLER"] {
            assert_eq!(revised.revised(key(value), &mut changes), Revised::Unclear, "{value}");
        }
        changes.delete(created, Gone::Recycled);
        assert_eq!(revised.revised(key("M\u{fc}ller"), &mut changes), Revised::Unclear, "it may be another record");
    }

    #[test]
    fn the_id_of_an_unclear_row_tells_that_it_is() {
        let (matches, way) = (of_org(&[1]), Way::of(&plan()));
        let mut changes = KnownChanges::default();
        changes.rewrite(way, record(1), NewKey::InPart);
        let known = Mutex::new(changes);
        let revised = RevisedMatches { matches: &matches, known: &known, way };
        let Found::One(unclear) = revised.of(key("a")) else { panic!() };
        assert!(is_unclear(unclear.as_str()));
        assert_eq!(revised.of(key("b")), Found::Missing);
        assert!(!is_unclear(id(1).as_str()) && !is_unclear(record(1).new_id().as_str()));
    }

    #[test]
    fn what_rows_share_is_as_the_org_says() {
        let known = Mutex::new(KnownChanges::default());
        for (values, shares, alike) in
            [(&["a", "b"][..], false, false), (&["a", "A"], true, true), (&["M\u{fc}ller", "M\u{dc}LLER"], false, true)]
        {
            let keys = values.iter().map(|value| key(value)).collect();
            let mut matches = Matches::new(keys, 3, Budget::new(usize::MAX).lease());
            matches.add(key(values[0]), id(1).as_str(), Asked::All).unwrap();
            let revised = RevisedMatches { matches: &matches, known: &known, way: Way::of(&plan()) };
            let found = (revised.may_share_records(), revised.has_alike_rows(), revised.found());
            assert_eq!(found, (shares, alike, 1), "{values:?}");
        }
    }
}
