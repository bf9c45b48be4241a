//! The configuration after every rule has been held against it.

use std::time::Duration;

use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::problem::Problems;
use super::streams::{self, StreamSettings};
use super::typed::Typed;
use super::{raw, schema, sign_in, storage};
use crate::error::{Error, Result};
use crate::rejected::S3Settings;
use crate::salesforce::{Flow, SignIn};

/// What the user configured. It exists only when no rule is broken.
#[derive(Debug, Clone)]
pub struct Config {
    sign_in: SignIn,
    rejected: Option<S3Settings>,
    streams: Vec<StreamSettings>,
    null_handling: NullHandling,
    unknown_fields: UnknownFields,
    truncate_text: bool,
    max_rejected_records: Option<u64>,
    batch_size: usize,
    flush_interval: Duration,
    max_parallel_jobs: usize,
    typed: Typed,
}

/// What an explicit null of a record does to its field.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NullHandling {
    /// The field stays as it is.
    #[default]
    Ignore,
    /// The field is emptied.
    Clear,
}

/// What happens to a column that the object has no field for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UnknownFields {
    /// The sync ends with an error.
    #[default]
    Fail,
    /// The column is left out.
    Ignore,
}

const DEFAULT_BATCH_SIZE_MB: f64 = 100.0;
const BYTES_PER_MB: f64 = 1e6;
const DEFAULT_FLUSH_INTERVAL_MINUTES: f64 = 15.0;
const DEFAULT_MAX_PARALLEL_JOBS: f64 = 5.0;

impl Config {
    /// Reads a configuration, or tells every rule that it breaks in one error. No value of the configuration is part
    /// of that error.
    pub fn parse(text: &str) -> Result<Self> {
        let mut typed: Value = serde_json::from_str(text).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            Error::config(format!("The configuration is not JSON: it cannot be read at line {line}, column {column}."))
        })?;
        if !typed.is_object() {
            return Err(Error::config("The configuration must be a JSON object."));
        }

        let mut problems = Problems::default();
        drop_nulls(&mut typed);
        schema::check(&mut typed, &mut problems)?;
        let raw: raw::Config = serde_json::from_value(typed)
            .map_err(|_| Error::system("The configuration fits its specification, but cannot be read."))?;

        let sign_in = sign_in::validate(raw.sign_in, &mut problems);
        let rejected = storage::validate(raw.object_storage_config, &mut problems);
        let streams = streams::validate(raw.streams.unwrap_or_default(), &mut problems);
        problems.into_result()?;
        // Whoever builds no sign-in has noted why.
        let sign_in = sign_in.ok_or_else(|| Error::system("The sign-in is incomplete, and no rule tells why."))?;

        let batch_size_mb = raw.batch_size_mb.unwrap_or(DEFAULT_BATCH_SIZE_MB);
        let flush_interval_minutes = raw.flush_interval_minutes.unwrap_or(DEFAULT_FLUSH_INTERVAL_MINUTES);
        let max_parallel_jobs = raw.max_parallel_jobs.unwrap_or(DEFAULT_MAX_PARALLEL_JOBS);
        Ok(Self {
            sign_in,
            rejected,
            streams,
            null_handling: raw.null_handling.unwrap_or_default(),
            unknown_fields: raw.unknown_fields.unwrap_or_default(),
            truncate_text: raw.truncate_text.unwrap_or_default(),
            max_rejected_records: raw.max_rejected_records.map(|count| count as u64),
            batch_size: (batch_size_mb * BYTES_PER_MB).round() as usize,
            // Timers do not take an interval of nothing.
            flush_interval: Duration::from_secs_f64(flush_interval_minutes * 60.0).max(Duration::from_millis(1)),
            max_parallel_jobs: max_parallel_jobs as usize,
            typed: Typed::new(text),
        })
    }

    /// How to sign in.
    pub fn sign_in(&self) -> &SignIn {
        &self.sign_in
    }

    /// Whether the sign-in flow is the one that Salesforce has deprecated.
    pub fn uses_password_flow(&self) -> bool {
        matches!(self.sign_in.flow, Flow::Password { .. })
    }

    /// The bucket for rejected records, where there is one.
    pub fn rejected(&self) -> Option<&S3Settings> {
        self.rejected.as_ref()
    }

    /// The choices for a stream: the entry for its namespace, else the one that names no namespace.
    pub fn stream(&self, namespace: Option<&str>, name: &str) -> Option<&StreamSettings> {
        StreamSettings::find(&self.streams, namespace, name)
    }

    /// All entries of `streams`.
    pub fn streams(&self) -> &[StreamSettings] {
        &self.streams
    }

    /// What an explicit null does.
    pub fn null_handling(&self) -> NullHandling {
        self.null_handling
    }

    /// What happens to a column that the object has no field for.
    pub fn unknown_fields(&self) -> UnknownFields {
        self.unknown_fields
    }

    /// Whether text that is longer than its field is cut.
    pub fn truncate_text(&self) -> bool {
        self.truncate_text
    }

    /// How many rejected records a sync may have.
    pub fn max_rejected_records(&self) -> Option<u64> {
        self.max_rejected_records
    }

    /// The largest upload of one job, in bytes.
    pub fn batch_size(&self) -> usize {
        self.batch_size
    }

    /// The age at which a batch is sent even when it is small.
    pub fn flush_interval(&self) -> Duration {
        self.flush_interval
    }

    /// How many jobs may be in progress at once.
    pub fn max_parallel_jobs(&self) -> usize {
        self.max_parallel_jobs
    }

    /// The whole configuration as it was typed, with only the refresh token replaced, on one line: the `config` of a
    /// `CONTROL` message. It holds every secret.
    pub fn with_refresh_token(&self, token: &SecretString) -> Result<Box<RawValue>> {
        self.typed.with_refresh_token(token)
    }
}

/// Takes out the keys whose value is null: a key that is left open by a tool that writes every key is not given.
fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(keys) => {
            keys.retain(|_, value| !value.is_null());
            keys.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}
