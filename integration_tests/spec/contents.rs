//! What the specification declares, and that it stays compatible with the published one.

use std::collections::BTreeMap;

use destination_salesforce::config::{self, Config};
use serde_json::json;

use super::{spec, strings};
use crate::connector;
use crate::protocol_model::Message;

#[test]
fn advanced_auth_paths_exist() {
    let spec = spec();
    let keys = &spec["connectionSpecification"]["properties"];
    let auth = &spec["advanced_auth"];
    assert_eq!(auth["auth_flow_type"], "oauth2.0");
    let mut paths = vec![strings(&auth["predicate_key"])];
    for part in [
        "oauth_user_input_from_connector_config_specification",
        "complete_oauth_output_specification",
        "complete_oauth_server_output_specification",
    ] {
        let properties = auth["oauth_config_specification"][part]["properties"].as_object().unwrap();
        for (name, rules) in properties {
            let path = strings(&rules["path_in_connector_config"]);
            assert_eq!(path.last(), Some(&name.as_str()));
            paths.push(path);
        }
    }
    assert_eq!(paths.len(), 5);
    for path in paths {
        let [key] = path[..] else { panic!("{path:?}: the configuration is flat") };
        assert!(keys.get(key).is_some(), "{key}");
    }
    let input = &auth["oauth_config_specification"]["complete_oauth_server_input_specification"]["properties"];
    assert_eq!(input.as_object().unwrap().keys().collect::<Vec<_>>(), ["client_id", "client_secret"]);
}

#[test]
fn oauth_is_the_default_flow() {
    let spec = spec();
    let auth_type = &spec["connectionSpecification"]["properties"]["auth_type"];
    assert_eq!(spec["advanced_auth"]["predicate_value"], auth_type["default"]);
    assert_eq!(spec["advanced_auth"]["predicate_value"], auth_type["enum"][0]);
}

#[test]
fn the_specification_declares_the_supported_features() {
    let spec = spec();
    let rest: BTreeMap<_, _> = spec
        .as_object()
        .unwrap()
        .iter()
        .filter(|(key, _)| !matches!(key.as_str(), "connectionSpecification" | "advanced_auth" | "documentationUrl"))
        .collect();
    assert_eq!(
        json!(rest),
        json!({
            "protocol_version": "0.2.0",
            "supportsDBT": false,
            "supportsIncremental": true,
            "supportsNormalization": false,
            "supported_destination_sync_modes": ["append", "append_dedup", "update", "soft_delete"],
        })
    );
    assert!(spec["documentationUrl"].as_str().unwrap().starts_with("https://"));
}

#[test]
fn the_published_keys_are_kept() {
    let spec = spec();
    let keys = &spec["connectionSpecification"]["properties"];
    assert_eq!(spec["connectionSpecification"]["required"], json!(["client_id"]));
    for (key, kind) in [
        ("client_id", "string"),
        ("client_secret", "string"),
        ("refresh_token", "string"),
        ("is_sandbox", "boolean"),
        ("auth_type", "string"),
        ("object_storage_config", "object"),
    ] {
        assert_eq!(keys[key]["type"], kind, "{key}");
    }
    let [none, s3] = &keys["object_storage_config"]["oneOf"].as_array().unwrap()[..] else { panic!() };
    assert_eq!(none["properties"].as_object().unwrap().len(), 1);
    assert_eq!(s3["required"], json!(["storage_type", "s3_bucket_name", "s3_bucket_region"]));
    let names: Vec<_> = s3["properties"].as_object().unwrap().keys().collect();
    assert_eq!(
        names,
        [
            "storage_type",
            "access_key_id",
            "secret_access_key",
            "role_arn",
            "s3_bucket_name",
            "s3_bucket_region",
            "s3_endpoint",
            "bucket_path",
            "format",
            "compression",
            "path_format",
            "file_name_format",
        ]
    );
    assert_eq!(s3["properties"]["s3_bucket_region"]["enum"].as_array().unwrap().len(), 34);
    assert_eq!(s3["properties"]["s3_bucket_region"]["default"], "");
}

#[test]
fn the_published_example_is_accepted() {
    let schema = &spec()["connectionSpecification"];
    let published = json!({
        "client_id": "your_consumer_key",
        "client_secret": "your_consumer_secret",
        "refresh_token": "your_refresh_token",
        "is_sandbox": false,
        "object_storage_config": {
            "storage_type": "S3",
            "access_key_id": "your_access_key_id",
            "secret_access_key": "your_secret_access_key",
            "s3_bucket_name": "your_bucket_name",
            "s3_bucket_region": "us-east-1",
            "bucket_path": "rejected_records/",
        },
    });
    jsonschema::validate(schema, &published).unwrap();
    Config::parse(&published.to_string()).unwrap();
}

#[test]
fn the_built_in_specification_is_spec_json() {
    assert_eq!(config::spec().unwrap(), spec());
}

#[test]
fn the_spec_command_prints_spec_json_and_nothing_else() {
    let run = connector::spec();
    run.assert_success();
    let [Message::Spec { spec: printed }] = &*run.messages else { panic!("{}", run.stdout) };
    assert_eq!(*printed, spec());
}
