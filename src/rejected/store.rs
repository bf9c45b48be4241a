//! The store of rejected records: opened once for a sync, written to by many loads.

use std::sync::Arc;

use uuid::Uuid;

use super::identity::{StreamIdentity, SyncIdentity};
use super::key::Keys;
use super::record::{RecordKind, RejectedRecord};
use super::settings::StorageSettings;
use super::storage::{ObjectMetadata, Storage};
use super::successes::SuccessStore;
use super::writer::{PartMemory, RecordWriter, Shared, Sizes};
use crate::budget::Budget;
use airbyte::{Error, FailureType, Result};

/// Keeps rejected records in a storage. Clones never hand out the same key.
#[derive(Debug, Clone)]
pub(crate) struct RejectedStore {
    shared: Arc<Shared>,
}

/// Writes the rejected records of one stream. Its objects are not visible before it finishes.
#[derive(Debug)]
pub(crate) struct RejectedWriter(RecordWriter);

impl RejectedWriter {
    /// Adds a record, and uploads a part when enough records are there.
    pub(crate) async fn write(&mut self, record: &RejectedRecord) -> Result<()> {
        self.0.write(&record.stored).await
    }

    /// The key of the object that took the last record; none before the first one.
    pub(crate) fn object(&self) -> Option<&str> {
        self.0.object()
    }

    /// Completes the objects and returns their keys. Without a record there is no object.
    pub(crate) async fn finish(self) -> Result<Vec<String>> {
        self.0.finish().await
    }
}

impl RejectedStore {
    /// Prepares the storage without a call to it, which [`probe`](Self::probe) makes. Writers lease what they
    /// hold from `budget`.
    pub(crate) async fn open(settings: &StorageSettings, sync: SyncIdentity, budget: Arc<Budget>) -> Result<Self> {
        Self::open_with(settings, sync, budget, Sizes::default()).await
    }

    async fn open_with(
        settings: &StorageSettings,
        sync: SyncIdentity,
        budget: Arc<Budget>,
        sizes: Sizes,
    ) -> Result<Self> {
        let keys = Keys::new(settings, sync)?;
        let storage = Box::pin(Storage::open(settings)).await?;
        let shared = Shared {
            storage,
            keys,
            sync,
            format: settings.format,
            flattening: settings.flattening,
            compression: settings.compression,
            content_type: settings.content_type(),
            sizes,
            memory: PartMemory::new(budget, sizes),
            kind: RecordKind::Rejected,
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// A writer for rejected records of `stream`.
    pub(crate) fn writer(&self, stream: &StreamIdentity) -> RejectedWriter {
        RejectedWriter(RecordWriter::new(Arc::clone(&self.shared), stream))
    }

    /// A store beside this one for the ids of written records. `settings` are those of this one.
    pub(crate) fn for_successes(&self, settings: &StorageSettings, budget: Arc<Budget>) -> Result<SuccessStore> {
        let Shared { storage, sync, sizes, .. } = &*self.shared;
        SuccessStore::new(storage.clone(), settings, *sync, PartMemory::new(budget, *sizes))
    }

    /// The beginning of the address of every object, such as `s3://acme-rejects`.
    pub(crate) fn address(&self) -> String {
        self.shared.storage.address()
    }

    /// What the user should know where the objects may not last.
    pub(crate) fn warning(&self) -> Option<String> {
        self.shared.storage.warning()
    }

    /// Stores the report of the sync beside its rejected records, and returns its key. It waits for no outage.
    pub(crate) async fn put_report(&self, page: String) -> Result<String> {
        let (storage, keys) = (self.shared.storage.brief(), &self.shared.keys);
        let key = match keys.report() {
            // An earlier attempt of the sync may have left one. A storage that cannot be listed may have any.
            Some(key) if Box::pin(storage.exists(&key)).await.is_ok_and(|exists| !exists) => key,
            _ => keys.dated_report(),
        };
        let metadata = ObjectMetadata { content_type: "text/html; charset=utf-8", generation_id: None, stream: None };
        Box::pin(storage.put(&key, &metadata, page.into_bytes())).await?;
        Ok(key)
    }

    /// Writes, lists and deletes a test object below `bucket_path`, as `check` needs it, and returns all that failed in
    /// one error.
    pub(crate) async fn probe(&self) -> Result<()> {
        let stream = StreamIdentity {
            namespace: Some("testing".to_owned()),
            name: "test".to_owned(),
            generation_id: None,
            source_columns: Vec::new(),
        };
        // A new name each time, because two checks of one bucket may run at the same time.
        let key = format!("{}_check_test_{}", self.shared.keys.folder(&stream), Uuid::now_v7());
        let metadata = ObjectMetadata { content_type: "application/json", generation_id: None, stream: None };
        let storage = self.shared.storage.without_outage_wait();

        Box::pin(storage.put(&key, &metadata, br#"{"data":1}"#.to_vec())).await?;
        let listed = match Box::pin(storage.exists(&key)).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(storage.not_listed()),
            Err(error) => Err(error),
        };
        let deleted = Box::pin(storage.delete(&key)).await;
        match (listed, deleted) {
            (Err(first), Err(second)) => Err(both(&first, &second)),
            (listed, deleted) => listed.and(deleted),
        }
    }
}

fn both(first: &Error, second: &Error) -> Error {
    let message = format!("{first} {second}");
    let is_config = [first, second].iter().any(|error| error.failure_type() == FailureType::Config);
    if is_config { Error::config(message) } else { Error::transient(message) }
}

#[cfg(test)]
mod tests;
