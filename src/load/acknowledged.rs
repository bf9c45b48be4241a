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
mod tests {
    use serde_json::json;

    use super::super::file::FileFormat;
    use super::super::results::tests::Load;
    use super::*;

    fn state(rows: u64) -> String {
        let position = Position { rows, ..Position::default() };
        format!("{}\n", json!({"type": "STATE", "state": {"stream": {"stream_state": position}}}))
    }

    /// The journal has forgotten the rows: a state that is not noted is a row that is loaded again.
    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_done_is_noted_although_the_result_files_cannot_be_filled_and_the_load_stops() {
        let load = Load::new(FileFormat::Csv);
        let (folder, results) = load.open().await;
        let (loaded, stop, unnoted) = (Loaded::default(), Stop::default(), Failure::default());
        loaded.begin(folder, results, &stop).await.unwrap();
        load.store("broken", &[json!("no row")]);
        let config = load.path("config.json");
        let mut output = Acknowledged::new(loaded.clone(), Handle::current(), &config, Failure::clone(&unnoted));
        output.write_all(state(2).as_bytes()).unwrap();
        stop.requested().await;
        output.write_all(state(4).as_bytes()).unwrap();
        assert_eq!((loaded.so_far().rows, unnoted.get().is_some()), (4, false));
        assert!(loaded.failure().get().unwrap().message().contains("The object broken of the load"));
        loaded.stop().await.unwrap_err();
        drop((loaded, output));

        load.store("broken", &[]);
        loop {
            // The task that moves results may still hold the folder.
            let Ok(Some(folder)) = WorkFolder::left(&load.path("f.load"), "f") else { continue };
            break assert_eq!(folder.checkpoint().position.rows, 4);
        }
    }

    #[tokio::test]
    async fn the_notes_stay_until_the_end_is_said() {
        let load = Load::new(FileFormat::Csv);
        let (folder, results) = load.open().await;
        let loaded = Loaded::default();
        loaded.begin(folder, results, &Stop::default()).await.unwrap();
        loaded.note(Position { rows: 3, ..Position::default() }, 2, 1).unwrap();
        loaded.note(Position { rows: 5, ..Position::default() }, 2, 0).unwrap();
        let written = json!({"_airbyte_extracted_at": 0, "_airbyte_data": {"sf__Id": "001A", "written_records": 3}});
        load.store("successes/a", &[written]);
        let finished = loaded.finish().await.unwrap();
        assert_eq!((finished.rows, finished.written, finished.rejected, finished.with_id), (5, 4, 1, 3));
        assert_eq!((finished.success, finished.error), (Some(load.path("success")), None));
        assert!(load.path("f.load/load.json").exists());
        loaded.remove().unwrap();
        assert!(!load.path("f.load").exists());
    }

    #[tokio::test]
    async fn a_rejected_row_that_is_kept_when_a_load_goes_on_is_noted_before_its_object_goes() {
        let load = Load::new(FileFormat::Csv);
        let (mut folder, _) = load.open().await;
        folder.save(|checkpoint| (checkpoint.position.rows, checkpoint.rows_in_results) = (2, 2)).unwrap();
        drop(folder);
        let message = crate::rejected::of_several_records("No.", 2);
        let data = json!({"Name": "Example", "rejected_message": message});
        load.store("a", &[json!({"_airbyte_extracted_at": 1_000_000_000_005_u64, "_airbyte_data": data})]);
        for _ in 0..2 {
            let (folder, results) = load.open().await;
            let loaded = Loaded::default();
            loaded.begin(folder, results, &Stop::default()).await.unwrap();
            assert!(!load.path("f.load/objects/a").exists());
            assert_eq!(load.read("error").lines().count(), 2, "the header and the row");
        }
    }

    /// Of states that come together, each has counts of its own.
    #[tokio::test(flavor = "multi_thread")]
    async fn the_counts_of_all_states_are_noted_with_the_position_of_the_last() {
        let load = Load::new(FileFormat::Csv);
        let (folder, results) = load.open().await;
        let loaded = Loaded::default();
        loaded.begin(folder, results, &Stop::default()).await.unwrap();
        let mut output =
            Acknowledged::new(loaded.clone(), Handle::current(), &load.path("config.json"), Failure::default());
        let state = |rows: u64, written: f64, rejected: f64| {
            let position = Position { rows, ..Position::default() };
            let counts = json!({"recordCount": written, "rejectedRecordCount": rejected});
            let state = json!({"stream": {"stream_state": position}, "destinationStats": counts});
            format!("{}\n", json!({"type": "STATE", "state": state}))
        };
        output.write_all((state(4, 3.0, 1.0) + &state(6, 2.0, 0.0)).as_bytes()).unwrap();
        output.write_all(state(9, 1.0, 2.0).as_bytes()).unwrap();
        let so_far = loaded.so_far();
        assert_eq!((so_far.rows, so_far.written, so_far.rejected), (9, 6, 3));
    }

    #[tokio::test]
    async fn a_new_refresh_token_is_written_into_the_configuration() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        fs::write(&path, r#"{"refresh_token":"old"}"#).unwrap();
        let mut output = Acknowledged::new(Loaded::default(), Handle::current(), &path, Failure::default());
        let config = json!({"refresh_token": "new", "batch_size_mb": 1.5});
        let message = json!({"type": "CONTROL", "control": {"connectorConfig": {"config": config}}});
        // A line may come in pieces.
        let line = format!("{message}\n");
        let (first, second) = line.split_at(20);
        output.write_all(first.as_bytes()).unwrap();
        output.write_all(second.as_bytes()).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&fs::read_to_string(&path).unwrap()).unwrap(), config);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
