//! Which job may run when: at most so many at once, and those of one object in the order of the records where the
//! order can be seen.
//!
//! A lane is a queue of batches with a task of its own. Inserts have a lane a stream. Updates, upserts and deletes
//! of one object share a lane, even when they come from several streams: in it the next job is created and filled
//! while the last one runs, and only its close waits.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use crate::pipeline::batch::Batch;
use crate::pipeline::job::event::{Event, EventKind, EventSender, LoadError};
use crate::pipeline::job::load::Loader;
use crate::pipeline::prepare::plan::StreamPlan;
use airbyte::Error;

/// A batch of a stream.
#[derive(Debug)]
pub(in crate::pipeline) struct StreamBatch {
    pub(in crate::pipeline) stream: usize,
    pub(in crate::pipeline) plan: Arc<StreamPlan>,
    pub(in crate::pipeline) batch: Batch,
}

/// All lanes of a sync.
pub(in crate::pipeline) struct Lanes {
    loader: Arc<Loader>,
    max_parallel_jobs: usize,
    permits: Arc<Semaphore>,
    lanes: HashMap<LaneKey, mpsc::UnboundedSender<StreamBatch>>,
    events: mpsc::UnboundedSender<Event>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum LaneKey {
    Stream(usize),
    Object(String),
}

impl LaneKey {
    fn of(work: &StreamBatch) -> Self {
        if work.plan.job.operation.is_ordered() {
            Self::Object(work.plan.job.object.to_ascii_lowercase())
        } else {
            Self::Stream(work.stream)
        }
    }

    /// How many jobs of the lane may be under way. In order: one that runs and one that waits with its upload done.
    fn width(&self, max_parallel_jobs: usize) -> usize {
        match self {
            Self::Stream(_) => max_parallel_jobs,
            Self::Object(_) => 2,
        }
    }
}

impl Lanes {
    /// Lanes with at most `max_parallel_jobs` jobs in progress, and the events of their batches, which end when the lanes
    /// have been dropped and all batches have come to their end.
    pub(in crate::pipeline) fn new(loader: Loader, max_parallel_jobs: usize) -> (Self, mpsc::UnboundedReceiver<Event>) {
        let (sender, events) = mpsc::unbounded_channel();
        let lanes = Self {
            loader: Arc::new(loader),
            max_parallel_jobs,
            permits: Arc::new(Semaphore::new(max_parallel_jobs)),
            lanes: HashMap::new(),
            events: sender,
        };
        (lanes, events)
    }

    /// Puts a batch at the end of its lane. The queue has no bound of its own: what waits in it holds a lease of the
    /// memory budget.
    pub(in crate::pipeline) fn put(&mut self, work: StreamBatch) {
        let key = LaneKey::of(&work);
        let lane = self.lanes.entry(key).or_insert_with_key(|key| {
            let (sender, batches) = mpsc::unbounded_channel();
            let lane = Lane {
                loader: Arc::clone(&self.loader),
                permits: Arc::clone(&self.permits),
                width: Arc::new(Semaphore::new(key.width(self.max_parallel_jobs))),
                is_ordered: matches!(key, LaneKey::Object(_)),
                events: self.events.clone(),
            };
            tokio::spawn(lane.run(batches));
            sender
        });
        // The lane's task ends only when this sender is dropped.
        let _ = lane.send(work);
    }
}

struct Lane {
    loader: Arc<Loader>,
    permits: Arc<Semaphore>,
    width: Arc<Semaphore>,
    is_ordered: bool,
    events: mpsc::UnboundedSender<Event>,
}

impl Lane {
    async fn run(self, mut batches: mpsc::UnboundedReceiver<StreamBatch>) {
        let mut before: Option<oneshot::Receiver<()>> = None;
        while let Some(work) = batches.recv().await {
            let Some(permits) = self.permits().await else { break };
            let (done, next) = oneshot::channel();
            let turn = if self.is_ordered { before.replace(next) } else { None };
            let StreamBatch { stream, plan, batch } = work;
            let (loader, events) = (Arc::clone(&self.loader), EventSender::new(stream, self.events.clone()));
            tokio::spawn(async move {
                let load = {
                    let events = events.clone();
                    tokio::spawn(async move { loader.load(&plan, batch, turn, &events).await })
                };
                let outcome = load.await.unwrap_or_else(|_| Err(LoadError::Failed(Error::panic())));
                drop(permits);
                if outcome.is_ok() {
                    // The next job of the lane may take effect now. After a failure it may not.
                    let _ = done.send(());
                }
                events.send(EventKind::Ended(outcome));
            });
        }
    }

    /// The right to have a job under way; none when the sync has been halted.
    async fn permits(&self) -> Option<[OwnedSemaphorePermit; 2]> {
        let both = async {
            let width = Arc::clone(&self.width).acquire_owned().await.ok()?;
            let all = Arc::clone(&self.permits).acquire_owned().await.ok()?;
            Some([width, all])
        };
        tokio::select! {
            () = self.loader.halt.cancelled() => None,
            permits = both => permits,
        }
    }
}
