//! Reads the records of a stream.
//!
//! One query gives the records: a query job, or REST calls. Each page is read as a whole before its first record is
//! written, and a state follows it that names the next page. What is proven wrong is never read on: its state is taken
//! back before the error.

mod deletions;
mod heartbeat;
mod pages;
mod proof;
mod windows;

use std::collections::HashSet;
use std::io;
use std::sync::{Mutex, PoisonError};

use futures_util::{StreamExt, stream};
use serde_json::Value;

use airbyte::{Error, Output, Result, StreamName, StreamStatus};
use salesforce::{Org, QueryPage};

use crate::plan::StreamPlan;
use crate::state::{ReadingState, StreamState};
use crate::window::{IncrementalState, Window};
use pages::{Failure, Opened};

/// The bytes of records that are handed on together.
const LINES_SIZE: usize = 64 * 1024;

/// How often a stream begins within a run, if its job is gone or has failed before a record of it is written.
const BEGINNINGS: u32 = 3;

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
    Changes(IncrementalState),
}

/// A stream that is read.
struct StreamRun<'a> {
    plan: &'a StreamPlan,
    output: &'a Output,
    /// The window that is read, and the state that names it.
    window: Option<(&'a IncrementalState, Window)>,
    /// The records since the last state.
    uncounted: u64,
    /// Whether a record of it is written in this run.
    has_records: bool,
    /// Whether a record or a state of it is written in this run.
    is_running: bool,
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
        let mut run =
            StreamRun { plan, output: self.output, window: None, uncounted: 0, has_records: false, is_running: false };
        let result = match (before, &plan.incremental) {
            (Before::Changes(state), Some(incremental)) => self.read_changes(&mut run, incremental, state).await,
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
        let rows = self.read_query(run, from).await?;
        tracing::info!("{} is read whole: {rows} records", plan.stream);
        run.state(&StreamState::Complete { query: plan.query.clone(), rows, sync: plan.sync })
    }

    /// Reads all records of a query, and begins again where that may help. Returns their number.
    async fn read_query(&self, run: &mut StreamRun<'_>, mut from: Option<ReadingState>) -> Result<u64> {
        let plan = run.plan;
        let mut beginning = 0;
        loop {
            beginning += 1;
            match self.read_once(run, from.take()).await {
                Ok(rows) => return Ok(rows),
                // This run has written nothing of it. What an earlier attempt wrote is repeated rather than lost.
                Err(Failure::Dead { begins_again: true, error }) if !run.has_records && beginning < BEGINNINGS => {
                    tracing::warn!("{} is read again from its start: {}", plan.stream, error.message());
                    run.state(&StreamState::Start)?;
                }
                Err(Failure::Dead { error, .. }) => {
                    run.state(&StreamState::Start)?;
                    return Err(error);
                }
                Err(Failure::Alive(error)) => return Err(error),
            }
        }
    }

    /// Reads the stream from its start or from a state on. Returns the number of its records.
    async fn read_once(&self, run: &mut StreamRun<'_>, from: Option<ReadingState>) -> Result<u64, Failure> {
        let plan = run.plan;
        let mut is_resumed = from.is_some();
        let mut rows = from.as_ref().map_or(0, |from| from.rows);
        let Opened { mut pages, mut reading } = pages::open(self.org, run, from).await?;
        if reading.locator.is_none() {
            reading.count = proof::settle_count(self.org, plan, reading.count, &mut pages).await?;
        }
        while let Some(mut page) = pages.next().await.map_err(|fault| pages::failure(&fault, plan, is_resumed))? {
            is_resumed = false;
            rows += page.rows();
            let point = page.point().cloned();
            run.write_page(&mut page).await?;
            if let Some(point) = point {
                (reading.locator, reading.rows) = (Some(point.locator), point.rows);
                run.state(&StreamState::Reading(reading.clone()))?;
            }
        }
        proof::check_missing(self.org, plan, pages.missing(), rows).await?;
        proof::check_count(self.org, plan, reading.count, rows).await?;
        Ok(rows)
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
        if written != page.rows() {
            return Err(Error::system(format!(
                "There is no memory to unpack the records of {}: run the sync again.",
                self.plan.stream
            )));
        }
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

    fn runs(&mut self) -> Result<()> {
        if std::mem::replace(&mut self.is_running, true) {
            return Ok(());
        }
        self.output.stream_status(&self.plan.stream, StreamStatus::Running).map_err(stdout_closed)
    }
}

fn stdout_closed(error: io::Error) -> Error {
    Error::system("Standard output was closed.").internal(error)
}
