//! Rows become objects: small ones in one request, large ones in parts.

use std::sync::Arc;

use super::bucket::{Bucket, Label, Upload};
use super::compress::Compressor;
use super::identity::{StreamIdentity, SyncIdentity};
use super::key::Keys;
use super::record::RejectedRecord;
use super::row::Rows;
use super::settings::{Compression, Format, content_type};
use airbyte::{Error, Result};

/// What is uploaded at once, and the most that a writer holds beside one row: the part size of Airbyte's own
/// object-storage destinations, above the 5 MiB that S3 asks of every part but the last (Amazon S3 User Guide,
/// "Multipart upload limits").
const PART_BYTES: usize = 10 * 1024 * 1024;

/// Where an object ends and the next one begins, as in Airbyte's own object-storage destinations.
const OBJECT_BYTES: usize = 200 * 1024 * 1024;

/// The sizes at which a writer acts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    pub(super) part: usize,
    pub(super) object: usize,
}

impl Default for Sizes {
    fn default() -> Self {
        Self { part: PART_BYTES, object: OBJECT_BYTES }
    }
}

/// What every writer of a store shares.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) bucket: Bucket,
    pub(super) keys: Keys,
    pub(super) sync: SyncIdentity,
    pub(super) format: Format,
    pub(super) compression: Compression,
    pub(super) sizes: Sizes,
}

/// Writes the rejected records of one stream.
///
/// Nothing is an object before [`finish`](Self::finish): a writer that is dropped, or that failed, gives back the parts
/// it has uploaded, as far as it can.
#[derive(Debug)]
pub struct RejectedWriter {
    shared: Arc<Shared>,
    stream: StreamIdentity,
    rows: Rows,
    label: Label,
    filling: Option<Filling>,
    /// Objects whose parts are all uploaded.
    full: Vec<Upload>,
    /// Set while a request is under way, and for good when one fails or is cancelled: then bytes may be missing.
    broken: bool,
    row: Vec<u8>,
}

/// The object that takes the rows.
#[derive(Debug)]
struct Filling {
    key: String,
    text: Compressor,
    upload: Option<Upload>,
    uploaded: usize,
}

impl RejectedWriter {
    pub(super) fn new(shared: Arc<Shared>, stream: &StreamIdentity) -> Self {
        let rows = Rows::new(shared.format, shared.sync, stream);
        let label = Label {
            content_type: content_type(shared.format, shared.compression),
            generation_id: stream.generation_id,
        };
        Self {
            shared,
            stream: stream.clone(),
            rows,
            label,
            filling: None,
            full: Vec::new(),
            broken: false,
            row: Vec::new(),
        }
    }

    /// Adds a record; a part is uploaded when enough of them have come together.
    pub async fn write(&mut self, record: &RejectedRecord) -> Result<()> {
        self.begin_request()?;
        let outcome = Box::pin(self.push_row(record)).await;
        self.end_request(outcome).await
    }

    /// Completes the objects and names their keys. A writer that was never pushed to writes none.
    pub async fn finish(mut self) -> Result<Vec<String>> {
        self.begin_request()?;
        let outcome = Box::pin(self.complete_all()).await;
        self.end_request(outcome).await
    }

    async fn push_row(&mut self, record: &RejectedRecord) -> Result<()> {
        self.row.clear();
        let filling = match &mut self.filling {
            Some(filling) => filling,
            empty => {
                self.rows.header(&mut self.row);
                let key = self.shared.free_key(&self.stream).await?;
                empty.insert(Filling { key, text: Compressor::new(self.shared.compression), upload: None, uploaded: 0 })
            }
        };
        self.rows.row(record, &mut self.row);
        filling.text.write(&self.row).map_err(cannot_compress)?;
        if filling.text.waiting() >= self.shared.sizes.part {
            let bytes = filling.text.take();
            filling.send_part(&self.shared.bucket, &self.label, bytes).await?;
        }
        if filling.uploaded + filling.text.waiting() >= self.shared.sizes.object {
            self.fill_up().await?;
        }
        Ok(())
    }

    /// Uploads the rest of the object that takes the rows, so that the next row begins another one.
    async fn fill_up(&mut self) -> Result<()> {
        let Some(mut filling) = self.filling.take() else { return Ok(()) };
        let rest = std::mem::replace(&mut filling.text, Compressor::new(Compression::None));
        let rest = rest.finish().map_err(cannot_compress)?;
        // Kept where a failure finds it.
        let filling = self.filling.insert(filling);
        if !rest.is_empty() {
            filling.send_part(&self.shared.bucket, &self.label, rest).await?;
        }
        self.full.extend(self.filling.take().and_then(|filling| filling.upload));
        Ok(())
    }

    async fn complete_all(&mut self) -> Result<Vec<String>> {
        // The last object, where it is small enough for one request.
        let small = self.filling.take_if(|filling| filling.upload.is_none());
        self.fill_up().await?;
        let mut keys = Vec::new();
        while let Some(upload) = self.full.first() {
            self.shared.bucket.complete(upload).await?;
            keys.push(self.full.remove(0).key);
        }
        if let Some(filling) = small {
            let bytes = filling.text.finish().map_err(cannot_compress)?;
            self.shared.bucket.put(&filling.key, &self.label, bytes).await?;
            keys.push(filling.key);
        }
        tracing::debug!(objects = keys.len(), stream = self.stream.name, "rejected records stored");
        Ok(keys)
    }

    fn begin_request(&mut self) -> Result<()> {
        if std::mem::replace(&mut self.broken, true) {
            return Err(Error::system("Rejected records were written after storing them had failed."));
        }
        Ok(())
    }

    async fn end_request<T>(&mut self, outcome: Result<T>) -> Result<T> {
        if outcome.is_ok() {
            self.broken = false;
            return outcome;
        }
        for upload in self.unfinished() {
            self.shared.bucket.abort(&upload).await;
        }
        outcome
    }

    fn unfinished(&mut self) -> Vec<Upload> {
        let mut uploads = std::mem::take(&mut self.full);
        uploads.extend(self.filling.take().and_then(|filling| filling.upload));
        uploads
    }
}

impl Filling {
    async fn send_part(&mut self, bucket: &Bucket, label: &Label, bytes: Vec<u8>) -> Result<()> {
        self.uploaded += bytes.len();
        let upload = match &mut self.upload {
            Some(upload) => upload,
            none => none.insert(bucket.begin(&self.key, label).await?),
        };
        bucket.add_part(upload, bytes).await
    }
}

impl Shared {
    /// A key that no object has.
    pub(super) async fn free_key(&self, stream: &StreamIdentity) -> Result<String> {
        let mut claim = self.keys.claim(stream);
        while self.keys.may_be_taken() && self.bucket.exists(&claim.key()).await? {
            claim = self.keys.claim_another(claim);
        }
        Ok(claim.key())
    }
}

impl Drop for RejectedWriter {
    fn drop(&mut self) {
        let uploads = self.unfinished();
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        if uploads.is_empty() {
            return;
        }
        let shared = Arc::clone(&self.shared);
        runtime.spawn(async move {
            for upload in uploads {
                shared.bucket.abort(&upload).await;
            }
        });
    }
}

fn cannot_compress(error: std::io::Error) -> Error {
    Error::system("Rejected records could not be compressed.").internal(error)
}
