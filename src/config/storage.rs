//! Checks `object_storage_config`: where rejected records go.

use url::Url;

use super::raw::{self, non_blank};
use super::violations::Violations;
use crate::rejected::{
    AccessKey, BucketName, Compression, DEFAULT_FILE_NAME_FORMAT, DEFAULT_PATH_FORMAT, FileNameFormat, Flattening,
    Format, S3Settings,
};

/// [`BucketName::parse`] as a sentence.
const NOT_A_BUCKET_NAME: &str =
    "must be the name of a bucket alone: 3 to 255 letters, digits, dots, hyphens and underscores";

/// Builds the settings of the bucket. Returns `None` if no bucket is configured, or if `violations` says why there are
/// no settings.
pub(super) fn validate(raw: Option<raw::Storage>, violations: &mut Violations) -> Option<S3Settings> {
    let Some(raw::Storage::S3(raw)) = raw else { return None };
    let access_key = match (non_blank(raw.access_key_id), non_blank(raw.secret_access_key)) {
        (Some(id), Some(secret)) => Some(AccessKey { id, secret: secret.into() }),
        (Some(_), None) => {
            violations.add(key("secret_access_key"), "is missing; it goes with the access key id");
            None
        }
        (None, Some(_)) => {
            violations.add(key("access_key_id"), "is missing; it goes with the secret access key");
            None
        }
        (None, None) => None,
    };

    let role_arn = non_blank(raw.role_arn);
    if role_arn.as_deref().is_some_and(|arn| !(arn.starts_with("arn:") && arn.contains(":role/"))) {
        violations.add(key("role_arn"), "must be the ARN of a role, such as `arn:aws:iam::123456789012:role/name`");
    }

    let bucket_name = non_blank(raw.s3_bucket_name);
    let bucket = bucket_name.as_deref().and_then(BucketName::parse);
    if bucket.is_none() {
        violations.add(
            key("s3_bucket_name"),
            match bucket_name {
                None => "is missing",
                Some(_) => NOT_A_BUCKET_NAME,
            },
        );
    }

    let endpoint_text = non_blank(raw.s3_endpoint);
    let endpoint = endpoint_text.as_deref().and_then(endpoint_url);
    if endpoint_text.is_some() && endpoint.is_none() {
        violations.add(
            key("s3_endpoint"),
            "must be an http or https URL of a server, without user name, query and fragment, such as \
             `https://s3.example.com:9000`",
        );
    }
    let region = non_blank(raw.s3_bucket_region);
    if region.is_none() && endpoint_text.is_none() {
        violations.add(key("s3_bucket_region"), "is missing; it may be empty only with an `s3_endpoint`");
    }

    let bucket_path = non_blank(raw.bucket_path);
    let path_format = non_blank(raw.path_format).unwrap_or_else(|| DEFAULT_PATH_FORMAT.to_owned());
    let file_name_format = non_blank(raw.file_name_format).unwrap_or_else(|| DEFAULT_FILE_NAME_FORMAT.to_owned());
    for (name, path) in [
        ("bucket_path", bucket_path.as_deref().unwrap_or_default()),
        ("path_format", &path_format),
        ("file_name_format", &file_name_format),
    ] {
        if !is_key_part(path) {
            violations.add(key(name), "must be free of control characters and of the segments `.` and `..`");
        }
    }

    let file_name_format = FileNameFormat::parse(&file_name_format);
    if file_name_format.is_none() {
        violations.add(key("file_name_format"), "must end in the name of a file, not in a folder");
    }

    let (format, flattening) = match raw.format {
        None => (Format::Csv, None),
        Some(raw::Format::Csv { flattening }) => (Format::Csv, flattening),
        Some(raw::Format::Jsonl { flattening }) => (Format::Jsonl, flattening),
    };
    Some(S3Settings {
        access_key,
        role_arn,
        bucket: bucket?,
        region,
        endpoint,
        bucket_path,
        format,
        flattening: flattening.map_or(Flattening::None, Flattening::from),
        compression: raw.compression.map_or(Compression::None, Compression::from),
        path_format,
        file_name_format: file_name_format?,
    })
}

fn key(name: &str) -> String {
    format!("object_storage_config.{name}")
}

fn endpoint_url(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let plain =
        url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none();
    (matches!(url.scheme(), "http" | "https") && url.has_host() && plain).then_some(url)
}

/// Whether a text can be part of a key in the bucket. Some servers and tools resolve `.` and `..` as folders
/// (S3 guide, "Naming Amazon S3 objects").
fn is_key_part(path: &str) -> bool {
    !path.chars().any(char::is_control) && !path.split('/').any(|segment| matches!(segment, "." | ".."))
}

impl From<raw::Flattening> for Flattening {
    fn from(flattening: raw::Flattening) -> Self {
        match flattening {
            raw::Flattening::No => Self::None,
            raw::Flattening::RootLevel => Self::RootLevel,
        }
    }
}

impl From<raw::Compression> for Compression {
    fn from(compression: raw::Compression) -> Self {
        match compression {
            raw::Compression::None => Self::None,
            raw::Compression::Gzip => Self::Gzip,
        }
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;
    use serde_json::json;

    use super::*;
    use crate::config::test_configs::{assert_invalid, client, s3, valid};

    #[test]
    fn bucket_and_region_are_enough() {
        let config = valid(&s3(json!({})));
        let settings = config.rejected_storage().unwrap();
        assert_eq!(settings.bucket.as_str(), "example-rejected");
        assert_eq!(settings.region.as_deref(), Some("eu-west-1"));
        assert!(settings.access_key.is_none());
        assert!(settings.endpoint.is_none() && settings.bucket_path.is_none() && settings.role_arn.is_none());
        assert_eq!((settings.format, settings.flattening), (Format::Csv, Flattening::None));
        assert_eq!(settings.compression, Compression::None);
        assert_eq!(settings.path_format, "{sync_id}/{namespace}/{stream_name}/");
        assert_eq!(settings.file_name_format.as_str(), "{date}_{timestamp}_{part_number}{format_extension}");
    }

    #[test]
    fn every_key_reaches_the_settings() {
        let config = valid(&s3(json!({
            "access_key_id": " key-id\n", "secret_access_key": "s3cr3t-access-key ",
            "role_arn": "arn:aws-us-gov:iam::123456789012:role/writer",
            "s3_bucket_name": "airbyte_sync", "s3_bucket_region": "", "s3_endpoint": "http://localhost:9000",
            "bucket_path": "prefix/", "path_format": "{stream_name}", "file_name_format": "{sync_id}",
            "format": {"format_type": "JSONL", "flattening": "Root level flattening"},
            "compression": {"compression_type": "GZIP"},
        })));
        let settings = config.rejected_storage().unwrap();
        let access_key = settings.access_key.as_ref().unwrap();
        assert_eq!((&*access_key.id, access_key.secret.expose_secret()), ("key-id", "s3cr3t-access-key"));
        assert_eq!(settings.role_arn.as_deref(), Some("arn:aws-us-gov:iam::123456789012:role/writer"));
        assert_eq!(settings.bucket.as_str(), "airbyte_sync");
        assert_eq!(settings.region, None);
        assert_eq!(settings.endpoint.as_ref().unwrap().as_str(), "http://localhost:9000/");
        assert_eq!(settings.bucket_path.as_deref(), Some("prefix/"));
        assert_eq!((settings.format, settings.flattening), (Format::Jsonl, Flattening::RootLevel));
        assert_eq!(settings.compression, Compression::Gzip);
        assert_eq!((&*settings.path_format, settings.file_name_format.as_str()), ("{stream_name}", "{sync_id}"));
    }

    #[test]
    fn without_storage_there_are_no_settings() {
        for config in [client(json!({})), client(json!({"object_storage_config": {"storage_type": "None"}}))] {
            assert!(valid(&config).rejected_storage().is_none());
        }
    }

    #[test]
    fn each_broken_rule_is_reported() {
        let bucket = "`object_storage_config.s3_bucket_name` must be the name of a bucket alone: 3 to 255 letters, \
                      digits, dots, hyphens and underscores";
        let endpoint = "`object_storage_config.s3_endpoint` must be an http or https URL of a server, without user \
                        name, query and fragment, such as `https://s3.example.com:9000`";
        let path = |key: &str| {
            format!("`object_storage_config.{key}` must be free of control characters and of the segments `.` and `..`")
        };
        let role = "`object_storage_config.role_arn` must be the ARN of a role, such as \
                    `arn:aws:iam::123456789012:role/name`";
        for (changes, problem) in [
            (json!({"s3_bucket_name": " "}), "`object_storage_config.s3_bucket_name` is missing"),
            (json!({"s3_bucket_name": "ab"}), bucket),
            (json!({"s3_bucket_name": "s3://example"}), bucket),
            (json!({"s3_bucket_name": "example/folder"}), bucket),
            (json!({"s3_bucket_name": "../example"}), bucket),
            (json!({"s3_bucket_name": "a..b"}), bucket),
            (json!({"s3_bucket_name": "exam ple"}), bucket),
            (json!({"s3_bucket_name": "a".repeat(256)}), bucket),
            (
                json!({"s3_bucket_region": ""}),
                "`object_storage_config.s3_bucket_region` is missing; it may be empty only with an `s3_endpoint`",
            ),
            (json!({"s3_endpoint": "s3.example.com"}), endpoint),
            (json!({"s3_endpoint": "ftp://s3.example.com"}), endpoint),
            (json!({"s3_endpoint": "https://user:s3cr3t@s3.example.com"}), endpoint),
            (json!({"s3_endpoint": "https://s3.example.com?x=1"}), endpoint),
            (
                json!({"access_key_id": "s3cr3t-key-id"}),
                "`object_storage_config.secret_access_key` is missing; it goes with the access key id",
            ),
            (
                json!({"secret_access_key": "s3cr3t-access-key", "access_key_id": " "}),
                "`object_storage_config.access_key_id` is missing; it goes with the secret access key",
            ),
            (json!({"role_arn": "writer"}), role),
            (json!({"role_arn": "arn:aws:iam::123456789012:user/writer"}), role),
            (json!({"bucket_path": "a/../b"}), &path("bucket_path")),
            (json!({"path_format": "./{sync_id}"}), &path("path_format")),
            (json!({"file_name_format": "a\u{0}b"}), &path("file_name_format")),
            (
                json!({"file_name_format": "{date}/"}),
                "`object_storage_config.file_name_format` must end in the name of a file, not in a folder",
            ),
        ] {
            assert_invalid(&s3(changes), &[problem]);
        }
    }
}
