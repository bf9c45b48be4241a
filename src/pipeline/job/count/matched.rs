//! Counts a batch whose records are found by other fields than their ids. Its rows become those that a sync would send.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use super::known::Record;
use super::lookup::{KeyCells, Lookup, RequestCount};
use super::outcome::{Fate, RowCount};
use super::revised::{RevisedMatches, is_unclear};
use super::writes::Written;
use super::{Counter, StreamTally, records};
use crate::budget::Budget;
use crate::convert::{raw_cells, text};
use crate::matching::MatchPlan;
use crate::pipeline::batch::{Batch, RowOutcomes};
use crate::pipeline::job::entered::JobJournal;
use crate::pipeline::job::event::{EventKind, EventSender, SettledRecords};
use crate::pipeline::job::local_rejections::store_local_rejections;
use crate::pipeline::job::matched::{Rewriter, Rewritten};
use crate::pipeline::prepare::StreamPlan;
use airbyte::Result;

impl Counter {
    pub(super) async fn count_matched(
        &self,
        plan: &StreamPlan,
        matching: &MatchPlan,
        batch: Batch,
        events: &EventSender,
    ) -> Result<()> {
        let requests = RequestCount::default();
        let lookup = Lookup::new(matching.clone(), plan.job.operation);
        let matches = self.find(matching, &batch, &requests).await?;
        let revised = RevisedMatches { matches: &matches, known: &self.known, way: lookup.way };
        // There is neither a journal nor a bucket.
        let journal = JobJournal::new(None, Budget::new(0));
        let (of_found, of_missing) = (plan.of_found(), plan.of_missing());
        let search =
            StreamTally { records: records(&batch), search_requests: requests.get(), ..StreamTally::default() };
        self.tally.add(events.stream(), &search);
        // A sync looks again for the records of later rows, which the rows before them may have created.
        let mut waiting = VecDeque::from([batch]);
        while let Some(mut batch) = waiting.pop_front() {
            let rows = batch.take_rows();
            let rewriter = Rewriter::new(plan, matching, &batch, &revised);
            let (Rewritten { written, created, later, mut settled }, parts) =
                rewriter.rewrite(rows, &journal, None).await?;
            store_local_rejections(None, &batch.local_rejections, &mut settled.reasons).await?;
            batch.local_rejections.iter().for_each(|record| settled.add(record.origin.segment, 0, 1));
            drop(batch);
            let (skipped, reasons) = (settled.skipped, settled.reasons.clone());
            self.tally.add(events.stream(), &StreamTally { skipped, reasons, ..StreamTally::default() });
            let events = events.with_parts(Arc::new(Mutex::new(parts)));
            let (segments, reasons, skipped) = (settled.segments(), settled.reasons, settled.skipped);
            events.send(EventKind::Settled(SettledRecords { segments, reasons, skipped }));
            for batch in written {
                self.samples.show(events.stream(), &of_found, &batch).await;
                let counted = self.count_found(&lookup, &batch);
                self.settle(batch, counted, &events).await?;
            }
            if let Some(batch) = created {
                self.samples.show(events.stream(), &of_missing, &batch).await;
                let counted = self.count_missing(&lookup, &batch);
                self.settle(batch, counted, &events).await?;
            }
            waiting.extend(later);
        }
        Ok(())
    }

    /// Counts rows with the ids of records.
    fn count_found(&self, lookup: &Lookup, batch: &Batch) -> (StreamTally, RowOutcomes) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut rows = RowCount::of(batch);
        let writes = self.ways.written_by(&lookup.plan.object, Some(lookup.way), batch);
        for (row, csv) in batch.csv_rows().enumerate() {
            // The id is the first cell.
            let id = raw_cells(&csv).next().map(text).unwrap_or_default();
            let fate = match lookup.deletes() {
                _ if is_unclear(&id) => {
                    writes.note(&csv, Written::Unknown, &mut known);
                    Fate::Unclear
                }
                Some(gone) => {
                    known.delete(Record::of_id(&id), gone);
                    Fate::Deleted
                }
                None => {
                    writes.note(&csv, Written::Existing(Record::of_id(&id)), &mut known);
                    Fate::Updated
                }
            };
            rows.add(row, &csv, fate);
        }
        rows.finish_job()
    }

    /// Counts rows whose records are not there.
    fn count_missing(&self, lookup: &Lookup, batch: &Batch) -> (StreamTally, RowOutcomes) {
        let keys = KeyCells::new(&lookup.plan, batch);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut rows = RowCount::of(batch);
        let writes = self.ways.written_by(&lookup.plan.object, Some(lookup.way), batch);
        for (row, csv) in batch.csv_rows().enumerate() {
            if let Some(key) = keys.key(&lookup.plan, &csv) {
                let record = known.create(lookup.way, key);
                writes.note(&csv, Written::New(record), &mut known);
            }
            rows.add(row, &csv, Fate::Created);
        }
        rows.finish_job()
    }
}
