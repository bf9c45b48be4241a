//! What the batches before would have changed. The org does not know of it, because nothing is sent.
//!
//! A way is a set of fields by which records are found. In each way a key has a holder: the record that has got the key
//! from this run. What the org says of a key is revised by that: see
//! [`RevisedMatches`](super::revised::RevisedMatches).

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash};

use foldhash::quality::FixedState;

use crate::convert::KeyComparison;
use crate::matching::{MatchPlan, RecordId, RowKey};

/// The most facts that are remembered. A later one is forgotten.
const MOST: usize = 900_000;

/// The memory of them: sixteen bytes each in a table of 2^20 places, with a byte more for each place.
pub(crate) const KNOWN_BYTES: usize = (1 << 20) * 17;

/// The ids of records that the run would create begin with this, where rows are shown. No object of Salesforce has it.
const NEW: [u8; 3] = *b"NEW";

/// The value of a fact that says that there are several, or none.
const NONE: u64 = 0;
/// The value of an unknown fact.
const UNCLEAR: u64 = 1;

const RECYCLED: u64 = 2;
const ERASED: u64 = 3;

/// What the run would have changed, as facts: what each is about, and what it is, both as numbers.
#[derive(Debug, Default)]
pub(super) struct KnownChanges {
    facts: HashMap<u64, u64>,
    /// Whether a fact was forgotten.
    has_forgotten: bool,
}

/// A record of the org, or one that the run would create.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record(u64);

/// A set of fields of an object by which records are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Way(u64);

/// Who has a key from this run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holder {
    Nobody,
    Record(Record),
    /// Which record it is depends on what Salesforce makes of what the run writes first.
    Unclear,
}

/// Whether a record of the org still has the key by which a query finds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Here,
    /// The run has deleted it, or has given it another key.
    Away,
    Unclear,
}

/// How a record is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gone {
    Recycled,
    Erased,
}

/// What a write makes of the key of a record in some way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NewKey {
    Is(RowKey),
    /// The record has no key any more.
    Cleared,
    /// Only some fields of the key are written.
    InPart,
}

fn hash(seed: u64, what: impl Hash) -> u64 {
    FixedState::with_seed(seed).hash_one(what)
}

impl Record {
    /// The record with this id, in the form of 15 or 18 characters.
    pub(super) fn of_id(id: &str) -> Self {
        match RecordId::invented_number(NEW, id) {
            Some(number) => Self(number),
            #[expect(clippy::cast_possible_truncation, reason = "half of the hash suffices")]
            None => Self(KeyComparison::Id.hash_of_alike(id) as u64),
        }
    }

    /// The id of a record that the run would create.
    pub(super) fn new_id(self) -> RecordId {
        RecordId::invented(NEW, self.0)
    }
}

impl Way {
    pub(super) fn of(plan: &MatchPlan) -> Self {
        let field = |key: &crate::matching::KeyField| (key.name.to_ascii_lowercase(), format!("{:?}", key.comparison));
        let fields: Vec<_> = plan.keys.iter().map(field).collect();
        Self(hash(1, (plan.object.to_ascii_lowercase(), fields)))
    }

    /// The one key of those that are perhaps the same which has a holder.
    fn noted_key(self, key: RowKey) -> u64 {
        hash(2, (self.0, key.alike()))
    }

    fn holder_of(self, key: RowKey) -> u64 {
        hash(3, (self.0, key.hash()))
    }

    fn key_of(self, record: Record) -> u64 {
        hash(4, (self.0, record.0))
    }

    /// The first record that is created with this key. It also stands for the key.
    fn first(self, key: RowKey) -> Record {
        Record(hash(5, (self.0, key.hash())))
    }
}

impl KnownChanges {
    /// Who has this key from the run.
    pub(super) fn holder(&self, way: Way, key: RowKey) -> Holder {
        let first = way.first(key);
        let Some(noted) = self.facts.get(&way.noted_key(key)) else { return Holder::Nobody };
        if *noted != first.0 {
            // Another key that is perhaps the same.
            return Holder::Unclear;
        }
        let record = match self.facts.get(&way.holder_of(key)) {
            None => first,
            Some(&UNCLEAR) => return Holder::Unclear,
            Some(record) => Record(*record),
        };
        match self.standing(way, record, key) {
            Standing::Here => Holder::Record(record),
            Standing::Away => Holder::Nobody,
            Standing::Unclear => Holder::Unclear,
        }
    }

    /// Whether a record that had this key still has it.
    pub(super) fn standing(&self, way: Way, record: Record, key: RowKey) -> Standing {
        if self.gone(record).is_some() {
            return Standing::Away;
        }
        match self.facts.get(&way.key_of(record)) {
            None => Standing::Here,
            Some(&UNCLEAR) => Standing::Unclear,
            Some(now) if *now == way.first(key).0 => Standing::Here,
            Some(_) => Standing::Away,
        }
    }

    /// How the run has deleted a record.
    pub(super) fn gone(&self, record: Record) -> Option<Gone> {
        match self.facts.get(&gone_fact(record)) {
            Some(&RECYCLED) => Some(Gone::Recycled),
            Some(&ERASED) => Some(Gone::Erased),
            _ => None,
        }
    }

    pub(super) fn delete(&mut self, record: Record, gone: Gone) {
        let gone = if gone == Gone::Recycled { RECYCLED } else { ERASED };
        self.note(gone_fact(record), gone);
    }

    /// Creates a record with a key that nobody has.
    pub(super) fn create(&mut self, way: Way, key: RowKey) -> Record {
        let first = way.first(key);
        if !self.note_key(way, key) {
            return first;
        }
        // The key had a holder before. Every record is another one.
        let last = self.facts.get(&way.holder_of(key)).copied().filter(|last| *last != UNCLEAR).unwrap_or(first.0);
        let next = Record(hash(6, last));
        self.note(way.holder_of(key), next.0);
        next
    }

    /// A record that is not new is written, and so is its key in some way.
    pub(super) fn rewrite(&mut self, way: Way, record: Record, key: NewKey) {
        let now = match key {
            NewKey::Is(key) => {
                self.give(way, key, record);
                way.first(key).0
            }
            NewKey::Cleared => NONE,
            NewKey::InPart => UNCLEAR,
        };
        self.note(way.key_of(record), now);
    }

    /// A record has this key from now on.
    pub(super) fn give(&mut self, way: Way, key: RowKey, record: Record) {
        let holder = self.holder(way, key);
        self.note_key(way, key);
        match holder {
            Holder::Record(other) if other != record => self.note(way.holder_of(key), UNCLEAR),
            Holder::Unclear => self.note(way.holder_of(key), UNCLEAR),
            _ => self.note(way.holder_of(key), record.0),
        }
    }

    /// From now on it is unknown what this key names.
    pub(super) fn make_unclear(&mut self, way: Way, key: RowKey) {
        self.note_key(way, key);
        self.note(way.holder_of(key), UNCLEAR);
    }

    /// Notes that a key has or had a holder. Returns whether that was known.
    fn note_key(&mut self, way: Way, key: RowKey) -> bool {
        let (noted, first) = (way.noted_key(key), way.first(key).0);
        match self.facts.get(&noted) {
            None => self.note(noted, first),
            Some(known) if *known == first => return true,
            Some(_) => self.note(noted, NONE),
        }
        false
    }

    fn note(&mut self, about: u64, fact: u64) {
        if self.facts.len() < MOST || self.facts.contains_key(&about) {
            self.facts.insert(about, fact);
        } else {
            self.has_forgotten = true;
        }
    }

    /// Whether a fact was forgotten, so that counts may be wrong from then on.
    pub(super) fn has_forgotten(&self) -> bool {
        self.has_forgotten
    }
}

fn gone_fact(record: Record) -> u64 {
    hash(7, record.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{OnMissing, OnSeveral};
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

    fn key(value: &str) -> RowKey {
        plan("", "").row_key([value]).unwrap()
    }

    fn way(field: &str) -> Way {
        Way::of(&plan("Account", field))
    }

    #[test]
    fn a_key_has_a_holder_by_object_and_fields() {
        let mut known = KnownChanges::default();
        let record = known.create(way("Code__c"), key("A-1"));
        for (object, field, value, expected) in [
            ("ACCOUNT", "code__C", "a-1 ", Holder::Record(record)),
            ("Account", "Code__c", "A-2", Holder::Nobody),
            ("Account", "Other__c", "A-1", Holder::Nobody),
            ("Contact", "Code__c", "A-1", Holder::Nobody),
        ] {
            assert_eq!(known.holder(Way::of(&plan(object, field)), key(value)), expected, "{object} {field} {value}");
        }
    }

    #[test]
    fn a_record_that_is_deleted_leaves_its_key_to_another_one() {
        let (mut known, way) = (KnownChanges::default(), way("Code__c"));
        let mut records = Vec::new();
        for _ in 0..4 {
            let record = known.create(way, key("A-1"));
            assert_eq!(known.holder(way, key("A-1")), Holder::Record(record));
            assert!(!records.contains(&record));
            known.delete(record, Gone::Recycled);
            assert_eq!((known.holder(way, key("A-1")), known.gone(record)), (Holder::Nobody, Some(Gone::Recycled)));
            records.push(record);
        }
    }

    #[test]
    fn a_record_is_found_by_the_key_that_it_was_given_last() {
        let (mut known, way) = (KnownChanges::default(), way("Email"));
        let record = Record::of_id("003000000000001AAA");
        assert_eq!(known.standing(way, record, key("a")), Standing::Here, "as the org says");
        known.rewrite(way, record, NewKey::Is(key("b")));
        assert_eq!(known.standing(way, record, key("a")), Standing::Away);
        assert_eq!(known.holder(way, key("b")), Holder::Record(record));
        known.rewrite(way, record, NewKey::Is(key("c")));
        assert_eq!(known.holder(way, key("b")), Holder::Nobody);
        known.rewrite(way, record, NewKey::Cleared);
        assert_eq!(known.holder(way, key("c")), Holder::Nobody);
        known.rewrite(way, record, NewKey::InPart);
        assert_eq!(known.standing(way, record, key("a")), Standing::Unclear);
    }

    #[test]
    fn a_key_of_two_records_and_keys_that_may_be_the_same_are_unclear() {
        let (mut known, way) = (KnownChanges::default(), way("Email"));
        known.create(way, key("a"));
        known.give(way, key("a"), Record::of_id("003000000000001AAA"));
        assert_eq!(known.holder(way, key("a")), Holder::Unclear);
        known.create(way, key("M\u{fc}ller"));
        assert_eq!(known.holder(way, key("M\u{dc}LLER")), Holder::Unclear);
        known.make_unclear(way, key("M\u{dc}LLER"));
        assert_eq!(known.holder(way, key("M\u{fc}ller")), Holder::Unclear);
    }

    #[test]
    fn an_id_names_one_record_in_both_forms_and_that_of_a_new_record_names_it_too() {
        assert_eq!(Record::of_id("0015000000Gv7qJ"), Record::of_id("0015000000Gv7qJAAR"));
        let record = KnownChanges::default().create(way("Email"), key("a"));
        assert_eq!(Record::of_id(record.new_id().as_str()), record);
    }

    #[test]
    fn what_is_known_is_revised_when_no_more_can_be_remembered() {
        let (mut known, way) = (KnownChanges::default(), way("Code__c"));
        let record = known.create(way, key("M\u{fc}ller"));
        let plan = plan("", "");
        for number in 1..MOST {
            known.create(way, plan.row_key([&*number.to_string()]).unwrap());
        }
        assert_eq!((known.facts.len(), known.has_forgotten()), (MOST, false));
        assert_eq!(known.holder(way, key("M\u{fc}ller")), Holder::Record(record));
        // A key that is perhaps the same, and nothing more to remember.
        known.create(way, key("M\u{dc}LLER"));
        assert_eq!((known.holder(way, key("M\u{fc}ller")), known.has_forgotten()), (Holder::Unclear, false));
    }

    #[test]
    fn the_number_of_facts_is_bounded() {
        let (mut known, way) = (KnownChanges::default(), way("Code__c"));
        let plan = plan("", "");
        let keys = (0..MOST + 10).map(|number| plan.row_key([&*number.to_string()]).unwrap());
        let keys: Vec<RowKey> = keys.collect();
        for key in &keys {
            known.create(way, *key);
        }
        assert!(known.has_forgotten() && known.facts.len() == MOST);
        assert_ne!(known.holder(way, keys[MOST - 1]), Holder::Nobody);
        assert_eq!(known.holder(way, keys[MOST]), Holder::Nobody);
        assert!(known.facts.capacity() * 8 / 7 * 17 <= KNOWN_BYTES);
    }
}
