use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use wiremock::matchers::{header, path};
use wiremock::{Mock, ResponseTemplate};

use super::*;
use crate::CsvBody;
use crate::fault::Limit;
use crate::stub_org::{StubOrg, Then, USER_AGENT, org_at, quick, raw_server};

const AT: &str = "/v62.0/x";

/// A call that is always retried, and one that is retried only when Salesforce did nothing.
fn calls() -> [(&'static str, &'static str, Call); 2] {
    let once = Call::json(Method::PATCH, &["x"], json!({}), RetryWhen::NothingDone);
    [("GET", "always", Call::get(&["x"])), ("PATCH", "once", once)]
}

fn refusal(status: u16, code: &str) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(json!([{ "errorCode": code, "message": "Words of the org." }]))
}

fn done() -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(json!({ "done": true }))
}

#[test]
fn a_name_stays_one_segment_of_the_address() {
    let instance: Url = "https://example.my.salesforce.com".parse().unwrap();
    for (path, url) in [
        (&[][..], "/services/data"),
        (&["limits"], "/services/data/v62.0/limits"),
        (&["sobjects", "../../x?y#z", "describe"], "/services/data/v62.0/sobjects/..%2F..%2Fx%3Fy%23z/describe"),
    ] {
        assert_eq!(Call::get(path).url(&instance).as_str(), format!("https://example.my.salesforce.com{url}"));
    }
}

#[test]
fn a_call_may_have_several_query_pairs() {
    let instance: Url = "https://example.my.salesforce.com".parse().unwrap();
    let call =
        Call::get_csv(&["jobs", "query", "750", "results"]).query("locator", "MTAw&x=1").query("maxRecords", "50000");
    let url = "https://example.my.salesforce.com/services/data/v62.0/jobs/query/750/results?locator=MTAw%26x%3D1&\
               maxRecords=50000";
    assert_eq!(call.url(&instance).as_str(), url);
}

/// A CSV that only has a length.
struct Csv(u64);

impl CsvBody for Csv {
    fn len(&self) -> u64 {
        self.0
    }

    fn pieces(self: Arc<Self>) -> Box<dyn Iterator<Item = Bytes> + Send> {
        Box::new(std::iter::empty())
    }
}

#[test]
fn the_time_of_an_upload_grows_with_its_length() {
    let timing = Timing::default();
    let seconds = |call: Call| call.limit(&timing).as_secs();
    assert_eq!(seconds(Call::get(&["x"])), 120);
    assert_eq!(seconds(Call::get_csv(&["x"])), 300);
    assert_eq!(seconds(Call::upload(&["x"], Arc::new(Csv(1_000)))), 120);
    // 100 MB at 100 kB a second, 0.8 Mbit/s.
    assert_eq!(seconds(Call::upload(&["x"], Arc::new(Csv(100_000_000)))), 120 + 1_000);
}

#[tokio::test]
async fn every_call_has_user_agent_and_token() {
    let stub = StubOrg::start().await;
    stub.answer("GET", AT, done()).await;
    let org = stub.org().await;
    assert_eq!((org.organization_id(), org.requests()), (None, 0), "the sign-in names no org");
    org.http.response(&Call::get(&["x"])).await.unwrap();
    assert_eq!(org.requests(), 1);
    let asked = stub.requests("GET", AT).await;
    let headers = &asked[0].headers;
    assert_eq!(headers["authorization"], "Bearer 00Dx!first");
    assert_eq!(headers["user-agent"], USER_AGENT);
    assert!(headers["accept-encoding"].to_str().unwrap().contains("gzip"));
    assert_eq!(headers["accept"], "application/json");
}

#[tokio::test]
async fn transient_faults_are_retried() {
    // The answer, whether a call that may be retried always is retried, and whether the other one is.
    let cases = [
        (ResponseTemplate::new(503), true, false),
        (ResponseTemplate::new(500).set_body_raw("<html>", "text/html"), true, false),
        (refusal(500, "UNKNOWN_EXCEPTION"), true, false),
        (refusal(400, "UNABLE_TO_LOCK_ROW"), true, false),
        (ResponseTemplate::new(420), true, false),
        (ResponseTemplate::new(406), true, false),
        (ResponseTemplate::new(429), true, true),
        (done().set_delay(2 * quick().answer), true, false),
        (refusal(400, "INVALIDJOBSTATE"), false, false),
        (refusal(403, "REQUEST_LIMIT_EXCEEDED"), false, false),
        (refusal(404, "NOT_FOUND"), false, false),
    ];
    for (answer, always, once) in cases {
        for ((verb, name, call), retried) in calls().into_iter().zip([always, once]) {
            let stub = StubOrg::start().await;
            stub.answer_once(verb, AT, answer.clone()).await;
            stub.answer(verb, AT, done()).await;
            let result = stub.org().await.http.response(&call).await;
            assert_eq!(result.is_ok(), retried, "{name} {answer:?}: {result:?}");
            assert_eq!(stub.requests(verb, AT).await.len(), 1 + usize::from(retried), "{name} {answer:?}");
        }
    }
}

#[tokio::test]
async fn a_call_over_the_concurrency_limit_is_always_retried() {
    let stub = StubOrg::start().await;
    let busy = json!([{ "errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "ConcurrentPerOrgLongTxn Limit exceeded." }]);
    stub.answer_once("PATCH", AT, ResponseTemplate::new(403).set_body_json(busy)).await;
    stub.answer("PATCH", AT, done()).await;
    let [_, (.., once)] = calls();
    stub.org().await.http.response(&once).await.unwrap();
}

#[tokio::test]
async fn only_a_call_that_must_not_be_made_twice_has_an_unknown_outcome() {
    for (answer, after_once) in
        [(ResponseTemplate::new(503), Outcome::Unknown), (ResponseTemplate::new(429), Outcome::Known)]
    {
        for ((verb, name, call), outcome) in calls().into_iter().zip([Outcome::Known, after_once]) {
            let stub = StubOrg::start().await;
            stub.answer(verb, AT, answer.clone()).await;
            let fault = stub.org().await.http.response(&call).await.unwrap_err();
            assert_eq!((fault.kind(), fault.outcome()), (FaultKind::Transient, outcome), "{name} {answer:?}");
        }
    }
    let stub = StubOrg::start().await;
    stub.answer("PATCH", AT, done().set_delay(2 * quick().answer)).await;
    let [_, (.., once)] = calls();
    let fault = stub.org().await.http.response(&once).await.unwrap_err();
    assert_eq!((fault.kind(), fault.outcome()), (FaultKind::Transient, Outcome::Unknown));
}

#[tokio::test]
async fn without_a_connection_the_outcome_is_known() {
    let stub = StubOrg::start().await;
    let nowhere = json!({ "access_token": "t", "instance_url": "http://127.0.0.1:1" });
    Mock::given(path("/services/oauth2/token"))
        .respond_with(ResponseTemplate::new(200).set_body_json(nowhere))
        .mount(&stub.server)
        .await;
    let org = org_at(&stub.server.uri()).await;
    for (_, name, call) in calls() {
        let fault = org.http.response(&call).await.unwrap_err();
        assert_eq!((fault.kind(), fault.outcome()), (FaultKind::Transient, Outcome::Known), "{name}");
    }
}

#[tokio::test]
async fn the_wait_of_retry_after_is_kept() {
    let stub = StubOrg::start().await;
    stub.answer_once("GET", AT, ResponseTemplate::new(503).insert_header("retry-after", "1")).await;
    stub.answer("GET", AT, done()).await;
    let org = stub.org().await;
    let started = tokio::time::Instant::now();
    org.http.response(&Call::get(&["x"])).await.unwrap();
    assert!(started.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn an_expired_token_is_renewed_once_for_all_calls() {
    let stub = StubOrg::start().await;
    let org = stub.org().await;
    // From now on only the second token is valid.
    stub.answer("GET", AT, refusal(401, "INVALID_SESSION_ID")).await;
    stub.answer("PATCH", AT, refusal(401, "INVALID_SESSION_ID")).await;
    let valid = Mock::given(header("authorization", "Bearer 00Dx!second")).and(path("/services/data/v62.0/x"));
    valid.respond_with(done()).with_priority(1).mount(&stub.server).await;
    let renewal = Mock::given(path("/services/oauth2/token")).respond_with(stub.token("00Dx!second"));
    renewal.with_priority(1).mount(&stub.server).await;

    let [(.., always), (.., once)] = calls();
    let both = (0..10).map(|index| org.http.response(if index % 2 == 0 { &always } else { &once }));
    for result in futures_util::future::join_all(both).await {
        result.unwrap();
    }
    assert_eq!(stub.requests("POST", "/services/oauth2/token").await.len(), 2);
}

#[tokio::test]
async fn a_token_that_is_refused_from_the_start_ends_the_call() {
    let stub = StubOrg::start().await;
    stub.answer("GET", AT, refusal(401, "INVALID_SESSION_ID")).await;
    let fault = stub.org().await.http.response(&Call::get(&["x"])).await.unwrap_err();
    assert_eq!(fault.kind(), FaultKind::SignIn);
    assert!(fault.message().contains("Words of the org") && fault.message().contains("API Enabled"));
    assert_eq!(stub.requests("GET", AT).await.len(), 3);
    assert_eq!(stub.requests("POST", "/services/oauth2/token").await.len(), 2);
}

/// Every form in which Salesforce says that a session has ended.
#[tokio::test]
async fn a_lost_session_is_renewed_under_any_status() {
    let bulk = json!({ "exceptionCode": "InvalidSessionId", "exceptionMessage": "Invalid session id" });
    let xml = r#"<?xml version="1.0" encoding="UTF-8"?><error><exceptionCode>InvalidSessionId</exceptionCode></error>"#;
    for answer in [
        refusal(401, "INVALID_SESSION_ID"),
        refusal(403, "INVALID_SESSION_ID"),
        refusal(400, "INVALIDSESSIONID"),
        ResponseTemplate::new(400).set_body_json(bulk),
        ResponseTemplate::new(400).set_body_raw(xml, "application/xml"),
        ResponseTemplate::new(401).set_body_raw("<html>", "text/html"),
    ] {
        for (verb, name, call) in calls() {
            let stub = StubOrg::start().await;
            stub.answer_once(verb, AT, answer.clone()).await;
            stub.answer(verb, AT, done()).await;
            stub.org().await.http.response(&call).await.unwrap_or_else(|fault| panic!("{name} {answer:?}: {fault}"));
            assert_eq!(stub.requests("POST", "/services/oauth2/token").await.len(), 2, "{name} {answer:?}");
        }
    }
}

/// A new session reaches all servers of the instance a moment later.
#[tokio::test]
async fn a_new_session_that_is_refused_is_tried_once_more() {
    let stub = StubOrg::start().await;
    stub.answer_once("GET", AT, refusal(401, "INVALID_SESSION_ID")).await;
    stub.answer_once("GET", AT, refusal(401, "INVALID_SESSION_ID")).await;
    stub.answer("GET", AT, done()).await;
    stub.org().await.http.response(&Call::get(&["x"])).await.unwrap();
    assert_eq!(stub.requests("POST", "/services/oauth2/token").await.len(), 2);
}

#[tokio::test]
async fn an_instance_that_has_moved_is_followed() {
    for gone in [
        ResponseTemplate::new(302),
        ResponseTemplate::new(301).set_body_raw("<html>", "text/html"),
        ResponseTemplate::new(404).set_body_raw("<html>", "text/html"),
    ] {
        let (old, new) = (StubOrg::start().await, StubOrg::start().await);
        old.answer("GET", AT, gone.clone()).await;
        new.answer("GET", AT, done()).await;
        let org = old.org().await;
        let moved = Mock::given(path("/services/oauth2/token")).respond_with(new.token("00Dx!second"));
        moved.with_priority(1).mount(&old.server).await;
        org.http.response(&Call::get(&["x"])).await.unwrap();
        assert_eq!(old.requests("GET", AT).await.len(), 1, "{gone:?}");
        assert_eq!(old.requests("POST", "/services/oauth2/token").await.len(), 2, "{gone:?}");
    }
}

#[tokio::test]
async fn an_instance_that_has_not_moved_is_not_asked_for_a_session_at_every_try() {
    let stub = StubOrg::start().await;
    stub.answer("GET", AT, ResponseTemplate::new(404).set_body_raw("<html>", "text/html")).await;
    let org = stub.org().await;
    for _ in 0..2 {
        assert_eq!(org.http.response(&Call::get(&["x"])).await.unwrap_err().kind(), FaultKind::Transient);
    }
    assert_eq!(stub.requests("POST", "/services/oauth2/token").await.len(), 2);
}

#[tokio::test]
async fn an_org_that_redirects_its_sign_in_too_is_an_outage() {
    let stub = StubOrg::start().await;
    let org = stub.org().await;
    stub.answer_once("GET", AT, ResponseTemplate::new(302)).await;
    stub.answer("GET", AT, done()).await;
    let maintenance = Mock::given(path("/services/oauth2/token")).respond_with(ResponseTemplate::new(302));
    maintenance.up_to_n_times(1).with_priority(1).mount(&stub.server).await;
    org.http.response(&Call::get(&["x"])).await.unwrap();

    // A session that is lost later is renewed: the refused sign-in is forgotten.
    stub.answer_once("GET", AT, refusal(401, "INVALID_SESSION_ID")).await;
    org.http.response(&Call::get(&["x"])).await.unwrap();
    assert_eq!(stub.requests("POST", "/services/oauth2/token").await.len(), 3);
}

#[tokio::test]
async fn redirects_are_not_followed_with_the_token() {
    let (stub, elsewhere) = (StubOrg::start().await, StubOrg::start().await);
    let target = format!("{}/services/data{AT}", elsewhere.server.uri());
    stub.answer("GET", AT, ResponseTemplate::new(307).insert_header("location", target)).await;
    let fault = stub.org().await.http.response(&Call::get(&["x"])).await.unwrap_err();
    assert_eq!((fault.kind(), fault.status()), (FaultKind::Transient, Some(307)));
    assert!(elsewhere.requests("GET", AT).await.is_empty());
}

#[tokio::test]
async fn an_answer_that_is_not_json_is_asked_for_again() {
    let stub = StubOrg::start().await;
    stub.answer_once("GET", AT, ResponseTemplate::new(200).set_body_raw("<html>", "text/html")).await;
    stub.answer("GET", AT, done()).await;
    let answer: Value = stub.org().await.http.json(&Call::get(&["x"])).await.unwrap();
    assert_eq!(answer, json!({ "done": true }));
}

#[tokio::test]
async fn the_usage_of_the_api_is_kept_and_watched() {
    let stub = StubOrg::start().await;
    stub.answer_once("GET", AT, done().insert_header("Sforce-Limit-Info", "api-usage=18/5000")).await;
    stub.answer_once("GET", AT, done()).await;
    let late = "per-app-api-usage=1/2(appName=loader); api-usage=20/5000";
    stub.answer("GET", AT, refusal(404, "NOT_FOUND").insert_header("Sforce-Limit-Info", late)).await;
    let org = stub.org().await;
    let mut usage = org.watch_api_usage();
    assert_eq!(org.api_usage(), None);
    for used in [18, 18, 20] {
        let _ = org.http.response(&Call::get(&["x"])).await;
        assert_eq!(org.api_usage(), Some(ApiUsage { used, max: 5000 }));
    }
    assert_eq!(usage.borrow_and_update().map(|usage| usage.used), Some(20));
}

#[tokio::test]
async fn only_the_beginning_of_a_long_error_is_read() {
    let stub = StubOrg::start().await;
    let long = format!(r#"[{{"errorCode":"NOT_FOUND","message":"{}"}}]"#, "x".repeat(1_000_000));
    stub.answer("GET", AT, ResponseTemplate::new(404).set_body_string(long)).await;
    let fault = stub.org().await.http.response(&Call::get(&["x"])).await.unwrap_err();
    assert_eq!((fault.kind(), fault.code()), (FaultKind::NotFound, None));
}

/// 64 KiB of an error are read.
#[tokio::test]
async fn an_error_is_read_up_to_its_longest_length() {
    for (length, code) in [(64 * 1024, Some("NOT_FOUND")), (64 * 1024 + 1, None)] {
        let stub = StubOrg::start().await;
        let (start, end) = (r#"[{"errorCode":"NOT_FOUND","message":""#, r#""}]"#);
        let body = format!("{start}{}{end}", "x".repeat(length - start.len() - end.len()));
        stub.answer("GET", AT, ResponseTemplate::new(404).set_body_string(body)).await;
        let fault = stub.org().await.http.response(&Call::get(&["x"])).await.unwrap_err();
        assert_eq!(fault.code(), code, "{length}");
    }
}

#[test]
fn an_answer_that_is_not_of_salesforce_is_named() {
    for (body, message) in [
        ("", "an empty answer"),
        (" \n", "an empty answer"),
        ("\n<html>", "an HTML page instead of an answer"),
        ("{}", "the answer is not the expected one: it has no id"),
    ] {
        let fault = foreign_answer(body.as_bytes(), "it has no id");
        assert_eq!((fault.kind(), fault.message()), (FaultKind::Transient, message), "{body:?}");
    }
}

/// A person waits for an address that cannot be reached for some seconds only, and longer for a connection that breaks.
#[tokio::test]
async fn a_connection_that_breaks_was_a_connection() {
    let org = org_at(&raw_server(Then::Close, |_| b"HTTP/1.1 2".to_vec()).await).await;
    let fault = org.http.response(&Call::get(&["x"])).await.unwrap_err();
    assert!(!fault.is_unconnected() && fault.message().contains(" broke: "), "{fault:?}");

    let stub = StubOrg::start().await;
    let nowhere = json!({ "access_token": "t", "instance_url": "http://127.0.0.1:1" });
    let token = Mock::given(path("/services/oauth2/token"));
    token.respond_with(ResponseTemplate::new(200).set_body_json(nowhere)).mount(&stub.server).await;
    let fault = stub.org().await.http.response(&Call::get(&["x"])).await.unwrap_err();
    assert!(fault.is_unconnected() && fault.message().starts_with("no connection to 127.0.0.1: "), "{fault:?}");
}

#[tokio::test]
async fn a_token_that_no_request_can_have_is_not_tried_again() {
    let stub = StubOrg::start().await;
    let token = Mock::given(path("/services/oauth2/token")).respond_with(stub.token("two\nlines"));
    token.with_priority(1).mount(&stub.server).await;
    let fault = stub.org().await.http.response(&Call::get(&["x"])).await.unwrap_err();
    assert_eq!((fault.kind(), fault.outcome()), (FaultKind::Unexpected, Outcome::Known), "{fault:?}");
    assert!(!fault.to_string().contains("lines"), "{fault}");
}

#[tokio::test]
async fn a_limit_is_reported_at_once() {
    let stub = StubOrg::start().await;
    stub.answer("GET", AT, refusal(403, "REQUEST_LIMIT_EXCEEDED")).await;
    let fault = stub.org().await.http.response(&Call::get(&["x"])).await.unwrap_err();
    assert_eq!(fault.kind(), FaultKind::LimitReached(Limit::DailyRequests));
    assert_eq!(stub.requests("GET", AT).await.len(), 1);
}
