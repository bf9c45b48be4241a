use serde_json::{Value, json};

use super::*;
use crate::config::test_configs::{assert_invalid, client, client_credentials, jwt, password, s3, secrets, valid};
use crate::rejected::Place;

#[test]
fn defaults_are_those_of_the_specification() {
    let spec = spec::spec().unwrap();
    let keys = &spec["connectionSpecification"]["properties"];
    let defaults = |keys: &Value| -> serde_json::Map<_, _> {
        let with_default = keys.as_object().unwrap().iter().filter(|(_, rules)| rules.get("default").is_some());
        with_default.map(|(key, rules)| (key.clone(), rules["default"].clone())).collect()
    };
    let spelled_out = client(Value::Object(defaults(keys)));
    assert_eq!(format!("{:?}", valid(&spelled_out)), format!("{:?}", valid(&client(json!({})))));

    let mut of_s3 = defaults(&keys["object_storage_config"]["oneOf"][1]["properties"]);
    of_s3.remove("s3_bucket_region");
    let settings = |changes| format!("{:?}", valid(&s3(changes)).rejected_storage().unwrap());
    assert_eq!(settings(Value::Object(of_s3)), settings(json!({})));
}

#[test]
fn every_setting_is_read() {
    let config = valid(&client(json!({
        "null_handling": "clear", "unknown_fields": "ignore", "truncate_text": true, "max_rejected_records": 0, "max_rejected_percent": 2.5,
        "journal": false, "dry_run": true, "report": false,
        "batch_size_mb": 0.01, "flush_interval_minutes": 0.5, "max_parallel_jobs": 25,
    })));
    assert_eq!(config.null_handling(), NullHandling::Clear);
    assert_eq!(config.unknown_fields(), UnknownFields::Ignore);
    assert!(config.truncate_text());
    assert_eq!(config.max_rejected_records(), Some(0));
    assert_eq!(config.max_rejected_percent(), Some(2.5));
    assert!(!config.journal);
    assert!(config.dry_run());
    assert!(!config.leaves_report());
    assert!(!config.keeps_successes());
    assert_eq!(config.batch_size(), 10_000);
    assert_eq!(config.flush_interval(), Duration::from_secs(30));
    assert_eq!(config.max_parallel_jobs(), 25);

    let config = valid(&client(json!({})));
    assert!(!config.truncate_text() && !config.is_for_file());
    assert_eq!(config.max_rejected_records(), None);
    assert_eq!(config.max_rejected_percent(), None);
    assert!(config.journal);
    assert!(!config.dry_run());
    assert!(config.leaves_report());
    assert_eq!(config.batch_size(), 100_000_000);
    assert_eq!(config.flush_interval(), Duration::from_mins(15));
    assert_eq!(config.max_parallel_jobs(), 5);
}

#[test]
fn a_whole_number_may_have_a_decimal_point() {
    let text = r#"{"client_id": "a", "client_secret": "b", "refresh_token": "c",
        "max_parallel_jobs": 7.0, "max_rejected_records": 1e3, "batch_size_mb": 20, "flush_interval_minutes": 1}"#;
    let config = Config::parse(text).unwrap();
    assert_eq!(config.max_parallel_jobs(), 7);
    assert_eq!(config.max_rejected_records(), Some(1000));
    assert_eq!(config.batch_size(), 20_000_000);
    assert_eq!(config.flush_interval(), Duration::from_mins(1));
}

#[test]
fn there_is_a_journal_only_with_a_storage_and_unless_it_is_switched_off() {
    for (config, expected) in
        [(client(json!({})), false), (client(json!({"journal": true})), false), (s3(json!({})), true)]
    {
        assert_eq!(valid(&config).journal_storage().is_some(), expected, "{config}");
    }
    let mut off = s3(json!({}));
    off["journal"] = json!(false);
    assert!(valid(&off).journal_storage().is_none() && valid(&off).rejected_storage().is_some());
}

#[test]
fn the_ids_of_written_records_need_a_storage() {
    let rule = "`keep_successes` needs `object_storage_config`: a bucket or a folder that keeps the ids";
    assert_invalid(&client(json!({"keep_successes": true})), &[rule]);
    let none = json!({"storage_type": "None"});
    assert_invalid(&client(json!({"keep_successes": true, "object_storage_config": none})), &[rule]);
    let broken = json!({"storage_type": "Local"});
    let rule = "`object_storage_config.path` is missing";
    assert_invalid(&client(json!({"keep_successes": true, "object_storage_config": broken})), &[rule]);
    let folder = json!({"storage_type": "Local", "path": "/data"});
    assert!(valid(&client(json!({"keep_successes": true, "object_storage_config": folder}))).keeps_successes());
    let mut bucket = s3(json!({}));
    bucket["keep_successes"] = json!(true);
    assert!(valid(&bucket).keeps_successes());
}

#[test]
fn the_share_of_requests_is_read() {
    assert_eq!(valid(&client(json!({"max_api_usage_percent": 62.5}))).max_api_usage_percent(), Some(62.5));
    assert_eq!(valid(&client(json!({}))).max_api_usage_percent(), None);
}

#[test]
fn the_flush_interval_is_never_zero() {
    let config = valid(&client(json!({"flush_interval_minutes": 1e-30})));
    assert!(config.flush_interval() > Duration::ZERO);
}

#[test]
fn unknown_keys_and_nulls_are_ignored() {
    let text = r#"{"client_id": "a", "client_secret": "b", "refresh_token": "c", "later": {"x": [1]},
        "domain_url": null, "streams": null, "max_parallel_jobs": null,
        "object_storage_config": {"storage_type": "S3", "s3_bucket_name": "abc", "s3_bucket_region": "us-east-1",
            "format": null, "access_key_id": null}}"#;
    let config = Config::parse(text).unwrap();
    assert_eq!(config.max_parallel_jobs(), 5);
    assert!(matches!(&config.rejected_storage().unwrap().place, Place::Bucket(bucket) if bucket.access_key.is_none()));
    assert!(!config.uses_password_flow());
}

#[test]
fn an_error_of_json_names_the_place_but_not_the_text() {
    for (text, expected) in [
        ("{\"client_secret\": \"s3cr3t\"\n \"a\"}", "it cannot be read at line 2, column 2."),
        ("s3cr3t", "it cannot be read at line 1, column 1."),
        ("", "it cannot be read at line 1, column 0."),
    ] {
        let error = Config::parse(text).unwrap_err();
        assert_eq!(error.message(), format!("The configuration is not JSON: {expected}"));
        assert!(!format!("{error:?}").contains("s3cr3t"));
    }
    for text in ["[]", "\"s3cr3t\"", "null"] {
        assert_eq!(Config::parse(text).unwrap_err().message(), "The configuration must be a JSON object.");
    }
}

#[test]
fn one_error_lists_all_violations() {
    assert_invalid(
        &client(json!({
            "client_id": " ", "refresh_token": null, "is_sandbox": "yes", "null_handling": "drop",
            "object_storage_config": {"storage_type": "S3", "s3_bucket_name": "a/b", "s3_bucket_region": "moon"},
            "streams": [{"operation": "merge"}, {"stream": "b", "assignment_rule_id": "x"}],
            "max_parallel_jobs": 0,
        })),
        &[
            "`is_sandbox` must be true or false",
            "`null_handling` must be one of `ignore`, `clear`",
            "`object_storage_config.s3_bucket_region` must be one of `af-south-1`, `ap-east-1`, `ap-northeast-1`, \
             `ap-northeast-2`, `ap-northeast-3`, `ap-south-1`, `ap-south-2`, `ap-southeast-1`, `ap-southeast-2`, \
             `ap-southeast-3`, `ap-southeast-4`, `ca-central-1`, `ca-west-1`, `cn-north-1`, `cn-northwest-1`, \
             `eu-central-1`, `eu-central-2`, `eu-north-1`, `eu-south-1`, `eu-south-2`, `eu-west-1`, `eu-west-2`, \
             `eu-west-3`, `il-central-1`, `me-central-1`, `me-south-1`, `sa-east-1`, `us-east-1`, `us-east-2`, \
             `us-gov-east-1`, `us-gov-west-1`, `us-west-1`, `us-west-2`",
            "`streams[0].stream` is missing",
            "`streams[0].operation` must be one of `insert`, `update`, `upsert`, `delete`, `hard_delete`",
            "`max_parallel_jobs` must be at least 1",
            "`client_id` is missing",
            "`refresh_token` is missing; the sign-in flow Client needs it",
            "`object_storage_config.s3_bucket_name` must be the name of a bucket alone: 3 to 255 letters, digits, \
             dots, hyphens and underscores",
            "`streams[1].assignment_rule_id` must be a Salesforce id of 15 or 18 letters and digits",
        ],
    );
}

#[test]
fn no_error_repeats_a_value() {
    const MARK: &str = "zq-mark-zq";
    let spec = spec::spec().unwrap();
    let keys = spec["connectionSpecification"]["properties"].as_object().unwrap();
    let s3_keys = spec.pointer("/connectionSpecification/properties/object_storage_config/oneOf/1/properties");
    let values = [json!(MARK), json!([MARK]), json!({ MARK: MARK }), json!({"storage_type": MARK}), json!([[MARK]])];
    let mut invalid = 0;
    for value in values {
        let top = keys.keys().map(|key| json!({ key: value }));
        let in_s3 = s3_keys.unwrap().as_object().unwrap().keys().map(|key| json!({ key: value }));
        let stream = ["stream", "namespace", "object", "operation", "external_id_field", "fields", "match"];
        let in_stream = stream.iter().map(|key| json!({"streams": [{"stream": "a", *key: value}]}));
        for changes in top.chain(in_stream).flat_map(|it| [client(it.clone()), jwt(it.clone()), password(it)]) {
            invalid += u32::from(is_invalid_without_showing(&changes, MARK));
        }
        for changes in in_s3 {
            invalid += u32::from(is_invalid_without_showing(&s3(changes), MARK));
        }
    }
    assert!(invalid > 100, "only {invalid} configurations were invalid");
}

/// Whether the configuration is invalid. If so, its error must not show `mark`.
fn is_invalid_without_showing(config: &Value, mark: &str) -> bool {
    let Err(error) = Config::parse(&config.to_string()) else { return false };
    assert!(!format!("{error:?}").contains(mark), "{error:?}");
    true
}

#[test]
fn debug_output_shows_no_secret() {
    let keys = json!({"access_key_id": "s3cr3t-key-id", "secret_access_key": "s3cr3t-access-key"});
    for (config, count) in [
        (client(json!({})), 2),
        (client_credentials(json!({})), 1),
        (jwt(json!({})), 1),
        (password(json!({})), 3),
        (s3(keys), 4),
    ] {
        let secrets = secrets(&config);
        assert_eq!(secrets.len(), count);
        let debug = format!("{:?}", valid(&config));
        for secret in secrets {
            assert!(!debug.contains(&secret), "{debug} shows {secret}");
        }
    }
}
