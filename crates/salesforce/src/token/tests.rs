use serde_json::{Value, json};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::Org;
use crate::stub_org::{Then, USER_AGENT, ok, quick, raw_server, sign_in_at};

const TOKEN: &str = "/services/oauth2/token";

async fn answer(server: &MockServer, times: u64, answer: ResponseTemplate) {
    Mock::given(method("POST")).and(path(TOKEN)).respond_with(answer).up_to_n_times(times).mount(server).await;
}

fn granted(server: &MockServer, more: Value) -> ResponseTemplate {
    let mut body = json!({ "access_token": "00Dx!token", "instance_url": server.uri() });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    ResponseTemplate::new(200).set_body_json(body)
}

fn refresh_flow(uri: &str) -> SignIn {
    let flow = OAuthFlow::RefreshToken { client_id: "key".into(), client_secret: None, refresh_token: "first".into() };
    SignIn { login_url: LoginUrl::parse(uri).unwrap(), flow }
}

fn access(sign_in: SignIn, on_new_refresh_token: OnNewRefreshToken) -> OrgAccess {
    OrgAccess { sign_in, user_agent: USER_AGENT.to_owned(), on_new_refresh_token, is_patient: false, haste: 1 }
}

async fn tokens(sign_in: SignIn, on_new_refresh_token: OnNewRefreshToken) -> Result<Tokens, Fault> {
    let client = transport::client(&sign_in.login_url, USER_AGENT, quick().connect)?;
    Tokens::sign_in(client, access(sign_in, on_new_refresh_token), quick(), std::future::pending()).await
}

fn ignore() -> OnNewRefreshToken {
    Arc::new(|_| {})
}

async fn bodies(server: &MockServer) -> Vec<String> {
    let requests = server.received_requests().await.unwrap();
    requests.into_iter().map(|request| String::from_utf8(request.body).unwrap()).collect()
}

#[test]
fn an_identity_url_names_the_org() {
    for (url, expected) in [
        ("https://login.salesforce.com/id/00Dx0000000BV7z/005x00000012Q9P", Some("00Dx0000000BV7z")),
        ("https://example.my.salesforce.com/id/00Dx0000000BV7zEAH/005x00000012Q9PAAA", Some("00Dx0000000BV7z")),
        ("https://login.salesforce.com/id/00Dx0000000BV7z", Some("00Dx0000000BV7z")),
        ("https://login.salesforce.com/id/005x00000012Q9P/00Dx0000000BV7z", None),
        ("https://login.salesforce.com/id/00Dx/005x00000012Q9P", None),
        ("https://login.salesforce.com/id/00Dx0000000BV-z/005x00000012Q9P", None),
        ("https://login.salesforce.com/", None),
        ("", None),
    ] {
        assert_eq!(organization_id(url).as_deref(), expected, "{url}");
    }
}

#[tokio::test]
async fn an_answer_need_not_name_the_org() {
    for (more, expected) in [
        (json!({"id": "https://login.salesforce.com/id/00Dx0000000BV7zEAH/005x00000012Q9P"}), Some("00Dx0000000BV7z")),
        (json!({}), None),
        (json!({"id": null}), None),
        (json!({"id": 1}), None),
    ] {
        let server = MockServer::start().await;
        answer(&server, 1, granted(&server, more)).await;
        let tokens = tokens(sign_in_at(&server.uri()), ignore()).await.unwrap();
        assert_eq!(tokens.session().organization_id.as_deref(), expected);
    }
}

#[tokio::test]
async fn secrets_are_form_encoded() {
    let server = MockServer::start().await;
    answer(&server, 1, granted(&server, json!({}))).await;
    tokens(sign_in_at(&server.uri()), ignore()).await.unwrap();
    let body = &bodies(&server).await[0];
    assert_eq!(body, "grant_type=client_credentials&client_id=key&client_secret=s%26e%3Dc%2Br+t");
}

#[tokio::test]
async fn a_new_refresh_token_is_reported_before_the_renewal_ends() {
    let server = MockServer::start().await;
    answer(&server, 1, granted(&server, json!({ "refresh_token": "first" }))).await;
    answer(&server, 1, granted(&server, json!({ "refresh_token": "second" }))).await;
    answer(&server, 1, granted(&server, json!({ "refresh_token": "second" }))).await;
    answer(&server, 1, granted(&server, json!({}))).await;
    answer(&server, 1, granted(&server, json!({ "refresh_token": "third", "instance_url": "http://127.0.0.1:1" })))
        .await;
    let reported = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&reported);
    let on_new_refresh_token: OnNewRefreshToken =
        Arc::new(move |token| lock(&seen).push(token.expose_secret().to_owned()));

    let tokens = tokens(refresh_flow(&server.uri()), on_new_refresh_token).await.unwrap();
    assert!(lock(&reported).is_empty(), "the same token is not a new one");
    for (known, sent) in [(1, "first"), (1, "second"), (1, "second"), (2, "second")] {
        tokens.renew(&tokens.session()).await.unwrap();
        assert_eq!(lock(&reported).len(), known);
        assert!(bodies(&server).await.last().unwrap().contains(&format!("refresh_token={sent}&")));
    }
    assert_eq!(*lock(&reported), ["second", "third"]);
    assert_eq!(tokens.session().instance_url.as_str(), "http://127.0.0.1:1/", "the newest answer names the instance");
}

#[tokio::test]
async fn a_new_refresh_token_is_reported_even_if_the_instance_is_refused() {
    let server = MockServer::start().await;
    let foreign = json!({ "refresh_token": "second", "instance_url": "https://salesforce.com.evil.example" });
    answer(&server, 1, granted(&server, foreign)).await;
    let reported = Arc::new(Mutex::new(0));
    let seen = Arc::clone(&reported);
    let fault = tokens(refresh_flow(&server.uri()), Arc::new(move |_| *lock(&seen) += 1)).await.err().unwrap();
    assert_eq!((fault.kind(), *lock(&reported)), (FaultKind::SignIn, 1));
    assert!(fault.message().contains("domain_url"), "{}", fault.message());
}

#[tokio::test]
async fn one_renewal_serves_all_calls() {
    let server = MockServer::start().await;
    answer(&server, 1, granted(&server, json!({}))).await;
    let slow = granted(&server, json!({ "access_token": "00Dx!second" })).set_delay(quick().answer / 4);
    answer(&server, 1, slow).await;
    let tokens = tokens(sign_in_at(&server.uri()), ignore()).await.unwrap();
    let old = tokens.session();
    let renewals = futures_util::future::join_all((0..20).map(|_| tokens.renew(&old))).await;
    for session in renewals {
        assert_eq!(session.unwrap().access_token.expose_secret(), "00Dx!second");
    }
    let again = tokens.renew(&old).await.unwrap();
    assert_eq!(again.access_token.expose_secret(), "00Dx!second", "the current session is newer than the refused one");
    assert_eq!(bodies(&server).await.len(), 2);
}

/// Signs in at a server that takes a while to answer the renewal, with a new refresh token. Also returns how many of
/// these were reported.
async fn with_slow_renewal(server: &MockServer) -> (Tokens, Arc<Mutex<i32>>) {
    answer(server, 1, granted(server, json!({}))).await;
    let slow = granted(server, json!({ "refresh_token": "second" })).set_delay(quick().answer / 4);
    answer(server, 1, slow).await;
    let reported = Arc::new(Mutex::new(0));
    let seen = Arc::clone(&reported);
    (tokens(refresh_flow(&server.uri()), Arc::new(move |_| *lock(&seen) += 1)).await.unwrap(), reported)
}

#[tokio::test]
async fn a_renewal_continues_after_the_call_that_began_it() {
    let server = MockServer::start().await;
    let (tokens, reported) = with_slow_renewal(&server).await;
    let old = tokens.session();
    assert!(tokio::time::timeout(quick().answer / 20, tokens.renew(&old)).await.is_err());
    tokens.renew(&old).await.unwrap();
    assert_eq!((bodies(&server).await.len(), *lock(&reported)), (2, 1));
}

#[tokio::test]
async fn a_renewal_is_finished_although_nobody_waits_for_it() {
    let server = MockServer::start().await;
    let (tokens, reported) = with_slow_renewal(&server).await;
    tokens.finish_renewal().await;
    assert_eq!(bodies(&server).await.len(), 1, "no renewal has begun");
    assert!(tokio::time::timeout(quick().answer / 20, tokens.renew(&tokens.session())).await.is_err());
    tokens.finish_renewal().await;
    assert_eq!((bodies(&server).await.len(), *lock(&reported)), (2, 1));
}

#[tokio::test]
async fn a_stopped_sign_in_awaits_an_answer_with_a_refresh_token_and_no_other() {
    let server = MockServer::start().await;
    let slow = || granted(&server, json!({ "refresh_token": "second" })).set_delay(quick().answer / 4);
    for (sign_in, expected) in [(refresh_flow(&server.uri()), 1), (sign_in_at(&server.uri()), 0)] {
        answer(&server, 1, slow()).await;
        let reported = Arc::new(Mutex::new(0));
        let seen = Arc::clone(&reported);
        let client = transport::client(&sign_in.login_url, USER_AGENT, quick().connect).unwrap();
        let stop = tokio::time::sleep(quick().answer / 20);
        let access = access(sign_in, Arc::new(move |_| *lock(&seen) += 1));
        let outcome = Tokens::sign_in(client, access, quick(), stop).await;
        assert_eq!((outcome.is_ok(), *lock(&reported)), (expected == 1, expected));
    }
}

#[tokio::test]
async fn refused_credentials_are_not_sent_twice() {
    let server = MockServer::start().await;
    answer(&server, 1, granted(&server, json!({}))).await;
    let refusal = json!({ "error": "invalid_grant", "error_description": "expired access/refresh token" });
    answer(&server, 9, ResponseTemplate::new(400).set_body_json(refusal)).await;
    let tokens = tokens(sign_in_at(&server.uri()), ignore()).await.unwrap();
    for _ in 0..3 {
        let fault = tokens.renew(&tokens.session()).await.err().unwrap();
        assert_eq!(fault.kind(), FaultKind::SignIn);
    }
    assert_eq!(bodies(&server).await.len(), 2);
}

#[tokio::test]
async fn trouble_of_the_token_host_is_retried() {
    let empty = |status| ResponseTemplate::new(status);
    let html = |status| ResponseTemplate::new(status).set_body_raw("<html>down</html>", "text/html");
    let refusal = json!({ "error": "invalid_grant", "error_description": "expired access/refresh token" });
    for trouble in [
        empty(503),
        html(500),
        html(400),
        html(200),
        empty(200),
        empty(429),
        empty(420),
        ResponseTemplate::new(200).set_body_json(json!({ "access_token": "x" })),
        ResponseTemplate::new(500).set_body_json(&refusal),
        ResponseTemplate::new(400).set_body_json(json!({ "error": "x", "error_description": "retry your request" })),
        empty(200).set_delay(2 * quick().answer),
    ] {
        let server = MockServer::start().await;
        answer(&server, 2, trouble).await;
        answer(&server, 1, granted(&server, json!({}))).await;
        tokens(sign_in_at(&server.uri()), ignore()).await.unwrap();
        assert_eq!(bodies(&server).await.len(), 3);
    }
}

#[tokio::test]
async fn trouble_that_stays_is_a_transient_fault() {
    let server = MockServer::start().await;
    answer(&server, 99, ResponseTemplate::new(503)).await;
    let fault = tokens(sign_in_at(&server.uri()), ignore()).await.err().unwrap();
    assert_eq!(fault.kind(), FaultKind::Transient);
    assert_eq!(bodies(&server).await.len(), quick().calls.attempts as usize);

    let fault = tokens(sign_in_at("http://127.0.0.1:1"), ignore()).await.err().unwrap();
    assert_eq!(fault.kind(), FaultKind::Transient);
    assert!(fault.message().contains("no connection to 127.0.0.1"), "{}", fault.message());
}

#[tokio::test]
async fn redirects_are_not_followed_with_credentials() {
    let (login, elsewhere) = (MockServer::start().await, MockServer::start().await);
    answer(&elsewhere, 9, granted(&elsewhere, json!({}))).await;
    for status in [301, 302, 303, 307, 308] {
        let target = format!("{}{TOKEN}", elsewhere.uri());
        answer(&login, 1, ResponseTemplate::new(status).insert_header("location", target)).await;
        let fault = tokens(sign_in_at(&login.uri()), ignore()).await.err().unwrap();
        assert_eq!(fault.kind(), FaultKind::SignIn, "{status}");
        assert!(fault.message().contains("domain_url"));
    }
    assert!(bodies(&elsewhere).await.is_empty());
}

#[tokio::test]
async fn an_instance_elsewhere_receives_no_token() {
    for instance in ["https://example.my.salesforce.com", "http://192.0.2.1", "http://a:b@127.0.0.1", "nonsense", ""] {
        let server = MockServer::start().await;
        answer(&server, 1, granted(&server, json!({ "instance_url": instance }))).await;
        let fault = tokens(sign_in_at(&server.uri()), ignore()).await.err().unwrap();
        assert_eq!(fault.kind(), FaultKind::SignIn, "{instance}");
        assert_eq!(bodies(&server).await.len(), 1);
    }
}

#[tokio::test]
async fn no_secret_is_in_a_fault_or_in_debug_output() {
    let server = MockServer::start().await;
    let refusal = json!({ "error": "invalid_client", "error_description": "invalid client credentials" });
    answer(&server, 9, ResponseTemplate::new(400).set_body_json(refusal)).await;
    let sign_in = SignIn {
        login_url: LoginUrl::parse(&server.uri()).unwrap(),
        flow: OAuthFlow::Password {
            client_id: "key".into(),
            client_secret: "hunter2".into(),
            username: "loader@example.com".into(),
            password: "hunter2".into(),
        },
    };
    let shown = format!("{sign_in:?}");
    let fault = Org::sign_in(sign_in, USER_AGENT, ignore()).await.err().unwrap();
    assert!(!format!("{shown} {fault:?} {fault}").contains("hunter2"));
    assert!(fault.message().contains("client_secret"));
}

#[tokio::test]
async fn a_call_whose_answer_breaks_off_is_retried() {
    let asked = Arc::new(Mutex::new(0));
    let count = Arc::clone(&asked);
    let uri = raw_server(Then::Close, move |_| {
        *lock(&count) += 1;
        let whole = ok("{\"id\":\"x\"}");
        if *lock(&count) == 1 { whole[..whole.len() - 3].to_vec() } else { whole }
    })
    .await;
    let org = crate::stub_org::org_at(&uri).await;
    let answer: Value = org.http.json(&crate::http::Call::get(&["x"])).await.unwrap();
    assert_eq!((answer["id"].as_str(), *lock(&asked)), (Some("x"), 2));
}
