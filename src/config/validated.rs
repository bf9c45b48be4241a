//! The configuration after every rule has been checked.

use std::fmt;
use std::time::Duration;

use secrecy::SecretString;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::raw_text::RawText;
use super::streams::{self, StreamSettings};
use super::unknown_keys::UnknownKey;
use super::violations::Violations;
use super::{raw, spec, storage};
use crate::rejected::StorageSettings;
use airbyte::Result;
use connector::config::document::{self, Rules};
use salesforce::{OAuthFlow, SignIn};

/// A valid configuration: it breaks no rule.
#[derive(Clone)]
pub struct Config {
    sign_in: SignIn,
    rejected_storage: Option<StorageSettings>,
    pub(super) streams: Vec<StreamSettings>,
    null_handling: NullHandling,
    unknown_fields: UnknownFields,
    truncate_text: bool,
    max_rejected_records: Option<u64>,
    max_rejected_percent: Option<f64>,
    journal: bool,
    dry_run: bool,
    report: bool,
    keep_successes: bool,
    /// Whether this is the configuration of a load of one file.
    is_for_file: bool,
    batch_size: usize,
    flush_interval: Duration,
    max_parallel_jobs: usize,
    max_api_usage_percent: Option<f64>,
    unknown_keys: Vec<UnknownKey>,
    text: RawText,
}

/// What an explicit null in a record does to its field.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NullHandling {
    /// The field keeps its value.
    #[default]
    Ignore,
    /// The field becomes empty.
    Clear,
}

/// What happens to a source column that has no field in the object.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum UnknownFields {
    /// The sync fails.
    #[default]
    Fail,
    /// The source column is left out.
    Ignore,
}

/// The keys whose loss changes how fast or how visibly records are written, and neither which nor how.
const HARMLESS: [&str; 5] =
    ["batch_size_mb", "flush_interval_minutes", "keep_successes", "max_parallel_jobs", "report"];

const DEFAULT_BATCH_SIZE_MB: f64 = 100.0;
const BYTES_PER_MB: f64 = 1e6;
const DEFAULT_FLUSH_INTERVAL_MINUTES: f64 = 15.0;
const DEFAULT_MAX_PARALLEL_JOBS: f64 = 5.0;

impl Config {
    /// Reads and checks the text of a configuration.
    ///
    /// # Errors
    /// The text is not a JSON object, or breaks rules: one error lists them all. It never repeats a value, because the
    /// value may be a secret.
    pub fn parse(text: &str) -> Result<Self> {
        Self::parse_with(text, false)
    }

    /// The same for a person who asks about the configuration: a key that the specification does not have breaks a rule
    /// too.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub(crate) fn parse_strictly(text: &str) -> Result<Self> {
        Self::parse_with(text, true)
    }

    fn parse_with(text: &str, is_strict: bool) -> Result<Self> {
        let json = document::read(text)?;
        let mut violations = Violations::default();
        let rules = Rules { spec: &spec::spec()?, harmless: &HARMLESS, is_strict };
        let (raw, unknown_keys): (raw::Config, _) = document::check(json, &rules, &mut violations)?;

        let sign_in = document::sign_in(raw.credentials, raw.sign_in, &mut violations);
        let has_storage = !matches!(raw.object_storage_config, None | Some(raw::Storage::None));
        let rejected_storage = storage::validate(raw.object_storage_config, &mut violations);
        let streams = streams::validate(raw.streams.unwrap_or_default(), &mut violations);
        let keep_successes = raw.keep_successes.unwrap_or_default();
        if keep_successes && !has_storage {
            violations.add("keep_successes", "needs `object_storage_config`: a bucket or a folder that keeps the ids");
        }
        let sign_in = document::valid(sign_in, violations)?;

        let batch_size_mb = raw.batch_size_mb.unwrap_or(DEFAULT_BATCH_SIZE_MB);
        let flush_interval_minutes = raw.flush_interval_minutes.unwrap_or(DEFAULT_FLUSH_INTERVAL_MINUTES);
        let max_parallel_jobs = raw.max_parallel_jobs.unwrap_or(DEFAULT_MAX_PARALLEL_JOBS);
        Ok(Self {
            sign_in,
            rejected_storage,
            streams,
            null_handling: raw.null_handling.unwrap_or_default(),
            unknown_fields: raw.unknown_fields.unwrap_or_default(),
            truncate_text: raw.truncate_text.unwrap_or_default(),
            max_rejected_records: raw.max_rejected_records.map(|count| count as u64),
            max_rejected_percent: raw.max_rejected_percent,
            journal: raw.journal.unwrap_or(true),
            dry_run: raw.dry_run.unwrap_or_default(),
            report: raw.report.unwrap_or(true),
            keep_successes,
            is_for_file: false,
            batch_size: (batch_size_mb * BYTES_PER_MB).round() as usize,
            // A timer does not accept an interval of zero.
            flush_interval: Duration::from_secs_f64(flush_interval_minutes * 60.0).max(Duration::from_millis(1)),
            max_parallel_jobs: max_parallel_jobs as usize,
            max_api_usage_percent: raw.max_api_usage_percent,
            unknown_keys,
            text: RawText::new(text),
        })
    }

    /// The same with this stream alone, and another storage without a report.
    pub(super) fn with_stream(
        self,
        stream: StreamSettings,
        storage: Option<StorageSettings>,
        has_journal: bool,
    ) -> Self {
        let keep_successes = storage.is_some();
        Self {
            streams: vec![stream],
            rejected_storage: storage,
            journal: has_journal,
            report: false,
            keep_successes,
            is_for_file: true,
            ..self
        }
    }

    /// Whether this is the configuration of a load of one file.
    pub(crate) fn is_for_file(&self) -> bool {
        self.is_for_file
    }

    /// The keys that the specification does not have, and that mean nothing.
    pub(crate) fn unknown_keys(&self) -> &[UnknownKey] {
        &self.unknown_keys
    }

    pub(crate) fn sign_in(&self) -> &SignIn {
        &self.sign_in
    }

    /// Whether the sign-in flow is the one that Salesforce deprecates.
    pub(crate) fn uses_password_flow(&self) -> bool {
        matches!(self.sign_in.flow, OAuthFlow::Password { .. })
    }

    /// Where rejected records are stored, if anywhere.
    pub(crate) fn rejected_storage(&self) -> Option<&StorageSettings> {
        self.rejected_storage.as_ref()
    }

    /// The settings of a stream: the entry for its namespace, or else the entry without a namespace.
    pub(crate) fn stream(&self, namespace: Option<&str>, name: &str) -> Option<&StreamSettings> {
        StreamSettings::find(&self.streams, namespace, name)
    }

    /// The entries under `streams`.
    pub(crate) fn streams(&self) -> &[StreamSettings] {
        &self.streams
    }

    pub(crate) fn null_handling(&self) -> NullHandling {
        self.null_handling
    }

    pub(crate) fn unknown_fields(&self) -> UnknownFields {
        self.unknown_fields
    }

    /// Whether text that is longer than its field is cut.
    pub(crate) fn truncate_text(&self) -> bool {
        self.truncate_text
    }

    /// How many rejected records a sync may have; any number if there is no limit.
    pub(crate) fn max_rejected_records(&self) -> Option<u64> {
        self.max_rejected_records
    }

    /// The share of its records that may be rejected, in percent; any share if there is no limit.
    pub(crate) fn max_rejected_percent(&self) -> Option<f64> {
        self.max_rejected_percent
    }

    /// Where jobs are entered for a later attempt of the sync, if anywhere.
    pub(crate) fn journal_storage(&self) -> Option<&StorageSettings> {
        self.rejected_storage.as_ref().filter(|_| self.journal)
    }

    /// Whether records are only counted.
    pub(crate) fn dry_run(&self) -> bool {
        self.dry_run
    }

    /// Whether a sync leaves a report in the bucket, where there is one.
    pub(crate) fn leaves_report(&self) -> bool {
        self.report
    }

    /// Whether the ids of written records are kept. Then there is a storage.
    pub(crate) fn keeps_successes(&self) -> bool {
        self.keep_successes
    }

    /// The largest upload of one job, in bytes.
    pub fn batch_size(&self) -> usize {
        self.batch_size
    }

    /// The age at which a batch is sent, however small it is.
    pub fn flush_interval(&self) -> Duration {
        self.flush_interval
    }

    /// How many jobs may be in progress in parallel.
    pub fn max_parallel_jobs(&self) -> usize {
        self.max_parallel_jobs
    }

    /// The share of the org's daily API requests that may be used, in percent.
    pub fn max_api_usage_percent(&self) -> Option<f64> {
        self.max_api_usage_percent
    }

    /// The configuration as the user wrote it. It holds every secret.
    pub(crate) fn text(&self) -> &RawText {
        &self.text
    }

    /// The configuration as the user wrote it, with a new refresh token, on one line: the `config` of a `CONTROL`
    /// message. It holds every secret.
    ///
    /// # Errors
    /// A defect: the text was valid JSON before.
    pub fn with_refresh_token(&self, token: &SecretString) -> Result<Box<RawValue>> {
        self.text.with_refresh_token(token)
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("sign_in", &self.sign_in)
            // Only the name of the bucket: the access key id is a secret too.
            .field("rejected_storage", &self.rejected_storage.as_ref().map(|settings| settings.place.to_string()))
            .field("streams", &self.streams)
            .field("null_handling", &self.null_handling)
            .field("unknown_fields", &self.unknown_fields)
            .field("truncate_text", &self.truncate_text)
            .field("max_rejected_records", &self.max_rejected_records)
            .field("max_rejected_percent", &self.max_rejected_percent)
            .field("journal", &self.journal)
            .field("dry_run", &self.dry_run)
            .field("report", &self.report)
            .field("keep_successes", &self.keep_successes)
            .field("batch_size", &self.batch_size)
            .field("flush_interval", &self.flush_interval)
            .field("max_parallel_jobs", &self.max_parallel_jobs)
            .field("max_api_usage_percent", &self.max_api_usage_percent)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
