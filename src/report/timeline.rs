//! The timeline: what the time went into, as a bar for the sync and one for each job.

use std::time::Duration;

use super::figures::{Counted, Lasting, Number, Percent};
use super::html::Html;
use super::model::{Fate, JobStory, Jobs, Phase, SearchStory, SyncReport};
use salesforce::Operation;

/// About how many marks the axis has.
const MARKS: u32 = 5;

/// The distances of marks.
const STEPS_IN_MILLISECONDS: [u64; 27] = [
    10,
    20,
    50,
    100,
    200,
    500,
    1_000,
    2_000,
    5_000,
    10_000,
    15_000,
    30_000,
    60_000,
    120_000,
    300_000,
    600_000,
    900_000,
    1_800_000,
    3_600_000,
    7_200_000,
    10_800_000,
    21_600_000,
    43_200_000,
    86_400_000,
    172_800_000,
    432_000_000,
    864_000_000,
];

/// The width below which a bar could not be seen, in percent.
const MIN_WIDTH: f64 = 0.25;

/// The times of the page, from the start of the sync to its end.
struct Scale(Duration);

impl Scale {
    fn percent(&self, time: Duration) -> f64 {
        time.as_secs_f64() / self.0.as_secs_f64().max(0.001) * 100.0
    }

    /// The distance of the marks of the axis.
    fn step(&self) -> Duration {
        let wanted = self.0 / MARKS;
        let steps = STEPS_IN_MILLISECONDS.into_iter().map(Duration::from_millis);
        steps.into_iter().find(|step| *step >= wanted).unwrap_or(wanted).max(Duration::from_millis(1))
    }
}

pub(super) fn section(html: &mut Html, report: &SyncReport) {
    let (jobs, scale) = (&report.jobs, Scale(report.length));
    html.markup("<section>\n<h2>What the time went into</h2>\n");
    summary(html, report);
    legend(html, report);
    html.markup("<div class=\"timeline\" style=\"--step:").text(Percent(scale.percent(scale.step()))).markup("\">\n");
    axis(html, &scale);
    sync_row(html, report, &scale);
    for (index, stream) in report.streams.iter().enumerate() {
        let of_stream = rows(jobs, index);
        if of_stream.is_empty() {
            continue;
        }
        html.markup("<h3>").text(&stream.name);
        if let Some(target) = &stream.target {
            html.markup(" <small>").text(&target.object).markup(", ").text(target.operation).markup("</small>");
        }
        html.markup("</h3>\n");
        let operation = stream.target.as_ref().map(|target| target.operation);
        for row in of_stream {
            match row {
                Row::Job(job) => job_row(html, job, operation, &scale),
                Row::Search(search) => search_row(html, search, &scale),
            }
        }
    }
    html.markup("</div>\n");
    if jobs.others > 0 {
        html.markup("<p class=\"note\">The ")
            .text(Number(jobs.shown.len() as u64))
            .markup(" longest jobs are shown. ")
            .text(Counted(jobs.others, "shorter one"))
            .markup(" with ")
            .text(Counted(jobs.other_rows, "row"))
            .markup(" are left out here; the sums above have them.</p>\n");
    }
    if jobs.other_searches > 0 {
        html.markup("<p class=\"note\">The ")
            .text(Number(jobs.searches.len() as u64))
            .markup(" longest searches are shown. ")
            .text(Counted(jobs.other_searches, "shorter one"))
            .markup(" are left out here; the sums above have them.</p>\n");
    }
    html.markup("</section>\n");
}

/// A row of the timeline.
enum Row<'r> {
    Job(&'r JobStory),
    Search(&'r SearchStory),
}

/// The jobs and searches of a stream, in the order in which they began.
fn rows(jobs: &Jobs, stream: usize) -> Vec<Row<'_>> {
    let of_jobs = jobs.shown.iter().filter(|job| job.stream == stream).map(|job| (job.began, Row::Job(job)));
    let searches = jobs.searches.iter().filter(|search| search.stream == stream);
    // A batch waits for its turn first. The job before it began earlier than its search.
    let searches = searches.map(|search| (search.started, Row::Search(search)));
    let mut rows: Vec<_> = of_jobs.chain(searches).collect();
    rows.sort_by_key(|(began, _)| *began);
    rows.into_iter().map(|(_, row)| row).collect()
}

/// Sentences that name the largest parts.
fn summary(html: &mut Html, report: &SyncReport) {
    let jobs = &report.jobs;
    html.markup("<p>Of ")
        .text(Lasting(report.length))
        .markup(", ")
        .text(Lasting(jobs.prepared))
        .markup(" passed before the first record could be read, and ")
        .text(Lasting(jobs.without_job))
        .markup(" after that without a job")
        .markup(if has_searches(jobs) { " or a search" } else { "" })
        .markup(": there the sync waited for records. The times of jobs are added up; jobs may overlap.</p>\n");
}

/// The parts of the sync and those of a job, with their sums.
fn legend(html: &mut Html, report: &SyncReport) {
    html.markup("<ul class=\"legend\">\n<li>The sync:</li>\n");
    for (class, name, (from, to)) in parts_of_sync(report) {
        legend_item(html, class, name, to.saturating_sub(from));
    }
    html.markup("</ul>\n<ul class=\"legend\">\n<li>Jobs:</li>\n");
    for phase in Phase::ALL.into_iter().filter(|phase| *phase != Phase::Search || has_searches(&report.jobs)) {
        legend_item(html, class(phase), name(phase), report.jobs.totals.of(phase));
    }
    html.markup("</ul>\n");
}

/// Most syncs look for no records.
fn has_searches(jobs: &Jobs) -> bool {
    !jobs.searches.is_empty()
}

fn legend_item(html: &mut Html, class: &'static str, name: &'static str, length: Duration) {
    html.markup("<li><span class=\"swatch ").markup(class).markup("\"></span>").markup(name).markup(" <b>");
    html.text(Lasting(length)).markup("</b></li>\n");
}

fn parts_of_sync(report: &SyncReport) -> [(&'static str, &'static str, (Duration, Duration)); 3] {
    let jobs = &report.jobs;
    [
        ("prepare", "Preparing", (Duration::ZERO, jobs.prepared)),
        ("read", "Reading records", (jobs.prepared, jobs.input_ended)),
        ("rest", "Loading what was read", (jobs.input_ended, report.length)),
    ]
}

fn class(phase: Phase) -> &'static str {
    match phase {
        Phase::Search => "search",
        Phase::Upload => "upload",
        Phase::Wait => "wait",
        Phase::Run => "run",
        Phase::Results => "results",
    }
}

fn name(phase: Phase) -> &'static str {
    match phase {
        Phase::Search => "Searching",
        Phase::Upload => "Upload",
        Phase::Wait => "Waiting for its turn",
        Phase::Run => "Running in Salesforce",
        Phase::Results => "Reading results",
    }
}

fn axis(html: &mut Html, scale: &Scale) {
    html.markup("<div class=\"job axis\"><div></div><svg width=\"100%\" height=\"16\" aria-hidden=\"true\">");
    let step = scale.step();
    let marks = (0..=MARKS).map(|mark| step * mark);
    // A mark at the very end would leave the page.
    for time in marks.filter(|time| scale.percent(*time) < 92.0) {
        html.markup("<text y=\"12\" x=\"").text(Percent(scale.percent(time))).markup("\">");
        html.text(Lasting(time)).markup("</text>");
    }
    html.markup("</svg></div>\n");
}

/// A bar of a track, with its name and times for a reader who points at it.
fn bar(html: &mut Html, scale: &Scale, class: &'static str, name: &'static str, (from, to): (Duration, Duration)) {
    let (left, right) = (scale.percent(from), scale.percent(to));
    if to <= from {
        return;
    }
    let width = (right - left).max(MIN_WIDTH);
    html.markup("<rect y=\"1\" height=\"12\" class=\"").markup(class).markup("\" x=\"");
    html.text(Percent(left.min(100.0 - width))).markup("\" width=\"").text(Percent(width)).markup("\"><title>");
    html.markup(name).markup(": ").text(Lasting(to.saturating_sub(from))).markup(", from ").text(Lasting(from));
    html.markup(" to ").text(Lasting(to)).markup("</title></rect>");
}

fn sync_row(html: &mut Html, report: &SyncReport, scale: &Scale) {
    html.markup("<div class=\"job\"><div class=\"label\">The sync</div>");
    html.markup("<svg class=\"track\" width=\"100%\" height=\"14\" role=\"img\" aria-label=\"The sync\">");
    for (class, name, span) in parts_of_sync(report) {
        bar(html, scale, class, name, span);
    }
    html.markup("</svg></div>\n");
}

/// A job. If it does something else than its stream, such as to delete, the row says so.
fn job_row(html: &mut Html, job: &JobStory, usual: Option<Operation>, scale: &Scale) {
    html.markup("<div class=\"job\"><div class=\"label\"><code>").text(&job.id).markup("</code> <span>");
    if usual != Some(job.operation) {
        html.text(job.operation).markup(", ");
    }
    html.text(Counted(job.rows, "row"));
    if let Some(failed) = job.failed.filter(|failed| *failed > 0) {
        html.markup(", <em>").text(Number(failed)).markup(" failed</em>");
    }
    html.markup(fate(job.fate)).markup("</span></div>");
    html.markup("<svg class=\"track\" width=\"100%\" height=\"14\" role=\"img\" aria-label=\"")
        .text(job.operation)
        .markup(", ")
        .text(Lasting(job.length(scale.0)))
        .markup("\">");
    for (phase, from, to) in job.phases(scale.0) {
        bar(html, scale, class(phase), name(phase), (from, to));
    }
    html.markup("</svg></div>\n");
}

/// The search for the records of a batch.
fn search_row(html: &mut Html, search: &SearchStory, scale: &Scale) {
    html.markup("<div class=\"job\"><div class=\"label\">Search <span>for the records of ");
    html.text(Counted(search.rows, "row")).markup("</span></div>");
    html.markup("<svg class=\"track\" width=\"100%\" height=\"14\" role=\"img\" aria-label=\"search, ")
        .text(Lasting(search.length(scale.0)))
        .markup("\">");
    for (phase, from, to) in search.phases(scale.0) {
        bar(html, scale, class(phase), name(phase), (from, to));
    }
    html.markup("</svg></div>\n");
}

fn fate(fate: Fate) -> &'static str {
    match fate {
        Fate::Complete => "",
        Fate::NotClosed => ", <em>not closed</em>",
        Fate::Unknown => ", <em>its end is not known</em>",
        Fate::Failed => ", <em>ended as failed</em>",
        Fate::Aborted => ", <em>aborted</em>",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_axis_has_a_handful_of_marks() {
        for milliseconds in [0, 1, 40, 700, 3_000, 65_000, 800_000, 7_000_000, 90_000_000, 9_000_000_000] {
            let scale = Scale(Duration::from_millis(milliseconds));
            let marks = scale.0.as_secs_f64() / scale.step().as_secs_f64();
            assert!(marks <= f64::from(MARKS) + 0.01, "{milliseconds} ms have {marks} marks");
        }
        assert_eq!(Scale(Duration::from_secs(70)).step(), Duration::from_secs(15));
    }
}
