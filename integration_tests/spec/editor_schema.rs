//! `config.schema.json`, which shows an editor the keys of a configuration, follows `spec.json`.

use std::fs;

use serde_json::{Value, json};

use super::spec;
use crate::repository;

/// Writes the file instead of comparing it.
const UPDATE: &str = "DESTINATION_SALESFORCE_UPDATE_SCHEMA";

/// The schema of the specification, which takes no other key than its own and `$schema`.
fn expected() -> Value {
    let mut schema = without_other_keys(&spec()["connectionSpecification"]);
    schema["properties"]["$schema"] = json!({"type": "string"});
    schema
}

fn without_other_keys(schema: &Value) -> Value {
    match schema {
        Value::Object(keys) => {
            let mut strict: Value = keys.iter().map(|(key, value)| (key.clone(), without_other_keys(value))).collect();
            if schema["properties"].is_object() {
                strict["additionalProperties"] = json!(false);
            }
            strict
        }
        Value::Array(items) => items.iter().map(without_other_keys).collect(),
        other => other.clone(),
    }
}

#[test]
fn the_schema_for_editors_is_that_of_the_specification() {
    let path = repository::path("config.schema.json");
    if std::env::var_os(UPDATE).is_some() {
        fs::write(&path, format!("{:#}\n", expected())).unwrap();
    }
    let published: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    assert!(published == expected(), "run this test with {UPDATE}=1 to write config.schema.json");
}

#[test]
fn the_schema_for_editors_takes_a_configuration_and_no_misspelt_key() {
    let validator = jsonschema::validator_for(&expected()).unwrap();
    let config = json!({"$schema": "config.schema.json", "client_id": "a", "max_rejected_records": 0});
    assert!(validator.is_valid(&config));
    for misspelt in [
        json!({"client_id": "a", "max_rejected_record": 0}),
        json!({"client_id": "a", "streams": [{"stream": "a", "operatoin": "upsert"}]}),
        json!({"client_id": "a", "object_storage_config": {"storage_type": "None", "buckt": "a"}}),
    ] {
        assert!(!validator.is_valid(&misspelt), "{misspelt}");
    }
}
