//! A dry run's way of a batch: its rows are looked up, counted and shown, and no job is made of them.

mod known;
mod lookup;
mod matched;
mod outcome;
mod recycled;
mod revised;
mod samples;
mod tally;
mod writes;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use super::batch_loader::BatchLoader;
use super::event::{EventKind, EventSender, LoadError, SettledRecords};
use super::local_rejections::store_local_rejections;
use super::matched::BatchKeys;
use super::turn::{Start, TurnOutcome};
use super::waits::Waits;
use crate::convert::RowKind;
use crate::matching::{MatchPlan, Matches, OrgRecords, QuerySizes, find_records};
use crate::pipeline::batch::{Batch, RowOutcomes};
use crate::pipeline::prepare::{Claim, StreamPlan};
use airbyte::Result;
use known::KnownChanges;
use lookup::{Fates, Lookup, RequestCount};
use outcome::{Fate, RowCount};
use recycled::recycled;
use revised::RevisedMatches;
use salesforce::{Operation, Org};
use writes::Written;

pub(crate) use known::KNOWN_BYTES;
pub(crate) use samples::Samples;
pub(crate) use tally::{StreamTally, Tally};
pub(crate) use writes::Ways;

/// Counts batches. Each has the end that its job would have, as far as that can be known without sending it.
pub(crate) struct Counter {
    org: Org,
    tally: Arc<Tally>,
    samples: Samples,
    /// What the batches before have changed. One batch is counted at a time.
    known: Mutex<KnownChanges>,
    ways: Ways,
    waits: Waits,
    halt: CancellationToken,
    query_sizes: QuerySizes,
}

impl Counter {
    pub(crate) fn new(org: Org, tally: Arc<Tally>, samples: Samples, ways: Ways) -> Self {
        let (known, halt) = (Mutex::default(), CancellationToken::new());
        Self { org, tally, samples, known, ways, waits: Waits::of_sync(), halt, query_sizes: QuerySizes::default() }
    }

    async fn count(
        &self,
        plan: &StreamPlan,
        batch: Batch,
        mut start: Start,
        events: &EventSender,
    ) -> Result<(), LoadError> {
        if start.turn.wait(Duration::MAX, None, &self.halt).await != TurnOutcome::Come {
            return Err(LoadError::Halted);
        }
        let count = async {
            match &plan.matching {
                Some(matching) if batch.rows() > 0 => self.count_matched(plan, matching, batch, events).await,
                _ => self.count_job(plan, batch, events).await,
            }
        };
        tokio::select! {
            biased;
            () = self.halt.cancelled() => Err(LoadError::Halted),
            counted = count => Ok(counted?),
        }
    }

    /// Counts a batch that would become one job.
    async fn count_job(&self, plan: &StreamPlan, batch: Batch, events: &EventSender) -> Result<()> {
        self.samples.show(events.stream(), plan, &batch).await;
        // They do not count: a sync sends such a batch without a search.
        let requests = RequestCount::default();
        let lookup = plan.key_lookup().filter(|_| batch.rows() > 0);
        let lookup = lookup.map(|lookup| Lookup::new(lookup, plan.job.operation));
        let writes = self.ways.written_by(&plan.job.object, lookup.as_ref().map(|lookup| lookup.way), &batch);
        let counted = match &lookup {
            Some(lookup) => {
                let matches = self.find(&lookup.plan, &batch, &requests).await?;
                let recycled = match lookup.plan.is_of_ids() {
                    true => recycled(&self.org, lookup, &batch, &matches).await,
                    false => None,
                };
                let matches = RevisedMatches { matches: &matches, known: &self.known, way: lookup.way };
                let follows_source = batch.kind == RowKind::Delete;
                let fates = Fates { lookup, matches: &matches, recycled: &recycled, follows_source, writes: &writes };
                let mut rows = RowCount::of(&batch);
                let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
                fates.of_rows(&batch, &mut known, |row, csv, fate| rows.add(row, csv, fate));
                rows.finish()
            }
            None => {
                let is_insert = plan.job.operation == Operation::Insert;
                let mut rows = RowCount::of(&batch);
                rows.add_all(if is_insert { Fate::Created } else { Fate::Unclear });
                let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
                writes.note_all(&batch, Written::Unknown, &mut known);
                rows.finish()
            }
        };
        let (counted, outcomes) = counted;
        let mut tally = StreamTally { records: records(&batch), ..counted };
        tally.add_job(batch.rows());
        self.settle(batch, (tally, outcomes), events).await
    }

    /// Settles the records of a batch, and adds its counts.
    async fn settle(
        &self,
        mut batch: Batch,
        (mut tally, outcomes): (StreamTally, RowOutcomes),
        events: &EventSender,
    ) -> Result<()> {
        store_local_rejections(None, &batch.local_rejections, &mut tally.reasons).await?;
        let segments = batch.settle(outcomes, None);
        let reasons = tally.reasons.clone();
        self.tally.add(events.stream(), &tally);
        events.send(EventKind::Settled(SettledRecords { segments, reasons, skipped: tally.skipped }));
        Ok(())
    }

    /// Finds the records that the keys of a batch name.
    async fn find(&self, matching: &MatchPlan, batch: &Batch, requests: &RequestCount) -> Result<Matches> {
        let (lease, sizes) = (batch.another_lease(), &self.query_sizes);
        let records = OrgRecords { org: &self.org, watcher: requests, lease, sizes };
        let rows = BatchKeys::new(matching, batch);
        find_records(&records, matching, &rows, &self.waits.results, batch.another_lease()).await
    }

    /// Whether changes of the run were forgotten, so that the counts may be wrong.
    pub(crate) fn has_forgotten(&self) -> bool {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).has_forgotten()
    }
}

/// How many records a batch stands for.
fn records(batch: &Batch) -> u64 {
    batch.origins.records_by_segment().values().sum::<u64>() + batch.local_rejections.len() as u64
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

    /// The counts of a batch depend on those before it.
    fn keeps_one_order(&self) -> bool {
        true
    }

    fn halt(&self) -> &CancellationToken {
        &self.halt
    }
}
