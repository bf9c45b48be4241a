//! The entries of one sync in the storage.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

use super::entry::{Entry, Target};
use crate::rejected::{ListedObject, ObjectMetadata, Storage, StorageSettings};
use airbyte::{Result, StreamName};

/// The folder of all entries below `bucket_path`. Readers of tables skip names that begin with an underscore, and
/// Airbyte's own folders begin with the number of a sync.
pub(crate) const FOLDER: &str = "_salesforce_journal/";
const EXTENSION: &str = ".entry";
const METADATA: ObjectMetadata =
    ObjectMetadata { content_type: "application/octet-stream", generation_id: None, stream: None };

/// How many thousands of entries are looked at.
const MAX_PAGES: usize = 10;

/// When the entry of another sync is of no use to anyone: Salesforce keeps a job for seven days.
const EXPIRY_SECONDS: i64 = 8 * 24 * 60 * 60;
/// How many such entries a sync removes.
const MAX_EXPIRED: usize = 100;

/// The journal of a sync.
#[derive(Debug)]
pub(crate) struct Journal {
    storage: Storage,
    folder: String,
    sync_id: i64,
    /// The entries of this attempt that are in the storage, by job.
    open: Mutex<HashMap<String, OpenEntry>>,
    entered: AtomicU64,
    /// The hashes of rows that earlier attempts have deleted, sorted, by stream.
    deleted: Mutex<HashMap<StreamName, Vec<u64>>>,
}

#[derive(Debug)]
struct OpenEntry {
    /// The place among all entries of this attempt, in the order in which they were entered.
    number: u64,
    stream: StreamName,
    first_segment: u64,
    last_segment: u64,
    is_insert: bool,
    all_written: bool,
}

/// What happens to an entry before a state leaves.
#[derive(Debug)]
pub(crate) enum Removal {
    /// All rows of the job are acknowledged.
    Whole(String),
    /// The rows of the job up to a segment are acknowledged.
    Segments { job: String, last: u64, all_written: bool },
    /// Rows of a job of an earlier attempt are acknowledged. The entry has the others.
    Rewritten(Box<Entry>),
}

/// The entries that earlier attempts of this sync left.
pub(super) struct Left {
    pub(super) job: String,
    /// None if it cannot be read.
    pub(super) entry: Option<Entry>,
}

impl Journal {
    /// Prepares the storage, without a call to it.
    ///
    /// # Errors
    /// The settings cannot be used.
    pub(crate) async fn open(settings: &StorageSettings, sync_id: i64) -> Result<Self> {
        let storage = Box::pin(Storage::open(settings)).await?;
        let path = settings.bucket_path.as_deref().unwrap_or_default();
        let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).chain([FOLDER]).collect();
        let folder = segments.join("/");
        Ok(Self {
            storage,
            folder,
            sync_id,
            open: Mutex::default(),
            entered: AtomicU64::new(0),
            deleted: Mutex::default(),
        })
    }

    /// Writes, reads and deletes a test object, as `check` needs it.
    ///
    /// # Errors
    /// The first of them that fails.
    pub(crate) async fn probe(&self) -> Result<()> {
        let storage = self.storage.without_outage_wait();
        // A new name each time, because two checks of one bucket may run at the same time.
        let key = format!("{}_check_test_{}", self.folder, Uuid::now_v7());
        Box::pin(storage.put(&key, &METADATA, b"test".to_vec())).await?;
        let read = Box::pin(storage.get(&key)).await;
        Box::pin(storage.delete(&key)).await?;
        read.map(drop)
    }

    /// Enters a job that is about to be closed.
    ///
    /// # Errors
    /// The storage cannot be written for half an hour.
    pub(crate) async fn enter(&self, entry: &Entry) -> Result<()> {
        let open = OpenEntry {
            number: self.entered.fetch_add(1, Ordering::Relaxed),
            stream: entry.target.stream(),
            first_segment: entry.segments.iter().map(|(segment, _)| *segment).min().unwrap_or_default(),
            last_segment: entry.last_segment(),
            is_insert: entry.target.is_insert(),
            all_written: false,
        };
        self.entries().insert(entry.job.clone(), open);
        self.storage.put(&self.key(&entry.job), &METADATA, entry.encode()).await
    }

    /// Notes that every row of a job was written.
    pub(crate) fn all_written(&self, job: &str) {
        if let Some(entry) = self.entries().get_mut(job) {
            entry.all_written = true;
        }
    }

    /// Removes the entry of a job that was not closed, if the storage can be reached: a later attempt finds out by
    /// itself.
    pub(crate) async fn discard(&self, job: &str) {
        self.entries().remove(job);
        if self.storage.without_outage_wait().delete(&self.key(job)).await.is_err() {
            tracing::debug!(job, "the entry of a job that was not closed stays in the journal");
        }
    }

    /// What must happen to the entries of this attempt before a state leaves that covers a stream up to a segment. The
    /// oldest entry comes first: a row that was sent again is in several, and the last of them says that it was written.
    pub(crate) fn removals(&self, stream: &StreamName, segment: u64) -> Vec<Removal> {
        let open = self.entries();
        let is_covered = |entry: &OpenEntry| entry.stream == *stream && entry.first_segment <= segment;
        let mut covered: Vec<_> = open.iter().filter(|(_, entry)| is_covered(entry)).collect();
        covered.sort_by_key(|(_, entry)| entry.number);
        let removals = covered.into_iter().filter_map(|(job, entry)| match entry.last_segment <= segment {
            true => Some(Removal::Whole(job.clone())),
            false if entry.is_insert => {
                let all_written = entry.all_written;
                Some(Removal::Segments { job: job.clone(), last: segment, all_written })
            }
            false => None,
        });
        removals.collect()
    }

    /// Removes what is acknowledged from the storage.
    ///
    /// # Errors
    /// The storage cannot be reached for half an hour, or refuses.
    pub(crate) async fn remove(&self, removal: Removal) -> Result<()> {
        match removal {
            Removal::Whole(job) => {
                self.storage.delete(&self.key(&job)).await?;
                self.entries().remove(&job);
            }
            Removal::Segments { job, last, all_written } => {
                let key = self.key(&job);
                // An entry that someone else removed or changed is of no use.
                if let Some(bytes) = self.storage.get(&key).await? {
                    match Entry::decode(&bytes) {
                        Some(mut entry) => {
                            entry.forget_segments(last, all_written);
                            self.storage.put(&key, &METADATA, entry.encode()).await?;
                        }
                        None => self.storage.delete(&key).await?,
                    }
                }
                if let Some(entry) = self.entries().get_mut(&job) {
                    entry.first_segment = last + 1;
                }
            }
            Removal::Rewritten(entry) => {
                let key = self.key(&entry.job);
                match &*entry.hashes {
                    [] => self.storage.delete(&key).await?,
                    _ => self.storage.put(&key, &METADATA, entry.encode()).await?,
                }
            }
        }
        Ok(())
    }

    /// Removes every entry of this sync, after it has succeeded.
    ///
    /// # Errors
    /// The storage cannot be reached for half an hour, or refuses.
    pub(crate) async fn clear(&self) -> Result<()> {
        let folder = self.own_folder();
        for object in self.storage.list(&folder, MAX_PAGES).await? {
            if self.job_of(&object).is_some() {
                self.storage.delete(&object.key).await?;
            }
        }
        self.entries().clear();
        Ok(())
    }

    /// The entries that earlier attempts of this sync left. Entries of other syncs are not looked into, and removed
    /// when their jobs have expired.
    pub(super) async fn left(&self) -> Result<Vec<Left>> {
        let objects = self.storage.list(&self.folder, MAX_PAGES).await?;
        let now = jiff::Timestamp::now().as_second();
        let mut left = Vec::new();
        let mut expired = 0;
        for object in objects {
            if let Some(job) = self.job_of(&object) {
                let entry = self.storage.get(&object.key).await?.and_then(|bytes| Entry::decode(&bytes));
                let entry = entry.filter(|entry| entry.job == job);
                left.push(Left { job, entry });
            } else if object.key.ends_with(EXTENSION)
                && object.written_at.is_some_and(|written_at| written_at < now - EXPIRY_SECONDS)
                && expired < MAX_EXPIRED
            {
                expired += 1;
                self.storage.delete(&object.key).await?;
            }
        }
        Ok(left)
    }

    /// Removes the entry of a job of an earlier attempt that is of no more use.
    pub(super) async fn remove_left(&self, job: &str) -> Result<()> {
        self.storage.delete(&self.key(job)).await
    }

    /// Notes the rows that earlier attempts have deleted.
    pub(super) fn set_deleted(&self, target: &Target, hashes: &[u64]) {
        let mut deleted = self.deleted.lock().unwrap_or_else(PoisonError::into_inner);
        let of_stream = deleted.entry(target.stream()).or_default();
        of_stream.extend_from_slice(hashes);
        of_stream.sort_unstable();
    }

    /// Whether an earlier attempt of this sync sent the same row in a delete.
    pub(crate) fn has_deleted(&self, stream: &StreamName, hash: u64) -> bool {
        let deleted = self.deleted.lock().unwrap_or_else(PoisonError::into_inner);
        deleted.get(stream).is_some_and(|hashes| hashes.binary_search(&hash).is_ok())
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<String, OpenEntry>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn own_folder(&self) -> String {
        format!("{}{}/", self.folder, self.sync_id)
    }

    fn key(&self, job: &str) -> String {
        format!("{}{job}{EXTENSION}", self.own_folder())
    }

    /// The job of an entry of this sync, by its key. Other objects are left alone.
    fn job_of(&self, object: &ListedObject) -> Option<String> {
        let job = object.key.strip_prefix(&self.own_folder())?.strip_suffix(EXTENSION)?;
        let is_id = matches!(job.len(), 15 | 18) && job.bytes().all(|byte| byte.is_ascii_alphanumeric());
        is_id.then(|| job.to_owned())
    }
}

#[cfg(test)]
mod tests;
