//! The calls of the file system.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::rejected::storage::{ListedObject, ObjectMetadata};

/// The folder for what is no object: unfinished files, and what is stored about objects besides their bytes.
const OWN: &str = ".salesforce";

/// How often a file is renamed while the folders that it goes to are removed because they are empty.
const MOST_TRIES: usize = 100;

/// The files below a folder.
#[derive(Debug)]
pub(super) struct Files {
    root: PathBuf,
}

/// What is stored about an object, named as in a bucket.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct StoredMetadata {
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<String>,
    #[serde(rename = "ab-generation-id", skip_serializing_if = "Option::is_none")]
    generation_id: Option<String>,
}

impl Files {
    pub(super) fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Starts a file that is no object yet.
    pub(super) fn start(&self) -> io::Result<PathBuf> {
        let folder = self.root.join(OWN).join("unfinished");
        create_folder(&folder)?;
        let path = folder.join(Uuid::now_v7().to_string());
        File::create_new(&path)?;
        Ok(path)
    }

    pub(super) fn append(&self, unfinished: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = OpenOptions::new().append(true).open(unfinished)?;
        file.write_all(bytes)?;
        // With the handle that has written: a network file system may report an error of writing to it alone.
        file.sync_data()
    }

    /// Deletes a file that will not become an object, as far as that is possible.
    pub(super) fn forget(&self, unfinished: &Path) {
        if fs::remove_file(unfinished).is_err() {
            tracing::debug!("an unfinished file of rejected records stays in the folder");
        }
    }

    /// Makes a file the object of a key, in place of an earlier one.
    pub(super) fn finish(&self, unfinished: &Path, key: &str, metadata: &ObjectMetadata) -> io::Result<()> {
        let stored = StoredMetadata {
            stream: metadata.stream.clone(),
            generation_id: metadata.generation_id.map(|id| id.to_string()),
        };
        // First, so that no object is ever seen without.
        if stored.stream.is_some() || stored.generation_id.is_some() {
            let file = self.start()?;
            self.append(&file, serde_json::to_string(&stored)?.as_bytes())?;
            install(&file, &self.metadata_path(key))?;
        }
        install(unfinished, &self.path(key))
    }

    pub(super) fn exists(&self, key: &str) -> io::Result<bool> {
        Ok(unless_missing(fs::metadata(self.path(key)))?.is_some())
    }

    pub(super) fn read(&self, key: &str) -> io::Result<Option<Vec<u8>>> {
        unless_missing(fs::read(self.path(key)))
    }

    /// Opens an object, and reads the stream of its records.
    pub(super) fn open(&self, key: &str) -> io::Result<Option<(File, Option<String>)>> {
        let Some(file) = unless_missing(File::open(self.path(key)))? else { return Ok(None) };
        let stored = unless_missing(fs::read(self.metadata_path(key)))?;
        // Metadata that someone has damaged are none: the key may name the stream too.
        let stored: StoredMetadata = stored.and_then(|json| serde_json::from_slice(&json).ok()).unwrap_or_default();
        Ok(Some((file, stored.stream)))
    }

    /// Deletes an object for good, and the folders that are empty then.
    pub(super) fn delete(&self, key: &str) -> io::Result<()> {
        for path in [self.path(key), self.metadata_path(key)] {
            if unless_missing(fs::remove_file(&path))?.is_none() {
                continue;
            }
            let mut folder = parent(&path);
            sync_folder(folder)?;
            // Only an empty folder can be removed.
            while folder != self.root && fs::remove_dir(folder).is_ok() {
                folder = parent(folder);
            }
        }
        Ok(())
    }

    /// The objects whose keys begin with `prefix`, in the order of keys.
    pub(super) fn list(&self, prefix: &str) -> io::Result<Vec<ListedObject>> {
        let folder = prefix.rfind('/').map_or("", |end| &prefix[..end]);
        let mut objects = Vec::new();
        let mut folders = vec![(self.path(folder), folder.to_owned())];
        while let Some((path, folder)) = folders.pop() {
            let Some(entries) = unless_missing(fs::read_dir(&path))? else { continue };
            for entry in entries {
                let entry = entry?;
                let name = entry.file_name();
                // The connector writes no name that is not Unicode.
                let Some(name) = name.to_str().filter(|name| !(folder.is_empty() && *name == OWN)) else { continue };
                let key = if folder.is_empty() { key_segment(name) } else { format!("{folder}/{}", key_segment(name)) };
                let kind = entry.file_type()?;
                if kind.is_dir() {
                    folders.push((entry.path(), key));
                } else if kind.is_file() && key.starts_with(prefix) {
                    // Another run may have removed the file by now.
                    let Some(metadata) = unless_missing(entry.metadata())? else { continue };
                    let written_at = metadata.modified().ok().and_then(|time| Timestamp::try_from(time).ok());
                    objects.push(ListedObject { key, written_at: written_at.map(Timestamp::as_second) });
                }
            }
        }
        objects.sort_unstable_by(|one, other| one.key.cmp(&other.key));
        Ok(objects)
    }

    fn path(&self, key: &str) -> PathBuf {
        below(self.root.clone(), key)
    }

    /// No pattern such as `**/*.jsonl` takes it for an object.
    fn metadata_path(&self, key: &str) -> PathBuf {
        below(self.root.join(OWN).join("metadata"), &format!("{key}.metadata"))
    }
}

/// The path of a key, which is never above or outside of the folder.
fn below(mut path: PathBuf, key: &str) -> PathBuf {
    for segment in key.split('/').filter(|segment| !segment.is_empty()) {
        match segment {
            "." => path.push("%2E"),
            ".." => path.push("%2E%2E"),
            _ => path.push(segment),
        }
    }
    path
}

/// The segment of a key for the name of a file or a folder.
fn key_segment(name: &str) -> String {
    match name {
        "%2E" => ".".to_owned(),
        "%2E%2E" => "..".to_owned(),
        _ => name.to_owned(),
    }
}

/// Forces a file to the disk and gives it its name, in place of another file.
fn install(unfinished: &Path, path: &Path) -> io::Result<()> {
    File::open(unfinished)?.sync_all()?;
    let folder = parent(path);
    let mut tries = 1;
    // Another call may remove a folder because it is empty.
    while let Err(error) = create_folder(folder).and_then(|()| fs::rename(unfinished, path)) {
        if error.kind() != ErrorKind::NotFound || tries == MOST_TRIES {
            return Err(error);
        }
        tries += 1;
    }
    sync_folder(folder)
}

/// Creates a folder with those above it, for good.
fn create_folder(path: &Path) -> io::Result<()> {
    if path.as_os_str().is_empty() || path.is_dir() {
        return Ok(());
    }
    let above = parent(path);
    create_folder(above)?;
    match fs::create_dir(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => {}
        outcome => outcome?,
    }
    sync_folder(above)
}

/// Forces the names in a folder to the disk.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    match File::open(path).and_then(|folder| folder.sync_all()) {
        // Some file systems, such as those of a network, know no such call for a folder.
        Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => Ok(()),
        // The folder was empty, and someone has removed it.
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        outcome => outcome,
    }
}

fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new(""))
}

/// None where there is no such file, and no such folder above it.
fn unless_missing<T>(outcome: io::Result<T>) -> io::Result<Option<T>> {
    match outcome {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
