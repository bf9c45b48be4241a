//! What a load remembers until its end, in a folder of its own.

use std::fs::{self, File, TryLockError};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::error::{is_running, other_load, unreadable_notes, unwritable};
use super::names::ResultNames;
use super::position::Position;
use airbyte::Result;

const NOTES: &str = "load.json";
const NEW_NOTES: &str = "load.json.new";
const LOCK: &str = "lock";
const OBJECTS: &str = "objects";

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
    /// Everything before it is done.
    pub(crate) position: Position,
    pub(crate) written: u64,
    pub(crate) rejected: u64,
    /// The rows up to this one are in the result files.
    pub(crate) rows_in_results: u64,
    /// How much of the result files counts.
    pub(crate) success_bytes: u64,
    pub(crate) error_bytes: u64,
    /// How many records the rows of the success file stand for.
    pub(crate) records_with_id: u64,
    /// The columns of the success file besides those that every one has, once they are known.
    pub(crate) success_columns: Vec<String>,
}

/// The folder, which no other process uses meanwhile.
#[derive(Debug)]
pub(crate) struct WorkFolder {
    path: PathBuf,
    /// Held until the end.
    _lock: File,
    checkpoint: Checkpoint,
    is_resumed: bool,
}

impl Checkpoint {
    fn new(target: Map<String, Value>, sync_id: i64, results: ResultNames) -> Self {
        Self {
            version: VERSION,
            target,
            sync_id,
            results,
            position: Position::default(),
            written: 0,
            rejected: 0,
            rows_in_results: 0,
            success_bytes: 0,
            error_bytes: 0,
            records_with_id: 0,
            success_columns: Vec::new(),
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
    /// Opens the folder of a load of the file `name`, or makes it. What an earlier run has left is the same load only if it
    /// has the same `target`; `results` gives a new load the names of its files.
    ///
    /// # Errors
    /// The folder cannot be written, is in use, or is that of another load.
    pub(crate) fn open(
        path: &Path,
        name: &str,
        target: Map<String, Value>,
        results: impl FnOnce() -> ResultNames,
    ) -> Result<Self> {
        let failed = |error: std::io::Error| unwritable(path, &error);
        fs::create_dir_all(path).map_err(failed)?;
        let lock = File::create(path.join(LOCK)).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(is_running(name)),
            // Some file systems have no locks.
            Err(TryLockError::Error(error)) => tracing::debug!(%error, "the folder of the load cannot be locked"),
        }
        let notes = path.join(NOTES);
        if !notes.exists() {
            let sync_id = jiff::Timestamp::now().as_millisecond();
            let checkpoint = Checkpoint::new(target, sync_id, results());
            let mut folder = Self { path: path.to_owned(), _lock: lock, checkpoint, is_resumed: false };
            folder.save(|_| {})?;
            return Ok(folder);
        }
        let text = fs::read(&notes).map_err(failed)?;
        let checkpoint: Checkpoint = serde_json::from_slice(&text).map_err(|_| unreadable_notes(path))?;
        if checkpoint.version != VERSION {
            return Err(unreadable_notes(path));
        }
        match &*checkpoint.differences(&target) {
            "" => Ok(Self { path: path.to_owned(), _lock: lock, checkpoint, is_resumed: true }),
            differences => Err(other_load(name, differences, path)),
        }
    }

    /// The same for an input that cannot be read again: what an earlier run has left is of no use.
    ///
    /// # Errors
    /// The folder cannot be written, or is in use.
    pub(crate) fn renew(
        path: &Path,
        name: &str,
        target: Map<String, Value>,
        results: impl FnOnce() -> ResultNames,
    ) -> Result<Self> {
        let failed = |error: std::io::Error| unwritable(path, &error);
        if path.join(NOTES).exists() {
            let lock = File::create(path.join(LOCK)).map_err(failed)?;
            if let Err(TryLockError::WouldBlock) = lock.try_lock() {
                return Err(is_running(name));
            }
            fs::remove_dir_all(path).map_err(failed)?;
        }
        Self::open(path, name, target, results)
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

    /// Whether an earlier run of the load has begun.
    pub(crate) fn is_resumed(&self) -> bool {
        self.is_resumed
    }

    /// Changes the checkpoint, and returns when it is on the disk.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub(crate) fn save(&mut self, change: impl FnOnce(&mut Checkpoint)) -> Result<()> {
        change(&mut self.checkpoint);
        let save = || {
            let (new, notes) = (self.path.join(NEW_NOTES), self.path.join(NOTES));
            let mut file = File::create(&new)?;
            file.write_all(&serde_json::to_vec_pretty(&self.checkpoint)?)?;
            file.sync_all()?;
            fs::rename(&new, &notes)?;
            // The new name is on the disk when the folder is.
            File::open(&self.path)?.sync_all()
        };
        save().map_err(|error| unwritable(&self.path, &error))
    }

    /// Removes the folder.
    ///
    /// # Errors
    /// The folder cannot be removed.
    pub(crate) fn remove(self) -> Result<()> {
        fs::remove_dir_all(&self.path).map_err(|error| unwritable(&self.path, &error))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn target(object: &str, operation: &str) -> Map<String, Value> {
        let target = json!({"object": object, "operation": operation});
        target.as_object().unwrap().clone()
    }

    fn results() -> ResultNames {
        ResultNames { success: "s".into(), error: "e".into() }
    }

    #[test]
    fn the_same_load_goes_on_where_it_ended_and_another_one_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("f.load");
        let mut folder = WorkFolder::open(&path, "f", target("Account", "insert"), results).unwrap();
        assert!(!folder.is_resumed());
        let position = Position { offset: 9, lines: 2, rows: 1, checksum: 3 };
        folder.save(|checkpoint| checkpoint.position = position).unwrap();
        let error = WorkFolder::open(&path, "f", target("Account", "insert"), results).unwrap_err();
        assert!(error.message().contains("being loaded by another process"), "{error}");
        let saved = folder.checkpoint().clone();
        drop(folder);

        let error = WorkFolder::open(&path, "f", target("Contact", "update"), results).unwrap_err();
        assert!(error.message().contains("differs from it in object, operation."), "{error}");
        let folder = WorkFolder::open(&path, "f", target("Account", "insert"), || panic!("they are known")).unwrap();
        assert!(folder.is_resumed());
        assert_eq!(folder.checkpoint(), &saved);
        drop(folder);
        let folder = WorkFolder::renew(&path, "f", target("Contact", "update"), results).unwrap();
        assert_eq!(folder.checkpoint().position, Position::default());
        folder.remove().unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn the_result_files_are_beside_the_folder_wherever_that_is() {
        let parent = tempfile::tempdir().unwrap();
        let (before, after) = (parent.path().join("before"), parent.path().join("after"));
        let folder = WorkFolder::open(&before.join("f.load"), "f", Map::new(), results).unwrap();
        assert_eq!(folder.results().error, before.join("e"));
        drop(folder);
        fs::rename(&before, &after).unwrap();
        let folder = WorkFolder::open(&after.join("f.load"), "f", Map::new(), results).unwrap();
        assert_eq!(folder.results().success, after.join("s"));
    }

    #[test]
    fn notes_that_cannot_be_read_are_an_error() {
        let parent = tempfile::tempdir().unwrap();
        for notes in ["{", "{\"version\":1}"] {
            fs::write(parent.path().join(NOTES), notes).unwrap();
            let error = WorkFolder::open(parent.path(), "f", Map::new(), results).unwrap_err();
            assert!(error.message().contains("cannot be read. Delete that folder"), "{error}");
        }
    }
}
