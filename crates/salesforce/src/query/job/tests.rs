use wiremock::ResponseTemplate;

use super::*;
use crate::query::Condition;
use crate::stub_org::StubOrg;

const ID: &str = "7503h00000CV7GpAAL";
const CREATE: &str = "/v62.0/jobs/query";
const STATUS: &str = "/v62.0/jobs/query/7503h00000CV7GpAAL";
const RESULTS: &str = "/v62.0/jobs/query/7503h00000CV7GpAAL/results";

fn soql() -> Soql {
    Soql::select("Contact", ["Id", "Email"]).filtered(Condition::not_null("Email"))
}

fn status(rest: &str) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_raw(format!(r#"{{"id":"{ID}",{rest}}}"#), "application/json")
}

fn complete(rows: u64) -> ResponseTemplate {
    status(&format!(r#""state":"JobComplete","numberRecordsProcessed":{rows}"#))
}

fn page(rows: &str, count: &str, locator: &str) -> ResponseTemplate {
    let body = format!("\"Id\",\"Email\"\n{rows}");
    let answer = ResponseTemplate::new(200).set_body_raw(body, "text/csv").insert_header("Sforce-Locator", locator);
    if count.is_empty() { answer } else { answer.insert_header("Sforce-NumberOfRecords", count) }
}

/// A stub with a job in this status.
async fn stub(status_answer: ResponseTemplate) -> StubOrg {
    let stub = StubOrg::start().await;
    stub.answer("POST", CREATE, status(r#""state":"UploadComplete""#)).await;
    stub.answer("GET", STATUS, status_answer).await;
    stub
}

async fn all(stub: &StubOrg) -> Result<Vec<(String, Option<String>)>, Fault> {
    read(&stub.org().await).await
}

async fn read(org: &Org) -> Result<Vec<(String, Option<String>)>, Fault> {
    let mut rows = org.query_job(&soql(), &|_: u64| {}).await?;
    let mut all = Vec::new();
    while let Some(row) = rows.next().await? {
        all.push((row.get("id").unwrap().to_owned(), row.get("Email").map(str::to_owned)));
    }
    assert!(rows.next().await?.is_none(), "the end stays the end");
    Ok(all)
}

#[tokio::test]
async fn pages_are_followed_and_an_empty_cell_is_null() {
    let stub = stub(complete(3)).await;
    stub.answer_once("GET", RESULTS, page("\"1\",\"a\"\n\"2\",\"\"\n", "2", "L2")).await;
    stub.answer_once("GET", RESULTS, page("\"3\",\"say \"\"hi\"\"\nbye\"\n", "1", "null")).await;
    let expected = [("1", Some("a")), ("2", None), ("3", Some("say \"hi\"\nbye"))];
    let rows = all(&stub).await.unwrap();
    let rows: Vec<_> = rows.iter().map(|(id, email)| (id.as_str(), email.as_deref())).collect();
    assert_eq!(rows, expected);
    let asked = stub.requests("GET", RESULTS).await;
    assert_eq!(
        asked.iter().map(|request| request.url.query().unwrap()).collect::<Vec<_>>(),
        ["maxRecords=100000", "maxRecords=100000&locator=L2"]
    );
    let created = &stub.requests("POST", CREATE).await[0];
    let body: serde_json::Value = serde_json::from_slice(&created.body).unwrap();
    assert_eq!((&body["operation"], &body["query"]), (&json!("query"), &json!(soql().to_string())));
}

#[tokio::test]
async fn columns_are_found_by_name_in_any_case_and_order() {
    let stub = stub(complete(1)).await;
    let body = ResponseTemplate::new(200).set_body_raw("\"EMAIL\",\"ID\"\n\"a\",\"1\"\n", "text/csv");
    stub.answer("GET", RESULTS, body.insert_header("Sforce-NumberOfRecords", "1")).await;
    assert_eq!(all(&stub).await.unwrap(), [("1".to_owned(), Some("a".to_owned()))]);
}

#[tokio::test]
async fn a_page_that_cannot_be_trusted_is_read_again() {
    for foreign in [
        ResponseTemplate::new(200).set_body_raw("", "text/csv"),
        ResponseTemplate::new(200).set_body_raw("<html>\n</html>\n", "text/html"),
        ResponseTemplate::new(404).set_body_raw(r#"[{"errorCode":"NOT_FOUND","message":"m"}]"#, "application/json"),
        ResponseTemplate::new(400)
            .set_body_raw(r#"[{"errorCode":"INVALIDJOBSTATE","message":"m"}]"#, "application/json"),
        ResponseTemplate::new(503),
        page("\"1\",\"a\"\n", "", "null"),
        page("\"1\",\"a\"\n", "2", "null"),
        page("\"1\",\"a\"\n\"2\"\n", "2", "null"),
        page("\"1\",\"a\"\n\"2\",\"b\",\"c\"\n", "2", "null"),
        page("\"1\",\"a\"\n\"2\",\"b", "2", "null"),
        ResponseTemplate::new(200)
            .set_body_raw(b"\"Id\",\"Email\"\n\"1\",\"a\"\n\"2\",\"\xff\"\n".to_vec(), "text/csv")
            .insert_header("Sforce-NumberOfRecords", "2"),
        ResponseTemplate::new(200)
            .set_body_raw("\"Id\"\n\"1\"\n\"2\"\n", "text/csv")
            .insert_header("Sforce-NumberOfRecords", "2"),
    ] {
        let stub = stub(complete(2)).await;
        stub.answer_once("GET", RESULTS, foreign).await;
        stub.answer("GET", RESULTS, page("\"2\",\"b\"\n\"1\",\"a\"\n", "2", "null")).await;
        let rows = [("2", Some("b")), ("1", Some("a"))];
        let rows = rows.map(|(id, email)| (id.to_owned(), email.map(str::to_owned)));
        assert_eq!(read(&stub.patient_org().await).await.unwrap(), rows);
    }
}

#[tokio::test]
async fn the_rows_must_be_as_many_as_the_job_says() {
    for (answer, locator) in [
        (complete(0), "null"),
        (complete(1), "null"),
        (complete(3), "null"),
        (status(r#""state":"JobComplete""#), "null"),
        (complete(1), "L2"),
    ] {
        let stub = stub(answer).await;
        stub.answer("GET", RESULTS, page("\"1\",\"a\"\n\"2\",\"b\"\n", "2", locator)).await;
        let fault = all(&stub).await.unwrap_err();
        assert!(fault.message().contains("rows, and Salesforce says"), "{fault}");
    }
}

#[tokio::test]
async fn a_count_that_is_late_is_waited_for() {
    let stub = stub(complete(2)).await;
    stub.answer_once("GET", STATUS, complete(0)).await;
    stub.answer("GET", RESULTS, page("\"1\",\"a\"\n\"2\",\"b\"\n", "2", "null")).await;
    assert_eq!(all(&stub).await.unwrap().len(), 2);
}

#[tokio::test]
async fn no_row_at_all_is_asked_for_twice() {
    let none = stub(complete(0)).await;
    none.answer("GET", RESULTS, page("", "0", "null")).await;
    assert_eq!((all(&none).await.unwrap().len(), none.requests("GET", STATUS).await.len()), (0, 2));

    let lost = stub(complete(2)).await;
    lost.answer_once("GET", STATUS, complete(0)).await;
    lost.answer("GET", RESULTS, page("", "0", "null")).await;
    assert!(all(&lost).await.unwrap_err().message().contains("have 0 rows, and Salesforce says 2"));
}

#[tokio::test]
async fn a_page_that_names_itself_ends_the_query() {
    let stub = stub(complete(9)).await;
    stub.answer("GET", RESULTS, page("\"1\",\"a\"\n", "1", "L2")).await;
    assert_eq!(all(&stub).await.unwrap_err().kind(), FaultKind::Unexpected);
}

#[tokio::test]
async fn a_job_that_does_not_complete_is_a_fault() {
    for (rest, kind, part) in [
        (r#""state":"Failed""#, FaultKind::Transient, "failed: Salesforce does not say why"),
        (r#""state":"Failed","errorMessage":"InvalidBatch : no"#.to_owned().as_str(), FaultKind::Configuration, "no"),
        (r#""state":"Aborted""#, FaultKind::InvalidJobState, "someone aborted the query job"),
    ] {
        let rest = if rest.ends_with("no") { format!("{rest}\"") } else { rest.to_owned() };
        let stub = stub(status(&rest)).await;
        let fault = all(&stub).await.unwrap_err();
        assert_eq!(fault.kind(), kind, "{fault}");
        assert!(fault.message().contains(part), "{fault}");
    }
    let gone = StubOrg::start().await;
    gone.answer("POST", CREATE, status(r#""state":"InProgress""#)).await;
    assert!(all(&gone).await.unwrap_err().message().contains("is gone"));
}

/// Notes in which order it is asked for a wait, and told of a question and of rows.
#[derive(Default)]
struct Order(std::sync::Mutex<Vec<&'static str>>);

impl JobWatcher for Order {
    fn progressed(&self, rows: u64) {
        assert_eq!(rows, 7);
        self.0.lock().unwrap().push("rows");
    }

    fn wait(&self, _: Duration, usual: Duration) -> Duration {
        assert!(usual >= Duration::from_millis(150), "{usual:?}");
        self.0.lock().unwrap().push("wait");
        Duration::ZERO
    }

    fn asks(&self) {
        self.0.lock().unwrap().push("ask");
    }
}

/// It may have ended long ago.
#[tokio::test]
async fn a_job_of_an_earlier_run_is_asked_at_once_and_a_new_one_after_a_wait() {
    let stub = stub(complete(1)).await;
    for is_new in [false, true] {
        for _ in 0..2 {
            stub.answer_once("GET", STATUS, status(r#""state":"InProgress","numberRecordsProcessed":7"#)).await;
        }
        let org = stub.org().await;
        let running = match is_new {
            true => org.create_query_job(&soql(), QueryScope::Live).await.unwrap(),
            false => org.resume_query_job(ID, &soql()).unwrap(),
        };
        let order = Order::default();
        let complete = running.wait(&order).await.unwrap();
        let expected = ["wait", "ask", "rows", "wait", "ask", "rows", "wait", "ask"];
        assert_eq!(order.0.into_inner().unwrap(), expected[usize::from(!is_new)..]);
        assert_eq!((complete.rows(), running.id()), (Some(1), ID));
        assert_eq!(running.requests(), 3 + u64::from(is_new), "each request is counted");
    }
}

#[tokio::test]
async fn a_job_that_never_ends_is_aborted() {
    let stub = stub(status(r#""state":"InProgress""#)).await;
    stub.answer("PATCH", STATUS, status(r#""state":"Aborted""#)).await;
    let fault = stub.hasty_org().await.query_job(&soql(), &|_: u64| {}).await.err().unwrap();
    assert_eq!(fault.kind(), FaultKind::StillRunning);
    assert_eq!(stub.requests("PATCH", STATUS).await.len(), 1);
}

#[tokio::test]
async fn wider_rows_come_in_smaller_pages() {
    for (fields, rows) in [(1, 200_000), (2, 100_000), (8, 25_000), (200, 1_000), (800, 1_000)] {
        let stub = stub(complete(0)).await;
        let names: Vec<String> = (0..fields).map(|number| format!("F{number}")).collect();
        let header = ResponseTemplate::new(200).set_body_raw(names.join(","), "text/csv");
        stub.answer("GET", RESULTS, header.insert_header("Sforce-NumberOfRecords", "0")).await;
        let mut read = stub.org().await.query_job(&Soql::select("A", names), &|_: u64| {}).await.unwrap();
        assert!(read.next().await.unwrap().is_none());
        let asked = stub.requests("GET", RESULTS).await;
        assert_eq!(asked[0].url.query(), Some(format!("maxRecords={rows}").as_str()));
    }
}
