//! Where rejected records are kept, and in which form: the validated `object_storage_config`.

use secrecy::SecretString;
use url::Url;

/// The `path_format` where the configuration names none.
pub const DEFAULT_PATH_FORMAT: &str = "{sync_id}/{namespace}/{stream_name}/";

/// The `file_name_format` where the configuration names none.
pub const DEFAULT_FILE_NAME_FORMAT: &str = "{date}_{timestamp}_{part_number}{format_extension}";

/// A bucket, the way into it, and the layout of the objects.
#[derive(Debug, Clone)]
pub struct S3Settings {
    /// `access_key_id`; without it the AWS default credential chain is asked.
    pub access_key_id: Option<String>,
    /// `secret_access_key`, given exactly when `access_key_id` is.
    pub secret_access_key: Option<SecretString>,
    /// `role_arn`: a role to assume with the credentials above.
    pub role_arn: Option<String>,
    /// `s3_bucket_name`.
    pub bucket: String,
    /// `s3_bucket_region`; without it the AWS chain is asked, or `us-east-1` is taken for an endpoint of one's own.
    pub region: Option<String>,
    /// `s3_endpoint`: a store that speaks S3 but is not AWS.
    pub endpoint: Option<Url>,
    /// `bucket_path`: what every key begins with.
    pub bucket_path: Option<String>,
    /// `format`.
    pub format: Format,
    /// `compression`.
    pub compression: Compression,
    /// `path_format`: the folders below `bucket_path`.
    pub path_format: String,
    /// `file_name_format`: the name below the folders.
    pub file_name_format: String,
}

/// The text form of the objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated values with a header in every object.
    Csv {
        /// One column per field of the stream, in place of the one column `_airbyte_data`.
        flatten: bool,
    },
    /// One JSON object a line.
    Jsonl {
        /// One key per field of the stream, in place of the one key `_airbyte_data`.
        flatten: bool,
    },
}

/// Whether objects are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Plain text.
    None,
    /// Gzip, with `.gz` after the extension.
    Gzip,
}

impl Format {
    pub(super) fn flatten(self) -> bool {
        match self {
            Self::Csv { flatten } | Self::Jsonl { flatten } => flatten,
        }
    }
}

/// The `{format_extension}` of an object's name.
pub(super) fn extension(format: Format, compression: Compression) -> &'static str {
    match (format, compression) {
        (Format::Csv { .. }, Compression::None) => ".csv",
        (Format::Csv { .. }, Compression::Gzip) => ".csv.gz",
        (Format::Jsonl { .. }, Compression::None) => ".jsonl",
        (Format::Jsonl { .. }, Compression::Gzip) => ".jsonl.gz",
    }
}

/// The media type of an object.
pub(super) fn content_type(format: Format, compression: Compression) -> &'static str {
    match (format, compression) {
        (_, Compression::Gzip) => "application/gzip",
        (Format::Csv { .. }, Compression::None) => "text/csv",
        (Format::Jsonl { .. }, Compression::None) => "application/x-ndjson",
    }
}
