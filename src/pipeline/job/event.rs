//! What the batches tell on their way. The intake hears it, and nobody else keeps count.

use tokio::sync::mpsc;

use super::mark::SegmentId;
use super::reason::Reasons;
use airbyte::Error;

/// Something that happened to a batch of a stream.
#[derive(Debug)]
pub(super) struct News {
    /// The place of the stream in the catalog.
    pub(super) stream: usize,
    pub(super) event: Event,
}

/// What happened.
#[derive(Debug)]
pub(super) enum Event {
    /// A job was closed with so many rows, and runs.
    JobRuns { job: String, rows: u64 },
    /// Salesforce has processed so many rows of a running job.
    JobProcessed { job: String, rows: u64 },
    /// A job has come to its end.
    JobEnded { job: String },
    /// Records are in Salesforce, or kept as rejected.
    Settled(Settlement),
    /// Nothing more comes of the batch. Records of it that were not settled before never are.
    Ended(Result<(), NotLoaded>),
}

/// Records that are settled.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Settlement {
    /// For each segment: the records written, and those rejected.
    pub(super) segments: Vec<(SegmentId, u64, u64)>,
    /// Why the rejected ones are.
    pub(super) reasons: Reasons,
}

/// Why records of a batch are not settled.
#[derive(Debug)]
pub(super) enum NotLoaded {
    /// The sync was halted before they took effect.
    Halted,
    /// They failed.
    Failed(Error),
}

impl From<Error> for NotLoaded {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// Tells of the batches of one stream.
#[derive(Debug, Clone)]
pub(super) struct Teller {
    stream: usize,
    news: mpsc::UnboundedSender<News>,
}

impl Teller {
    pub(super) fn new(stream: usize, news: mpsc::UnboundedSender<News>) -> Self {
        Self { stream, news }
    }

    /// Without a listener the sync has ended, and nobody wants to know.
    pub(super) fn tell(&self, event: Event) {
        let _ = self.news.send(News { stream: self.stream, event });
    }
}
