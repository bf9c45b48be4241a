//! A query job and its states.

use std::{collections::HashMap, time::Duration};

use jiff::Timestamp;
use tokio::time::Instant;

use super::JobState;
use crate::{
    csv::LineEnding,
    fault::{QueryJobEnd, QueryJobFault},
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
}

impl FoundRows {
    /// The text of a row, with its line end.
    pub(crate) fn row(&self, number: usize) -> &[u8] {
        let start = number.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.rows[start..self.ends[number]]
    }

    /// The number of rows.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
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
    pub(crate) fault: Option<QueryJobFault>,
    /// How often its results were asked for before the first page was given.
    pub(crate) early_readings: usize,
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
            fault: None,
            early_readings: 0,
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
    pub(crate) fn end(&mut self, found: FoundRows) {
        match self.fault.as_ref().map(|fault| fault.end.clone()) {
            Some(QueryJobEnd::Never) => {}
            Some(QueryJobEnd::Aborted) => self.enter(JobState::Aborted),
            Some(QueryJobEnd::Failed(message)) => {
                self.error_message = message;
                self.enter(JobState::Failed);
            }
            Some(QueryJobEnd::Completed) | None => {
                self.found = found;
                self.enter(JobState::JobComplete);
            }
        }
    }

    /// Whether the lifetime of the job has passed.
    pub(crate) fn is_expired(&self) -> bool {
        self.created_at.elapsed() >= LIFETIME
    }

    /// What a request for the status shows: an org whose answers lag shows an earlier state or count. Counts the request.
    pub(crate) fn read_status(&mut self, nature: Nature) -> ShownQuery {
        if !self.state.is_final() {
            return ShownQuery { state: self.state, rows: Some(0) };
        }
        let reading = self.status_readings;
        self.status_readings += 1;
        if reading < nature.status_lag {
            return ShownQuery { state: JobState::InProgress, rows: Some(0) };
        }
        let (rows_error, has_count) =
            self.fault.as_ref().map_or((0, true), |fault| (fault.rows_error, !fault.omits_count));
        let is_late = reading < nature.status_lag + nature.counts_lag;
        let rows = self.found.len().saturating_add_signed(rows_error);
        ShownQuery { state: self.state, rows: has_count.then_some(if is_late { 0 } else { rows }) }
    }
}
