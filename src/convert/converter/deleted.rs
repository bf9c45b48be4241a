//! Records that the source has deleted: of such a record only the key and the mark count.

use airbyte::json::{Cursor, Value};
use connector::deletion_mark::DeletionMark;

use super::routes::Route;
use super::{Converter, Stop, decoded};
use crate::convert::csv;
use crate::convert::key::KeyComparison;
use crate::convert::rejection::Rejection;
use crate::convert::source_column::SourceColumn;

/// What becomes of a record that the source has deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OnDeleted {
    /// It becomes a row that deletes the record of its key.
    Delete,
    /// It is skipped.
    Skip,
    /// It is rejected, for this reason.
    Reject(Rejection),
}

/// The marks of a stream, and what they say of the current record.
#[derive(Debug)]
pub(super) struct Deletions {
    pub(super) choice: OnDeleted,
    /// The source columns that are marks.
    marks: Vec<SourceColumn>,
    /// The mark that says that the record is deleted.
    deleted_by: Option<usize>,
    /// That mark with its value, as a JSON object.
    mark: String,
    /// The row that deletes the record, once it has ended.
    row: Vec<u8>,
    /// How many rows had no value in a field by which records are found.
    unnamed_rows: u64,
}

impl Default for Deletions {
    fn default() -> Self {
        let choice = OnDeleted::Reject(Rejection::delete_refused(""));
        Self { choice, marks: Vec::new(), deleted_by: None, mark: String::new(), row: Vec::new(), unnamed_rows: 0 }
    }
}

impl Deletions {
    /// Adds a mark, and returns its number.
    pub(super) fn add_mark(&mut self, source: &SourceColumn) -> usize {
        let known = self.marks.iter().position(|mark| mark == source);
        known.unwrap_or_else(|| {
            self.marks.push(source.clone());
            self.marks.len() - 1
        })
    }

    pub(super) fn begin_record(&mut self) {
        self.deleted_by = None;
        self.row.clear();
    }

    /// Whether a record of the stream may become a row that deletes.
    pub(super) fn may_delete(&self) -> bool {
        !self.marks.is_empty() && self.choice == OnDeleted::Delete
    }

    pub(super) fn is_deleted(&self) -> bool {
        self.deleted_by.is_some()
    }

    pub(super) fn skips_record(&self) -> bool {
        self.is_deleted() && self.choice == OnDeleted::Skip
    }

    /// The row that deletes the record. `None` if it lives.
    pub(super) fn row(&self) -> Option<&[u8]> {
        self.is_deleted().then_some(&self.row)
    }

    /// Reads the value of a mark, and returns whether it says that the record is deleted.
    ///
    /// # Errors
    /// The record is rejected: the mark is unclear, or the stream refuses deletes.
    pub(super) fn read(&mut self, mark: usize, value: Value<'_>) -> Result<bool, Rejection> {
        let name = self.marks[mark].name();
        match DeletionMark::read(&value) {
            // A record with the mark twice, and two answers.
            DeletionMark::Living if self.deleted_by == Some(mark) => Err(Rejection::unclear_mark(name)),
            DeletionMark::Living => Ok(false),
            DeletionMark::Unclear => Err(Rejection::unclear_mark(name)),
            DeletionMark::Deleted => {
                if let OnDeleted::Reject(rejection) = &self.choice {
                    return Err(rejection.clone());
                }
                if self.deleted_by.is_none() {
                    self.deleted_by = Some(mark);
                    self.mark = format!("{{{}:{}}}", serde_json::Value::from(name), json_of(&value));
                }
                Ok(true)
            }
        }
    }
}

impl Converter {
    /// Reads a rejected record again, from its start: perhaps it is a deleted one, of which the value that cannot be
    /// sent does not count. `None` if it is not.
    pub(super) fn convert_deleted<'a>(&mut self, start: Cursor<'a>, data: &mut Cursor<'a>) -> Option<Result<(), Stop>> {
        if self.deletions.is_deleted() {
            return None;
        }
        self.begin();
        let mut again = start;
        again.enter_object()?;
        let read = self.read_deleted(&mut again, 0, &mut |source| !source.is_deletion_mark());
        match read {
            Ok(()) if self.deletions.is_deleted() => {
                *data = again;
                Some(self.finish_deleted().map_err(Stop::Rejected))
            }
            Err(Stop::NewColumn(mark)) => Some(Err(Stop::NewColumn(mark))),
            _ => None,
        }
    }

    /// Reads the rest of a record from the member at `position` on: its key and its marks.
    pub(super) fn read_deleted(
        &mut self,
        data: &mut Cursor<'_>,
        mut position: usize,
        leaves_out: &mut impl FnMut(&SourceColumn) -> bool,
    ) -> Result<(), Stop> {
        // A record that is skipped needs none.
        let needs_key = self.deletions.choice != OnDeleted::Skip;
        while let Some(route) = self.next_route(position, data, leaves_out)? {
            match route {
                Route::Nested(nested) if needs_key => self.read_nested_key(nested, data)?,
                route => {
                    let (value, decoded) = data.value_decoded(&mut self.decoded).ok_or(Stop::Malformed)?;
                    match route {
                        Route::Column(column) if needs_key && self.names_record(column) => {
                            self.convert_cell(column, value, decoded)?
                        }
                        Route::DeletionMark(mark) => drop(self.deletions.read(mark, value)?),
                        _ => {}
                    }
                }
            }
            position += 1;
        }
        Ok(())
    }

    /// Reads the key, if it is a member of a nested object.
    pub(super) fn read_nested_key(&mut self, nested: usize, data: &mut Cursor<'_>) -> Result<(), Stop> {
        if data.enter_object().is_none() {
            return data.value().map(drop).ok_or(Stop::Malformed);
        }
        let mut is_first = true;
        while data.next_member(std::mem::take(&mut is_first)).ok_or(Stop::Malformed)? {
            let key = data.key().ok_or(Stop::Malformed)?;
            let (value, outcome) = data.value_decoded(&mut self.decoded).ok_or(Stop::Malformed)?;
            let route = decoded(key).ok().and_then(|name| self.routes.nested(nested).route(&name));
            if let Some(Route::Column(column)) = route
                && self.names_record(column)
            {
                self.convert_cell(column, value, outcome)?;
            }
        }
        Ok(())
    }

    /// Whether a column names the record.
    pub(super) fn names_record(&self, column: usize) -> bool {
        self.columns.naming_columns().iter().any(|(naming, _)| *naming == column)
    }

    /// The hash of the fields by which the record is found: equal for rows that certainly or perhaps are of one record. A
    /// row that lacks one of them is alone.
    pub(super) fn found_key(&mut self) -> u128 {
        if self.columns.first_unnamed(|column| self.row.cell(column)).is_some() {
            self.deletions.unnamed_rows += 1;
            return u128::from(self.deletions.unnamed_rows);
        }
        let hash = |(column, comparison): &(usize, KeyComparison)| {
            comparison.hash_of_alike(&csv::text(self.row.cell(*column)))
        };
        let mix =
            |all: u128, one: u128| all.rotate_left(1).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835) ^ one;
        self.columns.naming_columns().iter().map(hash).fold(0, mix)
    }

    /// Ends the row that deletes a record. A record that is skipped needs no key.
    pub(super) fn finish_deleted(&mut self) -> Result<(), Rejection> {
        self.truncated = 0;
        self.types.end_row();
        if self.deletions.choice == OnDeleted::Skip {
            return Ok(());
        }
        if let Some(field) = self.columns.first_unnamed(|column| self.row.cell(column)) {
            return Err(Rejection::missing_key(field));
        }
        if self.columns.are_found() {
            self.key = Some(self.found_key());
        }
        let row = &mut self.deletions.row;
        for (column, _) in self.columns.naming_columns() {
            row.extend_from_slice(self.row.cell(*column));
            row.push(b',');
        }
        csv::write_cell(row, &self.deletions.mark, true);
        csv::end_row(row, 0);
        Ok(())
    }
}

/// A value as it is written in JSON.
fn json_of(value: &Value<'_>) -> String {
    match value {
        Value::Text(text) => format!("\"{}\"", text.raw),
        Value::Boolean(value) => value.to_string(),
        Value::Null => "null".to_owned(),
        Value::Number(json) | Value::Array(json) | Value::Object(json) => (*json).to_owned(),
    }
}

#[cfg(test)]
mod tests;
