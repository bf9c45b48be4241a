//! Reads the objects of the storage, one after the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use serde_json::value::RawValue;
use tokio::sync::mpsc::Sender;

use super::findings::Findings;
use super::listing::{MOST_BYTES, OldestObjects, WaitingObject};
use super::object::{self, ReadError};
use super::owner::{Owner, Owners};
use super::pieces::{Piece, pieces};
use super::row::StoredRow;
use super::selection::Selection;
use crate::rejected::record::RejectionDetails;
use crate::rejected::settings::StorageSettings;
use crate::rejected::storage::{Download, Storage};
use crate::rejected::successes;
use airbyte::{Error, Result, StreamName};

/// The name of the stream of a record that has none, where a name is only shown.
const NO_NAME: &str = "(not known)";

/// A rejected record of the storage.
#[derive(Debug)]
pub(crate) struct Found<'a> {
    pub(crate) stream: &'a StreamName,
    /// The key of its object.
    pub(crate) key: &'a str,
    /// The id of its row.
    pub(crate) id: &'a str,
    pub(crate) rejected_at: Timestamp,
    pub(crate) extracted_at_ms: i64,
    /// The record under its source names, a JSON object.
    pub(crate) data: &'a RawValue,
    pub(crate) rejection: &'a RejectionDetails,
}

/// Takes records, on a thread that may block.
pub(crate) trait RecordSink: Send + 'static {
    /// Whether a record without the name of its stream is of no use.
    const NEEDS_NAMES: bool;

    /// # Errors
    /// The record cannot be taken, and no more can.
    fn take(&mut self, found: &Found<'_>) -> Result<()>;
}

/// How far the reading is.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    objects: AtomicU64,
    records: AtomicU64,
    bytes: AtomicU64,
}

impl Progress {
    /// The figures as a line for a person.
    pub(crate) fn line(&self) -> String {
        let [objects, records, bytes] =
            [&self.objects, &self.records, &self.bytes].map(|figure| figure.load(Ordering::Relaxed));
        format!("{objects} objects read ({} MB), {records} records found", bytes / 1_000_000)
    }
}

/// Reads the rejected records of a storage.
#[derive(Debug)]
pub(crate) struct RejectedReader {
    storage: Storage,
    owners: Arc<Owners>,
    /// Folders of objects that are no rejected records.
    other_folders: [String; 2],
    /// The most bytes of objects that wait to be read.
    most_waiting_bytes: usize,
}

/// What moves to the thread that reads an object, and back.
struct Run<S> {
    sink: S,
    findings: Findings,
    selection: Arc<Selection>,
    owners: Arc<Owners>,
    progress: Arc<Progress>,
    /// The stream of objects that do not say theirs.
    name_for_nameless: Option<StreamName>,
}

/// The object that is read.
struct Current {
    key: String,
    header: Option<String>,
    written_at: Option<i64>,
    /// The stream of its rows, known from the first one on.
    stream: Option<StreamName>,
}

impl RejectedReader {
    /// Prepares the storage, without a call to it. Objects in `other_folder` below `bucket_path`, and the ids of written
    /// records, are not looked into.
    ///
    /// # Errors
    /// The settings cannot be used.
    pub(crate) async fn open(settings: &StorageSettings, other_folder: &str) -> Result<Self> {
        let storage = Box::pin(Storage::open(settings)).await?.without_outage_wait();
        let owners = Arc::new(Owners::new(settings));
        let other_folders = [other_folder, successes::FOLDER].map(|folder| format!("{}{folder}", owners.prefix()));
        Ok(Self { storage, other_folders, owners, most_waiting_bytes: MOST_BYTES })
    }

    /// The same for a test, with little memory for the list.
    #[cfg(test)]
    pub(super) fn with_waiting_bytes(self, most_waiting_bytes: usize) -> Self {
        Self { most_waiting_bytes, ..self }
    }

    /// Gives every wanted record of the storage to `sink`.
    ///
    /// # Errors
    /// The storage cannot be read, or the sink fails. What is wrong with single objects is among the findings.
    pub(crate) async fn read<S: RecordSink>(
        &self,
        selection: &Selection,
        sink: S,
        progress: &Arc<Progress>,
    ) -> Result<(S, Findings)> {
        let mut run = Run {
            sink,
            findings: Findings::default(),
            selection: Arc::new(selection.clone()),
            owners: Arc::clone(&self.owners),
            progress: Arc::clone(progress),
            name_for_nameless: selection.nameless_stream(),
        };
        let is_name_needed = S::NEEDS_NAMES || run.name_for_nameless.is_some();
        if !is_name_needed && selection.streams.is_empty() && selection.namespace.is_none() {
            run.name_for_nameless = Some(StreamName { namespace: None, name: NO_NAME.to_owned() });
        }
        let mut oldest = OldestObjects::new(self.most_waiting_bytes);
        loop {
            self.list(selection, &mut oldest, &mut run.findings).await?;
            let (objects, is_more) = oldest.take();
            for object in objects {
                run = self.read_object(&object, run).await?;
            }
            if !is_more {
                return Ok((run.sink, run.findings));
            }
            tracing::info!("there are more objects than are held at once: they are listed again for those that follow");
        }
    }

    /// Lists the objects that are looked into. What is not is counted in the first list.
    async fn list(&self, selection: &Selection, oldest: &mut OldestObjects, findings: &mut Findings) -> Result<()> {
        let is_first = u64::from(oldest.is_first_list());
        let mut next = None;
        loop {
            let page = self.storage.list_page(self.owners.prefix(), next).await?;
            for object in page.objects {
                let is_of_others = self.other_folders.iter().any(|folder| object.key.starts_with(folder));
                if object.key.ends_with('/') || is_of_others {
                    findings.others += is_first;
                } else if selection.may_have_time(object.written_at) {
                    let key = object.key.strip_prefix(self.owners.prefix()).unwrap_or(&object.key).into();
                    oldest.add(WaitingObject { written_at: object.written_at, key });
                } else {
                    findings.too_old += is_first;
                }
            }
            next = page.next;
            if next.is_none() {
                return Ok(());
            }
        }
    }

    async fn read_object<S: RecordSink>(&self, object: &WaitingObject, mut run: Run<S>) -> Result<Run<S>> {
        let key = format!("{}{}", self.owners.prefix(), object.key);
        let Some(download) = Box::pin(self.storage.download(&key)).await? else {
            run.findings.removed += 1;
            return Ok(run);
        };
        let (sender, bytes) = pieces();
        let mut current = Current {
            key: key.clone(),
            header: download.stream().map(str::to_owned),
            written_at: object.written_at,
            stream: None,
        };
        let progress = Arc::clone(&run.progress);
        let reading = tokio::task::spawn_blocking(move || {
            let key = current.key.clone();
            let outcome = object::read(&key, bytes, &mut |row| run.take(row, &mut current));
            (run, outcome)
        });
        let (downloaded, read) = tokio::join!(Box::pin(feed(download, sender, &progress)), reading);
        let (mut run, outcome) = read.map_err(|panic| Error::panic().internal(panic))?;
        match outcome {
            Ok(true) => run.findings.objects += 1,
            Ok(false) => run.findings.add_foreign(&key),
            Err(ReadError::Defect(why)) => run.findings.damage(&key, &why),
            Err(ReadError::NotTaken(error)) => return Err(error),
            Err(ReadError::DownloadEnded) => {
                let error = Error::system("The rejected records were not read to their end.");
                return Err(downloaded.err().unwrap_or(error));
            }
        }
        progress.objects.fetch_add(1, Ordering::Relaxed);
        Ok(run)
    }
}

/// Passes the bytes of an object on. A reader that wants no more ends it.
async fn feed(mut download: Download, sender: Sender<Piece>, progress: &Progress) -> Result<()> {
    while let Some(bytes) = download.next().await? {
        progress.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        if sender.send(Piece::Bytes(bytes)).await.is_err() {
            return Ok(());
        }
    }
    // Nobody takes the end if the reader has ended early.
    let _ = sender.send(Piece::End).await;
    Ok(())
}

impl<S: RecordSink> Run<S> {
    /// Takes a row. Returns whether more rows of its object are wanted.
    fn take(&mut self, row: StoredRow, current: &mut Current) -> Result<bool, ReadError> {
        if current.stream.is_none() {
            current.stream = self.stream_of(current, row.sync_id);
        }
        let Some(stream) = &current.stream else { return Ok(false) };
        let rejected_at = row
            .rejected_at()
            .or_else(|| current.written_at.and_then(|written_at| Timestamp::from_second(written_at).ok()));
        self.findings.add_reason(&row.rejection.reason);
        if !self.selection.has_reason(&row.rejection.reason) || !self.selection.has_time(rejected_at) {
            return Ok(true);
        }
        let found = Found {
            stream,
            key: &current.key,
            id: &row.id,
            rejected_at: rejected_at.unwrap_or(Timestamp::UNIX_EPOCH),
            extracted_at_ms: row.extracted_at_ms,
            data: &row.data,
            rejection: &row.rejection,
        };
        self.sink.take(&found).map_err(ReadError::NotTaken)?;
        self.findings.records += 1;
        self.progress.records.fetch_add(1, Ordering::Relaxed);
        Ok(true)
    }

    /// The stream of an object, if its rows are wanted.
    fn stream_of(&mut self, current: &Current, sync_id: Option<i64>) -> Option<StreamName> {
        let mut owner = self.owners.of(&current.key, current.header.as_deref(), sync_id);
        if let (Owner::Unknown, Some(name)) = (&owner, &self.name_for_nameless) {
            owner = Owner::Named(name.clone());
        }
        match &owner {
            Owner::Named(stream) | Owner::InKey(stream) => {
                self.findings.add_stream(&stream.to_string());
                let (stream, place) = self.selection.stream(&owner)?;
                self.findings.add_wanted(place);
                let may_be_other = place.is_none() && stream.to_string().contains('_');
                if matches!(owner, Owner::InKey(_)) && may_be_other {
                    self.findings.named_by_key += 1;
                }
                Some(stream)
            }
            Owner::Unknown => {
                self.findings.add_nameless(&current.key);
                None
            }
        }
    }
}
