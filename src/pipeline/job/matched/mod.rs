//! Loads a batch whose records are found by other fields than their ids.
//!
//! It waits for its turn first, because jobs before it may create or change what it looks for. Then the records are looked
//! for, and its rows become batches with plans of their own: of ids, and of records to create. They are loaded one after
//! the other in the same turn, as any batch is.

mod parts;
mod rewrite;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::Instant;

use super::event::{EventKind, EventSender, LoadError, SettledRecords};
use super::load::Loader;
use super::local_rejections::store_local_rejections;
use super::turn::{Start, TurnOutcome};
use crate::matching::{Found, KeyRows, MatchPlan, Matches, OrgRecords, RowKey, find_records};
use crate::pipeline::batch::Batch;
use crate::pipeline::prepare::{Claim, StreamPlan};
use airbyte::Result;

pub(super) use parts::Parts;
pub(super) use rewrite::{Rewriter, Rewritten};

/// What the keys of a batch name.
pub(super) trait FoundRecords: Sync {
    fn of(&self, key: RowKey) -> Found;

    /// Whether several rows may name one record.
    fn may_share_records(&self) -> bool;

    /// Whether several rows have one key, certainly or perhaps.
    fn has_alike_rows(&self) -> bool;

    /// How many keys have found a record.
    fn found(&self) -> usize;
}

impl FoundRecords for Matches {
    fn of(&self, key: RowKey) -> Found {
        Self::of(self, key)
    }

    fn may_share_records(&self) -> bool {
        Self::may_share_records(self)
    }

    fn has_alike_rows(&self) -> bool {
        Self::has_alike_rows(self)
    }

    fn found(&self) -> usize {
        Self::found(self)
    }
}

impl Loader {
    /// Loads a batch whose records are looked for first.
    pub(super) async fn load_matched(
        &self,
        plan: &StreamPlan,
        matching: &MatchPlan,
        batch: Batch,
        Start { mut turn, claim }: Start,
        events: &EventSender,
    ) -> Result<(), LoadError> {
        let mut began = Instant::now();
        if turn.wait(Duration::MAX, Some(&claim), &self.halt).await != TurnOutcome::Come {
            return Err(LoadError::Halted);
        }
        self.wait_before_search(plan, &mut turn, &claim).await?;
        let mut claim = Some(claim);
        let mut waiting = VecDeque::from([batch]);
        while let Some(mut batch) = waiting.pop_front() {
            events.send(EventKind::SearchStarted { rows: batch.rows(), began });
            let found = async {
                // What the search asks is not taken from the requests of the job.
                let queries = match &claim {
                    Some(claim) => {
                        // If nothing is left for a search, no other job may be waited for in vain.
                        claim.set_idle(true);
                        let queries = claim.of_earlier_job().await;
                        claim.set_idle(false);
                        queries
                    }
                    None => self.claim_again(&mut turn).await,
                };
                self.rewrite(plan, matching, &mut batch, &queries).await
            };
            let (rewritten, parts) = tokio::select! {
                biased;
                () = self.halt.cancelled() => return Err(LoadError::Halted),
                found = found => found?,
            };
            events.send(EventKind::SearchEnded);
            drop(batch);
            let Rewritten { written, created, later, settled } = rewritten;
            let (segments, reasons, skipped) = (settled.segments(), settled.reasons, settled.skipped);
            let events = events.with_parts(Arc::new(Mutex::new(parts)));
            events.send(EventKind::Settled(SettledRecords { segments, reasons, skipped }));
            let updates = written.into_iter().map(|batch| (plan.of_found(), batch));
            let inserts = created.into_iter().map(|batch| (plan.of_missing(), batch));
            for (plan, batch) in updates.chain(inserts) {
                self.load_rounds(&plan, batch, (&mut turn, claim.take()), &events).await?;
            }
            waiting.extend(later);
            began = Instant::now();
        }
        Ok(())
    }

    /// Finds the records of a batch, and rewrites its rows, which it has no longer. Rejected records are stored.
    async fn rewrite(
        &self,
        plan: &StreamPlan,
        matching: &MatchPlan,
        batch: &mut Batch,
        claim: &Claim,
    ) -> Result<(Rewritten, Parts)> {
        let (lease, sizes) = (batch.another_lease(), &*self.query_sizes);
        let records = OrgRecords { org: &self.org, watcher: claim, lease, sizes };
        let keys = BatchKeys::new(matching, batch);
        let matches = find_records(&records, matching, &keys, &self.waits.results, batch.another_lease()).await?;
        let mut writer = self.stores.rejected.as_ref().map(|store| store.writer(&plan.identity));
        let rows = batch.take_rows();
        let rewriter = Rewriter::new(plan, matching, batch, &matches);
        let (mut rewritten, parts) = rewriter.rewrite(rows, &self.journal, writer.as_mut()).await?;
        let settled = &mut rewritten.settled;
        store_local_rejections(writer.as_mut(), &batch.local_rejections, &mut settled.reasons).await?;
        batch.local_rejections.iter().for_each(|record| settled.add(record.origin.segment, 0, 1));
        if let Some(writer) = writer {
            writer.finish().await?;
        }
        log(plan, &matches, &rewritten);
        Ok((rewritten, parts))
    }
}

/// What became of the keys of a batch.
fn log(plan: &StreamPlan, matches: &Matches, rewritten: &Rewritten) {
    let rows = |batches: &[Batch]| batches.iter().map(Batch::rows).sum::<u64>();
    let found = rows(&rewritten.written);
    let missing = rewritten.created.as_ref().map_or(0, Batch::rows) + rows(&rewritten.later);
    let (skipped, rejected) = (rewritten.settled.skipped, rewritten.settled.rejected);
    let (stream, object, keys) = (&plan.name, &plan.job.object, matches.len());
    tracing::info!(%stream, object, keys, found, missing, skipped, rejected, "looked up records");
}

/// The values of a batch's rows that name records.
pub(super) struct BatchKeys<'b> {
    batch: &'b Batch,
    /// The position of each key field among the columns.
    columns: Vec<Option<usize>>,
}

impl<'b> BatchKeys<'b> {
    pub(super) fn new(matching: &MatchPlan, batch: &'b Batch) -> Self {
        let position = |name: &str| batch.columns.iter().position(|column| column.is_named(name));
        Self { batch, columns: matching.keys.iter().map(|key| position(&key.name)).collect() }
    }
}

impl KeyRows for BatchKeys<'_> {
    fn len(&self) -> usize {
        self.batch.origins.len()
    }

    fn keys(&self) -> Box<dyn Iterator<Item = Vec<String>> + Send + '_> {
        Box::new(self.batch.csv_rows().map(|row| {
            let cells: Vec<&[u8]> = crate::convert::raw_cells(&row).collect();
            let value = |column: &Option<usize>| {
                column
                    .and_then(|column| cells.get(column))
                    .map_or_else(String::new, |it| crate::convert::text(it).into_owned())
            };
            self.columns.iter().map(value).collect()
        }))
    }
}
