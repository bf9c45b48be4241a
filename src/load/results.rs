//! Moves what the pipeline has stored about rows into the result files.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::error::unreadable_object;
use super::file::FileFormat;
use super::jsonl_rows::Members;
use super::names::ResultNames;
use super::own_columns::{CREATED, OF_REJECTION, RECORDS, ROW, is_own};
use super::record_lines::row_of_time;
use super::result_file::ResultFile;
use super::work_folder::{Checkpoint, WorkFolder};
use crate::rejected::{Storage, is_of_several_records};
use airbyte::Result;

/// The id of the record of a row.
const ID: &str = OF_REJECTION[0];

/// Why a row is rejected.
const MESSAGE: &str = OF_REJECTION[4];

const BOM: &str = "\u{feff}";

/// How many thousands of objects are listed. A folder lists all at once.
const MAX_PAGES: usize = 1;

/// What the objects of the pipeline are, by the folders that they are in.
#[derive(Debug, Clone)]
pub(crate) struct Folders {
    /// The journal's, whose objects are none of rows.
    pub(crate) journal: &'static str,
    /// That of written rows. All other objects have rejected rows.
    pub(crate) successes: &'static str,
}

/// How the rows of result files look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Layout {
    pub(crate) format: FileFormat,
    pub(crate) has_bom: bool,
    /// The columns of a CSV that is loaded.
    pub(crate) columns: Vec<String>,
    /// Those that a success file shows.
    pub(crate) shown: Vec<String>,
}

/// The result files of a load.
pub(crate) struct Results {
    storage: Storage,
    folders: Folders,
    layout: Layout,
    success: ResultFile,
    error: ResultFile,
    records_with_id: u64,
    /// What is noted of that.
    noted_records_with_id: u64,
    /// Whether an earlier run has left objects with written rows: a row that both runs wrote is there twice.
    follows_another: bool,
    /// The rows of objects that were looked into.
    known: HashMap<String, Span>,
}

/// The lowest and the highest number of a row.
#[derive(Debug, Clone, Copy)]
struct Span {
    lowest: u64,
    highest: u64,
}

/// The rows that are settled, and not yet in the result files.
#[derive(Debug, Clone, Copy)]
struct Due {
    after: u64,
    up_to: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Success,
    Rejection,
}

/// A row of an object.
#[derive(Deserialize)]
struct StoredRow<'a> {
    /// The number of the row, which the pipeline takes for a time.
    #[serde(rename = "_airbyte_extracted_at", deserialize_with = "row_number")]
    row: u64,
    #[serde(rename = "_airbyte_data", borrow)]
    data: &'a RawValue,
}

fn row_number<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    u64::deserialize(deserializer).map(row_of_time)
}

impl Results {
    /// Opens the result files as `folder` knows them.
    ///
    /// # Errors
    /// A file cannot be opened.
    pub(crate) async fn open(storage: Storage, folders: Folders, layout: Layout, folder: &WorkFolder) -> Result<Self> {
        let (checkpoint, ResultNames { success, error }) = (folder.checkpoint(), folder.results());
        let mut results = Self {
            success: ResultFile::open(&success, checkpoint.success)?,
            error: ResultFile::open(&error, checkpoint.error)?,
            records_with_id: checkpoint.records_with_id,
            noted_records_with_id: checkpoint.records_with_id,
            follows_another: false,
            known: HashMap::new(),
            storage,
            folders,
            layout,
        };
        let objects = results.objects().await?;
        results.follows_another = objects.iter().any(|(_, kind)| *kind == Kind::Success);
        Ok(results)
    }

    /// Adds what an earlier run has stored as rejected and what no later run may know again, before it is forgotten. A row
    /// that stands for several records may have values of one that is settled, which is not sent again. A row without a
    /// number may be settled. In doubt, a row is there twice. Returns whether there is any.
    ///
    /// # Errors
    /// An object cannot be read, or the file cannot be written.
    pub(super) async fn keep_unsettled(&mut self, settled: u64) -> Result<bool> {
        self.rewind()?;
        let (storage, mut out, mut has_any) = (self.storage.clone(), Vec::new(), false);
        for (key, kind) in self.objects().await? {
            if kind == Kind::Success {
                continue;
            }
            let (mut is_unsettled, mut has_numbers) = (false, false);
            for is_counting in [true, false] {
                storage
                    .lines(&key, &mut |line| {
                        let row: StoredRow<'_> = serde_json::from_slice(line).map_err(|_| unreadable_object(&key))?;
                        if is_counting {
                            has_numbers |= row.row != 0;
                            is_unsettled |= row.row > settled;
                            return Ok(());
                        }
                        let is_kept = match row.row {
                            0 => is_unsettled || !has_numbers,
                            number => number > settled && is_of_several_records(&member(&row, MESSAGE)),
                        };
                        if is_kept {
                            has_any = true;
                            self.add_row(kind, &row, &mut out).ok_or_else(|| unreadable_object(&key))??;
                        }
                        Ok(())
                    })
                    .await?;
            }
        }
        self.success.sync()?;
        self.error.sync()?;
        Ok(has_any)
    }

    /// Forgets rows that an earlier run has stored as rejected and that are not settled: they are rejected again. A row that
    /// was written is not always written again, so those are kept.
    pub(super) async fn forget_unsettled(&mut self) -> Result<()> {
        self.known.clear();
        for (key, kind) in self.objects().await? {
            if kind == Kind::Rejection {
                self.storage.delete(&key).await?;
            }
        }
        Ok(())
    }

    /// Whether rows may be loaded that are not settled: the journal has a job, or ids of written rows are left.
    pub(super) async fn has_unsettled(&self) -> Result<bool> {
        let objects = self.storage.list("", MAX_PAGES).await?;
        let Folders { journal, successes } = self.folders;
        Ok(objects.iter().any(|object| object.key.starts_with(journal) || object.key.starts_with(successes)))
    }

    /// Whether the pipeline has stored nothing, not even a job in the journal.
    pub(super) async fn is_unused(&self) -> Result<bool> {
        Ok(self.storage.list("", MAX_PAGES).await?.is_empty() && self.have_rows() == [false, false])
    }

    /// Whether the files of written and of rejected rows have any.
    pub(super) fn have_rows(&self) -> [bool; 2] {
        [!self.success.is_empty(), !self.error.is_empty()]
    }

    /// Adds what is known of the rows up to `up_to` to the files; those up to `after` are there. Returns when they are on
    /// the disk, and notes their lengths in the checkpoint by [`note`](Self::note). What an earlier call added and nobody
    /// noted is not there any more: that call failed.
    ///
    /// # Errors
    /// An object cannot be read, or a file cannot be written.
    pub(super) async fn add(&mut self, after: u64, up_to: u64) -> Result<()> {
        self.rewind()?;
        let due = Due { after, up_to };
        // A row that two runs wrote is there once, as the first of them wrote it.
        let mut written = HashSet::new();
        for (key, kind) in self.objects().await? {
            if self.known.get(&key).is_none_or(|span| span.lowest <= up_to) {
                let span = self.add_object(&key, kind, due, &mut written).await?;
                self.known.insert(key, span);
            }
        }
        self.success.sync()?;
        self.error.sync()
    }

    /// Goes back to what is noted.
    fn rewind(&mut self) -> Result<()> {
        self.records_with_id = self.noted_records_with_id;
        self.success.rewind()?;
        self.error.rewind()
    }

    /// Notes what the files hold.
    pub(super) fn note(&mut self, checkpoint: &mut Checkpoint) {
        checkpoint.success = self.success.note();
        checkpoint.error = self.error.note();
        checkpoint.records_with_id = self.records_with_id;
        self.noted_records_with_id = self.records_with_id;
    }

    /// Removes the objects whose rows are all in the files, once the checkpoint says so.
    ///
    /// # Errors
    /// An object cannot be removed.
    pub(super) async fn forget(&mut self, up_to: u64) -> Result<()> {
        let done: Vec<String> =
            self.known.iter().filter(|(_, span)| span.highest <= up_to).map(|(key, _)| key.clone()).collect();
        for key in done {
            self.storage.delete(&key).await?;
            self.known.remove(&key);
        }
        Ok(())
    }

    /// The names of the files that have rows. Those without are removed.
    ///
    /// # Errors
    /// A file cannot be removed.
    pub(super) fn close(self) -> Result<[Option<PathBuf>; 2]> {
        Ok([self.success.close()?, self.error.close()?])
    }

    /// The objects with rows, in the order in which they were written.
    async fn objects(&self) -> Result<Vec<(String, Kind)>> {
        let objects = self.storage.list("", MAX_PAGES).await?.into_iter().map(|object| object.key);
        let objects = objects.filter(|key| !key.starts_with(self.folders.journal)).map(|key| {
            let kind = if key.starts_with(self.folders.successes) { Kind::Success } else { Kind::Rejection };
            (key, kind)
        });
        Ok(objects.collect())
    }

    async fn add_object(
        &mut self,
        key: &str,
        kind: Kind,
        due: Due,
        written: &mut HashSet<(u64, String)>,
    ) -> Result<Span> {
        let mut span = Span { lowest: u64::MAX, highest: 0 };
        let mut first_numberless = None;
        let (storage, mut out) = (self.storage.clone(), Vec::new());
        storage
            .lines(key, &mut |line| {
                let row: StoredRow<'_> = serde_json::from_slice(line).map_err(|_| unreadable_object(key))?;
                if row.row == 0 {
                    first_numberless.get_or_insert_with(|| member(&row, ID));
                    return Ok(());
                }
                span = Span { lowest: span.lowest.min(row.row), highest: span.highest.max(row.row) };
                let is_due = row.row > due.after && row.row <= due.up_to;
                // One row may have written several records.
                let mut is_first =
                    || kind == Kind::Rejection || !self.follows_another || written.insert((row.row, member(&row, ID)));
                if is_due && is_first() {
                    self.add_row(kind, &row, &mut out).ok_or_else(|| unreadable_object(key))??;
                }
                Ok(())
            })
            .await?;
        if span.lowest == u64::MAX {
            // It is not known whether rejected rows without a number are settled: they are added at the end.
            let highest = if kind == Kind::Success { due.up_to } else { u64::MAX };
            span = Span { lowest: due.up_to, highest };
        }
        // Rows without a number come with the last one of their object.
        if let Some(id) = first_numberless.filter(|_| span.highest <= due.up_to)
            && !(kind == Kind::Success && self.has_job_of(&id).await?)
        {
            storage
                .lines(key, &mut |line| {
                    let row: StoredRow<'_> = serde_json::from_slice(line).map_err(|_| unreadable_object(key))?;
                    if row.row == 0 {
                        self.add_row(kind, &row, &mut out).ok_or_else(|| unreadable_object(key))??;
                    }
                    Ok(())
                })
                .await?;
        }
        Ok(span)
    }

    /// Whether the rows of the job that wrote the record with this id are in the success file, or in another object with
    /// their numbers. The rows of a job are stored together, and once more without numbers by the run after a kill.
    async fn has_job_of(&self, id: &str) -> Result<bool> {
        if self.success.contains(id)? {
            return Ok(true);
        }
        let mut is_known = false;
        for (key, kind) in self.objects().await? {
            if kind == Kind::Success && !is_known {
                self.storage
                    .lines(&key, &mut |line| {
                        let row: StoredRow<'_> = serde_json::from_slice(line).map_err(|_| unreadable_object(&key))?;
                        is_known |= row.row != 0 && member(&row, ID) == id;
                        Ok(())
                    })
                    .await?;
            }
        }
        Ok(is_known)
    }

    /// None if the row is not one that the pipeline stores.
    fn add_row(&mut self, kind: Kind, row: &StoredRow<'_>, out: &mut Vec<u8>) -> Option<Result<()>> {
        let Members(members) = serde_json::from_str(row.data.get()).ok()?;
        let number = if row.row == 0 { "null".to_owned() } else { row.row.to_string() };
        let number: Box<RawValue> = RawValue::from_string(number).ok()?;
        let value = |name: &str| match name {
            ROW => Some(&*number),
            _ => members.iter().find(|(member, _)| member == name).map(|(_, value)| *value),
        };
        if kind == Kind::Success {
            self.records_with_id += value(RECORDS).and_then(|records| records.get().parse().ok()).unwrap_or(1);
        }
        let names: Vec<&str> = match (kind, self.layout.format) {
            (Kind::Success, FileFormat::Csv) => {
                let shown = self.layout.shown.iter().map(String::as_str);
                [ROW].into_iter().chain(shown).chain([ID, CREATED, RECORDS]).collect()
            }
            (Kind::Success, FileFormat::Jsonl) => {
                [ROW].into_iter().chain(members.iter().map(|(name, _)| &**name)).collect()
            }
            (Kind::Rejection, FileFormat::Csv) => {
                self.layout.columns.iter().map(String::as_str).chain(OF_REJECTION).chain([ROW]).collect()
            }
            (Kind::Rejection, FileFormat::Jsonl) => {
                let of_input = members.iter().map(|(name, _)| &**name).filter(|name| !is_own(name));
                of_input.chain(OF_REJECTION).chain([ROW]).collect()
            }
        };
        out.clear();
        let file = if kind == Kind::Success { &mut self.success } else { &mut self.error };
        match self.layout.format {
            FileFormat::Csv => {
                if file.is_empty() {
                    out.extend_from_slice(if self.layout.has_bom { BOM.as_bytes() } else { b"" });
                    csv_line(names.iter().map(|name| (*name).to_owned()), out);
                }
                csv_line(names.iter().map(|name| value(name).map_or_else(String::new, text)), out);
            }
            FileFormat::Jsonl => json_line(names.into_iter().filter_map(|name| Some((name, value(name)?))), out),
        }
        Some(file.append(out))
    }
}

/// A member of a row as a text; an empty one if the row has it not.
fn member(row: &StoredRow<'_>, wanted: &str) -> String {
    let members = serde_json::from_str(row.data.get()).map_or_else(|_| Vec::new(), |Members(members)| members);
    members.iter().find(|(name, _)| name == wanted).map_or_else(String::new, |(_, value)| text(value))
}

/// A text without its quotes, nothing for null, and the JSON of everything else.
fn text(value: &RawValue) -> String {
    match value.get() {
        "null" => String::new(),
        json if json.starts_with('"') => serde_json::from_str(json).unwrap_or_else(|_| json.to_owned()),
        json => json.to_owned(),
    }
}

fn csv_line(cells: impl Iterator<Item = String>, out: &mut Vec<u8>) {
    for (index, cell) in cells.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        if cell.contains([',', '"', '\r', '\n']) {
            out.extend_from_slice(format!("\"{}\"", cell.replace('"', "\"\"")).as_bytes());
        } else {
            out.extend_from_slice(cell.as_bytes());
        }
    }
    out.extend_from_slice(b"\r\n");
}

fn json_line<'a>(members: impl Iterator<Item = (&'a str, &'a RawValue)>, out: &mut Vec<u8>) {
    out.push(b'{');
    for (index, (name, value)) in members.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(format!("{}:{}", serde_json::Value::from(name), value.get()).as_bytes());
    }
    out.extend_from_slice(b"}\n");
}

#[cfg(test)]
pub(super) mod tests;
