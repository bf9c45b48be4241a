//! What Airbyte's standard tests check with `acceptance-test-config.yml`, with configurations made here. The rules
//! of the specification are in `spec`, those of the image in the tests of the image.

use std::collections::{BTreeMap, BTreeSet};

use salesforce_sim::Credentials;
use serde_json::{Value, json};

use crate::connector;
use crate::key_pair::key_pair;
use crate::protocol_model::Message;
use crate::repository;
use crate::world::{World, blocking, in_form, merge};

/// The configurations, by the paths that the file names.
fn configurations(world: &World) -> BTreeMap<&'static str, Value> {
    let credentials = Credentials::default();
    let flow = |auth_type: &str, keys: Value| {
        let only = json!({"auth_type": auth_type, "client_secret": null, "refresh_token": null});
        in_form(&merge(world.config(only), keys))
    };
    let secret = &credentials.client_secret;
    BTreeMap::from([
        ("secrets/config.json", in_form(&world.config(json!({})))),
        ("secrets/config_client_credentials.json", flow("ClientCredentials", json!({"client_secret": secret}))),
        (
            "secrets/config_jwt_bearer.json",
            flow("JwtBearer", json!({"username": credentials.username, "private_key": key_pair().private})),
        ),
        (
            "secrets/config_password.json",
            flow(
                "Password",
                json!({
                    "client_secret": secret,
                    "username": credentials.username,
                    "password": credentials.password,
                    "security_token": credentials.security_token,
                }),
            ),
        ),
        ("secrets/invalid_client_secret.json", world.config(json!({"client_secret": "another one"}))),
        (
            "secrets/invalid_bucket.json",
            world.config(json!({"object_storage_config": {"secret_access_key": "another one"}})),
        ),
        ("secrets/invalid_domain_url.json", world.config(json!({"domain_url": "https://salesforce.example.com"}))),
    ])
}

fn entries(file: &Value, section: &str) -> Vec<Value> {
    file["acceptance_tests"][section]["tests"].as_array().unwrap().clone()
}

fn keys(value: &Value) -> BTreeSet<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn the_acceptance_file_has_only_keys_the_suite_knows() {
    let file = repository::yaml("acceptance-test-config.yml");
    assert_eq!(keys(&file), BTreeSet::from(["acceptance_tests", "connector_image", "test_strictness_level"]));
    let repository = repository::yaml("metadata.yaml")["data"]["dockerRepository"].as_str().unwrap().to_owned();
    assert_eq!(file["connector_image"], format!("{repository}:dev"));
    for (section, content) in file["acceptance_tests"].as_object().unwrap() {
        let known = match section.as_str() {
            "spec" => ["spec_path", "config_path", "backward_compatibility_tests_config"].as_slice(),
            "connection" => ["config_path", "status"].as_slice(),
            "discovery" | "basic_read" | "full_refresh" | "incremental" => {
                assert_eq!(keys(content), BTreeSet::from(["bypass_reason"]), "{section}");
                continue;
            }
            _ => panic!("{section}"),
        };
        assert_eq!(keys(content), BTreeSet::from(["tests"]), "{section}");
        for entry in entries(&file, section) {
            assert!(keys(&entry).iter().all(|key| known.contains(key)), "{section}: {entry}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_specification_is_spec_json_and_accepts_each_configuration() {
    let world = World::new().await;
    let file = repository::yaml("acceptance-test-config.yml");
    let run = blocking(connector::spec).await;
    let [Message::Spec { spec: printed }] = &*run.messages else { panic!("{}", run.stdout) };
    for entry in entries(&file, "spec") {
        assert_eq!(entry["spec_path"], "spec.json");
        assert_eq!(*printed, crate::spec::spec());
        let config = &configurations(&world)[entry["config_path"].as_str().unwrap()];
        jsonschema::validate(&printed["connectionSpecification"], config).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn check_returns_the_status_in_the_acceptance_file() {
    let world = World::new().await;
    let file = repository::yaml("acceptance-test-config.yml");
    let mut configurations = configurations(&world);
    let mut statuses = BTreeSet::new();
    for entry in entries(&file, "connection") {
        let path = entry["config_path"].as_str().unwrap();
        let config = configurations.remove(path).unwrap_or_else(|| panic!("no configuration for {path}"));
        let run = blocking(move || connector::check(&config)).await;
        let status = match entry["status"].as_str().unwrap() {
            "succeed" => "SUCCEEDED",
            "failed" => "FAILED",
            other => panic!("{path}: {other}"),
        };
        // There is one answer, and it is not an error of the program.
        let (found, message) = run.connection_status();
        assert_eq!(found, status, "{path}: {message}");
        assert!(run.error().is_none(), "{path}: {}", run.stdout);
        statuses.insert(status);
    }
    assert_eq!(statuses.len(), 2, "some succeed and some fail");
    assert!(configurations.is_empty(), "the file does not name {:?}", configurations.keys());
}

/// Someone who runs the suite has real secrets in that folder.
#[test]
fn the_secrets_folder_is_never_committed() {
    let file = repository::yaml("acceptance-test-config.yml");
    assert!(include_str!("../.gitignore").lines().any(|line| line == "/secrets"));
    for entry in entries(&file, "spec").iter().chain(&entries(&file, "connection")) {
        assert!(entry["config_path"].as_str().unwrap().starts_with("secrets/"), "{entry}");
    }
}
