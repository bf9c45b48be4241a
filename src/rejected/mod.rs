//! Records that were refused, and the bucket they are kept in.

mod bucket;
mod compress;
mod connect;
mod csv;
mod fault;
mod identity;
mod jsonl;
mod key;
mod name;
mod record;
mod row;
mod settings;
mod store;
mod writer;

pub use identity::{StreamIdentity, SyncIdentity};
pub use record::{REJECTION_COLUMNS, RejectedRecord, RejectionDetails};
pub use settings::{Compression, DEFAULT_FILE_NAME_FORMAT, DEFAULT_PATH_FORMAT, Format, S3Settings};
pub use store::RejectedStore;
pub use writer::RejectedWriter;
