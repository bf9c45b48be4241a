use wiremock::ResponseTemplate;

use super::*;
use crate::query::{Condition, Literal};
use crate::stub_org::{StubOrg, noise};

const FIRST: &str = "/v62.0/query";
const SECOND: &str = "/v62.0/query/01gA-2000";

fn soql() -> Soql {
    Soql::select("Contact", ["Id", "email", "Account.Name"])
        .filtered(Condition::equals("Email", Literal::text("a+b&c=d@example.com")))
}

fn record(id: &str, email: &str, account: &str) -> String {
    format!(r#"{{"attributes":{{"type":"Contact","url":"/x"}},"Id":"{id}","Email":{email},"Account":{account}}}"#)
}

fn page(total: u64, next: Option<&str>, records: &[String]) -> ResponseTemplate {
    let next = next.map_or(String::new(), |next| format!(r#","nextRecordsUrl":"{next}""#));
    let done = next.is_empty();
    let records = records.join(",");
    let body = format!(r#"{{"totalSize":{total},"done":{done}{next},"records":[{records}]}}"#);
    ResponseTemplate::new(200).set_body_raw(body, "application/json")
}

/// The rows as texts, and the requests made.
async fn all(stub: &StubOrg) -> Result<(Vec<String>, u64), Fault> {
    read_all(&stub.org().await).await
}

async fn read_all(org: &Org) -> Result<(Vec<String>, u64), Fault> {
    let mut rows = org.query(&soql()).await?;
    let mut all = Vec::new();
    while let Some(row) = rows.next().await? {
        all.push(format!("{:?} {:?} {:?}", row.get("Id"), row.get("EMAIL"), row.get("account.name")));
    }
    assert!(rows.next().await?.is_none(), "the end stays the end");
    Ok((all, rows.finish().await))
}

#[tokio::test]
async fn pages_are_followed_to_the_last() {
    let stub = StubOrg::start().await;
    let next = Some("/services/data/v62.0/query/01gA-2000");
    stub.answer("GET", FIRST, page(3, next, &[record("1", r#""a@example.com""#, r#"{"attributes":{},"Name":"A"}"#)]))
        .await;
    stub.answer(
        "GET",
        SECOND,
        page(3, None, &[record("2", "null", "null"), record("3", "1.6147805824397E13", r#"{"Name":null}"#)]),
    )
    .await;
    let (rows, requests) = all(&stub).await.unwrap();
    let expected = [
        r#"Some("1") Some("a@example.com") Some("A")"#,
        r#"Some("2") None None"#,
        r#"Some("3") Some("1.6147805824397E13") None"#,
    ];
    assert_eq!((rows, requests), (expected.map(str::to_owned).to_vec(), 2));
    let sent = stub.requests("GET", FIRST).await;
    let sent: Vec<_> = sent[0].url.query_pairs().map(|(_, value)| value.into_owned()).collect();
    assert_eq!(sent, [soql().to_string()]);
}

#[tokio::test]
async fn a_query_that_is_none_is_refused_before_any_request() {
    let stub = StubOrg::start().await;
    let org = stub.org().await;
    for soql in [
        Soql::select("Contact; x", ["Id"]),
        Soql::select("Contact", ["Id, x"]),
        Soql::select("Contact", [] as [&str; 0]),
        Soql::select("Contact", ["Id"]).filtered(Condition::equals("a = b", Literal::text("x"))),
        Soql::select("Contact", ["Id"]).filtered(Condition::is_in("Email", [])),
        Soql::select("Contact", ["Id"]).filtered(Condition::equals("Email", Literal::text("x".repeat(100_000)))),
    ] {
        for scope in [QueryScope::Live, QueryScope::WithDeleted] {
            let faults = [
                org.query(&soql).await.err(),
                org.count_in(&soql, scope).await.err(),
                org.create_query_job(&soql, scope).await.err(),
                org.read_query(&soql, scope).await.err().map(|fault| fault.into_fault()),
            ];
            for fault in faults {
                assert!(matches!(fault.unwrap().kind(), FaultKind::Configuration | FaultKind::Unexpected), "{soql}");
            }
        }
    }
    assert_eq!(stub.server.received_requests().await.unwrap().len(), 1, "the sign-in");
}

#[tokio::test]
async fn a_query_without_records_has_no_rows() {
    let stub = StubOrg::start().await;
    stub.answer("GET", FIRST, page(0, None, &[])).await;
    assert_eq!(all(&stub).await.unwrap(), (Vec::new(), 1));
}

#[tokio::test]
async fn rows_that_are_missing_or_too_many_are_a_fault() {
    let next = Some("/services/data/v62.0/query/01gA-2000");
    let one = || vec![record("1", "null", "null")];
    for (first, second) in [
        (page(2, None, &one()), page(2, None, &[])),
        (page(0, None, &one()), page(0, None, &[])),
        (page(3, next, &one()), page(3, None, &one())),
        (page(2, next, &one()), page(3, None, &one())),
        (page(2, next, &one()), page(2, None, &[record("2", "null", "null"), record("3", "null", "null")])),
        (page(9, next, &one()), page(9, next, &one())),
    ] {
        let stub = StubOrg::start().await;
        stub.answer("GET", FIRST, first).await;
        stub.answer("GET", SECOND, second).await;
        assert!(all(&stub).await.is_err());
    }
}

#[tokio::test]
async fn an_answer_that_does_not_fit_the_query_is_a_fault_without_values() {
    for body in [
        "<html></html>",
        "{}",
        r#"{"totalSize":"secret","done":true,"records":[]}"#,
        r#"{"totalSize":1,"done":true,"records":["secret"]}"#,
        r#"{"totalSize":1,"done":true,"records":[{"Id":"secret"}]}"#,
        r#"{"totalSize":1,"done":true,"records":[{"Id":"1","Email":"secret\ud800","Account":null}]}"#,
        r#"{"totalSize":2,"done":true,"records":[{"Id":"1","Email":null,"Account":null}, "secret"]}"#,
        r#"{"totalSize":1,"done":true,"records":[{"Id":"1","Email":null,"Account":"secret"}]}"#,
        r#"{"totalSize":1,"done":true,"records":[{"Id":"1","Email":null,"Account":{"Title":"secret"}}]}"#,
        r#"{"totalSize":2001,"done":false,"records":[]}"#,
        r#"{"totalSize":2,"done":true,"nextRecordsUrl":"/services/data/v62.0/query/01gA-2000","records":[{"Id":"1","Email":null,"Account":null}]}"#,
    ] {
        let stub = StubOrg::start().await;
        stub.answer("GET", FIRST, ResponseTemplate::new(200).set_body_raw(body, "application/json")).await;
        let fault = all(&stub).await.unwrap_err();
        assert!(fault.is_transient() && !fault.message().contains("secret"), "{fault}");
    }
}

#[tokio::test]
async fn the_next_page_is_never_at_another_address() {
    for address in [
        "https://evil.example.com/services/data/v62.0/query/01gA-2000",
        "//evil.example.com/services/data/v62.0/query/01gA-2000",
        "/services/data/v61.0/query/01gA-2000",
        "/services/data/v62.0/query/",
        "/services/data/v62.0/query/..",
        "/services/data/v62.0/query/a/../../sobjects",
        "/services/data/v62.0/query/01gA-2000?q=x",
        "/services/data/v62.0/query/01gA%2f2000",
        "/services/data/v62.0/sobjects/01gA-2000",
    ] {
        let stub = StubOrg::start().await;
        stub.answer("GET", FIRST, page(2, Some(address), &[record("1", "null", "null")])).await;
        let fault = all(&stub).await.unwrap_err();
        assert!(fault.message().contains("the address of the next page"), "{address}: {fault}");
    }
}

#[tokio::test]
async fn a_query_that_takes_too_long_is_made_three_times() {
    let stub = StubOrg::start().await;
    let body = r#"[{"message":"Your query request was running for too long.","errorCode":"QUERY_TIMEOUT"}]"#;
    stub.answer_once("GET", FIRST, ResponseTemplate::new(503)).await;
    stub.answer("GET", FIRST, ResponseTemplate::new(400).set_body_raw(body, "application/json")).await;
    let fault = stub.patient_org().await.query(&soql()).await.err().unwrap();
    assert_eq!((fault.kind(), fault.code()), (FaultKind::Transient, Some("QUERY_TIMEOUT")));
    assert_eq!(stub.requests("GET", FIRST).await.len(), 4);
}

#[tokio::test]
async fn a_page_that_fails_is_read_again_without_a_row_twice() {
    let stub = StubOrg::start().await;
    let next = Some("/services/data/v62.0/query/01gA-2000");
    stub.answer_once("GET", FIRST, ResponseTemplate::new(503)).await;
    stub.answer("GET", FIRST, page(2, next, &[record("1", "null", "null")])).await;
    stub.answer_once("GET", SECOND, ResponseTemplate::new(200).set_body_raw(r#"{"totalSize":2,"rec"#, "x")).await;
    stub.answer("GET", SECOND, page(2, None, &[record("2", "null", "null")])).await;
    let (rows, requests) = read_all(&stub.patient_org().await).await.unwrap();
    assert_eq!((rows.len(), requests), (2, 4), "a retry is a request too");
}

#[tokio::test]
async fn deleted_records_are_found_by_an_address_of_their_own() {
    let stub = StubOrg::start().await;
    let next = Some("/services/data/v62.0/query/01gA-2000");
    stub.answer("GET", "/v62.0/queryAll", page(2, next, &[record("1", "null", "null")])).await;
    stub.answer("GET", SECOND, page(2, None, &[record("2", "null", "null")])).await;
    let mut rows = stub.org().await.query_all(&soql()).await.unwrap();
    let mut ids = Vec::new();
    while let Some(row) = rows.next().await.unwrap() {
        ids.extend(row.get("Id").map(str::to_owned));
    }
    assert_eq!(ids, ["1", "2"]);
}

#[tokio::test]
async fn a_task_may_read_a_query() {
    let stub = StubOrg::start().await;
    stub.answer("GET", FIRST, page(0, None, &[])).await;
    let org = stub.org().await;
    let read = tokio::spawn(async move { Ok::<_, Fault>(org.query(&soql()).await?.next().await?.is_none()) });
    assert!(read.await.unwrap().unwrap());
}

#[tokio::test]
async fn a_page_says_where_reading_goes_on_and_another_run_goes_on_there() {
    let next = Some("/services/data/v62.0/query/01gA-2000");
    let stub = StubOrg::start().await;
    stub.answer("GET", FIRST, page(2, next, &[record("1", "null", "null")])).await;
    stub.answer("GET", SECOND, page(2, None, &[record("2", "null", "null")])).await;
    let org = stub.org().await;
    let mut pages = org.read_query(&soql(), QueryScope::Live).await.unwrap();
    assert_eq!((pages.total(), pages.requests()), (Some(2), 1));
    let mut first = pages.next().await.unwrap().unwrap();
    assert_eq!(first.next_row().unwrap().at(0), Some("1"));
    let point = first.point().unwrap().clone();
    assert_eq!(point, PagePoint { locator: "01gA-2000".to_owned(), rows: 1 });

    let mut resumed = org.resume_query(&soql(), &point).unwrap();
    let mut second = resumed.next().await.unwrap().unwrap();
    assert_eq!(second.point(), None);
    assert_eq!(second.next_row().unwrap().at(0), Some("2"));
    assert!(resumed.next().await.unwrap().is_none());
    let mut too_many = org.resume_query(&soql(), &PagePoint { rows: 2, ..point.clone() }).unwrap();
    assert_eq!(too_many.next().await.unwrap_err().reason(), ReadFailure::Unproven);
    for no_locator in ["", "../sobjects", "a/b", "a?q=x", "--"] {
        assert!(org.resume_query(&soql(), &PagePoint { locator: no_locator.to_owned(), rows: 0 }).is_err());
    }
}

#[tokio::test]
async fn a_locator_that_has_expired_is_not_asked_for_again() {
    let next = Some("/services/data/v62.0/query/01gA-2000");
    let stub = StubOrg::start().await;
    stub.answer("GET", FIRST, page(2, next, &[record("1", "null", "null")])).await;
    let body = r#"[{"message":"invalid query locator","errorCode":"INVALID_QUERY_LOCATOR"}]"#;
    stub.answer("GET", SECOND, ResponseTemplate::new(400).set_body_raw(body, "application/json")).await;
    let mut pages = stub.patient_org().await.read_query(&soql(), QueryScope::Live).await.unwrap();
    pages.next().await.unwrap();
    assert_eq!(pages.next().await.unwrap_err().reason(), ReadFailure::LocatorExpired);
    assert_eq!(stub.requests("GET", SECOND).await.len(), 1);
}

#[tokio::test]
async fn a_caller_that_judges_itself_is_given_fewer_rows_than_the_first_page_says_and_never_more() {
    let next = Some("/services/data/v62.0/query/01gA-2000");
    let rows = |count: usize| vec![record("1", "null", "null"); count];
    for (first, last, expected) in [(3, 1, Ok(1)), (2, 1, Ok(0)), (9, 0, Ok(8)), (2, 2, Err(())), (1, 1, Err(()))] {
        let stub = StubOrg::start().await;
        stub.answer("GET", FIRST, page(first, next, &rows(1))).await;
        stub.answer("GET", SECOND, page(first, None, &rows(last))).await;
        let pages = stub.org().await.read_query(&soql(), QueryScope::Live).await.unwrap();
        let mut pages = pages.allowing_missing();
        assert!(pages.next().await.unwrap().is_some());
        assert_eq!(pages.missing(), 0, "there may be more pages");
        let read = pages.next().await.map(|page| page.map(|page| page.rows()));
        assert_eq!(read.map(|_| pages.missing()).map_err(drop), expected, "{first} {last}");
    }
}

/// A proxy or a server that is behind may be the reason, for some seconds.
#[tokio::test]
async fn a_record_that_always_lacks_a_field_is_not_waited_for() {
    let stub = StubOrg::start().await;
    let lacking = r#"{"Id":"1","Account":null}"#.to_owned();
    stub.answer("GET", FIRST, page(1, None, &[lacking])).await;
    let fault = stub.patient_org().await.read_query(&soql(), QueryScope::Live).await.err().unwrap();
    assert_eq!((fault.reason(), fault.fault().kind()), (ReadFailure::Malformed, FaultKind::Transient));
    assert_eq!(stub.requests("GET", FIRST).await.len(), WRONG_PAGES as usize);
}

/// The value of a field of the type `complexvalue` is an object.
#[tokio::test]
async fn a_value_that_is_an_object_is_given_as_its_json() {
    let stub = StubOrg::start().await;
    stub.answer("GET", FIRST, page(1, None, &[record("1", r#"{"a": [1, "}"]}"#, "null")])).await;
    let (rows, _) = all(&stub).await.unwrap();
    assert_eq!(rows, [format!("{:?} {:?} None", Some("1"), Some(r#"{"a": [1, "}"]}"#))]);
}

#[tokio::test]
async fn pages_within_a_budget_are_leased_and_one_that_is_larger_is_read_alone() {
    let long = |id: usize| record(&id.to_string(), &format!("\"{}\"", noise(id, 60_000)), "null");
    let stub = StubOrg::start().await;
    let next = Some("/services/data/v62.0/query/01gA-2000");
    stub.answer("GET", FIRST, page(25, next, &(0..20).map(long).collect::<Vec<_>>())).await;
    stub.answer("GET", SECOND, page(25, None, &(20..25).map(long).collect::<Vec<_>>())).await;
    let org = stub.org().await;
    let (soql, budget) = (soql(), Budget::new(700_000));
    let other = budget.lease_of(100_000).await;
    let (first, ()) = tokio::join!(org.read_query_within(&soql, QueryScope::Live, 1, Arc::clone(&budget)), async {
        while stub.requests("GET", FIRST).await.is_empty() {
            tokio::task::yield_now().await;
        }
        drop(other);
    });
    let (mut pages, mut rows) = (first.unwrap(), 0);
    assert_eq!(stub.requests("GET", FIRST).await[0].headers["sforce-query-options"], "batchSize=200");
    while let Some(mut page) = pages.next().await.unwrap() {
        assert!(budget.used() >= page.size());
        while let Some(row) = page.next_row() {
            assert_eq!(row.at(1).unwrap(), noise(rows, 60_000));
            rows += 1;
        }
        assert_eq!(budget.used(), 0);
    }
    assert_eq!(rows, 25);
}
