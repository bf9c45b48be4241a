//! The table of the streams.

use super::figures::{Counted, Number};
use super::html::Html;
use super::model::StreamStory;

/// The most streams that have a row. The others are added up.
const MAX_STREAMS: usize = 200;

pub(super) fn section(html: &mut Html, streams: &[StreamStory]) {
    let skips = streams.iter().any(|stream| stream.skipped > 0);
    html.markup("<section>\n<h2>Streams</h2>\n<table class=\"cards\">\n<thead><tr><th>Stream</th><th>Object</th>")
        .markup("<th>Operation</th><th class=\"n\">Read</th><th class=\"n\">Written</th><th class=\"n\">Rejected</th>");
    if skips {
        html.markup("<th class=\"n\">Skipped (part of written)</th>");
    }
    html.markup("<th class=\"n\">Jobs</th></tr></thead>\n<tbody>\n");
    for (stream, _) in streams.iter().zip(0..MAX_STREAMS) {
        html.markup("<tr><th scope=\"row\">").text(&stream.name).markup("</th><td data-label=\"Object\">");
        match &stream.target {
            Some(target) => {
                html.text(&target.object).markup("</td><td data-label=\"Operation\">").text(target.operation)
            }
            None => html.markup("none</td><td data-label=\"Operation\">reset"),
        };
        html.markup("</td>");
        counts(html, std::slice::from_ref(stream), skips);
    }
    let others = streams.get(MAX_STREAMS..).unwrap_or_default();
    if !others.is_empty() {
        html.markup("<tr><th scope=\"row\">")
            .text(Counted(others.len() as u64, "further stream"))
            .markup("</th><td data-label=\"Object\"></td><td data-label=\"Operation\"></td>");
        counts(html, others, skips);
    }
    html.markup("</tbody>\n</table>\n</section>\n");
}

/// The cells with the counts of streams, and the end of the row.
fn counts(html: &mut Html, streams: &[StreamStory], skips: bool) {
    let sum = |count: fn(&StreamStory) -> u64| Number(streams.iter().map(count).sum());
    html.markup("<td class=\"n\" data-label=\"Read\">").text(sum(|stream| stream.read)).markup("</td>");
    html.markup("<td class=\"n\" data-label=\"Written\">").text(sum(|stream| stream.written)).markup("</td>");
    html.markup("<td class=\"n\" data-label=\"Rejected\">").text(sum(|stream| stream.rejected)).markup("</td>");
    if skips {
        html.markup("<td class=\"n\" data-label=\"Skipped (part of written)\">").text(sum(|stream| stream.skipped));
        html.markup("</td>");
    }
    html.markup("<td class=\"n\" data-label=\"Jobs\">").text(sum(|stream| stream.jobs)).markup("</td></tr>\n");
}
