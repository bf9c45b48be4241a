//! The store of the ids of written records: beside the rejected records, in a folder of its own.

use std::sync::Arc;

use super::identity::{StreamIdentity, SyncIdentity};
use super::key::Keys;
use super::record::{RecordKind, WrittenRecord};
use super::settings::StorageSettings;
use super::storage::Storage;
use super::writer::{PartMemory, RecordWriter, Shared, Sizes};
use airbyte::Result;

/// The folder below `bucket_path`. Rejected records are never looked for in it.
pub(crate) const FOLDER: &str = "_salesforce_successes/";

/// Keeps the ids of written records in a storage.
#[derive(Debug, Clone)]
pub(crate) struct SuccessStore {
    shared: Arc<Shared>,
}

/// Writes the ids of written records of one stream. Its objects are not visible before it finishes.
#[derive(Debug)]
pub(crate) struct SuccessWriter(RecordWriter);

impl SuccessStore {
    /// Its parts have places of their own. Whoever waits for one may hold one for rejected records, so whoever has one
    /// must not wait for one of those.
    pub(super) fn new(
        storage: Storage,
        settings: &StorageSettings,
        sync: SyncIdentity,
        memory: PartMemory,
    ) -> Result<Self> {
        let bucket_path = format!("{}/{FOLDER}", settings.bucket_path.as_deref().unwrap_or_default());
        let keys = Keys::new(&StorageSettings { bucket_path: Some(bucket_path), ..settings.clone() }, sync)?;
        let shared = Shared {
            storage,
            keys,
            sync,
            format: settings.format,
            flattening: settings.flattening,
            compression: settings.compression,
            content_type: settings.content_type(),
            sizes: Sizes::default(),
            memory,
            kind: RecordKind::Written,
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// A writer for records of `stream`. With flattening, `key_columns` are the columns of its objects.
    pub(crate) fn writer(&self, stream: &StreamIdentity, key_columns: Vec<String>) -> SuccessWriter {
        let stream = StreamIdentity { source_columns: key_columns, ..stream.clone() };
        SuccessWriter(RecordWriter::new(Arc::clone(&self.shared), &stream))
    }
}

impl SuccessWriter {
    /// Adds a record, and uploads a part when enough records are there.
    pub(crate) async fn write(&mut self, record: &WrittenRecord) -> Result<()> {
        self.0.write(&record.stored).await
    }

    /// Completes the objects. Without a record there is no object.
    pub(crate) async fn finish(self) -> Result<()> {
        self.0.finish().await.map(drop)
    }
}
