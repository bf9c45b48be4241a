//! When a batch is loaded: a limited number of jobs run in parallel, and jobs of one object keep the order of the
//! batches.
//!
//! A lane is a queue of batches with a task of its own. Inserts have a lane per stream. Updates, upserts and deletes of
//! one object share a lane, even if they come from several streams: while one job runs, the next one is created and
//! filled, and waits to be closed until the first has ended. A job that waits for that does not count as one of the
//! jobs that run in parallel. A dry run has one lane for all.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::batch_loader::BatchLoader;
use super::event::{Event, EventKind, EventSender, LoadError};
use super::turn::{Places, Slot, Start, Turn};
use crate::pipeline::batch::Batch;
use crate::pipeline::prepare::{BatchOnItsWay, Claim, StreamPlan};
use airbyte::Error;

/// A batch with the stream that it belongs to.
#[derive(Debug)]
pub(crate) struct StreamBatch {
    /// The index of the stream in the catalog.
    pub(crate) stream: usize,
    pub(crate) plan: Arc<StreamPlan>,
    pub(crate) batch: Batch,
    /// Dropped when the batch has ended.
    pub(crate) on_its_way: BatchOnItsWay,
}

/// The jobs of a sync.
pub(crate) struct Jobs {
    /// `None` if no stream brings records, or if no batch follows.
    lanes: Option<Lanes>,
    halt: CancellationToken,
}

impl Jobs {
    /// Jobs that `loader` runs, at most `max_parallel_jobs` in parallel, and the events of their batches. The events
    /// end when no batch follows and all batches have ended.
    pub(crate) fn new(
        loader: Arc<dyn BatchLoader>,
        max_parallel_jobs: usize,
    ) -> (Self, mpsc::UnboundedReceiver<Event>) {
        let (sender, events) = mpsc::unbounded_channel();
        let halt = loader.halt().clone();
        let lanes = Lanes {
            loader,
            max_parallel_jobs,
            places: Arc::new(Places::new(max_parallel_jobs)),
            lanes: HashMap::new(),
            events: sender,
        };
        (Self { lanes: Some(lanes), halt }, events)
    }

    /// The jobs of a sync that brings no records.
    pub(crate) fn none() -> (Self, mpsc::UnboundedReceiver<Event>) {
        (Self { lanes: None, halt: CancellationToken::new() }, mpsc::unbounded_channel().1)
    }

    /// Adds a batch to the end of its lane.
    pub(crate) fn add(&mut self, batch: StreamBatch) {
        if let Some(lanes) = &mut self.lanes {
            lanes.add(batch);
        }
    }

    /// A record of a stream is skipped, and is in no batch.
    pub(crate) fn skip(&self, stream: usize) {
        if let Some(lanes) = &self.lanes {
            lanes.loader.skip(stream);
        }
    }

    /// Takes no more batches.
    pub(crate) fn finish(&mut self) {
        self.lanes = None;
    }

    /// Closes no more jobs. Running jobs are watched to their end.
    pub(crate) fn halt(&self) {
        self.halt.cancel();
    }

    pub(crate) fn is_halted(&self) -> bool {
        self.halt.is_cancelled()
    }
}

struct Lanes {
    loader: Arc<dyn BatchLoader>,
    max_parallel_jobs: usize,
    places: Arc<Places>,
    lanes: HashMap<LaneKey, mpsc::UnboundedSender<StreamBatch>>,
    events: mpsc::UnboundedSender<Event>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum LaneKey {
    Stream(usize),
    Object(String),
    All,
}

impl LaneKey {
    fn of(batch: &StreamBatch) -> Self {
        if batch.plan.is_ordered() {
            Self::Object(batch.plan.job.object.to_ascii_lowercase())
        } else {
            Self::Stream(batch.stream)
        }
    }

    /// How many batches of the lane may be loaded in parallel. In an ordered lane, one job runs and one waits to be
    /// closed.
    fn max_batches(&self, max_parallel_jobs: usize) -> usize {
        match self {
            Self::Stream(_) => max_parallel_jobs,
            Self::Object(_) => 2,
            Self::All => 1,
        }
    }
}

impl Lanes {
    /// Adds a batch to the end of its lane. The queue is unbounded: the memory budget bounds what waits in it.
    fn add(&mut self, batch: StreamBatch) {
        let key = if self.loader.keeps_one_order() { LaneKey::All } else { LaneKey::of(&batch) };
        let lane = self.lanes.entry(key).or_insert_with_key(|key| {
            let (sender, batches) = mpsc::unbounded_channel();
            let lane = Lane {
                loader: Arc::clone(&self.loader),
                places: Arc::clone(&self.places),
                lane_permits: Arc::new(Semaphore::new(key.max_batches(self.max_parallel_jobs))),
                is_ordered: !matches!(key, LaneKey::Stream(_)),
                events: self.events.clone(),
            };
            tokio::spawn(lane.run(batches));
            sender
        });
        // This fails only if the task of the lane was halted.
        let _ = lane.send(batch);
    }
}

struct Lane {
    loader: Arc<dyn BatchLoader>,
    /// The places for jobs in progress, which all lanes share.
    places: Arc<Places>,
    /// The batches of the lane that may be loaded in parallel.
    lane_permits: Arc<Semaphore>,
    is_ordered: bool,
    events: mpsc::UnboundedSender<Event>,
}

impl Lane {
    async fn run(self, mut batches: mpsc::UnboundedReceiver<StreamBatch>) {
        let mut previous = None;
        while let Some(StreamBatch { stream, plan, batch, on_its_way }) = batches.recv().await {
            let Some((permit, slot, claim)) = self.permit(batch.rows() > 0).await else { break };
            let (done, next) = oneshot::channel();
            let turn = Turn::new(if self.is_ordered { previous.replace(next) } else { None }, slot);
            let start = Start { turn, claim };
            let (loader, events) = (Arc::clone(&self.loader), EventSender::new(stream, self.events.clone()));
            tokio::spawn(async move {
                // A task of its own turns a panic into an error.
                let load = {
                    let events = events.clone();
                    tokio::spawn(async move { loader.load(&plan, batch, start, &events).await })
                };
                let outcome = load.await.unwrap_or_else(|_| Err(LoadError::Failed(Error::panic())));
                drop((permit, on_its_way));
                if let Err(LoadError::Failed(error)) = &outcome {
                    // Only the first failure becomes the error of the sync; each may leave a job to look at.
                    tracing::error!("a batch is not settled: {error}");
                }
                if outcome.is_ok() {
                    // Only after a success may the next job of the lane be closed.
                    let _ = done.send(());
                }
                events.send(EventKind::BatchEnded(outcome));
            });
        }
    }

    /// Waits until a batch may be loaded, within the limits of the lane and of the sync. `None` if the sync is halted.
    /// Without rows a batch makes no request of the org, and needs no claim.
    async fn permit(&self, has_rows: bool) -> Option<(OwnedSemaphorePermit, Slot, Claim)> {
        let permit = async {
            let lane = Arc::clone(&self.lane_permits).acquire_owned().await.ok()?;
            let (slot, claim) = if has_rows {
                self.places.claimed(self.loader.claim()).await
            } else {
                (self.places.unclaimed().await, Claim::none())
            };
            Some((lane, slot, claim))
        };
        tokio::select! {
            () = self.loader.halt().cancelled() => None,
            permit = permit => permit,
        }
    }
}
