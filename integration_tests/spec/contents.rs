//! What the specification declares, and that it stays compatible with the published one.

use std::collections::{BTreeMap, BTreeSet};

use destination_salesforce::config::{self, Config};
use serde_json::{Value, json};

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
        let ["credentials", key] = path[..] else { panic!("{path:?}: the form has the sign-in keys in one object") };
        let variant = &keys["credentials"]["oneOf"][0];
        assert!(variant["properties"].get(key).is_some(), "{key}");
    }
    let input = &auth["oauth_config_specification"]["complete_oauth_server_input_specification"]["properties"];
    assert_eq!(input.as_object().unwrap().keys().collect::<Vec<_>>(), ["client_id", "client_secret"]);
}

/// Airbyte's acceptance suite wants the flow with the button first.
#[test]
fn the_flow_with_the_button_comes_first() {
    let spec = spec();
    let variants = &spec["connectionSpecification"]["properties"]["credentials"]["oneOf"];
    assert_eq!(spec["advanced_auth"]["predicate_value"], variants[0]["properties"]["auth_type"]["const"]);
}

/// The platform keeps secrets apart by the mark in the specification, so the flat keys stay in it. Without a default, no
/// form writes one of them beside `credentials`.
#[test]
fn each_sign_in_key_is_also_accepted_flat_and_the_form_does_not_show_it_twice() {
    let spec = spec();
    let keys = spec["connectionSpecification"]["properties"].as_object().unwrap();
    let variants = keys["credentials"]["oneOf"].as_array().unwrap();
    let in_form: BTreeSet<_> =
        variants.iter().flat_map(|variant| variant["properties"].as_object().unwrap().keys()).collect();
    let hidden: BTreeSet<_> =
        keys.iter().filter(|(_, rules)| rules["airbyte_hidden"] == true).map(|(key, _)| key).collect();
    assert_eq!(in_form, hidden);
    let flows: Vec<_> = variants.iter().map(|variant| variant["properties"]["auth_type"]["const"].clone()).collect();
    assert_eq!(keys["auth_type"]["enum"], json!(flows));
    for key in hidden {
        assert_eq!(keys[key].get("default"), None, "{key}");
        for variant in variants.iter().filter_map(|variant| variant["properties"].get(key)) {
            for rule in ["type", "airbyte_secret", "multiline"] {
                assert_eq!(keys[key][rule], variant[rule], "{key} {rule}");
            }
        }
    }
}

#[test]
fn a_flow_that_salesforce_deprecates_says_so_in_the_form() {
    let spec = spec();
    let variants = spec["connectionSpecification"]["properties"]["credentials"]["oneOf"].as_array().unwrap();
    let deprecated: Vec<_> = variants
        .iter()
        .filter(|variant| variant["title"].as_str().unwrap().contains("deprecated"))
        .map(|variant| variant["properties"]["auth_type"]["const"].clone())
        .collect();
    assert_eq!(deprecated, ["Password"]);
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
    // A required key would refuse the configurations that have the other form.
    assert_eq!(spec["connectionSpecification"].get("required"), None);
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
    let [none, s3, local] = &keys["object_storage_config"]["oneOf"].as_array().unwrap()[..] else { panic!() };
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

    // The folder is an addition of this connector. Its other keys are those of S3.
    assert_eq!(local["required"], json!(["storage_type", "path"]));
    let names: Vec<_> = local["properties"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["storage_type", "path", "format", "compression", "path_format", "file_name_format"]);
    for name in ["format", "compression", "path_format", "file_name_format"] {
        let rules = |variant: &Value| {
            let mut rules = variant["properties"][name].clone();
            for key in ["order", "description"] {
                rules.as_object_mut().unwrap().remove(key);
            }
            rules
        };
        assert_eq!(rules(local), rules(s3), "{name}");
    }
}

#[test]
fn the_published_example_is_accepted_and_so_is_what_the_form_makes_of_it() {
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
    let mut of_form = published.clone();
    let keys = of_form.as_object_mut().unwrap();
    let mut credentials = json!({"auth_type": "Client"});
    for key in ["client_id", "client_secret", "refresh_token", "is_sandbox"] {
        credentials[key] = keys.remove(key).unwrap();
    }
    keys.insert("credentials".to_owned(), credentials);
    jsonschema::validate(schema, &of_form).unwrap();
    Config::parse(&of_form.to_string()).unwrap();
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
