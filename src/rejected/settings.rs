//! Where rejected records are kept and in which form: `object_storage_config` after validation.
//!
//! `config` checks what the user typed. These types cannot hold anything that breaks a rule, so nobody checks again.

use std::fmt;
use std::path::PathBuf;

use secrecy::SecretString;
use url::Url;

/// The `path_format` if the configuration names none.
pub(crate) const DEFAULT_PATH_FORMAT: &str = "{sync_id}/{namespace}/{stream_name}/";

/// The `file_name_format` if the configuration names none.
pub(crate) const DEFAULT_FILE_NAME_FORMAT: &str = "{date}_{timestamp}_{part_number}{format_extension}";

/// Where objects are kept, and how they are named and written.
#[derive(Debug, Clone)]
pub(crate) struct StorageSettings {
    /// `storage_type`, with the keys that belong to it.
    pub(crate) place: Place,
    /// `bucket_path`: the start of every key.
    pub(crate) bucket_path: Option<String>,
    /// `format.format_type`.
    pub(crate) format: Format,
    /// `format.flattening`.
    pub(crate) flattening: Flattening,
    /// `compression`.
    pub(crate) compression: Compression,
    /// `path_format`: the folders below `bucket_path`.
    pub(crate) path_format: String,
    /// `file_name_format`: the name of an object in its folder.
    pub(crate) file_name_format: FileNameFormat,
}

/// What keeps the objects.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    /// `S3`.
    Bucket(BucketSettings),
    /// `Local`: the `path` of a folder.
    Folder(PathBuf),
}

/// A bucket, and how to reach it.
#[derive(Debug, Clone)]
pub(crate) struct BucketSettings {
    /// `access_key_id` and `secret_access_key`. Without them the AWS default credential chain is used.
    pub(crate) access_key: Option<AccessKey>,
    /// `role_arn`: a role to assume with these credentials.
    pub(crate) role_arn: Option<String>,
    /// `s3_bucket_name`.
    pub(crate) bucket: BucketName,
    /// `s3_bucket_region`. Without it the region is `us-east-1` if there is an endpoint, or else that of the AWS chain.
    pub(crate) region: Option<String>,
    /// `s3_endpoint`: a store that speaks S3 but is not Amazon S3.
    pub(crate) endpoint: Option<Url>,
}

/// The name of a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BucketName(String);

/// An access key with its secret.
#[derive(Debug, Clone)]
pub(crate) struct AccessKey {
    pub(crate) id: String,
    pub(crate) secret: SecretString,
}

/// A `file_name_format` that names a file.
#[derive(Debug, Clone)]
pub(crate) struct FileNameFormat(String);

/// How rows become text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Comma-separated values with a header in every object.
    Csv,
    /// One JSON object a line.
    Jsonl,
}

/// How the data of a record become columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flattening {
    /// The one column `_airbyte_data`.
    None,
    /// One column for each property of the stream's schema.
    RootLevel,
}

/// How objects are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compression {
    /// Not at all.
    None,
    /// With gzip, and `.gz` after the extension.
    Gzip,
}

impl BucketName {
    /// Takes 3 to 255 ASCII letters, digits, dots, hyphens and underscores that start with a letter or a digit and have
    /// no two dots in a row. Anything else would change the path of a request, or is the name of no bucket.
    ///
    /// This is looser than "General purpose bucket naming rules" of the Amazon S3 User Guide, which apply to new
    /// buckets of AWS: older buckets and other stores allow 255 characters and underscores.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
        let is_valid = (3..=255).contains(&name.len())
            && name.bytes().all(is_allowed)
            && name.starts_with(|first: char| first.is_ascii_alphanumeric())
            && !name.contains("..");
        is_valid.then(|| Self(name.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BucketName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FileNameFormat {
    /// Takes a text that does not end in a folder.
    pub(crate) fn parse(format: &str) -> Option<Self> {
        let names_a_file = !format.is_empty() && !format.ends_with('/');
        names_a_file.then(|| Self(format.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bucket(settings) => write!(f, "the bucket {}", settings.bucket),
            Self::Folder(path) => write!(f, "the folder {}", path.display()),
        }
    }
}

impl BucketSettings {
    /// The URL of the endpoint without a slash at its end.
    pub(super) fn endpoint_url(&self) -> Option<&str> {
        self.endpoint.as_ref().map(|url| url.as_str().trim_end_matches('/'))
    }
}

impl StorageSettings {
    /// The `{format_extension}` of an object's name.
    pub(super) fn extension(&self) -> &'static str {
        match (self.format, self.compression) {
            (Format::Csv, Compression::None) => ".csv",
            (Format::Csv, Compression::Gzip) => ".csv.gz",
            (Format::Jsonl, Compression::None) => ".jsonl",
            (Format::Jsonl, Compression::Gzip) => ".jsonl.gz",
        }
    }

    /// The media type of an object.
    pub(super) fn content_type(&self) -> &'static str {
        match (self.format, self.compression) {
            (_, Compression::Gzip) => "application/gzip",
            (Format::Csv, Compression::None) => "text/csv",
            (Format::Jsonl, Compression::None) => "application/x-ndjson",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_name_of_a_bucket_is_a_bucket_name() {
        let (longest, too_long) = ("a".repeat(255), "a".repeat(256));
        for name in ["abc", "acme-rejects", "airbyte_sync", "Acme.Rejects", "1ab", "a-.b", &longest] {
            assert_eq!(BucketName::parse(name).unwrap().as_str(), name);
        }
        for name in [
            "",
            "ab",
            "s3://acme-rejects",
            "acme-rejects/path",
            "acme rejects",
            "acme\u{fc}",
            "a..b",
            "../acme",
            "-acme",
            ".acme",
            "_acme",
            "arn:aws:s3:eu-west-1:123456789012:accesspoint/acme",
            &too_long,
        ] {
            assert_eq!(BucketName::parse(name), None, "{name}");
        }
    }

    #[test]
    fn a_file_name_format_names_a_file() {
        for format in ["a", "a/b", "/a", "{part_number}", DEFAULT_FILE_NAME_FORMAT] {
            assert_eq!(FileNameFormat::parse(format).unwrap().as_str(), format);
        }
        for format in ["", "/", "a/", "{part_number}/"] {
            assert!(FileNameFormat::parse(format).is_none(), "{format}");
        }
    }

    #[test]
    fn each_form_of_an_object_has_its_extension_and_its_media_type() {
        for (format, compression, extension, content_type) in [
            (Format::Csv, Compression::None, ".csv", "text/csv"),
            (Format::Csv, Compression::Gzip, ".csv.gz", "application/gzip"),
            (Format::Jsonl, Compression::None, ".jsonl", "application/x-ndjson"),
            (Format::Jsonl, Compression::Gzip, ".jsonl.gz", "application/gzip"),
        ] {
            let settings = StorageSettings {
                place: Place::Folder("/data".into()),
                bucket_path: None,
                format,
                flattening: Flattening::None,
                compression,
                path_format: DEFAULT_PATH_FORMAT.to_owned(),
                file_name_format: FileNameFormat::parse(DEFAULT_FILE_NAME_FORMAT).unwrap(),
            };
            assert_eq!((settings.extension(), settings.content_type()), (extension, content_type));
        }
    }
}
