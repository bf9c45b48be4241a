//! What a report says about the jobs and searches of a sync, collected from their events.
//!
//! It holds a fixed number of those that are over, and those that are not.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use super::job::{Event, EventKind};
use crate::report::{Fate, JobStory, Jobs, PhaseTotals, SearchStory};
use salesforce::{JobEnd, ROWS_OF_BULK_BATCH};

/// The most jobs, and the most searches, that are shown one by one.
const MAX_SHOWN: usize = 200;

/// The longest of many. The others are only counted.
#[derive(Debug)]
struct Longest<T> {
    kept: Vec<T>,
    others: u64,
}

impl<T> Default for Longest<T> {
    fn default() -> Self {
        Self { kept: Vec::new(), others: 0 }
    }
}

impl<T> Longest<T> {
    /// Keeps one. If they are too many, returns the shortest.
    fn keep(&mut self, one: T, length: impl Fn(&T) -> Duration) -> Option<T> {
        self.kept.push(one);
        if self.kept.len() <= MAX_SHOWN {
            return None;
        }
        let (shortest, _) = self.kept.iter().enumerate().min_by_key(|(_, one)| length(one))?;
        self.others += 1;
        Some(self.kept.swap_remove(shortest))
    }
}

/// The jobs and searches of a sync.
#[derive(Debug)]
pub(super) struct History {
    began: Instant,
    prepared: Duration,
    input_ended: Option<Duration>,
    /// The jobs that are not over, by their id.
    open: HashMap<String, JobStory>,
    /// The search of each stream that is not over. A stream has one at a time.
    searching: HashMap<usize, SearchStory>,
    /// The longest of the jobs that are over.
    over: Longest<JobStory>,
    other_rows: u64,
    searches: Longest<SearchStory>,
    bulk_batches: u64,
    totals: PhaseTotals,
    /// Since when there has been neither a job nor a search; none while there is one.
    without_job_since: Option<Duration>,
    without_job: Duration,
}

impl History {
    /// Begins when the first record can be read. The sync has run since `began`.
    pub(super) fn new(began: Instant) -> Self {
        let prepared = began.elapsed();
        Self {
            began,
            prepared,
            input_ended: None,
            open: HashMap::new(),
            searching: HashMap::new(),
            over: Longest::default(),
            other_rows: 0,
            searches: Longest::default(),
            bulk_batches: 0,
            totals: PhaseTotals::default(),
            without_job_since: Some(prepared),
            without_job: Duration::ZERO,
        }
    }

    /// Notes that no more records are read.
    pub(super) fn input_ended(&mut self) {
        self.input_ended = Some(self.began.elapsed());
    }

    pub(super) fn apply(&mut self, event: &Event) {
        let at = self.since_start(event.at);
        match &event.kind {
            EventKind::SearchStarted { rows, began } => {
                self.is_busy(at);
                let (stream, rows, began) = (event.stream, *rows, self.since_start(*began));
                self.searching.insert(stream, SearchStory { stream, rows, began, started: at, over: None });
            }
            // After a failure no further batch of the stream has its turn.
            EventKind::SearchEnded | EventKind::BatchEnded(Err(_)) => self.end_search(event.stream, at),
            EventKind::JobUploaded { job, operation, rows, began } => {
                let began = self.since_start(*began);
                self.is_busy(began);
                let story = JobStory {
                    stream: event.stream,
                    id: job.clone(),
                    operation: *operation,
                    rows: *rows,
                    failed: None,
                    fate: Fate::NotClosed,
                    began,
                    uploaded: at,
                    closed: None,
                    ended: None,
                    over: None,
                };
                self.open.insert(job.clone(), story);
            }
            EventKind::JobStarted { job, rows } => {
                self.bulk_batches += rows.div_ceil(ROWS_OF_BULK_BATCH);
                if let Some(story) = self.open.get_mut(job) {
                    (story.closed, story.fate) = (Some(at), Fate::Unknown);
                }
            }
            EventKind::JobEnded { job, end } => {
                if let Some(story) = self.open.get_mut(job) {
                    story.ended = Some(at);
                    story.fate = match end {
                        None => Fate::Unknown,
                        Some(JobEnd::Complete) => Fate::Complete,
                        Some(JobEnd::Failed { .. }) => Fate::Failed,
                        Some(JobEnd::Aborted) => Fate::Aborted,
                    };
                }
            }
            EventKind::JobJudged { job, failed } => self.end(job, at, *failed),
            EventKind::JobLeft { job } => self.end(job, at, None),
            EventKind::JobProgressed { .. } | EventKind::Settled(_) | EventKind::BatchEnded(Ok(())) => {}
        }
    }

    /// What a report says about the jobs, when the sync ends.
    pub(super) fn conclude(mut self) -> Jobs {
        let now = self.began.elapsed();
        if let Some(since) = self.without_job_since {
            self.without_job += now.saturating_sub(since);
        }
        for (_, job) in std::mem::take(&mut self.open) {
            self.keep(job, now);
        }
        for (_, search) in std::mem::take(&mut self.searching) {
            self.keep_search(search, now);
        }
        let (mut shown, mut searches) = (self.over.kept, self.searches.kept);
        shown.sort_by(|one, other| (one.began, &one.id).cmp(&(other.began, &other.id)));
        searches.sort_by_key(|search| (search.began, search.started));
        Jobs {
            shown,
            others: self.over.others,
            other_rows: self.other_rows,
            searches,
            other_searches: self.searches.others,
            bulk_batches: self.bulk_batches,
            totals: self.totals,
            prepared: self.prepared,
            input_ended: self.input_ended.unwrap_or(now),
            without_job: self.without_job,
        }
    }

    fn end(&mut self, job: &str, at: Duration, failed: Option<u64>) {
        let Some(mut story) = self.open.remove(job) else { return };
        (story.over, story.failed) = (Some(at), failed);
        self.keep(story, at);
        self.may_be_idle(at);
    }

    fn end_search(&mut self, stream: usize, at: Duration) {
        let Some(mut search) = self.searching.remove(&stream) else { return };
        search.over = Some(at);
        self.keep_search(search, at);
        self.may_be_idle(at);
    }

    fn keep(&mut self, job: JobStory, now: Duration) {
        self.totals.add(job.phases(now));
        if let Some(dropped) = self.over.keep(job, |job| job.length(now)) {
            self.other_rows += dropped.rows;
        }
    }

    fn keep_search(&mut self, search: SearchStory, now: Duration) {
        self.totals.add(search.phases(now));
        self.searches.keep(search, |search| search.length(now));
    }

    /// A job or a search begins.
    fn is_busy(&mut self, at: Duration) {
        if let Some(since) = self.without_job_since.take() {
            self.without_job += at.saturating_sub(since);
        }
    }

    /// A job or a search has ended.
    fn may_be_idle(&mut self, at: Duration) {
        if self.open.is_empty() && self.searching.is_empty() {
            self.without_job_since = Some(at);
        }
    }

    fn since_start(&self, moment: Instant) -> Duration {
        moment.saturating_duration_since(self.began)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use salesforce::Operation;

    /// The events of a sync under a clock that stands still between them.
    struct Sync(History);

    impl Sync {
        fn new() -> Self {
            Self(History::new(Instant::now()))
        }

        async fn after(&mut self, seconds: u64, kind: EventKind) {
            self.of_stream(0, seconds, kind).await;
        }

        async fn of_stream(&mut self, stream: usize, seconds: u64, kind: EventKind) {
            tokio::time::advance(Duration::from_secs(seconds)).await;
            self.0.apply(&Event { stream, at: Instant::now(), kind });
        }

        /// A job or a search of a stream begins.
        async fn begin(&mut self, stream: usize, is_job: bool) {
            match is_job {
                true => self.upload(&stream.to_string(), 0).await,
                false => self.of_stream(stream, 0, EventKind::SearchStarted { rows: 1, began: Instant::now() }).await,
            }
        }

        async fn end(&mut self, stream: usize, is_job: bool) {
            let left = EventKind::JobLeft { job: stream.to_string() };
            self.of_stream(stream, 1, if is_job { left } else { EventKind::SearchEnded }).await;
        }

        /// A job that began `seconds` ago is filled.
        async fn upload(&mut self, job: &str, seconds: u64) {
            tokio::time::advance(Duration::from_secs(seconds)).await;
            let began = Instant::now() - Duration::from_secs(seconds);
            let kind = EventKind::JobUploaded { job: job.into(), operation: Operation::Insert, rows: 10, began };
            self.0.apply(&Event { stream: 0, at: Instant::now(), kind });
        }
    }

    fn started(job: &str) -> EventKind {
        EventKind::JobStarted { job: job.into(), rows: 10 }
    }

    fn ended(job: &str) -> EventKind {
        EventKind::JobEnded { job: job.into(), end: Some(JobEnd::Complete) }
    }

    fn judged(job: &str) -> EventKind {
        EventKind::JobJudged { job: job.into(), failed: Some(1) }
    }

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_of_a_job_has_four_parts() {
        let mut sync = Sync::new();
        tokio::time::advance(seconds(5)).await;
        sync.upload("750A", 1).await;
        sync.after(2, started("750A")).await;
        sync.after(3, ended("750A")).await;
        sync.after(4, judged("750A")).await;
        tokio::time::advance(seconds(7)).await;
        let jobs = sync.0.conclude();
        assert_eq!(jobs.totals, PhaseTotals([0, 1, 2, 3, 4].map(seconds)));
        let job = &jobs.shown[0];
        assert_eq!(
            (job.began, job.over, job.failed, job.fate),
            (seconds(5), Some(seconds(15)), Some(1), Fate::Complete)
        );
        assert_eq!(jobs.without_job, seconds(5 + 7), "before the first job and after the last one");
    }

    #[tokio::test(start_paused = true)]
    async fn the_input_ends_when_no_more_is_read_or_with_the_sync() {
        for (ends, expected) in [(true, 2), (false, 5)] {
            let mut history = History::new(Instant::now());
            tokio::time::advance(seconds(2)).await;
            if ends {
                history.input_ended();
            }
            tokio::time::advance(seconds(3)).await;
            assert_eq!(history.conclude().input_ended, seconds(expected));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn while_jobs_overlap_the_sync_is_not_without_one() {
        let mut sync = Sync::new();
        sync.upload("750A", 1).await;
        sync.upload("750B", 1).await;
        for kind in [started("750A"), ended("750A"), judged("750A"), started("750B"), ended("750B"), judged("750B")] {
            sync.after(1, kind).await;
        }
        assert_eq!(sync.0.conclude().without_job, Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_search_waits_and_searches_and_is_followed_by_its_job() {
        let mut sync = Sync::new();
        let began = Instant::now();
        sync.after(2, EventKind::SearchStarted { rows: 10, began }).await;
        sync.after(3, EventKind::SearchEnded).await;
        sync.upload("750A", 1).await;
        for kind in [started("750A"), ended("750A"), judged("750A")] {
            sync.after(1, kind).await;
        }
        let began = Instant::now();
        sync.after(4, EventKind::SearchStarted { rows: 10, began }).await;
        tokio::time::advance(seconds(5)).await;
        let jobs = sync.0.conclude();
        assert_eq!(jobs.totals, PhaseTotals([3 + 5, 1, 2 + 1 + 4, 1, 1].map(seconds)));
        let searches: Vec<_> = jobs.searches.iter().map(|search| (search.started, search.over)).collect();
        assert_eq!(searches, [(seconds(2), Some(seconds(5))), (seconds(13), None)]);
        assert_eq!(jobs.without_job, seconds(2 + 4), "a search is no wait for records");
    }

    #[tokio::test(start_paused = true)]
    async fn a_search_whose_batch_fails_is_over_and_of_many_the_longest_are_shown() {
        let mut sync = Sync::new();
        for number in 0..300_u64 {
            sync.after(1, EventKind::SearchStarted { rows: 1, began: Instant::now() }).await;
            sync.after(number % 10, EventKind::SearchEnded).await;
        }
        sync.after(1, EventKind::SearchStarted { rows: 1, began: Instant::now() }).await;
        sync.after(50, EventKind::BatchEnded(Err(super::super::job::LoadError::Halted))).await;
        tokio::time::advance(seconds(100)).await;
        let jobs = sync.0.conclude();
        assert_eq!((jobs.searches.len(), jobs.other_searches), (MAX_SHOWN, 101));
        assert!(jobs.searches.iter().any(|search| search.length(Duration::MAX) > seconds(49)));
        assert_eq!(jobs.totals.of(crate::report::Phase::Search), seconds(300 / 10 * 45 + 50));
    }

    #[tokio::test(start_paused = true)]
    async fn a_job_that_is_not_over_lasts_until_the_end_of_the_sync() {
        let mut sync = Sync::new();
        sync.upload("750A", 1).await;
        sync.upload("750B", 1).await;
        sync.upload("750C", 1).await;
        sync.after(1, started("750A")).await;
        sync.after(1, EventKind::JobLeft { job: "750C".into() }).await;
        tokio::time::advance(seconds(10)).await;
        let jobs = sync.0.conclude();
        let fates: Vec<_> = jobs.shown.iter().map(|job| (job.fate, job.length(seconds(15)))).collect();
        let expected = [(Fate::Unknown, seconds(15)), (Fate::NotClosed, seconds(14)), (Fate::NotClosed, seconds(3))];
        assert_eq!(fates, expected);
    }

    #[tokio::test(start_paused = true)]
    async fn of_very_many_jobs_the_longest_are_shown_and_all_are_in_the_sums() {
        let mut sync = Sync::new();
        for number in 0..1_000_u64 {
            let job = number.to_string();
            sync.upload(&job, 1).await;
            sync.after(0, started(&job)).await;
            sync.after(number % 10, ended(&job)).await;
            sync.after(0, judged(&job)).await;
        }
        let jobs = sync.0.conclude();
        assert_eq!((jobs.shown.len(), jobs.others, jobs.other_rows), (MAX_SHOWN, 800, 8_000));
        assert!(jobs.shown.iter().all(|job| job.length(Duration::ZERO) >= seconds(8)));
        assert!(jobs.shown.is_sorted_by_key(|job| job.began));
        assert_eq!(jobs.totals, PhaseTotals([0, 1_000, 0, 4_500, 0].map(seconds)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_closed_job_takes_a_bulk_batch_for_each_ten_thousand_rows() {
        for (rows, bulk_batches) in [(1, 1), (9_999, 1), (10_000, 1), (10_001, 2), (20_000, 2), (250_000, 25)] {
            let mut sync = Sync::new();
            sync.upload("750A", 1).await;
            sync.after(1, EventKind::JobStarted { job: "750A".into(), rows }).await;
            assert_eq!(sync.0.conclude().bulk_batches, bulk_batches, "{rows}");
        }
        let mut sync = Sync::new();
        sync.upload("750A", 1).await;
        sync.after(1, EventKind::JobLeft { job: "750A".into() }).await;
        assert_eq!(sync.0.conclude().bulk_batches, 0, "it was not closed");
    }

    #[tokio::test(start_paused = true)]
    async fn while_one_stream_searches_or_loads_the_end_of_another_leaves_the_sync_busy() {
        for (outer_is_job, inner_is_job) in [(false, false), (false, true), (true, false), (true, true)] {
            let mut sync = Sync::new();
            sync.begin(1, outer_is_job).await;
            for _ in 0..2 {
                sync.begin(2, inner_is_job).await;
                sync.end(2, inner_is_job).await;
                tokio::time::advance(seconds(10)).await;
            }
            sync.end(1, outer_is_job).await;
            assert_eq!(sync.0.without_job, Duration::ZERO, "{outer_is_job} {inner_is_job}");
            tokio::time::advance(seconds(3)).await;
            assert_eq!(sync.0.conclude().without_job, seconds(3), "{outer_is_job} {inner_is_job}");
        }
    }
}
