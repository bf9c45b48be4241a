//! What batches report to the intake, which alone keeps count.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::RejectionReasons;
use super::matched::Parts;
use crate::pipeline::batch::SettledSegment;
use airbyte::Error;
use salesforce::{JobEnd, Operation};

/// Something that happened to a batch of a stream.
#[derive(Debug)]
pub(crate) struct Event {
    /// The index of the stream in the catalog.
    pub(crate) stream: usize,
    pub(crate) at: Instant,
    pub(crate) kind: EventKind,
}

/// What happened to a batch.
#[derive(Debug)]
pub(crate) enum EventKind {
    /// The turn of a batch has come, and the records are looked for that its rows name. It has waited since `began`.
    SearchStarted {
        rows: u64,
        began: Instant,
    },
    SearchEnded,
    /// A job with this many rows is created and filled. It waits for its turn.
    JobUploaded {
        job: String,
        operation: Operation,
        rows: u64,
        began: Instant,
    },
    /// An open job is given up: it is not closed.
    JobLeft {
        job: String,
    },
    /// A job with this many rows is closed and runs.
    JobStarted {
        job: String,
        rows: u64,
    },
    /// Salesforce has processed this many rows of a running job.
    JobProgressed {
        job: String,
        rows: u64,
    },
    /// A job no longer runs, or is no longer watched: then how it ends is not known.
    JobEnded {
        job: String,
        end: Option<JobEnd>,
    },
    /// It is proven what became of the rows of a job. So many failed, if the job counts them.
    JobJudged {
        job: String,
        failed: Option<u64>,
    },
    /// Records are settled: written to Salesforce, or kept as rejected.
    Settled(SettledRecords),
    /// The batch is done and sends no more events. Its records that are not settled by now never will be.
    BatchEnded(Result<(), LoadError>),
}

/// Settled records of a batch.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct SettledRecords {
    pub(crate) segments: Vec<SettledSegment>,
    /// Why the rejected ones were rejected.
    pub(crate) reasons: RejectionReasons,
    /// How many of the written records needed no write.
    pub(crate) skipped: u64,
}

/// Why records of a batch are not settled.
#[derive(Debug)]
pub(crate) enum LoadError {
    /// The sync was halted before their job was closed.
    Halted,
    Failed(Error),
}

impl From<Error> for LoadError {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// Sends the events of one stream's batches.
#[derive(Debug, Clone)]
pub(crate) struct EventSender {
    stream: usize,
    events: mpsc::UnboundedSender<Event>,
    /// The records that became several rows.
    parts: Option<Arc<Mutex<Parts>>>,
}

impl EventSender {
    pub(super) fn new(stream: usize, events: mpsc::UnboundedSender<Event>) -> Self {
        Self { stream, events, parts: None }
    }

    /// The index of the stream in the catalog.
    pub(super) fn stream(&self) -> usize {
        self.stream
    }

    /// The same for batches in which some records are several rows. It reports each of them once.
    pub(super) fn with_parts(&self, parts: Arc<Mutex<Parts>>) -> Self {
        Self { parts: Some(parts), ..self.clone() }
    }

    pub(super) fn send(&self, mut kind: EventKind) {
        if let (Some(parts), EventKind::Settled(settled)) = (&self.parts, &mut kind) {
            let segments = std::mem::take(&mut settled.segments);
            settled.segments = parts.lock().unwrap_or_else(PoisonError::into_inner).fold(segments);
        }
        // Without a receiver the sync is over, and nobody needs the event.
        let _ = self.events.send(Event { stream: self.stream, at: Instant::now(), kind });
    }
}
