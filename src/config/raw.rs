//! The keys of a configuration that fits the schema, before the other rules are checked.
//!
//! Every key is optional, so that one broken key does not hide what is wrong with the others. The types that hold
//! secrets are not `Debug`, because here secrets are plain text.

use connector::config::SignInKeys;
pub(super) use connector::config::non_blank;
use serde::Deserialize;

use super::{Deletes, NullHandling, OnMissing, OnSeveral, UnknownFields};

/// The top level of the configuration.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Config {
    /// The sign-in keys that are not in `credentials`.
    #[serde(flatten)]
    pub(super) sign_in: SignInKeys,
    pub(super) credentials: Option<SignInKeys>,
    pub(super) object_storage_config: Option<Storage>,
    pub(super) streams: Option<Vec<Option<Stream>>>,
    pub(super) null_handling: Option<NullHandling>,
    pub(super) unknown_fields: Option<UnknownFields>,
    pub(super) truncate_text: Option<bool>,
    // The schema accepts `5.0` as a whole number, so all numbers are read as floats.
    pub(super) max_rejected_records: Option<f64>,
    pub(super) max_rejected_percent: Option<f64>,
    pub(super) journal: Option<bool>,
    pub(super) dry_run: Option<bool>,
    pub(super) report: Option<bool>,
    pub(super) keep_successes: Option<bool>,
    pub(super) batch_size_mb: Option<f64>,
    pub(super) flush_interval_minutes: Option<f64>,
    pub(super) max_parallel_jobs: Option<f64>,
    pub(super) max_api_usage_percent: Option<f64>,
}

/// `object_storage_config`.
#[derive(Deserialize)]
#[serde(tag = "storage_type")]
pub(super) enum Storage {
    None,
    S3(Box<S3>),
    Local(Box<Local>),
}

/// The keys of `object_storage_config` for S3.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct S3 {
    pub(super) access_key_id: Option<String>,
    pub(super) secret_access_key: Option<String>,
    pub(super) role_arn: Option<String>,
    pub(super) s3_bucket_name: Option<String>,
    pub(super) s3_bucket_region: Option<String>,
    pub(super) s3_endpoint: Option<String>,
    pub(super) bucket_path: Option<String>,
    #[serde(flatten)]
    pub(super) layout: Layout,
}

/// The keys of `object_storage_config` for a folder.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Local {
    pub(super) path: Option<String>,
    #[serde(flatten)]
    pub(super) layout: Layout,
}

/// The keys of `object_storage_config` that say how objects are named and written.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Layout {
    pub(super) format: Option<Format>,
    pub(super) compression: Option<Compression>,
    pub(super) path_format: Option<String>,
    pub(super) file_name_format: Option<String>,
}

/// `object_storage_config.format`.
#[derive(Deserialize)]
#[serde(tag = "format_type")]
pub(super) enum Format {
    #[serde(rename = "CSV")]
    Csv { flattening: Option<Flattening> },
    #[serde(rename = "JSONL")]
    Jsonl { flattening: Option<Flattening> },
}

/// `object_storage_config.format.flattening`.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) enum Flattening {
    #[serde(rename = "No flattening")]
    No,
    #[serde(rename = "Root level flattening")]
    RootLevel,
}

/// `object_storage_config.compression`.
#[derive(Deserialize)]
#[serde(tag = "compression_type")]
pub(super) enum Compression {
    #[serde(rename = "No Compression")]
    None,
    #[serde(rename = "GZIP")]
    Gzip,
}

/// One entry of `streams`.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Stream {
    pub(super) stream: Option<String>,
    pub(super) namespace: Option<String>,
    pub(super) object: Option<String>,
    pub(super) operation: Option<Operation>,
    pub(super) external_id_field: Option<String>,
    pub(super) assignment_rule_id: Option<String>,
    pub(super) fields: Option<Vec<Option<Rename>>>,
    pub(super) deletes: Option<Deletes>,
    pub(super) delete_marker: Option<String>,
    #[serde(rename = "match")]
    pub(super) matching: Option<Match>,
}

/// `streams[].match`.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Match {
    pub(super) fields: Option<Vec<Option<String>>>,
    pub(super) on_missing: Option<OnMissing>,
    pub(super) on_several: Option<OnSeveral>,
}

/// `streams[].operation`.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Operation {
    Insert,
    Update,
    Upsert,
    Delete,
    HardDelete,
}

/// One entry of `streams[].fields`.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Rename {
    pub(super) source: Option<String>,
    pub(super) target: Option<String>,
}
