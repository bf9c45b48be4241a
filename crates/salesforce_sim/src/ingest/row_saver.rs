//! Saves the rows of a job.

use std::borrow::Cow;

use super::{
    columns::Columns,
    row_error::RowError,
    row_reader::{Row, RowReader, Target, Values},
};
use crate::{
    fault::{RowFault, UploadedRow},
    org::{JobRequest, Operation, RowOutcome},
    store::{Cells, RecordState, Stamp, Table, Tables},
};

/// Saves the rows of one job.
#[derive(Debug)]
pub(super) struct RowSaver {
    reader: RowReader,
    /// The position of the object.
    table: usize,
    /// The fields of a new record that have a value even if the row has none.
    defaulted: Vec<usize>,
    /// Owns records whose row names no owner.
    user: String,
    /// Whether a row can refer to a record that an earlier row of its chunk creates.
    sees_own_chunk: bool,
}

/// A row that can be saved.
struct Prepared<'a> {
    target: Target,
    values: Values<'a>,
}

/// A saved record.
struct Saved {
    record: usize,
    created: bool,
}

impl RowSaver {
    /// Prepares the saving of rows. `table` is the position of the job's object.
    pub(super) fn new(tables: &Tables, table: usize, request: &JobRequest, columns: Columns, user: &str) -> Self {
        let object = &tables.at(table).object;
        Self {
            reader: RowReader::new(object, request, columns),
            table,
            defaulted: object.positions(|field| {
                field.auto_number.is_some()
                    || field.name == "OwnerId"
                    || (field.createable && field.default_value.is_some())
            }),
            user: user.to_owned(),
            sees_own_chunk: false,
        }
    }

    /// Lets a row refer to a record that an earlier row of its chunk creates.
    pub(super) fn seeing_own_chunk(self, sees_own_chunk: bool) -> Self {
        Self { sees_own_chunk, ..self }
    }

    /// Begins the transaction of a chunk, whose records share one stamp.
    pub(super) fn begin(&self, tables: &mut Tables, now: Stamp) {
        tables.at_mut(self.table).begin(now);
    }

    /// Saves the rows of one chunk.
    pub(super) fn save<'a>(
        &self,
        tables: &mut Tables,
        faults: &mut [RowFault],
        chunk: impl Iterator<Item = &'a [u8]>,
    ) -> Vec<RowOutcome> {
        let rows: Vec<Row<'a>> = chunk.map(|row| self.reader.read(row)).collect();
        let repeated = self.reader.repeated_keys(&rows);
        // The records that one call creates cannot refer to each other, so all references are looked up before the first
        // row is saved.
        let mut prepared = Vec::new();
        if !self.sees_own_chunk {
            prepared.extend(rows.iter().map(|row| self.prepare(tables, row)));
        }
        let mut prepared = prepared.into_iter();
        let mut outcomes = Vec::with_capacity(rows.len());
        for (row, repeated) in rows.iter().zip(repeated) {
            let prepared = prepared.next().unwrap_or_else(|| self.prepare(tables, row));
            let saved = match (row, repeated) {
                (Ok(row), None) => prepared.and_then(|prepared| self.save_row(tables, faults, row, prepared)),
                (Err(error), _) => Err(error.to_string()),
                (_, Some(error)) => Err(error.to_string()),
            };
            outcomes.push(match saved {
                Ok(Saved { record, created }) => {
                    RowOutcome::Saved { record: u32::try_from(record).unwrap_or(u32::MAX), created }
                }
                Err(error) => RowOutcome::Failed(error.into()),
            });
        }
        outcomes
    }

    /// Finds the record of a row and the records that it refers to, or returns its `sf__Error`.
    fn prepare<'a>(&self, tables: &Tables, row: &'a Row<'_>) -> Result<Prepared<'a>, String> {
        let row = row.as_ref().map_err(ToString::to_string)?;
        let target = self.reader.target(tables.at(self.table), row).map_err(|error| error.to_string())?;
        let values = match target {
            _ if self.reader.operation.is_delete() => Vec::new(),
            _ => self.reader.values(tables, target, row).map_err(|error| error.to_string())?,
        };
        Ok(Prepared { target, values })
    }

    /// Saves one row, or returns its `sf__Error`.
    fn save_row(
        &self,
        tables: &mut Tables,
        faults: &mut [RowFault],
        row: &[Cow<'_, str>],
        prepared: Prepared<'_>,
    ) -> Result<Saved, String> {
        let Prepared { target, values } = prepared;
        let uploaded = UploadedRow { columns: &self.reader.columns.names, cells: row };
        if let Some(error) = faults.iter_mut().find_map(|fault| fault.error_of(&self.reader.object.name, &uploaded)) {
            return Err(error.to_owned());
        }
        let table = tables.at_mut(self.table);
        self.check_unique(table, target, &values).map_err(|error| error.to_string())?;
        match target {
            Target::New => Ok(Saved { record: self.insert(table, &values), created: true }),
            Target::Existing(record) if table.is_locked(record) => Err(locked().to_string()),
            Target::Existing(record) => {
                match self.reader.operation {
                    Operation::Delete => table.delete(record, RecordState::Recycled),
                    Operation::HardDelete => table.delete(record, RecordState::Erased),
                    _ => {
                        let values: Vec<_> =
                            values.iter().map(|(field, value)| (narrow(*field), value.as_deref())).collect();
                        table.update(record, &values);
                    }
                }
                Ok(Saved { record, created: false })
            }
        }
    }

    /// Checks that no other record has the values of unique fields.
    fn check_unique(&self, table: &Table, target: Target, values: &Values<'_>) -> Result<(), RowError> {
        for (position, value) in values {
            let (field, Some(value)) = (&self.reader.object.fields[*position], value) else {
                continue;
            };
            let is_other = |record: &&u32| target != Target::Existing(**record as usize);
            if let Some(other) = table.find(*position, value).iter().find(is_other).filter(|_| field.unique) {
                let (name, id) = (&field.name, table.id(*other as usize));
                let message = format!("duplicate value found: {name} duplicates value on record with id: {id}");
                return Err(RowError::new("DUPLICATE_VALUE", message));
            }
        }
        Ok(())
    }

    /// Creates a record and returns its number.
    fn insert(&self, table: &mut Table, values: &Values<'_>) -> usize {
        let number = table.next_number() + 1;
        let is_given = |position: &usize| values.iter().any(|(given, value)| given == position && value.is_some());
        let default = |position: &usize| {
            let field = &self.reader.object.fields[*position];
            let value = match (&field.auto_number, &field.default_value) {
                (Some(format), _) => Cow::Owned(auto_number(format, number)),
                (None, Some(value)) => Cow::Borrowed(value.as_str()),
                (None, None) => Cow::Borrowed(self.user.as_str()),
            };
            (narrow(*position), value)
        };
        let defaults: Vec<_> = self.defaulted.iter().filter(|position| !is_given(position)).map(default).collect();
        let given = values.iter().filter_map(|(field, value)| Some((narrow(*field), value.as_deref()?)));
        table.insert(Cells::pack(given.chain(defaults.iter().map(|(field, value)| (*field, value.as_ref())))))
    }
}

/// The error of a row whose record an open transaction has changed.
fn locked() -> RowError {
    RowError::new("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record")
}

/// The position of a field in two bytes. Objects have far fewer than 65,536 fields.
fn narrow(field: usize) -> u16 {
    u16::try_from(field).unwrap_or(u16::MAX)
}

fn auto_number(format: &str, number: usize) -> String {
    match format.split_once('{').and_then(|(before, rest)| Some((before, rest.split_once('}')?))) {
        Some((before, (zeros, after))) => format!("{before}{number:0width$}{after}", width = zeros.len()),
        None => format!("{format}{number}"),
    }
}

#[cfg(test)]
mod tests;
