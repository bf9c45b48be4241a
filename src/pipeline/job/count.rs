//! A dry run's way of a batch: its rows are counted and shown, and no job is made of them.

mod rows;
mod samples;
mod tally;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use super::RejectionReasons;
use super::batch_loader::BatchLoader;
use super::event::{EventKind, EventSender, LoadError, SettledRecords};
use super::local_rejections::store_local_rejections;
use super::turn::{Start, TurnOutcome};
use crate::pipeline::batch::{Batch, RowOutcomes};
use crate::pipeline::prepare::{Claim, StreamPlan};
use salesforce::Operation;

pub(crate) use samples::Samples;
pub(crate) use tally::{StreamTally, Tally};

/// Counts batches. Each has the end that its job would have, as far as that can be known without sending it.
pub(crate) struct Counter {
    tally: Arc<Tally>,
    samples: Samples,
    halt: CancellationToken,
}

impl Counter {
    pub(crate) fn new(tally: Arc<Tally>, samples: Samples) -> Self {
        Self { tally, samples, halt: CancellationToken::new() }
    }

    async fn count(
        &self,
        plan: &StreamPlan,
        mut batch: Batch,
        mut start: Start,
        events: &EventSender,
    ) -> Result<(), LoadError> {
        if start.turn.wait(Duration::MAX, None, &self.halt).await != TurnOutcome::Come {
            return Err(LoadError::Halted);
        }
        let stream = events.stream();
        self.samples.show(stream, plan, &batch).await;
        let mut reasons = RejectionReasons::default();
        store_local_rejections(None, &batch.local_rejections, &mut reasons).await?;
        let counted = StreamTally { reasons: reasons.clone(), ..counted(plan, &batch) };
        let segments = batch.settle(RowOutcomes::default(), None);
        self.tally.add(stream, &counted);
        events.send(EventKind::Settled(SettledRecords { segments, reasons, skipped: 0 }));
        Ok(())
    }
}

impl BatchLoader for Counter {
    fn claim(&self) -> BoxFuture<'_, Claim> {
        Box::pin(std::future::ready(Claim::none()))
    }

    fn load<'a>(
        &'a self,
        plan: &'a StreamPlan,
        batch: Batch,
        start: Start,
        events: &'a EventSender,
    ) -> BoxFuture<'a, Result<(), LoadError>> {
        Box::pin(self.count(plan, batch, start, events))
    }

    fn skip(&self, stream: usize) {
        self.tally.add(stream, &StreamTally { records: 1, skipped: 1, ..StreamTally::default() });
    }

    fn halt(&self) -> &CancellationToken {
        &self.halt
    }
}

/// What a job of the batch would do.
fn counted(plan: &StreamPlan, batch: &Batch) -> StreamTally {
    let rows = batch.rows();
    let records = batch.origins.records_by_segment().values().sum::<u64>();
    let mut counted = StreamTally {
        records: records + batch.local_rejections.len() as u64,
        merged: records - rows,
        ..StreamTally::default()
    };
    counted.add_job(rows);
    match plan.job.operation {
        Operation::Insert => counted.created = rows,
        Operation::Update => counted.updated = rows,
        Operation::Delete | Operation::HardDelete => counted.deleted = rows,
        Operation::Upsert => counted.created_or_updated = rows,
    }
    counted
}
