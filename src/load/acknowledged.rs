//! Takes the states that come back: what they cover is moved into the result files, and noted as done.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use serde_json::Value;
use tokio::runtime::Handle;

use super::Failure;
use super::position::Position;
use super::record_lines::acknowledged;
use super::results::Results;
use super::work_folder::WorkFolder;
use crate::stop::Stop;
use airbyte::{Error, Result};

/// A load that has begun. Clones are of the same one.
#[derive(Clone, Default)]
pub(crate) struct Loaded(Arc<Shared>);

#[derive(Default)]
struct Shared {
    /// None before the load has begun. It is locked for moments only: what is done is noted at once, because a row that is
    /// done and not noted is sent again.
    folder: Mutex<Option<WorkFolder>>,
    results: tokio::sync::Mutex<Option<Results>>,
    /// Stops the load.
    stop: OnceLock<Stop>,
    /// Why it was stopped.
    failure: Failure,
}

/// How a load is when it ends.
#[derive(Debug, Default)]
pub(crate) struct Finished {
    pub(crate) rows: u64,
    pub(crate) written: u64,
    pub(crate) rejected: u64,
    /// How many records the success file has.
    pub(crate) with_id: u64,
    /// The result files that have rows.
    pub(crate) success: Option<PathBuf>,
    pub(crate) error: Option<PathBuf>,
}

impl Loaded {
    /// Begins, with the result files as an earlier run has left them. A write that fails requests `stop`.
    ///
    /// # Errors
    /// A file cannot be read or written.
    pub(crate) async fn begin(&self, folder: WorkFolder, results: Results, stop: &Stop) -> Result<()> {
        // It begins once.
        let _ = self.0.stop.set(stop.clone());
        let settled = folder.checkpoint().position.rows;
        self.resume(folder, results).await;
        self.move_results().await?;
        let mut results = self.0.results.lock().await;
        let Some(results) = &mut *results else { return Ok(()) };
        if results.keep_unsettled(settled).await?
            && let Some(folder) = &mut *self.folder()
        {
            folder.save(|checkpoint| results.note(checkpoint))?;
        }
        results.forget_unsettled().await
    }

    /// Takes what an earlier run has left.
    pub(crate) async fn resume(&self, folder: WorkFolder, results: Results) {
        *self.folder() = Some(folder);
        *self.0.results.lock().await = Some(results);
    }

    /// Whether there is something to go on with.
    pub(crate) fn has_begun(&self) -> bool {
        self.folder().is_some()
    }

    /// The rows that are done, and what became of them.
    pub(crate) fn so_far(&self) -> Finished {
        self.folder().as_ref().map(counts).unwrap_or_default()
    }

    /// Everything is loaded: completes the result files. The work folder stays until [`remove`](Self::remove), so that the
    /// same command loads nothing again before the end is said.
    ///
    /// # Errors
    /// A file cannot be written.
    pub(crate) async fn finish(&self) -> Result<Finished> {
        self.save_rest()?;
        self.move_results().await?;
        let Some(mut results) = self.0.results.lock().await.take() else { return Ok(Finished::default()) };
        // Rows of which nobody knows the number.
        results.add(self.so_far().rows, u64::MAX).await?;
        if let Some(folder) = &mut *self.folder() {
            folder.save(|checkpoint| results.note(checkpoint))?;
        }
        let finished = self.so_far();
        let [success, error] = results.close()?;
        Ok(Finished { success, error, ..finished })
    }

    /// Removes the work folder.
    ///
    /// # Errors
    /// It cannot be removed.
    pub(crate) fn remove(&self) -> Result<()> {
        self.folder().take().map_or(Ok(()), WorkFolder::remove)
    }

    /// Completes the result files of a load that has failed, as far as it is. If nothing was sent, everything is removed, so
    /// that a load that is refused leaves no trace.
    ///
    /// # Errors
    /// A file cannot be written or removed.
    pub(crate) async fn stop(&self) -> Result<()> {
        // First, because it takes least room.
        self.save_rest()?;
        self.move_results().await?;
        let mut results = self.0.results.lock().await;
        let is_unused = match &*results {
            Some(results) => self.so_far().rows == 0 && results.is_unused().await?,
            None => false,
        };
        if is_unused && let (Some(results), Some(folder)) = (results.take(), self.folder().take()) {
            results.close()?;
            folder.remove()?;
        }
        Ok(())
    }

    /// Whether rows may be loaded that are not known to be done. In doubt, they may.
    pub(crate) async fn has_unsettled(&self) -> bool {
        match &*self.0.results.lock().await {
            Some(results) => results.has_unsettled().await.unwrap_or(true),
            None => false,
        }
    }

    /// Why the load was stopped.
    pub(crate) fn failure(&self) -> &Failure {
        &self.0.failure
    }

    /// Stops the load for an error that keeps nothing from being noted: what is on its way is still noted when it is done.
    fn end_early(&self, error: Error) {
        // The first failure stays.
        let _ = self.0.failure.set(error);
        // A second request would not wait for what is on its way.
        if let Some(stop) = self.0.stop.get().filter(|stop| !stop.is_requested()) {
            stop.request();
        }
    }

    fn save_rest(&self) -> Result<()> {
        self.folder().as_mut().map_or(Ok(()), WorkFolder::save_rest)
    }

    /// Notes that everything before a position is done.
    fn note(&self, position: Position, written: u64, rejected: u64) -> Result<()> {
        let mut folder = self.folder();
        let Some(folder) = &mut *folder else { return Ok(()) };
        folder.save(|checkpoint| {
            checkpoint.position = position;
            checkpoint.written += written;
            checkpoint.rejected += rejected;
        })?;
        if let Some(full) = folder.is_full() {
            self.end_early(full.clone());
        }
        Ok(())
    }

    /// Moves what is known of rows that are done into the result files.
    async fn move_results(&self) -> Result<()> {
        let mut results = self.0.results.lock().await;
        let Some(results) = &mut *results else { return Ok(()) };
        let noted = self.folder().as_ref().map(|folder| {
            let checkpoint = folder.checkpoint();
            (checkpoint.rows_in_results, checkpoint.position.rows)
        });
        let Some((after, up_to)) = noted.filter(|(after, up_to)| after < up_to) else { return Ok(()) };
        results.add(after, up_to).await?;
        if let Some(folder) = &mut *self.folder() {
            folder.save(|checkpoint| {
                checkpoint.rows_in_results = up_to;
                results.note(checkpoint);
            })?;
        }
        results.forget(up_to).await
    }

    /// Nothing panics while it holds the lock.
    fn folder(&self) -> MutexGuard<'_, Option<WorkFolder>> {
        self.0.folder.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn counts(folder: &WorkFolder) -> Finished {
    let checkpoint = folder.checkpoint();
    let (rows, written, rejected) = (checkpoint.position.rows, checkpoint.written, checkpoint.rejected);
    Finished { rows, written, rejected, with_id: checkpoint.records_with_id, success: None, error: None }
}

/// The output of the pipeline, lines of the protocol, which is written on a thread of its own.
pub(crate) struct Acknowledged {
    loaded: Loaded,
    runtime: Handle,
    /// Where a new refresh token goes: the next run reads it there.
    config: PathBuf,
    failure: Failure,
    /// A line whose end is not written yet.
    unfinished: Vec<u8>,
}

impl Acknowledged {
    /// `failure` gets the reason when a write fails.
    pub(crate) fn new(loaded: Loaded, runtime: Handle, config: &Path, failure: Failure) -> Self {
        Self { loaded, runtime, config: config.to_owned(), failure, unfinished: Vec::new() }
    }

    /// Takes whole lines. Of states that come together, the last one says what is done.
    fn take_lines(&self, lines: &[u8]) -> Result<()> {
        let mut done = None;
        for line in lines.split(|byte| *byte == b'\n') {
            match acknowledged(line) {
                Some((position, written, rejected)) => {
                    let (_, earlier_written, earlier_rejected) = done.unwrap_or_default();
                    done = Some((position, earlier_written + written, earlier_rejected + rejected));
                }
                None => self.take_config(line),
            }
        }
        let Some((position, written, rejected)) = done else { return Ok(()) };
        self.loaded.note(position, written, rejected)?;
        let (loaded, runtime) = (self.loaded.clone(), self.runtime.clone());
        self.runtime.spawn_blocking(move || {
            if let Err(error) = runtime.block_on(loaded.move_results()) {
                loaded.end_early(error);
            }
        });
        Ok(())
    }

    fn take_config(&self, line: &[u8]) {
        let config = serde_json::from_slice::<Value>(line)
            .ok()
            .and_then(|mut message| Some(message.pointer_mut("/control/connectorConfig/config")?.take()));
        if let Some(config) = config {
            match replace(&self.config, &config) {
                Ok(()) => tracing::warn!(
                    "Salesforce replaced the refresh token: the configuration in {} has the new one",
                    self.config.display()
                ),
                Err(error) => tracing::error!(
                    "Salesforce replaced the refresh token, and {} cannot be written ({error}): the stored one no longer \
                     works, so connect the Salesforce account again before the next run",
                    self.config.display()
                ),
            }
        }
    }
}

/// Replaces a file as a whole, with the rights that it has.
fn replace(path: &Path, config: &Value) -> io::Result<()> {
    let path = fs::canonicalize(path)?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    let mut file = fs::File::create(&new)?;
    file.set_permissions(fs::metadata(&path)?.permissions())?;
    file.write_all(format!("{config:#}\n").as_bytes())?;
    file.sync_all()?;
    fs::rename(new, path)
}

impl Write for Acknowledged {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let failed = |error: &Error| io::Error::other(error.to_string());
        if let Some(error) = self.failure.get() {
            return Err(failed(error));
        }
        self.unfinished.extend_from_slice(bytes);
        if self.unfinished.ends_with(b"\n") {
            let lines = std::mem::take(&mut self.unfinished);
            if let Err(error) = self.take_lines(&lines) {
                let failed = failed(&error);
                // The first failure stays.
                let _ = self.failure.set(error);
                return Err(failed);
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The error behind the failure of a thread, or else `error`.
pub(crate) fn cause(failures: [&Failure; 3], error: Error) -> Error {
    failures.into_iter().find_map(|failure| failure.get().cloned()).unwrap_or(error)
}

#[cfg(test)]
mod tests;
