//! Pages of invented syncs.

mod text;

use std::time::Duration;

use salesforce::{Allowance, Operation};

use super::*;

fn allowance(max: u64, remaining: u64) -> Option<Allowance> {
    Some(Allowance { max, remaining })
}

fn job(number: u64) -> JobStory {
    let second = |second| Duration::from_secs(number + second);
    JobStory {
        stream: 0,
        id: format!("750{number:015}"),
        operation: Operation::Upsert,
        rows: 10_000,
        failed: Some(number % 3),
        fate: Fate::Complete,
        began: second(1),
        uploaded: second(2),
        closed: Some(second(4)),
        ended: Some(second(9)),
        over: Some(second(10)),
    }
}

fn rejection(reason: &str, field: &str) -> Rejection {
    let example =
        RejectionExample { id: "003000000000001AAA".to_owned(), object: Some("rejected/42/c/1.csv".to_owned()) };
    Rejection { reason: reason.to_owned(), field: field.to_owned(), count: 3, examples: vec![example] }
}

fn stream(name: &str) -> StreamStory {
    StreamStory {
        name: name.to_owned(),
        target: Some(Target { object: "Contact".to_owned(), operation: Operation::Upsert }),
        read: 20_000,
        written: 19_997,
        rejected: 3,
        skipped: 0,
        jobs: 2,
        rejections: vec![rejection("REQUIRED_FIELD_MISSING", "LastName")],
    }
}

fn report() -> SyncReport {
    SyncReport {
        sync_id: Some(42),
        org: "acme.my.salesforce.com".to_owned(),
        storage: "s3://acme-rejects".to_owned(),
        started: "2026-03-04T05:06:07Z".parse().unwrap(),
        length: Duration::from_secs(75),
        error: None,
        streams: vec![stream("contacts")],
        jobs: Jobs {
            shown: vec![job(0), job(1)],
            totals: PhaseTotals([0, 2, 4, 10, 2].map(Duration::from_secs)),
            prepared: Duration::from_secs(1),
            input_ended: Duration::from_secs(30),
            without_job: Duration::from_secs(12),
            ..Jobs::default()
        },
        requests: 17,
        api_requests: AllowanceUse {
            before: allowance(15_000, 14_000),
            after: allowance(15_000, 13_983).map(After::Reported),
        },
        bulk_batches: AllowanceUse { before: allowance(15_000, 15_000), after: Some(After::Counted(14_998)) },
    }
}

#[track_caller]
fn assert_has(page: &str, texts: &[&str]) {
    for text in texts {
        assert!(page.contains(text), "{text} is missing:\n{page}");
    }
}

#[test]
fn the_page_says_how_the_sync_ended_and_what_each_stream_did() {
    assert_has(
        &page(&report()),
        &[
            "<title>Sync 42 to acme.my.salesforce.com</title>",
            "<strong>Succeeded with rejected records</strong> on 4 March 2026, 05:07:22 UTC, after 1 min 15 s.",
            "<td class=\"n\" data-label=\"Written\">19,997</td>",
            "<code>750000000000000001</code> <span>10,000 rows, <em>1 failed</em></span>",
            "REQUIRED_FIELD_MISSING</th><td data-label=\"Field\">LastName</td>",
            "<code>003000000000001AAA</code>",
            "acme-rejects/rejected/42/c/1.csv</span>",
            "\"Before\">14,000</td>",
            "\"After\">13,983</td>",
            "\"After\">about 14,998</td>",
            "This sync made 17 API requests.",
            "<title>Running in Salesforce: 5.0 s, from 4.0 s to 9.0 s</title>",
        ],
    );
}

#[test]
fn a_job_that_does_something_else_than_its_stream_says_so() {
    let mut report = report();
    report.jobs.shown[1].operation = Operation::Delete;
    let page = page(&report);
    assert_has(&page, &["0000</code> <span>10,000 rows", "0001</code> <span>delete, 10,000 rows"]);
}

#[test]
fn an_error_is_shown_and_open_records_are_counted() {
    let mut report = report();
    report.error = Some("Someone aborted job 750.".to_owned());
    report.streams[0].written = 10_000;
    let page = page(&report);
    assert_has(
        &page,
        &["<strong>Failed</strong>", "Someone aborted job 750.</p>", "It is not known whether 9,997 records reached"],
    );
}

#[test]
fn a_sync_without_rejections_or_a_number_has_a_page_too() {
    let mut report = report();
    (report.sync_id, report.streams[0].rejected, report.streams[0].written) = (None, 0, 20_000);
    report.streams[0].rejections.clear();
    report.streams.push(StreamStory { target: None, rejections: Vec::new(), ..stream("orders") });
    let page = page(&report);
    assert_has(&page, &["<title>Sync to acme", "none</td><td data-label=\"Operation\">reset</td>"]);
    assert!(!page.contains("<h2>Rejected records</h2>"));
}

#[test]
fn an_allowance_that_the_user_may_not_see_is_not_known() {
    let mut report = report();
    report.api_requests = AllowanceUse::default();
    let page = page(&report);
    assert_has(&page, &["\"Before\">not known</td><td class=\"n\" data-label=\"After\">not known</td>"]);
}

#[test]
fn an_allowance_is_shown_as_far_as_one_of_the_two_ends_of_the_sync_knows_it() {
    let reported = |max, left| allowance(max, left).map(After::Reported);
    for (before, after, expected) in [
        (None, None, ["not known"; 3]),
        (None, reported(15_000, 700), ["not known", "700", "15,000"]),
        (allowance(15_000, 800), None, ["800", "not known", "15,000"]),
        (allowance(15_000, 800), Some(After::Counted(600)), ["800", "about 600", "15,000"]),
        // It was raised meanwhile.
        (allowance(15_000, 800), reported(20_000, 5_700), ["800", "5,700", "20,000"]),
    ] {
        let mut report = report();
        report.api_requests = AllowanceUse { before, after };
        let page = page(&report);
        let cells = ["Before", "After", "Allowed"].map(|label| {
            let row = page.split_once("\">API requests</th>").unwrap().1;
            let cell = row.split_once(&format!("data-label=\"{label}\">")).unwrap().1;
            cell.split('<').next().unwrap()
        });
        assert_eq!(cells, expected, "{before:?} {after:?}");
    }
}

#[test]
fn searches_have_rows_and_a_phase_of_their_own_where_there_are_some() {
    let mut report = report();
    assert!(!page(&report).contains("earching"));
    let search = |began| SearchStory {
        stream: 0,
        rows: 1_200,
        began: Duration::from_secs(began),
        started: Duration::from_secs(began + 1),
        over: Some(Duration::from_secs(began + 3)),
    };
    report.jobs.searches = vec![search(0), search(5)];
    report.jobs.other_searches = 3;
    report.jobs.totals.0[0] = Duration::from_secs(4);
    let page = page(&report);
    assert_has(
        &page,
        &[
            "Search <span>for the records of 1,200 rows</span>",
            "<title>Waiting for its turn: 1.0 s, from 5.0 s to 6.0 s</title>",
            "<title>Searching: 2.0 s, from 6.0 s to 8.0 s</title>",
            "<span class=\"swatch search\"></span>Searching <b>4.0 s</b>",
            "after that without a job or a search: there",
            "The 2 longest searches are shown. 3 shorter ones are left out here",
        ],
    );
    let row = |text: &str| page.find(text).unwrap();
    assert!(row("<code>750000000000000000</code>") < row("from 1.0 s to 3.0 s"), "rows are in order of their starts");
}

#[test]
fn skipped_records_have_a_column_where_there_are_some() {
    let mut report = report();
    assert!(!page(&report).contains("skipped"));
    report.streams[0].skipped = 1_234;
    assert_has(&page(&report), &["data-label=\"Skipped (part of written)\">1,234</td>"]);
}

/// The first stream has nothing of it.
#[test]
fn what_any_stream_has_shows_in_a_report_of_several() {
    let clean = |name: &str| StreamStory { written: 20_000, rejected: 0, rejections: Vec::new(), ..stream(name) };
    let mut report = report();
    report.streams = vec![clean("a"), clean("b"), clean("c")];
    let all_clean = page(&report);
    assert_has(&all_clean, &["<strong>Succeeded</strong>", "<dt>Records read</dt><dd>60,000</dd>"]);
    assert!(!all_clean.contains("kipped") && !all_clean.contains("It is not known whether"));
    report.streams[1] = StreamStory { skipped: 7, ..stream("b") };
    (report.streams[2].written, report.streams[2].jobs) = (19_000, 5);
    assert_has(
        &page(&report),
        &[
            "<strong>Succeeded with rejected records</strong>",
            "<dt>Written</dt><dd>58,997</dd>",
            "<dt>Rejected</dt><dd>3</dd>",
            "<dt>Skipped (part of written)</dt><dd>7</dd>",
            "<dt>Jobs</dt><dd>9</dd>",
            "It is not known whether 1,000 records reached",
            "<th class=\"n\">Skipped (part of written)</th>",
            "data-label=\"Skipped (part of written)\">7</td>",
        ],
    );
}

#[test]
fn what_is_left_out_is_mentioned_from_the_first_on() {
    for count in [0, 1, 2] {
        let mut report = report();
        report.streams = (0..200 + count).map(|number| stream(&number.to_string())).collect();
        (report.jobs.others, report.jobs.other_rows, report.jobs.other_searches) = (count, 9, count);
        let page = page(&report);
        let numbered = |thing: &str| format!("{count} {thing}{}", if count == 1 { "" } else { "s" });
        for text in [
            numbered("further stream") + "</th>",
            numbered("shorter one") + " with 9 rows",
            "searches are shown. ".to_owned() + &numbered("shorter one"),
        ] {
            assert_eq!(page.contains(&text), count > 0, "{text}");
        }
    }
}

/// Whatever comes from a source, an org, a bucket or a configuration is text.
#[test]
fn nothing_from_outside_becomes_markup() {
    const EVIL: &str = "</title></style><script src='x'>alert(\"1\")</script><img onerror=x>";
    let mut report = report();
    report.org = EVIL.to_owned();
    report.storage = EVIL.to_owned();
    report.error = Some(EVIL.to_owned());
    report.jobs.shown[0].id = EVIL.to_owned();
    let mut stream = stream(EVIL);
    stream.target = Some(Target { object: EVIL.to_owned(), operation: Operation::Insert });
    stream.rejections = vec![rejection(EVIL, EVIL)];
    stream.rejections[0].examples[0] = RejectionExample { id: EVIL.to_owned(), object: Some(EVIL.to_owned()) };
    report.streams = vec![stream];
    let page = page(&report);
    for tag in ["<script", "<img", "</title></style>", "onerror=x>"] {
        assert!(!page.contains(tag), "{tag}");
    }
    assert_eq!(page.matches("&lt;script src=&#39;x&#39;&gt;").count(), 14);
}

#[test]
fn the_page_loads_nothing() {
    let page = page(&report());
    for reference in ["http:", "https:", "//", "src=", "href=", "url(", "@import", "<script", "<link", "<iframe"] {
        assert!(!page.contains(reference), "{reference}");
    }
    assert_has(&page, &["content=\"default-src 'none'; style-src 'unsafe-inline'\""]);
}

#[test]
fn the_page_of_a_very_large_sync_is_bounded() {
    let mut report = report();
    report.streams = (0..5_000).map(|number| stream(&format!("{number}{}", "x".repeat(2_000)))).collect();
    for stream in &mut report.streams {
        stream.rejections = (0..10).map(|number| rejection(&number.to_string(), "F")).collect();
    }
    let mut fewer = self::report();
    fewer.streams[0].rejections = (0..301).map(|number| rejection(&number.to_string(), "F")).collect();
    assert_has(&self::page(&fewer), &["1 rarer reason with 3 records are left out here."]);
    report.jobs.shown = (0..200).map(job).collect();
    (report.jobs.others, report.jobs.other_rows) = (4_800, 48_000_000);
    report.error = Some("e".repeat(1_000_000));
    let page = page(&report);
    assert!(page.len() < 600_000, "{}", page.len());
    assert_eq!(page.matches("<td data-label=\"Object\">Contact</td>").count(), 200);
    assert_eq!(page.matches("<td data-label=\"Field\">F</td>").count(), 300);
    assert_has(
        &page,
        &[
            "4,800 further streams</th><td data-label=\"Object\"></td><td data-label=\"Operation\"></td>\
             <td class=\"n\" data-label=\"Read\">96,000,000</td>",
            "The 200 longest jobs are shown. 4,800 shorter ones with 48,000,000 rows are left out here",
            "49,700 rarer reasons with 149,100 records are left out here.",
        ],
    );
}
