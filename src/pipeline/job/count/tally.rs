//! What a dry run counts.

use std::sync::{Mutex, PoisonError};

use crate::pipeline::job::RejectionReasons;
use salesforce::ROWS_OF_BULK_BATCH;

/// Creating, uploading, closing and one question for the state: no job takes fewer requests.
const LEAST_REQUESTS_OF_A_JOB: u64 = 4;

/// The counts of all streams, in the order of the catalog.
#[derive(Debug)]
pub(crate) struct Tally(Mutex<Vec<StreamTally>>);

/// What the batches of a stream would do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct StreamTally {
    /// The records of the source.
    pub(crate) records: u64,
    /// Those of them that are part of the row of a later one.
    pub(crate) merged: u64,
    /// Rows that create a record in Salesforce.
    pub(crate) created: u64,
    pub(crate) updated: u64,
    /// Rows whose record is not looked up, of which no document says which record they mean, or whose record depends on
    /// what the run writes first.
    pub(crate) unclear: u64,
    pub(crate) deleted: u64,
    /// Rows that ask for nothing.
    pub(crate) skipped: u64,
    /// Why the other records are refused.
    pub(crate) reasons: RejectionReasons,
    pub(crate) jobs: u64,
    /// The batches that Salesforce makes of the jobs.
    pub(crate) bulk_batches: u64,
    /// The API requests that find records before the jobs.
    pub(crate) search_requests: u64,
}

impl Tally {
    /// Counts of so many streams.
    pub(crate) fn new(streams: usize) -> Self {
        Self(Mutex::new(vec![StreamTally::default(); streams]))
    }

    /// Adds what a batch of a stream would do.
    pub(super) fn add(&self, stream: usize, counted: &StreamTally) {
        let mut streams = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tally) = streams.get_mut(stream) {
            tally.add(counted);
        }
    }

    /// The counts until now.
    pub(crate) fn streams(&self) -> Vec<StreamTally> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl StreamTally {
    /// How many records are refused.
    pub(crate) fn refused(&self) -> u64 {
        self.reasons.by_count().iter().map(|(_, _, reason)| reason.count).sum()
    }

    /// The counts of records and rows, each with its name.
    pub(crate) fn counts(&self) -> [(&'static str, u64); 7] {
        [
            ("to create", self.created),
            ("to update", self.updated),
            ("unclear", self.unclear),
            ("to delete", self.deleted),
            ("to skip", self.skipped),
            ("to merge", self.merged),
            ("refused", self.refused()),
        ]
    }

    /// The API requests that the jobs and the searches before them take at least.
    pub(crate) fn requests(&self) -> u64 {
        self.jobs * LEAST_REQUESTS_OF_A_JOB + self.search_requests
    }

    /// Adds a job with so many rows, if it has rows: without any, no job is made.
    pub(super) fn add_job(&mut self, rows: u64) {
        if rows > 0 {
            self.jobs += 1;
            self.bulk_batches += rows.div_ceil(ROWS_OF_BULK_BATCH);
        }
    }

    /// Adds the counts of `other`.
    pub(crate) fn add(&mut self, other: &Self) {
        let Self {
            records,
            merged,
            created,
            updated,
            unclear,
            deleted,
            skipped,
            reasons,
            jobs,
            bulk_batches,
            search_requests,
        } = other;
        self.records += records;
        self.merged += merged;
        self.created += created;
        self.updated += updated;
        self.unclear += unclear;
        self.deleted += deleted;
        self.skipped += skipped;
        self.reasons.merge(reasons);
        self.jobs += jobs;
        self.bulk_batches += bulk_batches;
        self.search_requests += search_requests;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_has_a_bulk_batch_for_each_ten_thousand_rows() {
        for (rows, jobs, bulk_batches) in [(0, 0, 0), (1, 1, 1), (10_000, 1, 1), (10_001, 1, 2), (250_000, 1, 25)] {
            let mut tally = StreamTally::default();
            tally.add_job(rows);
            assert_eq!((tally.jobs, tally.bulk_batches, tally.requests()), (jobs, bulk_batches, 4 * jobs), "{rows}");
        }
    }
}
