//! Signing in: each of the four flows loads records, and the error of each refusal says what to do.

use salesforce_sim::{Credentials, Endpoint, Settings, SignInRefusal};
use serde_json::{Value, json};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::connector::{self, Run};
use crate::key_pair::{KeyPairPem, key_pair};
use crate::protocol_model::Counts;
use crate::world::{World, blocking, complete, contact_catalog, in_form, record, state};

/// Changes of the configuration for another sign-in flow.
pub(crate) fn client_credentials() -> Value {
    json!({"auth_type": "ClientCredentials", "refresh_token": null})
}

fn jwt_bearer() -> Value {
    json!({
        "auth_type": "JwtBearer",
        "client_secret": null,
        "refresh_token": null,
        "username": Credentials::default().username,
        "private_key": key_pair().private,
    })
}

fn password() -> Value {
    let Credentials { username, password, security_token, .. } = Credentials::default();
    json!({
        "auth_type": "Password",
        "refresh_token": null,
        "username": username,
        "password": password,
        "security_token": security_token,
    })
}

/// A sign-in flow with more changes of the configuration.
fn with(flow: Value, changes: Value) -> Value {
    let (Value::Object(mut keys), Value::Object(changes)) = (flow, changes) else { panic!("changes are objects") };
    keys.extend(changes);
    Value::Object(keys)
}

/// Loads one contact.
async fn write(world: &World, changes: Value) -> Run {
    let catalog = contact_catalog();
    let lines = vec![record("c", json!({"LastName": "Example"})), state("c", 1), complete("c")];
    world.write(changes, catalog, lines).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_sign_in_flow_works_in_check_and_write() {
    let pem = &key_pair().private;
    for (name, changes) in [
        // As in Airbyte's documentation: without auth_type, and without a format of the rejected records.
        ("refresh token", json!({"object_storage_config": {"format": null}})),
        ("refresh token by name", json!({"auth_type": "Client"})),
        ("client credentials", client_credentials()),
        ("JWT bearer", jwt_bearer()),
        ("JWT bearer, line ends spelt out", with(jwt_bearer(), json!({"private_key": pem.replace('\n', "\\n")}))),
        ("JWT bearer for a sandbox", with(jwt_bearer(), json!({"is_sandbox": true}))),
        ("password", password()),
    ] {
        let world = World::new().await;
        let run = world.check(changes.clone()).await;
        let (status, message) = run.connection_status();
        assert_eq!(status, "SUCCEEDED", "{name}: {message}");

        let run = write(&world, changes.clone()).await;
        run.assert_success();
        assert_eq!(run.states()[0].counts(), Counts { written: 1, rejected: 0 }, "{name}");
        assert_eq!(world.values("Contact", "LastName"), [Some("Example".to_owned())], "{name}");
        assert_eq!(world.org.sign_ins(), 2, "{name}: one sign-in a run");

        let deprecated = "The sign-in flow Password is one that Salesforce deprecates and blocks in new orgs: choose \
                          another.";
        let expected: &[&str] = if changes["auth_type"] == "Password" { &[deprecated] } else { &[] };
        assert_eq!(run.warnings(), expected, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_form_of_the_platform_signs_in_with_every_flow() {
    let world = World::new().await;
    for changes in [json!({}), client_credentials(), jwt_bearer(), password()] {
        let config = in_form(&world.config(with(changes, json!({"object_storage_config": null}))));
        let run = blocking(move || connector::check(&config)).await;
        let (status, message) = run.connection_status();
        assert_eq!(status, "SUCCEEDED", "{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_sign_ins_that_contradict_each_other_end_the_run_before_any_request() {
    let world = World::new().await;
    let mut config = in_form(&world.config(json!({})));
    config["client_secret"] = json!("s3cr3t-of-another-app");
    config["auth_type"] = json!("ClientCredentials");
    let run = blocking(move || connector::check(&config)).await;
    let (status, message) = run.connection_status();
    assert_eq!(status, "FAILED");
    let contradiction = "`auth_type` contradicts `credentials.auth_type`: remove one of them. `client_secret` contradicts \
                         `credentials.client_secret`: remove one of them.";
    assert!(message.contains(contradiction), "{message}");
    assert!(!run.stdout.contains("s3cr3t"), "{}", run.stdout);
    assert!(world.org.requests().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_login_host_accepts_every_flow_but_client_credentials() {
    for (changes, works) in [(json!({}), true), (jwt_bearer(), true), (password(), true), (client_credentials(), false)]
    {
        let world = World::new().await;
        let run = world.check(with(changes.clone(), json!({"domain_url": world.org.login_url()}))).await;
        assert_eq!(run.connection_status().0 == "SUCCEEDED", works, "{changes}");
    }
}

const WRONG_SECRET: &str = "The client_secret is wrong. Copy the consumer secret from the app again. Salesforce said: \
                            invalid_client, invalid client credentials.";
const WRONG_CLIENT_ID: &str = "Salesforce does not know the client_id. Copy the consumer key from the app, check \
                               is_sandbox and domain_url, and wait ten minutes if the app is new. Salesforce said: \
                               invalid_client_id, client identifier invalid.";
const WRONG_REFRESH_TOKEN: &str = "The refresh_token is expired, revoked, or replaced by a newer one. Connect the \
                                   Salesforce account again to get a new one. An app keeps five of them for a user: a \
                                   sixth connection revokes the oldest. Salesforce said: invalid_grant, expired \
                                   access/refresh token.";
const WRONG_KEY: &str = "Salesforce does not accept the signature. The certificate in the app must be the public half \
                         of private_key, and the clock of this machine must be right. Salesforce said: invalid_grant, \
                         invalid assertion.";
const NOT_APPROVED: &str = "The user has not approved the app. Set its permitted users to \"Admin approved users are \
                            pre-authorized\" and assign it to the user's profile or to a permission set. Salesforce \
                            said: invalid_grant, user hasn't approved this consumer.";
const WRONG_PASSWORD: &str = "The username, the password or the security_token is wrong, or the org blocks the \
                              username-password flow, as orgs since Summer '23 do (Setup, OAuth and OpenID Connect \
                              Settings). The flow JwtBearer or ClientCredentials is the better choice. Salesforce \
                              said: invalid_grant, authentication failure.";
const MY_DOMAIN_ONLY: &str = "The org accepts this sign-in only at its own address, as every org does for the flow \
                              ClientCredentials. Set domain_url to the My Domain URL of the org, such as \
                              https://example.my.salesforce.com. Salesforce said: invalid_grant, request not supported \
                              on this domain.";
const NO_RUN_AS_USER: &str = "The app has no user to run as. Choose a \"Run As\" user in the client credentials \
                              settings of the app. Salesforce said: invalid_grant, no client credentials user enabled.";
const INACTIVE_USER: &str = "The Salesforce user is inactive or locked. Have an administrator activate it. Salesforce \
                             said: inactive_user, user is inactive.";
const INACTIVE_ORG: &str = "The Salesforce org is locked, closed or suspended. Ask its administrator. Salesforce said: \
                            inactive_org, organization is inactive.";
const FLOW_DISABLED: &str = "The org or the app does not allow this flow. Enable it in the OAuth settings of the app, \
                             or choose another auth_type. Salesforce said: unsupported_grant_type, grant type not \
                             supported.";
const TOO_MANY_SIGN_INS: &str = "A Salesforce limit was reached while signing in: the user has signed in too often \
                                 within an hour (invalid_grant, login rate exceeded). Run the sync again after an \
                                 hour, and look for other integrations that sign in with this user.";
const WRONG_AUDIENCE: &str = "The setting is_sandbox does not match the org. Set it for a sandbox, and clear it for \
                              production. Salesforce said: invalid_grant, Audience validation failed.";

/// What `check` says without a bucket, as in these tests.
const NO_BUCKET: &str = "No bucket is configured: rejected records are counted, but not stored.";

/// `check` and `write` report a refusal in the same words. Neither tries twice, which may lock the user out.
async fn assert_refused(world: &World, changes: &Value, failure_type: &str, sentence: &str) {
    let changes = with(changes.clone(), json!({"object_storage_config": null}));
    let run = world.check(changes.clone()).await;
    assert_eq!(run.connection_status(), ("FAILED", &*format!("{sentence} {NO_BUCKET}")), "{changes}");
    assert!(run.error().is_none(), "{}", run.stdout);

    let run = write(world, changes.clone()).await;
    assert_eq!(run.failure(), (failure_type, sentence), "{changes}");
    assert!(run.states().is_empty());
    assert_eq!((world.org.token_requests(), world.org.sign_ins()), (2, 0), "{changes}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_wrong_credential_is_named() {
    let other_key = KeyPairPem::generate().private;
    let cases = [
        (json!({}), json!({"client_secret": "wrong-secret"}), WRONG_SECRET),
        (json!({}), json!({"client_id": "wrong-key"}), WRONG_CLIENT_ID),
        (json!({}), json!({"refresh_token": "wrong-token"}), WRONG_REFRESH_TOKEN),
        (client_credentials(), json!({"client_secret": "wrong-secret"}), WRONG_SECRET),
        (client_credentials(), json!({"client_id": "wrong-key"}), WRONG_CLIENT_ID),
        (jwt_bearer(), json!({"client_id": "wrong-key"}), WRONG_CLIENT_ID),
        (jwt_bearer(), json!({"username": "somebody@example.com"}), NOT_APPROVED),
        (jwt_bearer(), json!({"private_key": other_key}), WRONG_KEY),
        (password(), json!({"client_secret": "wrong-secret"}), WRONG_SECRET),
        (password(), json!({"client_id": "wrong-key"}), WRONG_CLIENT_ID),
        (password(), json!({"username": "somebody@example.com"}), WRONG_PASSWORD),
        (password(), json!({"password": "wrong-password"}), WRONG_PASSWORD),
        (password(), json!({"security_token": "wrong-token"}), WRONG_PASSWORD),
        (password(), json!({"security_token": null}), WRONG_PASSWORD),
    ];
    for (flow, wrong, sentence) in cases {
        let world = World::new().await;
        assert_refused(&world, &with(flow, wrong), "config_error", sentence).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_refused_sign_in_is_explained() {
    use SignInRefusal as R;
    let (config, transient) = ("config_error", "transient_error");
    let cases = [
        (json!({}), R::InactiveUser, config, INACTIVE_USER),
        (json!({}), R::InactiveOrg, config, INACTIVE_ORG),
        (json!({}), R::FlowDisabled, config, FLOW_DISABLED),
        (json!({}), R::TooManySignIns, transient, TOO_MANY_SIGN_INS),
        (client_credentials(), R::NoRunAsUser, config, NO_RUN_AS_USER),
        (client_credentials(), R::InactiveUser, config, INACTIVE_USER),
        (client_credentials(), R::FlowDisabled, config, FLOW_DISABLED),
        (client_credentials(), R::TooManySignIns, transient, TOO_MANY_SIGN_INS),
        (jwt_bearer(), R::NotApproved, config, NOT_APPROVED),
        (jwt_bearer(), R::InactiveUser, config, INACTIVE_USER),
        (jwt_bearer(), R::FlowDisabled, config, FLOW_DISABLED),
        (jwt_bearer(), R::TooManySignIns, transient, TOO_MANY_SIGN_INS),
        (password(), R::FlowDisabled, config, WRONG_PASSWORD),
        (password(), R::InactiveUser, config, INACTIVE_USER),
        (password(), R::InactiveOrg, config, INACTIVE_ORG),
        (password(), R::TooManySignIns, transient, TOO_MANY_SIGN_INS),
    ];
    for (flow, refusal, failure_type, sentence) in cases {
        let world = World::with(Settings { refuse_sign_in: Some(refusal), ..Settings::default() }).await;
        assert_refused(&world, &flow, failure_type, sentence).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_org_with_my_domain_sign_in_only_says_so() {
    let settings = || Settings { my_domain_only: true, ..Settings::default() };
    for flow in [json!({}), client_credentials(), jwt_bearer(), password()] {
        let world = World::with(settings()).await;
        let changes = with(flow.clone(), json!({"domain_url": world.org.login_url()}));
        assert_refused(&world, &changes, "config_error", MY_DOMAIN_ONLY).await;

        let run = world.check(flow).await;
        assert_eq!(run.connection_status().0, "SUCCEEDED", "{}", run.stdout);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_or_replaced_refresh_token_asks_for_a_new_connection() {
    let world = World::new().await;
    world.org.revoke_connection();
    assert_refused(&world, &json!({}), "config_error", WRONG_REFRESH_TOKEN).await;

    let world = World::with(Settings { rotate_refresh_tokens: true, ..Settings::default() }).await;
    assert_eq!(world.check(json!({})).await.connection_status().0, "SUCCEEDED");
    let again = world.check(json!({"object_storage_config": null})).await;
    assert_eq!(again.connection_status(), ("FAILED", &*format!("{WRONG_REFRESH_TOKEN} {NO_BUCKET}")));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unexpected_token_answer_is_explained() {
    let refused = |error: &str, description: &str| {
        ResponseTemplate::new(400).set_body_json(json!({"error": error, "error_description": description}))
    };
    // The connector does not begin a wait that is longer than a sign-in may take.
    let maintenance = ResponseTemplate::new(503).insert_header("Retry-After", "3600");
    let page = maintenance.clone().set_body_raw("<html>Down</html>", "text/html");
    let mistyped = ResponseTemplate::new(404).insert_header("Retry-After", "3600").set_body_string("<html/>");
    let lasting = "This is usually temporary; run the sync again. The sign-in was sent to 127.0.0.1. If it keeps \
                   failing, check domain_url and the network.";
    let unusable = |what: &str| format!("Salesforce gave no usable answer while signing in ({what}). {lasting}");
    for (answer, failure_type, sentence) in [
        (refused("invalid_grant", "Audience validation failed"), "config_error", WRONG_AUDIENCE.to_owned()),
        (
            refused("invalid_grant", "ip restricted"),
            "config_error",
            "The user is not allowed to sign in from this address. Add it to the login IP ranges of the user's \
             profile, or relax the IP restrictions of the app. Salesforce said: invalid_grant, ip restricted."
                .to_owned(),
        ),
        (
            refused("brand_new", "never seen"),
            "config_error",
            "Salesforce refused the sign-in. Check the credentials and the OAuth settings of the app. Salesforce said: \
             brand_new, never seen."
                .to_owned(),
        ),
        (page, "transient_error", unusable("HTTP 503: an HTML page instead of an answer")),
        (maintenance, "transient_error", unusable("HTTP 503: an empty answer")),
        (mistyped, "transient_error", unusable("HTTP 404: an HTML page instead of an answer")),
    ] {
        let login = MockServer::start().await;
        Mock::given(any()).respond_with(answer).mount(&login).await;
        let world = World::new().await;
        let changes =
            with(jwt_bearer(), json!({"domain_url": login.uri(), "object_storage_config": null}));
        let run = world.check(changes.clone()).await;
        assert_eq!(run.connection_status(), ("FAILED", &*format!("{sentence} {NO_BUCKET}")));
        assert_eq!(write(&world, changes).await.failure(), (failure_type, &*sentence));
        assert_eq!(login.received_requests().await.unwrap().len(), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_token_endpoint_is_called_before_sign_in() {
    let world = World::new().await;
    let config = world.config(json!({"refresh_token": "wrong-token"}));
    blocking(move || connector::check(&config)).await;
    let endpoints: Vec<_> = world.org.requests().iter().map(|request| request.endpoint).collect();
    assert_eq!(endpoints, [Endpoint::Token]);
}
