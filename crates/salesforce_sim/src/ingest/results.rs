//! The three result sets of a job.

use bytes::Bytes;

use crate::{
    csv::{Span, cells},
    org::{Job, RowOutcome},
    store::id,
};

/// Which rows of a job a result set has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResultSet {
    Successful,
    Failed,
    Unprocessed,
}

/// A part of a job, from which a result set is written without a lock on the org.
pub(super) struct Results {
    upload: Bytes,
    header: Span,
    /// For each column, whether its cells are empty.
    blanked: Vec<bool>,
    delimiter: u8,
    /// In the order of the answer.
    rows: Vec<ResultRow>,
}

struct ResultRow {
    row: Span,
    /// The cells that Salesforce adds: `sf__Id`, and `sf__Created` or `sf__Error`. Unprocessed rows have none.
    added: Option<[String; 2]>,
}

impl Results {
    /// Selects the rows of a result set and shuffles them, because Salesforce promises no order.
    pub(super) fn select(job: &Job, set: ResultSet, seed: u64, id_of: impl Fn(usize) -> String) -> Self {
        let upload = job.upload.clone().unwrap_or_default();
        let delimiter = job.request.delimiter.1;
        let failed_id = |row: &Span| match job.request.operation.is_delete() {
            true => id_to_delete(row.of(&upload), delimiter),
            false => String::new(),
        };
        let added = |row: &Span, outcome: &RowOutcome| match (outcome, set) {
            (RowOutcome::Saved { record, created }, ResultSet::Successful) => {
                Some([id_of(*record as usize), created.to_string()])
            }
            (RowOutcome::Failed(error), ResultSet::Failed) => Some([failed_id(row), error.to_string()]),
            _ => None,
        };
        let mut rows: Vec<_> = match set {
            ResultSet::Unprocessed => {
                job.unprocessed().iter().map(|row| ResultRow { row: *row, added: None }).collect()
            }
            _ => {
                let processed = job.rows.iter().zip(&job.outcomes);
                processed
                    .filter_map(|(row, outcome)| Some(ResultRow { row: *row, added: Some(added(row, outcome)?) }))
                    .collect()
            }
        };
        fastrand::Rng::with_seed(seed).shuffle(&mut rows);
        Self { upload, header: job.header, blanked: job.blanked.clone(), delimiter, rows }
    }

    /// Writes the result set: first the columns that Salesforce adds, in quotes, then the uploaded columns.
    pub(super) fn write(&self, set: ResultSet) -> Vec<u8> {
        let mut csv = Vec::with_capacity(self.rows.len() * 32 + 1024);
        match set {
            ResultSet::Successful => self.write_added(&mut csv, ["sf__Id", "sf__Created"]),
            ResultSet::Failed => self.write_added(&mut csv, ["sf__Id", "sf__Error"]),
            ResultSet::Unprocessed => {}
        }
        csv.extend_from_slice(self.header.of(&self.upload));
        csv.push(b'\n');
        let columns = cells(self.header.of(&self.upload), self.delimiter).count();
        for ResultRow { row, added } in &self.rows {
            match added {
                Some(added) => {
                    self.write_added(&mut csv, added.each_ref().map(String::as_str));
                    self.write_quoted(&mut csv, row.of(&self.upload), columns);
                }
                None => self.write_as_uploaded(&mut csv, row.of(&self.upload)),
            }
            csv.push(b'\n');
        }
        csv
    }

    fn write_added(&self, csv: &mut Vec<u8>, added: [&str; 2]) {
        for text in added {
            push_quoted(csv, text.as_bytes());
            csv.push(self.delimiter);
        }
    }

    fn write_as_uploaded(&self, csv: &mut Vec<u8>, row: &[u8]) {
        if !self.blanked.contains(&true) {
            csv.extend_from_slice(row);
            return;
        }
        for (column, cell) in cells(row, self.delimiter).enumerate() {
            if column > 0 {
                csv.push(self.delimiter);
            }
            if !self.is_blanked(column) {
                csv.extend_from_slice(cell.raw);
            }
        }
    }

    fn is_blanked(&self, column: usize) -> bool {
        self.blanked.get(column).is_some_and(|blanked| *blanked)
    }

    /// Writes every cell in quotes. All cells are empty if the row does not have as many cells as the header.
    fn write_quoted(&self, csv: &mut Vec<u8>, row: &[u8], columns: usize) {
        let has_other_count = cells(row, self.delimiter).count() != columns;
        let mut cells = cells(row, self.delimiter).filter(|_| !has_other_count);
        for column in 0..columns {
            if column > 0 {
                csv.push(self.delimiter);
            }
            match cells.next().filter(|_| !self.is_blanked(column)) {
                Some(cell) if cell.quoted => csv.extend_from_slice(cell.raw),
                Some(cell) => push_quoted(csv, cell.raw),
                None => csv.extend_from_slice(b"\"\""),
            }
        }
    }
}

/// Writes a value in quotes, with the quotes in it doubled.
fn push_quoted(csv: &mut Vec<u8>, value: &[u8]) {
    csv.push(b'"');
    for (at, part) in value.split(|byte| *byte == b'"').enumerate() {
        if at > 0 {
            csv.extend_from_slice(b"\"\"");
        }
        csv.extend_from_slice(part);
    }
    csv.push(b'"');
}

/// The id in the only column of a delete, which is also the `sf__Id` of a failed row. Empty if it is not an id.
fn id_to_delete(row: &[u8], delimiter: u8) -> String {
    let cell = cells(row, delimiter).next();
    cell.map(|cell| cell.text().into_owned()).filter(|text| id::normalize(text).is_some()).unwrap_or_default()
}
