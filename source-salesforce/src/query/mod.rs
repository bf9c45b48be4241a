//! Reads the records of a stream.
//!
//! One query gives the records: a query job, or REST calls. Each page is read as a whole before its first record is
//! written, and a state follows it that names the next page. What is proven wrong is never read on: its state is taken
//! back before the error.

mod deletions;
mod follower;
mod heartbeat;
mod lost;
mod pages;
mod proof;
mod reading;
mod remedy;
mod windows;

use std::collections::HashSet;
use std::io;
use std::sync::{Mutex, PoisonError};

use futures_util::{StreamExt, stream};
use serde_json::Value;

use airbyte::{Error, Output, Result, StreamName, StreamStatus};
use salesforce::{JobWatcher, Org, QueryPage};

use crate::plan::StreamPlan;
use crate::state::{ReadingState, StreamState};
use crate::user_error::stdout_closed;
use crate::window::{IncrementalState, Window};
pub(crate) use follower::Follower;
use heartbeat::Heartbeat;
pub(crate) use reading::read_query;
use reading::{Unread, try_query};
use remedy::Remedy;

/// The bytes of records that are handed on together.
const LINES_SIZE: usize = 64 * 1024;

/// Reads streams of an org.
pub(crate) struct Reader<'a> {
    org: &'a Org,
    output: &'a Output,
    /// The streams that have begun and not ended.
    open: Mutex<HashSet<StreamName>>,
}

/// What an earlier attempt has left of a stream.
pub(crate) enum Before {
    /// Of a full refresh.
    Whole(StreamState),
    /// Of its changes.
    Changes(Box<IncrementalState>),
}

/// A stream that is read.
struct StreamRun<'a> {
    plan: &'a StreamPlan,
    output: &'a Output,
    /// The window that is read, and the state that names it.
    window: Option<(&'a IncrementalState, Window)>,
    /// Whether a shorter window can take its place.
    is_divisible: bool,
    /// Whether columns are left out whose fields are gone.
    is_reduced: bool,
    /// The records since the last state.
    uncounted: u64,
    /// Whether a record of it is written in this run.
    has_records: bool,
    /// Whether a record or a state of it is written in this run.
    is_running: bool,
}

/// The records of a query that is read to its end.
struct WholeQuery {
    rows: u64,
    /// The columns that it was read without, because their fields are gone.
    lost: Vec<String>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(org: &'a Org, output: &'a Output) -> Self {
        Self { org, output, open: Mutex::default() }
    }

    /// Reads streams, some at the same time. The failure of one does not keep others from being read.
    ///
    /// # Errors
    /// A stream is not read whole. A message has told why of each such stream.
    pub(crate) async fn read_all(&self, streams: Vec<(StreamPlan, Before)>, at_once: usize) -> Result<()> {
        let reads = streams.into_iter().map(|(plan, before)| async move { self.read_stream(&plan, before).await });
        let results: Vec<Result<()>> = stream::iter(reads).buffer_unordered(at_once).collect().await;
        results.into_iter().collect()
    }

    /// Says of each stream that has begun and not ended that it is not read whole.
    pub(crate) fn give_up(&self) {
        let open = std::mem::take(&mut *self.open.lock().unwrap_or_else(PoisonError::into_inner));
        for stream in open {
            // If standard output is closed, nobody can read it.
            let _ = self.output.stream_status(&stream, StreamStatus::Incomplete);
        }
    }

    async fn read_stream(&self, plan: &StreamPlan, before: Before) -> Result<()> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).insert(plan.stream.clone());
        self.output.stream_status(&plan.stream, StreamStatus::Started).map_err(stdout_closed)?;
        let mut run = StreamRun {
            plan,
            output: self.output,
            window: None,
            is_divisible: false,
            is_reduced: false,
            uncounted: 0,
            has_records: false,
            is_running: false,
        };
        let result = match (before, &plan.incremental) {
            (Before::Changes(state), Some(incremental)) => self.read_changes(&mut run, incremental, *state).await,
            (Before::Whole(state), _) => self.read_to_end(&mut run, state).await,
            (Before::Changes(_), None) => self.read_to_end(&mut run, StreamState::Start).await,
        };
        self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&plan.stream);
        self.end_stream(&plan.stream, result).map_err(stdout_closed)?
    }

    /// Says how a stream has ended: why, if it is not read whole, and then its status.
    fn end_stream(&self, stream: &StreamName, result: Result<()>) -> io::Result<Result<()>> {
        let status = match &result {
            Ok(()) => StreamStatus::Complete,
            Err(error) => {
                self.output.stream_error(stream, error)?;
                if error.is_of_limit() { StreamStatus::Limited } else { StreamStatus::Incomplete }
            }
        };
        self.output.stream_status(stream, status)?;
        Ok(result.map_err(Error::told))
    }

    async fn read_to_end(&self, run: &mut StreamRun<'_>, state: StreamState) -> Result<()> {
        let plan = run.plan;
        let from = match state {
            StreamState::Complete { rows, .. } => {
                tracing::info!("{} was read whole before, {rows} records: its state says so", plan.stream);
                return run.state(&state);
            }
            StreamState::Reading(reading) => Some(reading),
            StreamState::Start => None,
        };
        let WholeQuery { rows, .. } = self.read_what_is_left(run, from).await.map_err(whole_unread)?;
        tracing::info!("{} is read whole: {rows} records", plan.stream);
        run.state(&StreamState::Complete { query: plan.query.clone(), rows, sync: plan.sync })
    }

    /// Reads all records of a query. Columns whose fields have gone since the query was planned are left out.
    async fn read_what_is_left(
        &self,
        run: &mut StreamRun<'_>,
        from: Option<ReadingState>,
    ) -> Result<WholeQuery, Unread> {
        let unread = match try_query(self.org, run.plan, run, from).await {
            Err(unread) if unread.remedy == Some(Remedy::FewerColumns) && run.takes(Remedy::FewerColumns) => unread,
            result => return result.map(|rows| WholeQuery { rows, lost: Vec::new() }),
        };
        let Some((plan, lost)) = lost::without_lost(self.org, run.plan).await? else {
            run.state(&StreamState::Start)?;
            return Err(unread.error.into());
        };
        let mut part = StreamRun { plan: &plan, is_reduced: true, ..*run };
        let rows = try_query(self.org, &plan, &mut part, None).await;
        (run.uncounted, run.is_running, run.has_records) = (part.uncounted, part.is_running, part.has_records);
        Ok(WholeQuery { rows: rows?, lost })
    }
}

impl StreamRun<'_> {
    /// Writes the records of a page, as fast as they are read.
    async fn write_page(&mut self, page: &mut QueryPage) -> Result<()> {
        let emitted_at = jiff::Timestamp::now().as_millisecond();
        let mut lines = Vec::with_capacity(LINES_SIZE);
        let mut written = 0;
        while let Some(row) = page.next_row() {
            written += 1;
            if !lines.is_empty() {
                lines.push(b'\n');
            }
            self.plan.writer.write(row, emitted_at, &mut lines);
            self.uncounted += 1;
            if lines.len() >= LINES_SIZE {
                self.write_lines(std::mem::replace(&mut lines, Vec::with_capacity(LINES_SIZE))).await?;
            }
        }
        check_unpacked(&self.plan.stream, page.rows(), written)?;
        if lines.is_empty() { Ok(()) } else { self.write_lines(lines).await }
    }

    async fn write_lines(&mut self, lines: Vec<u8>) -> Result<()> {
        self.runs()?;
        self.has_records = true;
        self.output.records(lines).map_err(stdout_closed)?;
        self.output.room().await;
        Ok(())
    }

    /// Writes a state, which covers every record that is written before it.
    fn state(&mut self, state: &StreamState) -> Result<()> {
        self.write_state(&self.json(state))
    }

    /// What the platform keeps of a state.
    fn json(&self, state: &StreamState) -> Value {
        match self.window {
            Some((changes, window)) => changes.at(window, state).to_json(),
            None => state.to_json(),
        }
    }

    fn write_state(&mut self, state: &Value) -> Result<()> {
        self.runs()?;
        let records = std::mem::take(&mut self.uncounted);
        self.output.stream_state(&self.plan.stream, state, records).map_err(stdout_closed)
    }
}

impl Follower for StreamRun<'_> {
    fn runs(&mut self) -> Result<()> {
        if std::mem::replace(&mut self.is_running, true) {
            return Ok(());
        }
        self.output.stream_status(&self.plan.stream, StreamStatus::Running).map_err(stdout_closed)
    }

    fn reaches(&mut self, place: &ReadingState) -> Result<()> {
        self.state(&StreamState::Reading(place.clone()))
    }

    fn can_begin_again(&self) -> bool {
        !self.has_records
    }

    fn begins_again(&mut self) -> Result<()> {
        self.state(&StreamState::Start)
    }

    fn takes(&self, remedy: Remedy) -> bool {
        let is_possible = match remedy {
            Remedy::ShorterWindow => self.is_divisible,
            Remedy::FewerColumns => !self.is_reduced,
        };
        // Nothing of it is written yet.
        is_possible && !self.has_records
    }

    async fn take(&mut self, page: &mut QueryPage) -> Result<()> {
        self.write_page(page).await
    }

    fn watcher(&self, place: &ReadingState) -> impl JobWatcher {
        let state = self.json(&StreamState::Reading(place.clone()));
        Heartbeat::new(self.output, &self.plan.stream, state)
    }
}

/// Checks that each of the records of a page was read.
///
/// # Errors
/// There was no memory for one.
pub(crate) fn check_unpacked(stream: &StreamName, records: u64, read: u64) -> Result<()> {
    if read == records {
        return Ok(());
    }
    Err(Error::system(format!("There is no memory to unpack the records of {stream}: run the command again.")))
}

/// The error of a full refresh. Its query has no parts: a record that changes meanwhile would move from one to another.
fn whole_unread(unread: Unread) -> Error {
    match unread.remedy {
        Some(Remedy::ShorterWindow) => unread.error.and(
            "If the error stays, choose an incremental sync for the stream, which reads its records in shorter windows; or \
             give it a `filter`, or fewer columns.",
        ),
        Some(Remedy::FewerColumns) | None => unread.error,
    }
}

#[cfg(test)]
mod tests;
