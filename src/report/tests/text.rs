//! The whole text of pages, with the places of the bars: each figure is where it belongs.

use std::time::Duration;

use salesforce::Operation;

use super::{job, rejection, report, stream};
use crate::report::{Fate, JobStory, PhaseTotals, Rejection, RejectionExample, SearchStory, StreamStory, page};

/// The lines of a page as a person reads them. A bar is `[class, place, width]`.
fn lines(page: &str) -> Vec<String> {
    let (_, main) = page.split_once("<main>\n").unwrap();
    let (main, _) = main.split_once("</main>").unwrap();
    let mut text = String::new();
    for piece in main.split('<') {
        let (tag, after) = piece.split_once('>').unwrap_or(("", piece));
        let value = |name: &str| {
            let (_, value) = tag.split_once(&format!(" {name}=\"")).unwrap_or_default();
            value.split('"').next().unwrap_or_default()
        };
        match tag.split(' ').next().unwrap_or_default() {
            "td" | "th" | "dd" | "h3" => text.push_str(" | "),
            "rect" => text.push_str(&format!("\n[{}, {}, {}] ", value("class"), value("x"), value("width"))),
            "text" => text.push_str(&format!(" [{}] ", value("x"))),
            "svg" => text.push_str(&format!(" ({}) ", value("aria-label"))),
            "div" if tag.contains("style") => text.push_str(value("style")),
            _ => {}
        }
        text.push_str(after);
    }
    let lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    lines.filter(|line| !line.is_empty()).collect()
}

#[track_caller]
fn assert_text(page: &str, expected: &str) {
    let version = env!("CARGO_PKG_VERSION");
    let lines: Vec<_> = lines(page).into_iter().map(|line| line.replace(version, "VERSION")).collect();
    let expected: Vec<_> = expected.lines().map(str::trim).collect();
    assert_eq!(lines, expected, "\n{}", lines.join("\n"));
}

#[test]
fn a_small_sync_has_this_text() {
    let mut report = report();
    report.streams[0].rejections.clear();
    (report.streams[0].written, report.streams[0].rejected) = (20_000, 0);
    assert_text(
        &page(&report),
        "Sync 42 to acme.my.salesforce.com
         Succeeded on 4 March 2026, 05:07:22 UTC, after 1 min 15 s.
         Records read | 20,000
         Written | 20,000
         Rejected | 0
         Jobs | 2
         Duration | 1 min 15 s
         Streams
         | Stream | Object | Operation | Read | Written | Rejected | Jobs
         | contacts | Contact | upsert | 20,000 | 20,000 | 0 | 2
         What the time went into
         Of 1 min 15 s, 1.0 s passed before the first record could be read, and 12.0 s after that without a \
         job: there the sync waited for records. The times of jobs are added up; jobs may overlap.
         The sync:
         Preparing 1.0 s
         Reading records 29.0 s
         Loading what was read 45.0 s
         Jobs:
         Upload 2.0 s
         Waiting for its turn 4.0 s
         Running in Salesforce 10.0 s
         Reading results 2.0 s
         --step:20.00%
         () [0.00%] 0 ms [20.00%] 15.0 s [40.00%] 30.0 s [60.00%] 45.0 s [80.00%] 1 min 00 s
         The sync (The sync)
         [prepare, 0.00%, 1.33%] Preparing: 1.0 s, from 0 ms to 1.0 s
         [read, 1.33%, 38.67%] Reading records: 29.0 s, from 1.0 s to 30.0 s
         [rest, 40.00%, 60.00%] Loading what was read: 45.0 s, from 30.0 s to 1 min 15 s
         | contacts Contact, upsert
         750000000000000000 10,000 rows (upsert, 9.0 s)
         [upload, 1.33%, 1.33%] Upload: 1.0 s, from 1.0 s to 2.0 s
         [wait, 2.67%, 2.67%] Waiting for its turn: 2.0 s, from 2.0 s to 4.0 s
         [run, 5.33%, 6.67%] Running in Salesforce: 5.0 s, from 4.0 s to 9.0 s
         [results, 12.00%, 1.33%] Reading results: 1.0 s, from 9.0 s to 10.0 s
         750000000000000001 10,000 rows, 1 failed (upsert, 9.0 s)
         [upload, 2.67%, 1.33%] Upload: 1.0 s, from 2.0 s to 3.0 s
         [wait, 4.00%, 2.67%] Waiting for its turn: 2.0 s, from 3.0 s to 5.0 s
         [run, 6.67%, 6.67%] Running in Salesforce: 5.0 s, from 5.0 s to 10.0 s
         [results, 13.33%, 1.33%] Reading results: 1.0 s, from 10.0 s to 11.0 s
         Allowances of the org
         | Left of the last 24 hours | Before | After | Allowed
         | API requests | 14,000 | 13,983 | 15,000
         | Bulk batches | 15,000 | about 14,998 | 15,000
         This sync made 17 API requests. Other programs of the org use the same allowances.
         Written by destination-salesforce VERSION. All times are UTC. Of a record this page has ids, and no \
         value.",
    );
}

fn job_of_accounts(number: u64, fate: Fate) -> JobStory {
    JobStory { stream: 1, operation: Operation::Insert, fate, ..job(number) }
}

/// Two streams with records and one that is only reset, jobs of each fate, searches, and what is left out.
#[test]
fn a_sync_with_all_that_a_page_shows_has_this_text() {
    let seconds = Duration::from_secs;
    let example =
        |id: &str, object: Option<&str>| RejectionExample { id: id.to_owned(), object: object.map(str::to_owned) };
    let mut report = report();
    report.error = Some("The sync was stopped.".to_owned());
    report.storage = "/srv/acme".to_owned();
    (report.streams[0].written, report.streams[0].rejected, report.streams[0].skipped) = (19_990, 7, 1_200);
    report.streams[0].rejections.push(Rejection {
        count: 4,
        examples: vec![
            example("003000000000002AAA", Some("rejected/42/c/1.csv")),
            example("003000000000003AAA", Some("rejected/42/c/1.csv")),
            example("0198f0a2-0000-7000-8000-000000000001", Some("rejected/42/c/2.csv")),
            example("003000000000004AAA", None),
        ],
        ..rejection("", "")
    });
    let mut accounts = StreamStory { read: 1_000, written: 1_000, rejected: 0, jobs: 5, ..stream("accounts") };
    accounts.rejections.clear();
    accounts.target.as_mut().unwrap().object = "Account".to_owned();
    accounts.target.as_mut().unwrap().operation = Operation::Insert;
    let reset = StreamStory { target: None, read: 0, written: 0, rejected: 0, jobs: 0, ..stream("orders") };
    report.streams.extend([accounts, StreamStory { rejections: Vec::new(), ..reset }]);
    let open =
        JobStory { closed: None, ended: None, over: None, failed: None, rows: 1, ..job_of_accounts(40, Fate::Unknown) };
    report.jobs.shown.extend([
        job_of_accounts(10, Fate::NotClosed),
        job_of_accounts(20, Fate::Failed),
        JobStory { operation: Operation::Delete, ..job_of_accounts(30, Fate::Aborted) },
        JobStory { ended: None, over: None, ..job_of_accounts(35, Fate::Unknown) },
        open,
    ]);
    report.jobs.searches = vec![
        SearchStory { stream: 0, rows: 1_200, began: seconds(0), started: seconds(1), over: Some(seconds(3)) },
        SearchStory { stream: 1, rows: 1, began: seconds(50), started: seconds(60), over: None },
    ];
    (report.jobs.others, report.jobs.other_rows, report.jobs.other_searches) = (1, 2_000, 3);
    report.jobs.totals = PhaseTotals([1, 2, 3, 4, 5].map(seconds));
    assert_text(
        &page(&report),
        "Sync 42 to acme.my.salesforce.com
         Failed on 4 March 2026, 05:07:22 UTC, after 1 min 15 s.
         The sync was stopped.
         Records read | 21,000
         Written | 20,990
         Rejected | 7
         Skipped (part of written) | 1,200
         Jobs | 7
         Duration | 1 min 15 s
         It is not known whether 3 records reached Salesforce. No state covers them: the next attempt sends \
         them again.
         Streams
         | Stream | Object | Operation | Read | Written | Rejected | Skipped (part of written) | Jobs
         | contacts | Contact | upsert | 20,000 | 19,990 | 7 | 1,200 | 2
         | accounts | Account | insert | 1,000 | 1,000 | 0 | 0 | 5
         | orders | none | reset | 0 | 0 | 0 | 0 | 0
         What the time went into
         Of 1 min 15 s, 1.0 s passed before the first record could be read, and 12.0 s after that without a \
         job or a search: there the sync waited for records. The times of jobs are added up; jobs may \
         overlap.
         The sync:
         Preparing 1.0 s
         Reading records 29.0 s
         Loading what was read 45.0 s
         Jobs:
         Searching 1.0 s
         Upload 2.0 s
         Waiting for its turn 3.0 s
         Running in Salesforce 4.0 s
         Reading results 5.0 s
         --step:20.00%
         () [0.00%] 0 ms [20.00%] 15.0 s [40.00%] 30.0 s [60.00%] 45.0 s [80.00%] 1 min 00 s
         The sync (The sync)
         [prepare, 0.00%, 1.33%] Preparing: 1.0 s, from 0 ms to 1.0 s
         [read, 1.33%, 38.67%] Reading records: 29.0 s, from 1.0 s to 30.0 s
         [rest, 40.00%, 60.00%] Loading what was read: 45.0 s, from 30.0 s to 1 min 15 s
         | contacts Contact, upsert
         750000000000000000 10,000 rows (upsert, 9.0 s)
         [upload, 1.33%, 1.33%] Upload: 1.0 s, from 1.0 s to 2.0 s
         [wait, 2.67%, 2.67%] Waiting for its turn: 2.0 s, from 2.0 s to 4.0 s
         [run, 5.33%, 6.67%] Running in Salesforce: 5.0 s, from 4.0 s to 9.0 s
         [results, 12.00%, 1.33%] Reading results: 1.0 s, from 9.0 s to 10.0 s
         Search for the records of 1,200 rows (search, 3.0 s)
         [wait, 0.00%, 1.33%] Waiting for its turn: 1.0 s, from 0 ms to 1.0 s
         [search, 1.33%, 2.67%] Searching: 2.0 s, from 1.0 s to 3.0 s
         750000000000000001 10,000 rows, 1 failed (upsert, 9.0 s)
         [upload, 2.67%, 1.33%] Upload: 1.0 s, from 2.0 s to 3.0 s
         [wait, 4.00%, 2.67%] Waiting for its turn: 2.0 s, from 3.0 s to 5.0 s
         [run, 6.67%, 6.67%] Running in Salesforce: 5.0 s, from 5.0 s to 10.0 s
         [results, 13.33%, 1.33%] Reading results: 1.0 s, from 10.0 s to 11.0 s
         | accounts Account, insert
         750000000000000010 10,000 rows, 1 failed, not closed (insert, 9.0 s)
         [upload, 14.67%, 1.33%] Upload: 1.0 s, from 11.0 s to 12.0 s
         [wait, 16.00%, 2.67%] Waiting for its turn: 2.0 s, from 12.0 s to 14.0 s
         [run, 18.67%, 6.67%] Running in Salesforce: 5.0 s, from 14.0 s to 19.0 s
         [results, 25.33%, 1.33%] Reading results: 1.0 s, from 19.0 s to 20.0 s
         750000000000000020 10,000 rows, 2 failed, ended as failed (insert, 9.0 s)
         [upload, 28.00%, 1.33%] Upload: 1.0 s, from 21.0 s to 22.0 s
         [wait, 29.33%, 2.67%] Waiting for its turn: 2.0 s, from 22.0 s to 24.0 s
         [run, 32.00%, 6.67%] Running in Salesforce: 5.0 s, from 24.0 s to 29.0 s
         [results, 38.67%, 1.33%] Reading results: 1.0 s, from 29.0 s to 30.0 s
         750000000000000030 delete, 10,000 rows, aborted (delete, 9.0 s)
         [upload, 41.33%, 1.33%] Upload: 1.0 s, from 31.0 s to 32.0 s
         [wait, 42.67%, 2.67%] Waiting for its turn: 2.0 s, from 32.0 s to 34.0 s
         [run, 45.33%, 6.67%] Running in Salesforce: 5.0 s, from 34.0 s to 39.0 s
         [results, 52.00%, 1.33%] Reading results: 1.0 s, from 39.0 s to 40.0 s
         750000000000000035 10,000 rows, 2 failed, its end is not known (insert, 39.0 s)
         [upload, 48.00%, 1.33%] Upload: 1.0 s, from 36.0 s to 37.0 s
         [wait, 49.33%, 2.67%] Waiting for its turn: 2.0 s, from 37.0 s to 39.0 s
         [run, 52.00%, 48.00%] Running in Salesforce: 36.0 s, from 39.0 s to 1 min 15 s
         750000000000000040 1 row, its end is not known (insert, 34.0 s)
         [upload, 54.67%, 1.33%] Upload: 1.0 s, from 41.0 s to 42.0 s
         [wait, 56.00%, 44.00%] Waiting for its turn: 33.0 s, from 42.0 s to 1 min 15 s
         Search for the records of 1 row (search, 25.0 s)
         [wait, 66.67%, 13.33%] Waiting for its turn: 10.0 s, from 50.0 s to 1 min 00 s
         [search, 80.00%, 20.00%] Searching: 15.0 s, from 1 min 00 s to 1 min 15 s
         The 7 longest jobs are shown. 1 shorter one with 2,000 rows are left out here; the sums above have \
         them.
         The 2 longest searches are shown. 3 shorter ones are left out here; the sums above have them.
         Rejected records
         | Reason | Field | Stream | Records | Some of them
         | no code | | contacts | 4 | 003000000000002AAA 003000000000003AAA \
         0198f0a2-0000-7000-8000-000000000001 003000000000004AAA /srv/acme/rejected/42/c/1.csv \
         /srv/acme/rejected/42/c/2.csv
         | REQUIRED_FIELD_MISSING | LastName | contacts | 3 | 003000000000001AAA \
         /srv/acme/rejected/42/c/1.csv
         Each of these records is stored with Salesforce's own text. An id is sf__Id, or _airbyte_raw_id \
         where Salesforce gave none.
         Allowances of the org
         | Left of the last 24 hours | Before | After | Allowed
         | API requests | 14,000 | 13,983 | 15,000
         | Bulk batches | 15,000 | about 14,998 | 15,000
         This sync made 17 API requests. Other programs of the org use the same allowances.
         Written by destination-salesforce VERSION. All times are UTC. Of a record this page has ids, and no \
         value.",
    );
}
