//! The three result sets of a job.

use bytes::Bytes;

use super::{
    csv::{Span, cells},
    job::{Job, Outcome},
};
use crate::store::id;

/// Which rows of a job a client asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResultSet {
    Successful,
    Failed,
    Unprocessed,
}

/// What is needed of a job to write results, so that writing them needs no lock.
pub(crate) struct Results {
    upload: Bytes,
    header: Span,
    delimiter: u8,
    /// The rows in the order of the answer; those without an outcome are unprocessed.
    rows: Vec<(Span, Option<(String, String)>)>,
}

impl Results {
    /// Picks the rows of a result set. Salesforce promises no order, so that they are shuffled.
    pub(crate) fn pick(job: &Job, set: ResultSet, seed: u64, id_of: impl Fn(usize) -> String) -> Self {
        let upload = job.upload.clone().unwrap_or_default();
        let delimiter = job.request.delimiter.1;
        let refused_id = |row: &Span| match job.request.operation.is_delete() {
            true => id_to_delete(row.of(&upload), delimiter),
            false => String::new(),
        };
        let lead = |row: &Span, outcome: &Outcome| match (outcome, set) {
            (Outcome::Saved { record, created }, ResultSet::Successful) => {
                Some((id_of(*record as usize), created.to_string()))
            }
            (Outcome::Failed(error), ResultSet::Failed) => Some((refused_id(row), error.to_string())),
            _ => None,
        };
        let mut rows: Vec<_> = match set {
            ResultSet::Unprocessed => job.unprocessed().iter().map(|row| (*row, None)).collect(),
            _ => {
                let processed = job.rows.iter().zip(&job.outcomes);
                processed.filter_map(|(row, outcome)| Some((*row, Some(lead(row, outcome)?)))).collect()
            }
        };
        shuffle(&mut rows, seed);
        Self { upload, header: job.header, delimiter, rows }
    }

    /// Writes the result set: the columns of Salesforce first and quoted, then the columns as they were uploaded.
    pub(crate) fn write(&self, set: ResultSet) -> Vec<u8> {
        let mut csv = Vec::with_capacity(self.rows.len() * 32 + 1024);
        match set {
            ResultSet::Successful => self.head(&mut csv, "sf__Id", "sf__Created"),
            ResultSet::Failed => self.head(&mut csv, "sf__Id", "sf__Error"),
            ResultSet::Unprocessed => {}
        }
        csv.extend_from_slice(self.header.of(&self.upload));
        csv.push(b'\n');
        let columns = cells(self.header.of(&self.upload), self.delimiter).count();
        for (row, lead) in &self.rows {
            match lead {
                Some((first, second)) => {
                    self.head(&mut csv, first, second);
                    self.quoted_row(&mut csv, row.of(&self.upload), columns);
                }
                None => csv.extend_from_slice(row.of(&self.upload)),
            }
            csv.push(b'\n');
        }
        csv
    }

    fn head(&self, csv: &mut Vec<u8>, first: &str, second: &str) {
        for text in [first, second] {
            push_quoted(csv, text.as_bytes());
            csv.push(self.delimiter);
        }
    }

    /// Every cell in quotes; a row that does not have the cells of the header comes back empty.
    fn quoted_row(&self, csv: &mut Vec<u8>, row: &[u8], columns: usize) {
        let is_ragged = cells(row, self.delimiter).count() != columns;
        let mut cells = cells(row, self.delimiter).filter(|_| !is_ragged);
        for column in 0..columns {
            if column > 0 {
                csv.push(self.delimiter);
            }
            match cells.next() {
                Some(cell) if cell.quoted => csv.extend_from_slice(cell.raw),
                Some(cell) => push_quoted(csv, cell.raw),
                None => csv.extend_from_slice(b"\"\""),
            }
        }
    }
}

/// Writes a value in quotes, with its own quotes doubled.
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

/// The id in the one column of a delete. A row that failed has it in `sf__Id` too; other rows that failed have nothing
/// there.
fn id_to_delete(row: &[u8], delimiter: u8) -> String {
    let cell = cells(row, delimiter).next();
    cell.map(|cell| cell.text().into_owned()).filter(|text| id::normalize(text).is_some()).unwrap_or_default()
}

/// The same order for the same seed (Fisher and Yates, with the generator of Knuth's MMIX).
fn shuffle<T>(rows: &mut [T], seed: u64) {
    let mut state = seed;
    for last in (1..rows.len()).rev() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let range = u64::try_from(last).unwrap_or(u64::MAX) + 1;
        rows.swap(last, usize::try_from((state >> 33) % range).unwrap_or(0));
    }
}
