//! Leaves the report of a sync in the bucket when the sync has ended.

use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::history::History;
use super::job::{Place, Reason, RejectionReasons};
use super::prepare::PlannedStream;
use super::progress::RecordCounts;
use crate::rejected::{RejectedStore, SyncIdentity};
use crate::report::{After, AllowanceUse, Rejection, RejectionExample, StreamStory, SyncReport, Target, page};
use crate::stop::Stop;
use airbyte::{Error, Result, StreamName};
use salesforce::{Allowance, Limits, Org};

/// How long the last look at the allowances may take.
const TIME_FOR_LIMITS: Duration = Duration::from_secs(5);
/// How long storing a report may take.
const TIME_TO_STORE: Duration = Duration::from_secs(10);
/// The same after a request to stop: somebody waits for the end.
const TIME_TO_STORE_STOPPED: Duration = Duration::from_secs(3);

/// What the report of a sync needs from its beginning.
pub(super) struct Reporter {
    store: RejectedStore,
    org: Org,
    sync: SyncIdentity,
    began: Instant,
    limits: Limits,
    targets: Vec<Option<Target>>,
}

/// A sync that has ended.
pub(super) struct Ended {
    pub(super) outcome: Result<()>,
    /// The streams in the order of the catalog.
    pub(super) streams: Vec<EndedStream>,
    pub(super) history: History,
}

/// A stream whose sync has ended.
pub(super) struct EndedStream {
    pub(super) name: StreamName,
    pub(super) counts: RecordCounts,
    /// Closed jobs.
    pub(super) jobs: u64,
    pub(super) reasons: RejectionReasons,
}

impl Reporter {
    pub(super) fn new(
        store: RejectedStore,
        org: Org,
        (sync, began): (SyncIdentity, Instant),
        limits: Limits,
        streams: &[PlannedStream],
    ) -> Self {
        let target = |stream: &PlannedStream| {
            let job = &stream.plan.as_ref()?.job;
            Some(Target { object: job.object.clone(), operation: job.operation })
        };
        Self { store, org, sync, began, limits, targets: streams.iter().map(target).collect() }
    }

    /// Stores the report of a sync that has read records. A failure is only logged: the states have left, and the
    /// records are where they should be. Returns how the sync ended.
    pub(super) async fn leave(self, ended: Ended, stop: &Stop) -> Result<()> {
        let Ended { outcome, streams, history } = ended;
        if streams.iter().all(|stream| stream.counts.read == 0) {
            return outcome;
        }
        let error = outcome.as_ref().err();
        // The page itself can count what one job uses.
        let has_several_jobs = streams.iter().map(|stream| stream.jobs).sum::<u64>() > 1;
        let limits = self.last_limits(error.is_none() && has_several_jobs && !stop.is_requested()).await;
        let report = self.report(error, streams, history, limits);
        let time = if stop.is_requested() { TIME_TO_STORE_STOPPED } else { TIME_TO_STORE };
        let stored = tokio::select! {
            stored = timeout(time, Box::pin(self.store.put_report(page(&report)))) => stored,
            () = stop.requested_again() => return outcome,
        };
        match stored {
            Ok(Ok(key)) => tracing::info!(key, "the report of the sync is in the bucket"),
            Ok(Err(error)) => tracing::warn!("the report of the sync could not be stored: {error}"),
            Err(_) => tracing::warn!(seconds = time.as_secs(), "the report of the sync could not be stored in time"),
        }
        outcome
    }

    /// The allowances after the sync. One request, and none after a failure: the org may be the reason.
    async fn last_limits(&self, may_ask: bool) -> Limits {
        if !may_ask {
            return Limits::default();
        }
        match timeout(TIME_FOR_LIMITS, self.org.limits()).await {
            Ok(Ok(limits)) => limits,
            Ok(Err(_)) | Err(_) => Limits::default(),
        }
    }

    fn report(&self, error: Option<&Error>, streams: Vec<EndedStream>, history: History, after: Limits) -> SyncReport {
        let jobs = history.conclude();
        let before = self.limits;
        // Each answer of the org counts its requests.
        let counted = self
            .org
            .api_usage()
            .map(|usage| Allowance { max: usage.max, remaining: usage.max.saturating_sub(usage.used) });
        let batches_left = before.daily_bulk_batches.map(|before| before.remaining.saturating_sub(jobs.bulk_batches));
        SyncReport {
            sync_id: self.sync.sync_id,
            org: self.org.instance_url().host_str().unwrap_or_default().to_owned(),
            storage: self.store.address(),
            started: self.sync.started,
            length: self.began.elapsed(),
            error: error.map(|error| error.message().to_owned()),
            streams: streams
                .into_iter()
                .zip(&self.targets)
                .map(|(stream, target)| story(stream, target.clone()))
                .collect(),
            jobs,
            requests: self.org.requests(),
            api_requests: AllowanceUse {
                before: before.daily_api_requests,
                after: after.daily_api_requests.or(counted).map(After::Reported),
            },
            bulk_batches: AllowanceUse {
                before: before.daily_bulk_batches,
                after: after.daily_bulk_batches.map(After::Reported).or(batches_left.map(After::Counted)),
            },
        }
    }
}

fn story(stream: EndedStream, target: Option<Target>) -> StreamStory {
    let EndedStream { name, counts, jobs, reasons } = stream;
    let RecordCounts { read, written, rejected, skipped, .. } = counts;
    let rejections = reasons.by_count().into_iter().map(|(code, field, reason)| rejection(code, field, reason));
    let rejections = rejections.collect();
    StreamStory { name: name.to_string(), target, read, written, rejected, skipped, jobs, rejections }
}

fn rejection(code: &str, field: &str, reason: &Reason) -> Rejection {
    let example = |example: &super::job::Example| {
        let Place::Bucket { row, object } = &example.place else { return None };
        let id = if example.salesforce_id.is_empty() { row } else { &example.salesforce_id }.clone();
        Some(RejectionExample { id, object: object.clone() })
    };
    Rejection {
        reason: code.to_owned(),
        field: field.to_owned(),
        count: reason.count,
        examples: reason.examples.iter().filter_map(example).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::job::Example;

    #[test]
    fn a_skipped_record_counts_as_written() {
        let counts = RecordCounts { read: 10, written: 7, skipped: 2, rejected: 3, truncated: 0 };
        let name = StreamName { namespace: None, name: "s".to_owned() };
        let stream = EndedStream { name, counts, jobs: 4, reasons: RejectionReasons::default() };
        let StreamStory { read, written, skipped, rejected, jobs, .. } = story(stream, None);
        assert_eq!((read, written, skipped, rejected, jobs), (10, 7, 2, 3, 4));
    }

    /// An id of Salesforce leads to the record itself.
    #[test]
    fn an_example_has_the_id_of_salesforce_or_else_that_of_its_stored_row() {
        let stored = |object: Option<&str>, salesforce_id: &str| Example {
            place: Place::Bucket { row: "01a2".to_owned(), object: object.map(str::to_owned) },
            salesforce_id: salesforce_id.to_owned(),
        };
        for (examples, shown) in [
            (vec![stored(Some("rejected/1.csv"), "")], vec![("01a2", Some("rejected/1.csv"))]),
            (vec![stored(Some("rejected/1.csv"), "003A")], vec![("003A", Some("rejected/1.csv"))]),
            (vec![stored(None, "003A"), stored(None, "")], vec![("003A", None), ("01a2", None)]),
            // What is not stored cannot be looked at.
            (vec![Example::of_job("750A", "003A"), Example::of_source(1), stored(None, "")], vec![("01a2", None)]),
            (vec![], vec![]),
        ] {
            let reason = Reason { count: 7, examples, ..Reason::default() };
            let Rejection { reason, field, count, examples } = rejection("CODE", "Email", &reason);
            assert_eq!((&*reason, &*field, count), ("CODE", "Email", 7));
            let examples: Vec<_> = examples.iter().map(|it| (it.id.as_str(), it.object.as_deref())).collect();
            assert_eq!(examples, shown);
        }
    }
}
