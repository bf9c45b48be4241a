//! Credentials are sent to Salesforce alone, whatever URL the configuration or an answer names.

use salesforce_sim::Endpoint;
use serde_json::{Value, json};
use wiremock::matchers::{any, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::connector::Run;
use crate::world::{World, contact_catalog, record};

async fn write(world: &World, changes: Value) -> Run {
    let catalog = contact_catalog();
    world.write(changes, catalog, vec![record("c", json!({"LastName": "Example"}))]).await
}

/// A server that must not be called.
async fn foreign_server() -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(200)).expect(0).mount(&server).await;
    server
}

/// The answer to a token request that names an instance.
fn token_answer(instance_url: &str) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(json!({
        "access_token": "00DSim000000001!AQ.mock",
        "instance_url": instance_url,
        "id": "https://login.salesforce.com/id/00DSim000000001AAA/005Sim000000001AAA",
        "token_type": "Bearer",
        "issued_at": "1790000000000",
        "signature": "none",
    }))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forbidden_domain_url_is_an_error_before_any_request() {
    let world = World::new().await;
    let port = world.org.url().rsplit(':').next().unwrap().to_owned();
    let host = "its host must be under salesforce.com, salesforce.mil, sfcrmproducts.cn or cloudforce.com";
    for (domain_url, rule) in [
        (format!("http://0.0.0.0:{port}"), "it must begin with https://"),
        (format!("http://[::ffff:127.0.0.1]:{port}"), "it must begin with https://"),
        (format!("http://localhost.:{port}"), "it must begin with https://"),
        (format!("http://127.0.0.1.example.com:{port}"), "it must begin with https://"),
        (format!("https://127.0.0.1:{port}"), host),
        (format!("http://user:word@127.0.0.1:{port}"), "it must not hold a user name or password"),
        (format!("http://127.0.0.1:{port}/services"), "it must end after the host"),
        (format!("http://127.0.0.1:{port}?x=1"), "it must end after the host"),
        (format!("ftp://127.0.0.1:{port}"), "it must begin with https://"),
        (format!("127.0.0.1:{port}"), "it must be a whole URL such as https://example.my.salesforce.com"),
        ("https://salesforce.com.example.com".to_owned(), host),
        ("https://examplesalesforce.com".to_owned(), host),
        ("https://login.salesforce.com@example.com".to_owned(), "it must not hold a user name or password"),
        ("https://login.salesforce.com:8443".to_owned(), "it must not name a port"),
    ] {
        let sentence = format!("The configuration is not valid. `domain_url` is not allowed: {rule}.");
        let run = world.check(json!({"domain_url": domain_url})).await;
        assert_eq!(run.connection_status(), ("FAILED", &*sentence), "{domain_url}");
        let run = write(&world, json!({"domain_url": domain_url})).await;
        assert_eq!(run.failure(), ("config_error", &*sentence), "{domain_url}");
    }
    assert_eq!(world.org.requests(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_url_on_another_host_is_never_called() {
    let world = World::new().await;
    let foreign = foreign_server().await;
    let address = foreign.address();
    for (instance_url, rule) in [
        (format!("http://0.0.0.0:{}", address.port()), "its host must be a loopback address, as that of the login is"),
        (format!("https://{address}"), "its host must be a loopback address, as that of the login is"),
        (
            "https://example.my.salesforce.com".to_owned(),
            "its host must be a loopback address, as that of the login is",
        ),
        ("https://example.com".to_owned(), "its host must be a loopback address, as that of the login is"),
        (format!("http://user@{address}"), "it must not hold a user name or password"),
        (format!("http://{address}/services"), "it must end after the host"),
        (String::new(), "it must be a whole URL such as https://example.my.salesforce.com"),
    ] {
        world.org.set_instance_url(&instance_url);
        let sentence = format!(
            "The sign-in answer names an instance that must not receive the access token: {rule}. Check that \
             domain_url is the address of your org."
        );
        let run = world.check(json!({})).await;
        let (status, message) = run.connection_status();
        assert!(status == "FAILED" && message.starts_with(&sentence), "{instance_url}: {message}");
        assert_eq!(write(&world, json!({})).await.failure(), ("config_error", &*sentence), "{instance_url}");
    }
    assert!(world.org.requests().iter().all(|request| request.endpoint == Endpoint::Token));
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_do_not_follow_a_redirect_of_the_login_host() {
    for status in [301, 302, 303, 307, 308] {
        let (login, foreign) = (MockServer::start().await, foreign_server().await);
        let redirect = ResponseTemplate::new(status).insert_header("Location", foreign.uri());
        Mock::given(any()).respond_with(redirect).expect(2).mount(&login).await;
        let world = World::new().await;
        let sentence = "127.0.0.1 redirects the sign-in to another address, and credentials are not sent there. Set \
                        domain_url to the My Domain URL of the org, such as https://example.my.salesforce.com.";
        let run = world.check(json!({"domain_url": login.uri()})).await;
        assert_eq!(run.connection_status().0, "FAILED");
        assert!(run.connection_status().1.starts_with(sentence), "{}", run.stdout);
        let run = write(&world, json!({"domain_url": login.uri()})).await;
        assert_eq!(run.failure(), ("config_error", sentence));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_access_token_does_not_follow_a_redirect_of_the_instance() {
    let (server, foreign) = (MockServer::start().await, foreign_server().await);
    Mock::given(path("/services/oauth2/token")).respond_with(token_answer(&server.uri())).mount(&server).await;
    // The connector does not begin a wait that is longer than a call may take.
    let redirect =
        ResponseTemplate::new(307).insert_header("Location", foreign.uri()).insert_header("Retry-After", "3600");
    Mock::given(method("GET")).respond_with(redirect).expect(1).mount(&server).await;
    let world = World::new().await;
    let run = world.check(json!({"domain_url": server.uri()})).await;
    let (status, message) = run.connection_status();
    assert_eq!(status, "FAILED");
    let sentence = "Salesforce gave no usable answer while asking for the versions of the API (HTTP 307: an empty \
                    answer). This is usually temporary; run the sync again.";
    assert!(message.starts_with(sentence), "{message}");
}
