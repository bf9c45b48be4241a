//! Tests of keys that the specification does not have.

use serde_json::json;

use crate::config::Config;
use crate::config::test_configs::{assert_invalid, client, s3, valid};

fn warnings(config: &serde_json::Value) -> Vec<String> {
    valid(config).unknown_keys().iter().map(ToString::to_string).collect()
}

#[test]
fn an_unknown_key_is_a_warning_with_the_nearest_key() {
    for (config, expected) in [
        (client(json!({"colour": 1})), &["`colour` is not a key of this connector."][..]),
        (
            client(json!({"batch_size": 5, "reports": false})),
            &[
                "`batch_size` is not a key of this connector; the nearest key is `batch_size_mb`.",
                "`reports` is not a key of this connector; the nearest key is `report`.",
            ],
        ),
        (
            s3(json!({"s3_buckt_path": "x", "format": {"format_type": "CSV", "flatening": "No flattening"}})),
            &[
                "`object_storage_config.s3_buckt_path` is not a key of this connector; the nearest key is \
                 `bucket_path`.",
                "`object_storage_config.format.flatening` is not a key of this connector; the nearest key is \
                 `flattening`.",
            ],
        ),
        (
            client(json!({"streams": [{"stream": "a"}, {"stream": "b", "note": "x"}]})),
            &["`streams[1].note` is not a key of this connector."],
        ),
        // Keys of a variant that is not chosen, of an editor, and without a value.
        (client(json!({"object_storage_config": {"storage_type": "None", "s3_bucket_name": "abc"}})), &[]),
        (client(json!({"$schema": "config.schema.json"})), &[]),
    ] {
        assert_eq!(warnings(&config), expected, "{config}");
    }
    let unset = json!({"client_id": "a", "client_secret": "b", "refresh_token": "c", "colour": null});
    assert_eq!(warnings(&unset), Vec::<String>::new());
}

#[test]
fn a_misspelt_key_that_says_what_is_written_is_an_error() {
    let limit = "`max_rejected_record` is not a key of this connector; the nearest key is `max_rejected_records`";
    for (config, violations) in [
        (client(json!({"max_rejected_record": 0})), &[limit][..]),
        (
            client(json!({"nullhandling": "clear", "max_rejected_record": 0, "batch_size_mb": 0})),
            &[
                "`nullhandling` is not a key of this connector; the nearest key is `null_handling`",
                limit,
                "`batch_size_mb` must be at least 0.01",
            ],
        ),
        (
            client(json!({"is_sandboks": true})),
            &["`is_sandboks` is not a key of this connector; the nearest key is `is_sandbox`"],
        ),
        (
            client(json!({"streams": [{"stream": "a", "operatoin": "upsert"}]})),
            &["`streams[0].operatoin` is not a key of this connector; the nearest key is `operation`"],
        ),
        (client(json!({"streams": [{"stream": "a", "fields": [{"source": "a", "target": "B", "taget": "C"}]}]})), &[]),
        (
            client(json!({"streams": [{"stream": "a", "match": {"fields": ["Email"], "on_mising": "skip"}}]})),
            &["`streams[0].match.on_mising` is not a key of this connector; the nearest key is `on_missing`"],
        ),
    ] {
        match violations {
            [] => drop(valid(&config)),
            violations => assert_invalid(&config, violations),
        }
    }
}

#[test]
fn a_strict_reading_takes_no_unknown_key() {
    let config = client(json!({"colour": 1, "batch_size": 5, "max_parallel_jobs": 0})).to_string();
    let error = Config::parse_strictly(&config).unwrap_err();
    assert_eq!(
        error.message(),
        "The configuration is not valid. `colour` is not a key of this connector. `batch_size` is not a key of \
         this connector; the nearest key is `batch_size_mb`. `max_parallel_jobs` must be at least 1."
    );
    assert!(Config::parse_strictly(&client(json!({})).to_string()).is_ok());
}

#[test]
fn a_long_key_is_cut() {
    let warnings = warnings(&client(json!({"x".repeat(5_000): 1})));
    assert!(warnings[0].len() < 200, "{warnings:?}");
}

#[test]
fn only_the_misspelling_of_a_harmless_key_is_a_warning() {
    let harmless = ["batch_size_mb", "flush_interval_minutes", "keep_successes", "max_parallel_jobs", "report"];
    let spec = crate::config::spec().unwrap();
    let keys = spec["connectionSpecification"]["properties"].as_object().unwrap();
    let mut tried = 0;
    for key in keys.keys().filter(|key| client(json!({})).get(key).is_none()) {
        let misspelt = format!("{key}e");
        let is_valid = Config::parse(&client(json!({ misspelt: 1 })).to_string()).is_ok();
        assert_eq!(is_valid, harmless.contains(&key.as_str()), "{key}");
        tried += 1;
    }
    assert!(tried > 15, "{tried}");
}
