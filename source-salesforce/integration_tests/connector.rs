//! A connector process.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::messages::{parse, parse_line};

/// A running connector, with its output as a pipe.
pub(crate) struct Connector {
    process: Child,
    stdout: BufReader<ChildStdout>,
    /// What was read from standard output so far.
    output: String,
    _files: TempDir,
}

/// The exit code and the output of a finished process.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) exit_code: i32,
    pub(crate) messages: Vec<Value>,
}

/// A signal that ends the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    Kill,
    Terminate,
}

/// How many times faster than in a sync the waits before a call is made again pass: half an hour is a minute.
pub(crate) const HASTE: u32 = 30;

/// Runs the program. Each of `files` is an option and the content of the file that it names.
pub(crate) fn run(command: &str, files: &[(&str, &Value)]) -> Run {
    Connector::start(command, files, HASTE).wait()
}

impl Connector {
    pub(crate) fn start(command: &str, files: &[(&str, &Value)], haste: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut process = Command::new(env!("CARGO_BIN_EXE_source-salesforce"));
        process.arg(command);
        for (option, content) in files {
            let path = folder.path().join(option.trim_start_matches('-'));
            std::fs::write(&path, content.to_string()).unwrap();
            process.arg(option).arg(path);
        }
        process.env_clear().env("DESTINATION_SALESFORCE_TEST_HASTE", haste.to_string());
        process.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = process.spawn().unwrap();
        let stdout = BufReader::new(process.stdout.take().unwrap());
        Self { process, stdout, output: String::new(), _files: folder }
    }

    /// Reads up to the n-th state from here, and kills the process then. What it had written after that is read too,
    /// but for a last line that is cut off.
    pub(crate) fn kill_at_state(self, nth: usize) -> Run {
        self.end_at("STATE", nth, Signal::Kill)
    }

    /// The same at the n-th message of a type, and with another signal.
    pub(crate) fn end_at(mut self, kind: &str, nth: usize, signal: Signal) -> Run {
        let mut seen = 0;
        while seen < nth {
            let start = self.output.len();
            if self.stdout.read_line(&mut self.output).unwrap() == 0 {
                break;
            }
            seen += usize::from(parse_line(&self.output[start..])["type"] == kind);
        }
        self.end(signal)
    }

    /// Ends the process at any moment.
    pub(crate) fn end(mut self, signal: Signal) -> Run {
        match signal {
            Signal::Kill => self.process.kill().unwrap(),
            Signal::Terminate => self.terminate(),
        }
        self.wait()
    }

    /// Reads no more of standard output, so that writing to it fails. Returns the exit code and standard error.
    pub(crate) fn close_stdout(self) -> (i32, String) {
        let Self { mut process, stdout, .. } = self;
        drop(stdout);
        let mut stderr = String::new();
        process.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        (process.wait().unwrap().code().unwrap_or(-1), stderr)
    }

    /// Reads up to a message.
    pub(crate) fn read_until(&mut self, mut wanted: impl FnMut(&Value) -> bool) {
        loop {
            let start = self.output.len();
            let length = self.stdout.read_line(&mut self.output).unwrap();
            assert_ne!(length, 0, "the connector ended too early: {}", self.output);
            if wanted(&parse_line(&self.output[start..])) {
                return;
            }
        }
    }

    /// Reads all output without keeping it. Returns the number of records, the most resident memory of the process in
    /// bytes, as far as the system says, and the exit code.
    pub(crate) fn drain(mut self) -> (u64, u64, i32) {
        let (mut line, mut lines, mut records, mut most) = (Vec::new(), 0_u64, 0, 0);
        while self.stdout.read_until(b'\n', &mut line).unwrap() > 0 {
            let is_record = line.starts_with(br#"{"type":"RECORD""#);
            records += u64::from(is_record);
            lines += 1;
            if !is_record || lines.is_multiple_of(16) {
                most = most.max(self.peak_memory().unwrap_or_default());
            }
            line.clear();
        }
        (records, most, self.process.wait().unwrap().code().unwrap_or(-1))
    }

    /// The most resident memory of the process so far (proc(5), `VmHWM`).
    fn peak_memory(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        Some(line.trim().trim_end_matches("kB").trim().parse::<u64>().ok()? * 1024)
    }

    /// Asks the process to stop.
    pub(crate) fn terminate(&self) {
        let status = Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// Waits for the end of the process.
    pub(crate) fn wait(mut self) -> Run {
        self.stdout.read_to_string(&mut self.output).unwrap();
        let mut stderr = String::new();
        self.process.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        let status = self.process.wait().unwrap();
        assert_eq!(stderr, "", "nothing is written to stderr");
        for secret in ["consumer-secret", "refresh-token"] {
            let of_log = self.output.lines().filter(|line| !line.contains("\"CONTROL\""));
            assert!(of_log.into_iter().all(|line| !line.contains(secret)), "a secret is in {}", self.output);
        }
        let whole = self.output.rfind('\n').map_or("", |end| &self.output[..end]);
        save_messages(whole);
        Run { exit_code: status.code().unwrap_or(-1), messages: parse(whole) }
    }
}

/// Saves the output of a run in the folder `MESSAGES_DIR`, where other readers of the protocol can check it.
fn save_messages(stdout: &str) {
    static RUNS: AtomicUsize = AtomicUsize::new(0);
    let Some(folder) = std::env::var_os("MESSAGES_DIR") else { return };
    let run = RUNS.fetch_add(1, Ordering::Relaxed);
    std::fs::write(Path::new(&folder).join(format!("source-{}-{run}.jsonl", std::process::id())), stdout).unwrap();
}

impl Run {
    fn of_type<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        self.messages.iter().filter(move |message| message["type"] == kind)
    }

    /// The data of the records of a stream.
    pub(crate) fn records(&self, stream: &str) -> Vec<&Value> {
        let records = self.of_type("RECORD").map(|message| &message["record"]);
        records.filter(|record| record["stream"] == stream).map(|record| &record["data"]).collect()
    }

    /// The times of the records.
    pub(crate) fn emitted_at(&self) -> impl Iterator<Item = i64> {
        self.of_type("RECORD").map(|message| message["record"]["emitted_at"].as_i64().unwrap())
    }

    /// The values of a column in the records of a stream.
    pub(crate) fn column(&self, stream: &str, column: &str) -> Vec<String> {
        self.records(stream).iter().map(|data| data[column].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// The states of a stream, with the counts of records.
    pub(crate) fn states(&self, stream: &str) -> Vec<(&Value, f64)> {
        let states = self.of_type("STATE").map(|message| &message["state"]);
        let states = states.filter(|state| state["stream"]["stream_descriptor"]["name"] == stream);
        states
            .map(|state| (&state["stream"]["stream_state"], state["sourceStats"]["recordCount"].as_f64().unwrap()))
            .collect()
    }

    /// What the platform passes to the next attempt: the last state of each stream.
    pub(crate) fn last_states(&self) -> Value {
        let mut last = BTreeMap::new();
        for message in self.of_type("STATE") {
            last.insert(message["state"]["stream"]["stream_descriptor"].to_string(), message["state"].clone());
        }
        json!(last.into_values().collect::<Vec<_>>())
    }

    /// The statuses of a stream in their order.
    pub(crate) fn statuses(&self, stream: &str) -> Vec<&str> {
        let statuses = self.of_type("TRACE").map(|message| &message["trace"]["stream_status"]);
        let statuses = statuses.filter(|status| status["stream_descriptor"]["name"] == stream);
        statuses.map(|status| status["status"].as_str().unwrap()).collect()
    }

    /// The failure type and the message of the one error of a run that failed.
    #[track_caller]
    pub(crate) fn failure(&self) -> (&str, &str) {
        assert_ne!(self.exit_code, 0, "{:?}", self.messages);
        let errors: Vec<&Value> = self.errors().collect();
        assert_eq!(errors.len(), 1, "{:?}", self.messages);
        (errors[0]["failure_type"].as_str().unwrap(), errors[0]["message"].as_str().unwrap())
    }

    /// The errors, each with its stream if it is about one.
    pub(crate) fn errors(&self) -> impl Iterator<Item = &Value> {
        let traces = self.of_type("TRACE").map(|message| &message["trace"]);
        traces.filter(|trace| trace["type"] == "ERROR").map(|trace| &trace["error"])
    }

    #[track_caller]
    pub(crate) fn assert_success(&self) {
        let errors: Vec<&Value> = self.errors().collect();
        assert!(self.exit_code == 0 && errors.is_empty(), "{} {errors:?}", self.exit_code);
    }

    /// The one message of a type.
    #[track_caller]
    pub(crate) fn only(&self, kind: &str) -> &Value {
        let found: Vec<&Value> = self.messages.iter().filter(|message| message["type"] == kind).collect();
        assert_eq!(found.len(), 1, "{kind}: {:?}", self.messages);
        found[0]
    }

    /// The configurations that the connector sent to the platform.
    pub(crate) fn configs(&self) -> Vec<&Value> {
        self.of_type("CONTROL").map(|message| &message["control"]["connectorConfig"]["config"]).collect()
    }

    /// The lines of the log.
    pub(crate) fn log(&self) -> Vec<&str> {
        self.of_type("LOG").map(|message| message["log"]["message"].as_str().unwrap()).collect()
    }
}
