//! Tests of the rules of the specification.

use serde_json::json;

use crate::config::test_configs::{assert_invalid, client, s3, valid};

#[test]
fn each_rule_of_the_schema_has_a_sentence() {
    for (config, violation) in [
        (json!({"client_secret": "s3cr3t-of-app", "refresh_token": "s3cr3t-refresh"}), "`client_id` is missing"),
        (client(json!({"client_id": 5})), "`client_id` must be text"),
        (client(json!({"refresh_token": ["s3cr3t"]})), "`refresh_token` must be text"),
        (client(json!({"truncate_text": "true"})), "`truncate_text` must be true or false"),
        (client(json!({"max_parallel_jobs": 2.5})), "`max_parallel_jobs` must be a whole number"),
        (client(json!({"max_parallel_jobs": "5"})), "`max_parallel_jobs` must be a whole number"),
        (client(json!({"max_parallel_jobs": 26})), "`max_parallel_jobs` must be at most 25"),
        (client(json!({"max_rejected_records": -1})), "`max_rejected_records` must be at least 0"),
        (client(json!({"max_api_usage_percent": 0.9})), "`max_api_usage_percent` must be at least 1"),
        (client(json!({"max_api_usage_percent": 101})), "`max_api_usage_percent` must be at most 100"),
        (client(json!({"max_rejected_percent": -1})), "`max_rejected_percent` must be at least 0"),
        (client(json!({"max_parallel_jobs": 0})), "`max_parallel_jobs` must be at least 1"),
        (client(json!({"keep_successes": 1})), "`keep_successes` must be true or false"),
        (client(json!({"max_rejected_percent": 101})), "`max_rejected_percent` must be at most 100"),
        (client(json!({"batch_size_mb": "9"})), "`batch_size_mb` must be a number"),
        (client(json!({"batch_size_mb": 0.009})), "`batch_size_mb` must be at least 0.01"),
        (client(json!({"batch_size_mb": 100.1})), "`batch_size_mb` must be at most 100"),
        (client(json!({"flush_interval_minutes": 0})), "`flush_interval_minutes` must be more than 0"),
        (client(json!({"flush_interval_minutes": 1441})), "`flush_interval_minutes` must be at most 1440"),
        (client(json!({"unknown_fields": "drop"})), "`unknown_fields` must be one of `fail`, `ignore`"),
        (client(json!({"streams": {}})), "`streams` must be a list"),
        (client(json!({"streams": ["a"]})), "`streams[0]` must be an object"),
        (client(json!({"streams": [{"stream": "a", "fields": "b"}]})), "`streams[0].fields` must be a list"),
        (
            client(json!({"auth_type": "OAuth"})),
            "`auth_type` must be one of `Client`, `ClientCredentials`, `JwtBearer`, `Password`",
        ),
    ] {
        assert_invalid(&config, &[violation]);
    }
}

#[test]
fn an_empty_text_is_no_choice() {
    for key in ["auth_type", "null_handling", "unknown_fields"] {
        for blank in ["", " "] {
            valid(&client(json!({ key: blank })));
        }
    }
    valid(&client(json!({"streams": [{"stream": "a", "operation": ""}]})));
    for left_out in [json!({"storage_type": ""}), json!({"storage_type": " ", "s3_bucket_name": ""}), json!({})] {
        assert!(valid(&client(json!({"object_storage_config": left_out}))).rejected_storage().is_none());
    }
    for (key, left_out) in [("format", json!({"format_type": ""})), ("compression", json!({"compression_type": ""}))] {
        assert!(valid(&s3(json!({ key: left_out }))).rejected_storage().is_some());
    }
    let chosen_nothing = json!({"storage_type": "", "s3_bucket_name": "abc"});
    let violation = "`object_storage_config.storage_type` must be one of `None`, `S3`, `Local`";
    assert_invalid(&client(json!({"object_storage_config": chosen_nothing})), &[violation]);
}

#[test]
fn an_object_is_checked_against_the_variant_that_it_names() {
    for (config, violation) in [
        (client(json!({"object_storage_config": "S3"})), "`object_storage_config` must be an object"),
        (
            client(json!({"object_storage_config": {"s3_bucket_name": "abc"}})),
            "`object_storage_config.storage_type` must be one of `None`, `S3`, `Local`",
        ),
        (
            client(json!({"object_storage_config": {"storage_type": "GCS"}})),
            "`object_storage_config.storage_type` must be one of `None`, `S3`, `Local`",
        ),
        (s3(json!({"s3_bucket_name": null})), "`object_storage_config.s3_bucket_name` is missing"),
        (s3(json!({"s3_bucket_region": null})), "`object_storage_config.s3_bucket_region` is missing"),
        (s3(json!({"role_arn": true})), "`object_storage_config.role_arn` must be text"),
        (s3(json!({"format": "CSV"})), "`object_storage_config.format` must be an object"),
        (
            s3(json!({"format": {"flattening": "No flattening"}})),
            "`object_storage_config.format.format_type` must be one of `CSV`, `JSONL`",
        ),
        (
            s3(json!({"format": {"format_type": "JSONL", "flattening": "all"}})),
            "`object_storage_config.format.flattening` must be one of `No flattening`, `Root level flattening`",
        ),
        (
            s3(json!({"compression": {"compression_type": "ZSTD"}})),
            "`object_storage_config.compression.compression_type` must be one of `No Compression`, `GZIP`",
        ),
    ] {
        assert_invalid(&config, &[violation]);
    }
}
