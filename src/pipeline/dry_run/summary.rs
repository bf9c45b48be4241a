//! What a dry run reports: what a sync would do, and what it would take.

use crate::pipeline::job::StreamTally;
use crate::pipeline::prepare::PlannedStream;
use airbyte::StreamName;
use salesforce::{Allowance, Limits, Operation};

/// One page of the org's list of jobs: whether an earlier sync left jobs that must end first.
const REQUESTS_FOR_EARLIER_JOBS: u64 = 1;

/// What only a sync can show.
pub(super) const UNKNOWN: &str =
    "what only Salesforce decides: validation rules, duplicate rules, triggers, missing parents";

/// What the counts are when changes were forgotten.
pub(super) const FORGOTTEN: &str = "the run would change more than can be remembered: a later record of the same key may be \
                                    counted as if nothing had changed";

/// A stream, and what a sync would do with it.
#[derive(Debug, Clone)]
pub(super) struct StreamSummary {
    pub(super) name: StreamName,
    /// `None` for a reset, which brings no records.
    pub(super) target: Option<Target>,
    pub(super) tally: StreamTally,
}

/// Where the records of a stream go.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) object: String,
    pub(super) operation: Operation,
}

/// What a sync would do.
#[derive(Debug, Default)]
pub(super) struct Summary {
    pub(super) streams: Vec<StreamSummary>,
    pub(super) total: StreamTally,
    /// The API requests that the jobs take at least.
    pub(super) requests: u64,
    pub(super) limits: Limits,
    /// Whether changes were forgotten. A new key that comes again then counts as created each time.
    pub(super) has_forgotten: bool,
}

impl StreamSummary {
    pub(super) fn of(stream: &PlannedStream) -> Self {
        let target = stream.plan.as_ref();
        let target = target.map(|plan| Target { object: plan.job.object.clone(), operation: plan.job.operation });
        Self { name: stream.name.clone(), target, tally: StreamTally::default() }
    }
}

impl Summary {
    pub(super) fn new(streams: &[StreamSummary], tallies: &[StreamTally], limits: Limits) -> Self {
        let mut total = StreamTally::default();
        tallies.iter().for_each(|tally| total.add(tally));
        let counted = streams.iter().zip(tallies);
        let streams: Vec<_> =
            counted.map(|(stream, tally)| StreamSummary { tally: tally.clone(), ..stream.clone() }).collect();
        let is_ordered = |target: &Target| target.operation.is_ordered();
        let waits =
            streams.iter().any(|stream| stream.tally.jobs > 0 && stream.target.as_ref().is_some_and(is_ordered));
        let requests = total.requests() + if waits { REQUESTS_FOR_EARLIER_JOBS } else { 0 };
        Self { streams, total, requests, limits, has_forgotten: false }
    }

    pub(super) fn with_forgotten(self, has_forgotten: bool) -> Self {
        Self { has_forgotten, ..self }
    }

    /// Logs everything.
    pub(super) fn log(&self) {
        for StreamSummary { name, target, tally } in &self.streams {
            let Some(Target { object, operation }) = target else { continue };
            let StreamTally {
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
                search_requests: _,
            } = tally;
            tracing::info!(
                stream = %name, object, %operation, records, created, updated, unclear, deleted, skipped, merged,
                refused = tally.refused(), jobs, bulk_batches,
                "dry run: what a sync would do"
            );
            for (reason, count) in reasons.by_code() {
                tracing::info!(stream = %name, reason, count, "dry run: refused");
            }
        }
        let StreamTally { jobs, bulk_batches, .. } = self.total;
        tracing::info!(
            jobs,
            bulk_batches,
            share_of_bulk_batches = share(bulk_batches, self.limits.daily_bulk_batches),
            requests_at_least = self.requests,
            share_of_requests = share(self.requests, self.limits.daily_api_requests),
            "dry run: what a sync would take"
        );
        if let Some(missing) = self.missing() {
            tracing::warn!("dry run: {missing}");
        }
        if self.has_forgotten {
            tracing::warn!("dry run: {FORGOTTEN}");
        }
        tracing::info!("dry run: nothing was sent, and nothing counts as done; not in the counts is {UNKNOWN}");
    }

    /// The allowance that does not suffice.
    pub(super) fn missing(&self) -> Option<String> {
        let lacks = |needed: u64, allowance: Option<Allowance>, what: &str| {
            let left = allowance?.remaining;
            (needed > left).then(|| format!("a sync would take {needed} {what}, and the org has {left} left for today"))
        };
        lacks(self.total.bulk_batches, self.limits.daily_bulk_batches, "bulk batches")
            .or_else(|| lacks(self.requests, self.limits.daily_api_requests, "API requests"))
    }

    /// The counts in one sentence without its end.
    pub(super) fn in_words(&self) -> String {
        let counts = self.total.counts().into_iter().filter(|(_, count)| *count > 0);
        let counts = counts.map(|(what, count)| format!(", {count} {what}"));
        format!("{} records{}", self.total.records, counts.collect::<String>())
    }
}

/// How much of an allowance an amount is, and what is left of it.
pub(super) fn share(amount: u64, allowance: Option<Allowance>) -> Option<String> {
    let Allowance { max, remaining } = allowance?;
    #[expect(clippy::cast_precision_loss, reason = "a share needs no more digits")]
    let percent = amount as f64 * 100.0 / max.max(1) as f64;
    let percent = if percent > 0.0 && percent < 0.1 { "less than 0.1".to_owned() } else { format!("{percent:.1}") };
    Some(format!("{percent} % of {max} a day, {remaining} left"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(operation: Option<Operation>) -> StreamSummary {
        let name = StreamName { namespace: None, name: "a".to_owned() };
        let target = operation.map(|operation| Target { object: "Contact".to_owned(), operation });
        StreamSummary { name, target, tally: StreamTally::default() }
    }

    fn tally(jobs: u64) -> StreamTally {
        StreamTally { jobs, bulk_batches: 2 * jobs, search_requests: 10 * jobs, ..StreamTally::default() }
    }

    #[test]
    fn the_first_job_that_keeps_an_order_takes_a_request_for_earlier_jobs() {
        use Operation::{Delete, HardDelete, Insert, Update, Upsert};
        for (streams, requests) in [
            (&[][..], 0),
            (&[(None, 0)], 0),
            (&[(Some(Insert), 1)], 14),
            (&[(Some(Insert), 3)], 42),
            (&[(Some(Upsert), 0)], 0),
            (&[(Some(Upsert), 1)], 15),
            (&[(Some(Update), 2)], 29),
            (&[(Some(Delete), 1)], 15),
            (&[(Some(HardDelete), 1)], 15),
            (&[(Some(Insert), 1), (Some(Upsert), 0)], 14),
            (&[(Some(Upsert), 0), (Some(Insert), 1), (Some(Update), 1)], 29),
            (&[(Some(Upsert), 1), (Some(Update), 1)], 29),
        ] {
            let (streams, tallies): (Vec<_>, Vec<_>) =
                streams.iter().map(|(operation, jobs)| (stream(*operation), tally(*jobs))).unzip();
            let summary = Summary::new(&streams, &tallies, Limits::default());
            assert_eq!(summary.requests, requests, "{streams:?} {tallies:?}");
        }
    }

    #[test]
    fn an_allowance_suffices_to_its_last_one() {
        let left = |remaining| Some(Allowance { max: 1_000, remaining });
        // An insert with two jobs takes 28 requests and 4 bulk batches.
        for (batches, requests, missing) in [
            (None, None, None),
            (left(4), left(28), None),
            (left(5), left(29), None),
            (left(3), left(28), Some("a sync would take 4 bulk batches, and the org has 3 left for today")),
            (left(4), left(27), Some("a sync would take 28 API requests, and the org has 27 left for today")),
            (None, left(0), Some("a sync would take 28 API requests, and the org has 0 left for today")),
            (left(0), None, Some("a sync would take 4 bulk batches, and the org has 0 left for today")),
            (left(3), left(27), Some("a sync would take 4 bulk batches, and the org has 3 left for today")),
        ] {
            let limits = Limits { daily_bulk_batches: batches, daily_api_requests: requests, ..Limits::default() };
            let summary = Summary::new(&[stream(Some(Operation::Insert))], &[tally(2)], limits);
            assert_eq!(summary.missing().as_deref(), missing, "{limits:?}");
        }
    }

    #[test]
    fn a_share_is_of_the_whole_allowance_and_says_what_is_left() {
        for (amount, max, remaining, shown) in [
            (0, 15_000, 7, "0.0 % of 15000 a day, 7 left"),
            (1, 15_000, 15_000, "less than 0.1 % of 15000 a day, 15000 left"),
            (15, 15_000, 1, "0.1 % of 15000 a day, 1 left"),
            (3_000, 15_000, 0, "20.0 % of 15000 a day, 0 left"),
            (30_000, 15_000, 2, "200.0 % of 15000 a day, 2 left"),
        ] {
            assert_eq!(share(amount, Some(Allowance { max, remaining })).as_deref(), Some(shown));
        }
        assert_eq!(share(1, None), None);
    }

    #[test]
    fn the_sums_of_all_streams_are_in_words_without_what_there_is_none_of() {
        let one = StreamTally { records: 5, created: 2, updated: 1, merged: 2, ..StreamTally::default() };
        let mut other =
            StreamTally { records: 4, created: 1, unclear: 1, skipped: 1, deleted: 1, ..StreamTally::default() };
        let streams = [stream(Some(Operation::Upsert)), stream(Some(Operation::Upsert))];
        let words =
            |other: &StreamTally| Summary::new(&streams, &[one.clone(), other.clone()], Limits::default()).in_words();
        let counts = "3 to create, 1 to update, 1 unclear, 1 to delete, 1 to skip, 2 to merge";
        assert_eq!(words(&other), format!("9 records, {counts}"));
        other.reasons.add_records("CODE", "", 3, || None);
        assert_eq!(words(&other), format!("9 records, {counts}, 3 refused"));
        assert_eq!(Summary::default().in_words(), "0 records");
    }
}
