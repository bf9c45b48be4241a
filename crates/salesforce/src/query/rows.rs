//! The rows of a query, whatever calls return them.

use super::held::HeldPage;
use super::job::{JobPages, rows_per_page};
use super::rest::RestPages;
use crate::fault::Fault;
use crate::http::RequestCount;
use crate::results::ResultRow;

/// A record that a query found. Its debug output leaves the values out.
#[derive(Debug)]
pub struct QueryRow {
    columns: Vec<String>,
    cells: ResultRow,
}

impl QueryRow {
    /// The value of a field, by its path as in the query; case does not matter. None if it is null, which includes an
    /// empty text: Salesforce stores none.
    ///
    /// It is Salesforce's own text. That of a point in time depends on the call (`...05.000+0000` from REST, `...05.000Z`
    /// from a query job), and that of a number may be `12.0` or `1.2E7`, so compare the values and not the texts of
    /// these. All other texts are the same from both calls.
    pub fn get(&self, column: &str) -> Option<&str> {
        let at = self.columns.iter().position(|name| name.eq_ignore_ascii_case(column))?;
        Some(self.cells.get(at)).filter(|cell| !cell.is_empty())
    }
}

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
    pub(super) fn new(source: Source, columns: Vec<String>, requests: RequestCount) -> Self {
        let row = QueryRow { columns, cells: ResultRow::default() };
        Self { source, page: HeldPage::default(), row, requests }
    }

    /// The next row, or none after the last one.
    ///
    /// # Errors
    /// The rows cannot be read, or there are not as many as Salesforce says.
    pub async fn next(&mut self) -> Result<Option<&QueryRow>, Fault> {
        while !self.page.read(&mut self.row.cells) {
            // Two pages would take twice the memory.
            self.page = HeldPage::default();
            let page = match &mut self.source {
                Source::Rest(pages) => pages.next().await?,
                Source::Job(pages) => pages.next().await?,
            };
            match page {
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
        if let Source::Job(pages) = &self.source {
            pages.delete().await;
        }
        self.requests.get()
    }
}
