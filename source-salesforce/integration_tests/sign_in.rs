//! The four flows of signing in, and refresh tokens that Salesforce replaces.

use salesforce_sim::{Credentials, Effect, Endpoint, RequestFault, Settings};
use serde_json::{Value, json};

use crate::key_pair::key_pair;
use crate::world::{World, contacts, names, sorted};

/// The credentials of an org whose app has a key pair.
pub(crate) fn credentials() -> Credentials {
    Credentials { public_key: Some(key_pair().public.clone()), ..Credentials::default() }
}

/// The changes of a configuration for each flow.
pub(crate) fn flows() -> [Value; 4] {
    let Credentials { username, password, security_token, .. } = credentials();
    [
        json!({"auth_type": "Client"}),
        json!({"auth_type": "ClientCredentials", "refresh_token": null}),
        json!({
            "auth_type": "JwtBearer", "client_secret": null, "refresh_token": null, "username": username,
            "private_key": key_pair().private,
        }),
        json!({
            "auth_type": "Password", "refresh_token": null, "username": username, "password": password,
            "security_token": security_token,
        }),
    ]
}

/// Changes of a configuration with more of them.
pub(crate) fn with(mut changes: Value, more: Value) -> Value {
    for (key, value) in more.as_object().unwrap() {
        changes[key] = value.clone();
    }
    changes
}

/// Each page has 10 of the 25 records.
async fn world(rotate_refresh_tokens: bool) -> World {
    let world =
        World::with(Settings { credentials: credentials(), rotate_refresh_tokens, ..Settings::default() }).await;
    world.add_contacts(25);
    world
}

fn pages() -> Value {
    json!({"api": "bulk", "max_page_rows": 10})
}

#[tokio::test(flavor = "multi_thread")]
async fn every_sign_in_flow_reads_and_renews_a_session_that_ends_amid_pages() {
    for flow in flows() {
        let world = world(false).await;
        world.org.inject(RequestFault::new(Endpoint::QueryJobResults, Effect::SessionsEnded).starting_at(2));
        let run = world.read(with(flow.clone(), pages()), &contacts()).await;
        run.assert_success();
        assert_eq!(sorted(run.column("Contact", "LastName")), names(25), "{}", flow["auth_type"]);
        assert_eq!(world.org.sign_ins(), 2, "{}", flow["auth_type"]);
        assert!(run.configs().is_empty(), "no refresh token is replaced: {}", flow["auth_type"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_that_is_replaced_amid_pages_reaches_the_platform_and_signs_in_the_next_attempt() {
    let world = world(true).await;
    world.org.inject(RequestFault::new(Endpoint::QueryJobResults, Effect::SessionsEnded).starting_at(2));
    let run = world.read(pages(), &contacts()).await;
    run.assert_success();
    assert_eq!(sorted(run.column("Contact", "LastName")), names(25));
    // One of the sign-in, one of the page.
    let configs = run.configs();
    assert_eq!(configs.len(), 2);
    let last = configs[1]["refresh_token"].clone();
    assert_eq!(last.as_str(), world.org.refresh_token().as_deref());
    let is_control = |message: &Value| message["type"] == "CONTROL";
    let control = run.messages.iter().rposition(is_control).unwrap();
    let records = |messages: &[Value]| messages.iter().filter(|message| message["type"] == "RECORD").count();
    assert_eq!(records(&run.messages[..control]), 10, "the records of the page follow the token that read it");
    // The rest of the configuration is as the user wrote it.
    let mut expected = world.config(pages());
    expected["refresh_token"] = last.clone();
    assert_eq!(configs[1], &expected);

    let next = world.read(with(pages(), json!({"refresh_token": last})), &contacts()).await;
    next.assert_success();
    assert_eq!(next.records("Contact").len(), 25);
    let stale = world.read(with(pages(), json!({"refresh_token": last})), &contacts()).await;
    assert_eq!(stale.failure().0, "config_error", "{}", stale.failure().1);
    assert!(stale.statuses("Contact").is_empty() && stale.records("Contact").is_empty());
}
