//! The one task that reads, keeps count, and gives states back.
//!
//! It owns everything that changes with a message, so that nothing needs a lock: the open batches, the ledger, the
//! report, the end. It never waits for a job; events of the batches come to it, and while the memory budget is overdrawn
//! it does not take input.

pub(super) mod reader;
pub(super) mod stop;
pub(super) mod stream;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::pipeline::batch::origin::Origin;
use crate::pipeline::budget::{Budget, Lease};
use crate::pipeline::intake::reader::Input;
use crate::pipeline::intake::stop::Stop;
use crate::pipeline::intake::stream::{BatchLimits, RecordError, Stream};
use crate::pipeline::job::event::{Event, EventKind, LoadError, Settlement};
use crate::pipeline::job::lane::{Lanes, StreamBatch};
use crate::pipeline::ledger::Ledger;
use crate::pipeline::prepare::quota::Quota;
use crate::pipeline::report::Report;
use airbyte::{
    Block, Error, InputError, Message, Output, RawStreamName, Record, RecordReader, Result, StreamName, decode_line,
};

/// Settings of the intake.
#[derive(Debug, Clone, Copy)]
pub(in crate::pipeline) struct Rules {
    /// The largest upload in bytes.
    pub(in crate::pipeline) batch_size: usize,
    /// The age at which a batch is sent even when it is small.
    pub(in crate::pipeline) flush_interval: Duration,
    /// More rejected records than this end the sync.
    pub(in crate::pipeline) max_rejected_records: Option<u64>,
    /// Whether the end of every stream is announced with a status.
    pub(in crate::pipeline) expects_completion: bool,
}

/// Reads messages and gives states back.
pub(in crate::pipeline) struct Intake {
    pub(in crate::pipeline) streams: Vec<Stream>,
    records: RecordReader,
    by_name: HashMap<StreamName, usize>,
    /// The names of the last record as they were written, and its stream.
    last: Option<LastStream>,
    ledger: Ledger,
    /// What the waiting states hold.
    states: Lease,
    room: BatchLimits,
    lanes: Option<Lanes>,
    halt: CancellationToken,
    output: Output,
    rules: Rules,
    pub(in crate::pipeline) report: Report,
    rejected: u64,
    ending: Option<Ending>,
}

struct LastStream {
    namespace: Option<Box<str>>,
    name: Box<str>,
    index: usize,
}

impl LastStream {
    fn is_named(&self, names: RawStreamName<'_>) -> bool {
        *self.name == *names.name && self.namespace.as_deref() == names.namespace
    }
}

/// Why input is not taken any more.
enum Ending {
    /// The input is at its end.
    Complete,
    /// What came so far is finished and acknowledged, then the sync fails.
    Finish(Error),
    /// Nothing more is sent; what runs is watched to its end.
    Halt(Error),
}

impl Intake {
    pub(in crate::pipeline) fn new(
        streams: Vec<Stream>,
        lanes: Option<Lanes>,
        budget: Arc<Budget>,
        halt: CancellationToken,
        output: Output,
        report: Report,
        rules: Rules,
    ) -> Self {
        Self {
            by_name: streams.iter().enumerate().map(|(index, stream)| (stream.name.clone(), index)).collect(),
            records: RecordReader::default(),
            last: None,
            ledger: Ledger::new(streams.iter().map(|stream| &stream.name)),
            states: budget.lease(),
            room: BatchLimits { batch_size: rules.batch_size, budget },
            lanes,
            halt,
            output,
            rules,
            report,
            rejected: 0,
            ending: None,
            streams,
        }
    }

    /// Takes the input to its end, and everything that came of it.
    ///
    /// # Errors
    /// The first that ended the sync. All that could be acknowledged has been.
    pub(in crate::pipeline) async fn run(
        &mut self,
        mut input: mpsc::Receiver<Input>,
        mut events: mpsc::UnboundedReceiver<Event>,
        mut quota: Option<Quota>,
        stop: Stop,
    ) -> Result<()> {
        let budget = Arc::clone(&self.room.budget);
        while self.ending.is_none() {
            self.relieve_budget();
            let due = self.next_due();
            let is_overdrawn = budget.overdrawn() > 0;
            tokio::select! {
                biased;
                () = stop.asked() => self.end(Ending::Halt(stopped())),
                error = reach(&mut quota) => self.end(Ending::Halt(error)),
                Some(event) = events.recv() => self.apply(event),
                () = tokio::time::sleep_until(self.report.due()) => self.report.tell(&self.streams),
                () = budget.released(), if is_overdrawn => {}
                () = tokio::time::sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => self.flush_due(),
                block = input.recv(), if !is_overdrawn => match block {
                    Some(Input::Block(block)) => self.take_block(&block),
                    Some(Input::End) => self.end(Ending::Complete),
                    Some(Input::Broken(error)) => self.end(Ending::Finish(broken_input(&error))),
                    None => self.end(Ending::Finish(Error::panic())),
                },
            }
        }
        drop(input);
        if !matches!(self.ending, Some(Ending::Halt(_))) {
            (0..self.streams.len()).for_each(|index| self.flush(index));
        }
        self.lanes = None;
        let insisted = stop.insisted();
        tokio::pin!(insisted);
        loop {
            tokio::select! {
                biased;
                () = stop.asked(), if !self.halt.is_cancelled() => self.end(Ending::Halt(stopped())),
                error = reach(&mut quota), if !self.halt.is_cancelled() => self.end(Ending::Halt(error)),
                event = events.recv() => match event {
                    Some(event) => self.apply(event),
                    None => break,
                },
                () = tokio::time::sleep_until(self.report.due()) => self.report.tell(&self.streams),
                () = &mut insisted => {
                    tracing::warn!(jobs = self.report.running(), "jobs are still running and are not waited for any more");
                    break;
                }
            }
        }
        self.conclude()
    }

    /// Ends the intake. The first reason stays, except that a halt takes the place of a softer end.
    fn end(&mut self, ending: Ending) {
        if matches!(ending, Ending::Halt(_)) {
            self.halt.cancel();
        }
        match (&self.ending, &ending) {
            (None, _) | (Some(Ending::Complete), Ending::Halt(_)) => self.ending = Some(ending),
            _ => {}
        }
    }

    fn conclude(&mut self) -> Result<()> {
        match self.ending.take() {
            Some(Ending::Finish(error) | Ending::Halt(error)) => return Err(error),
            Some(Ending::Complete) | None => {}
        }
        if self.ledger.waiting() > 0
            || self.streams.iter().any(|stream| stream.read != stream.written + stream.rejected)
        {
            return Err(Error::system(
                "Records are left over of which nothing is known, so their states are not acknowledged. Please report \
                 this with the log of the sync.",
            ));
        }
        let incomplete: Vec<String> =
            self.streams.iter().filter(|stream| !stream.is_complete).map(|stream| stream.name.to_string()).collect();
        if self.rules.expects_completion && !incomplete.is_empty() {
            return Err(Error::transient(format!(
                "The source ended before it had sent everything of {}. What it sent is written and acknowledged; run \
                 the sync again for the rest.",
                incomplete.join(", ")
            )));
        }
        Ok(())
    }

    fn take_block(&mut self, block: &Block) {
        for (number, line) in block.lines() {
            match self.take_line(line) {
                Ok(()) => {}
                Err(Refused::Line(why)) => {
                    return self.end(Ending::Finish(Error::system(format!(
                        "Line {number} of the input is no message that can be understood: {why}. Everything before it \
                         has been finished."
                    ))));
                }
                Err(Refused::Error(error)) => return self.end(Ending::Finish(error)),
            }
            if self.ending.is_some() {
                return;
            }
        }
    }

    fn take_line(&mut self, line: &[u8]) -> Result<(), Refused> {
        let text = decode_line(line).map_err(|error| Refused::Line(error.to_string()))?;
        if self.take_plain_record(text).is_some() {
            return Ok(());
        }
        match Message::parse(text).map_err(|error| Refused::Line(error.to_string()))? {
            Message::Record(record) => self.take_record(&record),
            Message::State(state) => {
                if self.ledger.state(state) {
                    self.release();
                } else {
                    self.states.set(self.ledger.size());
                }
                Ok(())
            }
            Message::StreamComplete(name) => {
                if let Some(index) = self.by_name.get(&name) {
                    self.streams[*index].is_complete = true;
                }
                Ok(())
            }
            Message::Other => Ok(()),
        }
    }

    /// Takes the line in one pass, if it is a record that becomes a row. If not, nothing has happened.
    fn take_plain_record(&mut self, line: &str) -> Option<()> {
        let record = self.records.open(line)?;
        let index = self.stream_named(record.stream()).ok()?;
        let ledger = &mut self.ledger;
        let found = |extracted_at_ms| Origin { segment: ledger.record(index), extracted_at_ms };
        let full = self.streams[index].take_plain(index, record, found, &self.room)?;
        self.put(full);
        Some(())
    }

    fn take_record(&mut self, record: &Record<'_>) -> Result<(), Refused> {
        let index = self.stream_named(record.stream())?;
        let segment = self.ledger.record(index);
        let found = Origin { segment, extracted_at_ms: record.extracted_at_ms() };
        match self.streams[index].take(index, record.data, found, &self.room) {
            Ok(full) => self.put(full),
            Err(not_taken) => {
                self.ledger.withdraw(index);
                return Err(match not_taken {
                    RecordError::NotAnObject => Refused::Line("the `data` of the record is not an object".to_owned()),
                    RecordError::Config(error) => Refused::Error(error),
                });
            }
        }
        Ok(())
    }

    fn put(&mut self, full: Option<StreamBatch>) {
        if let (Some(work), Some(lanes)) = (full, &mut self.lanes) {
            lanes.put(work);
        }
    }

    fn stream_named(&mut self, names: RawStreamName<'_>) -> Result<usize, Refused> {
        if let Some(last) = &self.last
            && last.is_named(names)
        {
            return Ok(last.index);
        }
        let name = names.decode().map_err(|_| Refused::Line("the stream of the record is not named".to_owned()))?;
        let Some(index) = self.by_name.get(&name).copied() else {
            return Err(Refused::Line(format!("the catalog has no stream {name}")));
        };
        self.last = Some(LastStream { namespace: names.namespace.map(Into::into), name: names.name.into(), index });
        Ok(index)
    }

    fn apply(&mut self, event: Event) {
        self.report.apply(&event);
        match event.kind {
            EventKind::Settled(settlement) => self.settle(event.stream, settlement),
            EventKind::Ended(Err(LoadError::Failed(error))) => self.end(Ending::Halt(error)),
            _ => {}
        }
    }

    fn settle(&mut self, index: usize, settlement: Settlement) {
        let stream = &mut self.streams[index];
        for (segment, written, rejected) in settlement.segments {
            self.ledger.settle(index, segment, written, rejected);
            stream.written += written;
            stream.rejected += rejected;
            self.rejected += rejected;
        }
        self.release();
        if let Some(most) = self.rules.max_rejected_records
            && self.rejected > most
        {
            self.end(Ending::Halt(Error::config(format!(
                "{} records have been rejected, and `max_rejected_records` allows {most}. The reasons are in the bucket of \
                 rejected records, where one is configured. Mend the records or raise the limit, and run the sync again.",
                self.rejected
            ))));
        }
    }

    /// Gives back the states that are proven.
    fn release(&mut self) {
        for line in self.ledger.release() {
            if let Err(error) = self.output.state(&line) {
                let gone = Error::system("Standard output was closed, so states cannot be given back.");
                return self.end(Ending::Halt(gone.internal(error)));
            }
        }
        self.states.set(self.ledger.size());
    }

    /// Sends the largest open batches until what is on its way is enough to bring the budget back.
    fn relieve_budget(&mut self) {
        loop {
            let open: usize =
                self.streams.iter().filter_map(Stream::open).map(crate::pipeline::batch::OpenBatch::held).sum();
            if self.room.budget.comes_back(open + self.states.bytes()) {
                return;
            }
            let largest = (0..self.streams.len())
                .filter_map(|index| Some((self.streams[index].open()?.held(), index)))
                .max_by_key(|(held, _)| *held);
            let Some((_, index)) = largest else { return };
            self.flush(index);
        }
    }

    fn flush(&mut self, index: usize) {
        let work = self.streams[index].seal(index);
        self.put(work);
    }

    fn next_due(&self) -> Option<Instant> {
        let opened =
            self.streams.iter().filter_map(Stream::open).map(crate::pipeline::batch::OpenBatch::opened_at).min()?;
        Some(opened + self.rules.flush_interval)
    }

    fn flush_due(&mut self) {
        let now = Instant::now();
        for index in 0..self.streams.len() {
            let is_due =
                self.streams[index].open().is_some_and(|batch| batch.opened_at() + self.rules.flush_interval <= now);
            if is_due {
                self.flush(index);
            }
        }
    }
}

/// Waits until the share of the API requests is reached; without one, for ever.
async fn reach(quota: &mut Option<Quota>) -> Error {
    match quota {
        Some(quota) => quota.reach().await,
        None => std::future::pending().await,
    }
}

/// Why a line is not taken.
enum Refused {
    /// The line is at fault; this is why.
    Line(String),
    /// The user must change something.
    Error(Error),
}

/// The error of a sync that was asked to stop.
pub(in crate::pipeline) fn stopped() -> Error {
    Error::transient("The sync was stopped from outside before it was done. What was acknowledged is in Salesforce.")
}

fn broken_input(error: &InputError) -> Error {
    match error {
        InputError::LineTooLong { line, limit } => Error::system(format!(
            "Line {line} of the input is longer than {limit} bytes, which no record of Salesforce can be. Everything \
             before it has been finished."
        )),
        InputError::Read { line, source } => Error::transient(format!(
            "Standard input could not be read after line {line}. Everything before it has been finished."
        ))
        .internal(source),
    }
}
