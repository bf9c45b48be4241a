//! Why records were rejected, by stream, reason and field.

use super::figures::{Counted, Number};
use super::html::Html;
use super::model::{Rejection, StreamStory, SyncReport};

/// The most rows of the table. The others are added up.
const MAX_ROWS: usize = 300;

pub(super) fn section(html: &mut Html, report: &SyncReport) {
    let of_stream = |stream| move |rejection| (stream, rejection);
    let mut rejections: Vec<(&StreamStory, &Rejection)> =
        report.streams.iter().flat_map(|stream| stream.rejections.iter().map(of_stream(stream))).collect();
    if rejections.is_empty() {
        return;
    }
    rejections.sort_by_key(|(_, rejection)| std::cmp::Reverse(rejection.count));
    html.markup("<section>\n<h2>Rejected records</h2>\n<table class=\"cards reasons\">\n<thead><tr><th>Reason</th>")
        .markup(
            "<th>Field</th><th>Stream</th><th class=\"n\">Records</th><th>Some of them</th></tr></thead>\n<tbody>\n",
        );
    for (stream, rejection) in rejections.iter().take(MAX_ROWS) {
        html.markup("<tr><th scope=\"row\">");
        match rejection.reason.as_str() {
            "" => html.markup("no code"),
            reason => html.text(reason),
        };
        html.markup("</th><td data-label=\"Field\">").text(&rejection.field).markup("</td><td data-label=\"Stream\">");
        html.text(&stream.name).markup("</td><td class=\"n\" data-label=\"Records\">").text(Number(rejection.count));
        html.markup("</td><td class=\"examples\" data-label=\"Some of them\">");
        examples(html, rejection, &report.storage);
        html.markup("</td></tr>\n");
    }
    html.markup("</tbody>\n</table>\n");
    if let Some((rest, records)) = rest(&rejections) {
        html.markup("<p class=\"note\">").text(Counted(rest, "rarer reason")).markup(" with ");
        html.text(Counted(records, "record")).markup(" are left out here.</p>\n");
    }
    html.markup("<p class=\"note\">Each of these records is stored with Salesforce's own text. An id is ")
        .markup("<code>sf__Id</code>, or <code>_airbyte_raw_id</code> where Salesforce gave none.</p>\n</section>\n");
}

/// The ids of some records, and the objects that have them.
fn examples(html: &mut Html, rejection: &Rejection, storage: &str) {
    for example in &rejection.examples {
        html.markup("<code>").text(&example.id).markup("</code> ");
    }
    let mut objects: Vec<&str> = rejection.examples.iter().filter_map(|example| example.object.as_deref()).collect();
    objects.dedup();
    for object in objects {
        // A key is at most 1,024 bytes.
        html.markup("<span class=\"object\">");
        address(html, storage);
        html.markup("/").cut_text(object, 1_100);
        html.markup("</span> ");
    }
}

/// The address of a storage. That of a bucket does not look like a link.
fn address(html: &mut Html, storage: &str) {
    match storage.split_once("://") {
        Some((scheme, bucket)) => html.text(scheme).markup(":<wbr>/<wbr>/").text(bucket),
        None => html.text(storage),
    };
}

/// How many reasons have no row, and how many records they have.
fn rest(rejections: &[(&StreamStory, &Rejection)]) -> Option<(u64, u64)> {
    let rest = rejections.get(MAX_ROWS..).filter(|rest| !rest.is_empty())?;
    Some((rest.len() as u64, rest.iter().map(|(_, rejection)| rejection.count).sum()))
}
