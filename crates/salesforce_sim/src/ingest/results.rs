//! The three result sets of a job.

use std::ops::Range;

use axum::http::{HeaderMap, HeaderValue};
use bytes::Bytes;

use crate::{
    csv::{Cell, Span, cells},
    nature::Nature,
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

/// The rows of a result set, and what is needed to write them without a lock on the org.
#[derive(Default)]
pub(super) struct ResultRows {
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

impl ResultRows {
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
}

/// A page of a result set. Most orgs have one page.
pub(super) struct Page {
    results: ResultRows,
    set: ResultSet,
    /// The positions of the uploaded columns, in the order of the answer.
    columns: Vec<usize>,
    has_capitals: bool,
    rows: Range<usize>,
    /// Whether the answer says which page it is.
    is_paged: bool,
}

impl Page {
    /// The page that begins with the row `first`.
    pub(super) fn new(results: ResultRows, set: ResultSet, nature: Nature, first: usize) -> Self {
        let count = cells(results.header.of(&results.upload), results.delimiter).count();
        let mut columns: Vec<usize> = (0..count).collect();
        if nature.respells_results {
            columns.reverse();
        }
        let rows = results.rows.len();
        let is_paged = nature.pages_results;
        let page = if is_paged { rows.div_ceil(2).max(1) } else { rows };
        let rows = first.min(rows)..rows.min(first.saturating_add(page));
        Self { results, set, columns, has_capitals: nature.respells_results, rows, is_paged }
    }

    /// The headers that tell the number of rows and the locator of the next page, as for the results of query jobs.
    pub(super) fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if self.is_paged {
            let is_last = self.rows.end == self.results.rows.len();
            let locator = if is_last { HeaderValue::from_static("null") } else { HeaderValue::from(self.rows.end) };
            headers.insert("Sforce-Locator", locator);
            headers.insert("Sforce-NumberOfRecords", HeaderValue::from(self.rows.len()));
        }
        headers
    }

    /// Writes the page: first the columns that Salesforce adds, in quotes, then the uploaded columns.
    pub(super) fn write(&self) -> Vec<u8> {
        let rows = &self.results.rows[self.rows.clone()];
        let mut csv = Vec::with_capacity(rows.len() * 32 + 1024);
        match self.set {
            ResultSet::Successful => self.write_added(&mut csv, ["sf__Id", "sf__Created"]),
            ResultSet::Failed => self.write_added(&mut csv, ["sf__Id", "sf__Error"]),
            ResultSet::Unprocessed => {}
        }
        let header = self.results.header.of(&self.results.upload);
        let header = if self.has_capitals { header.to_ascii_uppercase() } else { header.to_vec() };
        self.write_cells(&mut csv, &header, |csv, _, cell| csv.extend_from_slice(cell.map_or(b"", |cell| cell.raw)));
        for ResultRow { row, added } in rows {
            let row = row.of(&self.results.upload);
            match added {
                Some(added) => {
                    self.write_added(&mut csv, added.each_ref().map(String::as_str));
                    self.write_quoted(&mut csv, row);
                }
                None => self.write_as_uploaded(&mut csv, row),
            }
        }
        csv
    }

    fn write_added(&self, csv: &mut Vec<u8>, added: [&str; 2]) {
        for text in added {
            push_quoted(csv, text.as_bytes());
            csv.push(self.results.delimiter);
        }
    }

    fn write_as_uploaded(&self, csv: &mut Vec<u8>, row: &[u8]) {
        if !self.results.blanked.contains(&true) && self.columns.is_sorted() {
            csv.extend_from_slice(row);
            csv.push(b'\n');
            return;
        }
        self.write_cells(csv, row, |csv, column, cell| {
            let cell = cell.filter(|_| !self.is_blanked(column));
            csv.extend_from_slice(cell.map_or(b"", |cell| cell.raw));
        });
    }

    /// Writes every cell in quotes. All cells are empty if the row does not have as many cells as the header.
    fn write_quoted(&self, csv: &mut Vec<u8>, row: &[u8]) {
        let has_other_count = cells(row, self.results.delimiter).count() != self.columns.len();
        self.write_cells(csv, row, |csv, column, cell| {
            match cell.filter(|_| !has_other_count && !self.is_blanked(column)) {
                Some(cell) if cell.quoted => csv.extend_from_slice(cell.raw),
                Some(cell) => push_quoted(csv, cell.raw),
                None => csv.extend_from_slice(b"\"\""),
            }
        });
    }

    /// Writes the cells of a row in the order of the answer.
    fn write_cells(&self, csv: &mut Vec<u8>, row: &[u8], write: impl Fn(&mut Vec<u8>, usize, Option<&Cell<'_>>)) {
        let cells: Vec<_> = cells(row, self.results.delimiter).collect();
        for (place, column) in self.columns.iter().enumerate() {
            if place > 0 {
                csv.push(self.results.delimiter);
            }
            write(csv, *column, cells.get(*column));
        }
        csv.push(b'\n');
    }

    fn is_blanked(&self, column: usize) -> bool {
        self.results.blanked.get(column).is_some_and(|blanked| *blanked)
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
