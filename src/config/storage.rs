//! Checks `object_storage_config`: where rejected records go, and in which form.

mod bucket;

use std::path::PathBuf;

use super::raw::{self, non_blank};
use super::violations::Violations;
use crate::rejected::{
    Compression, DEFAULT_FILE_NAME_FORMAT, DEFAULT_PATH_FORMAT, FileNameFormat, Flattening, Format, Place,
    StorageSettings,
};

/// Builds the settings of the storage. Returns `None` if none is configured, or if `violations` says why there are no
/// settings.
pub(super) fn validate(raw: Option<raw::Storage>, violations: &mut Violations) -> Option<StorageSettings> {
    let (place, bucket_path, layout) = match raw? {
        raw::Storage::None => return None,
        raw::Storage::S3(mut raw) => {
            let (bucket_path, layout) = (non_blank(raw.bucket_path.take()), std::mem::take(&mut raw.layout));
            (bucket::validate(*raw, violations).map(Place::Bucket), bucket_path, layout)
        }
        raw::Storage::Local(raw) => (folder(raw.path, violations).map(Place::Folder), None, raw.layout),
    };

    let path_format = non_blank(layout.path_format).unwrap_or_else(|| DEFAULT_PATH_FORMAT.to_owned());
    let file_name_format = non_blank(layout.file_name_format).unwrap_or_else(|| DEFAULT_FILE_NAME_FORMAT.to_owned());
    for (name, path) in [
        ("bucket_path", bucket_path.as_deref().unwrap_or_default()),
        ("path_format", &path_format),
        ("file_name_format", &file_name_format),
    ] {
        if !is_key_part(path) {
            violations.add(key(name), "must not contain control characters or the segments `.` and `..`");
        }
    }

    let file_name_format = FileNameFormat::parse(&file_name_format);
    if file_name_format.is_none() {
        violations.add(key("file_name_format"), "must end in the name of a file, not in a folder");
    }

    let (format, flattening) = match layout.format {
        None => (Format::Csv, None),
        Some(raw::Format::Csv { flattening }) => (Format::Csv, flattening),
        Some(raw::Format::Jsonl { flattening }) => (Format::Jsonl, flattening),
    };
    Some(StorageSettings {
        place: place?,
        bucket_path,
        format,
        flattening: flattening.map_or(Flattening::None, Flattening::from),
        compression: layout.compression.map_or(Compression::None, Compression::from),
        path_format,
        file_name_format: file_name_format?,
    })
}

/// The path of a folder. It need not exist.
fn folder(path: Option<String>, violations: &mut Violations) -> Option<PathBuf> {
    let problem = match non_blank(path) {
        None => "is missing",
        Some(path) if path.starts_with('~') => "must not begin with `~`, which only a shell understands",
        Some(path) if path.chars().any(char::is_control) => "must not contain control characters",
        Some(path) => return Some(PathBuf::from(path)),
    };
    violations.add(key("path"), problem);
    None
}

fn key(name: &str) -> String {
    format!("object_storage_config.{name}")
}

/// Whether a text can be part of a key. Some servers and tools resolve `.` and `..` as folders (S3 guide, "Naming Amazon
/// S3 objects"), and so does a file system.
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
    use crate::rejected::BucketSettings;

    fn bucket_of(settings: &StorageSettings) -> &BucketSettings {
        match &settings.place {
            Place::Bucket(bucket) => bucket,
            Place::Folder(path) => panic!("{}", path.display()),
        }
    }

    fn local(changes: serde_json::Value) -> serde_json::Value {
        let mut storage = json!({"storage_type": "Local", "path": "/data/rejected"});
        storage.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        client(json!({"object_storage_config": storage}))
    }

    #[test]
    fn a_folder_needs_its_path_only() {
        let config = valid(&local(json!({})));
        let settings = config.rejected_storage().unwrap();
        assert!(matches!(&settings.place, Place::Folder(path) if path.as_os_str() == "/data/rejected"));
        assert_eq!((settings.format, settings.flattening), (Format::Csv, Flattening::None));
        assert_eq!(settings.path_format, "{sync_id}/{namespace}/{stream_name}/");
        assert!(config.journal_storage().is_some());

        let format = json!({"format_type": "JSONL", "flattening": "Root level flattening"});
        let config = valid(&local(json!({"path": " rejected ", "format": format, "path_format": "{stream_name}/"})));
        let settings = config.rejected_storage().unwrap();
        assert!(matches!(&settings.place, Place::Folder(path) if path.as_os_str() == "rejected"));
        assert_eq!((settings.format, settings.flattening), (Format::Jsonl, Flattening::RootLevel));
        assert_eq!(settings.path_format, "{stream_name}/");
        let config = valid(&local(json!({"path": "/data/~rejected"})));
        assert!(
            matches!(&config.rejected_storage().unwrap().place, Place::Folder(path) if path.ends_with("~rejected"))
        );
    }

    #[test]
    fn each_broken_rule_of_a_folder_is_reported() {
        let of_shell = "`object_storage_config.path` must not begin with `~`, which only a shell understands";
        for (changes, problem) in [
            (json!({"path": " "}), "`object_storage_config.path` is missing"),
            (json!({"path": null}), "`object_storage_config.path` is missing"),
            (json!({"path": "~/rejected"}), of_shell),
            (json!({"path": "~"}), of_shell),
            (json!({"path": " ~loader/rejected "}), of_shell),
            (json!({"path": "a\u{0}b"}), "`object_storage_config.path` must not contain control characters"),
            (json!({"path": "a\u{7f}"}), "`object_storage_config.path` must not contain control characters"),
            (
                json!({"path_format": "../{sync_id}"}),
                "`object_storage_config.path_format` must not contain control characters or the segments `.` and `..`",
            ),
        ] {
            assert_invalid(&local(changes), &[problem]);
        }
    }

    #[test]
    fn bucket_and_region_are_enough() {
        let config = valid(&s3(json!({})));
        let settings = config.rejected_storage().unwrap();
        let bucket = bucket_of(settings);
        assert_eq!(bucket.bucket.as_str(), "example-rejected");
        assert_eq!(bucket.region.as_deref(), Some("eu-west-1"));
        assert!(bucket.access_key.is_none());
        assert!(bucket.endpoint.is_none() && settings.bucket_path.is_none() && bucket.role_arn.is_none());
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
        let bucket = bucket_of(settings);
        let access_key = bucket.access_key.as_ref().unwrap();
        assert_eq!((&*access_key.id, access_key.secret.expose_secret()), ("key-id", "s3cr3t-access-key"));
        assert_eq!(bucket.role_arn.as_deref(), Some("arn:aws-us-gov:iam::123456789012:role/writer"));
        assert_eq!(bucket.bucket.as_str(), "airbyte_sync");
        assert_eq!(bucket.region, None);
        assert_eq!(bucket.endpoint.as_ref().unwrap().as_str(), "http://localhost:9000/");
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
            format!("`object_storage_config.{key}` must not contain control characters or the segments `.` and `..`")
        };
        let region = "`object_storage_config.s3_bucket_region` is missing; it may be empty only with an `s3_endpoint`";
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
            (json!({"s3_bucket_region": ""}), region),
            (json!({"s3_bucket_region": "", "role_arn": "arn:aws:iam::123456789012:role/writer"}), region),
            (json!({"s3_bucket_region": " ", "access_key_id": "s3cr3t-id", "secret_access_key": "s3cr3t-key"}), region),
            (json!({"s3_endpoint": "s3.example.com"}), endpoint),
            (json!({"s3_endpoint": "ftp://s3.example.com"}), endpoint),
            (json!({"s3_endpoint": "https://user:s3cr3t@s3.example.com"}), endpoint),
            (json!({"s3_endpoint": "https://user@s3.example.com"}), endpoint),
            (json!({"s3_endpoint": "https://:s3cr3t@s3.example.com"}), endpoint),
            (json!({"s3_endpoint": "https://s3.example.com?x=1"}), endpoint),
            (json!({"s3_endpoint": "https://s3.example.com#x"}), endpoint),
            (
                json!({"access_key_id": "s3cr3t-key-id"}),
                "`object_storage_config.secret_access_key` is missing; it goes with the access key id",
            ),
            (
                json!({"secret_access_key": "s3cr3t-access-key", "access_key_id": " "}),
                "`object_storage_config.access_key_id` is missing; it goes with the secret access key",
            ),
            (json!({"role_arn": "writer"}), role),
            (json!({"role_arn": "aws:iam::123456789012:role/writer"}), role),
            (json!({"role_arn": "arn:aws:iam::123456789012"}), role),
            (json!({"role_arn": "arn:aws:iam::123456789012:user/writer"}), role),
            (json!({"role_arn": "arn:aws:sts::123456789012:assumed-role/writer/session"}), role),
            (json!({"bucket_path": "a/../b"}), &path("bucket_path")),
            (json!({"bucket_path": "."}), &path("bucket_path")),
            (json!({"bucket_path": "a\tb"}), &path("bucket_path")),
            (json!({"path_format": "./{sync_id}"}), &path("path_format")),
            (json!({"path_format": "{sync_id}/.."}), &path("path_format")),
            (json!({"file_name_format": "../{date}"}), &path("file_name_format")),
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
