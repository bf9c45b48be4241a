//! The data of an upload.

use std::sync::Arc;

use bytes::Bytes;

/// The CSV of a job. It can be read any number of times, because an upload may be retried.
pub trait CsvBody: Send + Sync {
    /// The total length of all pieces, in bytes.
    fn len(&self) -> u64;

    /// Whether the CSV is empty.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The pieces, in order.
    fn pieces(self: Arc<Self>) -> Box<dyn Iterator<Item = Bytes> + Send>;
}

/// A small CSV, in one piece.
impl CsvBody for Bytes {
    fn len(&self) -> u64 {
        Self::len(self) as u64
    }

    fn pieces(self: Arc<Self>) -> Box<dyn Iterator<Item = Bytes> + Send> {
        Box::new(std::iter::once(Self::clone(&self)))
    }
}
