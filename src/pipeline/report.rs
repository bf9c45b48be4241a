//! What the sync has done so far, for the one who watches it: a line a stream in the log at an interval, the same on a
//! terminal more often, and a table of reasons at the end.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use tokio::time::Instant;

use crate::display::{Display, ProgressLine};
use crate::pipeline::intake::stream::Stream;
use crate::pipeline::job::event::{Event, EventKind};
use crate::pipeline::job::reason::RejectionReasons;

/// How often streams that have moved are reported.
const INTERVAL: Duration = Duration::from_secs(30);

/// Counts what the intake does not need for its own work.
#[derive(Debug)]
pub(in crate::pipeline) struct Report {
    streams: Vec<StreamReport>,
    started: Instant,
    /// When the log is due.
    log: Instant,
    /// When the terminal is due, where there is one.
    screen: Option<Instant>,
    display: Display,
    lines: Vec<ProgressLine>,
}

/// What is known of one stream beside its records.
#[derive(Debug, Default)]
struct StreamReport {
    /// Rows in jobs that have been closed, those included that were sent again.
    sent: u64,
    /// Jobs that have been closed.
    jobs: u64,
    running: BTreeMap<String, Running>,
    reasons: RejectionReasons,
    /// The settled records when the stream was reported last, and what the line said.
    last: (u64, Figures),
}

/// A job that runs.
#[derive(Debug)]
struct Running {
    rows: u64,
    processed: u64,
}

/// The figures of a stream at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::pipeline) struct Figures {
    /// Records that were read.
    pub(in crate::pipeline) read: u64,
    /// Rows in closed jobs.
    pub(in crate::pipeline) sent: u64,
    /// Records that are in Salesforce.
    pub(in crate::pipeline) committed: u64,
    /// Records that are rejected.
    pub(in crate::pipeline) rejected: u64,
    /// Jobs that were closed.
    pub(in crate::pipeline) jobs: u64,
    /// What runs now, in words.
    pub(in crate::pipeline) running: String,
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { read, sent, committed, rejected, jobs: _, running } = self;
        write!(f, "{read} read, {sent} sent, {committed} committed, {rejected} rejected, {running}")
    }
}

impl Report {
    /// A report of so many streams.
    pub(in crate::pipeline) fn new(streams: usize, display: &Display) -> Self {
        let now = Instant::now();
        Self {
            streams: std::iter::repeat_with(StreamReport::default).take(streams).collect(),
            started: now,
            log: now + INTERVAL,
            screen: display.interval().map(|_| now),
            display: display.clone(),
            lines: display.lines(streams),
        }
    }

    /// Takes in what happened to a batch.
    pub(in crate::pipeline) fn apply(&mut self, event: &Event) {
        let stream = &mut self.streams[event.stream];
        match &event.kind {
            EventKind::JobRuns { job, rows } => {
                stream.jobs += 1;
                stream.sent += rows;
                stream.running.insert(job.clone(), Running { rows: *rows, processed: 0 });
            }
            EventKind::JobProcessed { job, rows } => {
                if let Some(running) = stream.running.get_mut(job) {
                    running.processed = *rows;
                }
            }
            EventKind::JobEnded { job } => drop(stream.running.remove(job)),
            EventKind::Settled(settlement) => stream.reasons.merge(&settlement.reasons),
            EventKind::Ended(_) => {}
        }
    }

    /// How many jobs are running.
    pub(in crate::pipeline) fn running(&self) -> usize {
        self.streams.iter().map(|stream| stream.running.len()).sum()
    }

    /// When the next lines are due.
    pub(in crate::pipeline) fn due(&self) -> Instant {
        self.screen.map_or(self.log, |screen| screen.min(self.log))
    }

    /// Tells what is due by now.
    pub(in crate::pipeline) fn tell(&mut self, streams: &[Stream]) {
        let now = Instant::now();
        if self.log <= now {
            self.log(streams);
            self.log = now + INTERVAL;
        }
        if self.screen.is_some_and(|screen| screen <= now) {
            self.show(streams, ProgressLine::show);
            self.screen = self.display.interval().map(|interval| now + interval);
        }
    }

    fn show(&self, streams: &[Stream], how: impl Fn(&ProgressLine, String)) {
        for ((line, report), stream) in self.lines.iter().zip(&self.streams).zip(streams) {
            how(line, format!("{}: {}", stream.name, report.figures(stream)));
        }
    }

    /// Logs a line for each stream that has moved since its last one.
    fn log(&mut self, streams: &[Stream]) {
        for (report, stream) in self.streams.iter_mut().zip(streams) {
            let figures = report.figures(stream);
            let settled = stream.written + stream.rejected;
            if figures == report.last.1 {
                continue;
            }
            let rows_a_second = (settled - report.last.0) / INTERVAL.as_secs();
            log_figures("progress", stream, &figures, rows_a_second);
            report.last = (settled, figures);
        }
    }

    /// Logs the whole of every stream, and why records were rejected.
    pub(in crate::pipeline) fn conclude(&self, streams: &[Stream]) {
        self.show(streams, ProgressLine::finish);
        let seconds = self.started.elapsed().as_secs_f64();
        for (report, stream) in self.streams.iter().zip(streams) {
            let figures = report.figures(stream);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
            let rows_a_second = ((stream.written + stream.rejected) as f64 / seconds.max(0.001)) as u64;
            log_figures("stream ended", stream, &figures, rows_a_second);
        }
        for (report, stream) in self.streams.iter().zip(streams) {
            for (reason, counted) in report.reasons.by_count() {
                tracing::info!(
                    stream = %stream.name,
                    reason,
                    count = counted.count,
                    example = counted.example.as_deref().unwrap_or("none was kept"),
                    "rejected"
                );
            }
        }
    }
}

fn log_figures(what: &str, stream: &Stream, figures: &Figures, rows_a_second: u64) {
    let Figures { read, sent, committed, rejected, jobs, running } = figures;
    let truncated = stream.truncated();
    tracing::info!(
        stream = %stream.name, read, sent, committed, rejected, truncated, jobs, %running, rows_a_second, "{what}"
    );
}

impl StreamReport {
    fn figures(&self, stream: &Stream) -> Figures {
        Figures {
            read: stream.read,
            sent: self.sent,
            committed: stream.written,
            rejected: stream.rejected,
            jobs: self.jobs,
            running: self.in_words(),
        }
    }

    /// The job that has begun first of those that run, and how many others there are.
    fn in_words(&self) -> String {
        let mut running = self.running.iter();
        let Some((job, Running { rows, processed })) = running.next() else { return "no job".to_owned() };
        match running.count() {
            0 => format!("job {job} at {processed} of {rows} rows"),
            others => format!("job {job} at {processed} of {rows} rows, and {others} more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::NullHandling;
    use crate::pipeline::job::event::Settlement;
    use airbyte::StreamName;

    #[test]
    fn the_job_that_runs_is_told_with_how_far_it_is() {
        let name = StreamName { namespace: None, name: "s".into() };
        let mut stream = Stream::new(name, None, NullHandling::Ignore);
        let mut report = Report::new(1, &Display::hidden());
        let mut apply = |kind| report.apply(&Event { stream: 0, kind });
        apply(EventKind::JobRuns { job: "7501".into(), rows: 100 });
        apply(EventKind::JobRuns { job: "7502".into(), rows: 50 });
        apply(EventKind::JobProcessed { job: "7501".into(), rows: 40 });
        let mut reasons = RejectionReasons::default();
        reasons.add("INVALID_EMAIL_ADDRESS", || None);
        apply(EventKind::Settled(Settlement { segments: Vec::new(), reasons }));
        stream.read = 200;
        let figures = report.streams[0].figures(&stream);
        assert_eq!((figures.read, figures.sent, figures.jobs), (200, 150, 2));
        assert_eq!(figures.running, "job 7501 at 40 of 100 rows, and 1 more");
        assert_eq!(report.streams[0].reasons.by_count().len(), 1);

        report.apply(&Event { stream: 0, kind: EventKind::JobEnded { job: "7501".into() } });
        assert_eq!(report.streams[0].figures(&stream).running, "job 7502 at 0 of 50 rows");
        assert_eq!(report.running(), 1);
        report.apply(&Event { stream: 0, kind: EventKind::JobEnded { job: "7502".into() } });
        assert_eq!(report.streams[0].figures(&stream).running, "no job");
    }
}
