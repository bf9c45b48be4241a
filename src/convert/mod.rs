//! A record's JSON becomes the cells of one CSV row. Synchronous, and without knowledge of Salesforce's API.
//!
//! The data of a record are read once, and each value is written, quoted where it must be, as it is met. Where the fields
//! come in the order of the columns, what has been written is the row; else it is put together from its pieces.

mod cell;
mod column;
mod csv;
mod key;
mod moment;
mod restore;
mod row;
mod source_columns;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use crate::config::NullHandling;
use airbyte::json::{Cursor, NotUnicode, Text, Value};

use row::RowWriter;

pub use cell::{Rejection, RejectionCode};
pub use column::{Column, Columns, Kind, SourceColumn};
pub use csv::write_row;
pub use key::{Key, KeyComparison, key_hash};
pub use restore::restore;
pub use row::row_hash;
pub use source_columns::source_columns;

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
    targets: Targets,
    row: RowWriter,
    /// What the escapes of the text at hand stand for.
    decoded: String,
    key: Option<u128>,
    /// How many values of the record at hand were cut.
    truncated: u64,
}

/// Where the fields of a record go.
#[derive(Debug, Default)]
struct Targets {
    /// The keys of the last record as they are written, quotes included, with what became of each: records of a stream
    /// nearly always have the same keys in the same order, so the one expected is compared before any is looked up.
    expected: Vec<(Box<str>, Target)>,
    by_name: HashMap<Box<str>, Target>,
    nested: Vec<Nested>,
}

/// An object within the records whose fields are columns of their own.
#[derive(Debug)]
struct Nested {
    name: Box<str>,
    fields: HashMap<Box<str>, Target>,
}

/// Where a field of a record goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Column(usize),
    /// One of the nested objects.
    Nested(usize),
    Ignored,
}

/// What became of a record.
#[derive(Debug)]
pub enum Converted {
    /// A row to be sent, [`Converter::row`].
    Row,
    /// The record cannot be carried faithfully.
    Rejected(Rejection),
    /// The record has a field that no column takes; nothing has been decided about the record yet.
    NewColumn(SourceColumn),
}

/// A CSV row with its line end.
#[derive(Debug, Clone, Copy)]
pub struct Row<'c> {
    /// The bytes of the row.
    pub csv: &'c [u8],
    /// The record that the row means, where the operation needs one; see [`key_hash`].
    pub key: Option<u128>,
}

/// The data of a record is not a JSON object.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the data of the record is not a JSON object")]
pub struct NotAnObject;

/// Why the fields of a record are not read on.
enum Stop {
    Rejected(Rejection),
    NewColumn(SourceColumn),
    Malformed,
}

impl From<Rejection> for Stop {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

impl Converter {
    /// A converter into `columns`.
    pub fn new(columns: Arc<Columns>, nulls: NullHandling) -> Self {
        let mut converter = Self {
            columns: Arc::new(Columns::default()),
            nulls,
            targets: Targets::default(),
            row: RowWriter::default(),
            decoded: String::new(),
            key: None,
            truncated: 0,
        };
        converter.set_columns(columns);
        converter
    }

    /// The columns of the rows.
    pub fn columns(&self) -> &Arc<Columns> {
        &self.columns
    }

    /// How many values of the last row were cut to the length of their field.
    pub fn truncated(&self) -> u64 {
        self.truncated
    }

    /// Converts into `columns` from now on.
    pub fn set_columns(&mut self, columns: Arc<Columns>) {
        self.row.set_width(columns.len());
        for (index, column) in columns.iter().enumerate() {
            self.targets.set(column.source(), Target::Column(index));
        }
        self.columns = columns;
    }

    /// Takes the field `name` for a nested object from now on, whose fields are columns of their own.
    pub fn nest(&mut self, name: &str) {
        self.targets.nested(name);
    }

    /// Drops the field from now on.
    pub fn ignore(&mut self, path: &SourceColumn) {
        self.targets.set(path, Target::Ignored);
    }

    /// Converts the data of one record, which stand at `data`. After a row the cursor stands behind them.
    ///
    /// # Errors
    /// There is no JSON object; this is certain where a row is made, and else only of what had to be read.
    pub fn convert(&mut self, data: &mut Cursor<'_>) -> Result<Converted, NotAnObject> {
        self.row.begin();
        (self.key, self.truncated) = (None, 0);
        match self.read(data).and_then(|()| self.finish().map_err(Stop::Rejected)) {
            Ok(()) => Ok(Converted::Row),
            Err(Stop::Rejected(rejection)) => Ok(Converted::Rejected(rejection)),
            Err(Stop::NewColumn(path)) => Ok(Converted::NewColumn(path)),
            Err(Stop::Malformed) => Err(NotAnObject),
        }
    }

    /// The row that the last record became, if it became one.
    pub fn row(&self) -> Row<'_> {
        Row { csv: self.row.row(), key: self.key }
    }

    fn read(&mut self, data: &mut Cursor<'_>) -> Result<(), Stop> {
        data.enter_object().ok_or(Stop::Malformed)?;
        let mut position = 0;
        while data.next_member(position == 0).ok_or(Stop::Malformed)? {
            match self.targets.next(position, data)? {
                Target::Column(column) => {
                    let value = data.value().ok_or(Stop::Malformed)?;
                    self.write_cell(column, value)?;
                }
                Target::Nested(nested) => self.read_nested(nested, data)?,
                Target::Ignored => drop(data.value().ok_or(Stop::Malformed)?),
            }
            position += 1;
        }
        Ok(())
    }

    /// Takes the fields of a nested object.
    fn read_nested(&mut self, nested: usize, data: &mut Cursor<'_>) -> Result<(), Stop> {
        if data.enter_object().is_none() {
            let name = &self.targets.nested[nested].name;
            return match data.value().ok_or(Stop::Malformed)? {
                Value::Null => {
                    let is_of_object = |column: &usize| self.columns[*column].source().parent() == Some(&**name);
                    let of_object: Vec<usize> = (0..self.columns.len()).filter(is_of_object).collect();
                    of_object
                        .into_iter()
                        .try_for_each(|column| self.write_other(column, Value::Null))
                        .map_err(Stop::from)
                }
                _ => Err(Rejection::named(RejectionCode::NotAnObject, name).into()),
            };
        }
        let mut is_first = true;
        while data.next_member(std::mem::take(&mut is_first)).ok_or(Stop::Malformed)? {
            let Nested { name, fields } = &self.targets.nested[nested];
            let key = data.key().ok_or(Stop::Malformed)?;
            let field = decoded(key).map_err(|_| Rejection::named(RejectionCode::NotUnicode, name))?;
            match fields.get(&*field) {
                Some(Target::Column(column)) => {
                    let column = *column;
                    let value = data.value().ok_or(Stop::Malformed)?;
                    self.write_other(column, value)?;
                }
                Some(Target::Nested(_) | Target::Ignored) => drop(data.value().ok_or(Stop::Malformed)?),
                None => return Err(Stop::NewColumn(SourceColumn::nested(&**name, field))),
            }
        }
        Ok(())
    }

    #[inline(always)]
    fn write_cell(&mut self, index: usize, value: Value<'_>) -> Result<(), Rejection> {
        match cell::as_it_is(self.columns[index].kind(), &value, self.nulls) {
            Some((text, needs_quotes)) if !self.columns.is_key(index) => {
                self.row.put(index, text, needs_quotes);
                Ok(())
            }
            _ => self.write_other(index, value),
        }
    }

    /// Writes the cell of any value: also of one that does not go as it is, and of the key.
    fn write_other(&mut self, index: usize, value: Value<'_>) -> Result<(), Rejection> {
        let column = &self.columns[index];
        let cell = cell::of(column.kind(), value, self.nulls, &mut self.decoded)
            .map_err(|code| Rejection::new(code, column))?;
        self.truncated += u64::from(cell.is_truncated);
        if let Some(comparison) = self.columns.comparison(index) {
            let is_blank = cell.text.trim().is_empty() || cell.text == NULL_MARKER;
            self.key = (!is_blank).then(|| key_hash(&cell.text, comparison));
        }
        self.row.put(index, &cell.text, cell.needs_quotes);
        Ok(())
    }

    /// Completes the row, if there is nothing against it.
    fn finish(&mut self) -> Result<(), Rejection> {
        if let Some(key) = self.columns.key()
            && self.key.is_none()
        {
            return Err(Rejection::named(RejectionCode::MissingKey, &key.field));
        }
        if self.columns.is_empty() {
            return Err(Rejection::record(RejectionCode::NoField));
        }
        // The line end is none of them.
        let row = self.row.end();
        if row.len() > LONGEST_RECORD && characters(row) - 1 > LONGEST_RECORD {
            return Err(Rejection::record(RejectionCode::RecordTooLong));
        }
        Ok(())
    }
}

impl Targets {
    fn set(&mut self, path: &SourceColumn, target: Target) {
        self.expected.clear();
        let fields = match path.parent() {
            Some(object) => &mut self.nested(object).fields,
            None => &mut self.by_name,
        };
        fields.insert(path.name().into(), target);
    }

    /// The nested object of that name, made where there is none yet.
    fn nested(&mut self, name: &str) -> &mut Nested {
        let known = self.nested.iter().position(|nested| *nested.name == *name);
        let place = known.unwrap_or_else(|| {
            self.nested.push(Nested { name: name.into(), fields: HashMap::new() });
            self.nested.len() - 1
        });
        self.expected.clear();
        self.by_name.insert(name.into(), Target::Nested(place));
        &mut self.nested[place]
    }

    /// Steps over the key of the field at `position` of its record, and tells where the field goes.
    fn next(&mut self, position: usize, data: &mut Cursor<'_>) -> Result<Target, Stop> {
        if let Some((quoted, target)) = self.expected.get(position)
            && data.skip_key(quoted)
        {
            return Ok(*target);
        }
        self.look_up(position, data.key().ok_or(Stop::Malformed)?)
    }

    fn look_up(&mut self, position: usize, key: Text<'_>) -> Result<Target, Stop> {
        let name = decoded(key).map_err(|_| Rejection::record(RejectionCode::NotUnicode))?;
        let target = match self.by_name.get(&*name) {
            Some(target) => *target,
            None if name.starts_with(PLATFORM_PREFIX) => Target::Ignored,
            None => return Err(Stop::NewColumn(SourceColumn::top(name))),
        };
        let entry = (format!("\"{}\"", key.raw).into_boxed_str(), target);
        if let Some(expected) = self.expected.get_mut(position) {
            *expected = entry;
        } else if position == self.expected.len() && position < 2 * self.by_name.len() + 64 {
            // The bound keeps a record that repeats its keys without end from making this grow.
            self.expected.push(entry);
        }
        Ok(target)
    }
}

fn decoded(text: Text<'_>) -> Result<Cow<'_, str>, NotUnicode> {
    if !text.has_escape {
        return Ok(Cow::Borrowed(text.raw));
    }
    let mut decoded = String::new();
    text.decode(&mut decoded).map(|_| Cow::Owned(decoded))
}

fn characters(utf8: &[u8]) -> usize {
    utf8.iter().filter(|byte| **byte & 0xC0 != 0x80).count()
}

#[cfg(test)]
mod table_tests;
#[cfg(test)]
mod tests;
