//! The store of rejected records: opened once for a sync, written by many.

use std::sync::Arc;

use uuid::Uuid;

use super::bucket::Label;
use super::connect::connect;
use super::identity::{StreamIdentity, SyncIdentity};
use super::key::Keys;
use super::settings::S3Settings;
use super::writer::{RejectedWriter, Shared, Sizes};
use airbyte::{Error, FailureType, Result};

/// Keeps rejected records in a bucket. Clones share the keys they give out.
#[derive(Debug, Clone)]
pub struct RejectedStore {
    shared: Arc<Shared>,
}

impl RejectedStore {
    /// Prepares the client. No request is made to the bucket: [`probe`](Self::probe) does that.
    pub async fn open(config: &S3Settings, sync: SyncIdentity) -> Result<Self> {
        Self::open_with(config, sync, Sizes::default()).await
    }

    pub(super) async fn open_with(config: &S3Settings, sync: SyncIdentity, sizes: Sizes) -> Result<Self> {
        let keys = Keys::new(config, sync)?;
        let bucket = Box::pin(connect(config)).await?;
        let shared = Shared { bucket, keys, sync, format: config.format, compression: config.compression, sizes };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// A writer for rejected records of `stream`.
    pub fn writer(&self, stream: &StreamIdentity) -> RejectedWriter {
        RejectedWriter::new(Arc::clone(&self.shared), stream)
    }

    /// Writes, lists and deletes a test object under the prefix, as `check` does, and tells all that failed.
    pub async fn probe(&self) -> Result<()> {
        let stream = StreamIdentity {
            namespace: Some("testing".to_owned()),
            name: "test".to_owned(),
            generation_id: None,
            source_columns: Vec::new(),
        };
        // A name of its own, because two checks of one bucket may run at the same time.
        let key = format!("{}_check_test_{}", self.shared.keys.folder(&stream), Uuid::now_v7());
        let label = Label { content_type: "application/json", generation_id: None };
        // Whoever checks waits for the answer.
        let bucket = self.shared.bucket.without_patience();

        Box::pin(bucket.put(&key, &label, br#"{"data":1}"#.to_vec())).await?;
        let listed = match Box::pin(bucket.exists(&key)).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(Error::config(format!(
                "The test object that was just written to the rejected-records bucket \"{}\" is not listed there. \
                 Check that `s3_endpoint` is an S3 store that lists its objects.",
                bucket.name()
            ))),
            Err(error) => Err(error),
        };
        let deleted = Box::pin(bucket.delete(&key)).await;
        match (listed, deleted) {
            (Err(first), Err(second)) => Err(both(&first, &second)),
            (listed, deleted) => listed.and(deleted),
        }
    }
}

fn both(first: &Error, second: &Error) -> Error {
    let message = format!("{first} {second}");
    let config = [first, second].iter().any(|error| error.failure_type() == FailureType::Config);
    if config { Error::config(message) } else { Error::transient(message) }
}

#[cfg(test)]
mod tests;
