//! What the batches tell on their way. The intake hears it, and nobody else keeps count.

use tokio::sync::mpsc;

use crate::pipeline::batch::origin::SegmentId;
use crate::pipeline::job::reason::RejectionReasons;
use airbyte::Error;

/// Something that happened to a batch of a stream.
#[derive(Debug)]
pub(in crate::pipeline) struct Event {
    /// The place of the stream in the catalog.
    pub(in crate::pipeline) stream: usize,
    pub(in crate::pipeline) kind: EventKind,
}

/// What happened.
#[derive(Debug)]
pub(in crate::pipeline) enum EventKind {
    /// A job was closed with so many rows, and runs.
    JobRuns { job: String, rows: u64 },
    /// Salesforce has processed so many rows of a running job.
    JobProcessed { job: String, rows: u64 },
    /// A job has come to its end.
    JobEnded { job: String },
    /// Records are in Salesforce, or kept as rejected.
    Settled(Settlement),
    /// Nothing more comes of the batch. Records of it that were not settled before never are.
    Ended(Result<(), LoadError>),
}

/// Records that are settled.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::pipeline) struct Settlement {
    /// For each segment: the records written, and those rejected.
    pub(in crate::pipeline) segments: Vec<(SegmentId, u64, u64)>,
    /// Why the rejected ones are.
    pub(in crate::pipeline) reasons: RejectionReasons,
}

/// Why records of a batch are not settled.
#[derive(Debug)]
pub(in crate::pipeline) enum LoadError {
    /// The sync was halted before they took effect.
    Halted,
    /// They failed.
    Failed(Error),
}

impl From<Error> for LoadError {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// Tells of the batches of one stream.
#[derive(Debug, Clone)]
pub(in crate::pipeline) struct EventSender {
    stream: usize,
    event: mpsc::UnboundedSender<Event>,
}

impl EventSender {
    pub(in crate::pipeline) fn new(stream: usize, event: mpsc::UnboundedSender<Event>) -> Self {
        Self { stream, event }
    }

    /// Without a listener the sync has ended, and nobody wants to know.
    pub(in crate::pipeline) fn send(&self, kind: EventKind) {
        let _ = self.event.send(Event { stream: self.stream, kind });
    }
}
