//! `spec` and `check`.

use salesforce_sim::{Answer, Effect, Endpoint, Object, RequestFault, Settings};
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

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_not_there_is_named_with_its_option() {
    let world = World::new().await;
    let (config, catalog) = (world.config(json!({})), crate::world::contacts());
    let all = [("--config", &config), ("--catalog", &catalog), ("--state", &json!([]))];
    for missing in all.map(|(option, _)| option) {
        let folder = tempfile::tempdir().unwrap();
        let mut process = std::process::Command::new(env!("CARGO_BIN_EXE_source-salesforce"));
        process.arg("read").env_clear();
        for (option, content) in all {
            let path = folder.path().join(option.trim_start_matches('-'));
            if option != missing {
                std::fs::write(&path, content.to_string()).unwrap();
            }
            process.arg(option).arg(path);
        }
        let output = crate::world::blocking(move || process.output().unwrap()).await;
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(!output.status.success() && text.contains("config_error"), "{missing}: {text}");
        assert!(text.contains(&format!("given with {missing},")), "{missing}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn check_counts_what_a_sync_can_read_and_tries_what_can_be_tried() {
    let silent = Object::custom("Silent__c").without_queries();
    let world = World::with(Settings { objects: vec![silent], ..Settings::default() }).await;
    let exactly = |name: &str| json!([{"criteria": "exacts", "value": name}]);
    let uncounted = json!([{"stream": "EntityDefinition", "filter": "QualifiedApiName = 'Account'"}]);
    // The filters behind one that is not counted, and before one, are tried too.
    let around = |filter: &str| {
        let wrong = json!({"stream": "Contact", "filter": filter});
        let all = [&uncounted[0], &wrong, &json!({"stream": "Account", "filter": "Name != null"})];
        json!({"streams": all})
    };
    for (changes, status, part) in [
        (around("Nmae = 'a'"), "FAILED", "trying the filter of Contact"),
        (around("LastName = 'a'"), "SUCCEEDED", "The filter of Account finds 0 records."),
        (json!({"streams_criteria": exactly("Silent__c")}), "FAILED", "There is no object"),
        (json!({"streams_criteria": exactly("Contact")}), "SUCCEEDED", " 1 objects can be read."),
        (json!({"streams": uncounted}), "SUCCEEDED", "A sync tries the filter of EntityDefinition"),
        (
            json!({"streams": [{"stream": "Nothing__c", "filter": "Id != null"}]}),
            "FAILED",
            "trying the filter of Nothing__c",
        ),
        (json!({"streams": [{"stream": "Contact"}]}), "SUCCEEDED", "daily API requests are left."),
    ] {
        let run = world.check(changes.clone()).await;
        let answer = &run.only("CONNECTION_STATUS")["connectionStatus"];
        let message = answer["message"].as_str().unwrap();
        assert!(answer["status"] == status && message.contains(part), "{changes}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn check_fails_if_the_user_may_not_read_the_object_of_a_filter() {
    for (answer, expected) in [
        (Answer::error(403, "INSUFFICIENT_ACCESS", "no"), "FAILED"),
        (Answer::error(404, "NOT_FOUND", "no"), "FAILED"),
        (Answer::error(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."), "SUCCEEDED"),
    ] {
        let world = World::new().await;
        world.org.inject(RequestFault::new(Endpoint::Query, answer));
        let run = world.check(json!({"streams": [{"stream": "Contact", "filter": "LastName != null"}]})).await;
        let answer = &run.only("CONNECTION_STATUS")["connectionStatus"];
        let part =
            if expected == "FAILED" { "trying the filter of Contact" } else { "The filter of Contact could not" };
        assert!(answer["status"] == expected && answer["message"].as_str().unwrap().contains(part), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn check_does_not_need_the_limits_of_the_org() {
    let world = World::new().await;
    for (answer, expected) in [
        (Answer::error(403, "INSUFFICIENT_ACCESS", "no"), "SUCCEEDED"),
        (Answer::status(503), "SUCCEEDED"),
        (Answer::error(400, "SOMETHING_NEW", "odd"), "FAILED"),
    ] {
        world.org.inject(RequestFault::new(Endpoint::Limits, answer).times(20));
        let run = world.check(json!({})).await;
        let status = &run.only("CONNECTION_STATUS")["connectionStatus"];
        let message = status["message"].as_str().unwrap();
        assert_eq!(status["status"], expected, "{message}");
        assert!(message.contains("limits"), "{message}");
        world.org.clear_faults();
    }
}
