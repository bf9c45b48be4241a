//! A sync from org to org: the messages of the source are the input of the destination, and the states that come back are
//! where the next sync goes on.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, PipeReader, PipeWriter, Write, pipe};
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Context, Result, anyhow, bail};
use serde_json::{Value, json};

/// A connector of this repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Connector {
    Source,
    Destination,
}

impl Connector {
    /// The name of the program.
    pub(crate) fn program(self) -> &'static str {
        match self {
            Self::Source => "source-salesforce",
            Self::Destination => "destination-salesforce",
        }
    }
}

/// Runs a connector with arguments, an input and an output until it ends, and returns its exit code.
pub(crate) type Start<'s> =
    &'s (dyn Fn(Connector, Vec<OsString>, Option<PipeReader>, PipeWriter) -> Result<i32> + std::marker::Sync);

/// A platform with connections from one org to another. What goes through the pipes is kept in its folder.
pub(crate) struct Platform<'s> {
    folder: PathBuf,
    start: Start<'s>,
    /// The number of the last sync.
    sync_id: u64,
}

/// What a sync moved.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Synced {
    pub(crate) connection: &'static str,
    /// Whether it went on from the states of the sync before.
    pub(crate) goes_on: bool,
    /// The records of the source, with those that are deleted.
    pub(crate) read: usize,
    /// Those of them that are deleted in the first org.
    pub(crate) deleted: usize,
    pub(crate) written: usize,
    /// The records that the destination rejected.
    pub(crate) rejected: Vec<Rejected>,
}

/// A record that the destination rejected and kept.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Rejected {
    pub(crate) name: String,
    pub(crate) reason: String,
    pub(crate) message: String,
}

/// What `compare` found.
#[derive(Debug)]
pub(crate) struct Compared {
    /// A line for each stream.
    pub(crate) streams: Vec<String>,
    /// Each difference as a sentence.
    pub(crate) differences: Vec<String>,
}

/// What one connector wrote.
#[derive(Default)]
struct Heard {
    records: usize,
    deleted: usize,
    written: f64,
    rejected: f64,
    /// The last state of each stream.
    states: Vec<Value>,
    errors: Vec<String>,
}

impl<'s> Platform<'s> {
    /// Empties the folder, and writes the configuration of the two connectors to it.
    pub(crate) fn new(folder: &Path, start: Start<'s>, first: &Value, second: &Value) -> Result<Self> {
        if folder.exists() {
            fs::remove_dir_all(folder).with_context(|| format!("{} cannot be emptied.", folder.display()))?;
        }
        fs::create_dir_all(folder).with_context(|| format!("{} cannot be created.", folder.display()))?;
        let platform = Self { folder: folder.to_owned(), start, sync_id: 0 };
        platform.write("first.json", first)?;
        platform.write("second.json", second)?;
        Ok(platform)
    }

    /// The folder in which the destination keeps rejected records.
    pub(crate) fn rejected(folder: &Path) -> PathBuf {
        folder.join("rejected")
    }

    /// `discover` of the source: the streams that the first org has.
    pub(crate) fn discover(&self) -> Result<Vec<Value>> {
        let arguments = vec!["discover".into(), "--config".into(), self.path("first.json")];
        let (lines, code) = self.run(Connector::Source, arguments)?;
        let mut catalogs = lines.into_iter().filter(|message| message["type"] == "CATALOG");
        let catalog = catalogs.next().filter(|_| code == 0).context("discover gave no catalog.")?;
        catalog["catalog"]["streams"].as_array().cloned().context("The catalog has no streams.")
    }

    /// One sync of a connection. It goes on from the states of the one before, which the destination gave back.
    pub(crate) fn sync(&mut self, connection: &'static str, streams: &[Value]) -> Result<Synced> {
        self.sync_id += 1;
        let of_sync = |stream: &Value| {
            let mut stream = stream.clone();
            (stream["sync_id"], stream["generation_id"]) = (json!(self.sync_id), json!(1));
            stream["minimum_generation_id"] = json!(0);
            stream
        };
        let catalog = format!("{connection}.json");
        let states = format!("{connection}_states.json");
        self.write(&catalog, &json!({"streams": streams.iter().map(of_sync).collect::<Vec<_>>()}))?;
        let mut read = vec!["read".into(), "--config".into(), self.path("first.json"), "--catalog".into()];
        read.push(self.path(&catalog));
        let goes_on = self.folder.join(&states).exists();
        if goes_on {
            read.extend(["--state".into(), self.path(&states)]);
        }
        let write =
            vec!["write".into(), "--config".into(), self.path("second.json"), "--catalog".into(), self.path(&catalog)];

        let (sent, answers) = self.connect(read, write, &format!("{:02}_{connection}", self.sync_id))?;
        self.write(&states, &json!(answers.states))?;
        let rejected = self.rejected_in(self.sync_id)?;
        let (written, counted) = (answers.written as usize, answers.rejected as usize);
        if written + counted != sent.records || counted != rejected.len() {
            bail!(
                "{connection}: {} records were read, {written} written, {counted} rejected and {} kept as rejected.",
                sent.records,
                rejected.len()
            );
        }
        Ok(Synced { connection, goes_on, read: sent.records, deleted: sent.deleted, written, rejected })
    }

    /// `compare` of the source: which records are missing, extra or older in the second org.
    pub(crate) fn compare(&self, streams: &[Value], key: &str) -> Result<Compared> {
        self.write("both.json", &json!({"streams": streams}))?;
        let mut arguments = vec!["compare".into(), "--config".into(), self.path("first.json"), "--with".into()];
        arguments.extend([self.path("second.json"), "--catalog".into(), self.path("both.json")]);
        for stream in streams {
            let name = stream["stream"]["name"].as_str().context("A stream has no name.")?;
            arguments.extend(["--key".into(), format!("{name}={key}").into()]);
        }
        let (lines, code) = self.run(Connector::Source, arguments)?;
        let (summaries, differences): (Vec<Value>, Vec<Value>) =
            lines.into_iter().partition(|line| line["summary"].is_object());
        let compared = Compared {
            streams: summaries.iter().map(summary).collect(),
            differences: differences.iter().map(difference).collect(),
        };
        let is_whole = compared.streams.len() == streams.len();
        match code {
            0 if is_whole && compared.differences.is_empty() => Ok(compared),
            1 if is_whole && !compared.differences.is_empty() => Ok(compared),
            _ => bail!("compare ended with {code}, and {compared:?}."),
        }
    }

    /// Runs both connectors with a pipe between them. Fails when one of them does.
    fn connect(&self, read: Vec<OsString>, write: Vec<OsString>, name: &str) -> Result<(Heard, Heard)> {
        let (from_source, source_output) = pipe()?;
        let (destination_input, to_destination) = pipe()?;
        let (from_destination, destination_output) = pipe()?;
        let sent = File::create(self.folder.join(format!("{name}_sent.jsonl")))?;
        let received = File::create(self.folder.join(format!("{name}_received.jsonl")))?;
        let start = self.start;
        let ended = |code: Result<i32>, heard: &Heard, connector: Connector| match (code, &*heard.errors) {
            (Ok(0), []) => Ok(()),
            (Ok(code), errors) => Err(anyhow!("{} ended with {code}. {}", connector.program(), errors.join(" "))),
            (Err(error), _) => Err(error),
        };
        thread::scope(|scope| {
            let reading = scope.spawn(move || start(Connector::Source, read, None, source_output));
            let writing =
                scope.spawn(move || start(Connector::Destination, write, Some(destination_input), destination_output));
            let handing_on = scope.spawn(move || hear(from_source, sent, Some(to_destination)));
            let answers = hear(from_destination, received, None);
            let panicked = |_| anyhow!("A thread panicked.");
            let sent = handing_on.join().map_err(panicked)??;
            let answers = answers?;
            ended(reading.join().map_err(panicked)?, &sent, Connector::Source)?;
            ended(writing.join().map_err(panicked)?, &answers, Connector::Destination)?;
            Ok((sent, answers))
        })
    }

    /// Runs a connector alone, and returns the lines of its output with its exit code.
    fn run(&self, connector: Connector, arguments: Vec<OsString>) -> Result<(Vec<Value>, i32)> {
        let (from_connector, output) = pipe()?;
        let start = self.start;
        thread::scope(|scope| {
            let running = scope.spawn(move || start(connector, arguments, None, output));
            let lines: Result<Vec<Value>> =
                BufReader::new(from_connector).lines().map(|line| Ok(serde_json::from_str(&line?)?)).collect();
            let code = running.join().map_err(|_| anyhow!("A thread panicked."))??;
            Ok((lines?, code))
        })
    }

    /// The records that the destination kept as rejected in a sync, a line each.
    fn rejected_in(&self, sync_id: u64) -> Result<Vec<Rejected>> {
        let mut rejected = Vec::new();
        let mut folders = vec![Self::rejected(&self.folder).join(sync_id.to_string())];
        while let Some(folder) = folders.pop() {
            let Ok(entries) = fs::read_dir(&folder) else { continue };
            for path in entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()? {
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "jsonl") {
                    for line in fs::read_to_string(&path)?.lines() {
                        rejected.push(Rejected::parse(&serde_json::from_str(line)?));
                    }
                }
            }
        }
        Ok(rejected)
    }

    fn write(&self, name: &str, content: &Value) -> Result<()> {
        let path = self.folder.join(name);
        fs::write(&path, format!("{content:#}\n")).with_context(|| format!("{} cannot be written.", path.display()))
    }

    fn path(&self, name: &str) -> OsString {
        self.folder.join(name).into_os_string()
    }
}

impl Rejected {
    fn parse(row: &Value) -> Self {
        let data = &row["_airbyte_data"];
        let text = |name: &str| data[name].as_str().unwrap_or_default().to_owned();
        let name = ["Name", "LastName"].into_iter().find(|name| data[*name].is_string()).unwrap_or("Id");
        Self { name: text(name), reason: text("rejected_reason"), message: text("rejected_message") }
    }
}

/// A summary of `compare` as a line.
fn summary(line: &Value) -> String {
    let counts = ["missing", "extra", "older", "doubled", "keyless"].map(|what| {
        let count = line["summary"][what].as_u64().filter(|count| *count > 0)?;
        Some(format!("{count} {}", if what == "keyless" { "without an external id" } else { what }))
    });
    let mut found: Vec<String> = counts.into_iter().flatten().collect();
    if found.is_empty() {
        found.push("nothing missing, nothing extra, nothing older".to_owned());
    }
    format!("{}: {} in both orgs, {}", text(&line["stream"]), line["summary"]["in_both"], found.join(", "))
}

/// A difference of `compare` as a sentence.
fn difference(line: &Value) -> String {
    let (stream, what) = (text(&line["stream"]), text(&line["difference"]));
    match line["key"].as_str().unwrap_or_default() {
        "" => format!("{stream}: {} without an external id", line["records"]),
        key => format!("{stream} {key} is {what}."),
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Reads what a connector writes, keeps it in a file, and hands each line on.
fn hear(from: PipeReader, mut file: File, mut to: Option<PipeWriter>) -> Result<Heard> {
    let mut heard = Heard::default();
    for line in BufReader::new(from).lines() {
        let line = line?;
        writeln!(file, "{line}")?;
        heard.take(serde_json::from_str(&line).with_context(|| format!("Not a message: {line}"))?);
        // A destination that ends early no longer reads, and its own messages say why.
        if to.as_mut().is_some_and(|to| writeln!(to, "{line}").is_err()) {
            to = None;
        }
    }
    Ok(heard)
}

impl Heard {
    fn take(&mut self, mut message: Value) {
        match message["type"].as_str() {
            Some("RECORD") => {
                self.records += 1;
                self.deleted += usize::from(message["record"]["data"]["_ab_cdc_deleted_at"].is_string());
            }
            Some("STATE") => {
                let stats = &message["state"]["destinationStats"];
                self.written += stats["recordCount"].as_f64().unwrap_or_default();
                self.rejected += stats["rejectedRecordCount"].as_f64().unwrap_or_default();
                let stream = message["state"]["stream"].take();
                self.states.retain(|state| state["stream"]["stream_descriptor"] != stream["stream_descriptor"]);
                self.states.push(json!({"type": "STREAM", "stream": stream}));
            }
            Some("TRACE") if message["trace"]["type"] == "ERROR" => {
                self.errors.extend(message["trace"]["error"]["message"].as_str().map(str::to_owned));
            }
            _ => {}
        }
    }
}
