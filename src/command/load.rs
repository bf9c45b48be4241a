//! `load`: a file of a person, by the way of a sync.

use std::fs;
use std::io::Read;
use std::path::Path;

use serde_json::{Map, Value, json};
use tokio::runtime::Handle;

use super::{read_config, sign_in_patiently, stop_on_signal};
use crate::cli::LoadArguments;
use crate::config::{Config, FileStream, cannot_insert};
use crate::display::Display;
use crate::journal;
use crate::load::{
    Acknowledged, Failure, FileNames, Finished, Folders, Identity, InputFile, Layout, Loaded, RecordLines, Results,
    Rows, WorkFolder, cause, changed, how_to_go_on, is_own,
};
use crate::pipeline::{self, Connections, DryRun};
use crate::rejected::{SUCCESSES_FOLDER, Storage};
use crate::stop::Stop;
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
    // A stopped load gives up no state: what it covers is done, and must be noted.
    let (stop, _running) = stop_on_signal(&output, display)?;
    let load = Load { arguments, file: &file, display, output: &output, loaded: &loaded, unread: &unread, stop: &stop };
    let is_dry = dry_run.is_some();
    let outcome = Box::pin(load.run(config, rows, dry_run)).await;
    // Until here a state may still be on its way into the files.
    let output = output.clone();
    let flushed = blocking(move || output.flush().map_err(|error| stopped_noting(&error))).await;
    let outcome = outcome.and(flushed).map_err(|error| cause([&unnoted, loaded.failure(), &unread], error));
    if is_dry {
        return outcome.map(|()| 0);
    }
    match outcome {
        Ok(()) => match loaded.finish().await {
            Ok(finished) => {
                load.say_end(&finished);
                loaded.remove()?;
                Ok(finished.rejected)
            }
            Err(error) => Err(load.explain(error).await),
        },
        Err(error) => {
            let stopped = loaded.stop().await;
            let error = load.explain(error).await;
            Err(match stopped {
                // A failure to write has the same cause.
                Err(other) if [&unnoted, loaded.failure()].iter().all(|failure| failure.get().is_none()) => {
                    error.and(other.message())
                }
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
    stop: &'l Stop,
}

impl Load<'_> {
    async fn run(&self, config: Config, mut rows: Rows, dry_run: Option<DryRun>) -> Result<()> {
        let org = sign_in_patiently(&config, self.output, self.stop).await?;
        let mut stream = self.stream();
        let sync_id = match dry_run {
            Some(_) => None,
            None => Some(self.begin(&mut stream, &mut rows, &org).await?),
        };
        self.say_beginning(&rows);
        let config = config.for_file(&stream);
        let catalog = parse_catalog(&catalog(&stream, rows.properties(), sync_id).to_string())?;
        let input = RecordLines::new(rows, &stream.name, Failure::clone(self.unread));
        let connections =
            Connections { input, output: self.output.clone(), display: self.display, stop: self.stop.clone() };
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
        let name = self.file.name();
        let names = FileNames::new(self.file, self.arguments.results.as_deref());
        let path = names.work_folder();
        if !self.file.is_lasting() {
            self.complete_earlier(path, &name).await?;
        }
        let layout = self.layout(rows, stream);
        let identity = Identity { name: name.clone(), target: self.target(rows, org, path), layout: layout.clone() };
        let folder = WorkFolder::open(path, identity, || names.reserve_results(rows.format()))?;
        let done = folder.checkpoint().position;
        if !rows.skip_to(&done, &name)? {
            return Err(changed(&name, done.rows, folder.path()));
        }
        if folder.is_resumed() {
            self.display.say(&format!("An earlier load of {name} continues after row {}.", done.rows));
        }
        stream.folder = Some(folder.objects());
        let sync_id = folder.checkpoint().sync_id;
        let results = results(layout, &folder).await?;
        self.loaded.begin(folder, results, self.stop).await?;
        Ok(sync_id)
    }

    /// Completes the result files of an earlier load whose input cannot be read again: it does not go on.
    async fn complete_earlier(&self, path: &Path, name: &str) -> Result<()> {
        let Some(folder) = WorkFolder::left(path, name)? else { return Ok(()) };
        match results(folder.layout(), &folder).await {
            Ok(results) => {
                let earlier = Loaded::default();
                earlier.resume(folder, results).await;
                let rows = earlier.finish().await?.rows;
                self.display
                    .say(&format!("An earlier load of {name} ended after row {rows}. Its files are complete now."));
                earlier.remove()
            }
            // Someone has done something with its files.
            Err(error) => {
                let aside = folder.set_aside()?;
                tracing::warn!(
                    "The files of an earlier load of {name} are not completed. What they lack is in {}. {}",
                    aside.display(),
                    error.message()
                );
                Ok(())
            }
        }
    }

    fn layout(&self, rows: &Rows, stream: &FileStream) -> Layout {
        let columns = rows.columns();
        let shown = columns.iter().filter(|column| !stream.operation.is_delete() || self.is_key(column));
        Layout { format: rows.format(), has_bom: rows.has_bom(), shown: shown.cloned().collect(), columns }
    }

    /// Whether a column is one by which the records are found.
    fn is_key(&self, column: &str) -> bool {
        let LoadArguments { key, rename, .. } = self.arguments;
        let field = rename.iter().find(|(renamed, _)| renamed == column).map_or(column, |(_, field)| field);
        match &**key {
            [] => field.eq_ignore_ascii_case("Id"),
            keys => keys.iter().any(|key| key.eq_ignore_ascii_case(field)),
        }
    }

    /// What makes this load another one than that of an earlier run. `path` is that of its work folder.
    fn target(&self, rows: &Rows, org: &Org, path: &Path) -> Map<String, Value> {
        let LoadArguments { object, key, on_missing, on_several, rename, .. } = self.arguments;
        let mut target = Map::new();
        let mut add = |name: &str, value: Value| target.insert(name.to_owned(), value);
        add("the org", org.instance_url().as_str().into());
        add("the file", self.file_elsewhere(path).into());
        add("the format", rows.format().name().into());
        add("--object", object.to_ascii_lowercase().into());
        add("--operation", Operation::from(self.arguments.operation).to_string().into());
        add("--key", json!(key));
        add("--on-missing", on_missing.map(|choice| format!("{choice:?}")).into());
        add("--on-several", on_several.map(|choice| format!("{choice:?}")).into());
        add("--rename", json!(rename));
        target
    }

    /// Where the file is. None if it is beside the work folder: both may be moved, and no other file has its name there.
    fn file_elsewhere(&self, work_folder: &Path) -> Option<String> {
        let InputFile::Path(path) = self.file else { return None };
        let path = fs::canonicalize(path).ok()?;
        let beside = work_folder.parent().and_then(|folder| fs::canonicalize(folder).ok());
        let is_beside = beside.is_some_and(|folder| path.parent() == Some(&folder));
        (!is_beside).then(|| path.to_string_lossy().into_owned())
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
    async fn explain(&self, error: Error) -> Error {
        let (rows, has_unsettled) = (self.loaded.so_far().rows, self.loaded.has_unsettled().await);
        let has_begun = rows > 0 || self.loaded.has_begun();
        if has_begun { error.and(&how_to_go_on(rows, self.file.is_lasting(), has_unsettled)) } else { error }
    }
}

/// Opens the result files of a load.
async fn results(layout: Layout, folder: &WorkFolder) -> Result<Results> {
    let folders = Folders { journal: journal::FOLDER, successes: SUCCESSES_FOLDER };
    Results::open(Storage::in_folder(&folder.objects()), folders, layout, folder).await
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{self, Command};

    fn arguments(options: &str) -> LoadArguments {
        let all = format!("destination-salesforce load --config=c --object=Account {options} f.csv");
        match cli::parse(all.split(' ').map(Into::into)).unwrap().0 {
            Command::Load(arguments) => *arguments,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_the_arguments_contradict_is_said_and_nothing_else() {
        for (options, problem) in [
            ("--operation=insert", None),
            ("--operation=update", None),
            ("--operation=delete --key=Email --key=Phone", None),
            ("--operation=upsert --key=Email", None),
            ("--operation=insert --key=Email", Some("--key is for an operation that finds records")),
            ("--operation=upsert", Some("an upsert needs --key")),
            ("--operation=upsert --key=Email --on-missing=insert", None),
            ("--operation=update --key=Email --on-missing=skip", None),
            ("--operation=hard_delete --key=Email --on-missing=reject", None),
            ("--operation=update --key=Email --on-missing=insert", Some("--on-missing is insert, and update creates")),
            ("--operation=delete --key=Email --on-missing=insert", Some("--on-missing is insert, and delete creates")),
            ("--operation=hard_delete --key=Email --on-missing=insert", Some("and hard_delete creates no record")),
            ("--operation=update --key=Email --key=Phone --key=eMail", Some("--key names a field twice")),
            ("--operation=insert --rename=mail=Email --rename=Mail=Phone", None),
            ("--operation=insert --rename=a=X --rename=b=Y --rename=a=Z", Some("--rename names a column twice")),
            ("--operation=insert --rename=a=X --rename=b=Y --rename=c=x", Some("--rename names a field twice")),
        ] {
            let said = check(&arguments(options)).err().map(|error| error.message().to_owned());
            assert_eq!(said.is_some(), problem.is_some(), "{options}: {said:?}");
            assert!(said.unwrap_or_default().contains(problem.unwrap_or_default()), "{options}");
        }
    }
}
