//! Rows become objects: a small one in one request, a large one in parts.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::compress::{Compressor, STEP_BYTES};
use super::format::RowEncoder;
use super::identity::{StreamIdentity, SyncIdentity};
use super::key::Keys;
use super::record::{RecordKind, StoredRecord};
use super::row::RowLayout;
use super::settings::{Compression, Flattening, Format};
use super::storage::{ObjectMetadata, Storage, Upload};
use super::stream_header;
use crate::budget::{Budget, Lease};
use airbyte::{Error, Result};

/// The size of a part, and the most that a writer holds besides one row. It is the smallest that S3 accepts of every
/// part but the last (Amazon S3 User Guide, "Multipart upload limits"), because it is held in memory until it is full.
const PART_BYTES: usize = 5 * 1024 * 1024;

/// What a writer may hold without a place for a part: enough for a few hundred rejected records, so that a job with few
/// of them never waits for a job with many.
const PLACELESS_BYTES: usize = 256 * 1024;

/// The share of the memory budget that parts may take, as a divisor. The rest is for batches.
const PARTS_OF_BUDGET: usize = 4;

/// The size at which an object ends and the next one starts, as in Airbyte's own object-storage destinations.
const OBJECT_BYTES: usize = 200 * 1024 * 1024;

/// The sizes at which a writer acts, in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    pub(super) part: usize,
    pub(super) object: usize,
    pub(super) placeless: usize,
}

impl Default for Sizes {
    fn default() -> Self {
        Self { part: PART_BYTES, object: OBJECT_BYTES, placeless: PLACELESS_BYTES }
    }
}

/// The memory that the writers of a store take.
#[derive(Debug)]
pub(super) struct PartMemory {
    budget: Arc<Budget>,
    /// Places for parts. A holder waits only for the org and the storage, never for another place or free memory. So
    /// every waiter gets a place.
    places: Arc<Semaphore>,
}

impl PartMemory {
    /// Room for as many parts as fit into a share of the budget, and for one at least.
    pub(super) fn new(budget: Arc<Budget>, sizes: Sizes) -> Self {
        let places = (budget.capacity() / PARTS_OF_BUDGET / sizes.part).clamp(1, Semaphore::MAX_PERMITS);
        Self { budget, places: Arc::new(Semaphore::new(places)) }
    }

    async fn place(&self) -> Result<OwnedSemaphorePermit> {
        Arc::clone(&self.places).acquire_owned().await.map_err(|closed| Error::panic().internal(closed))
    }
}

/// What all writers of a store share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) storage: Storage,
    pub(super) keys: Keys,
    pub(super) sync: SyncIdentity,
    pub(super) format: Format,
    pub(super) flattening: Flattening,
    pub(super) compression: Compression,
    pub(super) content_type: &'static str,
    pub(super) sizes: Sizes,
    pub(super) memory: PartMemory,
    /// What the records are.
    pub(super) kind: RecordKind,
}

/// Writes records of one stream.
///
/// Objects become visible in [`finish`](Self::finish) only. A writer that is dropped or that fails deletes the parts it
/// has uploaded, as far as it can.
#[derive(Debug)]
pub(super) struct RecordWriter {
    shared: Arc<Shared>,
    stream: StreamIdentity,
    encoder: RowEncoder,
    metadata: ObjectMetadata,
    /// The object that takes the rows.
    open: Option<OpenObject>,
    /// Objects whose parts are all uploaded.
    uploaded: Vec<Upload>,
    /// True while a request runs, and for good when one fails or is cancelled: then bytes may be missing.
    broken: bool,
    row: Vec<u8>,
    /// Covers the row, the open object, and the part on its way to the storage.
    lease: Lease,
    /// The place for the part, once it is larger than a writer may hold without one.
    place: Option<OwnedSemaphorePermit>,
}

#[derive(Debug)]
struct OpenObject {
    key: String,
    text: Compressor,
    upload: Option<Upload>,
    uploaded_bytes: usize,
}

impl RecordWriter {
    pub(super) fn new(shared: Arc<Shared>, stream: &StreamIdentity) -> Self {
        let encoder = shared.encoder(stream);
        let metadata = ObjectMetadata {
            content_type: shared.content_type,
            generation_id: stream.generation_id,
            stream: stream_header::encode(&stream.stream_name()),
        };
        Self {
            lease: shared.memory.budget.lease(),
            shared,
            stream: stream.clone(),
            encoder,
            metadata,
            open: None,
            uploaded: Vec::new(),
            broken: false,
            row: Vec::new(),
            place: None,
        }
    }

    /// Adds a record, and uploads a part when enough records are there.
    pub(super) async fn write(&mut self, record: &StoredRecord) -> Result<()> {
        self.start_request()?;
        let outcome = Box::pin(self.write_row(record)).await;
        self.end_request(outcome).await
    }

    /// The key of the object that took the last record; none before the first one.
    pub(super) fn object(&self) -> Option<&str> {
        let open = self.open.as_ref().map(|open| &open.key);
        open.map(String::as_str).or(self.uploaded.last().map(Upload::key))
    }

    /// Completes the objects and returns their keys. Without a record there is no object.
    pub(super) async fn finish(mut self) -> Result<Vec<String>> {
        self.start_request()?;
        let outcome = Box::pin(self.complete_all()).await;
        self.end_request(outcome).await
    }

    async fn write_row(&mut self, record: &StoredRecord) -> Result<()> {
        if let Some(mark) = self.encoder.missing_mark(record) {
            // Every row of an object has the same columns.
            self.stream.source_columns.push(mark.to_owned());
            self.encoder = self.shared.encoder(&self.stream);
            self.close_object().await?;
        }
        let mut row = std::mem::take(&mut self.row);
        row.clear();
        if self.open.is_none() {
            self.encoder.header(&mut row);
            let key = self.shared.free_key(&self.stream).await?;
            let text = Compressor::new(self.shared.compression);
            self.open = Some(OpenObject { key, text, upload: None, uploaded_bytes: 0 });
        }
        self.encoder.row(record, &mut row);
        for step in row.chunks(STEP_BYTES) {
            self.write_step(step, row.capacity()).await?;
        }
        // One large row does not keep its memory.
        row.clear();
        row.shrink_to(self.shared.sizes.placeless);
        self.row = row;
        self.update_lease(self.row.capacity());
        let Some(open) = &self.open else { return Ok(()) };
        if open.uploaded_bytes + open.text.pending_bytes() >= self.shared.sizes.object {
            self.close_object().await?;
        }
        Ok(())
    }

    /// Adds a step of a row, which is held in `row_bytes`. Uploads the part that it fills.
    async fn write_step(&mut self, step: &[u8], row_bytes: usize) -> Result<()> {
        let Some(open) = &mut self.open else { return Ok(()) };
        let sizes = self.shared.sizes;
        if self.place.is_none() && open.text.pending_bytes() + step.len() > sizes.placeless {
            self.place = Some(self.shared.memory.place().await?);
            open.text.reserve_part(sizes.part);
        }
        open.text.write(step).map_err(cannot_compress)?;
        self.lease.set(row_bytes + open.text.size());
        if open.text.pending_bytes() >= sizes.part {
            // The lease and the place are kept until the part is stored.
            let bytes = open.text.take_pending();
            open.upload_part(&self.shared.storage, &self.metadata, bytes).await?;
            self.update_lease(row_bytes);
            self.place = None;
        }
        Ok(())
    }

    fn update_lease(&mut self, row_bytes: usize) {
        let open = self.open.as_ref().map_or(0, |open| open.text.size());
        self.lease.set(row_bytes + open);
    }

    /// Uploads the rest of the open object, so that the next row starts another one.
    async fn close_object(&mut self) -> Result<()> {
        let Some(mut open) = self.open.take() else { return Ok(()) };
        let rest = std::mem::replace(&mut open.text, Compressor::new(Compression::None));
        let rest = rest.finish().map_err(cannot_compress)?;
        // Put back, so that its upload is aborted if this fails.
        let open = self.open.insert(open);
        if !rest.is_empty() {
            open.upload_part(&self.shared.storage, &self.metadata, rest).await?;
        }
        self.uploaded.extend(self.open.take().and_then(|open| open.upload));
        self.update_lease(self.row.capacity());
        self.place = None;
        Ok(())
    }

    async fn complete_all(&mut self) -> Result<Vec<String>> {
        // The last object, if it is small enough for one request.
        let small = self.open.take_if(|open| open.upload.is_none());
        if small.is_none() {
            self.close_object().await?;
        }
        let mut keys = Vec::new();
        while let Some(upload) = self.uploaded.first() {
            self.shared.storage.complete(upload).await?;
            keys.push(self.uploaded.remove(0).key().to_owned());
        }
        if let Some(open) = small {
            let bytes = open.text.finish().map_err(cannot_compress)?;
            self.shared.storage.put(&open.key, &self.metadata, bytes).await?;
            keys.push(open.key);
        }
        tracing::debug!(objects = keys.len(), stream = self.stream.name, "{} stored", self.shared.kind.name());
        Ok(keys)
    }

    fn start_request(&mut self) -> Result<()> {
        if std::mem::replace(&mut self.broken, true) {
            return Err(Error::system("Records were written after storing them had failed."));
        }
        Ok(())
    }

    async fn end_request<T>(&mut self, outcome: Result<T>) -> Result<T> {
        if outcome.is_ok() {
            self.broken = false;
            return outcome;
        }
        for upload in self.take_uploads() {
            self.shared.storage.abort(&upload).await;
        }
        outcome
    }

    fn take_uploads(&mut self) -> Vec<Upload> {
        let mut uploads = std::mem::take(&mut self.uploaded);
        uploads.extend(self.open.take().and_then(|open| open.upload));
        uploads
    }
}

impl Drop for RecordWriter {
    fn drop(&mut self) {
        let uploads = self.take_uploads();
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        if uploads.is_empty() {
            return;
        }
        let shared = Arc::clone(&self.shared);
        runtime.spawn(async move {
            for upload in uploads {
                shared.storage.abort(&upload).await;
            }
        });
    }
}

impl OpenObject {
    async fn upload_part(&mut self, storage: &Storage, metadata: &ObjectMetadata, bytes: Vec<u8>) -> Result<()> {
        self.uploaded_bytes += bytes.len();
        let upload = match &mut self.upload {
            Some(upload) => upload,
            none => none.insert(storage.start_upload(&self.key, metadata).await?),
        };
        storage.add_part(upload, bytes).await
    }
}

impl Shared {
    fn encoder(&self, stream: &StreamIdentity) -> RowEncoder {
        RowEncoder::new(self.format, RowLayout::new(self.flattening, self.sync, stream, self.kind))
    }

    /// A key that no object has.
    async fn free_key(&self, stream: &StreamIdentity) -> Result<String> {
        let mut claim = self.keys.claim(stream);
        while self.keys.may_be_taken() && self.storage.exists(&claim.key()).await? {
            claim = self.keys.claim_another(claim);
        }
        Ok(claim.key())
    }
}

fn cannot_compress(error: std::io::Error) -> Error {
    Error::system("Records to store could not be compressed.").internal(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_as_small_as_s3_takes_them_and_objects_as_large_as_those_of_airbyte() {
        let sizes = Sizes::default();
        assert_eq!((sizes.part, sizes.object, sizes.placeless), (5 << 20, 200 << 20, 256 << 10));
    }

    #[test]
    fn parts_take_a_quarter_of_the_budget_and_there_is_room_for_one() {
        const MIB: usize = 1 << 20;
        for (capacity, places) in [(0, 1), (20 * MIB, 1), (40 * MIB - 1, 1), (40 * MIB, 2), (200 * MIB, 10)] {
            let memory = PartMemory::new(Budget::new(capacity), Sizes::default());
            assert_eq!(memory.places.available_permits(), places, "{capacity}");
        }
    }
}
