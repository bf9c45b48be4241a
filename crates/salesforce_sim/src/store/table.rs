//! The records of one object, and the tables of all objects.

mod life;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use super::{Cells, Deletions, Stamp, Stamps, id};
use crate::schema::{Field, FieldType, Object, is_same_name};

/// Whether a record exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RecordState {
    /// Clients can read and change it.
    Live,
    /// Deleted, and in the recycle bin.
    Recycled,
    /// Deleted for good.
    Erased,
    /// Created by a transaction that is still open. Nobody sees it.
    Pending,
}

#[derive(Debug)]
struct Record {
    state: RecordState,
    stamps: Stamps,
    cells: Cells,
}

/// The live records by the key of one field's value.
#[derive(Debug)]
struct Index {
    field: usize,
    records: HashMap<Box<str>, Vec<u32>>,
}

/// The records of one object. A record has a number, which is a part of its id.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) object: Arc<Object>,
    pub(crate) prefix: String,
    records: Vec<Record>,
    indexes: Vec<Index>,
    live: usize,
    /// The records that open transactions have changed.
    locked: HashSet<usize>,
    /// What `/deleted` knows.
    pub(crate) deletions: Deletions,
    /// The time of the transaction that changes records.
    now: Stamp,
}

impl Table {
    fn new(object: Object, prefix: String) -> Self {
        let indexes = object.fields.iter().enumerate().filter(|(_, field)| field.is_key());
        let indexes = indexes.map(|(field, _)| Index { field, records: HashMap::new() }).collect();
        Self {
            object: Arc::new(object),
            prefix,
            records: Vec::new(),
            indexes,
            live: 0,
            locked: HashSet::new(),
            deletions: Deletions::default(),
            now: Stamp::default(),
        }
    }

    /// The number of live records.
    pub(crate) fn len(&self) -> usize {
        self.live
    }

    /// The number of the next record.
    pub(crate) fn next_number(&self) -> usize {
        self.records.len()
    }

    /// The 18-character id of a record.
    pub(crate) fn id(&self, record: usize) -> String {
        id::format(&self.prefix, record)
    }

    /// The record with a normalized id, live or deleted.
    pub(crate) fn locate(&self, normalized: &str) -> Option<(usize, RecordState)> {
        let record = id::number(normalized).filter(|_| normalized.starts_with(&self.prefix))?;
        Some((record, self.records.get(record)?.state))
    }

    /// The live records with this value in a key field.
    pub(crate) fn find(&self, field: usize, value: &str) -> &[u32] {
        let key = self.object.fields[field].key_of(value);
        let index = self.indexes.iter().find(|index| index.field == field);
        index.and_then(|index| index.records.get(key.as_ref())).map_or(&[], Vec::as_slice)
    }

    /// Whether a record exists.
    pub(crate) fn state(&self, record: usize) -> RecordState {
        self.records[record].state
    }

    /// Whether [`Table::find`] knows the values of a field.
    pub(crate) fn is_indexed(&self, field: usize) -> bool {
        self.indexes.iter().any(|index| index.field == field)
    }

    /// Begins a transaction. The records that it changes share this stamp.
    pub(crate) fn begin(&mut self, now: Stamp) {
        self.now = now;
    }

    /// The stamps of a record.
    pub(crate) fn stamps(&self, record: usize) -> Stamps {
        self.records[record].stamps
    }

    /// Sets a stamp of a record, as a test may wish to have it. False if the field has none.
    pub(crate) fn set_stamp(&mut self, record: usize, field: &str, stamp: Stamp) -> bool {
        self.records[record].stamps.set(field, stamp)
    }

    /// Takes a field away, as when the user may no longer see it, or gives it back. The values stay where they are.
    pub(crate) fn show_field(&mut self, name: &str, is_shown: bool) {
        let object = Arc::make_mut(&mut self.object);
        let named = object.fields.iter_mut().filter(|field| is_same_name(&field.name, name));
        named.for_each(|field| field.hidden = !is_shown);
    }

    /// Adds a field, or replaces the field with the same name.
    pub(crate) fn add_field(&mut self, field: Field) {
        let object = Arc::make_mut(&mut self.object);
        let is_new_key = field.is_key() && object.position(&field.name).is_none();
        *object = object.clone().field(field);
        if is_new_key {
            self.indexes.push(Index { field: self.object.fields.len() - 1, records: HashMap::new() });
        }
    }

    /// The values of a record.
    pub(crate) fn cells(&self, record: usize) -> &Cells {
        &self.records[record].cells
    }

    /// The numbers of the live records, oldest first.
    pub(crate) fn live(&self) -> impl Iterator<Item = usize> {
        self.records
            .iter()
            .enumerate()
            .filter(|(_, record)| record.state == RecordState::Live)
            .map(|(number, _)| number)
    }

    /// Adds a record.
    pub(crate) fn insert(&mut self, cells: Cells) -> usize {
        let record = self.records.len();
        self.records.push(Record { state: RecordState::Live, stamps: Stamps::new(self.now), cells });
        self.live += 1;
        self.add_to_indexes(record);
        record
    }

    /// Sets and clears fields of a record.
    pub(crate) fn update(&mut self, record: usize, changes: &[(u16, Option<&str>)]) {
        self.remove_from_indexes(record);
        let old = std::mem::take(&mut self.records[record].cells);
        let kept = old.iter().filter(|(field, _)| changes.iter().all(|(changed, _)| changed != field));
        let set = changes.iter().filter_map(|(field, value)| Some((*field, (*value)?)));
        self.records[record].cells = Cells::pack(kept.chain(set));
        self.touch(record);
        self.add_to_indexes(record);
    }

    /// Deletes a live record, into the recycle bin or for good.
    pub(crate) fn delete(&mut self, record: usize, state: RecordState) {
        self.remove_from_indexes(record);
        self.live -= 1;
        self.records[record].state = state;
        self.touch(record);
        self.deletions.add(record, self.now);
    }

    fn touch(&mut self, record: usize) {
        let Self { records, now, .. } = self;
        (records[record].stamps.modified, records[record].stamps.system) = (*now, *now);
    }

    /// Deletes a live record for good and frees its values. The number stays used.
    pub(crate) fn forget(&mut self, record: usize) {
        if self.records[record].state == RecordState::Live {
            self.delete(record, RecordState::Erased);
            self.records[record].cells = Cells::default();
        }
    }

    fn add_to_indexes(&mut self, record: usize) {
        let Self { object, records, indexes, .. } = self;
        // A table holds far fewer than 2^32 records.
        let number = u32::try_from(record).unwrap_or(u32::MAX);
        for index in indexes {
            if let Some(value) = records[record].cells.get(index.field) {
                let key = object.fields[index.field].key_of(value);
                match index.records.get_mut(key.as_ref()) {
                    Some(found) => found.push(number),
                    None => drop(index.records.insert(key.into(), vec![number])),
                }
            }
        }
    }

    fn remove_from_indexes(&mut self, record: usize) {
        let Self { object, records, indexes, .. } = self;
        for index in indexes {
            if let Some(value) = records[record].cells.get(index.field) {
                let key = object.fields[index.field].key_of(value);
                if let Some(found) = index.records.get_mut(key.as_ref()) {
                    found.retain(|number| *number as usize != record);
                    if found.is_empty() {
                        index.records.remove(key.as_ref());
                    }
                }
            }
        }
    }
}

/// The tables of all objects.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    tables: Vec<Table>,
    by_name: HashMap<String, usize>,
    by_prefix: HashMap<String, usize>,
    /// The id of the user who creates and changes all records.
    pub(crate) user: String,
    /// The present time, for formulas.
    pub(crate) now: Stamp,
}

impl Tables {
    /// Adds an object, or replaces the object with the same name and its records.
    pub(crate) fn add(&mut self, object: Object) {
        let name = object.name.to_lowercase();
        let at = self.by_name.get(&name).copied().unwrap_or(self.tables.len());
        let prefix = match &object.key_prefix {
            Some(prefix) => prefix.clone(),
            None => custom_prefix(at),
        };
        let object = Object { key_prefix: Some(prefix.clone()), ..object };
        self.by_prefix.insert(prefix.clone(), at);
        let table = Table::new(object, prefix);
        if at == self.tables.len() {
            self.by_name.insert(name, at);
            self.tables.push(table);
        } else {
            self.tables[at] = table;
        }
    }

    /// The position of an object. Ignores the case of the name.
    pub(crate) fn position(&self, object: &str) -> Option<usize> {
        self.by_name.get(&object.to_lowercase()).copied()
    }

    /// The table of an object.
    pub(crate) fn get(&self, object: &str) -> Option<&Table> {
        self.position(object).map(|at| &self.tables[at])
    }

    /// The table at a position from [`Tables::position`].
    pub(crate) fn at(&self, position: usize) -> &Table {
        &self.tables[position]
    }

    /// The table at a position from [`Tables::position`], to change it.
    pub(crate) fn at_mut(&mut self, position: usize) -> &mut Table {
        &mut self.tables[position]
    }

    /// The table whose record ids begin with this prefix.
    pub(crate) fn by_prefix(&self, prefix: &str) -> Option<&Table> {
        self.by_prefix.get(prefix).map(|at| &self.tables[*at])
    }

    /// Every table.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Table> {
        self.tables.iter()
    }

    /// The value that the org itself sets in a field.
    pub(crate) fn audit(&self, table: &Table, record: usize, field: &Field) -> Option<String> {
        match field.name.as_str() {
            "CreatedById" | "LastModifiedById" => Some(self.user.clone()).filter(|user| !user.is_empty()),
            name => table.stamps(record).get(name).map(Stamp::text),
        }
    }

    /// The fields of a record that clients set, as text, `Id` first. `None` is null.
    pub(crate) fn values(table: &Table, record: usize) -> impl Iterator<Item = (&str, Option<String>)> {
        let cells = table.cells(record);
        let fields = table
            .object
            .fields
            .iter()
            .enumerate()
            .filter(|(_, field)| field.kind != FieldType::Address && !field.hidden);
        fields.map(move |(at, field)| {
            let value = match field.kind {
                FieldType::Id => Some(table.id(record)),
                _ => cells.get(at).map(str::to_owned),
            };
            (field.name.as_str(), value)
        })
    }
}

/// The key prefix of a custom object, from `a00` on.
fn custom_prefix(position: usize) -> String {
    const DIGITS: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let letter = char::from(b'a' + u8::try_from(position / (36 * 36) % 5).unwrap_or(0));
    let digit = |number: usize| char::from(DIGITS[number % 36]);
    [letter, digit(position / 36), digit(position)].into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Field;

    fn table() -> Table {
        let object = Object::standard("Thing", "0th")
            .field(Field::text("Key__c", 10).external_id().unique())
            .field(Field::text("Exact__c", 10).external_id().case_sensitive());
        Table::new(object, "0th".to_owned())
    }

    #[test]
    fn every_change_updates_the_indexes_of_key_fields() {
        let mut table = table();
        let (key, exact) = (table.object.position("key__C").unwrap(), table.object.position("Exact__c").unwrap());
        let cells = |value| {
            Cells::pack([(u16::try_from(key).unwrap(), value), (u16::try_from(exact).unwrap(), value)].into_iter())
        };
        let first = table.insert(cells("Abc"));
        let second = table.insert(cells("aBC"));
        assert_eq!(table.find(key, "ABC"), [0, 1]);
        assert_eq!(table.find(exact, "Abc"), [0]);
        assert!(table.find(exact, "ABC").is_empty());

        table.update(first, &[(u16::try_from(key).unwrap(), None)]);
        assert_eq!(table.find(key, "abc"), [1]);
        assert_eq!(table.cells(first).get(exact), Some("Abc"));
        table.delete(second, RecordState::Recycled);
        assert!(table.find(key, "abc").is_empty());
        assert_eq!((table.len(), table.live().collect::<Vec<_>>()), (1, vec![first]));
        assert_eq!(table.locate(&table.id(second)[..15]), Some((second, RecordState::Recycled)));
    }

    #[test]
    fn every_custom_object_has_its_own_prefix() {
        let prefixes: std::collections::HashSet<_> = (0..1_600).map(custom_prefix).collect();
        assert_eq!(prefixes.len(), 1_600);
        assert_eq!(custom_prefix(37), "a11");
    }
}
