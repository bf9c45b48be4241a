//! How a platform drives a destination: one process for each command, files for the configuration, pipes for the
//! messages.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::Value;

use crate::warehouse::StateCounts;

/// The longest time without a message. A real platform waits longer, because a job can take hours.
const LONGEST_SILENCE: Duration = Duration::from_secs(60);

/// A platform with one connection. Saves everything that goes through the pipes in its folder.
pub(crate) struct Platform {
    folder: PathBuf,
}

/// A message of the connector, with the parts that this platform needs.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "SCREAMING_SNAKE_CASE")]
enum Message {
    Spec {
        spec: Value,
    },
    ConnectionStatus {
        #[serde(rename = "connectionStatus")]
        connection_status: ConnectionStatus,
    },
    State {
        state: State,
    },
    Trace {
        trace: Trace,
    },
    /// Logs, and configurations that the platform should store.
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct ConnectionStatus {
    status: String,
    message: String,
}

#[derive(Deserialize)]
struct Trace {
    error: TraceError,
}

#[derive(Deserialize)]
struct TraceError {
    message: String,
    failure_type: String,
}

#[derive(Deserialize)]
struct State {
    id: u64,
    stream: StreamState,
    #[serde(rename = "destinationStats")]
    stats: Stats,
}

#[derive(Deserialize)]
struct StreamState {
    stream_descriptor: StreamDescriptor,
}

#[derive(Deserialize)]
struct StreamDescriptor {
    name: String,
}

/// The counts of the records since the stream's previous state.
#[derive(Deserialize)]
struct Stats {
    #[serde(rename = "recordCount")]
    written: f64,
    #[serde(rename = "rejectedRecordCount")]
    rejected: f64,
}

impl From<State> for StateCounts {
    fn from(state: State) -> Self {
        let Stats { written, rejected } = state.stats;
        Self {
            id: state.id,
            stream: state.stream.stream_descriptor.name,
            written: written as u64,
            rejected: rejected as u64,
        }
    }
}

impl Platform {
    /// Writes the configuration and the catalog to files.
    pub(crate) fn new(folder: &Path, config: &Value, catalog: &Value) -> Result<Self> {
        let platform = Self { folder: folder.to_owned() };
        fs::write(platform.path("config.json"), format!("{config:#}\n"))?;
        fs::write(platform.path("catalog.json"), format!("{catalog:#}\n"))?;
        Ok(platform)
    }

    /// `spec`: what can be configured. The platform shows it as a form.
    pub(crate) fn spec(&self) -> Result<Value> {
        let mut answer = None;
        self.run("spec", &[], &[], |message| {
            if let Message::Spec { spec } = message {
                answer = Some(spec);
            }
            Ok(())
        })?;
        answer.context("spec gave no answer.")
    }

    /// `check`: whether a sync can start. Returns the message for the user.
    pub(crate) fn check(&self) -> Result<String> {
        let mut answer = None;
        self.run("check", &["config"], &[], |message| {
            if let Message::ConnectionStatus { connection_status } = message {
                answer = Some(connection_status);
            }
            Ok(())
        })?;
        let ConnectionStatus { status, message } = answer.context("check gave no answer.")?;
        if status != "SUCCEEDED" {
            bail!("check: {message}");
        }
        Ok(message)
    }

    /// `write`: sends the messages and receives the states. The next sync can continue from a state that came back.
    pub(crate) fn write(&self, messages: &[String], mut on_state: impl FnMut(StateCounts) -> Result<()>) -> Result<()> {
        self.run("write", &["config", "catalog"], messages, |message| match message {
            Message::State { state } => on_state(state.into()),
            _ => Ok(()),
        })
    }

    /// Runs the connector until it ends. Fails when it sends an error or its exit code is not 0.
    fn run(
        &self,
        command: &str,
        options: &[&str],
        messages: &[String],
        mut on_message: impl FnMut(Message) -> Result<()>,
    ) -> Result<()> {
        let mut process = Command::new(std::env::current_exe()?);
        process.arg(command);
        for option in options {
            process.arg(format!("--{option}")).arg(self.path(&format!("{option}.json")));
        }
        // Nothing on this machine changes the run: no proxy, no AWS profile.
        process
            .env_clear()
            .envs(std::env::vars_os().filter(|(name, _)| name == "SSL_CERT_FILE" || name == "SSL_CERT_DIR"));
        let mut connector = Connector::start(process)?;

        let mut received = File::create(self.path(&format!("{command}_received.jsonl")))?;
        let mut input = messages.join("\n");
        if !messages.is_empty() {
            input.push('\n');
            fs::write(self.path(&format!("{command}_sent.jsonl")), &input)?;
        }
        // A pipe holds little, so write and read at the same time. Otherwise both sides wait for each other.
        let mut stdin = connector.0.stdin.take().context("The connector has no standard input.")?;
        let writer = thread::spawn(move || stdin.write_all(input.as_bytes()));
        let stdout = connector.0.stdout.take().context("The connector has no standard output.")?;
        let lines = lines_of(BufReader::new(stdout));

        let mut failure = None;
        loop {
            let line = match lines.recv_timeout(LONGEST_SILENCE) {
                Ok(line) => line?,
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    bail!("{command}: the connector has sent nothing for {LONGEST_SILENCE:?}.")
                }
            };
            writeln!(received, "{line}")?;
            match serde_json::from_str(&line).with_context(|| format!("{command}: not a message: {line}"))? {
                Message::Trace { trace } => failure = Some(trace.error),
                message => on_message(message)?,
            }
        }
        let status = connector.end()?;
        if let Some(TraceError { failure_type, message }) = failure {
            bail!("{command}: {failure_type}: {message}");
        }
        if !status.success() {
            bail!("{command}: the connector ended with {status} and sent no error.");
        }
        // A connector that closes its input early has sent an error.
        writer.join().unwrap_or(Ok(())).with_context(|| format!("{command}: the connector did not read all messages"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// A running connector. Dropping this ends the process.
struct Connector(Child);

impl Connector {
    fn start(mut command: Command) -> Result<Self> {
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        child.map(Self).context("The connector cannot be started.")
    }

    fn end(&mut self) -> Result<ExitStatus> {
        Ok(self.0.wait()?)
    }
}

impl Drop for Connector {
    fn drop(&mut self) {
        // Neither does anything when the process has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Reads lines on a thread of its own, so that the caller can wait with a timeout.
fn lines_of(reader: impl BufRead + Send + 'static) -> Receiver<std::io::Result<String>> {
    let (sender, receiver) = channel();
    thread::spawn(move || reader.lines().all(|line| sender.send(line).is_ok()));
    receiver
}
