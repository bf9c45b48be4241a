//! `load`: a file of a person, by the way of a sync.

use std::io::Read;

use serde_json::{Map, Value, json};
use tokio::runtime::Handle;

use super::{read_config, sign_in_patiently, stop_on_signal};
use crate::cli::LoadArguments;
use crate::config::{Config, FileStream, cannot_insert};
use crate::display::Display;
use crate::journal;
use crate::load::{
    Acknowledged, Failure, FileNames, Finished, Folders, InputFile, Layout, Loaded, RecordLines, Results, Rows,
    WorkFolder, cause, changed, how_to_go_on, is_own,
};
use crate::pipeline::{self, Connections, DryRun};
use crate::rejected::{SUCCESSES_FOLDER, Storage};
use airbyte::{Error, Output, Result, parse_catalog};
use salesforce::{Operation, Org};

/// Loads a file, or `stdin` in its place, and returns how many of its rows are rejected.
///
/// # Errors
/// The first failure that ended the load. What is done by then is in the result files and noted.
pub(crate) async fn run(
    arguments: &LoadArguments,
    stdin: impl Read + Send + 'static,
    display: &Display,
) -> Result<u64> {
    check(arguments)?;
    let config = read_config(&arguments.config)?;
    let file = InputFile::new(arguments.file.clone());
    let rows = Rows::open(&file, arguments.format, &arguments.rename, stdin)?;
    let dry_run = match arguments.dry_run {
        true => Some(DryRun::asked_for(arguments.show)),
        false => config.dry_run().then(DryRun::configured),
    };
    let (loaded, unread, unnoted) = (Loaded::default(), Failure::default(), Failure::default());
    let acknowledged =
        Acknowledged::new(loaded.clone(), Handle::current(), &arguments.config, Failure::clone(&unnoted));
    let output = Output::new(acknowledged)
        .map_err(|error| Error::system("The thread that notes what is loaded cannot be started.").internal(error))?;
    let load = Load { arguments, file: &file, display, output: &output, loaded: &loaded, unread: &unread };
    let is_dry = dry_run.is_some();
    let outcome = Box::pin(load.run(config, rows, dry_run)).await;
    // Until here a state may still be on its way into the files.
    let output = output.clone();
    let flushed = blocking(move || output.flush().map_err(|error| stopped_noting(&error))).await;
    let outcome = outcome.and(flushed).map_err(|error| cause([&unnoted, &unread], error));
    if is_dry {
        return outcome.map(|()| 0);
    }
    match outcome {
        Ok(()) => {
            let finished = loaded.finish().await?;
            load.say_end(&finished);
            Ok(finished.rejected)
        }
        Err(error) => {
            let stopped = loaded.stop().await;
            let error = load.explain(error);
            Err(match stopped {
                // A failure to write has the same cause.
                Err(other) if unnoted.get().is_none() => error.and(other.message()),
                _ => error,
            })
        }
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|panic| Error::panic().internal(panic))?
}

fn stopped_noting(error: &std::io::Error) -> Error {
    Error::system("The thread that notes what is loaded has ended.").internal(error)
}

/// What the arguments alone say.
fn check(arguments: &LoadArguments) -> Result<()> {
    let operation = Operation::from(arguments.operation);
    let wrong = |why: &str| Err(Error::config(format!("The command line is wrong: {why}.")));
    match (operation, &*arguments.key) {
        (Operation::Insert, [_, ..]) => {
            return wrong(
                "--key is for an operation that finds records, and an insert does not; upsert finds or creates",
            );
        }
        (Operation::Upsert, []) => return wrong("an upsert needs --key, the external id that finds the records"),
        _ => {}
    }
    if let Some(rule) = cannot_insert(operation, arguments.on_missing) {
        return wrong(&format!("--on-missing {}", rule.replace('`', "")));
    }
    let is_repeated = |names: Vec<String>| (1..names.len()).any(|index| names[..index].contains(&names[index]));
    if is_repeated(arguments.key.iter().map(|key| key.to_ascii_lowercase()).collect()) {
        return wrong("--key names a field twice");
    }
    if is_repeated(arguments.rename.iter().map(|(column, _)| column.clone()).collect()) {
        return wrong("--rename names a column twice");
    }
    if is_repeated(arguments.rename.iter().map(|(_, field)| field.to_ascii_lowercase()).collect()) {
        return wrong("--rename names a field twice");
    }
    Ok(())
}

/// A load that is under way.
struct Load<'l> {
    arguments: &'l LoadArguments,
    file: &'l InputFile,
    display: &'l Display,
    output: &'l Output,
    loaded: &'l Loaded,
    unread: &'l Failure,
}

impl Load<'_> {
    async fn run(&self, config: Config, mut rows: Rows, dry_run: Option<DryRun>) -> Result<()> {
        let (stop, _running) = stop_on_signal(self.output, self.display)?;
        let org = sign_in_patiently(&config, self.output, &stop).await?;
        let mut stream = self.stream();
        let sync_id = match dry_run {
            Some(_) => None,
            None => Some(self.begin(&mut stream, &mut rows, &org).await?),
        };
        self.say_beginning(&rows);
        let config = config.for_file(&stream);
        let catalog = parse_catalog(&catalog(&stream, rows.properties(), sync_id).to_string())?;
        let input = RecordLines::new(rows, &stream.name, Failure::clone(self.unread));
        let connections = Connections { input, output: self.output.clone(), display: self.display, stop: stop.clone() };
        Box::pin(pipeline::write(&config, &catalog, async || Ok(org), connections, dry_run)).await
    }

    fn stream(&self) -> FileStream {
        FileStream {
            name: self.file.name(),
            object: self.arguments.object.clone(),
            operation: self.arguments.operation.into(),
            keys: self.arguments.key.clone(),
            on_missing: self.arguments.on_missing,
            on_several: self.arguments.on_several,
            renames: self.arguments.rename.iter().map(in_the_rows).collect(),
            folder: None,
            is_resumable: self.file.is_lasting(),
        }
    }

    /// Opens the files of the load, and goes on where an earlier run has ended. Returns the number under which the journal
    /// knows the load.
    async fn begin(&self, stream: &mut FileStream, rows: &mut Rows, org: &Org) -> Result<i64> {
        let (name, target) = (self.file.name(), self.target(rows, org));
        let names = FileNames::new(self.file, self.arguments.results.as_deref());
        let open = if self.file.is_lasting() { WorkFolder::open } else { WorkFolder::renew };
        let folder = open(names.work_folder(), &name, target, || names.free_results(rows.format()))?;
        let done = folder.checkpoint().position;
        if !rows.skip_to(&done, &name)? {
            return Err(changed(&name, done.rows, folder.path()));
        }
        if folder.is_resumed() {
            self.display.say(&format!("An earlier load of {name} continues after row {}.", done.rows));
        }
        stream.folder = Some(folder.objects());
        let sync_id = folder.checkpoint().sync_id;
        let layout = Layout { format: rows.format(), has_bom: rows.has_bom(), columns: rows.columns() };
        let storage = Storage::in_folder(&folder.objects());
        let folders = Folders { journal: journal::FOLDER, successes: SUCCESSES_FOLDER };
        let results = Results::open(storage, folders, layout, &folder).await?;
        self.loaded.begin(folder, results).await?;
        Ok(sync_id)
    }

    /// What makes this load another one than that of an earlier run.
    fn target(&self, rows: &Rows, org: &Org) -> Map<String, Value> {
        let LoadArguments { object, key, on_missing, on_several, rename, .. } = self.arguments;
        let mut target = Map::new();
        let mut add = |name: &str, value: Value| target.insert(name.to_owned(), value);
        add("the org", org.instance_url().as_str().into());
        add("the format", rows.format().name().into());
        add("--object", object.to_ascii_lowercase().into());
        add("--operation", Operation::from(self.arguments.operation).to_string().into());
        add("--key", json!(key));
        add("--on-missing", on_missing.map(|choice| format!("{choice:?}")).into());
        add("--on-several", on_several.map(|choice| format!("{choice:?}")).into());
        add("--rename", json!(rename));
        target
    }

    fn say_beginning(&self, rows: &Rows) {
        let LoadArguments { object, operation, key, .. } = self.arguments;
        let (name, format) = (self.file.name(), rows.format().name());
        let by = if key.is_empty() { String::new() } else { format!(" by {}", key.join(", ")) };
        let operation = Operation::from(*operation);
        self.display.say(&format!("Loading {name} ({format}) into {object}: {operation}{by}."));
    }

    fn say_end(&self, finished: &Finished) {
        let Finished { rows, written, rejected, with_id, success, error } = finished;
        let name = self.file.name();
        let rows = counted(*rows);
        self.display.say(&format!("{name}: {rows}, {written} loaded, {rejected} rejected."));
        if let Some(success) = success {
            self.display.say(&format!("The ids of the loaded rows are in {}.", success.display()));
        }
        let without_id = written.saturating_sub(*with_id);
        if without_id > 0 {
            self.display.say(&format!(
                "{} without an id there: nothing had to be written for it, or a run was killed before it knew the id.",
                counted(without_id)
            ));
        }
        if let Some(error) = error {
            tracing::warn!(
                "Rejected rows: {rejected}. {} has them with the reasons. Repair them there, and load that file.",
                error.display()
            );
        }
    }

    /// Adds to an error how far the load is.
    fn explain(&self, error: Error) -> Error {
        let so_far = self.loaded.so_far();
        let has_begun = so_far.rows > 0 || self.loaded.has_begun();
        if has_begun { error.and(&how_to_go_on(so_far.rows, self.file.is_lasting())) } else { error }
    }
}

fn counted(rows: u64) -> String {
    if rows == 1 { "1 row".to_owned() } else { format!("{rows} rows") }
}

/// A rename as the rows need it: a column of a result file has the name of its field in them. The field stays one that the
/// user has chosen, and must be there.
fn in_the_rows((column, field): &(String, String)) -> (String, String) {
    (if is_own(column) { field.clone() } else { column.clone() }, field.clone())
}

/// The catalog of a source with this one stream. Its primary key is what a success file shows of a row: all columns, but
/// for a delete, which sends the key alone.
fn catalog(stream: &FileStream, properties: Map<String, Value>, sync_id: Option<i64>) -> Value {
    let shown = |_: &&String| !stream.operation.is_delete() && properties.len() > 1;
    let primary_key: Vec<[&String; 1]> = properties.keys().filter(shown).map(|name| [name]).collect();
    json!({"streams": [{
        "stream": {"name": stream.name, "json_schema": {"type": "object", "properties": properties}},
        "sync_mode": "incremental",
        "destination_sync_mode": "append",
        "primary_key": primary_key,
        "sync_id": sync_id,
    }]})
}
