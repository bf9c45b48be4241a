//! Records that were refused, and the bucket they are kept in.

mod record;
mod settings;
mod store;
mod writer;

pub use record::{REFUSAL_COLUMNS, Refusal, RejectedRecord};
pub use settings::{Compression, DEFAULT_FILE_NAME_FORMAT, DEFAULT_PATH_FORMAT, Format, S3Settings};
pub use store::{RejectedStore, StreamIdentity, SyncIdentity};
pub use writer::ObjectWriter;
