//! Counts a batch whose records are found by other fields than their ids. Its rows become those that a sync would send.

use std::sync::{Arc, Mutex, PoisonError};

use super::lookup::{KeyCells, Lookup, RequestCount};
use super::outcome::{Fate, RowCount};
use super::{Counter, StreamTally, records};
use crate::budget::Budget;
use crate::config::OnMissing;
use crate::convert::{raw_cells, text};
use crate::matching::MatchPlan;
use crate::pipeline::batch::{Batch, RowOutcomes};
use crate::pipeline::job::entered::JobJournal;
use crate::pipeline::job::event::{EventKind, EventSender, SettledRecords};
use crate::pipeline::job::local_rejections::store_local_rejections;
use crate::pipeline::job::matched::{Rewriter, Rewritten};
use crate::pipeline::prepare::StreamPlan;
use airbyte::Result;

/// The code of a row whose record is not there (`RejectionCode::NoMatch`).
const NO_MATCH: &str = "NO_MATCH";

impl Counter {
    pub(super) async fn count_matched(
        &self,
        plan: &StreamPlan,
        matching: &MatchPlan,
        batch: Batch,
        events: &EventSender,
    ) -> Result<()> {
        let requests = RequestCount::default();
        let records = records(&batch);
        let matches = self.find(matching, &batch, &requests).await?;
        // There is neither a journal nor a bucket.
        let journal = JobJournal::new(None, Budget::new(0));
        let rewriter = Rewriter::new(plan, matching, &batch, &matches);
        let (Rewritten { written, created, later, mut settled }, parts) = rewriter.rewrite(&journal, None).await?;
        store_local_rejections(None, &batch.local_rejections, &mut settled.reasons).await?;
        batch.local_rejections.iter().for_each(|record| settled.add(record.origin.segment, 0, 1));
        drop(batch);
        let mut tally = StreamTally {
            records,
            skipped: settled.skipped,
            reasons: settled.reasons.clone(),
            search_requests: requests.get(),
            ..StreamTally::default()
        };
        let events = events.with_parts(Arc::new(Mutex::new(parts)));
        let (segments, reasons, skipped) = (settled.segments(), settled.reasons, settled.skipped);
        events.send(EventKind::Settled(SettledRecords { segments, reasons, skipped }));

        let lookup = Lookup::new(matching.clone(), plan.job.operation);
        let (of_found, of_missing) = (plan.of_found(), plan.of_missing());
        // The rows of each job that a sync makes.
        let mut jobs = Vec::new();
        for batch in written {
            self.samples.show(events.stream(), &of_found, &batch).await;
            let counted = self.count_found(&lookup, &batch);
            jobs.push(counted.0.created + counted.0.updated + counted.0.deleted);
            self.settle(batch, counted, &events).await?;
        }
        let created = created.into_iter().map(|batch| (batch, true));
        for (batch, is_first) in created.chain(later.into_iter().map(|batch| (batch, false))) {
            self.samples.show(events.stream(), &of_missing, &batch).await;
            let counted = self.count_missing(&lookup, &batch);
            // A sync finds those that it has created, and sends them with the others that are there.
            match jobs.first_mut().filter(|_| is_first) {
                Some(first) => *first += counted.0.updated,
                None => jobs.push(counted.0.updated),
            }
            jobs.push(counted.0.created);
            self.settle(batch, counted, &events).await?;
        }
        jobs.into_iter().for_each(|rows| tally.add_job(rows));
        self.tally.add(events.stream(), &tally);
        Ok(())
    }

    /// Counts rows with the ids of records.
    fn count_found(&self, lookup: &Lookup, batch: &Batch) -> (StreamTally, RowOutcomes) {
        let is_delete = lookup.is_delete();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut rows = RowCount::of(batch);
        for (row, csv) in batch.csv_rows().enumerate() {
            // The id is the first cell.
            let id = raw_cells(&csv).next().map(text).unwrap_or_default();
            let is_there = !lookup.is_deleted(&id, &mut known);
            rows.add(
                row,
                &csv,
                match (is_there, lookup.plan.on_missing) {
                    (true, _) if is_delete => Fate::Deleted,
                    (true, _) => Fate::Updated,
                    (false, OnMissing::Insert) => Fate::Created,
                    (false, OnMissing::Skip) => Fate::Skipped,
                    (false, OnMissing::Reject) => Fate::Refused(NO_MATCH),
                },
            );
        }
        rows.finish()
    }

    /// Counts rows whose records are not there, unless the run has created them before.
    fn count_missing(&self, lookup: &Lookup, batch: &Batch) -> (StreamTally, RowOutcomes) {
        let keys = KeyCells::new(&lookup.plan, batch);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut rows = RowCount::of(batch);
        for (row, csv) in batch.csv_rows().enumerate() {
            let fate = keys.key(&lookup.plan, &csv).map_or(Fate::Unclear, |key| lookup.create(key, &mut known));
            rows.add(row, &csv, fate);
        }
        rows.finish()
    }
}
