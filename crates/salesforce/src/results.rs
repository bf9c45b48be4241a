//! The rows that a finished job gives back, read as they arrive.

mod row;

use bytes::{Buf, Bytes};
use reqwest::Response;

pub use row::{ResultRow, RowReader};

use super::Org;
use super::fault::{Fault, FaultKind};
use super::http::Call;
use super::job::FinishedJob;
use super::wire;

impl FinishedJob {
    /// The rows that Salesforce refused: `sf__Id`, `sf__Error`, then the columns of the upload (Bulk API 2.0 guide,
    /// "Get Job Failed Record Results").
    pub async fn failed_rows(&self) -> Result<ResultRows, Fault> {
        self.rows("failedResults").await
    }

    /// The rows that were never tried, with the columns of the upload ("Get Job Unprocessed Record Results").
    pub async fn unprocessed_rows(&self) -> Result<ResultRows, Fault> {
        self.rows("unprocessedrecords").await
    }

    /// The rows that were written: `sf__Id`, `sf__Created`, then the columns of the upload ("Get Job Successful Record
    /// Results").
    pub async fn successful_rows(&self) -> Result<ResultRows, Fault> {
        self.rows("successfulResults").await
    }

    async fn rows(&self, which: &'static str) -> Result<ResultRows, Fault> {
        ResultRows::open(self.org().clone(), self.id().to_owned(), which).await
    }
}

/// Rows of a job, in no particular order, held one at a time.
///
/// A download that breaks off is a fault that passes, never the end of the rows. It is begun again by the call that
/// gave it, from the first row on: a caller that has used rows already must be able to take them back.
pub struct ResultRows {
    org: Org,
    job: String,
    which: &'static str,
    header: Vec<String>,
    page: Page,
    row: ResultRow,
}

/// One answer. Salesforce has not been seen to cut ingest results into pages; where it names a next one it is read.
struct Page {
    response: Response,
    next: Option<String>,
    piece: Bytes,
    reader: RowReader,
}

impl ResultRows {
    async fn open(org: Org, job: String, which: &'static str) -> Result<Self, Fault> {
        let page = Page::open(&org, &job, which, None).await?;
        let mut rows = Self { org, job, which, header: Vec::new(), page, row: ResultRow::default() };
        if rows.page.next_row(&rows.org, &mut rows.row).await? {
            rows.header = rows.row.iter().map(str::to_owned).collect();
        }
        Ok(rows)
    }

    /// The names of the columns; empty when Salesforce sent nothing at all.
    pub fn header(&self) -> &[String] {
        &self.header
    }

    /// The next row.
    pub async fn next(&mut self) -> Result<Option<&ResultRow>, Fault> {
        loop {
            if self.page.next_row(&self.org, &mut self.row).await? {
                return Ok(Some(&self.row));
            }
            let Some(locator) = self.page.next.take() else { return Ok(None) };
            self.page = Page::open(&self.org, &self.job, self.which, Some(&locator)).await?;
            if self.page.next.as_ref() == Some(&locator) {
                return Err(Fault::new(FaultKind::Unexpected, "a page of results names itself as the next one"));
            }
            // Each page begins with the header again.
            let has_row = self.page.next_row(&self.org, &mut self.row).await?;
            if has_row && !self.row.iter().eq(self.header.iter().map(String::as_str)) {
                return Ok(Some(&self.row));
            }
        }
    }
}

impl Page {
    async fn open(org: &Org, job: &str, which: &'static str, locator: Option<&str>) -> Result<Self, Fault> {
        let query = locator.map(|locator| ("locator", locator.to_owned()));
        let call = Call::get(&["jobs", "ingest", job, which]).accept_csv(query);
        let response = org.http.stream(&call).await.map_err(|fault| match fault.kind() {
            // The name of the result is right, so it is the job that is missing.
            FaultKind::NotFound => fault.with_kind(FaultKind::Lost),
            _ => fault,
        })?;
        let next = response.headers().get("sforce-locator").and_then(|value| value.to_str().ok());
        // At the end the header is missing or says "null".
        let next = next.filter(|locator| !locator.is_empty() && *locator != "null").map(str::to_owned);
        Ok(Self { response, next, piece: Bytes::new(), reader: RowReader::new() })
    }

    /// Reads a row into `row`; tells whether there was one.
    async fn next_row(&mut self, org: &Org, row: &mut ResultRow) -> Result<bool, Fault> {
        loop {
            let (read, complete) = self.reader.read(&self.piece, row)?;
            self.piece.advance(read);
            if complete {
                return Ok(true);
            }
            match wire::piece(&mut self.response, org.http.timing().stall).await? {
                Some(piece) => self.piece = piece,
                None => return self.reader.finish(row),
            }
        }
    }
}

#[cfg(test)]
mod tests;
