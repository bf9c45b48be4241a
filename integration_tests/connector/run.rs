//! What a finished process printed.

use serde_json::Value;

use crate::protocol_model::{Counts, DestinationOperation, Message, State, TraceError};

/// The exit code and the output of a finished process.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) exit_code: i32,
    pub(crate) stdout: String,
    pub(crate) messages: Vec<Message>,
}

impl Run {
    /// The states in the order in which they came back.
    pub(crate) fn states(&self) -> Vec<&State> {
        let states = self.messages.iter().filter_map(|message| match message {
            Message::State { state } => Some(state),
            _ => None,
        });
        states.collect()
    }

    /// The counts of each state.
    pub(crate) fn counts(&self) -> Vec<Counts> {
        self.states().iter().map(|state| state.counts()).collect()
    }

    /// The id and the counts of each state.
    pub(crate) fn ids_and_counts(&self) -> Vec<(u64, Counts)> {
        self.states().iter().map(|state| (state.id(), state.counts())).collect()
    }

    /// The id and the counts of each state of a stream.
    pub(crate) fn ids_and_counts_of(&self, stream: &str) -> Vec<(u64, Counts)> {
        let states = self.states().into_iter();
        let states = states.filter(|state| state.rest["stream"]["stream_descriptor"]["name"] == stream);
        states.map(|state| (state.id(), state.counts())).collect()
    }

    /// The error. Fails when there is more than one.
    pub(crate) fn error(&self) -> Option<&TraceError> {
        let mut errors = self.messages.iter().filter_map(|message| match message {
            Message::Trace { trace } => {
                assert!(trace.kind == "ERROR" && trace.emitted_at > 0.0);
                assert!(!trace.error.internal_message.is_empty());
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

    #[track_caller]
    pub(crate) fn assert_success(&self) {
        assert_eq!(self.exit_code, 0, "{}", self.stdout);
        assert!(self.error().is_none(), "{}", self.stdout);
    }

    /// The status and the message of the one answer to `check`.
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

    /// The operations in the one answer to `discover`.
    #[track_caller]
    pub(crate) fn operations(&self) -> &[DestinationOperation] {
        self.assert_success();
        let mut answers = self.messages.iter().filter_map(|message| match message {
            Message::DestinationCatalog { destination_catalog } => Some(destination_catalog),
            _ => None,
        });
        let answer = answers.next().expect("an answer");
        assert!(answers.next().is_none(), "more than one answer");
        &answer.operations
    }

    /// The configurations that the connector sent to the platform.
    pub(crate) fn configs(&self) -> Vec<&Value> {
        let configs = self.messages.iter().filter_map(|message| match message {
            Message::Control { control } => {
                assert!(control.kind == "CONNECTOR_CONFIG" && control.emitted_at > 0.0);
                Some(&control.connector_config.config)
            }
            _ => None,
        });
        configs.collect()
    }

    /// The warnings in the log.
    pub(crate) fn warnings(&self) -> Vec<&str> {
        self.log("WARN")
    }

    /// The log messages of a level.
    pub(crate) fn log(&self, level: &str) -> Vec<&str> {
        let logs = self.messages.iter().filter_map(|message| match message {
            Message::Log { log } => Some(log),
            _ => None,
        });
        logs.filter(|log| log.level == level).map(|log| log.message.as_str()).collect()
    }
}
