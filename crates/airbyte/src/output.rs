//! The only writer of standard output.

use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::Error;

/// Writes protocol messages, one JSON object a line. Clones share the writer, and no two messages mix.
#[derive(Clone)]
pub struct Output {
    writer: Arc<Mutex<Box<dyn Write + Send>>>,
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Output")
    }
}

/// The level of a LOG message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// Detail for a developer.
    Debug,
    /// What the connector does.
    Info,
    /// What the user should look at.
    Warn,
    /// What failed.
    Error,
}

impl Output {
    /// Writes to `writer`.
    pub fn new(writer: impl Write + Send + 'static) -> Self {
        Self { writer: Arc::new(Mutex::new(Box::new(writer))) }
    }

    /// Writes an acknowledged state, a line that [`State::acknowledged`](crate::State::acknowledged) returned.
    ///
    /// # Errors
    /// Standard output is closed.
    pub fn state(&self, line: &str) -> io::Result<()> {
        self.write_line(line)
    }

    fn write_line(&self, line: &str) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(line.len() + 1);
        bytes.extend_from_slice(line.as_bytes());
        bytes.push(b'\n');
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        writer.write_all(&bytes)?;
        writer.flush()
    }

    fn message(&self, message: &Value) -> io::Result<()> {
        self.write_line(&message.to_string())
    }

    /// Answers `spec`.
    ///
    /// # Errors
    /// Standard output is closed.
    pub fn spec(&self, spec: &Value) -> io::Result<()> {
        self.message(&json!({"type": "SPEC", "spec": spec}))
    }

    /// Answers `check`; `Err` says why a sync cannot run.
    ///
    /// # Errors
    /// Standard output is closed.
    pub fn connection_status(&self, status: Result<&str, &str>) -> io::Result<()> {
        let (status, message) = match status {
            Ok(message) => ("SUCCEEDED", message),
            Err(message) => ("FAILED", message),
        };
        self.message(&json!({"type": "CONNECTION_STATUS", "connectionStatus": {"status": status, "message": message}}))
    }

    /// Answers `discover`. The message can have many millions of characters, so it is written operation by operation,
    /// under the lock: `operations` must not write messages of its own.
    ///
    /// # Errors
    /// Standard output is closed.
    pub fn destination_catalog(&self, operations: impl Iterator<Item: Serialize>) -> io::Result<()> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        writer.write_all(br#"{"type":"DESTINATION_CATALOG","destination_catalog":{"operations":["#)?;
        for (position, operation) in operations.enumerate() {
            if position > 0 {
                writer.write_all(b",")?;
            }
            writer.write_all(&serde_json::to_vec(&operation)?)?;
        }
        writer.write_all(b"]}}\n")?;
        writer.flush()
    }

    /// Sends the platform a changed configuration, which replaces the stored one as a whole.
    ///
    /// # Errors
    /// Standard output is closed.
    pub fn connector_config(&self, config: &RawValue) -> io::Result<()> {
        self.write_line(&format!(
            r#"{{"type":"CONTROL","control":{{"type":"CONNECTOR_CONFIG","emitted_at":{},"connectorConfig":{{"config":{config}}}}}}}"#,
            now_ms()
        ))
    }

    /// Reports why the command failed. [`exit_code`](crate::exit_code) does so too, with the exit code.
    ///
    /// # Errors
    /// Standard output is closed.
    pub fn trace_error(&self, error: &Error) -> io::Result<()> {
        self.message(&json!({
            "type": "TRACE",
            "trace": {
                "type": "ERROR",
                "emitted_at": now_ms(),
                "error": {
                    "message": error.message(),
                    "internal_message": error.internal_message().unwrap_or(error.message()),
                    "failure_type": error.failure_type().as_str(),
                },
            },
        }))
    }

    /// Writes a LOG message. Does not report that standard output is closed: the next message that matters does.
    pub fn log(&self, level: LogLevel, message: &str) {
        let level = match level {
            LogLevel::Debug => "DEBUG",
            LogLevel::Info => "INFO",
            LogLevel::Warn => "WARN",
            LogLevel::Error => "ERROR",
        };
        let _ = self.message(&json!({"type": "LOG", "log": {"level": level, "message": message}}));
    }
}

/// Milliseconds since 1970. The platform sorts failures by it.
fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn every_message_is_one_line_of_json() {
        let shared = Shared::default();
        let output = Output::new(shared.clone());
        output.connection_status(Err("No\nway.")).unwrap();
        output.trace_error(&Error::config("Say \"please\".").internal("detail")).unwrap();
        let config = RawValue::from_string(r#"{"client_id":"c"}"#.to_owned()).unwrap();
        output.connector_config(&config).unwrap();
        output.log(LogLevel::Warn, "two\nlines");
        let operations = [json!({}), json!({"object_name": "A"})];
        for count in 0..=2 {
            output.destination_catalog(operations.iter().take(count)).unwrap();
        }
        let text = String::from_utf8(shared.0.lock().unwrap().clone()).unwrap();
        let messages: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(messages[0]["connectionStatus"]["status"], "FAILED");
        assert_eq!(messages[1]["trace"]["error"]["failure_type"], "config_error");
        assert_eq!(messages[1]["trace"]["error"]["internal_message"], "detail");
        assert!(messages[1]["trace"]["emitted_at"].as_i64().unwrap() > 1_700_000_000_000);
        assert_eq!(messages[2]["control"]["connectorConfig"]["config"]["client_id"], "c");
        assert_eq!(messages[3]["log"], json!({"level": "WARN", "message": "two\nlines"}));
        for (message, expected) in messages[4..].iter().zip([json!([]), json!([{}]), json!([{}, {"object_name": "A"}])])
        {
            let catalog = json!({"type": "DESTINATION_CATALOG", "destination_catalog": {"operations": expected}});
            assert_eq!(*message, catalog);
        }
        assert_eq!(messages.len(), 7);
    }
}
