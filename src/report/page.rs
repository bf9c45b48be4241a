//! The whole page: head, how the sync ended, and the parts in their order.

use super::figures::{Counted, Lasting, Moment, Number};
use super::html::Html;
use super::model::SyncReport;
use super::{allowances, rejections, streams, timeline};

const STYLE: &str = include_str!("page.css");

/// The most characters of an error. Some name many streams.
const MAX_ERROR: usize = 5_000;

/// Makes the page of a sync. It loads nothing, and its policy forbids it to: not even a mistake in the escaping could
/// run a script.
pub(crate) fn page(report: &SyncReport) -> String {
    let mut html = Html::default();
    html.markup("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n")
        .markup(
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n",
        )
        .markup("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n")
        .markup(
            "<meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"robots\" content=\"noindex\">\n<title>",
        );
    title(&mut html, report);
    html.markup("</title>\n<style>\n").markup(STYLE).markup("</style>\n</head>\n<body>\n<main>\n");
    head(&mut html, report);
    tiles(&mut html, report);
    streams::section(&mut html, &report.streams);
    timeline::section(&mut html, report);
    rejections::section(&mut html, report);
    allowances::section(&mut html, report);
    html.markup("<footer>Written by destination-salesforce ").text(env!("CARGO_PKG_VERSION")).markup(
        ". All times are UTC. Of a record this page has ids, and no value.</footer>\n</main>\n</body>\n</html>\n",
    );
    html.finish()
}

fn title(html: &mut Html, report: &SyncReport) {
    match report.sync_id {
        Some(id) => html.markup("Sync ").text(id),
        None => html.markup("Sync"),
    };
    html.markup(" to ").text(&report.org);
}

fn head(html: &mut Html, report: &SyncReport) {
    html.markup("<header>\n<h1>");
    title(html, report);
    html.markup("</h1>\n");
    let ended = report.started + jiff::SignedDuration::try_from(report.length).unwrap_or_default();
    let rejected: u64 = report.streams.iter().map(|stream| stream.rejected).sum();
    match (&report.error, rejected) {
        (Some(_), _) => html.markup("<p class=\"end failed\"><strong>Failed</strong>"),
        (None, 0) => html.markup("<p class=\"end good\"><strong>Succeeded</strong>"),
        (None, _) => html.markup("<p class=\"end partly\"><strong>Succeeded with rejected records</strong>"),
    };
    html.markup(" on ").text(Moment(ended)).markup(", after ").text(Lasting(report.length)).markup(".</p>\n");
    if let Some(error) = &report.error {
        html.markup("<p class=\"error\">").cut_text(error, MAX_ERROR).markup("</p>\n");
    }
    html.markup("</header>\n");
}

/// The figures of all streams together.
fn tiles(html: &mut Html, report: &SyncReport) {
    let sum = |count: fn(&super::StreamStory) -> u64| report.streams.iter().map(count).sum::<u64>();
    let (read, written) = (sum(|stream| stream.read), sum(|stream| stream.written));
    let (rejected, skipped) = (sum(|stream| stream.rejected), sum(|stream| stream.skipped));
    html.markup("<dl class=\"tiles\">\n");
    for (name, count) in [("Records read", read), ("Written", written), ("Rejected", rejected)] {
        html.markup("<div><dt>").markup(name).markup("</dt><dd>").text(Number(count)).markup("</dd></div>\n");
    }
    if skipped > 0 {
        html.markup("<div><dt>Skipped (part of written)</dt><dd>").text(Number(skipped)).markup("</dd></div>\n");
    }
    html.markup("<div><dt>Jobs</dt><dd>").text(Number(sum(|stream| stream.jobs))).markup("</dd></div>\n");
    html.markup("<div><dt>Duration</dt><dd>").text(Lasting(report.length)).markup("</dd></div>\n</dl>\n");
    let open = read.saturating_sub(written + rejected);
    if open > 0 {
        html.markup("<p class=\"note\">It is not known whether ")
            .text(Counted(open, "record"))
            .markup(" reached Salesforce. No state covers them: the next attempt sends them again.</p>\n");
    }
}
