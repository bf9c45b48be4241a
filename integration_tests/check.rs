//! `check`: one answer with everything that it found.

use std::sync::OnceLock;
use std::time::Duration;

use salesforce_sim::{Endpoint, Settings};
use serde_json::json;
use tokio::net::TcpSocket;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::connector::{self, Run};
use crate::world::{BUCKET, World, blocking, complete, contact_catalog};

const NO_BUCKET: &str = "No bucket is configured: rejected records are counted, but not stored.";
const BUCKET_WORKS: &str = "Rejected records can be stored in the bucket rejected-records.";
pub(crate) const VERSION_SUPPORTED: &str = "The org supports version 62.0 of the API.";

/// The URL of a port of this machine on which nobody listens. It stays reserved, so that no server of another test gets
/// it.
pub(crate) fn closed_port() -> String {
    static RESERVED: OnceLock<TcpSocket> = OnceLock::new();
    let socket = RESERVED.get_or_init(|| {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        socket
    });
    format!("http://{}", socket.local_addr().unwrap())
}

#[track_caller]
fn assert_failed(run: &Run, message: &str) {
    assert_eq!(run.connection_status(), ("FAILED", message));
    assert!(run.error().is_none(), "an answer and an error: {}", run.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn check_reports_everything_that_works() {
    let world = World::with(Settings { daily_requests: 1_000, ..Settings::default() }).await;
    world.org.set_remaining_requests(500);
    world.org.set_remaining_batches(0);
    let url = world.org.url();
    let run = world.check(json!({})).await;
    let (status, message) = run.connection_status();
    assert_eq!(status, "SUCCEEDED");
    let objects = message.split("The user can write ").nth(1).unwrap().split(' ').next().unwrap();
    assert!(objects.parse::<usize>().unwrap() > 0, "{message}");
    // Of the 500, `check` uses two: for the objects and for the limits.
    assert_eq!(
        message,
        format!(
            "Signed in to {url}. {VERSION_SUPPORTED} The user can write {objects} objects. 498 of 1000 daily API \
             requests are left. 0 of 15000 daily bulk batches are left. {BUCKET_WORKS}"
        )
    );
    assert_eq!(world.store.objects(BUCKET).unwrap(), [], "the test object is gone");
    assert!(world.org.requests().iter().all(|request| request.method == "GET" || request.endpoint == Endpoint::Token));

    let run = world.check(json!({"object_storage_config": null})).await;
    assert!(run.connection_status().1.ends_with(NO_BUCKET), "{}", run.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_org_without_api_requests_left_is_reported() {
    let world = World::new().await;
    world.org.set_remaining_requests(0);
    let limit = "A Salesforce limit was reached while asking which objects the org has: the API requests that the org \
                 may make in 24 hours are used up (REQUEST_LIMIT_EXCEEDED, HTTP 403: TotalRequests Limit exceeded). \
                 The 24 hours are a moving window, so requests come back hour by hour. Run the sync again later, or \
                 have the limit raised (Setup, Company Information, API Requests).";
    let url = world.org.url();
    let facts = format!("Signed in to {url}. {VERSION_SUPPORTED} {BUCKET_WORKS}");
    assert_failed(&world.check(json!({})).await, &format!("{limit} {facts}"));
}

/// Answers by the path below `/services/data`.
type Answers = Vec<(&'static str, ResponseTemplate)>;

/// What `check` says of an org with these answers.
struct OrgCase {
    answers: Answers,
    status: &'static str,
    message: &'static str,
    /// Whether the message goes on with the version of the API, as it does when a later step fails.
    version_supported: bool,
}

/// An org that accepts every sign-in and gives these answers.
async fn org(answers: &Answers) -> MockServer {
    let server = MockServer::start().await;
    let token = json!({"access_token": "00DSim000000001!AQ.mock", "instance_url": server.uri()});
    let token = ResponseTemplate::new(200).set_body_json(token);
    Mock::given(path("/services/oauth2/token")).respond_with(token).mount(&server).await;
    for (below, answer) in answers {
        let path = path(format!("/services/data{below}"));
        Mock::given(method("GET")).and(path).respond_with(answer.clone()).mount(&server).await;
    }
    server
}

fn error_answer(status: u16, code: &str, message: &str) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(json!([{"errorCode": code, "message": message}]))
}

fn versions(version: &str) -> ResponseTemplate {
    ResponseTemplate::new(200)
        .set_body_json(json!([{"label": "Some", "url": "/services/data/vXX.X", "version": version}]))
}

/// An object that the user may create, update and delete, or not.
fn objects([create, update, delete]: [bool; 3]) -> ResponseTemplate {
    let object = json!({
        "name": "Contact", "label": "Contact", "custom": false, "queryable": true,
        "createable": create, "updateable": update, "deletable": delete,
    });
    ResponseTemplate::new(200).set_body_json(json!({"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": [object]}))
}

#[tokio::test(flavor = "multi_thread")]
async fn check_says_why_an_org_cannot_be_loaded() {
    let session = || error_answer(401, "INVALID_SESSION_ID", "This session is not valid for use with the REST API");
    let disabled = || error_answer(403, "API_DISABLED_FOR_ORG", "API is not enabled for this Organization or Partner");
    let cases = [
        OrgCase {
            answers: vec![("", versions("61.0"))],
            status: "FAILED",
            message: "The org does not support version 62.0 of the API, which this connector uses. Check that \
                      domain_url is the address of a Salesforce org, and look for a newer version of the connector. \
                      Signed in to {url}.",
            version_supported: false,
        },
        OrgCase {
            answers: vec![("", versions("62.0")), ("/v62.0/sobjects", disabled())],
            status: "FAILED",
            message: "The Salesforce user lacks a permission that is needed for asking which objects the org has \
                      (API_DISABLED_FOR_ORG, HTTP 403: API is not enabled for this Organization or Partner). Grant it \
                      in the user's profile or in a permission set: \"API Enabled\", the rights on the object and its \
                      fields, and \"Bulk API Hard Delete\" for hard_delete. Signed in to {url}.",
            version_supported: true,
        },
        OrgCase {
            answers: vec![("", versions("62.0")), ("/v62.0/sobjects", session())],
            status: "FAILED",
            message: "Salesforce refuses the access token that it has just issued: This session is not valid for use \
                      with the REST API. Check that the connected app grants access to the API (scope \"api\"), that \
                      the user has the permission \"API Enabled\", and that no policy of the org ends sessions from \
                      this address. Signed in to {url}.",
            version_supported: true,
        },
        OrgCase {
            answers: vec![("", versions("62.0")), ("/v62.0/sobjects", objects([false; 3]))],
            status: "FAILED",
            message: "The signed-in user cannot write to any object. Give the user a permission set with Create, Edit \
                      or Delete on the objects that you want to load. Signed in to {url}.",
            version_supported: true,
        },
        // A user without "View Setup and Configuration" can load records too.
        OrgCase {
            answers: vec![
                ("", versions("62.0")),
                ("/v62.0/sobjects", objects([true, true, false])),
                ("/v62.0/limits", error_answer(403, "INSUFFICIENT_ACCESS", "You may not see this")),
            ],
            status: "SUCCEEDED",
            message: "Signed in to {url}. The org supports version 62.0 of the API. The user can write 1 objects. The \
                      limits of the org cannot be read (You may not see this).",
            version_supported: false,
        },
    ];
    for OrgCase { answers, status, message, version_supported } in cases {
        let (server, world) = (org(&answers).await, World::new().await);
        let run = world.check(json!({"domain_url": server.uri()})).await;
        let message = message.replace("{url}", &server.uri());
        let expected = match version_supported {
            true => format!("{message} {VERSION_SUPPORTED} {BUCKET_WORKS}"),
            false => format!("{message} {BUCKET_WORKS}"),
        };
        assert_eq!(run.connection_status(), (status, &*expected));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_right_on_one_object_is_enough() {
    let world = World::new().await;
    for rights in [[true, false, false], [false, true, false], [false, false, true]] {
        let limits = ("/v62.0/limits", ResponseTemplate::new(200).set_body_json(json!({})));
        let server = org(&vec![("", versions("62.0")), ("/v62.0/sobjects", objects(rights)), limits]).await;
        let run = world.check(json!({"domain_url": server.uri(), "object_storage_config": null})).await;
        let (status, message) = run.connection_status();
        assert!(status == "SUCCEEDED" && message.contains("can write 1 objects"), "{rights:?} {message}");
    }
}

/// A sync asks for them too, and goes on without them only if the user may not see them.
#[tokio::test(flavor = "multi_thread")]
async fn limits_that_cannot_be_read_fail_the_check_unless_the_user_may_not_see_them() {
    let world = World::new().await;
    for (limits, status) in [
        (error_answer(403, "INSUFFICIENT_ACCESS", "You may not see this"), "SUCCEEDED"),
        (error_answer(400, "JSON_PARSER_ERROR", "Something is wrong"), "FAILED"),
        (error_answer(404, "NOT_FOUND", "Something is wrong"), "FAILED"),
    ] {
        let right = ("/v62.0/sobjects", objects([true; 3]));
        let server = org(&vec![("", versions("62.0")), right, ("/v62.0/limits", limits)]).await;
        let run = world.check(json!({"domain_url": server.uri(), "object_storage_config": null})).await;
        let (found, message) = run.connection_status();
        assert_eq!(found, status, "{message}");
        assert_eq!(message.contains("asking for the org's limits"), status == "FAILED", "{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_of_org_and_bucket_are_reported_together() {
    let world = World::new().await;
    let run = world
        .check(
            json!({"refresh_token": "wrong-token", "object_storage_config": {"secret_access_key": "wrong-secret-key"}}),
        )
        .await;
    let endpoint = &world.store.endpoint;
    assert_failed(
        &run,
        &format!(
            "The refresh_token is expired, revoked, or replaced by a newer one. Connect the Salesforce account again \
             to get a new one. An app keeps five of them for a user: a sixth connection revokes the oldest. Salesforce \
             said: invalid_grant, expired access/refresh token. Writing an object in the rejected-records bucket \
             \"rejected-records\" failed: {endpoint} refused the signature. Correct `secret_access_key`; it must \
             belong to `access_key_id`."
        ),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_org_is_reported_with_its_address() {
    let world = World::new().await;
    let started = tokio::time::Instant::now();
    let run = world.check(json!({"domain_url": closed_port(), "object_storage_config": null})).await;
    assert!(started.elapsed() < Duration::from_secs(60), "a person waits: {:?}", started.elapsed());
    let (status, message) = run.connection_status();
    assert_eq!(status, "FAILED");
    let (tried, rest) = message.split_once(" seconds). ").unwrap_or_else(|| panic!("{message}"));
    let start = "Salesforce gave no usable answer while signing in (no connection to 127.0.0.1: Connection refused (os \
                 error 111); ";
    let (tries, seconds) = tried.strip_prefix(start).and_then(|it| it.split_once(" tries in ")).unwrap();
    assert!(tries.parse::<u32>().unwrap() >= 3 && seconds.parse::<u64>().unwrap() < 60, "{message}");
    assert_eq!(
        rest,
        format!(
            "This is usually temporary; run the sync again. The sign-in was sent to 127.0.0.1. If it keeps failing, \
             check domain_url and the network. {NO_BUCKET}"
        )
    );
}

/// Some editors put it there.
#[tokio::test(flavor = "multi_thread")]
async fn a_byte_order_mark_before_the_configuration_or_the_catalog_is_skipped() {
    let world = World::kind().await;
    let marked = |text: String| format!("\u{feff}{text}");
    let config = marked(world.config(json!({})).to_string());
    let catalog = marked(contact_catalog().to_string());
    let files = [("--config", config), ("--catalog", catalog)];
    let (checked, written) = blocking(move || {
        let lines = complete("c").into_bytes();
        (connector::run(&["check"], &files[..1], Vec::new()), connector::run(&["write"], &files, lines))
    })
    .await;
    assert_eq!(checked.connection_status().0, "SUCCEEDED", "{}", checked.stdout);
    written.assert_success();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_problem_of_an_invalid_configuration_is_reported() {
    let world = World::new().await;
    let run = world
        .check(json!({
            "client_id": null,
            "client_secret": " ",
            "refresh_token": 5,
            "domain_url": "https://login.example.com",
            "object_storage_config": {"s3_bucket_name": "s3://rejected"},
            "batch_size_mb": 1000,
            "streams": [{"object": "Contact"}],
        }))
        .await;
    let (status, message) = run.connection_status();
    assert_eq!(status, "FAILED");
    assert!(message.starts_with("The configuration is not valid. `"), "{message}");
    for problem in [
        "`client_id` is missing.",
        "`client_secret` is missing; the sign-in flow Client needs it.",
        "`refresh_token` must be text.",
        "`domain_url` is not allowed: its host must be under salesforce.com, salesforce.mil, sfcrmproducts.cn or \
         cloudforce.com.",
        "`object_storage_config.s3_bucket_name` must be the name of a bucket alone: 3 to 255 letters, digits, dots, \
         hyphens and underscores.",
        "`batch_size_mb` must be at most 100",
        "`streams[0].stream` is missing.",
    ] {
        assert!(message.contains(problem), "{problem} is not in: {message}");
    }
    assert_eq!(message.matches(". `").count(), 7, "{message}");
    assert_eq!(world.org.requests(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_configuration_fails_the_check() {
    let check = |content: &str| {
        let files = [("--config", content.to_owned())];
        blocking(move || connector::run(&["check"], &files, Vec::new()))
    };
    for (content, message) in [
        ("", "The configuration is not JSON: it cannot be read at line 1, column 0."),
        ("{\"client_secret\": \"sec", "The configuration is not JSON: it cannot be read at line 1, column 22."),
        ("[]", "The configuration must be a JSON object."),
    ] {
        assert_failed(&check(content).await, message);
    }

    let run = blocking(|| connector::run(&["check", "--config", "/nowhere/config.json"], &[], Vec::new())).await;
    assert_failed(
        &run,
        "The file given with --config, /nowhere/config.json, cannot be read: No such file or directory (os error 2).",
    );
    let arguments = ["write", "--config", "/nowhere/config.json", "--catalog", "/nowhere/catalog.json"];
    let run = blocking(move || connector::run(&arguments, &[], Vec::new())).await;
    assert_eq!(run.failure().0, "config_error");
    assert!(run.failure().1.starts_with("The file given with --config, /nowhere/config.json, cannot be read: "));
}

/// Without a configuration there is no answer, only an error.
#[test]
fn a_command_line_without_a_configuration_is_an_error() {
    let run = connector::run(&["check"], &[], Vec::new());
    let sentence = "The command line is wrong: the following required arguments were not provided: --config <FILE>.";
    assert_eq!(run.failure(), ("config_error", sentence));
    assert_eq!(run.messages.len(), 1, "{}", run.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn check_compares_the_entries_under_streams_with_the_org() {
    let world = World::new().await;
    let fine = json!([
        {"stream": "people", "object": "contact", "operation": "upsert", "external_id_field": "External_Id__c",
         "fields": [{"source": "surname", "target": "LastName"}, {"source": "key", "target": "Account.External_Id__c"}]},
        {"stream": "by mail", "object": "Contact", "match": {"fields": ["mail"], "on_missing": "insert"},
         "fields": [{"source": "mail", "target": "Email"}]},
        {"stream": "gone", "object": "Account", "operation": "delete", "external_id_field": "External_Id__c"},
        {"stream": "any operation", "object": "Contact", "external_id_field": "LastName"},
        {"stream": "free"},
    ]);
    let run = world.check(json!({"streams": fine})).await;
    let (status, message) = run.connection_status();
    assert_eq!(status, "SUCCEEDED", "{message}");
    assert!(message.contains("Entries under `streams` that fit the org: 4."), "{message}");
    let unchecked = "Not checked, because the connection chooses their objects: the entries under `streams` for free.";
    assert!(message.contains(unchecked), "{message}");

    let wrong = json!([
        {"stream": "a", "object": "Contcat"},
        {"stream": "b", "object": "LoginHistory", "operation": "insert"},
        {"stream": "c", "object": "Contact", "operation": "upsert", "external_id_field": "External_ID"},
        {"stream": "d", "object": "Contact", "fields": [
            {"source": "mail", "target": "Emial"}, {"source": "id", "target": "CreatedDate"},
            {"source": "key", "target": "Account.Extrenal_Id__c"},
        ]},
        {"stream": "e", "object": "Contact", "operation": "update", "match": {"fields": ["Emial"]}},
        {"stream": "f", "object": "Contact", "external_id_field": "External_ID"},
        {"stream": "g", "object": "LoginHistory", "deletes": "delete"},
    ]);
    let run = world.check(json!({"streams": wrong, "colour": "red"})).await;
    let (status, message) = run.connection_status();
    assert_eq!(status, "FAILED", "{message}");
    for part in [
        "Entry under `streams` for a: there is no object Contcat that the signed-in user can see; the nearest name is \
         Contact.",
        "Entry under `streams` for b: the signed-in user is not allowed to create records of LoginHistory",
        "Entry under `streams` for c: its key External_ID is not a field of Contact; the nearest name is \
         External_Id__c.",
        "Entry under `streams` for f: its key External_ID is not a field of Contact; the nearest name is \
         External_Id__c.",
        "Entry under `streams` for d: its field mail is renamed to Emial, which is not a field of Contact that the \
         user can see; the nearest name is Email.",
        "Entry under `streams` for d: its field CreatedDate cannot be written by upsert",
        "Entry under `streams` for d: its field key cannot name a record of Account",
        "Entry under `streams` for e: its match field Emial is not a field of Contact that the user can see; the \
         nearest name is Email.",
        "Entry under `streams` for g: the signed-in user is not allowed to delete records of LoginHistory",
        "`colour` is not a key of this connector. It is ignored.",
    ] {
        assert!(message.contains(part), "{part}\n{message}");
    }
    assert_eq!(run.stdout.matches("is not a key of this connector").count(), 1, "the answer says it: {}", run.stdout);
    assert!(!message.contains("that fit the org"), "{message}");
}
