//! The keys that are looked for, joined with the records of an answer.

use std::collections::HashMap;

use super::plan::RowKey;
use super::record_id::RecordId;
use crate::budget::Lease;

/// The most ids that are kept of a key that names several records, where they are only shown.
pub(super) const MOST_SHOWN: usize = 5;

/// The most records that one key may name, where all of them are written.
pub(crate) const MOST_WRITTEN: usize = 10_000;

/// What is known of a key: the first record that has it, and what else. It takes twelve bytes, so the 15
/// characters of an id, of 62 each, are a number of 90 bits. Its three check characters follow from them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Slot([u8; 12]);

/// The id of a record, as a number; 0 is none.
type Id = u128;

const EMPTY: Slot = Slot([0; 12]);
/// A record has the key only perhaps.
const UNCERTAIN: u128 = 1 << 95;
/// Several records have the key.
const SEVERAL: u128 = 1 << 94;
const ID_BITS: u128 = (1 << 90) - 1;

impl Slot {
    fn bits(self) -> u128 {
        let mut bytes = [0; 16];
        bytes[4..].copy_from_slice(&self.0);
        u128::from_be_bytes(bytes)
    }

    fn id(self) -> Id {
        self.bits() & ID_BITS
    }

    fn has(self, flag: u128) -> bool {
        self.bits() & flag != 0
    }

    fn set(&mut self, bits: u128) {
        let bytes = (self.bits() | bits).to_be_bytes();
        self.0.copy_from_slice(&bytes[4..]);
    }
}

/// The records of a key that names several.
#[derive(Debug, Default)]
struct Several {
    /// Those after the first, as many as are kept.
    ids: Vec<Id>,
    /// All, with the first.
    count: usize,
}

/// The keys that are looked for, and what they have found so far.
#[derive(Debug)]
pub(crate) struct Matches {
    /// Sorted, each once. Keys that are alike follow one another.
    keys: Vec<RowKey>,
    slots: Vec<Slot>,
    several: HashMap<usize, Several>,
    has_repeated_keys: bool,
    has_verdicts: bool,
    has_alike_rows: bool,
    most_ids: usize,
    kept_ids: usize,
    lease: Lease,
}

/// What the key of a row names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// No record.
    Missing,
    /// The record with this id.
    One(RecordId),
    /// Several records: some of their ids, or all where all are to be written, and how many they are.
    Several { ids: Vec<RecordId>, count: usize },
    /// At least one record that may have this key: no document says.
    Uncertain,
}

/// The keys that an answer is about.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Asked<'k> {
    /// All: it has the records of an object, whatever their keys.
    All,
    /// Those at these positions, in order. A record in the answer has one of them, so the org says.
    Together(&'k [usize]),
    /// One. Every record in the answer has it, so the org says.
    Alone(usize),
}

/// An answer has something else where the id of a record should be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotAnId;

impl Matches {
    /// Looks for these keys. `most_ids` are kept of a key that names several records.
    pub(crate) fn new(mut keys: Vec<RowKey>, most_ids: usize, lease: Lease) -> Self {
        let rows = keys.len();
        keys.sort_unstable();
        keys.dedup();
        keys.shrink_to_fit();
        let has_repeated_keys = rows > keys.len();
        let has_alike_rows = has_repeated_keys || keys.windows(2).any(|two| two[0].alike() == two[1].alike());
        let slots = vec![EMPTY; keys.len()];
        let mut matches = Self {
            keys,
            slots,
            several: HashMap::new(),
            has_repeated_keys,
            has_verdicts: false,
            has_alike_rows,
            most_ids,
            kept_ids: 0,
            lease,
        };
        matches.update_lease();
        matches
    }

    fn update_lease(&mut self) {
        let keys = self.keys.capacity() * size_of::<RowKey>() + self.slots.capacity() * size_of::<Slot>();
        let several = self.several.capacity() * size_of::<(usize, Several)>() + self.kept_ids * size_of::<Id>();
        self.lease.set(keys + several);
    }

    /// How many different keys there are.
    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    /// How many keys have found a record.
    pub(crate) fn found(&self) -> usize {
        self.slots.iter().filter(|slot| slot.id() != 0).count()
    }

    /// Whether several rows may name one record: they have one key, or the org calls a record's key the same as
    /// another.
    pub(crate) fn may_share_records(&self) -> bool {
        self.has_repeated_keys || self.has_verdicts
    }

    /// Whether several rows have one key, certainly or perhaps.
    pub(crate) fn has_alike_rows(&self) -> bool {
        self.has_alike_rows
    }

    /// The number of a key among the different ones.
    pub(super) fn position(&self, key: RowKey) -> Option<usize> {
        self.keys.binary_search(&key).ok()
    }

    /// The keys that a record has only perhaps, in order.
    pub(super) fn uncertain(&self) -> Vec<usize> {
        (0..self.slots.len()).filter(|position| self.slots[*position].has(UNCERTAIN)).collect()
    }

    /// Of those of these keys that are alike, the first. `positions` are in order, and so are the keys returned.
    pub(super) fn first_of_alike(&self, positions: &[usize]) -> Vec<usize> {
        let mut first = positions.to_vec();
        first.dedup_by_key(|position| self.keys[*position].alike());
        first
    }

    /// Notes that it is unknown what a key names.
    pub(super) fn doubt(&mut self, position: usize) {
        self.slots[position].set(UNCERTAIN);
    }

    /// Forgets what a key has found.
    pub(super) fn forget(&mut self, position: usize) {
        self.slots[position] = EMPTY;
        let several = self.several.remove(&position);
        self.kept_ids -= several.map_or(0, |several| several.ids.len());
        self.update_lease();
    }

    /// Forgets what all keys have found.
    pub(super) fn forget_all(&mut self) {
        self.slots.fill(EMPTY);
        self.several.clear();
        self.kept_ids = 0;
        self.update_lease();
    }

    /// Adds a record of an answer, which has this key, and returns whether it has a key that was asked for, certainly
    /// or perhaps. A record that is added twice counts once.
    pub(crate) fn add(&mut self, key: RowKey, id: &str, asked: Asked<'_>) -> Result<bool, NotAnId> {
        let number = RecordId::parse(id).ok_or(NotAnId)?;
        if let Asked::Alone(position) = asked {
            self.has_verdicts |= self.keys[position] != key;
            self.add_id(position, number);
            return Ok(true);
        }
        let mut is_asked_for = false;
        let start = self.keys.partition_point(|other| other.alike() < key.alike());
        for position in start..self.keys.len() {
            if self.keys[position].alike() != key.alike() {
                break;
            }
            if matches!(asked, Asked::Together(positions) if positions.binary_search(&position).is_err()) {
                continue;
            }
            is_asked_for = true;
            if self.keys[position] == key {
                self.add_id(position, number);
            } else {
                self.doubt(position);
            }
        }
        Ok(is_asked_for || matches!(asked, Asked::All))
    }

    fn add_id(&mut self, position: usize, id: Id) {
        let slot = &mut self.slots[position];
        if slot.id() == 0 {
            return slot.set(id);
        }
        if slot.id() == id {
            return;
        }
        slot.set(SEVERAL);
        let several = self.several.entry(position).or_insert_with(|| Several { ids: Vec::new(), count: 1 });
        if several.ids.contains(&id) {
            return;
        }
        several.count += 1;
        if several.ids.len() + 1 < self.most_ids {
            several.ids.push(id);
            self.kept_ids += 1;
            self.update_lease();
        }
    }

    /// What a key names.
    pub(crate) fn of(&self, key: RowKey) -> Found {
        let Some(position) = self.position(key) else { return Found::Missing };
        let slot = self.slots[position];
        if slot.has(UNCERTAIN) {
            return Found::Uncertain;
        }
        if slot.id() == 0 {
            return Found::Missing;
        }
        match self.several.get(&position).filter(|_| slot.has(SEVERAL)) {
            None => Found::One(RecordId::of_number(slot.id())),
            Some(Several { ids, count }) => {
                let ids = std::iter::once(slot.id()).chain(ids.iter().copied()).map(RecordId::of_number).collect();
                Found::Several { ids, count: *count }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::Budget;
    use crate::convert::KeyComparison::IgnoreCase;
    use crate::matching::plan::tests::plan;

    const FIRST: &str = "003000000000001AAA";
    const SECOND: &str = "003000000000002AAA";

    fn id(text: &str) -> RecordId {
        RecordId::of_number(RecordId::parse(text).unwrap())
    }

    fn key(value: &str) -> RowKey {
        plan(&[("Email", IgnoreCase)]).row_key([value]).unwrap()
    }

    fn wanted(values: &[&str], most_ids: usize) -> Matches {
        Matches::new(values.iter().map(|value| key(value)).collect(), most_ids, Budget::new(1_000).lease())
    }

    #[test]
    fn records_are_found_by_their_keys() {
        let mut matches = wanted(&["a", "A", "b", "c"], MOST_SHOWN);
        assert_eq!(matches.len(), 3);
        for (value, id) in [("A ", FIRST), ("a", FIRST), ("c", FIRST), ("c", SECOND), ("d", SECOND)] {
            matches.add(key(value), id, Asked::All).unwrap();
        }
        assert_eq!(matches.of(key("a")), Found::One(id(FIRST)), "one record, seen twice");
        assert_eq!(matches.of(key("b")), Found::Missing);
        assert_eq!(matches.of(key("c")), Found::Several { ids: vec![id(FIRST), id(SECOND)], count: 2 });
        assert_eq!(matches.of(key("d")), Found::Missing, "nobody looked for it");
    }

    #[test]
    fn a_record_that_is_seen_again_counts_once_also_among_several() {
        let mut matches = wanted(&["c"], MOST_SHOWN);
        for id in [FIRST, SECOND, SECOND, FIRST, SECOND] {
            assert_eq!(matches.add(key("c"), id, Asked::All), Ok(true));
        }
        assert_eq!(matches.of(key("c")), Found::Several { ids: vec![id(FIRST), id(SECOND)], count: 2 });
        assert_eq!(matches.found(), 1);
    }

    #[test]
    fn rows_of_one_key_and_rows_of_alike_keys_are_known() {
        for (values, are_repeated, are_alike) in [
            (&["a"][..], false, false),
            (&["a", "b"], false, false),
            (&["a", "A"], true, true),
            (&["b", "a", "c", "a "], true, true),
            (&["M\u{fc}ller", "M\u{dc}LLER"], false, true),
            (&["M\u{fc}ller", "a", "z", "M\u{dc}LLER"], false, true),
        ] {
            let matches = wanted(values, MOST_SHOWN);
            assert_eq!(
                (matches.may_share_records(), matches.has_alike_rows()),
                (are_repeated, are_alike),
                "{values:?}"
            );
        }
    }

    #[test]
    fn of_keys_that_are_alike_the_first_is_asked_for_first() {
        let matches = wanted(&["M\u{fc}ller", "Ann", "M\u{dc}LLER", "muller"], MOST_SHOWN);
        let umlauts: Vec<usize> =
            (0..4).filter(|position| *position != matches.position(key("Ann")).unwrap()).collect();
        assert_eq!(matches.first_of_alike(&umlauts), umlauts[..1]);
        assert_eq!(matches.first_of_alike(&umlauts[1..]), umlauts[1..2]);
        assert_eq!(matches.first_of_alike(&[0, 1, 2, 3]).len(), 2);
        assert!(matches.first_of_alike(&[]).is_empty());
        let mut matches = matches;
        assert!(matches.uncertain().is_empty());
        [3, 0].into_iter().for_each(|position| matches.doubt(position));
        assert_eq!(matches.uncertain(), [0, 3]);
    }

    #[test]
    fn the_memory_of_what_is_forgotten_is_given_back() {
        let mut matches = wanted(&["a", "b"], 100);
        let (a, b) = (matches.position(key("a")).unwrap(), matches.position(key("b")).unwrap());
        assert_eq!(matches.lease.bytes(), 2 * 24);
        let ids: Vec<String> = (0..50).map(|number| format!("003000000000{number:03}AAA")).collect();
        for value in ["a", "b"] {
            ids.iter().for_each(|id| assert_eq!(matches.add(key(value), id, Asked::All), Ok(true)));
        }
        let both = matches.lease.bytes();
        matches.forget(a);
        assert_eq!(both - matches.lease.bytes(), 49 * 16);
        matches.forget(a);
        assert_eq!(both - matches.lease.bytes(), 49 * 16, "there is nothing left to forget");
        matches.forget(b);
        assert_eq!(both - matches.lease.bytes(), 98 * 16);
        ids.iter().for_each(|id| assert_eq!(matches.add(key("a"), id, Asked::All), Ok(true)));
        matches.forget_all();
        assert_eq!(both - matches.lease.bytes(), 98 * 16);
        assert_eq!((matches.of(key("a")), matches.found()), (Found::Missing, 0));
    }

    #[test]
    fn a_record_that_may_have_a_key_makes_it_uncertain() {
        let mut matches = wanted(&["M\u{fc}ller", "M\u{dc}LLER", "Ann"], MOST_SHOWN);
        matches.add(key("m\u{fc}ller"), FIRST, Asked::All).unwrap();
        assert_eq!(matches.of(key("M\u{fc}ller")), Found::One(id(FIRST)));
        assert_eq!(matches.of(key("M\u{dc}LLER")), Found::Uncertain);
        matches.add(key("Muller"), SECOND, Asked::All).unwrap();
        assert_eq!(matches.of(key("M\u{fc}ller")), Found::Uncertain);
        matches.forget(matches.position(key("M\u{fc}ller")).unwrap());
        assert_eq!(matches.of(key("M\u{fc}ller")), Found::Missing);
    }

    #[test]
    fn a_record_that_nobody_asked_for_is_reported_and_the_answer_for_one_key_is_a_verdict() {
        let mut matches = wanted(&["b\u{fc}r", "Ann"], MOST_SHOWN);
        let [umlaut, ann] = ["b\u{fc}r", "Ann"].map(|value| matches.position(key(value)).unwrap());
        let both = [umlaut.min(ann), umlaut.max(ann)];
        assert_eq!(matches.add(key("ANN"), FIRST, Asked::Together(&[ann])), Ok(true));
        assert_eq!(matches.add(key("B\u{dc}R"), SECOND, Asked::Together(&[ann])), Ok(false));
        assert_eq!(matches.add(key("buer"), SECOND, Asked::Together(&both)), Ok(false));
        assert_eq!(matches.of(key("b\u{fc}r")), Found::Missing);
        assert!(!matches.may_share_records());
        assert_eq!(matches.add(key("buer"), SECOND, Asked::Alone(umlaut)), Ok(true));
        assert_eq!(matches.of(key("b\u{fc}r")), Found::One(id(SECOND)));
        assert!(matches.may_share_records(), "a row may have the other key");
    }

    #[test]
    fn of_many_records_some_ids_are_kept_and_all_are_counted() {
        let mut matches = wanted(&["a"], 3);
        let ids: Vec<String> = (0..100).map(|number| format!("003000000000{number:03}AAA")).collect();
        ids.iter().for_each(|id| assert_eq!(matches.add(key("a"), id, Asked::All), Ok(true)));
        let Found::Several { ids, count } = matches.of(key("a")) else { panic!() };
        assert_eq!((ids.len(), count), (3, 100));
    }

    #[test]
    fn what_is_no_id_is_not_taken_for_one() {
        let mut matches = wanted(&["a"], 3);
        for text in [
            "",
            "00300000000001",
            "003000000000001AA!",
            "003000000000001AAB",
            "00300000000000-AAA",
            "0030000000000\u{e9}1AAA",
        ] {
            assert_eq!(matches.add(key("a"), text, Asked::All), Err(NotAnId), "{text}");
        }
    }

    #[test]
    fn a_key_takes_24_bytes() {
        assert_eq!(size_of::<RowKey>() + size_of::<Slot>(), 24);
    }
}
