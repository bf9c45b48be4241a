//! What a report says. All times are since the start of the sync.

use std::time::Duration;

use jiff::Timestamp;

use salesforce::{Allowance, Operation};

/// A sync that has ended.
#[derive(Debug)]
pub(crate) struct SyncReport {
    /// The platform's number of the sync, if it has one.
    pub(crate) sync_id: Option<i64>,
    /// The host of the org.
    pub(crate) org: String,
    /// The beginning of the address of every object, such as `s3://acme-rejects`.
    pub(crate) storage: String,
    pub(crate) started: Timestamp,
    /// How long the sync took.
    pub(crate) length: Duration,
    /// The sentences of the error that ended it, if one did.
    pub(crate) error: Option<String>,
    /// The streams in the order of the catalog.
    pub(crate) streams: Vec<StreamStory>,
    pub(crate) jobs: Jobs,
    /// API requests that this sync made.
    pub(crate) requests: u64,
    pub(crate) api_requests: AllowanceUse,
    pub(crate) bulk_batches: AllowanceUse,
}

/// What became of a stream.
#[derive(Debug)]
pub(crate) struct StreamStory {
    pub(crate) name: String,
    /// None for a stream that is only reset.
    pub(crate) target: Option<Target>,
    pub(crate) read: u64,
    /// The skipped ones included.
    pub(crate) written: u64,
    pub(crate) rejected: u64,
    pub(crate) skipped: u64,
    /// Jobs that were closed.
    pub(crate) jobs: u64,
    /// The most frequent ones first.
    pub(crate) rejections: Vec<Rejection>,
}

/// Where a stream goes.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) object: String,
    pub(crate) operation: Operation,
}

/// Why records of a stream were rejected.
#[derive(Debug)]
pub(crate) struct Rejection {
    pub(crate) reason: String,
    /// The fields at fault; empty if none is named.
    pub(crate) field: String,
    pub(crate) count: u64,
    pub(crate) examples: Vec<RejectionExample>,
}

/// Where one of the rejected records is found.
#[derive(Debug)]
pub(crate) struct RejectionExample {
    /// Its `sf__Id`, or its `_airbyte_raw_id` where Salesforce gave none.
    pub(crate) id: String,
    /// The key of its object in the bucket.
    pub(crate) object: Option<String>,
}

/// An allowance of the org before and after the sync; none where it is not known.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct AllowanceUse {
    pub(crate) before: Option<Allowance>,
    pub(crate) after: Option<After>,
}

/// What is left of an allowance after the sync.
#[derive(Debug, Clone, Copy)]
pub(crate) enum After {
    /// The org says so.
    Reported(Allowance),
    /// What was left before, less what this sync has used: others may have used some too.
    Counted(u64),
}

/// The jobs of a sync.
#[derive(Debug, Default)]
pub(crate) struct Jobs {
    /// The jobs that are shown one by one, in the order in which they began.
    pub(crate) shown: Vec<JobStory>,
    /// How many others there are. Each of them is shorter than every job that is shown.
    pub(crate) others: u64,
    /// The rows of the others.
    pub(crate) other_rows: u64,
    /// The searches that are shown one by one, in the order in which they began.
    pub(crate) searches: Vec<SearchStory>,
    /// How many others there are. Each of them is shorter than every search that is shown.
    pub(crate) other_searches: u64,
    /// The bulk batches of all jobs.
    pub(crate) bulk_batches: u64,
    /// What all jobs together took.
    pub(crate) totals: PhaseTotals,
    /// When the first record could be read.
    pub(crate) prepared: Duration,
    /// When the last record was read.
    pub(crate) input_ended: Duration,
    /// For how long there was neither a job nor a search after that start.
    pub(crate) without_job: Duration,
}

/// How long all jobs and searches were in each phase, added up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct PhaseTotals(pub(crate) [Duration; 5]);

/// The search for the records that the rows of a batch name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SearchStory {
    /// The index of its stream.
    pub(crate) stream: usize,
    pub(crate) rows: u64,
    /// When its batch began to wait for its turn.
    pub(crate) began: Duration,
    pub(crate) started: Duration,
    /// When the records were found.
    pub(crate) over: Option<Duration>,
}

/// One job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JobStory {
    /// The index of its stream.
    pub(crate) stream: usize,
    pub(crate) id: String,
    pub(crate) operation: Operation,
    pub(crate) rows: u64,
    /// The rows that failed, if the job has said so.
    pub(crate) failed: Option<u64>,
    pub(crate) fate: Fate,
    /// When it was created.
    pub(crate) began: Duration,
    pub(crate) uploaded: Duration,
    pub(crate) closed: Option<Duration>,
    /// When Salesforce was done with it.
    pub(crate) ended: Option<Duration>,
    /// When its results were read, or when it was given up.
    pub(crate) over: Option<Duration>,
}

/// How a job ended, as far as the sync has seen it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It was not closed, so it has no effect.
    NotClosed,
    /// The sync ended before the job.
    Unknown,
    Complete,
    Failed,
    Aborted,
}

/// A part of the time of a job or a search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Search,
    Upload,
    Wait,
    Run,
    Results,
}

impl Phase {
    pub(crate) const ALL: [Self; 5] = [Self::Search, Self::Upload, Self::Wait, Self::Run, Self::Results];
}

impl JobStory {
    /// When each phase began and ended, up to `now` for a job that is not over.
    pub(crate) fn phases(&self, now: Duration) -> [(Phase, Duration, Duration); 4] {
        let over = self.over.unwrap_or(now);
        let closed = self.closed.unwrap_or(over);
        let ended = self.ended.unwrap_or(over).max(closed);
        [
            (Phase::Upload, self.began, self.uploaded),
            (Phase::Wait, self.uploaded, closed),
            (Phase::Run, closed, ended),
            (Phase::Results, ended, over.max(ended)),
        ]
    }

    /// From its creation to its end, or to `now`.
    pub(crate) fn length(&self, now: Duration) -> Duration {
        self.over.unwrap_or(now).saturating_sub(self.began)
    }
}

impl SearchStory {
    /// When each phase began and ended, up to `now` for a search that is not over.
    pub(crate) fn phases(&self, now: Duration) -> [(Phase, Duration, Duration); 2] {
        let over = self.over.unwrap_or(now).max(self.started);
        [(Phase::Wait, self.began, self.started), (Phase::Search, self.started, over)]
    }

    /// From the wait of its batch to its end, or to `now`.
    pub(crate) fn length(&self, now: Duration) -> Duration {
        self.over.unwrap_or(now).saturating_sub(self.began)
    }
}

impl PhaseTotals {
    /// Adds phases of a job or a search.
    pub(crate) fn add(&mut self, phases: impl IntoIterator<Item = (Phase, Duration, Duration)>) {
        for (phase, from, to) in phases {
            let place = Phase::ALL.into_iter().position(|other| other == phase);
            if let Some(total) = place.and_then(|place| self.0.get_mut(place)) {
                *total += to.saturating_sub(from);
            }
        }
    }

    /// How long all were in a phase.
    pub(crate) fn of(&self, phase: Phase) -> Duration {
        let totals = Phase::ALL.into_iter().zip(self.0);
        totals.into_iter().find(|(other, _)| *other == phase).map(|(_, total)| total).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_phases_of_a_job_follow_each_other_as_far_as_they_are_known() {
        let second = Duration::from_secs;
        for (closed, ended, over, expected) in [
            (Some(4), Some(9), Some(10), [4, 9, 10]),
            (Some(4), Some(9), None, [4, 9, 99]),
            (Some(4), None, Some(10), [4, 10, 10]),
            (Some(4), None, None, [4, 99, 99]),
            // It was given up, and waits no longer.
            (None, None, Some(10), [10, 10, 10]),
            (None, None, None, [99, 99, 99]),
        ] {
            let job = JobStory {
                stream: 0,
                id: String::new(),
                operation: Operation::Insert,
                rows: 1,
                failed: None,
                fate: Fate::Unknown,
                began: second(1),
                uploaded: second(2),
                closed: closed.map(second),
                ended: ended.map(second),
                over: over.map(second),
            };
            let [closed, ended, over] = expected.map(second);
            let phases = [
                (Phase::Upload, second(1), second(2)),
                (Phase::Wait, second(2), closed),
                (Phase::Run, closed, ended),
                (Phase::Results, ended, over),
            ];
            assert_eq!(job.phases(second(99)), phases, "{expected:?}");
            assert_eq!(job.length(second(99)), over - second(1), "{expected:?}");
        }
    }

    #[test]
    fn a_search_waits_before_it_starts() {
        let second = Duration::from_secs;
        for (over, expected) in [(Some(7), 7), (None, 99), (Some(2), 3)] {
            let search =
                SearchStory { stream: 0, rows: 1, began: second(1), started: second(3), over: over.map(second) };
            let phases = [(Phase::Wait, second(1), second(3)), (Phase::Search, second(3), second(expected))];
            assert_eq!(search.phases(second(99)), phases, "{over:?}");
        }
    }
}
