//! The rows that a finished job gives back, read as they arrive.

use super::fault::Fault;
use super::job::FinishedJob;

impl FinishedJob {
    /// The rows that Salesforce refused: `sf__Id`, `sf__Error`, then the columns of the upload.
    pub async fn failed_rows(&self) -> Result<ResultRows, Fault> {
        let _ = self.org();
        unimplemented!()
    }

    /// The rows that were never tried, with the columns of the upload.
    pub async fn unprocessed_rows(&self) -> Result<ResultRows, Fault> {
        unimplemented!()
    }

    /// The rows that were written: `sf__Id`, `sf__Created`, then the columns of the upload.
    pub async fn successful_rows(&self) -> Result<ResultRows, Fault> {
        unimplemented!()
    }
}

/// Rows of a job, in no particular order, held one at a time.
///
/// A download that breaks off is a fault that passes, never the end of the rows; it starts again with the call that
/// gave it, so a caller that has used rows already must be able to take them back.
pub struct ResultRows {
    header: Vec<String>,
    row: ResultRow,
}

/// One row of a result.
pub struct ResultRow {
    cells: Vec<String>,
}

impl ResultRows {
    /// The names of the columns; empty when Salesforce sent nothing at all.
    pub fn header(&self) -> &[String] {
        &self.header
    }

    /// The next row.
    pub async fn next(&mut self) -> Result<Option<&ResultRow>, Fault> {
        Ok(Some(&self.row))
    }
}

impl ResultRow {
    /// A cell; empty where the row has no such column.
    pub fn get(&self, column: usize) -> &str {
        self.cells.get(column).map_or("", String::as_str)
    }

    /// How many cells the row has.
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// Whether the row has no cell.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }
}
