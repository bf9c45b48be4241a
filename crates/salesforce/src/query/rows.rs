//! The rows of a query, whatever calls return them.

use std::sync::Arc;

use super::held::HeldPage;
use super::job_pages::{JobPages, rows_per_page};
use super::page::QueryRow;
use super::read_fault::ReadFault;
use super::rest::RestPages;
use crate::fault::{Fault, FaultKind};
use crate::http::RequestCount;

/// The records that a query found, in no particular order. It holds one page of them.
///
/// The number of rows is proven: after the last one, Salesforce's count of them is the number of rows given, or
/// [`next`](Self::next) returns a fault. After a transient fault `next` can be called again: it goes on where it was.
pub struct QueryRows {
    source: Source,
    page: HeldPage,
    row: QueryRow,
    requests: RequestCount,
}

/// Where pages come from.
pub(super) enum Source {
    Rest(RestPages),
    Job(JobPages),
}

impl QueryRows {
    pub(super) fn new(source: Source, columns: Arc<[String]>, requests: RequestCount) -> Self {
        Self { source, page: HeldPage::default(), row: QueryRow::new(columns), requests }
    }

    /// The next row, or none after the last one.
    ///
    /// # Errors
    /// The rows cannot be read, or there are not as many as Salesforce says.
    pub async fn next(&mut self) -> Result<Option<&QueryRow>, Fault> {
        while !self.page.read(&mut self.row.cells) {
            if !self.page.is_read() {
                return Err(Fault::new(FaultKind::Unexpected, "a page of records that was read is not there any more"));
            }
            // Two pages would take twice the memory.
            self.page = HeldPage::default();
            let page = match &mut self.source {
                Source::Rest(pages) => pages.next_held().await,
                Source::Job(pages) => pages.next_held().await,
            };
            match page.map_err(ReadFault::into_fault)? {
                Some(page) => self.page = page,
                None => return Ok(None),
            }
        }
        Ok(Some(&self.row))
    }

    /// The most rows of a page of a query job's results, for rows of so many columns.
    pub fn rows_per_page(columns: usize) -> usize {
        rows_per_page(columns)
    }

    /// The bytes of the page that is held.
    pub fn held(&self) -> usize {
        self.page.size()
    }

    /// The API requests made for the query so far.
    pub fn requests(&self) -> u64 {
        self.requests.get()
    }

    /// Deletes the query job, if there is one and Salesforce can be reached. Without this call Salesforce keeps the job
    /// and its results for seven days (Limits Quick Reference, "Bulk API and Bulk API 2.0 Limits"). Returns the API
    /// requests made.
    pub async fn finish(self) -> u64 {
        if let Source::Job(pages) = self.source {
            pages.delete().await;
        }
        self.requests.get()
    }
}
