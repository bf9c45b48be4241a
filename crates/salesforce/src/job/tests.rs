use std::future::pending;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use wiremock::matchers::{body_partial_json, method, path};
use wiremock::{Mock, ResponseTemplate};

use super::*;
use crate::fault::Limit;
use crate::stub_org::{StubOrg, Then, ok, org_at, quick, raw_server};

mod watch;

const ID: &str = "7503h00000CV7GpAAL";
const JOBS: &str = "/v62.0/jobs/ingest";
const JOB: &str = "/v62.0/jobs/ingest/7503h00000CV7GpAAL";
const BATCHES: &str = "/v62.0/jobs/ingest/7503h00000CV7GpAAL/batches";

/// A CSV in three pieces that counts how often it is read.
struct Pieces(AtomicU32);

impl CsvBody for Pieces {
    fn len(&self) -> u64 {
        14
    }

    fn pieces(self: Arc<Self>) -> Box<dyn Iterator<Item = Bytes> + Send> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Box::new(["Name\n", "\"Zo\u{eb}\"\n", "X\n"].into_iter().map(Bytes::from))
    }
}

fn csv() -> Arc<Pieces> {
    Arc::new(Pieces(AtomicU32::new(0)))
}

fn spec() -> JobSpec {
    JobSpec {
        object: "Contact".into(),
        operation: Operation::Upsert,
        external_id_field: Some("Ext__c".into()),
        assignment_rule_id: None,
    }
}

fn status(state: &str) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(json!({ "id": ID, "state": state }))
}

fn refusal(status: u16, code: &str) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(json!([{ "errorCode": code, "message": "Words of the org." }]))
}

/// An org with one job, which accepts its data and an abort. The test chooses the answers to close and status.
async fn stub() -> StubOrg {
    let stub = StubOrg::start().await;
    stub.answer("POST", JOBS, status("Open")).await;
    stub.answer("PUT", BATCHES, ResponseTemplate::new(201)).await;
    let abort = Mock::given(method("PATCH")).and(path(format!("/services/data{JOB}")));
    let abort = abort.and(body_partial_json(json!({ "state": "Aborted" }))).respond_with(status("Aborted"));
    abort.with_priority(1).mount(&stub.server).await;
    stub
}

async fn uploaded(org: &Org) -> UploadedJob {
    org.create_job(&spec()).await.unwrap().upload(csv(), pending()).await.unwrap()
}

/// The states that the client has set, in order.
async fn set_states(stub: &StubOrg) -> Vec<String> {
    let asked = stub.requests("PATCH", JOB).await;
    let state = |body: &[u8]| serde_json::from_slice::<Value>(body).unwrap()["state"].as_str().unwrap().to_owned();
    asked.iter().map(|request| state(&request.body)).collect()
}

/// Compiles only if a spawned task can make every call of a job.
#[allow(dead_code, reason = "only the compiler reads it")]
fn calls_are_send(org: &Org, open: OpenJob, uploaded: UploadedJob, running: RunningJob, finished: &FinishedJob) {
    fn is_send(_: impl Send) {}
    is_send(org.create_job(&spec()));
    is_send(open.upload(csv(), pending()));
    is_send(uploaded.close(pending()));
    is_send(running.wait(1, &|_: u64| {}));
    is_send(async { finished.failed_rows().await?.next().await.map(|row| row.is_some()) });
    is_send(org.describe_many(&[]));
    is_send(org.limits());
}

#[tokio::test]
async fn a_job_is_created_uploaded_closed_and_waited_for() {
    let stub = stub().await;
    stub.answer("PATCH", JOB, status("UploadComplete")).await;
    stub.answer_once("GET", JOB, status("InProgress")).await;
    let end = json!({ "id": ID, "state": "JobComplete", "numberRecordsProcessed": 2, "numberRecordsFailed": 1 });
    stub.answer("GET", JOB, ResponseTemplate::new(200).set_body_json(end)).await;
    let job = uploaded(&stub.org().await).await.close(pending()).await.unwrap().wait(2, &|_: u64| {}).await.unwrap();
    assert_eq!((job.id(), job.end()), (ID, &JobEnd::Complete));
    assert_eq!((job.rows_processed(), job.rows_failed()), (Some(2), Some(1)));

    let create: Value = stub.requests("POST", JOBS).await[0].body_json().unwrap();
    let expected = json!({
        "object": "Contact", "operation": "upsert", "contentType": "CSV", "columnDelimiter": "COMMA",
        "lineEnding": "LF", "externalIdFieldName": "Ext__c"
    });
    assert_eq!(create, expected);
    let upload = &stub.requests("PUT", BATCHES).await[0];
    assert_eq!(upload.headers["content-type"], "text/csv; charset=UTF-8");
    assert_eq!(upload.headers["content-length"], "14");
    assert!(!upload.headers.contains_key("transfer-encoding"));
    assert_eq!(upload.body, "Name\n\"Zo\u{eb}\"\nX\n".as_bytes());
    assert_eq!(set_states(&stub).await, ["UploadComplete"]);
    assert!(stub.requests("DELETE", JOB).await.is_empty(), "a job is never deleted");
}

#[tokio::test]
async fn a_job_is_created_with_the_settings_that_it_has() {
    let stub = stub().await;
    let plain = JobSpec {
        operation: Operation::HardDelete,
        external_id_field: None,
        assignment_rule_id: Some("01Q000000000001".into()),
        ..spec()
    };
    let job = stub.org().await.create_job(&plain).await.unwrap();
    assert_eq!(job.id(), ID);
    let body: Value = stub.requests("POST", JOBS).await[0].body_json().unwrap();
    assert_eq!(body["operation"], "hardDelete");
    assert_eq!(body["assignmentRuleId"], "01Q000000000001");
    assert!(body.get("externalIdFieldName").is_none());
}

#[tokio::test]
async fn a_creation_without_an_answer_is_retried() {
    let stub = stub().await;
    stub.answer_once("POST", JOBS, ResponseTemplate::new(503)).await;
    stub.answer_once("POST", JOBS, ResponseTemplate::new(200).set_body_json(json!({ "id": "../../x" }))).await;
    stub.org().await.create_job(&spec()).await.unwrap();
    assert_eq!(stub.requests("POST", JOBS).await.len(), 3);
}

#[tokio::test]
async fn a_refused_creation_is_reported_at_once() {
    for (answer, kind) in [
        (refusal(400, "INVALIDENTITY"), FaultKind::Configuration),
        (refusal(400, "FEATURENOTENABLED"), FaultKind::Permission),
        (refusal(400, "EXCEEDEDQUOTA"), FaultKind::LimitReached(Limit::DailyBatches)),
    ] {
        let stub = stub().await;
        stub.answer_once("POST", JOBS, answer).await;
        let fault = stub.org().await.create_job(&spec()).await.err().unwrap();
        assert_eq!((fault.kind(), stub.requests("POST", JOBS).await.len()), (kind, 1));
    }
}

#[tokio::test]
async fn an_upload_that_was_turned_away_is_sent_again_from_its_start() {
    let stub = stub().await;
    stub.answer_once("PUT", BATCHES, ResponseTemplate::new(429)).await;
    let body = csv();
    stub.org().await.create_job(&spec()).await.unwrap().upload(Arc::<Pieces>::clone(&body), pending()).await.unwrap();
    assert_eq!(body.0.load(Ordering::Relaxed), 2);
    assert!(stub.requests("PUT", BATCHES).await.iter().all(|request| request.body.len() == 14));

    let stub = self::stub().await;
    stub.answer_once("PUT", BATCHES, refusal(401, "INVALID_SESSION_ID")).await;
    uploaded(&stub.org().await).await;
    assert_eq!(stub.requests("PUT", BATCHES).await.len(), 2);
}

#[tokio::test]
async fn an_upload_without_a_clear_answer_aborts_the_job() {
    for (answer, kind) in [
        (ResponseTemplate::new(503), FaultKind::Transient),
        (ResponseTemplate::new(201).set_delay(2 * quick().answer), FaultKind::Transient),
        (ResponseTemplate::new(200), FaultKind::Transient),
        (ResponseTemplate::new(201).set_body_raw("<html>", "text/html"), FaultKind::Transient),
        (refusal(400, "INVALIDJOBSTATE"), FaultKind::InvalidJobState),
    ] {
        let stub = stub().await;
        stub.answer_once("PUT", BATCHES, answer).await;
        let open = stub.org().await.create_job(&spec()).await.unwrap();
        let Err(UploadError::NotUploaded(fault)) = open.upload(csv(), pending()).await else { panic!("uploaded") };
        assert_eq!((fault.kind(), fault.outcome()), (kind, Outcome::Known), "a job that is not closed has no effect");
        assert_eq!(stub.requests("PUT", BATCHES).await.len(), 1, "a job takes one upload only");
        assert_eq!(set_states(&stub).await, ["Aborted"]);
    }
}

#[tokio::test]
async fn a_stopped_upload_aborts_the_job() {
    let stub = stub().await;
    stub.answer_once("PUT", BATCHES, ResponseTemplate::new(201).set_delay(Duration::from_secs(60))).await;
    let open = stub.org().await.create_job(&spec()).await.unwrap();
    let outcome = open.upload(csv(), std::future::ready(())).await;
    assert!(matches!(outcome, Err(UploadError::Stopped)));
    assert_eq!(set_states(&stub).await, ["Aborted"]);
}

#[tokio::test]
async fn a_close_without_a_clear_answer_is_settled_by_the_status() {
    let closed = ["UploadComplete", "InProgress", "JobComplete", "Failed", "Aborted"];
    let unclear = [
        (ResponseTemplate::new(503), &closed[..]),
        (ResponseTemplate::new(500).set_body_raw("<html>", "text/html"), &closed),
        (refusal(400, "INVALIDJOBSTATE"), &closed),
        (ResponseTemplate::new(200), &closed),
        (ResponseTemplate::new(200).set_body_raw("<html>", "text/html"), &closed),
        (
            ResponseTemplate::new(200).set_body_json(json!({ "id": "750xx0000000009AAA", "state": "InProgress" })),
            &closed,
        ),
        (status("Open"), &closed),
        // One state only, because each takes two seconds.
        (status("UploadComplete").set_delay(2 * quick().answer), &closed[..1]),
    ];
    for (answer, closed) in unclear {
        for state in closed {
            let stub = stub().await;
            stub.answer("PATCH", JOB, answer.clone()).await;
            stub.answer("GET", JOB, status(state)).await;
            uploaded(&stub.org().await).await.close(pending()).await.unwrap();
            assert_eq!(set_states(&stub).await, ["UploadComplete"], "{state}");
        }
        let stub = stub().await;
        stub.answer_once("PATCH", JOB, answer).await;
        stub.answer("PATCH", JOB, status("UploadComplete")).await;
        stub.answer("GET", JOB, status("Open")).await;
        uploaded(&stub.patient_org().await).await.close(pending()).await.unwrap();
        assert_eq!(set_states(&stub).await, ["UploadComplete"; 2]);
    }
}

#[tokio::test]
async fn a_close_whose_answer_is_cut_off_is_settled_by_the_status() {
    for (state, closes) in [("InProgress", 1), ("Open", 2)] {
        let closed = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&closed);
        let uri = raw_server(Then::Close, move |head| match head.split(' ').next() {
            Some("POST") => ok(&format!(r#"{{"id":"{ID}","state":"Open"}}"#)),
            Some("PUT") => b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec(),
            Some("PATCH") if count.fetch_add(1, Ordering::Relaxed) == 0 => b"HTTP/1.1 2".to_vec(),
            Some("PATCH") => ok(&format!(r#"{{"id":"{ID}","state":"UploadComplete"}}"#)),
            _ => ok(&format!(r#"{{"id":"{ID}","state":"{state}"}}"#)),
        })
        .await;
        uploaded(&org_at(&uri).await).await.close(pending()).await.unwrap();
        assert_eq!(closed.load(Ordering::Relaxed), closes, "{state}");
    }
}

#[tokio::test]
async fn a_job_that_does_not_close_is_aborted() {
    let stub = stub().await;
    stub.answer("PATCH", JOB, ResponseTemplate::new(503)).await;
    stub.answer("GET", JOB, status("Open")).await;
    let Err(CloseError::NotClosed(fault)) = uploaded(&stub.org().await).await.close(pending()).await else {
        panic!("closed")
    };
    assert_eq!(fault.kind(), FaultKind::Transient);
    assert_eq!(fault.outcome(), Outcome::Known, "the job was seen open");
    let states = set_states(&stub).await;
    assert!(states.len() > 5, "{}", states.len());
    assert_eq!(states.last().unwrap(), "Aborted");
}

#[tokio::test]
async fn the_outcome_of_a_close_is_unknown_while_the_status_is() {
    let used_up = FaultKind::LimitReached(Limit::DailyRequests);
    for (answer, kind, outcome) in [
        (ResponseTemplate::new(503), FaultKind::Transient, Outcome::Unknown),
        (refusal(404, "NOT_FOUND"), FaultKind::NotFound, Outcome::Unknown),
        (refusal(403, "REQUEST_LIMIT_EXCEEDED"), used_up, Outcome::Known),
    ] {
        let stub = stub().await;
        stub.answer("PATCH", JOB, ResponseTemplate::new(503)).await;
        stub.answer("GET", JOB, answer).await;
        let Err(CloseError::OutcomeUnknown(fault)) = uploaded(&stub.org().await).await.close(pending()).await else {
            panic!("known")
        };
        assert_eq!((fault.kind(), fault.outcome()), (kind, outcome));
        assert_eq!(set_states(&stub).await, ["UploadComplete"], "it may run, so it is not aborted");
    }
}

#[tokio::test]
async fn a_refused_close_aborts_the_job() {
    let stub = stub().await;
    stub.answer("PATCH", JOB, refusal(403, "API_DISABLED_FOR_ORG")).await;
    let Err(CloseError::NotClosed(fault)) = uploaded(&stub.org().await).await.close(pending()).await else {
        panic!("closed")
    };
    assert_eq!(fault.kind(), FaultKind::Permission);
    assert_eq!(set_states(&stub).await, ["UploadComplete", "Aborted"]);
}

#[tokio::test]
async fn a_failed_abort_is_no_fault() {
    let stub = stub().await;
    let org = stub.org().await;
    org.create_job(&spec()).await.unwrap().abort().await;
    uploaded(&org).await.abort().await;
    assert_eq!(set_states(&stub).await, ["Aborted"; 2]);
    let closed = StubOrg::start().await;
    closed.answer("POST", JOBS, status("Open")).await;
    closed.answer("PATCH", JOB, refusal(400, "INVALIDJOBSTATE")).await;
    closed.org().await.create_job(&spec()).await.unwrap().abort().await;
}
