//! The only writer of standard output.

mod queue;
mod source;

use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::Duration;

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::Error;

use queue::{Message, Queue};
pub use source::StreamStatus;

/// The parts of a catalog that may wait to be written.
const PARTS_AHEAD: usize = 16;

/// The time between two looks for room for a part. A part takes about as long to make.
const WAIT_FOR_PARTS: Duration = Duration::from_millis(2);

/// Writes protocol messages, one JSON object a line, in the order of the calls. Clones share the writer, and no two
/// messages mix.
///
/// A thread writes the messages, so that a reader who does not read blocks nobody. A message is written some time after
/// the call, and an error of the writer is returned by a later call. [`exit_code`](crate::exit_code) and
/// [`flush`](Self::flush) wait until every message is written.
#[derive(Clone)]
pub struct Output {
    queue: Arc<Queue>,
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Output")
    }
}

/// A record, as a source writes it.
#[derive(Debug, Serialize)]
pub struct RecordMessage<'a> {
    /// The namespace of the stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<&'a str>,
    /// The stream's own name.
    pub stream: &'a str,
    /// The values of the record, a JSON object on one line.
    pub data: &'a RawValue,
    /// When the record was extracted, in milliseconds since 1970.
    pub emitted_at: i64,
    /// What is known of the record besides its values, a JSON object on one line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meta: Option<&'a RawValue>,
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
    /// Writes to `writer`, on a thread that ends after the last clone.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn new(writer: impl Write + Send + 'static) -> io::Result<Self> {
        Ok(Self { queue: Arc::new(Queue::start(writer)?) })
    }

    /// Whether few bytes wait to be written. Messages are accepted anyway; their sender should wait for
    /// [`room`](Self::room), so that they do not fill the memory.
    pub fn has_room(&self) -> bool {
        self.queue.has_room()
    }

    /// The bytes that wait to be written.
    pub fn unwritten(&self) -> usize {
        self.queue.bytes()
    }

    /// Waits until few bytes wait to be written, or nothing is written any more.
    pub async fn room(&self) {
        self.queue.room().await;
    }

    /// Waits until standard output is closed.
    pub async fn closed(&self) -> io::Error {
        self.queue.failure().await
    }

    /// Fails if nothing is written any more.
    ///
    /// # Errors
    /// Standard output is closed.
    pub fn check(&self) -> io::Result<()> {
        self.queue.check()
    }

    /// Blocks until every message is written.
    ///
    /// # Errors
    /// A message is not written: standard output is closed, or [abandoned](Self::abandon).
    pub fn flush(&self) -> io::Result<()> {
        self.queue.flush()
    }

    /// Discards the messages that are not written, and every later one, because nobody reads.
    pub fn abandon(&self) {
        self.queue.abandon();
    }

    /// Writes an acknowledged state, a line that [`State::acknowledged`](crate::State::acknowledged) returned.
    ///
    /// # Errors
    /// Standard output is closed.
    pub fn state(&self, line: &str) -> io::Result<()> {
        self.write_line(line)
    }

    /// Writes acknowledged states that leave together, as the writer of the output then knows.
    ///
    /// # Errors
    /// Standard output is closed.
    pub fn states(&self, lines: &[String]) -> io::Result<()> {
        if lines.is_empty() { Ok(()) } else { self.write_line(&lines.join("\n")) }
    }

    /// Writes a record.
    ///
    /// # Errors
    /// Standard output is closed.
    pub fn record(&self, record: &RecordMessage<'_>) -> io::Result<()> {
        let mut line = br#"{"type":"RECORD","record":"#.to_vec();
        serde_json::to_writer(&mut line, record)?;
        line.push(b'}');
        self.queue.push(Message::Whole(line))
    }

    /// Writes text for a person, in a command that is not one of the protocol. The last line gets its end.
    ///
    /// # Errors
    /// Standard output is closed.
    pub fn text(&self, text: &str) -> io::Result<()> {
        self.write_line(text)
    }

    fn write_line(&self, line: &str) -> io::Result<()> {
        self.queue.push(Message::Whole(line.as_bytes().to_vec()))
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
    /// and blocks while many of them wait to be written. Messages of other threads follow it.
    ///
    /// # Errors
    /// Standard output is closed.
    pub fn destination_catalog(&self, operations: impl Iterator<Item: Serialize>) -> io::Result<()> {
        let begin = br#"{"type":"DESTINATION_CATALOG","destination_catalog":{"operations":["#;
        self.list(begin, operations, b"]}}")
    }

    /// Writes a message with a long list, item by item.
    fn list(&self, begin: &[u8], items: impl Iterator<Item: Serialize>, end: &[u8]) -> io::Result<()> {
        let (sender, parts) = sync_channel(PARTS_AHEAD);
        self.queue.push(Message::Parts(parts))?;
        let send = |part| self.send_part(&sender, part);
        send(begin.to_vec())?;
        for (position, item) in items.enumerate() {
            let mut part = if position > 0 { b",".to_vec() } else { Vec::new() };
            serde_json::to_writer(&mut part, &item)?;
            send(part)?;
        }
        send(end.to_vec())
    }

    /// Waits for room in the channel, or for a failure: the thread that writes may be blocked for ever.
    fn send_part(&self, sender: &SyncSender<Vec<u8>>, mut part: Vec<u8>) -> io::Result<()> {
        loop {
            match sender.try_send(part) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Disconnected(_)) => return Err(io::ErrorKind::BrokenPipe.into()),
                Err(TrySendError::Full(unsent)) => part = unsent,
            }
            self.queue.check()?;
            thread::sleep(WAIT_FOR_PARTS);
        }
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
        self.message(&error_message(error))
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

/// The TRACE message of an error.
fn error_message(error: &Error) -> Value {
    json!({
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
    })
}

/// Milliseconds since 1970. The platform sorts failures by it.
fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

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

    /// A writer whose reader never reads.
    struct Blocked(std::sync::mpsc::Receiver<()>);

    impl Write for Blocked {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A lock that is held while the catalog is written would stop the logs of all threads, and the end of the process.
    #[test]
    fn a_catalog_that_nobody_reads_stops_no_other_message() {
        let (_reader, never_read) = std::sync::mpsc::channel();
        let output = Output::new(Blocked(never_read)).unwrap();
        let (done, is_done) = std::sync::mpsc::channel();
        let of_catalog = output.clone();
        let catalog = thread::spawn(move || of_catalog.destination_catalog((0..).map(|number| json!({"n": number}))));
        thread::spawn(move || {
            for _ in 0..1_000 {
                output.log(LogLevel::Info, "meanwhile");
            }
            let has_room = output.has_room();
            output.abandon();
            let _ = done.send(has_room);
        });
        assert_eq!(is_done.recv_timeout(std::time::Duration::from_secs(60)), Ok(true));
        assert!(catalog.join().unwrap().is_err());
    }

    #[test]
    fn there_is_room_until_much_is_unwritten_and_again_when_nothing_is_written_any_more() {
        use std::task::{Context, Waker};
        let (_reader, never_read) = std::sync::mpsc::channel();
        let output = Output::new(Blocked(never_read)).unwrap();
        let is_ready = || std::pin::pin!(output.room()).poll(&mut Context::from_waker(Waker::noop())).is_ready();
        let is_closed = || std::pin::pin!(output.closed()).poll(&mut Context::from_waker(Waker::noop())).is_ready();
        assert!(output.has_room() && is_ready() && !is_closed() && output.unwritten() == 0);
        output.log(LogLevel::Info, &"x".repeat(queue::ROOM));
        assert!(!output.has_room() && !is_ready() && !is_closed() && output.unwritten() > queue::ROOM);
        assert!(output.check().is_ok());
        output.abandon();
        assert!(is_ready() && is_closed() && output.check().is_err());
    }

    #[test]
    fn an_abandoned_catalog_is_not_waited_for() {
        let (_reader, never_read) = std::sync::mpsc::channel();
        let output = Output::new(Blocked(never_read)).unwrap();
        let abandoned = output.clone();
        let operations = (0..1_000).inspect(|number| {
            if *number == PARTS_AHEAD {
                abandoned.abandon();
            }
        });
        assert!(output.destination_catalog(operations).is_err());
        assert!(output.flush().is_err());
    }

    #[test]
    fn every_message_is_one_line_of_json() {
        let shared = Shared::default();
        let output = Output::new(shared.clone()).unwrap();
        output.connection_status(Err("No\nway.")).unwrap();
        output.trace_error(&Error::config("Say \"please\".").internal("detail")).unwrap();
        let config = RawValue::from_string(r#"{"client_id":"c"}"#.to_owned()).unwrap();
        output.connector_config(&config).unwrap();
        output.log(LogLevel::Warn, "two\nlines");
        let data = RawValue::from_string(r#"{"n":1.10, "t":"two\nlines"}"#.to_owned()).unwrap();
        let record = RecordMessage { namespace: None, stream: "a \"b\"", data: &data, emitted_at: 7, meta: None };
        output.record(&record).unwrap();
        output.record(&RecordMessage { namespace: Some("n"), meta: Some(RawValue::NULL), ..record }).unwrap();
        let operations = [json!({}), json!({"object_name": "A"})];
        for count in 0..=2 {
            output.destination_catalog(operations.iter().take(count)).unwrap();
        }
        output.states(&[]).unwrap();
        output.states(&["10".to_owned(), "11".to_owned()]).unwrap();
        output.flush().unwrap();
        let text = String::from_utf8(shared.0.lock().unwrap().clone()).unwrap();
        let messages: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(messages[0]["connectionStatus"]["status"], "FAILED");
        assert_eq!(messages[1]["trace"]["error"]["failure_type"], "config_error");
        assert_eq!(messages[1]["trace"]["error"]["internal_message"], "detail");
        assert!(messages[1]["trace"]["emitted_at"].as_i64().unwrap() > 1_700_000_000_000);
        assert_eq!(messages[2]["control"]["connectorConfig"]["config"]["client_id"], "c");
        assert_eq!(messages[3]["log"], json!({"level": "WARN", "message": "two\nlines"}));
        let record = json!({"stream": "a \"b\"", "data": {"n": 1.1, "t": "two\nlines"}, "emitted_at": 7});
        assert_eq!(messages[4], json!({"type": "RECORD", "record": record}));
        assert_eq!((&messages[5]["record"]["namespace"], &messages[5]["record"]["meta"]), (&json!("n"), &Value::Null));
        assert!(text.contains(r#""data":{"n":1.10, "t":"two\nlines"}"#), "numbers keep their digits: {text}");
        for (message, expected) in
            messages[6..9].iter().zip([json!([]), json!([{}]), json!([{}, {"object_name": "A"}])])
        {
            let catalog = json!({"type": "DESTINATION_CATALOG", "destination_catalog": {"operations": expected}});
            assert_eq!(*message, catalog);
        }
        assert_eq!(messages[9..], [json!(10), json!(11)], "no states are no line");
    }
}
