//! What the sync took of the org's allowances.

use super::figures::Number;
use super::html::Html;
use super::model::{After, AllowanceUse, SyncReport};

pub(super) fn section(html: &mut Html, report: &SyncReport) {
    html.markup("<section>\n<h2>Allowances of the org</h2>\n<table class=\"cards\">\n<thead><tr>")
        .markup("<th>Left of the last 24 hours</th><th class=\"n\">Before</th><th class=\"n\">After</th>")
        .markup("<th class=\"n\">Allowed</th></tr></thead>\n<tbody>\n");
    row(html, "API requests", report.api_requests);
    row(html, "Bulk batches", report.bulk_batches);
    html.markup("</tbody>\n</table>\n<p class=\"note\">This sync made ")
        .text(Number(report.requests))
        .markup(" API requests. Other programs of the org use the same allowances.</p>\n</section>\n");
}

fn row(html: &mut Html, name: &'static str, AllowanceUse { before, after }: AllowanceUse) {
    html.markup("<tr><th scope=\"row\">").markup(name).markup("</th><td class=\"n\" data-label=\"Before\">");
    number(html, before.map(|before| before.remaining));
    html.markup("</td><td class=\"n\" data-label=\"After\">");
    let reported = match after {
        Some(After::Reported(allowance)) => Some(allowance),
        _ => None,
    };
    match after {
        Some(After::Counted(left)) => drop(html.markup("about ").text(Number(left))),
        _ => number(html, reported.map(|reported| reported.remaining)),
    }
    html.markup("</td><td class=\"n\" data-label=\"Allowed\">");
    number(html, reported.or(before).map(|allowance| allowance.max));
    html.markup("</td></tr>\n");
}

fn number(html: &mut Html, number: Option<u64>) {
    match number {
        Some(number) => html.text(Number(number)),
        None => html.markup("not known"),
    };
}
