//! A record's JSON becomes the cells of one CSV row. Synchronous, and without knowledge of Salesforce's API.
//!
//! The fields of a record come in any order; the cells of a row stand in the order of the columns. So each value is
//! written, quoted where it must be, into one scratch buffer, and the row is put together from its pieces.

mod cell;
mod column;
mod csv;
mod fields;
mod key;
mod moment;
mod restore;

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::config::NullHandling;

pub use cell::{Refusal, RefusalCode};
pub use column::{Column, Columns, FieldPath, Kind};
pub use csv::write_row;
pub use fields::fields;
pub use key::{Key, KeyComparison, key_hash};
pub use restore::restore;

/// Salesforce's marker for null in a CSV cell (Bulk API 2.0 guide, "Prepare CSV Files"). There is no way to
/// write it as text.
pub const NULL_MARKER: &str = "#N/A";

/// The longest record Salesforce takes, in characters (Developer Limits Quick Reference, "Bulk API limits").
const LONGEST_RECORD: usize = 400_000;

/// Columns that Airbyte itself adds to records that it replays from a cache; they are not the user's data.
const PLATFORM_PREFIX: &str = "_airbyte_";

/// Turns the records of one stream into CSV rows.
#[derive(Debug)]
pub struct Converter {
    columns: Arc<Columns>,
    nulls: NullHandling,
    /// The keys of the last record with what became of each: records of a stream nearly always have the same keys in
    /// the same order, so the one expected is compared before any is looked up.
    expected: Vec<(Box<str>, Target)>,
    targets: HashMap<Box<str>, Target>,
    /// The fields of nested objects.
    nested: HashMap<Box<str>, HashMap<Box<str>, Target>>,
    scratch: Vec<u8>,
    cells: Vec<Slot>,
    row: Vec<u8>,
    key: Option<u128>,
    /// How many values of the record at hand were cut; they count once it has become a row.
    cut: u64,
    truncated: u64,
}

/// Where a field of a record goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Column(usize),
    /// A nested object whose fields are columns of their own.
    Nested,
    Ignored,
}

/// The written cell of one column.
#[derive(Debug, Clone, Default)]
struct Slot {
    text: Range<usize>,
    hash: u64,
}

/// What became of a record.
#[derive(Debug)]
pub enum Converted<'c> {
    /// A row to be sent.
    Row(Row<'c>),
    /// The record cannot be carried faithfully.
    Refused(Refusal),
    /// The record has a field that no column takes; nothing has been decided about the record yet.
    NewField(FieldPath),
}

/// A CSV row with its line end.
#[derive(Debug, Clone, Copy)]
pub struct Row<'c> {
    /// The bytes of the row.
    pub csv: &'c [u8],
    /// Finds the row again among those that Salesforce gives back; see [`row_hash`].
    pub hash: u32,
    /// The record that the row means, where the operation needs one; see [`key_hash`].
    pub key: Option<u128>,
}

/// The data of a record is not a JSON object.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the data of the record is not a JSON object")]
pub struct NotAnObject;

impl Converter {
    /// A converter into `columns`.
    pub fn new(columns: Arc<Columns>, nulls: NullHandling) -> Self {
        let mut converter = Self {
            columns: Arc::new(Columns::default()),
            nulls,
            expected: Vec::new(),
            targets: HashMap::new(),
            nested: HashMap::new(),
            scratch: Vec::new(),
            cells: Vec::new(),
            row: Vec::new(),
            key: None,
            cut: 0,
            truncated: 0,
        };
        converter.set_columns(columns);
        converter
    }

    /// The columns of the rows.
    pub fn columns(&self) -> &Arc<Columns> {
        &self.columns
    }

    /// How many values were cut to the length of their field so far.
    pub fn truncated(&self) -> u64 {
        self.truncated
    }

    /// Converts into `columns` from now on.
    pub fn set_columns(&mut self, columns: Arc<Columns>) {
        self.expected.clear();
        self.cells = vec![Slot::default(); columns.len()];
        for (index, column) in columns.iter().enumerate() {
            match column.source().object() {
                Some(object) => {
                    self.targets.insert(object.into(), Target::Nested);
                    let fields = self.nested.entry(object.into()).or_default();
                    fields.insert(column.source().field().into(), Target::Column(index));
                }
                None => {
                    self.targets.insert(column.source().field().into(), Target::Column(index));
                }
            }
        }
        self.columns = columns;
    }

    /// Takes the field `name` for a nested object from now on, whose fields are columns of their own.
    pub fn nest(&mut self, name: &str) {
        self.targets.insert(name.into(), Target::Nested);
    }

    /// Drops the field from now on.
    pub fn ignore(&mut self, path: &FieldPath) {
        let fields = match path.object() {
            Some(object) => self.nested.entry(object.into()).or_default(),
            None => &mut self.targets,
        };
        fields.insert(path.field().into(), Target::Ignored);
        self.expected.clear();
    }

    /// Converts the data of one record.
    ///
    /// # Errors
    /// The data is not a JSON object.
    pub fn convert(&mut self, data: &RawValue) -> Result<Converted<'_>, NotAnObject> {
        self.scratch.clear();
        self.cells.fill(Slot::default());
        (self.key, self.cut) = (None, 0);
        let mut stop = None;
        let mut fields = serde_json::Deserializer::from_str(data.get());
        let read = fields.deserialize_map(Fields { converter: self, stop: &mut stop });
        match (stop, read) {
            (Some(Stop::Refused(refusal)), _) => return Ok(Converted::Refused(refusal)),
            (Some(Stop::NewField(path)), _) => return Ok(Converted::NewField(path)),
            (None, Ok(())) => {}
            (None, Err(_)) if data.get().starts_with('{') => {
                // The text has been read as JSON once; only a field name with half a surrogate pair fails now.
                return Ok(Converted::Refused(Refusal::record(RefusalCode::NotUnicode)));
            }
            (None, Err(_)) => return Err(NotAnObject),
        }
        Ok(self.assemble())
    }

    /// Puts the cells together in the order of the columns.
    fn assemble(&mut self) -> Converted<'_> {
        if let Some(key) = self.columns.key()
            && self.key.is_none()
        {
            return Converted::Refused(Refusal::named(RefusalCode::MissingKey, &key.field));
        }
        if self.columns.is_empty() {
            return Converted::Refused(Refusal::record(RefusalCode::NoField));
        }
        self.row.clear();
        for (index, slot) in self.cells.iter().enumerate() {
            if index > 0 {
                self.row.push(b',');
            }
            self.row.extend_from_slice(&self.scratch[slot.text.clone()]);
        }
        if self.row.is_empty() {
            // A lone empty cell would be a blank line, which readers of CSV pass over.
            self.row.extend_from_slice(b"\"\"");
        }
        if self.row.len() > LONGEST_RECORD && characters(&self.row) > LONGEST_RECORD {
            return Converted::Refused(Refusal::record(RefusalCode::RecordTooLong));
        }
        self.row.push(b'\n');
        self.truncated += self.cut;
        let hash = row_hash(self.cells.iter().map(|slot| slot.hash));
        Converted::Row(Row { csv: &self.row, hash, key: self.key })
    }

    /// The target of the field `name`, the `position`th of its record.
    fn target(&mut self, position: usize, name: &str) -> Option<Target> {
        if let Some((expected, target)) = self.expected.get(position)
            && **expected == *name
        {
            return Some(*target);
        }
        let target = match self.targets.get(name) {
            Some(target) => *target,
            None if name.starts_with(PLATFORM_PREFIX) => Target::Ignored,
            None => return None,
        };
        let entry = (name.into(), target);
        if let Some(expected) = self.expected.get_mut(position) {
            *expected = entry;
        } else if position == self.expected.len() && position < 2 * self.columns.len() + 64 {
            // The bound keeps records without end of new keys from making this grow.
            self.expected.push(entry);
        }
        Some(target)
    }

    fn take(&mut self, position: usize, name: &str, value: &RawValue) -> Option<Stop> {
        match self.target(position, name) {
            Some(Target::Column(column)) => self.write_cell(column, value),
            Some(Target::Nested) => self.take_nested(name, value),
            Some(Target::Ignored) => None,
            None => Some(Stop::NewField(FieldPath::top(name))),
        }
    }

    /// Takes the fields of a nested object.
    fn take_nested(&mut self, object: &str, value: &RawValue) -> Option<Stop> {
        let fields: HashMap<Cow<'_, str>, &RawValue> = match serde_json::from_str(value.get()) {
            Ok(fields) => fields,
            Err(_) if value.get() == "null" => {
                let columns = Arc::clone(&self.columns);
                let mut of_object = (0..columns.len()).filter(|it| columns[*it].source().object() == Some(object));
                return of_object.find_map(|column| self.write_cell(column, value));
            }
            Err(_) => return Some(Stop::Refused(Refusal::named(RefusalCode::NotAnObject, object))),
        };
        for (field, value) in fields {
            let target = self.nested.get(object).and_then(|fields| fields.get(&*field)).copied();
            let stop = match target {
                Some(Target::Column(column)) => self.write_cell(column, value),
                Some(Target::Nested | Target::Ignored) => None,
                None => Some(Stop::NewField(FieldPath::nested(object, field))),
            };
            if stop.is_some() {
                return stop;
            }
        }
        None
    }

    fn write_cell(&mut self, column: usize, value: &RawValue) -> Option<Stop> {
        let text = match cell::text(&self.columns[column], value.get(), self.nulls) {
            Ok(text) => text,
            Err(code) => return Some(Stop::Refused(Refusal::new(code, &self.columns[column]))),
        };
        self.cut += u64::from(text.is_truncated);
        if let Some(comparison) = self.columns.comparison(column) {
            let is_blank = text.text.trim().is_empty() || text.text == NULL_MARKER;
            self.key = (!is_blank).then(|| key_hash(&text.text, comparison));
        }
        let start = self.scratch.len();
        csv::write_cell(&mut self.scratch, &text.text);
        self.cells[column] = Slot { text: start..self.scratch.len(), hash: cell_hash(&text.text) };
        None
    }
}

/// Why the fields of a record are not read on.
enum Stop {
    Refused(Refusal),
    NewField(FieldPath),
}

struct Fields<'c> {
    converter: &'c mut Converter,
    /// Set when the rest of the fields does not matter. The reader then finds its object unfinished, which is no error
    /// of the record.
    stop: &'c mut Option<Stop>,
}

impl<'de> Visitor<'de> for Fields<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        let mut position = 0;
        while let Some(name) = fields.next_key_seed(FieldName)? {
            let value: &RawValue = fields.next_value()?;
            *self.stop = self.converter.take(position, &name, value);
            if self.stop.is_some() {
                return Ok(());
            }
            position += 1;
        }
        Ok(())
    }
}

/// A field name, borrowed where it holds no escape.
struct FieldName;

impl<'de> DeserializeSeed<'de> for FieldName {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for FieldName {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field name")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}

fn characters(utf8: &[u8]) -> usize {
    utf8.iter().filter(|byte| **byte & 0xC0 != 0x80).count()
}

/// The hash of one cell's text.
pub fn cell_hash(text: &str) -> u64 {
    use std::hash::{BuildHasher, Hasher};
    if text.is_empty() {
        return 0;
    }
    let mut hasher = foldhash::quality::FixedState::default().build_hasher();
    hasher.write(text.as_bytes());
    hasher.finish()
}

/// The hash of a row, from those of its cells in the order of the columns.
pub fn row_hash(cells: impl Iterator<Item = u64>) -> u32 {
    use std::hash::{BuildHasher, Hasher};
    let mut hasher = foldhash::quality::FixedState::default().build_hasher();
    cells.for_each(|cell| hasher.write_u64(cell));
    #[expect(clippy::cast_possible_truncation, reason = "half of the bits tell rows apart well enough")]
    {
        hasher.finish() as u32
    }
}

#[cfg(test)]
mod table_tests;
#[cfg(test)]
mod tests;
