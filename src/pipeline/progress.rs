//! What the user sees of a running sync: a line per stream in the log twice a minute, a table on a terminal more often,
//! and the reasons of rejected records at the end.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::Purpose;
use super::job::{Event, EventKind, Place, RejectionReasons};
use super::rejections;
use crate::display::{Display, ProgressLine, ProgressView, Reason, StreamLine};
use airbyte::StreamName;

/// How often the log reports streams that have changed.
const LOG_INTERVAL: Duration = Duration::from_secs(30);

/// The progress of all streams.
#[derive(Debug)]
pub(super) struct Progress {
    streams: Vec<StreamProgress>,
    purpose: Purpose,
    started: Instant,
    log_due: Instant,
    /// `None` without a terminal.
    terminal_due: Option<Instant>,
    display: Display,
    /// `None` without a terminal.
    line: Option<ProgressLine>,
}

/// How many records of a stream were read, and what became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct RecordCounts {
    pub(super) read: u64,
    /// Written to Salesforce, or skipped.
    pub(super) written: u64,
    /// Those of `written` that needed no write.
    pub(super) skipped: u64,
    pub(super) rejected: u64,
    /// Values that were cut to the length of their field.
    pub(super) truncated: u64,
}

impl RecordCounts {
    /// How many records are written or rejected.
    pub(super) fn settled(&self) -> u64 {
        self.written + self.rejected
    }
}

/// What the progress of one stream is besides the counts of its records.
#[derive(Debug)]
struct StreamProgress {
    name: StreamName,
    purpose: Purpose,
    /// Rows in closed jobs. A retried row counts again.
    sent: u64,
    /// Closed jobs.
    jobs: u64,
    running: BTreeMap<String, RunningJob>,
    reasons: RejectionReasons,
    last_logged: Logged,
}

#[derive(Debug)]
struct RunningJob {
    rows: u64,
    processed: u64,
}

/// What the log said last of a stream.
#[derive(Debug)]
struct Logged {
    settled: u64,
    figures: Figures,
}

/// The figures of a stream at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Figures {
    /// Records read.
    read: u64,
    /// Rows in closed jobs.
    sent: u64,
    /// Records in Salesforce.
    committed: u64,
    /// Rejected records.
    rejected: u64,
    /// Closed jobs.
    jobs: u64,
    /// The jobs that run, in words.
    running: String,
    purpose: Purpose,
}

impl Figures {
    /// The figures before the first record.
    fn none(purpose: Purpose) -> Self {
        Self { read: 0, sent: 0, committed: 0, rejected: 0, jobs: 0, running: String::new(), purpose }
    }
}

impl Progress {
    pub(super) fn new(names: impl IntoIterator<Item = StreamName>, purpose: Purpose, display: &Display) -> Self {
        let now = Instant::now();
        let streams: Vec<_> = names.into_iter().map(|name| StreamProgress::new(name, purpose)).collect();
        Self {
            purpose,
            started: now,
            log_due: now + LOG_INTERVAL,
            terminal_due: display.interval().map(|_| now),
            display: display.clone(),
            line: display.line(),
            streams,
        }
    }

    pub(super) fn apply(&mut self, event: &Event) {
        let stream = &mut self.streams[event.stream];
        match &event.kind {
            EventKind::JobStarted { job, rows } => {
                stream.jobs += 1;
                stream.sent += rows;
                stream.running.insert(job.clone(), RunningJob { rows: *rows, processed: 0 });
            }
            EventKind::JobProgressed { job, rows } => {
                if let Some(running) = stream.running.get_mut(job) {
                    running.processed = *rows;
                }
            }
            EventKind::JobEnded { job, .. } => drop(stream.running.remove(job)),
            EventKind::Settled(settled) => stream.reasons.merge(&settled.reasons),
            EventKind::SearchStarted { .. }
            | EventKind::SearchEnded
            | EventKind::JobUploaded { .. }
            | EventKind::JobLeft { .. }
            | EventKind::JobJudged { .. }
            | EventKind::BatchEnded(_) => {}
        }
    }

    pub(super) fn running_jobs(&self) -> usize {
        self.streams.iter().map(|stream| stream.running.len()).sum()
    }

    /// When the next lines are due.
    pub(super) fn due(&self) -> Instant {
        self.terminal_due.map_or(self.log_due, |terminal| terminal.min(self.log_due))
    }

    /// Logs and draws the lines that are due. `counts` has an item per stream.
    pub(super) fn publish_due(&mut self, counts: &[RecordCounts]) {
        let now = Instant::now();
        if self.log_due <= now {
            self.log_changed(counts);
            self.log_due = now + LOG_INTERVAL;
        }
        if self.terminal_due.is_some_and(|due| due <= now) {
            if let Some(line) = &self.line {
                line.show(self.display.progress_text(&self.view(counts)));
            }
            self.terminal_due = self.display.interval().map(|interval| now + interval);
        }
    }

    /// What a person sees of the progress.
    fn view(&self, counts: &[RecordCounts]) -> ProgressView {
        let elapsed = self.started.elapsed();
        let mut reasons = RejectionReasons::default();
        for stream in &self.streams {
            reasons.merge(&stream.reasons);
        }
        // A dry run has a summary of its own.
        let by_count = if self.purpose == Purpose::Sync { reasons.by_count() } else { Vec::new() };
        let running = self.streams.iter().find(|stream| !stream.running.is_empty());
        ProgressView {
            elapsed,
            rate: rows_a_second(counts.iter().map(RecordCounts::settled).sum(), elapsed),
            headings: match self.purpose {
                Purpose::Sync => ["read", "written", "rejected"],
                Purpose::DryRun => ["read", "accepted", "refused"],
            },
            streams: self
                .streams
                .iter()
                .zip(counts)
                .map(|(stream, counts)| StreamLine {
                    name: stream.name.to_string(),
                    counts: [counts.read, counts.written, counts.rejected],
                })
                .collect(),
            running: running.map(|it| format!("{} of {}", it.running_in_words(), it.name)).unwrap_or_default(),
            keeps_rejected: by_count
                .iter()
                .any(|(_, _, it)| it.examples.iter().any(|it| matches!(it.place, Place::Bucket { .. }))),
            reasons: by_count
                .iter()
                .map(|(code, field, it)| Reason {
                    code: (*code).to_owned(),
                    field: (*field).to_owned(),
                    count: it.count,
                })
                .collect(),
        }
    }

    /// Logs a line for each stream that has changed since its last line.
    fn log_changed(&mut self, counts: &[RecordCounts]) {
        for (stream, counts) in self.streams.iter_mut().zip(counts) {
            let figures = stream.figures(counts);
            if figures == stream.last_logged.figures {
                continue;
            }
            stream.log("progress", &figures, counts, stream.rows_a_second_since_last_line(counts));
            stream.last_logged = Logged { settled: counts.settled(), figures };
        }
    }

    /// Shows and logs the totals of every stream, and why records were rejected. A dry run says that in a summary of its
    /// own.
    pub(super) fn conclude(&self, counts: &[RecordCounts]) {
        if let Some(line) = &self.line {
            line.clear();
            self.display.print(&self.display.summary_text(&self.view(counts)));
        }
        let elapsed = self.started.elapsed();
        for (stream, counts) in self.streams.iter().zip(counts) {
            stream.log("stream ended", &stream.figures(counts), counts, rows_a_second(counts.settled(), elapsed));
        }
        if self.purpose == Purpose::DryRun {
            return;
        }
        for stream in &self.streams {
            // What a load stores is moved into its error file.
            rejections::log(&stream.name, &stream.reasons, !self.display.is_for_a_person());
        }
    }
}

impl Progress {
    /// The closed jobs of each stream, and why its records were rejected.
    pub(super) fn into_totals(self) -> impl Iterator<Item = (u64, RejectionReasons)> {
        self.streams.into_iter().map(|stream| (stream.jobs, stream.reasons))
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
fn rows_a_second(rows: u64, elapsed: Duration) -> u64 {
    (rows as f64 / elapsed.as_secs_f64().max(0.001)) as u64
}

impl StreamProgress {
    fn new(name: StreamName, purpose: Purpose) -> Self {
        Self {
            name,
            purpose,
            sent: 0,
            jobs: 0,
            running: BTreeMap::new(),
            reasons: RejectionReasons::default(),
            last_logged: Logged { settled: 0, figures: Figures::none(purpose) },
        }
    }

    fn log(&self, what: &str, figures: &Figures, counts: &RecordCounts, rows_a_second: u64) {
        let Figures { read, sent, committed, rejected, jobs, running, purpose } = figures;
        let RecordCounts { skipped, truncated, .. } = counts;
        match purpose {
            Purpose::Sync => tracing::info!(
                stream = %self.name, read, sent, committed, skipped, rejected, truncated, jobs, %running, rows_a_second,
                "{what}"
            ),
            Purpose::DryRun => tracing::info!(
                stream = %self.name, read, accepted = committed, skipped, refused = rejected, truncated, rows_a_second,
                "dry run, {what}"
            ),
        }
    }

    fn rows_a_second_since_last_line(&self, counts: &RecordCounts) -> u64 {
        (counts.settled() - self.last_logged.settled) / LOG_INTERVAL.as_secs()
    }

    fn figures(&self, counts: &RecordCounts) -> Figures {
        Figures {
            read: counts.read,
            sent: self.sent,
            committed: counts.written - counts.skipped,
            rejected: counts.rejected,
            jobs: self.jobs,
            running: self.running_in_words(),
            purpose: self.purpose,
        }
    }

    /// The oldest running job, and how many others run.
    fn running_in_words(&self) -> String {
        let mut running = self.running.iter();
        let Some((job, RunningJob { rows, processed })) = running.next() else { return "no job".to_owned() };
        match running.count() {
            0 => format!("job {job} at {processed} of {rows} rows"),
            others => format!("job {job} at {processed} of {rows} rows, and {others} more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::job::{Example, SettledRecords};
    use super::*;

    #[test]
    fn the_figures_say_how_far_the_running_job_is() {
        let name = StreamName { namespace: None, name: "s".into() };
        let counts = RecordCounts { read: 200, written: 90, skipped: 30, rejected: 7, truncated: 2 };
        let mut progress = Progress::new([name], Purpose::Sync, &Display::hidden());
        let mut apply = |kind| progress.apply(&Event { stream: 0, at: Instant::now(), kind });
        apply(EventKind::JobStarted { job: "7501".into(), rows: 100 });
        apply(EventKind::JobStarted { job: "7502".into(), rows: 50 });
        apply(EventKind::JobProgressed { job: "7501".into(), rows: 40 });
        let mut reasons = RejectionReasons::default();
        reasons.add_records("INVALID_EMAIL_ADDRESS", "Email", 1, || None);
        apply(EventKind::Settled(SettledRecords { segments: Vec::new(), reasons, skipped: 0 }));
        let figures = progress.streams[0].figures(&counts);
        assert_eq!((figures.read, figures.sent, figures.jobs), (200, 150, 2));
        assert_eq!((figures.committed, figures.rejected), (60, 7), "a skipped one is not committed");
        assert_eq!(figures.running, "job 7501 at 40 of 100 rows, and 1 more");
        assert_eq!(progress.streams[0].reasons.by_count().len(), 1);

        let ended = |job: &str| EventKind::JobEnded { job: job.into(), end: Some(salesforce::JobEnd::Complete) };
        progress.apply(&Event { stream: 0, at: Instant::now(), kind: ended("7501") });
        assert_eq!(progress.streams[0].figures(&counts).running, "job 7502 at 0 of 50 rows");
        assert_eq!(progress.running_jobs(), 1);
        progress.apply(&Event { stream: 0, at: Instant::now(), kind: ended("7502") });
        assert_eq!(progress.streams[0].figures(&counts).running, "no job");
    }

    #[test]
    fn the_running_jobs_of_all_streams_are_counted() {
        let names = ["a", "b"].map(|name| StreamName { namespace: None, name: name.into() });
        let mut progress = Progress::new(names, Purpose::Sync, &Display::hidden());
        for (stream, job) in [(0, "7501"), (1, "7502"), (1, "7503")] {
            let kind = EventKind::JobStarted { job: job.into(), rows: 1 };
            progress.apply(&Event { stream, at: Instant::now(), kind });
        }
        assert_eq!(progress.running_jobs(), 3);
    }

    #[test]
    fn the_pace_of_a_line_is_that_since_the_line_before() {
        let name = StreamName { namespace: None, name: "s".into() };
        let mut progress = Progress::new([name], Purpose::Sync, &Display::hidden());
        let counts = |written, rejected| RecordCounts { written, rejected, ..RecordCounts::default() };
        for (settled, pace) in [(counts(300, 30), 11), (counts(300, 60), 1), (counts(960, 60), 22)] {
            assert_eq!(progress.streams[0].rows_a_second_since_last_line(&settled), pace);
            progress.log_changed(&[settled]);
        }
    }

    #[test]
    fn only_records_in_the_bucket_are_said_to_be_kept() {
        let stored =
            || Example { place: Place::Bucket { row: "01a2".to_owned(), object: None }, salesforce_id: String::new() };
        let (of_job, of_source) = (|| Example::of_job("750A", "003A"), || Example::of_source(1));
        for (purpose, examples, is_kept) in [
            (Purpose::Sync, vec![], false),
            (Purpose::Sync, vec![of_job()], false),
            (Purpose::Sync, vec![of_source()], false),
            (Purpose::Sync, vec![stored()], true),
            (Purpose::Sync, vec![of_source(), stored()], true),
            (Purpose::DryRun, vec![stored()], false),
        ] {
            let name = StreamName { namespace: None, name: "s".into() };
            let mut progress = Progress::new([name], purpose, &Display::hidden());
            let mut reasons = RejectionReasons::default();
            for (number, example) in examples.iter().enumerate() {
                reasons.add_records(&format!("CODE_{number}"), "", 1, || Some(example.clone()));
            }
            let kind = EventKind::Settled(SettledRecords { segments: Vec::new(), reasons, skipped: 0 });
            progress.apply(&Event { stream: 0, at: Instant::now(), kind });
            let view = progress.view(&[RecordCounts::default()]);
            assert_eq!(view.keeps_rejected, is_kept, "{purpose:?} {examples:?}");
            assert_eq!(view.reasons.len(), if purpose == Purpose::Sync { examples.len() } else { 0 });
        }
    }
}
