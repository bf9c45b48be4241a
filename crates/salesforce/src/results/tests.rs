use wiremock::matchers::{path, query_param};
use wiremock::{Mock, ResponseTemplate};

use super::*;
use crate::stub_org::{StubOrg, Then, org_at, raw_server};

const JOB: &str = "7503h00000CV7GpAAL";
const FAILED: &str = "/v62.0/jobs/ingest/7503h00000CV7GpAAL/failedResults";

fn csv(body: impl Into<Vec<u8>>) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_raw(body, "text/csv")
}

async fn open(org: &Org) -> Result<ResultRows, Fault> {
    ResultRows::open(org.clone(), JOB.to_owned(), ResultSet::Failed).await
}

/// All rows, the header first.
async fn all(org: &Org) -> Result<Vec<Vec<String>>, Fault> {
    let mut rows = open(org).await?;
    let mut all = vec![rows.header().to_vec()];
    while let Some(row) = rows.next().await? {
        all.push(row.iter().map(str::to_owned).collect());
    }
    Ok(all)
}

#[tokio::test]
async fn rows_are_utf8_even_if_the_header_says_otherwise() {
    let stub = StubOrg::start().await;
    let body = "\"sf__Id\",\"sf__Error\",Name\n\"\",\"X_Y:\"\"no\"\":--\",\"Zo\u{eb}\n東京\"\n\n";
    for charset in ["text/csv", "text/csv; charset=ISO-8859-1", "text/csv;charset=UTF-8", "application/octet-stream"] {
        stub.answer_once("GET", FAILED, ResponseTemplate::new(200).set_body_raw(body, charset)).await;
        let rows = all(&stub.org().await).await.unwrap();
        assert_eq!(rows, [["sf__Id", "sf__Error", "Name"], ["", "X_Y:\"no\":--", "Zo\u{eb}\n東京"]], "{charset}");
    }
    let asked = stub.requests("GET", FAILED).await;
    assert_eq!(asked[0].headers["accept"], "text/csv");
}

#[tokio::test]
async fn an_empty_answer_and_a_header_have_no_rows() {
    for (body, header) in [("", &[][..]), ("\n", &[]), ("\"sf__Id\",Name", &["sf__Id", "Name"]), ("a,b\n", &["a", "b"])]
    {
        let stub = StubOrg::start().await;
        stub.answer("GET", FAILED, csv(body)).await;
        let mut rows = open(&stub.org().await).await.unwrap();
        assert_eq!(rows.header(), header, "{body:?}");
        for _ in 0..2 {
            assert!(rows.next().await.unwrap().is_none(), "{body:?}");
        }
    }
}

#[tokio::test]
async fn each_result_set_has_its_address() {
    let stub = StubOrg::start().await;
    for (set, name) in [
        (ResultSet::Failed, "failedResults"),
        (ResultSet::Unprocessed, "unprocessedrecords"),
        (ResultSet::Successful, "successfulResults"),
    ] {
        stub.answer("GET", &format!("/v62.0/jobs/ingest/{JOB}/{name}"), csv(name)).await;
        let rows = ResultRows::open(stub.org().await, JOB.to_owned(), set).await.unwrap();
        assert_eq!(rows.header(), [name]);
    }
}

#[tokio::test]
async fn an_error_is_never_read_as_rows() {
    for (status, body) in [
        (404, r#"[{"errorCode":"NOT_FOUND","message":"m"}]"#),
        (400, r#"[{"errorCode":"INVALIDJOBSTATE","message":"m"}]"#),
        (403, "Name\nA\n"),
        (503, "Name\nA\n"),
    ] {
        let stub = StubOrg::start().await;
        stub.answer("GET", FAILED, ResponseTemplate::new(status).set_body_raw(body, "text/csv")).await;
        assert_eq!(open(&stub.org().await).await.err().unwrap().status(), Some(status));
    }
}

#[tokio::test]
async fn trouble_before_the_first_row_is_retried() {
    let stub = StubOrg::start().await;
    stub.answer_once("GET", FAILED, ResponseTemplate::new(503)).await;
    stub.answer_once("GET", FAILED, ResponseTemplate::new(401)).await;
    stub.answer("GET", FAILED, csv("Name\nA\n")).await;
    assert_eq!(all(&stub.org().await).await.unwrap().len(), 2);
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_a_transient_fault() {
    let length = "HTTP/1.1 200 OK\r\nContent-Length: 18\r\n\r\nName,A\n1,2\n";
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nb\r\nName,A\n1,2\n\r\n";
    let quoted = "HTTP/1.1 200 OK\r\nContent-Length: 11\r\nConnection: close\r\n\r\nName,A\n1,\"2";
    let short = "HTTP/1.1 200 OK\r\nContent-Length: 8\r\nConnection: close\r\n\r\nName,A\n1";
    for answer in [length, chunked, quoted, short] {
        let org = org_at(&raw_server(Then::Close, move |_| answer.as_bytes().to_vec()).await).await;
        let fault = all(&org).await.unwrap_err();
        assert!(fault.is_transient(), "{answer}: {fault:?}");
    }
}

#[tokio::test]
async fn a_download_that_stands_still_is_a_transient_fault() {
    let begun = "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nName\nA\n";
    let org = org_at(&raw_server(Then::Hold, move |_| begun.as_bytes().to_vec()).await).await;
    let mut rows = open(&org).await.unwrap();
    assert_eq!(rows.next().await.unwrap().unwrap().get(0), "A");
    let fault = rows.next().await.err().unwrap();
    assert!(fault.is_transient() && fault.message().contains("within"), "{fault:?}");
}

#[tokio::test]
async fn all_pages_are_read() {
    let stub = StubOrg::start().await;
    let page = |locator: &'static str, body: &str, next: &str| {
        let answer = csv(body).insert_header("Sforce-Locator", next);
        Mock::given(path(format!("/services/data{FAILED}")))
            .and(query_param("locator", locator))
            .respond_with(answer)
            .with_priority(1)
    };
    stub.answer("GET", FAILED, csv("Name\nA\n").insert_header("Sforce-Locator", "p&2")).await;
    page("p&2", "Name\nB\nC\n", "p3").mount(&stub.server).await;
    page("p3", "Name\n", "p4").mount(&stub.server).await;
    page("p4", "Name\nD\n", "null").mount(&stub.server).await;
    let rows = all(&stub.org().await).await.unwrap();
    assert_eq!(rows.concat(), ["Name", "A", "B", "C", "D"]);
}

#[tokio::test]
async fn a_page_without_the_header_of_the_page_before_is_a_transient_fault() {
    for body in ["", "B\n", "<html><body>Blocked</body></html>\n", "Name,Email\nB,\n"] {
        let stub = StubOrg::start().await;
        stub.answer("GET", FAILED, csv("Name\nA\n").insert_header("Sforce-Locator", "p2")).await;
        let page = Mock::given(path(format!("/services/data{FAILED}"))).and(query_param("locator", "p2"));
        page.respond_with(csv(body)).with_priority(1).mount(&stub.server).await;
        let fault = all(&stub.org().await).await.unwrap_err();
        assert!(fault.is_transient() && fault.message().contains("header of the page before"), "{body:?} {fault:?}");
    }
}

/// Without any header the first page can be a result without rows, and one after it says nothing.
#[tokio::test]
async fn a_page_after_one_without_a_header_is_a_transient_fault() {
    let stub = StubOrg::start().await;
    stub.answer_once("GET", FAILED, csv("").insert_header("Sforce-Locator", "p2")).await;
    stub.answer("GET", FAILED, csv("")).await;
    assert!(all(&stub.org().await).await.unwrap_err().is_transient());
}

#[tokio::test]
async fn a_page_that_names_itself_as_the_next_is_a_fault() {
    let stub = StubOrg::start().await;
    stub.answer("GET", FAILED, csv("Name\nA\n").insert_header("Sforce-Locator", "p2")).await;
    assert_eq!(all(&stub.org().await).await.unwrap_err().kind(), FaultKind::Unexpected);
}

#[tokio::test]
async fn a_page_has_as_many_rows_as_the_org_says() {
    for (body, count, rows) in [
        ("Name\nA\nB\n", "2", Some(3)),
        ("Name\nA\nB\n", "many", Some(3)),
        ("Name\n", "0", Some(1)),
        ("Name\nA\n", "2", None),
        ("Name\nA\nB\n", "1", None),
        ("", "1", None),
    ] {
        let stub = StubOrg::start().await;
        stub.answer("GET", FAILED, csv(body).insert_header("Sforce-NumberOfRecords", count)).await;
        let read = all(&stub.org().await).await;
        assert_eq!(read.as_ref().ok().map(Vec::len), rows, "{body:?} {count}");
        if let Err(fault) = read {
            assert!(fault.is_transient() && fault.message().contains("Salesforce says"), "{fault:?}");
        }
    }
}

#[tokio::test]
async fn missing_results_of_a_job_are_a_transient_fault() {
    let stub = StubOrg::start().await;
    let missing = r#"[{"errorCode":"NOT_FOUND","message":"m"}]"#;
    stub.answer("GET", FAILED, ResponseTemplate::new(404).set_body_raw(missing, "application/json")).await;
    let fault = open(&stub.org().await).await.err().unwrap();
    assert_eq!((fault.kind(), fault.outcome()), (FaultKind::Transient, Outcome::Unknown));
}

#[tokio::test]
async fn a_compressed_answer_is_unpacked() {
    use std::io::Write;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all("Name\n\"A\"\n".as_bytes()).unwrap();
    let packed = gzip.finish().unwrap();
    let stub = StubOrg::start().await;
    stub.answer_once("GET", FAILED, csv(packed.clone()).insert_header("content-encoding", "gzip")).await;
    let cut = packed[..packed.len() - 6].to_vec();
    stub.answer("GET", FAILED, csv(cut).insert_header("content-encoding", "gzip")).await;
    let org = stub.org().await;
    assert_eq!(all(&org).await.unwrap(), [["Name"], ["A"]]);
    assert!(all(&org).await.unwrap_err().is_transient(), "the end of the packed stream is missing");
}
