//! Rejected records and the ids of written ones, and the storage that keeps them: a bucket, or a folder of this machine.
//!
//! A [`RejectedStore`] is opened once for a sync. Each load of a stream takes a [`RejectedWriter`] from it, writes its
//! rejected records, and finishes the writer before a state that covers them is acknowledged. Without
//! `object_storage_config` there is no store, and rejected records are only counted. A [`SuccessStore`] beside it keeps
//! what a sync wrote, where the user wants that.
//!
//! In this module an object is one of the storage, not one of Salesforce. Arrows go one way:
//!
//! - `store`, `successes` -> `writer` -> `storage`, `key`, `format`: what is written, where, and in which form;
//! - `read` -> `storage`, `key`: the way back, whatever the form;
//! - `storage` -> `bucket`, `folder`: one way to both;
//! - `bucket` -> `connect`, `retries`, `error` -> `fault`: the calls, and what their failures mean;
//! - `format` -> `row` -> `record`: a format knows rows, and a row knows no format.

mod bucket;
mod compress;
mod folder;
mod format;
mod identity;
mod key;
mod read;
mod record;
mod row;
mod settings;
mod storage;
mod store;
mod stream_header;
mod successes;
mod writer;

pub(crate) use folder::sync_folder;
pub(crate) use identity::{StreamIdentity, SyncIdentity};
pub(crate) use read::{Findings, Found, Progress, RecordSink, RejectedReader, Selection, Summary};
pub(crate) use record::{
    RejectedRecord, RejectionDetails, WrittenAs, WrittenRecord, is_of_several_records, of_several_records,
};
pub(crate) use settings::{
    AccessKey, BucketName, BucketSettings, Compression, DEFAULT_FILE_NAME_FORMAT, DEFAULT_PATH_FORMAT, FileNameFormat,
    Flattening, Format, Place, StorageSettings,
};
pub(crate) use storage::{ListedObject, ObjectMetadata, Storage};
pub(crate) use store::{RejectedStore, RejectedWriter};
pub(crate) use successes::{FOLDER as SUCCESSES_FOLDER, SuccessStore, SuccessWriter};
