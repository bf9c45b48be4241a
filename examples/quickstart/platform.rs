//! How a platform drives a destination: a process for each verb, files for what is configured, pipes for the messages.

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

use crate::warehouse::Checkpoint;

/// The longest silence of a connector here. On a real org it has reason to be silent for longer: a job may take hours.
const LONGEST_SILENCE: Duration = Duration::from_secs(60);

/// A platform with one connection. It leaves everything that went over the pipes in its folder.
pub(crate) struct Platform {
    folder: PathBuf,
}

/// A message of the connector, as far as this platform needs it.
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
    /// Log lines, and a configuration to be stored anew.
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

/// The records since the stream's state before.
#[derive(Deserialize)]
struct Stats {
    #[serde(rename = "recordCount")]
    written: f64,
    #[serde(rename = "rejectedRecordCount")]
    rejected: f64,
}

impl From<State> for Checkpoint {
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
    /// Writes down what a connection is made of.
    pub(crate) fn new(folder: &Path, config: &Value, catalog: &Value) -> Result<Self> {
        let platform = Self { folder: folder.to_owned() };
        fs::write(platform.path("config.json"), format!("{config:#}\n"))?;
        fs::write(platform.path("catalog.json"), format!("{catalog:#}\n"))?;
        Ok(platform)
    }

    /// `spec`: what can be configured. The platform makes a form of it.
    pub(crate) fn spec(&self) -> Result<Value> {
        let mut answer = None;
        self.run("spec", &[], &[], |message| {
            if let Message::Spec { spec } = message {
                answer = Some(spec);
            }
            Ok(())
        })?;
        answer.context("spec was not answered.")
    }

    /// `check`: whether a sync could begin. The message is for the user, whatever the answer is.
    pub(crate) fn check(&self) -> Result<String> {
        let mut answer = None;
        self.run("check", &["config"], &[], |message| {
            if let Message::ConnectionStatus { connection_status } = message {
                answer = Some(connection_status);
            }
            Ok(())
        })?;
        let ConnectionStatus { status, message } = answer.context("check was not answered.")?;
        if status != "SUCCEEDED" {
            bail!("check: {message}");
        }
        Ok(message)
    }

    /// `write`: messages in, states out. A state that is back is one that the next sync may go on from.
    pub(crate) fn write(&self, messages: &[String], mut on_state: impl FnMut(Checkpoint) -> Result<()>) -> Result<()> {
        self.run("write", &["config", "catalog"], messages, |message| match message {
            Message::State { state } => on_state(state.into()),
            _ => Ok(()),
        })
    }

    /// Runs the connector to its end. It fails where the connector does: by its message, and by its exit code.
    fn run(
        &self,
        verb: &str,
        options: &[&str],
        messages: &[String],
        mut on_message: impl FnMut(Message) -> Result<()>,
    ) -> Result<()> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(verb);
        for option in options {
            command.arg(format!("--{option}")).arg(self.path(&format!("{option}.json")));
        }
        // Nothing of this machine may change what happens here: no proxy, no profile of AWS.
        command
            .env_clear()
            .envs(std::env::vars_os().filter(|(name, _)| name == "SSL_CERT_FILE" || name == "SSL_CERT_DIR"));
        let mut connector = Connector::start(command)?;

        let mut received = File::create(self.path(&format!("{verb}_received.jsonl")))?;
        let mut input = messages.join("\n");
        if !messages.is_empty() {
            input.push('\n');
            fs::write(self.path(&format!("{verb}_sent.jsonl")), &input)?;
        }
        // A pipe holds little. Who only writes, or only reads, waits for a connector that waits for them.
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
                    bail!("{verb}: the connector has said nothing for {LONGEST_SILENCE:?}.")
                }
            };
            writeln!(received, "{line}")?;
            match serde_json::from_str(&line).with_context(|| format!("{verb}: this is no message: {line}"))? {
                Message::Trace { trace } => failure = Some(trace.error),
                message => on_message(message)?,
            }
        }
        let status = connector.end()?;
        if let Some(TraceError { failure_type, message }) = failure {
            bail!("{verb}: {failure_type}: {message}");
        }
        if !status.success() {
            bail!("{verb}: the connector ended with {status} and without an error message.");
        }
        // A connector that closes its input early has told why.
        writer.join().unwrap_or(Ok(())).with_context(|| format!("{verb}: the input was not read to its end"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// The running connector, which does not outlive this.
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
        // Both do nothing to a process that has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Reads lines on a thread of its own, so that a silence can be noticed.
fn lines_of(reader: impl BufRead + Send + 'static) -> Receiver<std::io::Result<String>> {
    let (sender, receiver) = channel();
    thread::spawn(move || reader.lines().all(|line| sender.send(line).is_ok()));
    receiver
}
