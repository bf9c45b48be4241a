//! Whose records are rejected: the sync and the stream.

use jiff::Timestamp;

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
    pub source_columns: Vec<String>,
}
