//! Where rejected records go.

use url::Url;

use super::problem::Problems;
use super::raw::{self, Flattening, filled};
use crate::rejected::{Compression, DEFAULT_FILE_NAME_FORMAT, DEFAULT_PATH_FORMAT, Format, S3Settings};

/// Builds the settings of the bucket, or notes what keeps them from being built. `None` is also no storage at all.
pub(super) fn validate(raw: Option<raw::Storage>, problems: &mut Problems) -> Option<S3Settings> {
    let Some(raw::Storage::S3(raw)) = raw else { return None };
    let access_key_id = filled(raw.access_key_id);
    let secret_access_key = filled(raw.secret_access_key);
    match (&access_key_id, &secret_access_key) {
        (Some(_), None) => problems.add(key("secret_access_key"), "is missing; it goes with the access key id"),
        (None, Some(_)) => problems.add(key("access_key_id"), "is missing; it goes with the secret access key"),
        _ => {}
    }

    let role_arn = filled(raw.role_arn);
    if role_arn.as_deref().is_some_and(|arn| !(arn.starts_with("arn:") && arn.contains(":role/"))) {
        problems.add(key("role_arn"), "must be the ARN of a role, such as `arn:aws:iam::123456789012:role/name`");
    }

    let bucket = filled(raw.s3_bucket_name);
    match bucket.as_deref() {
        None => problems.add(key("s3_bucket_name"), "is missing"),
        Some(name) if !is_bucket_name(name) => problems.add(
            key("s3_bucket_name"),
            "must be the name of a bucket alone: 3 to 255 letters, digits, dots, hyphens and underscores",
        ),
        Some(_) => {}
    }

    let endpoint_text = filled(raw.s3_endpoint);
    let endpoint = endpoint_text.as_deref().and_then(endpoint_url);
    if endpoint_text.is_some() && endpoint.is_none() {
        problems.add(
            key("s3_endpoint"),
            "must be an http or https URL of a server, without user name, query and fragment, such as \
             `https://s3.example.com:9000`",
        );
    }
    let region = filled(raw.s3_bucket_region);
    if region.is_none() && endpoint_text.is_none() {
        problems.add(key("s3_bucket_region"), "is missing; it may be empty only beside an `s3_endpoint`");
    }

    let bucket_path = filled(raw.bucket_path);
    let path_format = filled(raw.path_format).unwrap_or_else(|| DEFAULT_PATH_FORMAT.to_owned());
    let file_name_format = filled(raw.file_name_format).unwrap_or_else(|| DEFAULT_FILE_NAME_FORMAT.to_owned());
    for (name, path) in [
        ("bucket_path", bucket_path.as_deref().unwrap_or_default()),
        ("path_format", &path_format),
        ("file_name_format", &file_name_format),
    ] {
        if !is_key_part(path) {
            problems.add(key(name), "must be free of control characters and of the segments `.` and `..`");
        }
    }

    Some(S3Settings {
        access_key_id,
        secret_access_key: secret_access_key.map(Into::into),
        role_arn,
        bucket: bucket?,
        region,
        endpoint,
        bucket_path,
        format: raw.format.map_or(Format::Csv { flatten: false }, Format::from),
        compression: raw.compression.map_or(Compression::None, Compression::from),
        path_format,
        file_name_format,
    })
}

fn key(name: &str) -> String {
    format!("object_storage_config.{name}")
}

/// Whether a text can be a bucket name. Looser than "General purpose bucket naming rules" of the S3 guide, which hold
/// for new buckets of AWS: older buckets and other servers go up to 255 characters and know underscores.
fn is_bucket_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    (3..=255).contains(&name.len())
        && name.bytes().all(allowed)
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && !name.contains("..")
}

fn endpoint_url(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let plain = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    (matches!(url.scheme(), "http" | "https") && url.has_host() && plain).then_some(url)
}

/// Whether a text can be part of an object key. Some servers and tools resolve `.` and `..` as folders
/// (S3 guide, "Naming Amazon S3 objects").
fn is_key_part(path: &str) -> bool {
    !path.chars().any(char::is_control) && !path.split('/').any(|segment| matches!(segment, "." | ".."))
}

impl From<raw::Format> for Format {
    fn from(format: raw::Format) -> Self {
        let flatten = |flattening: Option<Flattening>| flattening == Some(Flattening::RootLevel);
        match format {
            raw::Format::Csv { flattening } => Self::Csv { flatten: flatten(flattening) },
            raw::Format::Jsonl { flattening } => Self::Jsonl { flatten: flatten(flattening) },
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
