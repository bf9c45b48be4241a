//! The rows that a finished job returns, read as they arrive.

mod page;
mod row;
mod whole_row;

use crate::Org;
use crate::fault::{Fault, FaultKind, Outcome};
use crate::http::Call;
use crate::job::FinishedJob;
pub(crate) use page::Page;

pub use row::{ResultRow, RowReader};

/// A set of rows that a job returns.
#[derive(Debug, Clone, Copy)]
enum ResultSet {
    Failed,
    Unprocessed,
    Successful,
}

impl ResultSet {
    /// The last segment of its address.
    fn api_name(self) -> &'static str {
        match self {
            Self::Failed => "failedResults",
            Self::Unprocessed => "unprocessedrecords",
            Self::Successful => "successfulResults",
        }
    }
}

impl FinishedJob {
    /// The rows that Salesforce rejected: `sf__Id`, `sf__Error`, then the columns of the upload (Bulk API 2.0 guide,
    /// "Get Job Failed Record Results").
    ///
    /// # Errors
    /// The rows cannot be read.
    pub async fn failed_rows(&self) -> Result<ResultRows, Fault> {
        self.rows(ResultSet::Failed).await
    }

    /// The rows that Salesforce did not try, with the columns of the upload ("Get Job Unprocessed Record Results").
    ///
    /// # Errors
    /// The rows cannot be read.
    pub async fn unprocessed_rows(&self) -> Result<ResultRows, Fault> {
        self.rows(ResultSet::Unprocessed).await
    }

    /// The rows that Salesforce wrote: `sf__Id`, `sf__Created`, then the columns of the upload ("Get Job Successful
    /// Record Results").
    ///
    /// # Errors
    /// The rows cannot be read.
    pub async fn successful_rows(&self) -> Result<ResultRows, Fault> {
        self.rows(ResultSet::Successful).await
    }

    async fn rows(&self, set: ResultSet) -> Result<ResultRows, Fault> {
        ResultRows::open(self.org().clone(), self.id().to_owned(), set).await
    }
}

/// Rows of a job, in no particular order, held one at a time.
///
/// A download that breaks off is a transient fault, never the end of the rows. To read them again, call the method of
/// [`FinishedJob`] again: it begins at the first row, so undo what was done with the rows before the fault.
pub struct ResultRows {
    org: Org,
    job: String,
    set: ResultSet,
    header: Vec<String>,
    /// Salesforce has not been seen to cut ingest results into pages; if it names a next one, it is read.
    page: Page,
}

impl ResultRows {
    async fn open(org: Org, job: String, set: ResultSet) -> Result<Self, Fault> {
        let page = open_page(&org, &job, set, None, None).await?;
        Ok(Self { org, job, set, header: page.header().to_vec(), page })
    }

    /// The names of the columns; empty if Salesforce sent nothing at all.
    pub fn header(&self) -> &[String] {
        &self.header
    }

    /// The next row, or none after the last one.
    ///
    /// # Errors
    /// The download broke off, or what arrived is not a CSV of results.
    pub async fn next(&mut self) -> Result<Option<&ResultRow>, Fault> {
        while !self.page.advance().await? {
            let Some(locator) = self.page.next_locator().map(str::to_owned) else { return Ok(None) };
            self.page = open_page(&self.org, &self.job, self.set, Some(&locator), Some(&self.header)).await?;
            if self.page.next_locator() == Some(&locator) {
                return Err(Fault::new(FaultKind::Unexpected, "a page of results names itself as the next one"));
            }
        }
        Ok(Some(self.page.row()))
    }
}

async fn open_page(
    org: &Org,
    job: &str,
    set: ResultSet,
    locator: Option<&str>,
    header: Option<&[String]>,
) -> Result<Page, Fault> {
    let mut call = Call::get_csv(&["jobs", "ingest", job, set.api_name()]);
    if let Some(locator) = locator {
        call = call.query("locator", locator);
    }
    Page::open(&org.http, &call, header).await.map_err(|fault| match fault.kind() {
        // The status of this job was read before, so the results will be available soon, or what the job did
        // stays unknown.
        FaultKind::NotFound => fault.with_kind(FaultKind::Transient).with_outcome(Outcome::Unknown),
        _ => fault,
    })
}

#[cfg(test)]
mod tests;
