//! Errors of `docs/errors.md` that no other test makes the program say.

use salesforce_sim::{Answer, Endpoint, RequestFault};
use serde_json::{Value, json};

use crate::connector;
use crate::world::{World, blocking, catalog, complete, contact_catalog, record, state};

fn lines() -> Vec<String> {
    vec![record("c", json!({"LastName": "Sample", "Email": "no address"})), state("c", 1), complete("c")]
}

/// What a person reads who may be the only one to act: the sentence must be about what Salesforce said.
#[tokio::test(flavor = "multi_thread")]
async fn each_refusal_of_a_job_has_the_error_of_its_kind() {
    let (config, transient, system) = ("config_error", "transient_error", "system_error");
    for (status, code, message, failure_type, sentence) in [
        (
            403,
            "TXN_SECURITY_END_A_SESSION",
            "m",
            config,
            "Salesforce refused the access token while creating a job for Contact",
        ),
        (
            403,
            "INSUFFICIENT_ACCESS",
            "m",
            config,
            "The Salesforce user lacks a permission that is needed for creating a job for Contact",
        ),
        (
            404,
            "NOT_FOUND",
            "m",
            config,
            "Salesforce did not find a name that was used while creating a job for Contact",
        ),
        (
            400,
            "INVALIDENTITY",
            "Contact is not supported by the Bulk API",
            config,
            "Salesforce refused the request while creating a job for Contact",
        ),
        (
            400,
            "INVALIDJOBSTATE",
            "m",
            transient,
            "Salesforce refused the request while creating a job for Contact, because of the state",
        ),
        (
            400,
            "CLIENTINPUTERROR",
            "m",
            system,
            "Salesforce sent an answer that this connector does not understand while creating a job for Contact",
        ),
        (
            403,
            "REQUEST_LIMIT_EXCEEDED",
            "TotalRequests Limit exceeded.",
            transient,
            "A Salesforce limit was reached while",
        ),
        (400, "EXCEEDEDQUOTA", "ApiBatchItems Limit exceeded.", transient, "A Salesforce limit was reached while"),
        (400, "STORAGE_LIMIT_EXCEEDED", "storage limit exceeded", config, "A Salesforce limit was reached while"),
        (400, "TOO_MANY_JOBS", "m", transient, "A Salesforce limit was reached while"),
    ] {
        let world = World::new().await;
        world.org.inject(RequestFault::new(Endpoint::JobCreate, Answer::error(status, code, message)).always());
        let run = world.write(json!({}), contact_catalog(), lines()).await;
        let (found, text) = run.failure();
        assert!(text.starts_with(sentence) && text.contains(code), "{code}: {text}");
        assert_eq!(found, failure_type, "{code}: {text}");
        assert!(run.states().is_empty() && world.org.jobs().is_empty(), "{code}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_app_is_explained() {
    for (error, description, sentence) in [
        (
            "invalid_grant",
            "user is not admin approved to access this app",
            "An administrator has not assigned the app to the user.",
        ),
        ("unauthorized_client", "", "The app is not allowed to use this flow."),
        ("invalid_app_access", "", "The user"),
    ] {
        let world = World::new().await;
        world.org.inject(RequestFault::new(Endpoint::Token, Answer::oauth_error(400, error, description)).always());
        let run = world.check(json!({})).await;
        let (status, message) = run.connection_status();
        assert!(status == "FAILED" && message.starts_with(sentence) && message.contains(error), "{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_catalog_that_names_a_stream_twice_is_refused() {
    let world = World::new().await;
    let one = contact_catalog()["streams"][0].clone();
    let run = world.write(json!({}), catalog(&[one.clone(), one]), lines()).await;
    let (failure_type, message) = run.failure();
    assert!(
        failure_type == "config_error" && message.starts_with("The catalog names the stream c twice."),
        "{message}"
    );
    world.assert_nothing_sent();
}

async fn fails_with_storage(storage: Value, part: &str) {
    let world = World::new().await;
    let run = world.write(json!({"object_storage_config": storage}), contact_catalog(), lines()).await;
    let (failure_type, message) = run.failure();
    assert!(failure_type == "config_error" && message.contains(part), "{message}");
    assert!(run.states().is_empty(), "a rejected record that is not stored is not acknowledged");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_is_a_file_is_an_error_of_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a-file");
    std::fs::write(&path, "not a folder").unwrap();
    let storage = json!({"storage_type": "Local", "path": path.to_str().unwrap()});
    fails_with_storage(storage, "there is a file where a folder is needed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_would_be_too_long_for_a_bucket_are_an_error_before_anything_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let storage = json!({
        "storage_type": "Local", "path": folder.path().to_str().unwrap(), "path_format": "x".repeat(1_000),
    });
    fails_with_storage(storage, "Object keys of rejected records could be").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_catalog_that_is_none_is_an_error_of_the_configuration() {
    let world = World::new().await;
    for content in ["[]", r#"{"streams": [{"stream": {}}]}"#, "{"] {
        let files = [("--config", world.config(json!({})).to_string()), ("--catalog", content.to_owned())];
        let run = blocking(move || connector::run(&["write"], &files, Vec::new())).await;
        let (failure_type, message) = run.failure();
        let sentence = "The file given with --catalog is not a configured catalog of the Airbyte protocol.";
        assert!(failure_type == "config_error" && message.starts_with(sentence), "{content}: {message}");
    }
    world.assert_nothing_sent();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_input_that_cannot_be_read_ends_the_run() {
    let world = World::new().await;
    let config = world.config(json!({}));
    let run = blocking(move || connector::write_with_a_folder_as_input(&config, &contact_catalog())).await;
    let (failure_type, message) = run.failure();
    let sentence = "Standard input could not be read after line 0.";
    assert!(failure_type == "transient_error" && message.starts_with(sentence), "{message}");
    world.assert_nothing_sent();
}
