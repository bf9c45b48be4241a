//! A folder of this machine in place of a bucket: an object is a file whose path is its key.
//!
//! A file is written under another name, forced to the disk, and then renamed: whoever lists the folder sees the whole
//! object or none. An answer of this module is as good a proof as that of a bucket: what was stored survives a loss of
//! power, and what was deleted stays deleted.

mod error;
mod files;
mod surroundings;

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use super::storage::{Action, ListedObject, ObjectMetadata};
use airbyte::{Error, Result};
use files::Files;
pub(crate) use files::sync_folder;

/// How much of a file is read at once.
const PIECE_BYTES: usize = 256 * 1024;

/// A folder.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    files: Arc<Files>,
}

/// An object in parts: a file that has not its name yet.
#[derive(Debug)]
pub(super) struct Upload {
    pub(super) key: String,
    unfinished: PathBuf,
    metadata: ObjectMetadata,
}

/// The bytes of one file, in order.
#[derive(Debug)]
pub(super) struct Download {
    folder: Folder,
    file: Arc<File>,
    stream: Option<String>,
}

impl Folder {
    /// Does nothing to the folder, which need not exist.
    pub(super) fn new(path: &Path) -> Self {
        Self { files: Arc::new(Files::new(path)) }
    }

    pub(super) fn root(&self) -> &Path {
        self.files.root()
    }

    /// What the user should know where the files may not last.
    pub(super) fn warning(&self) -> Option<String> {
        surroundings::warning(self.root())
    }

    /// Runs calls of the file system on a thread that may block.
    async fn run<T: Send + 'static>(
        &self,
        action: Action,
        call: impl FnOnce(&Files) -> std::io::Result<T> + Send + 'static,
    ) -> Result<T> {
        let files = Arc::clone(&self.files);
        let outcome = tokio::task::spawn_blocking(move || call(&files)).await;
        let outcome = outcome.map_err(|panic| Error::panic().internal(panic))?;
        outcome.map_err(|failure| error::call_error(&failure, action, self.root()))
    }

    pub(super) async fn put(&self, key: &str, metadata: &ObjectMetadata, bytes: Vec<u8>) -> Result<()> {
        let (key, metadata) = (key.to_owned(), metadata.clone());
        let put = move |files: &Files| {
            let unfinished = files.start()?;
            files.append(&unfinished, &bytes).and_then(|()| files.finish(&unfinished, &key, &metadata)).inspect_err(
                |_| {
                    files.forget(&unfinished);
                },
            )
        };
        self.run(Action::Write, put).await
    }

    pub(super) async fn start_upload(&self, key: &str, metadata: &ObjectMetadata) -> Result<Upload> {
        let unfinished = self.run(Action::Write, Files::start).await?;
        Ok(Upload { key: key.to_owned(), unfinished, metadata: metadata.clone() })
    }

    pub(super) async fn add_part(&self, upload: &mut Upload, bytes: Vec<u8>) -> Result<()> {
        let unfinished = upload.unfinished.clone();
        self.run(Action::Write, move |files| files.append(&unfinished, &bytes)).await
    }

    pub(super) async fn complete(&self, upload: &Upload) -> Result<()> {
        let (unfinished, key, metadata) = (upload.unfinished.clone(), upload.key.clone(), upload.metadata.clone());
        self.run(Action::Write, move |files| files.finish(&unfinished, &key, &metadata)).await
    }

    pub(super) async fn abort(&self, upload: &Upload) {
        let unfinished = upload.unfinished.clone();
        let forget = move |files: &Files| {
            files.forget(&unfinished);
            Ok(())
        };
        if self.run(Action::Delete, forget).await.is_err() {
            tracing::debug!(key = upload.key, "an unfinished file of rejected records stays in the folder");
        }
    }

    pub(super) async fn exists(&self, key: &str) -> Result<bool> {
        let key = key.to_owned();
        self.run(Action::List, move |files| files.exists(&key)).await
    }

    /// The objects whose keys begin with `prefix`, in the order of keys.
    pub(super) async fn list(&self, prefix: &str) -> Result<Vec<ListedObject>> {
        let prefix = prefix.to_owned();
        self.run(Action::List, move |files| files.list(&prefix)).await
    }

    pub(super) async fn get(&self, key: &str) -> Result<Option<Vec<u8>>> {
        let key = key.to_owned();
        self.run(Action::Read, move |files| files.read(&key)).await
    }

    pub(super) async fn download(&self, key: &str) -> Result<Option<Download>> {
        let key = key.to_owned();
        let opened = self.run(Action::Read, move |files| files.open(&key)).await?;
        Ok(opened.map(|(file, stream)| Download { folder: self.clone(), file: Arc::new(file), stream }))
    }

    pub(super) async fn delete(&self, key: &str) -> Result<()> {
        let key = key.to_owned();
        self.run(Action::Delete, move |files| files.delete(&key)).await
    }
}

impl Download {
    pub(super) fn stream(&self) -> Option<&str> {
        self.stream.as_deref()
    }

    pub(super) async fn next(&mut self) -> Result<Option<Bytes>> {
        let file = Arc::clone(&self.file);
        let read = move |_: &Files| {
            let mut piece = Vec::with_capacity(PIECE_BYTES);
            (&*file).take(PIECE_BYTES as u64).read_to_end(&mut piece)?;
            Ok((!piece.is_empty()).then(|| Bytes::from(piece)))
        };
        self.folder.run(Action::Read, read).await
    }
}

#[cfg(test)]
mod tests;
