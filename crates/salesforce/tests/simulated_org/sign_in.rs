use std::sync::{Arc, Mutex};

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use salesforce::{Fault, FaultKind, Limit, OAuthFlow, Org, PrivateKey, SignIn};
use salesforce_sim::{Credentials, Settings, SignInRefusal, SimulatedOrg};
use secrecy::ExposeSecret;

use crate::{USER_AGENT, client_credentials, sign_in_with, signed_in};

/// A key pair in PEM: the private half, and the public half.
fn key_pair() -> (String, String) {
    let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let private: Pkcs8V1Der<'_> = pair.as_der().unwrap();
    let public: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
    let pem = |label, der: &[u8]| format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der));
    (pem("PRIVATE KEY", private.as_ref()), pem("PUBLIC KEY", public.as_ref()))
}

async fn sign_in(sim: &SimulatedOrg, flow: OAuthFlow) -> Result<Org, Fault> {
    Org::sign_in(sign_in_with(sim, flow), USER_AGENT, Arc::new(|_| {})).await
}

#[tokio::test]
async fn every_flow_signs_in() {
    let (private_key, public_key) = key_pair();
    let credentials = Credentials { public_key: Some(public_key), ..Credentials::default() };
    let sim = SimulatedOrg::start(Settings { credentials: credentials.clone(), ..Settings::default() }).await.unwrap();
    let Credentials { client_id, client_secret, refresh_token, username, password, security_token, .. } = credentials;
    let secret = || client_secret.clone().into();
    let flows = [
        OAuthFlow::RefreshToken {
            client_id: client_id.clone(),
            client_secret: Some(secret()),
            refresh_token: refresh_token.into(),
        },
        OAuthFlow::ClientCredentials { client_id: client_id.clone(), client_secret: secret() },
        OAuthFlow::JwtBearer {
            client_id: client_id.clone(),
            username: username.clone(),
            audience: "https://login.salesforce.com".into(),
            private_key: PrivateKey::from_pem(&private_key).unwrap(),
        },
        OAuthFlow::Password {
            client_id,
            client_secret: secret(),
            username,
            password: (password + &security_token).into(),
        },
    ];
    for (index, flow) in flows.into_iter().enumerate() {
        let shown = format!("{flow:?}");
        let org = sign_in(&sim, flow).await.unwrap();
        assert_eq!(sim.sign_ins(), index + 1, "{shown}");
        assert!(org.versions().await.unwrap().contains(&salesforce::API_VERSION.to_owned()), "{shown}");
    }
}

#[tokio::test]
async fn wrong_credentials_are_refused_at_once() {
    let sim = SimulatedOrg::start(Settings::default()).await.unwrap();
    let wrong = OAuthFlow::ClientCredentials { client_id: "consumer-key".into(), client_secret: "hunter2".into() };
    let fault = sign_in(&sim, wrong).await.err().unwrap();
    assert_eq!((fault.kind(), sim.token_requests()), (FaultKind::SignIn, 1));
    assert!(fault.message().contains("client_secret") && !fault.message().contains("hunter2"), "{fault}");
}

#[tokio::test]
async fn a_refused_sign_in_says_why() {
    for (refusal, kind, word) in [
        (SignInRefusal::InactiveUser, FaultKind::SignIn, "inactive"),
        (SignInRefusal::InactiveOrg, FaultKind::SignIn, "administrator"),
        (SignInRefusal::NoRunAsUser, FaultKind::SignIn, "Run As"),
        (SignInRefusal::TooManySignIns, FaultKind::LimitReached(Limit::Logins), "rate exceeded"),
    ] {
        let sim = SimulatedOrg::start(Settings { refuse_sign_in: Some(refusal), ..Settings::default() }).await.unwrap();
        let fault = sign_in(&sim, client_credentials()).await.err().unwrap();
        assert_eq!(fault.kind(), kind, "{fault}");
        assert!(fault.message().contains(word), "{fault}");
    }
}

#[tokio::test]
async fn an_expired_session_is_renewed() {
    let sim = SimulatedOrg::start(Settings::default()).await.unwrap();
    let org = signed_in(&sim).await;
    for sign_ins in 2..4 {
        sim.end_sessions();
        org.limits().await.unwrap();
        assert_eq!(sim.sign_ins(), sign_ins);
    }
}

#[tokio::test]
async fn every_new_refresh_token_is_reported() {
    let settings = Settings { rotate_refresh_tokens: true, ..Settings::default() };
    let sim = SimulatedOrg::start(settings).await.unwrap();
    let Credentials { client_id, client_secret, refresh_token, .. } = Credentials::default();
    let flow = OAuthFlow::RefreshToken {
        client_id,
        client_secret: Some(client_secret.into()),
        refresh_token: refresh_token.into(),
    };
    let SignIn { login_url, flow } = sign_in_with(&sim, flow);
    let reported = Arc::new(Mutex::new(Vec::new()));
    let reports = Arc::clone(&reported);
    let on_new_refresh_token: salesforce::OnNewRefreshToken =
        Arc::new(move |token| reports.lock().unwrap().push(token.expose_secret().to_owned()));
    let org = Org::sign_in(SignIn { login_url, flow }, USER_AGENT, on_new_refresh_token).await.unwrap();
    sim.end_sessions();
    org.limits().await.unwrap();
    let reported = reported.lock().unwrap();
    assert_eq!(reported.len(), 2);
    assert_eq!(reported.last(), sim.refresh_token().as_ref());
}

#[tokio::test]
async fn calls_follow_the_instance() {
    let sim = SimulatedOrg::start(Settings::default()).await.unwrap();
    let org = signed_in(&sim).await;
    let first = org.instance_url();
    let second = sim.move_instance().await.unwrap();
    sim.end_sessions();
    org.limits().await.unwrap();
    assert_ne!(org.instance_url(), first);
    assert_eq!(org.instance_url().as_str().trim_end_matches('/'), second.trim_end_matches('/'));
}
