//! What is uploaded.

use std::sync::Arc;

use bytes::Bytes;

/// The CSV of a job. It can be read again from its beginning as often as the upload must be repeated.
pub trait CsvBody: Send + Sync {
    /// The length of all pieces together, in bytes.
    fn len(&self) -> u64;

    /// Whether there is nothing to send.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The pieces from the first to the last.
    fn pieces(self: Arc<Self>) -> Box<dyn Iterator<Item = Bytes> + Send>;
}
