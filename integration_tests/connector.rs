//! Runs the connector as the platform does: the binary with files, pipes and nothing else.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::protocol_model::{Message, State, TraceError, read};

/// What a run left behind.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) exit_code: i32,
    pub(crate) stdout: String,
    pub(crate) messages: Vec<Message>,
}

impl Run {
    /// The states in the order in which they came.
    pub(crate) fn states(&self) -> Vec<&State> {
        let state = |message| match message {
            &Message::State { ref state } => Some(state),
            _ => None,
        };
        self.messages.iter().filter_map(state).collect()
    }

    /// The error; a run tells at most one.
    pub(crate) fn error(&self) -> Option<&TraceError> {
        let mut errors = self.messages.iter().filter_map(|message| match message {
            Message::Trace { trace } => {
                assert_eq!(trace.kind, "ERROR");
                Some(&trace.error)
            }
            _ => None,
        });
        let first = errors.next();
        assert!(errors.next().is_none(), "more than one error: {}", self.stdout);
        first
    }

    /// The failure type and the message of a run that failed.
    #[track_caller]
    pub(crate) fn failure(&self) -> (&str, &str) {
        assert_ne!(self.exit_code, 0, "{}", self.stdout);
        let error = self.error().unwrap_or_else(|| panic!("no error: {}", self.stdout));
        (&error.failure_type, &error.message)
    }

    /// Fails where the run did.
    #[track_caller]
    pub(crate) fn assert_success(&self) {
        assert_eq!(self.exit_code, 0, "{}", self.stdout);
        assert!(self.error().is_none(), "{}", self.stdout);
    }

    /// The one answer to `check`.
    pub(crate) fn connection_status(&self) -> (&str, &str) {
        assert_eq!(self.exit_code, 0, "{}", self.stdout);
        let mut answers = self.messages.iter().filter_map(|message| match message {
            Message::ConnectionStatus { connection_status } => Some(connection_status),
            _ => None,
        });
        let answer = answers.next().expect("an answer");
        assert!(answers.next().is_none(), "more than one answer: {}", self.stdout);
        (&answer.status, &answer.message)
    }

    /// The configurations that were handed to the platform.
    pub(crate) fn configs(&self) -> Vec<&Value> {
        let config = |message| match message {
            &Message::Control { ref control } => {
                assert_eq!(control.kind, "CONNECTOR_CONFIG");
                Some(&control.connector_config.config)
            }
            _ => None,
        };
        self.messages.iter().filter_map(config).collect()
    }
}

/// `spec`.
pub(crate) fn spec() -> Run {
    run(&["spec"], &[], Vec::new())
}

/// `check` with a configuration.
pub(crate) fn check(config: &Value) -> Run {
    run(&["check"], &[("--config", config.to_string())], Vec::new())
}

/// `write` with a configuration, a catalog, and the lines of the input.
pub(crate) fn write(config: &Value, catalog: &Value, lines: Vec<String>) -> Run {
    let mut input = lines.join("\n").into_bytes();
    if !input.is_empty() {
        input.push(b'\n');
    }
    write_bytes(config, catalog, input)
}

/// `write` with an input that need not be text.
pub(crate) fn write_bytes(config: &Value, catalog: &Value, input: Vec<u8>) -> Run {
    run(&["write"], &[("--config", config.to_string()), ("--catalog", catalog.to_string())], input)
}

/// Runs the binary with arguments as they are.
pub(crate) fn run(arguments: &[&str], files: &[(&str, String)], input: Vec<u8>) -> Run {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_destination-salesforce"));
    command.args(arguments);
    for (option, content) in files {
        let path = folder.path().join(option.trim_start_matches('-'));
        std::fs::write(&path, content).unwrap();
        command.arg(option).arg(path);
    }
    // The default credential chain must find nothing of the machine's.
    command.env_clear().env("AWS_EC2_METADATA_DISABLED", "true");
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || {
        // A connector that ends early closes the pipe.
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "nothing is written to stderr");
    let stdout = String::from_utf8(output.stdout).unwrap();
    Run { exit_code: output.status.code().unwrap_or(-1), messages: read(&stdout), stdout }
}
