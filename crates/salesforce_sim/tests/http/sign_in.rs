//! The token endpoint: every flow and every error.

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der},
    rsa::{KeyPair, KeySize},
    signature::KeyPair as _,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::header;
use salesforce_sim::{Credentials, Endpoint, Settings, SignInRefusal};
use serde_json::{Value, json};

use crate::client::{Answer, Client, send};

const REFRESH: [(&str, &str); 4] = [
    ("grant_type", "refresh_token"),
    ("client_id", "consumer-key"),
    ("client_secret", "consumer-secret"),
    ("refresh_token", "refresh-token"),
];
const CLIENT: [(&str, &str); 3] =
    [("grant_type", "client_credentials"), ("client_id", "consumer-key"), ("client_secret", "consumer-secret")];
const PASSWORD: [(&str, &str); 5] = [
    ("grant_type", "password"),
    ("client_id", "consumer-key"),
    ("client_secret", "consumer-secret"),
    ("username", "integration@example.com"),
    ("password", "pass word&1SecurityToken"),
];

async fn ask_at(client: &Client, host: &str, form: &[(&str, &str)]) -> Answer {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let request = client.http.post(format!("{host}/services/oauth2/token"));
    send(request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded").body(body)).await
}

async fn ask(client: &Client, form: &[(&str, &str)]) -> Answer {
    ask_at(client, &client.org.url(), form).await
}

/// A form with one value changed.
fn with<'a>(form: &[(&'a str, &'a str)], key: &str, value: &'a str) -> Vec<(&'a str, &'a str)> {
    form.iter().map(|(name, old)| (*name, if *name == key { value } else { *old })).collect()
}

fn assert_refused(answer: &Answer, error: &str, description: &str) {
    let expected = json!({"error": error, "error_description": description});
    assert_eq!((answer.status, answer.json()), (400, expected));
}

async fn is_signed_in(client: &Client, answer: &Answer) -> bool {
    let token = answer.json()["access_token"].as_str().unwrap().to_owned();
    let request = client.http.get(format!("{}/services/data/v62.0/limits", client.org.url()));
    send(request.bearer_auth(token)).await.status == 200
}

#[tokio::test]
async fn a_token_answer_has_salesforces_keys() {
    let client = Client::start(Settings::default()).await;
    for form in [&REFRESH[..], &CLIENT, &PASSWORD] {
        let answer = ask(&client, form).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let body = answer.json();
        let keys: Vec<_> = body.as_object().unwrap().keys().map(String::as_str).collect();
        let expected = ["access_token", "signature", "scope", "instance_url", "id", "token_type", "issued_at"];
        assert_eq!(keys, expected, "no expires_in, and no refresh_token without rotation");
        assert_eq!(body["instance_url"], client.org.url());
        assert!(body["access_token"].as_str().unwrap().starts_with("00DSim000000001!"));
        assert_eq!(body["issued_at"].as_str().unwrap().len(), 13, "milliseconds as a text");
        assert!(STANDARD.decode(body["signature"].as_str().unwrap()).is_ok_and(|signature| signature.len() == 32));
        assert!(is_signed_in(&client, &answer).await);
    }
    assert_eq!((client.org.token_requests(), client.org.sign_ins()), (3, 3));
}

#[tokio::test]
async fn wrong_credentials_are_refused() {
    let client = Client::start(Settings::default()).await;
    let grant = "invalid_grant";
    for (form, error, description) in [
        (with(&REFRESH, "refresh_token", "other"), grant, "expired access/refresh token"),
        (with(&REFRESH, "client_id", "other"), "invalid_client_id", "client identifier invalid"),
        (with(&REFRESH, "client_secret", "other"), "invalid_client", "invalid client credentials"),
        (with(&CLIENT, "client_secret", ""), "invalid_client", "invalid client credentials"),
        (with(&PASSWORD, "password", "pass word&1"), grant, "authentication failure"),
        (with(&PASSWORD, "username", "other@example.com"), grant, "authentication failure"),
        (with(&CLIENT, "grant_type", "device"), "unsupported_grant_type", "grant type not supported"),
        (vec![], "unsupported_grant_type", "grant type not supported"),
    ] {
        assert_refused(&ask(&client, &form).await, error, description);
    }
    assert_eq!(client.org.sign_ins(), 0);
}

#[tokio::test]
async fn refusals_depend_on_the_flow() {
    let client = Client::start(Settings::default()).await;
    for (refusal, form, error, description) in [
        (SignInRefusal::InactiveUser, &REFRESH[..], "inactive_user", "user is inactive"),
        (SignInRefusal::InactiveOrg, &CLIENT, "inactive_org", "organization is inactive"),
        (SignInRefusal::TooManySignIns, &REFRESH, "invalid_grant", "login rate exceeded"),
        (SignInRefusal::NoRunAsUser, &CLIENT, "invalid_grant", "no client credentials user enabled"),
        (SignInRefusal::FlowDisabled, &PASSWORD, "invalid_grant", "authentication failure"),
        (SignInRefusal::FlowDisabled, &CLIENT, "unsupported_grant_type", "grant type not supported"),
    ] {
        client.org.refuse_sign_in(Some(refusal));
        assert_refused(&ask(&client, form).await, error, description);
    }
    client.org.refuse_sign_in(Some(SignInRefusal::NoRunAsUser));
    assert_eq!(ask(&client, &REFRESH).await.status, 200);
    client.org.refuse_sign_in(None);
    assert_eq!(ask(&client, &CLIENT).await.status, 200);
}

#[tokio::test]
async fn client_credentials_need_my_domain() {
    let client = Client::start(Settings::default()).await;
    let login = client.org.login_url();
    let refused = ("invalid_grant", "request not supported on this domain");
    assert_refused(&ask_at(&client, &login, &CLIENT).await, refused.0, refused.1);
    assert_eq!(ask_at(&client, &login, &REFRESH).await.status, 200);

    let basic = client.http.post(format!("{}/services/oauth2/token", client.org.url()));
    let basic = basic.basic_auth("consumer-key", Some("consumer-secret")).body("grant_type=client_credentials");
    assert_eq!(send(basic).await.status, 200);

    let strict = Client::start(Settings { my_domain_only: true, ..Settings::default() }).await;
    let answer = ask_at(&strict, &strict.org.login_url(), &REFRESH).await;
    assert_refused(&answer, refused.0, refused.1);
    assert_eq!(ask(&strict, &REFRESH).await.status, 200);
}

#[tokio::test]
async fn a_replaced_refresh_token_revokes_the_connection() {
    let client = Client::start(Settings { rotate_refresh_tokens: true, ..Settings::default() }).await;
    let first = ask(&client, &REFRESH).await;
    let second = first.json()["refresh_token"].as_str().unwrap().to_owned();
    assert_eq!(client.org.refresh_token().as_ref(), Some(&second));
    let form = with(&REFRESH, "refresh_token", &second);
    let third = ask(&client, &form).await;
    assert_eq!(third.status, 200);
    assert!(is_signed_in(&client, &third).await);

    let expired = ("invalid_grant", "expired access/refresh token");
    assert_refused(&ask(&client, &REFRESH).await, expired.0, expired.1);
    assert!(!is_signed_in(&client, &third).await, "the use of an old token ends all sessions");
    let newest = third.json()["refresh_token"].as_str().unwrap().to_owned();
    assert_refused(&ask(&client, &with(&REFRESH, "refresh_token", &newest)).await, expired.0, expired.1);
}

/// A key pair in PEM: private, public.
fn key_pair() -> (String, String) {
    let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let pem = |label: &str, der: &[u8]| {
        let body = STANDARD.encode(der);
        let lines: Vec<&str> = body.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
        format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
    };
    let private: Pkcs8V1Der<'_> = pair.as_der().unwrap();
    let public: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
    (pem("PRIVATE KEY", private.as_ref()), pem("PUBLIC KEY", public.as_ref()))
}

#[tokio::test]
async fn assertions_are_checked() {
    let ((private, public), (stranger, _)) = (key_pair(), key_pair());
    let credentials = Credentials { public_key: Some(public), ..Credentials::default() };
    let client = Client::start(Settings { credentials, ..Settings::default() }).await;
    let soon = jiff::Timestamp::now().as_second() + 180;
    let claims = json!({"iss": "consumer-key", "sub": "integration@example.com",
                        "aud": "https://login.salesforce.com", "exp": soon});
    let changed = |key: &str, value: Value| {
        let mut claims = claims.clone();
        claims[key] = value;
        claims
    };
    let ask_with = async |private: &str, claims: &Value| {
        let key = EncodingKey::from_rsa_pem(private.as_bytes()).unwrap();
        let assertion = jsonwebtoken::encode(&Header::new(Algorithm::RS256), claims, &key).unwrap();
        let grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
        ask(&client, &[("grant_type", grant), ("assertion", &assertion)]).await
    };

    for claims in [
        claims.clone(),
        changed("exp", json!(soon.to_string())),
        changed("aud", json!(client.org.login_url() + "/")),
        changed("aud", json!(client.org.url())),
    ] {
        assert_eq!(ask_with(&private, &claims).await.status, 200, "{claims}");
    }
    let grant = "invalid_grant";
    for (claims, error, description) in [
        (changed("iss", json!("other")), "invalid_client_id", "client identifier invalid"),
        (changed("sub", json!("other@example.com")), grant, "user hasn't approved this consumer"),
        (changed("aud", json!("https://example.com")), grant, "Audience validation failed"),
        (changed("exp", json!(soon - 3_600)), grant, "expired authorization code"),
        (changed("exp", Value::Null), grant, "invalid assertion"),
    ] {
        assert_refused(&ask_with(&private, &claims).await, error, description);
    }
    assert_refused(&ask_with(&stranger, &claims).await, grant, "invalid assertion");
    client.org.refuse_sign_in(Some(SignInRefusal::NotApproved));
    assert_refused(&ask_with(&private, &claims).await, grant, "user hasn't approved this consumer");
}

#[tokio::test]
async fn every_call_after_the_end_of_the_session_is_401() {
    let client = Client::start(Settings::default()).await;
    assert_eq!(client.get("limits").await.status, 200);
    client.org.end_sessions();
    for path in ["limits", "sobjects", "jobs/ingest", "jobs/ingest/750Sim000000001", "nowhere"] {
        let refused = (401, "INVALID_SESSION_ID".to_owned(), "Session expired or invalid".to_owned());
        assert_eq!(client.get(path).await.api_error(), refused, "{path}");
    }
    let versions = send(client.http.get(format!("{}/services/data", client.org.url()))).await;
    assert_eq!(versions.status, 200, "the versions need no session");
}

#[tokio::test]
async fn the_instance_can_move() {
    let client = Client::start(Settings::default()).await;
    let moved = client.org.move_instance().await.unwrap();
    assert_ne!(moved, client.org.url());
    let answer = ask(&client, &REFRESH).await.json();
    assert_eq!(answer["instance_url"], moved);
    let token = answer["access_token"].as_str().unwrap();
    let there = client.http.get(format!("{moved}/services/data/v62.0/limits")).bearer_auth(token);
    assert_eq!(send(there).await.status, 200);
    let last = client.org.requests().pop().unwrap();
    assert_eq!((last.endpoint, format!("http://{}", last.host), last.status), (Endpoint::Limits, moved, Some(200)));
}

#[tokio::test]
async fn a_token_can_be_looked_up_and_revoked() {
    let client = Client::start(Settings::default()).await;
    let url = client.org.url();
    let about = || client.http.get(format!("{url}/services/oauth2/userinfo")).bearer_auth(&client.token);
    let info = send(about()).await.json();
    assert_eq!(info["preferred_username"], "integration@example.com");
    let user = client.get(&format!("sobjects/User/{}", info["user_id"].as_str().unwrap())).await.json();
    assert_eq!(user["Username"], "integration@example.com");

    let revoke = client.http.post(format!("{url}/services/oauth2/revoke")).body(format!("token={}", client.token));
    assert_eq!(send(revoke).await.status, 200);
    assert_eq!(send(about()).await.status, 403);
}
