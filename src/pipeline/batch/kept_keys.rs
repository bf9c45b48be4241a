//! The keys of rows that are sent with an id instead, so that a rejected record has them again.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::value::RawValue;

use super::compressed_csv::{CompressedCsv, PIECE_SIZE};
use super::types_of_rows::TypesOfRows;
use crate::budget::Lease;
use crate::convert::{Columns, RowTypes, cells, restore, row_hash, row_length};

/// The keys of the rows of a batch, compressed, by the ids that are sent instead.
#[derive(Debug)]
pub(crate) struct KeptKeys {
    columns: Arc<Columns>,
    csv: CompressedCsv,
    /// CSV that is not compressed yet.
    tail: Vec<u8>,
    /// The number of the first row of each piece.
    pieces: Vec<u32>,
    rows: u32,
    types: TypesOfRows,
    /// The hash of each id with its row, sorted once the keys are complete.
    by_id: Vec<ById>,
    /// The hash of the key of each row, if a later attempt must know them.
    hashes: Option<Vec<u64>>,
    lease: Lease,
}

/// The row of an id, in twelve bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct ById {
    hash: [u32; 2],
    row: u32,
}

impl ById {
    fn new(id_hash: u64, row: u32) -> Self {
        Self { hash: halves(id_hash), row }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "each is one half")]
fn halves(hash: u64) -> [u32; 2] {
    [(hash >> 32) as u32, hash as u32]
}

impl KeptKeys {
    /// Keeps the values of these columns; with `with_hashes` also the hashes of keys.
    pub(crate) fn new(columns: Arc<Columns>, with_hashes: bool, lease: Lease) -> Self {
        Self {
            columns,
            csv: CompressedCsv::default(),
            tail: Vec::new(),
            pieces: Vec::new(),
            rows: 0,
            types: TypesOfRows::default(),
            by_id: Vec::new(),
            hashes: with_hashes.then(Vec::new),
            lease,
        }
    }

    /// The same with room for the ids of so many rows. A list that grows would take twice the room meanwhile.
    pub(crate) fn with_room_for(mut self, rows: usize) -> Self {
        self.by_id.reserve_exact(rows);
        self.update_lease();
        self
    }

    /// Keeps the key of a row that is sent with these ids: its CSV, its JSON types and its hash.
    pub(crate) fn push<'i>(
        &mut self,
        csv: &[u8],
        types: &Arc<RowTypes>,
        hash: u64,
        ids: impl Iterator<Item = &'i str>,
    ) {
        if self.tail.is_empty() {
            self.pieces.push(self.rows);
        }
        self.types.add(csv, types);
        self.tail.extend_from_slice(csv);
        self.by_id.extend(ids.map(|id| ById::new(id_hash(id), self.rows)));
        if let Some(hashes) = &mut self.hashes {
            hashes.push(hash);
        }
        self.rows += 1;
        if self.tail.len() >= PIECE_SIZE {
            self.compress_tail();
        }
    }

    fn compress_tail(&mut self) {
        if !self.tail.is_empty() {
            self.csv.push(&self.tail);
            self.tail.clear();
        }
        self.update_lease();
    }

    fn update_lease(&mut self) {
        let hashes = self.hashes.as_ref().map_or(0, Vec::capacity) * size_of::<u64>();
        let by_id = self.by_id.capacity() * size_of::<ById>();
        self.lease.set(self.csv.size() + self.tail.capacity() + self.types.size() + by_id + hashes);
    }

    /// The keys, once all are there.
    pub(crate) fn complete(mut self) -> Arc<Self> {
        self.compress_tail();
        self.tail = Vec::new();
        self.by_id.sort_unstable();
        self.by_id.shrink_to_fit();
        self.update_lease();
        Arc::new(self)
    }

    /// The last row that was sent with an id.
    fn row_of(&self, id_hash: u64) -> Option<u32> {
        let hash = halves(id_hash);
        let end = self.by_id.partition_point(|other| other.hash <= hash);
        let last = self.by_id.get(end.checked_sub(1)?)?;
        (last.hash == hash).then_some(last.row)
    }

    /// The columns of the keys.
    pub(crate) fn columns(&self) -> &Columns {
        &self.columns
    }

    /// The record of a row that was sent with an id: its key, and `others`. A nested object may have members in both.
    pub(crate) fn with_others(&self, id: &str, others: Vec<(String, Box<RawValue>)>) -> Vec<(String, Box<RawValue>)> {
        self.reader().with_others(id, others)
    }

    /// Reads many keys. Those that were kept one after the other are read fast in their order.
    pub(crate) fn reader(&self) -> KeyReader<'_> {
        KeyReader { keys: self, piece: None }
    }

    /// The hash of the key of a row whose CSV is an id alone and has this hash, if it is kept.
    pub(crate) fn hash_of(&self, row_hash: u64) -> Option<u64> {
        Some(self.hashes.as_ref()?[self.row_of(row_hash)? as usize])
    }
}

/// Reads kept keys.
pub(crate) struct KeyReader<'k> {
    keys: &'k KeptKeys,
    /// The piece that was read last.
    piece: Option<ReadPiece>,
}

/// A piece that is no longer compressed.
struct ReadPiece {
    number: usize,
    csv: Bytes,
    /// Where each of its rows ends.
    ends: Vec<usize>,
}

impl KeyReader<'_> {
    /// As [`KeptKeys::with_others`].
    pub(crate) fn with_others(
        &mut self,
        id: &str,
        others: Vec<(String, Box<RawValue>)>,
    ) -> Vec<(String, Box<RawValue>)> {
        let mut record = self.of_id(id);
        for (name, value) in others {
            match record.iter_mut().find(|(other, _)| *other == name) {
                Some((_, object)) => *object = joined(object, value),
                None => record.push((name, value)),
            }
        }
        record
    }

    /// The key of the row that was sent with an id, under its source columns.
    fn of_id(&mut self, id: &str) -> Vec<(String, Box<RawValue>)> {
        let keys = self.keys;
        let Some(csv) = keys.row_of(id_hash(id)).and_then(|row| self.csv_of(row)) else { return Vec::new() };
        let cells = cells(csv);
        restore(&keys.columns, cells.iter().map(String::as_str), keys.types.of(csv).map(|types| &**types))
    }

    fn csv_of(&mut self, row: u32) -> Option<&[u8]> {
        let number = self.keys.pieces.partition_point(|first| *first <= row).checked_sub(1)?;
        if self.piece.as_ref().is_none_or(|piece| piece.number != number) {
            let csv = self.keys.csv.piece(number)?;
            let mut ends = Vec::new();
            let mut end = 0;
            while end < csv.len() {
                end += row_length(&csv[end..]);
                ends.push(end);
            }
            self.piece = Some(ReadPiece { number, csv, ends });
        }
        let ReadPiece { csv, ends, .. } = self.piece.as_ref()?;
        let place = (row - self.keys.pieces[number]) as usize;
        let start = place.checked_sub(1).map_or(Some(0), |before| ends.get(before).copied())?;
        csv.get(start..*ends.get(place)?)
    }
}

/// An object with the members of two.
fn joined(one: &RawValue, other: Box<RawValue>) -> Box<RawValue> {
    let members = |object: &RawValue| Some(object.get().strip_prefix('{')?.strip_suffix('}')?.to_owned());
    let both = members(one).zip(members(&other)).map(|(one, other)| format!("{{{one},{other}}}"));
    both.and_then(|both| RawValue::from_string(both).ok()).unwrap_or(other)
}

/// The hash of a row that has an id alone.
fn id_hash(id: &str) -> u64 {
    row_hash(format!("{id}\n").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::Budget;
    use crate::convert::{Column, Kind, SourceColumn, write_row};
    use airbyte::JsonTypes;

    #[test]
    fn the_key_of_a_row_is_found_by_each_of_its_ids() {
        let column = |name: &str| {
            let kind = Kind::Text { longest: None };
            Column::new(SourceColumn::top(name), name, kind, JsonTypes { text: true, ..JsonTypes::default() })
        };
        let columns = Arc::new(Columns::new(vec![column("mail"), column("name")], None));
        let mut keys = KeptKeys::new(columns, true, Budget::new(1).lease());
        let name = |number: u64| format!("line one\nof \"{number}\"").repeat(9);
        for number in 0..2_000_u64 {
            let mut csv = Vec::new();
            write_row(&mut csv, [format!("{number}@example.com").as_str(), &name(number)]);
            let ids = [format!("a{number}"), format!("b{number}")];
            keys.push(&csv, &Arc::default(), number * 7, ids.iter().map(String::as_str));
        }
        let keys = keys.complete();
        assert!(keys.pieces.len() > 3);
        for number in [0, 1, 777, 1_999] {
            for id in [format!("a{number}"), format!("b{number}")] {
                let record = keys.reader().of_id(&id);
                assert_eq!(record[0].1.get(), format!("\"{number}@example.com\""));
                assert_eq!(record[1].1.get(), serde_json::Value::from(name(number)).to_string());
                assert_eq!(keys.hash_of(id_hash(&id)), Some(number * 7));
            }
        }
        assert!(keys.reader().of_id("a2000").is_empty());
    }

    #[test]
    fn the_lease_covers_the_ids_and_hashes_of_the_keys() {
        let column = Column::new(SourceColumn::top("k"), "k", Kind::Text { longest: None }, JsonTypes::default());
        let columns = Arc::new(Columns::new(vec![column], None));
        let held = |with_hashes: bool| {
            let budget = Budget::new(usize::MAX);
            let mut keys = KeptKeys::new(Arc::clone(&columns), with_hashes, budget.lease()).with_room_for(10_000);
            assert!(budget.used() >= 10_000 * size_of::<ById>(), "{}", budget.used());
            for number in 0..10_000_u64 {
                keys.push(b"k\n", &Arc::default(), number, std::iter::once(&*number.to_string()));
            }
            let keys = keys.complete();
            let held = budget.used();
            drop(keys);
            assert_eq!(budget.used(), 0);
            held
        };
        let (without, with) = (held(false), held(true));
        assert!((10_000 * size_of::<ById>()..11_000 * size_of::<ById>() + 10_000).contains(&without), "{without}");
        assert!(with >= without + 10_000 * size_of::<u64>(), "{with}");
    }

    #[test]
    fn a_nested_object_has_the_members_of_the_key_and_the_others() {
        let kind = Kind::Text { longest: None };
        let types = JsonTypes { text: true, ..JsonTypes::default() };
        let key = Column::new(SourceColumn::nested("Account", "Code__c"), "Account.Code__c", kind, types);
        let mut keys = KeptKeys::new(Arc::new(Columns::new(vec![key], None)), false, Budget::new(1).lease());
        keys.push(b"A-1\n", &Arc::default(), 0, std::iter::once("x"));
        let keys = keys.complete();
        let raw = |json: &str| RawValue::from_string(json.to_owned()).unwrap();
        let others = || vec![("Account".to_owned(), raw(r#"{"Site":"}"}"#)), ("Name".to_owned(), raw("\"n\""))];
        let shown = |id| -> Vec<String> {
            keys.with_others(id, others()).iter().map(|(name, value)| format!("{name}={}", value.get())).collect()
        };
        assert_eq!(shown("x"), [r#"Account={"Code__c":"A-1","Site":"}"}"#, r#"Name="n""#]);
        assert_eq!(shown("y"), [r#"Account={"Site":"}"}"#, r#"Name="n""#]);
        assert_eq!(keys.hash_of(id_hash("x")), None);
    }
}
