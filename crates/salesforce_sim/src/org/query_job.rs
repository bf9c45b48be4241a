//! A query job and its states.

use std::{collections::HashMap, time::Duration};

use jiff::Timestamp;
use tokio::time::Instant;

use super::JobState;
use crate::{
    csv::LineEnding,
    fault::{QueryJobEnd, QueryJobFault, WrongRows},
    nature::Nature,
};

/// How long the org keeps query jobs (Limits Quick Reference, "Bulk API and Bulk API 2.0 Limits").
const LIFETIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// What a client asked for when it created the job.
#[derive(Debug, Clone)]
pub(crate) struct QueryRequest {
    pub(crate) soql: String,
    /// The object of the query.
    pub(crate) object: String,
    /// Whether it is a `queryAll`.
    pub(crate) finds_deleted: bool,
    pub(crate) line_ending: LineEnding,
    /// The delimiter's name in the API, and its byte.
    pub(crate) delimiter: (&'static str, u8),
    pub(crate) api_version: f64,
}

/// The rows that a job found, as CSV.
#[derive(Debug, Default)]
pub(crate) struct FoundRows {
    pub(crate) header: Vec<u8>,
    pub(crate) rows: Vec<u8>,
    /// The end of each row in `rows`.
    pub(crate) ends: Vec<usize>,
    /// How often the rows are there, one time after another.
    pub(crate) repeats: usize,
}

impl FoundRows {
    /// The text of a row, with its line end.
    pub(crate) fn row(&self, number: usize) -> &[u8] {
        let number = number % self.ends.len();
        let start = number.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.rows[start..self.ends[number]]
    }

    /// Adds the last row once more.
    fn repeat_last(&mut self) {
        if let Some(last) = self.ends.len().checked_sub(1) {
            let row = self.row(last).to_vec();
            self.push(&row);
        }
    }

    fn drop_last(&mut self) {
        self.ends.pop();
        self.rows.truncate(self.ends.last().copied().unwrap_or(0));
    }

    /// Puts the first row in the place of the last.
    fn exchange_last(&mut self) {
        if !self.ends.is_empty() {
            let row = self.row(0).to_vec();
            self.drop_last();
            self.push(&row);
        }
    }

    fn push(&mut self, row: &[u8]) {
        self.rows.extend_from_slice(row);
        self.ends.push(self.rows.len());
    }

    /// The number of rows.
    pub(crate) fn len(&self) -> usize {
        self.ends.len() * self.repeats
    }

    /// The bytes of all rows.
    pub(crate) fn size(&self) -> usize {
        self.rows.len() * self.repeats
    }
}

/// A query job.
#[derive(Debug)]
pub(crate) struct QueryJob {
    pub(crate) id: String,
    pub(crate) request: QueryRequest,
    pub(crate) state: JobState,
    pub(crate) error_message: Option<String>,
    pub(crate) found: FoundRows,
    /// How many rows the query found. A fault can make the results differ.
    rows: usize,
    pub(crate) fault: Option<QueryJobFault>,
    /// How often its results were asked for before the first page was given.
    pub(crate) early_readings: usize,
    /// How often its locators have expired. A locator works until the next time.
    pub(crate) locators_expired: usize,
    /// How often each page was given, by its first row.
    pub(crate) page_readings: HashMap<usize, usize>,
    /// How often its status was asked for since its end.
    status_readings: usize,
    pub(crate) created_by: String,
    pub(crate) created: Timestamp,
    pub(crate) modified: Timestamp,
    created_at: Instant,
}

/// What a request for the status of a query job shows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ShownQuery {
    pub(crate) state: JobState,
    pub(crate) rows: Option<usize>,
}

impl QueryJob {
    /// A new job, which begins at once.
    pub(crate) fn new(id: String, request: QueryRequest, created_by: String) -> Self {
        let now = Timestamp::now();
        Self {
            id,
            request,
            state: JobState::UploadComplete,
            error_message: None,
            found: FoundRows::default(),
            rows: 0,
            fault: None,
            early_readings: 0,
            locators_expired: 0,
            page_readings: HashMap::new(),
            status_readings: 0,
            created_by,
            created: now,
            modified: now,
            created_at: Instant::now(),
        }
    }

    /// Sets the state.
    pub(crate) fn enter(&mut self, state: JobState) {
        self.state = state;
        self.modified = Timestamp::now();
    }

    /// Ends the job with what it found, or as its fault says.
    pub(crate) fn end(&mut self, mut found: FoundRows) {
        match self.fault.as_ref().map(|fault| fault.end.clone()) {
            Some(QueryJobEnd::Never) => {}
            Some(QueryJobEnd::Aborted) => self.enter(JobState::Aborted),
            Some(QueryJobEnd::Failed(message)) => self.fail(message),
            Some(QueryJobEnd::Completed) | None => {
                self.rows = found.len();
                match self.fault.as_ref().map(|fault| fault.rows) {
                    Some(WrongRows::Repeated) => found.repeat_last(),
                    Some(WrongRows::LeftOut) => found.drop_last(),
                    Some(WrongRows::Exchanged) => found.exchange_last(),
                    Some(WrongRows::None) | None => {}
                }
                self.found = found;
                self.enter(JobState::JobComplete);
            }
        }
    }

    /// Ends the job as failed. It need not say why.
    pub(crate) fn fail(&mut self, message: Option<String>) {
        self.error_message = message;
        self.enter(JobState::Failed);
    }

    /// Whether the lifetime of the job has passed.
    pub(crate) fn is_expired(&self) -> bool {
        self.created_at.elapsed() >= LIFETIME
    }

    /// What a request for the status shows: an org whose answers lag shows an earlier state or count. Counts the request.
    pub(crate) fn read_status(&mut self, nature: Nature) -> ShownQuery {
        let fault = self.fault.as_ref();
        let partway = fault.map_or(0, |fault| fault.rows_done);
        if !self.state.is_final() {
            return ShownQuery { state: self.state, rows: Some(partway) };
        }
        let reading = self.status_readings;
        self.status_readings += 1;
        if reading < nature.status_lag {
            return ShownQuery { state: JobState::InProgress, rows: Some(partway) };
        }
        let (rows_error, has_count) = fault.map_or((0, true), |fault| (fault.rows_error, !fault.omits_count));
        let is_late = reading < nature.status_lag + nature.counts_lag;
        let rows = if self.state == JobState::JobComplete { self.rows } else { partway };
        let rows = if is_late { 0 } else { rows.saturating_add_signed(rows_error) };
        ShownQuery { state: self.state, rows: has_count.then_some(rows) }
    }
}
