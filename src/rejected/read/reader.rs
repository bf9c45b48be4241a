//! Reads the objects of the bucket, one after the other.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use serde_json::value::RawValue;
use tokio::sync::mpsc::Sender;

use super::object::{self, ReadError};
use super::owner::{Owner, Owners};
use super::pieces::{Piece, pieces};
use super::row::StoredRow;
use super::selection::Selection;
use crate::rejected::bucket::{Bucket, Download, ListedObject};
use crate::rejected::record::RejectionDetails;
use crate::rejected::settings::S3Settings;
use airbyte::{Error, Result, StreamName};

/// How many names of streams and of reasons are kept, for the sentences that list them.
const MOST_NAMES: usize = 100;

/// How many damaged objects are named.
const MOST_DAMAGED: usize = 5;

/// The name of the stream of a record that has none, where a name is only shown.
const NO_NAME: &str = "(not known)";

/// A rejected record of the bucket.
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

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// Objects with rejected records.
    pub(crate) objects: u64,
    /// Records that were taken.
    pub(crate) records: u64,
    /// Objects that have no rejected records.
    pub(crate) others: u64,
    /// Objects that were removed after they were listed.
    removed: u64,
    /// Objects whose streams are named as in their keys, with characters that may stand for others.
    named_by_key: u64,
    streams: BTreeSet<String>,
    reasons: BTreeSet<String>,
    /// Which of the wanted streams were found.
    found: BTreeSet<usize>,
    /// The objects that do not say which stream their records are of.
    nameless: Vec<ListedObject>,
    /// Why objects cannot be read whole: the first of them.
    damaged: Vec<String>,
    damaged_count: u64,
}

/// Reads the rejected records of a bucket.
#[derive(Debug)]
pub(crate) struct RejectedReader {
    bucket: Bucket,
    owners: Arc<Owners>,
    other_folder: String,
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
    written_at: i64,
    /// The stream of its rows, known from the first one on.
    stream: Option<StreamName>,
}

impl RejectedReader {
    /// Prepares the client, without a request to the bucket. Objects in `other_folder` below `bucket_path` are not
    /// looked into.
    ///
    /// # Errors
    /// The settings of the bucket cannot be used.
    pub(crate) async fn open(settings: &S3Settings, other_folder: &str) -> Result<Self> {
        let bucket = Box::pin(Bucket::connect(settings)).await?.without_outage_wait();
        let owners = Arc::new(Owners::new(settings));
        Ok(Self { bucket, other_folder: format!("{}{other_folder}", owners.prefix()), owners })
    }

    /// Gives every wanted record of the bucket to `sink`.
    ///
    /// # Errors
    /// The bucket cannot be read, or the sink fails. What is wrong with single objects is among the findings.
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
            name_for_nameless: None,
        };
        if !S::NEEDS_NAMES && selection.streams.is_empty() && selection.namespace.is_none() {
            run.name_for_nameless = Some(StreamName { namespace: None, name: NO_NAME.to_owned() });
        }
        let mut next = None;
        loop {
            let page = self.bucket.list_page(self.owners.prefix(), next).await?;
            for object in page.objects {
                run = self.read_object(&object, run).await?;
            }
            next = page.next;
            if next.is_none() {
                break;
            }
        }
        // Last, because only now it is known whether the name that is given can be theirs.
        if let Some(name) = run.findings.name_for_nameless(selection) {
            run.name_for_nameless = Some(name);
            run.findings.found.insert(0);
            // They are counted when they are read again.
            run.findings.objects -= run.findings.nameless.len() as u64;
            for object in std::mem::take(&mut run.findings.nameless) {
                run = self.read_object(&object, run).await?;
            }
        }
        Ok((run.sink, run.findings))
    }

    async fn read_object<S: RecordSink>(&self, object: &ListedObject, mut run: Run<S>) -> Result<Run<S>> {
        if object.key.ends_with('/') || object.key.starts_with(&self.other_folder) {
            run.findings.others += 1;
            return Ok(run);
        }
        if !run.selection.may_have_time(object.written_at) {
            return Ok(run);
        }
        let Some(download) = Box::pin(self.bucket.download(&object.key)).await? else {
            run.findings.removed += 1;
            return Ok(run);
        };
        let (sender, bytes) = pieces();
        let mut current = Current {
            key: object.key.clone(),
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
            Ok(false) => run.findings.others += 1,
            Err(ReadError::Defect(why)) => run.findings.damage(&object.key, &why),
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
            .unwrap_or_else(|| Timestamp::from_second(current.written_at).unwrap_or(Timestamp::UNIX_EPOCH));
        keep(&mut self.findings.reasons, &row.rejection.reason);
        if !self.selection.has_reason(&row.rejection.reason) || !self.selection.has_time(rejected_at) {
            return Ok(true);
        }
        let found = Found {
            stream,
            key: &current.key,
            id: &row.id,
            rejected_at,
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
        let owner = self.owners.of(&current.key, current.header.as_deref(), sync_id);
        match &owner {
            Owner::Named(stream) | Owner::InKey(stream) => {
                keep(&mut self.findings.streams, &stream.to_string());
                let (stream, place) = self.selection.stream(&owner)?;
                self.findings.found.extend(place);
                let may_be_other = place.is_none() && stream.to_string().contains('_');
                if matches!(owner, Owner::InKey(_)) && may_be_other {
                    self.findings.named_by_key += 1;
                }
                Some(stream)
            }
            Owner::Unknown => {
                if self.name_for_nameless.is_none() {
                    let object = ListedObject { key: current.key.clone(), written_at: current.written_at };
                    self.findings.nameless.push(object);
                }
                self.name_for_nameless.clone()
            }
        }
    }
}

fn keep(names: &mut BTreeSet<String>, name: &str) {
    if names.len() < MOST_NAMES && !names.contains(name) {
        names.insert(name.to_owned());
    }
}

impl Findings {
    fn damage(&mut self, key: &str, why: &str) {
        self.damaged_count += 1;
        if self.damaged.len() < MOST_DAMAGED {
            self.damaged.push(format!("{key}: {why}"));
        }
    }

    /// The name for objects that do not say theirs: the one that is given, if no object says that there are others.
    fn name_for_nameless(&self, selection: &Selection) -> Option<StreamName> {
        let name = selection.only_stream().filter(|_| !self.nameless.is_empty())?;
        let is_only = self.streams.iter().all(|stream| *stream == name.name || *stream == name.to_string());
        is_only.then_some(name)
    }

    /// Sentences about what was left out, for the user to know.
    pub(crate) fn notes(&self, selection: &Selection) -> Vec<String> {
        let mut notes = Vec::new();
        if self.removed > 0 {
            notes.push(format!("{} objects were removed while the bucket was read.", self.removed));
        }
        if self.named_by_key > 0 {
            notes.push(format!(
                "{} objects have the name of their stream in their keys alone, where _ may stand for other characters. \
                 If it does, give the name with --stream (and --namespace).",
                self.named_by_key
            ));
        }
        if self.records == 0 && !selection.reasons.is_empty() && !self.reasons.is_empty() {
            notes.push(format!("No record has this reason. There are: {}.", listed(&self.reasons)));
        }
        notes
    }

    /// What keeps the answer from being complete.
    pub(crate) fn problem(&self, selection: &Selection) -> Option<Error> {
        let mut errors =
            [self.damage_error(), self.nameless_error(selection), self.unknown_stream(selection)].into_iter().flatten();
        let first = errors.next()?;
        Some(errors.fold(first, |all, error| all.and(error.message())))
    }

    fn damage_error(&self) -> Option<Error> {
        let count = self.damaged_count;
        if count == 0 {
            return None;
        }
        let more = count - self.damaged.len() as u64;
        let more = if more == 0 { String::new() } else { format!("; and {more} more") };
        Some(Error::config(format!(
            "{count} of the objects with rejected records cannot be read whole, so records may be missing: {}{more}. \
             Restore each from a copy or an earlier version, or remove it, and run the command again.",
            self.damaged.join("; ")
        )))
    }

    fn nameless_error(&self, selection: &Selection) -> Option<Error> {
        let (first, count) = (&self.nameless.first()?.key, self.nameless.len());
        let what_to_do = match selection.only_stream() {
            None => "If all are of one stream, name it with --stream (and --namespace).".to_owned(),
            Some(_) => format!(
                "Other objects are of {}, so --stream may be the wrong name for these. Set bucket_path to a folder \
                 that has only objects of one stream.",
                listed(&self.streams)
            ),
        };
        Some(Error::config(format!(
            "{count} objects do not say which stream their rejected records are of, such as {first}. {what_to_do}"
        )))
    }

    fn unknown_stream(&self, selection: &Selection) -> Option<Error> {
        if self.streams.is_empty() {
            return None;
        }
        let unknown = (0..selection.streams.len()).find(|place| !self.found.contains(place))?;
        Some(Error::config(format!(
            "There are no rejected records of the stream {}. There are some of: {}.",
            selection.streams[unknown],
            listed(&self.streams)
        )))
    }
}

fn listed(names: &BTreeSet<String>) -> String {
    let mut text = names.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    if names.len() >= MOST_NAMES {
        text.push_str(" and perhaps others");
    }
    text
}
