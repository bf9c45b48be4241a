//! The result pages of a query job.

use std::sync::Arc;

use memory::Budget;
use tokio::time::sleep;

use super::ahead::Ahead;
use super::held::HeldPage;
use super::job::CompleteQueryJob;
use super::page::{PagePoint, QueryPage};
use super::page_reader::{PageReader, ReadPage, Reading};
use super::read_fault::{ReadFailure, ReadFault};
use super::room::{PageSize, Room};
use crate::fault::{Fault, FaultKind};

/// The most cells of a page. A million rows of two fields are ten pages, and a page of short fields takes some megabytes
/// while it is held. Without a number Salesforce chooses one, and some readers of very large pages have seen them stop.
const CELLS_PER_PAGE: usize = 200_000;
/// The rows of a page of the widest rows.
const FEWEST_ROWS_PER_PAGE: usize = 1_000;

/// How often a job is asked again whose number of rows is not the number of rows read: its status may be older than its
/// results.
const QUESTIONS: u32 = 4;

/// How often a page is read that has other columns or another number of rows than it should have. A proxy or a server
/// that is behind may be the reason, for some seconds.
const WRONG_PAGES: u32 = 5;

/// The result pages of a complete query job, one after another.
///
/// Each is read as a whole before it is given, so a download that breaks off repeats a page, and no row comes twice. A
/// page has as many rows as it says itself; after the last page, all of them have as many as the job says.
pub struct JobPages {
    reader: PageReader,
    /// The pages that are read before their turn.
    ahead: Option<Ahead>,
    next: Next,
    /// The rows of the pages so far.
    rows: u64,
    /// The rows of all pages, as the job counts them.
    count: Option<u64>,
}

/// What names the next page.
enum Next {
    First,
    Locator(String),
    /// All pages are read. The number of their rows is checked once.
    Last,
    End,
}

impl JobPages {
    pub(super) fn new(complete: CompleteQueryJob, from: Option<PagePoint>) -> Self {
        let CompleteQueryJob { job, count } = complete;
        let rows = from.as_ref().map_or(0, |point| point.rows);
        let next = from.map_or(Next::First, |point| Next::Locator(point.locator));
        let size = PageSize::new(rows_per_page(job.columns.len()), job.columns.len());
        let reader = PageReader { job, size, room: Room::default(), wrong_pages: WRONG_PAGES, header: None };
        Self { reader, ahead: None, next, rows, count }
    }

    /// The pages for a reader that has no other way: a wrong page is read again for half an hour.
    pub(super) fn patient(complete: CompleteQueryJob) -> Self {
        let mut pages = Self::new(complete, None);
        pages.reader.wrong_pages = u32::MAX;
        pages
    }

    /// The same pages, of at most so many rows. Salesforce makes them smaller where they are too large for it.
    #[must_use]
    pub fn rows_per_page(mut self, rows: usize) -> Self {
        self.reader.size = self.reader.size.of_rows(rows.max(1));
        self
    }

    /// The same pages, of which the first has at most so many rows. Those after it have the size of its rows, where pages
    /// have a [budget](Self::within).
    #[must_use]
    pub fn beginning_with(mut self, rows: usize) -> Self {
        self.reader.size = self.reader.size.beginning_with(rows);
        self
    }

    /// The same pages, with leases from a budget. A page is asked for once there is room for it, and has fewer rows if
    /// they are long, which are also packed; one that is larger than all of the budget is read while no other page is held. Without a
    /// budget a page is held as it is.
    #[must_use]
    pub fn within(mut self, budget: Arc<Budget>) -> Self {
        self.reader.room = Room::of(budget);
        self
    }

    /// The same pages, of which so many are read at the same time, where Salesforce gives their addresses (Bulk API 2.0
    /// guide, "Get Parallel Results for a Query Job"). They are given in their order. Within a
    /// budget a page is read ahead only while there is room; otherwise the memory is that of so many pages. A page is taken only if the page before it names it as the next one. No document says how many rows such a
    /// page has, so where it has more than [`rows_per_page`](Self::rows_per_page), the pages are read one after another.
    #[must_use]
    pub fn at_once(self, pages: usize) -> Self {
        Self { ahead: (pages > 1).then(|| Ahead::new(pages)), ..self }
    }

    /// The id of the job.
    pub fn id(&self) -> &str {
        &self.reader.job.id
    }

    /// The rows of all pages, as the job counts them. It may be late.
    pub fn total(&self) -> Option<u64> {
        self.count
    }

    /// Asks the job again, some times, until it counts as many rows as the caller expects: its number may be late. Returns
    /// the newest one.
    ///
    /// # Errors
    /// The job cannot be asked.
    pub async fn total_expecting(&mut self, expected: u64) -> Result<Option<u64>, ReadFault> {
        let mut wait = self.reader.job.org.http.timing().new_count;
        for question in 0..QUESTIONS {
            if self.count == Some(expected) {
                break;
            }
            if question > 0 {
                sleep(wait).await;
                wait *= 2;
            }
            self.count = self.reader.job.status().await?.rows_processed;
        }
        Ok(self.count)
    }

    /// The API requests made for the job so far, those before its end included.
    pub fn requests(&self) -> u64 {
        self.reader.job.requests.get()
    }

    /// The next page, or none after the last. After a transient fault it can be called again: it goes on where it was.
    ///
    /// # Errors
    /// The page cannot be read, or there are not as many rows as Salesforce says.
    pub async fn next(&mut self) -> Result<Option<QueryPage>, ReadFault> {
        let Some(held) = self.next_held().await? else { return Ok(None) };
        let next = match &self.next {
            Next::Locator(locator) => Some(PagePoint { locator: locator.clone(), rows: self.rows }),
            _ => None,
        };
        Ok(Some(QueryPage::new(held, &self.reader.job.columns, next)))
    }

    /// The rows of the next page.
    pub(super) async fn next_held(&mut self) -> Result<Option<HeldPage>, ReadFault> {
        let locator = match &self.next {
            Next::First => None,
            Next::Locator(locator) => Some(locator.clone()),
            Next::Last => {
                self.check_rows(self.rows, true).await?;
                self.next = Next::End;
                return Ok(None);
            }
            Next::End => return Ok(None),
        };
        let ReadPage { page, header, locator: next } = self.read(locator.as_deref()).await?;
        if next.is_some() && next == locator {
            self.ahead = None;
            let fault = Fault::new(FaultKind::Unexpected, "a page of results names itself as the next one");
            return Err(ReadFault::new(ReadFailure::Malformed, fault));
        }
        let rows = self.rows + page.rows();
        if let Err(fault) = self.check_rows(rows, false).await {
            // This page is read again, and the pages that are read ahead are those after it.
            self.ahead = None;
            return Err(fault);
        }
        self.rows = rows;
        if self.reader.room.is_limited() {
            self.reader.size = self.reader.size.after(page.rows(), page.size(), page.unpacked());
        }
        self.reader.header = Some(header);
        self.next = next.map_or(Next::Last, Next::Locator);
        Ok(Some(page))
    }

    /// Reads a page, maybe at the same time as the pages after it.
    async fn read(&mut self, locator: Option<&str>) -> Result<ReadPage, ReadFault> {
        if let Some(ahead) = &mut self.ahead {
            if let Some(page) = ahead.read(&self.reader, locator).await? {
                let goes_on = ahead.goes_on(&self.reader.job, page.locator.as_deref()).await;
                if !matches!(goes_on, Ok(true)) {
                    self.read_singly();
                }
                return goes_on.map(|_| page);
            }
            self.read_singly();
        }
        // Each page that is too large makes the next one smaller, down to one row that is read alone.
        loop {
            self.reader.size = self.reader.size.with_left(self.count.map(|count| count.saturating_sub(self.rows)));
            match self.reader.read_patiently(locator).await? {
                Reading::Page(page) => return Ok(*page),
                Reading::TooLarge { rows, bytes, is_chosen } => {
                    self.reader.size = self.reader.size.smaller(rows, bytes, is_chosen);
                }
                Reading::NoRoom => {}
            }
        }
    }

    fn read_singly(&mut self) {
        tracing::debug!(job = self.reader.job.id, "the pages of a query job are read one after another");
        self.ahead = None;
    }

    /// Checks the number of rows read against that of the job: it is the same at the end, and never less. The job is
    /// asked again if it is not so, and if it says that there is no row at all.
    async fn check_rows(&mut self, rows: u64, is_end: bool) -> Result<(), ReadFault> {
        let is_right =
            |count: Option<u64>| count.is_some_and(|count| if is_end { count == rows } else { count >= rows });
        let mut wait = self.reader.job.org.http.timing().new_count;
        let is_proven = |count| is_right(count) && !(is_end && rows == 0);
        if is_proven(self.count) {
            return Ok(());
        }
        for question in 0..QUESTIONS {
            if question > 0 {
                sleep(wait).await;
                wait *= 2;
            }
            self.count = self.reader.job.status().await?.rows_processed;
            if is_right(self.count) {
                return Ok(());
            }
        }
        let count = self.count.map_or("nothing of their number".to_owned(), |count| count.to_string());
        let text = format!(
            "the results of the query job {} have {rows} rows, and Salesforce says {count}",
            self.reader.job.id
        );
        Err(ReadFault::foreign(ReadFailure::Unproven, text))
    }

    /// Deletes the job with its results, if Salesforce can be reached. Salesforce keeps it for seven days otherwise.
    pub async fn delete(self) {
        let job = self.reader.job;
        job.delete().await;
    }
}

/// The most rows of a page.
pub(super) fn rows_per_page(columns: usize) -> usize {
    (CELLS_PER_PAGE / columns.max(1)).max(FEWEST_ROWS_PER_PAGE)
}

#[cfg(test)]
mod budget_tests;
#[cfg(test)]
mod tests;
