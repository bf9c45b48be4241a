//! What a load remembers until its end, in a folder of its own.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::error::{is_running, other_load, unreadable_notes, unwritable};
use super::names::ResultNames;
use super::position::Position;
use super::result_file::Noted;
use super::results::Layout;
use crate::rejected::sync_folder;
use airbyte::{Error, Result};

const NOTES: &str = "load.json";
const NEW_NOTES: &str = "load.json.new";
const LOCK: &str = "lock";
const OBJECTS: &str = "objects";

/// A file that gives its room to the notes when the disk is full: a row that is done and not noted is sent again.
const RESERVE: &str = "reserve";

/// More than the notes take.
const RESERVE_BYTES: u32 = 64 * 1024;

/// The form of the notes.
const VERSION: u32 = 1;

/// How far a load is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Checkpoint {
    version: u32,
    /// What makes it this load and no other: where it goes, and how.
    target: Map<String, Value>,
    /// The number under which the journal knows the load.
    pub(crate) sync_id: i64,
    results: ResultNames,
    layout: Layout,
    /// Everything before it is done.
    pub(crate) position: Position,
    pub(crate) written: u64,
    pub(crate) rejected: u64,
    /// The rows up to this one are in the result files.
    pub(crate) rows_in_results: u64,
    /// What counts of the result files.
    pub(super) success: Noted,
    pub(super) error: Noted,
    /// How many records the rows of the success file stand for.
    pub(crate) records_with_id: u64,
}

/// The folder, which no other process uses meanwhile.
#[derive(Debug)]
pub(crate) struct WorkFolder {
    path: PathBuf,
    /// Held until the end.
    _lock: File,
    checkpoint: Checkpoint,
    is_saved: bool,
    is_resumed: bool,
    /// Why the reserve is used.
    is_full: Option<Error>,
}

/// What makes a load the one that it is.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    /// The name of its file.
    pub(crate) name: String,
    /// Where it goes, and how.
    pub(crate) target: Map<String, Value>,
    pub(crate) layout: Layout,
}

impl Checkpoint {
    fn new(target: Map<String, Value>, layout: Layout, sync_id: i64, results: ResultNames) -> Self {
        Self {
            version: VERSION,
            target,
            sync_id,
            results,
            layout,
            position: Position::default(),
            written: 0,
            rejected: 0,
            rows_in_results: 0,
            success: Noted::default(),
            error: Noted::default(),
            records_with_id: 0,
        }
    }

    /// In what this load and another one differ.
    fn differences(&self, target: &Map<String, Value>) -> String {
        let differs = |key: &&String| self.target.get(*key) != target.get(*key);
        let keys: Vec<&str> = target.keys().filter(differs).map(String::as_str).collect();
        keys.join(", ")
    }
}

impl WorkFolder {
    /// Opens the folder of a load, or makes it. What an earlier run has left is the same load only if it has the same target;
    /// `results` makes the files of a new load.
    ///
    /// # Errors
    /// The folder cannot be written, is in use, or is that of another load.
    pub(crate) fn open(path: &Path, identity: Identity, results: impl FnOnce() -> Result<ResultNames>) -> Result<Self> {
        let Identity { name, target, layout } = identity;
        fs::create_dir_all(path).map_err(|error| unwritable(path, &error))?;
        let lock = lock(path, &name)?;
        if let Some(checkpoint) = read_notes(path)? {
            return match &*checkpoint.differences(&target) {
                "" => Self::new(path, lock, checkpoint, true),
                differences => Err(other_load(&name, differences, path)),
            };
        }
        let (sync_id, results) = (jiff::Timestamp::now().as_millisecond(), results()?);
        let checkpoint = Checkpoint::new(target, layout, sync_id, results.clone());
        let folder = Self::new(path, lock, checkpoint, false).and_then(|mut folder| {
            folder.save(|_| {})?;
            Ok(folder)
        });
        if folder.is_err() {
            for name in [&results.success, &results.error] {
                let _ = fs::remove_file(path.with_file_name(name));
            }
        }
        folder
    }

    /// The folder that an earlier load of the file `name` has left.
    ///
    /// # Errors
    /// The folder cannot be written, or is in use.
    pub(crate) fn left(path: &Path, name: &str) -> Result<Option<Self>> {
        if !path.join(NOTES).exists() {
            return Ok(None);
        }
        let lock = lock(path, name)?;
        match read_notes(path)? {
            Some(checkpoint) => Self::new(path, lock, checkpoint, true).map(Some),
            None => Ok(None),
        }
    }

    fn new(path: &Path, lock: File, checkpoint: Checkpoint, is_resumed: bool) -> Result<Self> {
        // A file system may compress what is all the same.
        let noise = (0..RESERVE_BYTES).map(|number| number.wrapping_mul(2_654_435_761).to_be_bytes()[0]);
        let reserve = path.join(RESERVE);
        fs::write(&reserve, noise.collect::<Vec<u8>>()).map_err(|error| unwritable(&reserve, &error))?;
        Ok(Self { path: path.to_owned(), _lock: lock, checkpoint, is_saved: true, is_resumed, is_full: None })
    }

    /// Gives the folder another name, so that a new load can begin. Returns that name.
    ///
    /// # Errors
    /// The folder cannot be renamed.
    pub(crate) fn set_aside(self) -> Result<PathBuf> {
        let aside = (1_u32..).map(|number| {
            let mut name = self.path.file_name().unwrap_or_default().to_owned();
            name.push(format!(".{number}"));
            self.path.with_file_name(name)
        });
        let aside = aside.into_iter().find(|path| !path.exists()).unwrap_or_default();
        fs::rename(&self.path, &aside).map_err(|error| unwritable(&aside, &error))?;
        Ok(aside)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The folder for what the pipeline stores.
    pub(crate) fn objects(&self) -> PathBuf {
        self.path.join(OBJECTS)
    }

    /// The result files. They are beside the folder, from wherever a later run names it.
    pub(super) fn results(&self) -> ResultNames {
        let beside = |name: &Path| self.path.with_file_name(name);
        let ResultNames { success, error } = &self.checkpoint.results;
        ResultNames { success: beside(success), error: beside(error) }
    }

    pub(crate) fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// How the rows of its result files look.
    pub(crate) fn layout(&self) -> Layout {
        self.checkpoint.layout.clone()
    }

    /// Whether an earlier run of the load has begun.
    pub(crate) fn is_resumed(&self) -> bool {
        self.is_resumed
    }

    /// Changes the checkpoint, and returns when it is on the disk. If that fails, the next call tries it too.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub(crate) fn save(&mut self, change: impl FnOnce(&mut Checkpoint)) -> Result<()> {
        change(&mut self.checkpoint);
        self.is_saved = false;
        let reserve = self.path.join(RESERVE);
        let saved = with_reserve(&reserve, || self.write_notes());
        if let Some(full) = saved.map_err(|error| unwritable(&self.path, &error))? {
            self.is_full = Some(unwritable(&self.path, &full));
        }
        self.is_saved = true;
        Ok(())
    }

    /// Saves what an earlier call could not.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub(crate) fn save_rest(&mut self) -> Result<()> {
        if self.is_saved { Ok(()) } else { self.save(|_| {}) }
    }

    /// Why the load should end now, although everything is saved: there was room for it in the reserve alone.
    pub(crate) fn is_full(&self) -> Option<&Error> {
        self.is_full.as_ref()
    }

    /// As if the last save had found no room but that of the reserve.
    #[cfg(test)]
    pub(super) fn use_reserve(&mut self, error: Error) {
        self.is_full = Some(error);
    }

    fn write_notes(&self) -> io::Result<()> {
        let (new, notes) = (self.path.join(NEW_NOTES), self.path.join(NOTES));
        let mut file = File::create(&new)?;
        file.write_all(&serde_json::to_vec_pretty(&self.checkpoint)?)?;
        file.sync_all()?;
        fs::rename(&new, &notes)?;
        // The new name is on the disk when the folder is.
        sync_folder(&self.path)
    }

    /// Removes the folder, the notes last: without them, the same command would load everything again.
    ///
    /// # Errors
    /// The folder cannot be removed.
    pub(crate) fn remove(self) -> Result<()> {
        let remove = || {
            for path in self.in_order_of_removal()? {
                if path.is_dir() { fs::remove_dir_all(&path)? } else { fs::remove_file(&path)? }
            }
            fs::remove_dir(&self.path)
        };
        remove().map_err(|error| unwritable(&self.path, &error))
    }

    fn in_order_of_removal(&self) -> io::Result<Vec<PathBuf>> {
        let paths = fs::read_dir(&self.path)?.map(|entry| Ok(entry?.path()));
        let mut paths = paths.collect::<io::Result<Vec<PathBuf>>>()?;
        paths.sort_by_key(|path| path.ends_with(NOTES));
        Ok(paths)
    }
}

fn lock(path: &Path, name: &str) -> Result<File> {
    let lock = File::create(path.join(LOCK)).map_err(|error| unwritable(path, &error))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(is_running(name)),
        // Some file systems have no locks.
        Err(TryLockError::Error(error)) => tracing::debug!(%error, "the folder of the load cannot be locked"),
    }
    Ok(lock)
}

fn read_notes(path: &Path) -> Result<Option<Checkpoint>> {
    let text = match fs::read(path.join(NOTES)) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        text => text.map_err(|error| unwritable(path, &error))?,
    };
    let checkpoint: Checkpoint = serde_json::from_slice(&text).map_err(|_| unreadable_notes(path))?;
    if checkpoint.version == VERSION { Ok(Some(checkpoint)) } else { Err(unreadable_notes(path)) }
}

/// Writes, if there is no room for it with that of the reserve. Returns the error that made it use the reserve.
fn with_reserve(reserve: &Path, write: impl Fn() -> io::Result<()>) -> io::Result<Option<io::Error>> {
    match write() {
        Ok(()) => Ok(None),
        Err(error) if is_out_of_room(&error) && fs::remove_file(reserve).is_ok() => write().map(|()| Some(error)),
        Err(error) => Err(error),
    }
}

fn is_out_of_room(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

#[cfg(test)]
mod tests;
