//! `spec` and `check`.

use salesforce_sim::{Answer, Effect, Endpoint, RequestFault};
use serde_json::{Value, json};

use crate::connector;
use crate::world::World;

#[test]
fn spec_answers_with_the_specification() {
    let run = connector::run("spec", &[]);
    run.assert_success();
    let spec = &run.only("SPEC")["spec"];
    let file: Value = serde_json::from_str(include_str!("../spec.json")).unwrap();
    assert_eq!(*spec, file);
    let schema = &spec["connectionSpecification"];
    assert!(jsonschema::meta::is_valid(schema));
    let world = json!({"client_id": "a", "client_secret": "b", "refresh_token": "c", "start_date": "2021-07-25"});
    assert!(jsonschema::is_valid(schema, &world));
}

#[test]
fn a_wrong_command_line_is_a_config_error() {
    let run = connector::run("write", &[]);
    let (kind, message) = run.failure();
    assert!(kind == "config_error" && message.starts_with("The command line is wrong"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_says_in_one_message_what_works() {
    let world = World::new().await;
    world.add_contacts(3);
    let changes = json!({
        "streams": [{"stream": "Contact", "filter": "LastName != 'Person 1'"}],
        "start_date": "2021-07-25",
        "max_page_row": 10,
    });
    let run = world.check(changes).await;
    assert_eq!(run.exit_code, 0);
    let status = &run.only("CONNECTION_STATUS")["connectionStatus"];
    let message = status["message"].as_str().unwrap();
    assert_eq!(status["status"], "SUCCEEDED", "{message}");
    for part in [
        "Signed in to http://127.0.0.1",
        "objects can be read.",
        "The filter of Contact finds 2 records.",
        "daily API requests are left.",
        "`start_date` is not used",
        "max_page_rows",
        "It is ignored.",
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn check_says_what_does_not_work() {
    let world = World::new().await;
    for (changes, part) in [
        (json!({"client_secret": "another one"}), "client"),
        (json!({"api": "soap"}), "`api` must be one of"),
        (json!({"streams": [{"stream": "Contact", "filter": "Nothing__c = 1"}]}), "trying the filter of Contact"),
        (json!({"streams": [{"stream": "Contact", "filter": "LastName = 'x"}]}), "trying the filter of Contact"),
        (json!({"streams_criteria": [{"criteria": "exacts", "value": "Nothing"}]}), "There is no object"),
    ] {
        let run = world.check(changes.clone()).await;
        assert_eq!(run.exit_code, 0);
        let status = &run.only("CONNECTION_STATUS")["connectionStatus"];
        let message = status["message"].as_str().unwrap();
        assert_eq!(status["status"], "FAILED", "{changes}: {message}");
        assert!(message.contains(part), "{changes}: {message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_refresh_token_goes_to_the_platform() {
    let world = World::new().await;
    world.org.rotate_refresh_tokens(true);
    for command in ["check", "discover"] {
        let config = world.config(json!({"refresh_token": world.org.refresh_token().unwrap()}));
        let run = crate::world::blocking(move || connector::run(command, &[("--config", &config)])).await;
        assert_eq!(run.exit_code, 0);
        let configs = run.configs();
        assert_eq!(configs.len(), 1, "{command}");
        assert_eq!(configs[0]["refresh_token"].as_str(), world.org.refresh_token().as_deref());
        assert_eq!(configs[0]["domain_url"], world.org.url());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn check_does_not_fail_because_an_org_is_busy() {
    let world = World::new().await;
    world.org.inject(RequestFault::new(Endpoint::Query, Answer::status(503)).always());
    let filter = json!({"streams": [{"stream": "Contact", "filter": "LastName != 'Person 1'"}]});
    let run = world.check(filter).await;
    let status = &run.only("CONNECTION_STATUS")["connectionStatus"];
    let message = status["message"].as_str().unwrap();
    assert_eq!(status["status"], "SUCCEEDED", "{message}");
    assert!(message.contains("The filter of Contact could not be tried"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_fails_for_an_org_that_does_not_have_the_version_of_the_api() {
    let world = World::new().await;
    let versions = r#"[{"label": "Old", "url": "/services/data/v61.0", "version": "61.0"}]"#;
    world.org.inject(RequestFault::new(Endpoint::Versions, Effect::Replaced(Answer::json(200, versions))));
    let run = world.check(json!({})).await;
    let status = &run.only("CONNECTION_STATUS")["connectionStatus"];
    let message = status["message"].as_str().unwrap();
    assert_eq!(status["status"], "FAILED", "{message}");
    assert!(message.contains("The org does not support version 62.0 of the API"), "{message}");
}
