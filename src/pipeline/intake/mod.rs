//! The one task that reads the input, keeps count, and acknowledges states.
//!
//! It alone changes the open batches, the ledger and the progress, so none of them needs a lock. It never waits for a
//! job: batches send it events. While the memory budget is overdrawn, or nobody reads its output, it reads no input.

mod acknowledge;
mod earlier_rows;
mod ending;
mod ignored_fields;
mod input_errors;
mod reader;
mod rejection_limits;
mod stream;

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::Purpose;
use super::batch::{OpenBatch, Origin, SettledSegment};
use super::history::History;
use super::job::{Event, EventKind, Jobs, LoadError, SettledRecords, StreamBatch};
use super::ledger::Ledger;
use super::prepare::Quota;
use super::progress::{Progress, RecordCounts};
use super::report::{Ended, EndedStream};
use crate::budget::Lease;
use crate::journal::Journal;
use crate::stop::{Stop, stopped};
use acknowledge::{AcknowledgeError, Acknowledgements};
use airbyte::{Block, Error, Message, Output, RawStreamName, Record, RecordReader, Result, StreamName, decode_line};
use earlier_rows::report_earlier_rows;
use ending::Ending;
use input_errors::{LineError, input_failed, unknown_stream};

pub(super) use reader::{Input, read_on_thread};
use rejection_limits::Judged;
pub(super) use rejection_limits::RejectionLimits;
use stream::Added;
pub(super) use stream::{BatchLimits, Stream};

/// Settings of the intake.
pub(super) struct IntakeSettings {
    pub(super) limits: BatchLimits,
    /// The age at which a batch is sent, whatever its size.
    pub(super) flush_interval: Duration,
    pub(super) rejection_limits: RejectionLimits,
    /// When the sync began.
    pub(super) began: Instant,
    /// Whether the source announces the end of every stream.
    pub(super) expects_completion: bool,
    /// Where the jobs are entered.
    pub(super) journal: Option<Arc<Journal>>,
    /// Covers the rows that earlier attempts wrote.
    pub(super) earlier_lease: Lease,
    pub(super) purpose: Purpose,
}

/// What the intake waits for.
pub(super) struct Signals {
    pub(super) input: mpsc::Receiver<Input>,
    pub(super) events: mpsc::UnboundedReceiver<Event>,
    pub(super) quota: Option<Arc<Quota>>,
    pub(super) stop: Stop,
}

/// Reads messages and acknowledges states.
pub(super) struct Intake {
    streams: Vec<Stream>,
    records: RecordReader,
    by_name: HashMap<StreamName, usize>,
    last_stream: Option<LastStream>,
    /// Whether a message of an unknown type was skipped, which is logged once.
    skips_unknown_types: bool,
    /// Whether the status of a stream was skipped that the catalog does not have, which is logged once.
    skips_unknown_streams: bool,
    ledger: Ledger,
    /// Covers the states that wait for their proof, or for the reader of the output.
    states_lease: Lease,
    jobs: Jobs,
    output: Output,
    acknowledgements: Acknowledgements,
    settings: IntakeSettings,
    progress: Progress,
    /// What a report says about the jobs.
    history: History,
    rejected: u64,
    ending: Option<Ending>,
}

/// The stream of the last record, to find it without a lookup for the next one.
struct LastStream {
    namespace: Option<Box<str>>,
    name: Box<str>,
    index: usize,
}

impl LastStream {
    fn is_named(&self, name: RawStreamName<'_>) -> bool {
        *self.name == *name.name && self.namespace.as_deref() == name.namespace
    }
}

impl Intake {
    pub(super) fn new(
        streams: Vec<Stream>,
        jobs: Jobs,
        settings: IntakeSettings,
        output: Output,
        progress: Progress,
    ) -> Self {
        Self {
            by_name: streams.iter().enumerate().map(|(index, stream)| (stream.name.clone(), index)).collect(),
            records: RecordReader::default(),
            last_stream: None,
            skips_unknown_types: false,
            skips_unknown_streams: false,
            ledger: Ledger::new(streams.iter().map(|stream| &stream.name)),
            states_lease: settings.limits.budget.lease(),
            jobs,
            acknowledgements: Acknowledgements::new(output.clone(), settings.journal.clone(), settings.purpose),
            output,
            history: History::new(settings.began),
            settings,
            progress,
            rejected: 0,
            ending: None,
            streams,
        }
    }

    /// Reads the input to its end, waits for all jobs, and logs the totals. The outcome is the first error that ended
    /// the sync. All states that are proven are acknowledged.
    pub(super) async fn run(mut self, signals: Signals) -> Ended {
        self.process(signals).await;
        let outcome = self.conclude().await;
        let streams = self.streams.into_iter().zip(self.progress.into_totals());
        let streams =
            streams.map(|(Stream { name, counts, .. }, (jobs, reasons))| EndedStream { name, counts, jobs, reasons });
        Ended { outcome, streams: streams.collect(), history: self.history }
    }

    async fn conclude(&mut self) -> Result<()> {
        let outcome = self.outcome().and_then(|()| self.settings.rejection_limits.check_all(self.judged()));
        self.streams.iter().for_each(Stream::log_ignored_fields);
        self.progress.conclude(&self.counts());
        report_earlier_rows(&self.streams, outcome.is_ok());
        outcome?;
        match &self.settings.journal {
            // Records after the last state are written, and no state covers them.
            Some(journal) => journal.clear().await,
            None => Ok(()),
        }
    }

    async fn process(&mut self, signals: Signals) {
        let Signals { input, mut events, quota, stop } = signals;
        let mut input = Some(input);
        let mut all_batches_ended = false;
        let grace_period_over = stop.grace_period_over();
        tokio::pin!(grace_period_over);
        loop {
            if self.ending.is_some() && input.take().is_some() {
                self.stop_reading();
            }
            self.lease_states();
            let is_reading = input.is_some();
            if all_batches_ended && !is_reading && self.acknowledgements.is_idle() {
                return;
            }
            if is_reading {
                self.relieve_budget();
            }
            let flush_due = self.next_flush().filter(|_| is_reading);
            let budget = &self.settings.limits.budget;
            let must_wait_for_memory = is_reading && budget.overdrawn() > 0;
            let must_wait_for_reader = is_reading && !self.output.has_room();
            let is_halted = self.jobs.is_halted();
            tokio::select! {
                biased;
                () = stop.requested(), if !is_halted => {
                    if input.as_mut().is_some_and(has_ended) {
                        self.end(Ending::Complete);
                    }
                    self.interrupt(stopped());
                }
                error = quota_reached(quota.as_deref()), if !is_halted => self.interrupt(error),
                error = self.output.closed(), if !is_halted => self.halt(output_closed(error)),
                event = events.recv(), if !all_batches_ended => match event {
                    Some(event) => self.apply(event),
                    None => all_batches_ended = true,
                },
                removed = self.acknowledgements.removed() => self.states_may_leave(removed),
                () = tokio::time::sleep_until(self.progress.due()) => self.progress.publish_due(&self.counts()),
                () = budget.released(), if must_wait_for_memory => {}
                () = self.output.room(), if must_wait_for_reader => {}
                () = sleep_until(flush_due) => self.flush_due(),
                block = receive(&mut input), if is_reading && !must_wait_for_memory && !must_wait_for_reader => match block {
                    Some(Input::Block(block)) => self.read_block(&block),
                    Some(Input::End) => self.end(Ending::Complete),
                    Some(Input::Failed(error)) => self.end(Ending::Finish(input_failed(&error))),
                    None => self.end(Ending::Finish(Error::panic())),
                },
                () = &mut grace_period_over, if !is_reading => {
                    tracing::warn!(jobs = self.progress.running_jobs(), "the grace period is over: not waiting for \
                                                                         running jobs any longer");
                    return;
                }
            }
        }
    }

    /// Sends the open batches, unless the sync is halted. No batch follows them.
    fn stop_reading(&mut self) {
        self.history.input_ended();
        if !self.jobs.is_halted() {
            (0..self.streams.len()).for_each(|index| self.flush(index));
        }
        self.jobs.finish();
    }

    fn read_block(&mut self, block: &Block) {
        for (number, line) in block.lines() {
            if let Err(error) = self.read_line(line) {
                return self.end(Ending::Finish(error.into_error(number)));
            }
            if self.ending.is_some() {
                return;
            }
        }
    }

    fn read_line(&mut self, line: &[u8]) -> Result<(), LineError> {
        let text = decode_line(line).map_err(|error| LineError::Invalid(error.to_string()))?;
        if self.try_plain_record(text).is_some() {
            return Ok(());
        }
        match Message::parse(text).map_err(|error| LineError::Invalid(error.to_string()))? {
            Message::Record(record) => self.add_record(&record),
            Message::State(state) => {
                if self.ledger.add_state(state) {
                    self.acknowledge_states();
                } else {
                    self.lease_states();
                }
                Ok(())
            }
            Message::StreamComplete(name) => {
                match self.by_name.get(&name) {
                    Some(index) => self.streams[*index].is_complete = true,
                    None if !std::mem::replace(&mut self.skips_unknown_streams, true) => {
                        let problem = unknown_stream(&name, self.by_name.keys());
                        tracing::warn!("ignoring the status COMPLETE of a stream: {problem}");
                    }
                    None => {}
                }
                Ok(())
            }
            Message::Other => Ok(()),
            Message::Unknown => {
                if !std::mem::replace(&mut self.skips_unknown_types, true) {
                    tracing::warn!("skipping messages of a type that this version does not know");
                }
                Ok(())
            }
        }
    }

    /// Adds the record of a line in one pass, if it becomes a row. `None` changes nothing.
    fn try_plain_record(&mut self, line: &str) -> Option<()> {
        let record = self.records.open(line)?;
        let index = self.stream_index(record.stream()).ok()?;
        let ledger = &mut self.ledger;
        let origin = |extracted_at_ms| Origin { segment: ledger.add_record(index), extracted_at_ms };
        let added = self.streams[index].add_plain(index, record, origin, &self.settings.limits)?;
        self.added(index, added);
        Some(())
    }

    fn add_record(&mut self, record: &Record<'_>) -> Result<(), LineError> {
        let index = self.stream_index(record.stream())?;
        let segment = self.ledger.add_record(index);
        let origin = Origin { segment, extracted_at_ms: record.extracted_at_ms() };
        match self.streams[index].add(index, record.data, origin, &self.settings.limits) {
            Ok(added) => {
                self.added(index, added);
                Ok(())
            }
            Err(error) => {
                self.ledger.remove_last_record(index);
                Err(error)
            }
        }
    }

    fn added(&mut self, index: usize, added: Added) {
        if let Some(segment) = added.settled {
            // The states that cover it follow.
            self.ledger.settle(index, SettledSegment { segment, written: 1, rejected: 0 });
            let counts = &mut self.streams[index].counts;
            counts.written += 1;
            counts.skipped += u64::from(added.is_skipped);
        }
        if added.is_skipped {
            self.jobs.skip(index);
        }
        self.load(added.full);
    }

    fn load(&mut self, batches: Vec<StreamBatch>) {
        batches.into_iter().for_each(|batch| self.jobs.add(batch));
    }

    fn stream_index(&mut self, raw: RawStreamName<'_>) -> Result<usize, LineError> {
        if let Some(last) = &self.last_stream
            && last.is_named(raw)
        {
            return Ok(last.index);
        }
        let name = raw.decode().map_err(|_| LineError::Invalid("the record does not name its stream".to_owned()))?;
        let Some(index) = self.by_name.get(&name).copied() else {
            return Err(LineError::Invalid(unknown_stream(&name, self.by_name.keys())));
        };
        self.last_stream = Some(LastStream { namespace: raw.namespace.map(Into::into), name: raw.name.into(), index });
        Ok(index)
    }

    fn apply(&mut self, event: Event) {
        self.progress.apply(&event);
        self.history.apply(&event);
        match event.kind {
            EventKind::Settled(settled) => self.settle(event.stream, &settled),
            EventKind::BatchEnded(Err(LoadError::Failed(error))) => self.halt(error),
            _ => {}
        }
    }

    fn settle(&mut self, index: usize, settled: &SettledRecords) {
        let counts = &mut self.streams[index].counts;
        counts.skipped += settled.skipped;
        for segment in &settled.segments {
            self.ledger.settle(index, *segment);
            counts.written += segment.written;
            counts.rejected += segment.rejected;
            self.rejected += segment.rejected;
        }
        self.acknowledge_states();
        if let Err(error) = self.settings.rejection_limits.check(self.judged()) {
            self.halt(error);
        }
    }

    /// Lets the states that are proven leave.
    fn acknowledge_states(&mut self) {
        let states = self.ledger.acknowledge();
        if let Err(error) = self.acknowledgements.add(states, &mut self.streams) {
            return self.halt(output_closed(error));
        }
        self.lease_states();
    }

    fn lease_states(&mut self) {
        self.states_lease.set(self.ledger.size() + self.output.unwritten());
    }

    /// Goes on after entries were removed from the journal.
    fn states_may_leave(&mut self, removed: Result<()>) {
        match self.acknowledgements.go_on(removed, &mut self.streams) {
            Ok(()) => {}
            Err(AcknowledgeError::Output(error)) => self.halt(output_closed(error)),
            Err(AcknowledgeError::Journal(error)) => self.halt(error),
        }
    }

    /// Sends the largest open batches, until the budget recovers when the batches on their way are done.
    fn relieve_budget(&mut self) {
        loop {
            let open: usize = self.streams.iter().filter_map(Stream::open_batch).map(OpenBatch::held).sum();
            let kept = self.states_lease.bytes() + self.settings.earlier_lease.bytes();
            if self.settings.limits.budget.can_recover(open + kept) {
                return;
            }
            let largest = (0..self.streams.len())
                .filter_map(|index| Some((self.streams[index].open_batch()?.held(), index)))
                .max_by_key(|(held, _)| *held);
            let Some((_, index)) = largest else { return };
            self.flush(index);
        }
    }

    fn flush(&mut self, index: usize) {
        let batches = self.streams[index].seal_batch(index);
        self.load(batches);
    }

    fn next_flush(&self) -> Option<Instant> {
        let opened = self.streams.iter().filter_map(Stream::open_batch).map(OpenBatch::opened_at).min()?;
        Some(opened + self.settings.flush_interval)
    }

    fn flush_due(&mut self) {
        let (now, interval) = (Instant::now(), self.settings.flush_interval);
        for index in 0..self.streams.len() {
            if self.streams[index].open_batch().is_some_and(|batch| batch.opened_at() + interval <= now) {
                self.flush(index);
            }
        }
    }

    /// How many records are settled, and how many of them rejected.
    fn judged(&self) -> Judged {
        let all = self.streams.iter().map(|stream| stream.counts.settled()).sum();
        Judged { all, rejected: self.rejected }
    }

    fn counts(&self) -> Vec<RecordCounts> {
        self.streams.iter().map(|stream| stream.counts).collect()
    }
}

/// Waits for the next input. Must not be awaited after the reading has ended.
async fn receive(input: &mut Option<mpsc::Receiver<Input>>) -> Option<Input> {
    input.as_mut()?.recv().await
}

/// Whether the next of the input is its end.
fn has_ended(input: &mut mpsc::Receiver<Input>) -> bool {
    matches!(input.try_recv(), Ok(Input::End))
}

/// Waits until the quota is reached: forever, if there is none.
async fn quota_reached(quota: Option<&Quota>) -> Error {
    match quota {
        Some(quota) => quota.reached().await,
        None => std::future::pending().await,
    }
}

/// Sleeps until a moment: forever, if there is none.
async fn sleep_until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// The error of a sync whose states cannot be written.
fn output_closed(error: io::Error) -> Error {
    Error::system("Standard output was closed, so states cannot be acknowledged.").internal(error)
}

#[cfg(test)]
mod tests;
