//! Converts records one after the other.

mod deleted;
mod rejected_key;
mod routes;

use std::borrow::Cow;
use std::sync::Arc;

use airbyte::json::{Cursor, Decoded, NotUnicode, Text, Value};

use super::cell::{self, DecodedText};
use super::column::{Column, Columns};
use super::csv::{self, NULL_MARKER};
use super::rejection::Rejection;
use super::row_types::{JsonType, RowTypes, TypeTracker};
use super::row_writer::RowWriter;
use super::source_column::SourceColumn;
use crate::config::NullHandling;

use deleted::Deletions;
pub use deleted::OnDeleted;
use routes::{NestedObject, Route, Routes};

/// Turns the records of one stream into CSV rows.
#[derive(Debug)]
pub struct Converter {
    columns: Arc<Columns>,
    nulls: NullHandling,
    /// For each column, how long a text may be that becomes its cell unchanged; 0 where a text may change, and for the
    /// key.
    longest_unchanged: Vec<usize>,
    routes: Routes,
    row: RowWriter,
    types: TypeTracker,
    /// The last text that had escapes, decoded.
    decoded: String,
    key: Option<u128>,
    /// How many values of the current record were cut.
    truncated: u64,
    deletions: Deletions,
}

/// The result of a conversion.
#[derive(Debug)]
pub enum Converted {
    /// A row to send, [`Converter::row`].
    Row,
    /// The source has deleted the record, and it is to be skipped.
    Skipped,
    /// The record cannot be sent unchanged in meaning.
    Rejected(Rejection),
    /// The record has a source column that the converter does not know. The caller decides about it and converts again.
    NewColumn(SourceColumn),
    /// The record has null for this nested object, and no column is known that clears it. The caller decides about it
    /// and converts again.
    NullObject(String),
}

/// A CSV row with its line end.
#[derive(Debug, Clone, Copy)]
pub struct Row<'c> {
    /// The bytes of the row.
    pub csv: &'c [u8],
    /// The hash of the row's key, if the operation needs a key: equal for keys that mean the same record, certainly or
    /// perhaps.
    pub key: Option<u128>,
    /// What the row does.
    pub kind: RowKind,
}

/// What a row does to the record of its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowKind {
    /// What the operation of the stream does: the row has a cell for each column.
    Write,
    /// It deletes the record. The row has the cells that name the record, and a JSON object with the mark of the deletion.
    Delete,
}

/// The data of a record are not a JSON object.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the data of the record is not a JSON object")]
pub struct NotAnObject;

/// Why the conversion of a record stops.
enum Stop {
    Rejected(Rejection),
    NewColumn(SourceColumn),
    NullObject(String),
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
            longest_unchanged: Vec::new(),
            routes: Routes::default(),
            row: RowWriter::default(),
            types: TypeTracker::default(),
            decoded: String::new(),
            key: None,
            truncated: 0,
            deletions: Deletions::default(),
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
        self.types.set_width(columns.len());
        self.routes.set_columns(&columns);
        let longest = |(index, column): (usize, &Column)| {
            if columns.is_key(index) { 0 } else { cell::longest_unchanged(column.kind()) }
        };
        self.longest_unchanged = columns.iter().enumerate().map(longest).collect();
        self.columns = columns;
    }

    /// Reads the source column `name` as a nested object from now on, whose members are source columns of their own.
    pub fn nest(&mut self, name: &str) {
        self.routes.nest(name);
    }

    /// Changes nothing where the nested object `name` is null from now on.
    pub fn keep_null(&mut self, name: &str) {
        self.routes.nest(name).keep_null();
    }

    /// Leaves a member of a nested object out from now on: it describes the related record. An object that has no
    /// other members rejects its record, because nothing names the related record.
    pub fn describe(&mut self, source: &SourceColumn) {
        self.routes.set(source, Route::Description);
    }

    /// Leaves a source column out from now on.
    pub fn ignore(&mut self, source: &SourceColumn) {
        self.routes.set(source, Route::Ignored);
    }

    /// What becomes of the records that the source has deleted. Without a choice they are rejected.
    #[must_use]
    pub fn on_deleted(mut self, choice: OnDeleted) -> Self {
        self.deletions.choice = choice;
        self
    }

    /// Reads a source column as a mark from now on: whether the source has deleted the record. Rows then have keys.
    pub fn mark_deleted(&mut self, source: &SourceColumn) {
        let mark = self.deletions.add_mark(source);
        self.routes.set(source, Route::DeletionMark(mark));
    }

    /// Converts the data of one record, which begin at the cursor. After a row the cursor is behind the data.
    ///
    /// # Errors
    /// The data are not a JSON object. If there is no row, a part of the data may not have been read and checked.
    pub fn convert(&mut self, data: &mut Cursor<'_>) -> Result<Converted, NotAnObject> {
        self.convert_without(data, |_| false)
    }

    /// Converts the data of one record as [`convert`](Self::convert) does, but leaves out each source column that the
    /// converter does not know and that `leaves_out` accepts. However many there are, the record is read once.
    ///
    /// # Errors
    /// The data are not a JSON object.
    pub fn convert_without(
        &mut self,
        data: &mut Cursor<'_>,
        mut leaves_out: impl FnMut(&SourceColumn) -> bool,
    ) -> Result<Converted, NotAnObject> {
        let start = *data;
        let mut converted = self.convert_all(data, &mut leaves_out);
        if let Err(Stop::Rejected(_)) = &converted
            && let Some(deleted) = self.convert_deleted(start, data)
        {
            converted = deleted;
        }
        if let Err(Stop::Rejected(_)) = &converted {
            self.read_rejected_key(start);
        }
        match converted {
            Ok(()) if self.deletions.skips_record() => Ok(Converted::Skipped),
            Ok(()) => Ok(Converted::Row),
            Err(Stop::Rejected(rejection)) => Ok(Converted::Rejected(rejection)),
            Err(Stop::NewColumn(source)) => Ok(Converted::NewColumn(source)),
            Err(Stop::NullObject(name)) => Ok(Converted::NullObject(name)),
            Err(Stop::Malformed) => Err(NotAnObject),
        }
    }

    fn convert_all(
        &mut self,
        data: &mut Cursor<'_>,
        leaves_out: &mut impl FnMut(&SourceColumn) -> bool,
    ) -> Result<(), Stop> {
        self.begin();
        self.read(data, leaves_out)?;
        Ok(if self.deletions.is_deleted() { self.finish_deleted() } else { self.finish() }?)
    }

    fn begin(&mut self) {
        self.row.begin();
        self.deletions.begin_record();
        (self.key, self.truncated) = (None, 0);
    }

    /// The row of the last record, if it was converted.
    pub fn row(&self) -> Row<'_> {
        match self.deletions.row() {
            Some(csv) => Row { csv, key: self.key, kind: RowKind::Delete },
            None => Row { csv: self.row.row(), key: self.key, kind: RowKind::Write },
        }
    }

    /// The hash of the key of the last record, as in [`Row`], if it was rejected and its key is known.
    pub fn rejected_key(&self) -> Option<u128> {
        self.key
    }

    /// The JSON types of the values of the last row, by which [`restore`](super::restore()) gives them back.
    pub fn row_types(&self) -> &Arc<RowTypes> {
        self.types.of_row()
    }

    fn read(&mut self, data: &mut Cursor<'_>, leaves_out: &mut impl FnMut(&SourceColumn) -> bool) -> Result<(), Stop> {
        data.enter_object().ok_or(Stop::Malformed)?;
        let mut position = 0;
        while let Some(route) = self.next_route(position, data, leaves_out)? {
            match route {
                Route::Column(column) => self.read_cell(column, data)?,
                Route::Nested(nested) => self.read_nested(nested, data, leaves_out)?,
                Route::DeletionMark(mark) => {
                    if self.deletions.read(mark, data.value().ok_or(Stop::Malformed)?)? {
                        return self.read_deleted(data, position + 1, leaves_out);
                    }
                }
                Route::Ignored | Route::Description => drop(data.value().ok_or(Stop::Malformed)?),
            }
            position += 1;
        }
        Ok(())
    }

    /// Steps to the value at `position` and returns its route; `None` if there is no further value.
    #[inline(always)]
    fn next_route(
        &mut self,
        position: usize,
        data: &mut Cursor<'_>,
        leaves_out: &mut impl FnMut(&SourceColumn) -> bool,
    ) -> Result<Option<Route>, Stop> {
        match self.routes.next(position, data) {
            Err(Stop::NewColumn(source)) if leaves_out(&source) => Ok(Some(Route::Ignored)),
            route => route,
        }
    }

    /// Reads a value and writes its cell.
    #[inline(always)]
    fn read_cell(&mut self, column: usize, data: &mut Cursor<'_>) -> Result<(), Stop> {
        // Most values by far, and then nothing else has to be asked.
        if let Some(text) = data.plain_text() {
            if cell::is_unchanged(text.raw, self.longest_unchanged[column]) && self.types.expects_text(column) {
                self.row.put(column, text.raw, text.has_comma);
                return Ok(());
            }
            return Ok(self.convert_cell(column, Value::Text(text), Decoded::Nothing)?);
        }
        let (value, decoded) = data.value_decoded(&mut self.decoded).ok_or(Stop::Malformed)?;
        Ok(self.write_cell(column, value, decoded)?)
    }

    /// Reads the members of a nested object.
    fn read_nested(
        &mut self,
        nested: usize,
        data: &mut Cursor<'_>,
        leaves_out: &mut impl FnMut(&SourceColumn) -> bool,
    ) -> Result<(), Stop> {
        if data.enter_object().is_none() {
            return match data.value().ok_or(Stop::Malformed)? {
                Value::Null => self.read_null(nested),
                _ => Err(Rejection::not_an_object(self.routes.nested(nested).name()).into()),
            };
        }
        let (mut is_first, mut names_record, mut is_described) = (true, false, false);
        while data.next_member(std::mem::take(&mut is_first)).ok_or(Stop::Malformed)? {
            let object: &NestedObject = self.routes.nested(nested);
            let key = data.key().ok_or(Stop::Malformed)?;
            let name = decoded(key).map_err(|_| Rejection::text_is_not_unicode(object.name()))?;
            let route = match object.route(&name) {
                Some(route) => route,
                None => {
                    let source = SourceColumn::nested(object.name(), name);
                    if !leaves_out(&source) {
                        return Err(Stop::NewColumn(source));
                    }
                    Route::Ignored
                }
            };
            let (value, decoded) = data.value_decoded(&mut self.decoded).ok_or(Stop::Malformed)?;
            match route {
                Route::Column(column) => {
                    names_record |= self.columns[column].names_related();
                    self.convert_cell(column, value, decoded)?;
                }
                Route::Description => is_described |= !matches!(value, Value::Null),
                Route::Nested(_) | Route::DeletionMark(_) | Route::Ignored => {}
            }
        }
        if is_described && !names_record {
            return Err(Rejection::no_key_of_related(self.routes.nested(nested).name()).into());
        }
        Ok(())
    }

    /// Reads a null in place of a nested object. It counts for all columns of the object, whatever an earlier value of
    /// the record was.
    fn read_null(&mut self, nested: usize) -> Result<(), Stop> {
        let object = self.routes.nested(nested);
        let Some(columns) = object.null_columns() else {
            let is_clearing = self.nulls == NullHandling::Clear;
            return if is_clearing { Err(Stop::NullObject(object.name().to_owned())) } else { Ok(()) };
        };
        for column in &*columns {
            self.convert_cell(*column, Value::Null, Decoded::Nothing)?;
        }
        Ok(())
    }

    #[inline(always)]
    fn write_cell(&mut self, index: usize, value: Value<'_>, outcome: Decoded) -> Result<(), Rejection> {
        let decoded = DecodedText { text: &self.decoded, outcome };
        match cell::unchanged(self.columns[index].kind(), &value, decoded, self.nulls) {
            Some((text, needs_quotes)) if !self.columns.is_key(index) && self.types.expects(index, &value) => {
                self.row.put(index, text, needs_quotes);
                Ok(())
            }
            _ => self.convert_cell(index, value, outcome),
        }
    }

    /// Writes the cell of any value, also of one that changes and of the key.
    fn convert_cell(&mut self, index: usize, value: Value<'_>, outcome: Decoded) -> Result<(), Rejection> {
        let column = &self.columns[index];
        self.types.add(index, JsonType::of(&value));
        let decoded = DecodedText { text: &self.decoded, outcome };
        let cell = cell::convert(column.kind(), value, decoded, self.nulls)
            .map_err(|error| Rejection::of_cell(error, column))?;
        self.truncated += u64::from(cell.is_truncated);
        if let Some(comparison) = self.columns.comparison(index) {
            let is_blank = cell.text.trim().is_empty() || cell.text == NULL_MARKER;
            self.key = (!is_blank).then(|| comparison.hash_of_alike(&cell.text));
        }
        self.row.put(index, &cell.text, cell.needs_quotes);
        Ok(())
    }

    /// Leaves one null of a reference that several columns fill, and none where one of them has a value: Salesforce
    /// refuses a row that fills a reference twice.
    fn clear_once(&mut self) {
        for columns in self.columns.sharing() {
            let is_null = |column: &usize| self.row.cell(*column) == NULL_MARKER.as_bytes();
            let has_value = columns.iter().any(|column| !self.row.cell(*column).is_empty() && !is_null(column));
            let nulls: Vec<usize> = columns.iter().copied().filter(is_null).collect();
            for column in nulls.into_iter().skip(usize::from(!has_value)) {
                self.row.put(column, "", false);
            }
        }
    }

    /// Ends the row, unless the record is rejected.
    fn finish(&mut self) -> Result<(), Rejection> {
        if let Some(key) = self.columns.key()
            && self.key.is_none()
        {
            return Err(Rejection::missing_key(&key.field));
        }
        if self.columns.is_empty() {
            return Err(Rejection::no_field());
        }
        if self.nulls == NullHandling::Clear {
            self.clear_once();
        }
        if self.deletions.may_delete() && self.columns.are_found() {
            self.key = Some(self.found_key());
        }
        self.types.end_row();
        if csv::is_too_long(self.row.end()) {
            return Err(Rejection::record_too_long());
        }
        Ok(())
    }
}

fn decoded(text: Text<'_>) -> Result<Cow<'_, str>, NotUnicode> {
    if !text.has_escape {
        return Ok(Cow::Borrowed(text.raw));
    }
    let mut decoded = String::new();
    text.decode(&mut decoded).map(|_| Cow::Owned(decoded))
}

#[cfg(test)]
mod tests;
