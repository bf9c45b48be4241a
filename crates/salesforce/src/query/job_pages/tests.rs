use std::io::Write;
use std::time::Duration;

use flate2::{Compression, write::GzEncoder};
use reqwest::Method;
use tokio::time::Instant;
use wiremock::ResponseTemplate;

use super::*;
use crate::query::{QueryScope, Soql};
use crate::stub_org::{StubOrg, org_with, quick};
use crate::timing::Timing;

const ID: &str = "7503h00000CV7GpAAL";
const CREATE: &str = "/v62.0/jobs/query";
pub(super) const STATUS: &str = "/v62.0/jobs/query/7503h00000CV7GpAAL";
pub(super) const RESULTS: &str = "/v62.0/jobs/query/7503h00000CV7GpAAL/results";

fn soql() -> Soql {
    Soql::select("Contact", ["Id", "Email"])
}

fn status(rest: &str) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_raw(format!(r#"{{"id":"{ID}",{rest}}}"#), "application/json")
}

fn complete(rows: u64) -> ResponseTemplate {
    status(&format!(r#""state":"JobComplete","numberRecordsProcessed":{rows}"#))
}

fn refused(status: u16, code: &str) -> ResponseTemplate {
    let body = format!(r#"[{{"errorCode":"{code}","message":"m"}}]"#);
    ResponseTemplate::new(status).set_body_raw(body, "application/json")
}

fn page_of(header: &str, rows: &[u8], count: u64, locator: &str) -> ResponseTemplate {
    let body = [header.as_bytes(), b"\n", rows].concat();
    let answer = ResponseTemplate::new(200).set_body_raw(body, "text/csv").insert_header("Sforce-Locator", locator);
    answer.insert_header("Sforce-NumberOfRecords", count.to_string().as_str())
}

pub(super) fn page(rows: &str, count: u64, locator: &str) -> ResponseTemplate {
    page_of("\"Id\",\"Email\"", rows.as_bytes(), count, locator)
}

/// A stub with a complete job of so many rows.
pub(super) async fn stub(rows: u64) -> StubOrg {
    let stub = StubOrg::start().await;
    stub.answer("POST", CREATE, status(r#""state":"UploadComplete""#)).await;
    stub.answer("GET", STATUS, complete(rows)).await;
    stub
}

pub(super) async fn pages(stub: &StubOrg, from: Option<PagePoint>) -> JobPages {
    let running = stub.patient_org().await.create_query_job(&soql(), QueryScope::Live).await.unwrap();
    running.wait(&|_: u64| {}).await.unwrap().pages(from)
}

fn ids(mut page: QueryPage) -> Vec<String> {
    let mut ids = Vec::new();
    while let Some(row) = page.next_row() {
        ids.push(row.at(0).unwrap().to_owned());
    }
    ids
}

/// The ids of all pages, or the reason that there are not all.
async fn all(mut pages: JobPages) -> Result<Vec<String>, ReadFailure> {
    let mut all = Vec::new();
    while let Some(page) = pages.next().await.map_err(|fault| fault.reason())? {
        all.extend(ids(page));
    }
    Ok(all)
}

#[tokio::test]
async fn a_page_says_where_reading_goes_on_and_another_run_goes_on_there() {
    let first = stub(3).await;
    first.answer_once("GET", RESULTS, page("\"1\",\"a\"\n\"2\",\"\"\n", 2, "L2")).await;
    first.answer("GET", RESULTS, page("\"3\",\"c\"\n", 1, "null")).await;
    let mut read = pages(&first, None).await;
    let page_one = read.next().await.unwrap().unwrap();
    let point = page_one.point().cloned();
    assert_eq!((page_one.rows(), &point), (2, &Some(PagePoint { locator: "L2".to_owned(), rows: 2 })));
    assert_eq!(ids(page_one), ["1", "2"]);
    assert_eq!(read.next().await.unwrap().unwrap().point(), None);
    assert!(read.next().await.unwrap().is_none());

    let second = stub(3).await;
    second.answer("GET", RESULTS, page("\"3\",\"c\"\n", 1, "null")).await;
    let org = second.org().await;
    let complete = org.resume_query_job(ID, &soql()).unwrap().wait(&|_: u64| {}).await.unwrap();
    assert_eq!(all(complete.pages(point)).await, Ok(vec!["3".to_owned()]));
    assert!(second.requests("POST", CREATE).await.is_empty());
    assert_eq!(second.requests("GET", RESULTS).await[0].url.query(), Some("maxRecords=100000&locator=L2"));
    for no_id in ["", "750", "7503h00000CV7GpAA/", "../../sobjects/xx"] {
        assert!(org.resume_query_job(no_id, &soql()).is_err(), "{no_id}");
    }
}

#[tokio::test]
async fn rows_before_a_point_count_for_the_proof() {
    let stub = stub(3).await;
    stub.answer("GET", RESULTS, page("\"3\",\"c\"\n", 1, "null")).await;
    let point = |rows| Some(PagePoint { locator: "L2".to_owned(), rows });
    assert_eq!(all(pages(&stub, point(2)).await).await, Ok(vec!["3".to_owned()]));
    assert_eq!(all(pages(&stub, point(1)).await).await, Err(ReadFailure::Unproven));
    assert_eq!(all(pages(&stub, point(3)).await).await, Err(ReadFailure::Unproven));
}

#[tokio::test]
async fn each_failure_has_a_reason_of_its_own() {
    use ReadFailure::*;
    let uncounted = ResponseTemplate::new(200).set_body_raw("\"Id\",\"Email\"\n\"3\",\"c\"\n", "text/csv");
    for (second, reason, readings) in [
        (refused(400, "INVALIDJOB"), LocatorExpired, 1),
        (refused(400, "INVALID_QUERY_LOCATOR"), LocatorExpired, 1),
        (refused(404, "NOT_FOUND"), LocatorExpired, WRONG_PAGES),
        (refused(400, "API_ERROR"), LocatorExpired, 1),
        (refused(409, "API_ERROR"), OtherVersion, 1),
        (refused(403, "REQUEST_LIMIT_EXCEEDED"), Other, 1),
        (page_of("\"Id\",\"Phone\"", b"\"3\",\"c\"\n", 1, "null"), HeaderChanged, WRONG_PAGES),
        (page_of("\"Email\",\"Id\"", b"\"c\",\"3\"\n", 1, "null"), HeaderChanged, WRONG_PAGES),
        (page_of("\"Id\",\"Email\"", b"\"3\",\"\xff\"\n", 1, "null"), Malformed, WRONG_PAGES),
        (page("\"3\",\"c\"\n", 1, "L2"), Malformed, 1),
        (uncounted, Unproven, WRONG_PAGES),
        (page("\"3\",\"c\"\n", 2, "null"), Unproven, WRONG_PAGES),
        (page("\"3\",\"c\"\n", 0, "null"), Unproven, WRONG_PAGES),
        (page("", 0, "null"), Unproven, 1),
        (page("\"3\",\"c\"\n\"4\",\"d\"\n", 2, "null"), Unproven, 1),
    ] {
        let stub = stub(3).await;
        stub.answer_once("GET", RESULTS, page("\"1\",\"a\"\n\"2\",\"b\"\n", 2, "L2")).await;
        stub.answer("GET", RESULTS, second).await;
        let mut pages = pages(&stub, None).await;
        let first = pages.next().await.unwrap().unwrap();
        assert_eq!(ids(first), ["1", "2"], "{reason:?}: a page is given before the next is read");
        assert_eq!(all(pages).await, Err(reason));
        assert_eq!(stub.requests("GET", RESULTS).await.len(), 1 + readings as usize, "{reason:?}");
    }
}

#[tokio::test]
async fn a_job_that_is_gone_or_ended_otherwise_is_not_waited_for() {
    for (after, reason) in [
        (refused(404, "NOT_FOUND"), ReadFailure::JobGone),
        (status(r#""state":"Aborted""#), ReadFailure::JobAborted),
        (status(r#""state":"Failed""#), ReadFailure::JobFailed),
    ] {
        let stub = StubOrg::start().await;
        stub.answer("POST", CREATE, status(r#""state":"UploadComplete""#)).await;
        stub.answer_once("GET", STATUS, complete(3)).await;
        stub.answer("GET", STATUS, after).await;
        stub.answer("GET", RESULTS, refused(404, "NOT_FOUND")).await;
        assert_eq!(all(pages(&stub, None).await).await, Err(reason));
        assert_eq!(stub.requests("GET", RESULTS).await.len(), 1);
    }
}

#[tokio::test]
async fn a_page_that_breaks_off_is_read_again_and_gives_no_row_twice() {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(b"\"Id\",\"Email\"\n\"2\",\"b\"\n\"3\",\"c\"\n").unwrap();
    let packed = packed.finish().unwrap();
    let gzip = |bytes: &[u8]| {
        let answer = ResponseTemplate::new(200).set_body_raw(bytes.to_vec(), "text/csv");
        let answer = answer.insert_header("Content-Encoding", "gzip").insert_header("Sforce-Locator", "null");
        answer.insert_header("Sforce-NumberOfRecords", "2")
    };
    let mut damaged = packed.clone();
    let check_sum = damaged.len() - 8;
    damaged[check_sum] ^= 1;
    for broken in [
        gzip(&packed[..packed.len() / 2]),
        gzip(&packed[..packed.len() - 1]),
        gzip(&packed[..packed.len() - 8]),
        gzip(&damaged),
        page("\"2\",\"b\"\n", 2, "null"),
        page("\"2\",\"b\"\n\"3\",\"c", 2, "null"),
        ResponseTemplate::new(200).set_body_raw("<html></html>", "text/html"),
        ResponseTemplate::new(503),
    ] {
        let stub = stub(3).await;
        stub.answer_once("GET", RESULTS, page("\"1\",\"a\"\n", 1, "L2")).await;
        stub.answer_once("GET", RESULTS, broken).await;
        stub.answer("GET", RESULTS, gzip(&packed)).await;
        assert_eq!(all(pages(&stub, None).await).await, Ok(["1", "2", "3"].map(str::to_owned).to_vec()));
        assert_eq!(stub.requests("GET", RESULTS).await.len(), 3);
    }
}

/// A wrong page stays wrong after some readings, and a connection that breaks says nothing about the page.
#[tokio::test]
async fn a_page_that_breaks_off_more_often_than_a_wrong_page_is_read_is_read_again() {
    let stub = stub(2).await;
    for _ in 0..=WRONG_PAGES {
        stub.answer_once("GET", RESULTS, page("\"1\",\"a\"\n\"2\",\"b", 2, "null")).await;
    }
    stub.answer("GET", RESULTS, page("\"1\",\"a\"\n\"2\",\"b\"\n", 2, "null")).await;
    assert_eq!(all(pages(&stub, None).await).await, Ok(["1", "2"].map(str::to_owned).to_vec()));
}

#[tokio::test]
async fn a_job_finds_deleted_records_too_and_is_aborted_and_deleted_by_its_id() {
    let stub = stub(0).await;
    stub.answer("PATCH", STATUS, status(r#""state":"Aborted""#)).await;
    stub.answer("DELETE", STATUS, ResponseTemplate::new(204)).await;
    let org = stub.org().await;
    let running = org.create_query_job(&soql(), QueryScope::WithDeleted).await.unwrap();
    let body: serde_json::Value = serde_json::from_slice(&stub.requests("POST", CREATE).await[0].body).unwrap();
    assert_eq!((&body["operation"], running.id()), (&serde_json::json!("queryAll"), ID));
    let complete = running.wait(&|_: u64| {}).await.unwrap();
    assert_eq!((complete.id(), complete.rows()), (ID, Some(0)));
    running.abort().await;
    complete.delete().await;
    for method in [Method::PATCH, Method::DELETE] {
        assert_eq!(stub.requests(method.as_str(), STATUS).await.len(), 1);
    }
}

/// The list of the addresses of all pages.
pub(super) fn list(locators: &[&str]) -> ResponseTemplate {
    let url = |locator: &&str| format!(r#"{{"resultUrl":"/services/data{RESULTS}?locator={locator}"}}"#);
    let urls: Vec<String> = locators.iter().map(url).collect();
    let body = format!(r#"{{"resultPages":[{}],"nextRecordsUrl":null,"done":true}}"#, urls.join(","));
    ResponseTemplate::new(200).set_body_raw(body, "application/json")
}

#[tokio::test]
async fn a_listed_first_page_that_was_not_proven_is_read_again_and_not_skipped() {
    let stub = stub(3).await;
    // Once before the first page, and as often as the number of its rows is asked for.
    for _ in 0..=QUESTIONS {
        stub.answer_once("GET", STATUS, complete(1)).await;
    }
    stub.answer("GET", &format!("{STATUS}/resultPages"), list(&["L0", "L1"])).await;
    for _ in 0..2 {
        stub.answer_once("GET", RESULTS, page("\"1\",\"a\"\n\"2\",\"b\"\n", 2, "L1")).await;
    }
    stub.answer("GET", RESULTS, page("\"3\",\"c\"\n", 1, "null")).await;
    let mut pages = pages(&stub, None).await.at_once(4);
    assert_eq!(pages.next().await.err().map(|fault| fault.reason()), Some(ReadFailure::Unproven));
    assert_eq!(all(pages).await.unwrap(), ["1", "2", "3"]);
    let requests = stub.requests("GET", RESULTS).await;
    let asked: Vec<_> = requests.iter().map(|request| request.url.query().unwrap_or_default()).collect();
    assert_eq!(asked, ["", "maxRecords=100000", "maxRecords=100000&locator=L1"]);
}

#[tokio::test]
async fn a_listed_page_is_taken_only_if_the_page_before_names_it() {
    // No page names the first one, so the list does not either.
    let (first, rest) = ("", "maxRecords=100000&locator=L1");
    for (listed, from, asked) in [
        (list(&["L0", "L1"]), None, vec![first, "locator=L1"]),
        (list(&["L0", "L9"]), None, vec![first, rest]),
        (list(&["L0"]), None, vec![first, rest]),
        (list(&["L1", "L1"]), None, vec![first, "locator=L1"]),
        (list(&["L9", "L9"]), None, vec![first, rest]),
        (list(&[]), None, vec!["maxRecords=100000", rest]),
        (ResponseTemplate::new(404), None, vec!["maxRecords=100000", rest]),
        (ResponseTemplate::new(503), None, vec!["maxRecords=100000", rest]),
        (list(&["L0", "L1"]), Some("L1"), vec!["locator=L1"]),
        (list(&["L0", "L9"]), Some("L1"), vec![rest]),
    ] {
        let stub = stub(3).await;
        stub.answer("GET", &format!("{STATUS}/resultPages"), listed).await;
        if from.is_none() {
            stub.answer_once("GET", RESULTS, page("\"1\",\"a\"\n\"2\",\"b\"\n", 2, "L1")).await;
        }
        stub.answer("GET", RESULTS, page("\"3\",\"c\"\n", 1, "null")).await;
        let point = from.map(|locator| PagePoint { locator: locator.to_owned(), rows: 2 });
        let read = all(pages(&stub, point).await.at_once(4)).await.unwrap();
        assert_eq!(read.len(), asked.len() + usize::from(from.is_none()), "{asked:?}");
        let requests = stub.requests("GET", RESULTS).await;
        let sent: Vec<_> = requests.iter().map(|request| request.url.query().unwrap_or_default()).collect();
        assert_eq!(sent, asked);
    }
}

#[tokio::test]
async fn a_list_of_several_parts_is_read_part_by_part() {
    let stub = stub(4).await;
    let part = |locator: &str, next: &str| {
        let body = format!(
            r#"{{"resultPages":[{{"resultUrl":"/services/data{RESULTS}?locator={locator}"}}],
                "nextRecordsUrl":"/services/data{STATUS}/resultPages?locator={next}","done":{}}}"#,
            next.is_empty()
        );
        ResponseTemplate::new(200).set_body_raw(body, "application/json")
    };
    for (locator, next) in [("L0", "P1"), ("L1", "P2"), ("L2", "P3"), ("L3", "")] {
        stub.answer_once("GET", &format!("{STATUS}/resultPages"), part(locator, next)).await;
    }
    for (row, next) in [("1", "L1"), ("2", "L2"), ("3", "L3"), ("4", "null")] {
        stub.answer_once("GET", RESULTS, page(&format!("\"{row}\",\"a\"\n"), 1, next)).await;
    }
    assert_eq!(all(pages(&stub, None).await.at_once(2)).await.unwrap().len(), 4);
    for (at, asked) in [
        (RESULTS.to_owned(), ["", "locator=L1", "locator=L2", "locator=L3"]),
        (format!("{STATUS}/resultPages"), ["", "locator=P1", "locator=P2", "locator=P3"]),
    ] {
        let requests = stub.requests("GET", &at).await;
        let mut sent: Vec<_> = requests.iter().map(|request| request.url.query().unwrap_or_default()).collect();
        // Two pages are asked for at the same time.
        sent.sort_unstable();
        assert_eq!(sent, asked);
    }
}

/// The number may be late, so that it is the same one if it is asked for at once.
#[tokio::test]
async fn a_job_is_asked_again_for_its_number_after_longer_and_longer_waits() {
    let stub = stub(1).await;
    stub.answer("GET", RESULTS, page("\"1\",\"a\"\n\"2\",\"b\"\n", 2, "null")).await;
    let wait = Duration::from_millis(10);
    let org = org_with(&stub.server.uri(), Timing { new_count: wait, ..quick() }).await;
    let waits = (1 + 2 + 4) * wait;
    for reads in [true, false] {
        let running = org.create_query_job(&soql(), QueryScope::Live).await.unwrap();
        let mut pages = running.wait(&|_: u64| {}).await.unwrap().pages(None);
        let begin = Instant::now();
        if reads {
            assert_eq!(pages.next().await.err().map(|fault| fault.reason()), Some(ReadFailure::Unproven));
        } else {
            assert_eq!(pages.total_expecting(2).await, Ok(Some(1)));
        }
        assert!(begin.elapsed() >= waits, "{reads}: {:?}", begin.elapsed());
    }
}

#[tokio::test]
async fn a_reader_chooses_the_rows_on_a_page() {
    let stub = stub(0).await;
    stub.answer("GET", RESULTS, page("", 0, "null")).await;
    let read = pages(&stub, None).await.rows_per_page(17);
    assert_eq!((read.id(), read.total()), (ID, Some(0)));
    // The creation and the status of the job.
    assert_eq!(read.requests(), 2);
    assert_eq!(all(read).await, Ok(Vec::new()));
    assert_eq!(stub.requests("GET", RESULTS).await[0].url.query(), Some("maxRecords=17"));
}
