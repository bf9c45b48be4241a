//! One line of the input as a message.
//!
//! The envelope is read without building a tree: the data of a record and the body of a state stay the text they
//! are, borrowed from the line. What nearly all lines are, a plain record, is read by `protocol::record` in one pass with
//! its data; this is the reader for all others, and the one that says what is wrong with a line.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{State, StreamName};

/// A message that means something to a destination.
#[derive(Debug)]
pub enum Message<'a> {
    /// A record to be written.
    Record(Record<'a>),
    /// A state to be given back.
    State(State),
    /// The source has sent everything of this stream.
    StreamComplete(StreamName),
    /// A message that a destination has no use for.
    Other,
}

impl<'a> Message<'a> {
    /// Reads the text of one line.
    ///
    /// # Errors
    /// The line is not a message of the Airbyte protocol. The error tells the place within the line, never its content.
    pub fn parse(text: &'a str) -> Result<Self, MessageError> {
        if !text.trim_ascii_start().starts_with('{') {
            // A derived reader takes an array for a struct; the protocol does not.
            return Err(MessageError::NotJson(1));
        }
        let envelope: Envelope<'_> = serde_json::from_str(text).map_err(|error| MessageError::describe(&error))?;
        match envelope.kind {
            Kind::Record => envelope.record.map(Message::Record).ok_or(MessageError::Missing("record")),
            Kind::State => {
                let body = envelope.state.ok_or(MessageError::Missing("state"))?;
                State::parse(text, body).map(Message::State).map_err(|error| MessageError::describe(&error))
            }
            Kind::Trace => Ok(match envelope.trace.and_then(|trace| trace.stream_status) {
                Some(StreamStatus { stream_descriptor, status }) if status == "COMPLETE" => {
                    Message::StreamComplete(stream_descriptor)
                }
                _ => Message::Other,
            }),
            _ => Ok(Message::Other),
        }
    }
}

/// A record as it came.
#[derive(Debug, Deserialize)]
pub struct Record<'a> {
    #[serde(borrow, default)]
    namespace: Option<&'a RawValue>,
    #[serde(borrow)]
    stream: &'a RawValue,
    /// The JSON text of the record's fields.
    #[serde(borrow)]
    pub data: &'a RawValue,
    #[serde(default)]
    emitted_at: Option<f64>,
}

impl<'a> Record<'a> {
    /// The names of the record's stream.
    pub fn stream(&self) -> RawStreamName<'a> {
        RawStreamName { namespace: self.namespace.map(RawValue::get), name: self.stream.get() }
    }

    /// When the record was extracted, in milliseconds since 1970; 0 where the source does not say.
    pub fn extracted_at_ms(&self) -> i64 {
        milliseconds(self.emitted_at)
    }
}

/// The names of a stream as a record writes them: JSON texts, because they are compared once per record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawStreamName<'a> {
    /// The namespace; `null` is none.
    pub namespace: Option<&'a str>,
    /// The stream's own name.
    pub name: &'a str,
}

impl RawStreamName<'_> {
    /// The names decoded.
    ///
    /// # Errors
    /// The name or the namespace is not a JSON string.
    pub fn decode(self) -> serde_json::Result<StreamName> {
        let namespace: Option<String> = self.namespace.map(serde_json::from_str).transpose()?;
        Ok(StreamName { namespace: namespace.filter(|text| !text.is_empty()), name: serde_json::from_str(self.name)? })
    }
}

/// The `emitted_at` of a record in milliseconds since 1970; 0 where there is none.
pub(super) fn milliseconds(emitted_at: Option<f64>) -> i64 {
    let Some(at) = emitted_at else { return 0 };
    // The protocol asks for milliseconds; PyAirbyte replays its cache in seconds. A number this small would be
    // a millisecond of the year 1973 or earlier.
    const SMALLEST_MILLISECONDS: f64 = 1e11;
    let milliseconds = if at.abs() < SMALLEST_MILLISECONDS { at * 1000.0 } else { at };
    #[expect(clippy::cast_possible_truncation, reason = "saturates, which no real time reaches")]
    {
        milliseconds as i64
    }
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(rename = "type")]
    kind: Kind,
    #[serde(borrow, default)]
    record: Option<Record<'a>>,
    #[serde(borrow, default)]
    state: Option<&'a RawValue>,
    #[serde(default)]
    trace: Option<Trace>,
}

/// The message types of the Airbyte protocol, version 0.18.
#[derive(Deserialize, Clone, Copy, PartialEq)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Kind {
    Record,
    State,
    Log,
    Spec,
    ConnectionStatus,
    Catalog,
    Trace,
    Control,
    DestinationCatalog,
}

#[derive(Deserialize)]
struct Trace {
    #[serde(default)]
    stream_status: Option<StreamStatus>,
}

#[derive(Deserialize)]
struct StreamStatus {
    stream_descriptor: StreamName,
    status: String,
}

/// A line as the text that it must be.
///
/// # Errors
/// The line is not UTF-8.
pub fn decode_line(line: &[u8]) -> Result<&str, MessageError> {
    simdutf8::basic::from_utf8(line)
        // The slower one tells the place.
        .or_else(|_| std::str::from_utf8(line))
        .map_err(|error| MessageError::NotUtf8(error.valid_up_to() + 1))
}

/// Why a line is not a message of the protocol.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum MessageError {
    /// The line has bytes that are not UTF-8.
    #[error("byte {0} is not UTF-8")]
    NotUtf8(usize),
    /// The line is not JSON.
    #[error("it is not JSON at column {0}")]
    NotJson(usize),
    /// The line ends within its JSON.
    #[error("it ends in the middle")]
    CutShort,
    /// The line is JSON, but not a message.
    #[error("it is JSON, but not a message of the Airbyte protocol, as column {0} shows")]
    NotProtocol(usize),
    /// The message lacks what its type announces.
    #[error("it has no `{0}`")]
    Missing(&'static str),
}

impl MessageError {
    /// serde_json's own text is left out: it can quote the line.
    fn describe(error: &serde_json::Error) -> Self {
        match error.classify() {
            serde_json::error::Category::Eof => Self::CutShort,
            serde_json::error::Category::Data => Self::NotProtocol(error.column()),
            serde_json::error::Category::Syntax | serde_json::error::Category::Io => Self::NotJson(error.column()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_keeps_its_data_as_text() {
        let line = r#"{"type":"RECORD","log":null,"record":{"namespace":null,"stream":"a\u0062","data":{"n":1.10e2},"emitted_at":1700000000001,"meta":null}}"#;
        let Ok(Message::Record(record)) = Message::parse(line) else { panic!("not a record") };
        assert_eq!(record.stream().decode().unwrap(), StreamName { namespace: None, name: "ab".into() });
        assert_eq!(record.data.get(), r#"{"n":1.10e2}"#);
        assert_eq!(record.extracted_at_ms(), 1_700_000_000_001);
    }

    #[test]
    fn times_in_seconds_and_with_fractions_are_understood() {
        for (written, expected) in [
            (",\"emitted_at\":1700000000", 1_700_000_000_000),
            (",\"emitted_at\":1700000000000.0", 1_700_000_000_000),
            (",\"emitted_at\":1700000000.5", 1_700_000_000_500),
            (",\"emitted_at\":null", 0),
            ("", 0),
        ] {
            let line = format!(r#"{{"type":"RECORD","record":{{"stream":"s","data":{{}}{written}}}}}"#);
            let Ok(Message::Record(record)) = Message::parse(&line) else { panic!("not a record") };
            assert_eq!(record.extracted_at_ms(), expected, "{written}");
        }
    }

    #[test]
    fn an_empty_namespace_is_none() {
        let line = r#"{"type":"RECORD","record":{"namespace":"","stream":"s","data":{}}}"#;
        let Ok(Message::Record(record)) = Message::parse(line) else { panic!("not a record") };
        assert_eq!(record.stream().decode().unwrap().namespace, None);
    }

    #[test]
    fn only_a_complete_status_counts_among_traces() {
        let status = |text: &str| {
            format!(
                r#"{{"type":"TRACE","trace":{{"type":"STREAM_STATUS","emitted_at":1.5,"stream_status":{{"stream_descriptor":{{"name":"s","namespace":null}},"status":"{text}"}}}}}}"#
            )
        };
        assert!(matches!(Message::parse(&status("COMPLETE")), Ok(Message::StreamComplete(name)) if name.name == "s"));
        for other in [
            status("STARTED"),
            status("INCOMPLETE"),
            r#"{"type":"TRACE","trace":{"type":"ESTIMATE","emitted_at":1,"estimate":{"name":"s","type":"STREAM"}}}"#
                .into(),
            r#"{"type":"LOG","log":{"level":"INFO","message":"m"}}"#.into(),
            r#"{"type":"CONTROL"}"#.into(),
        ] {
            assert!(matches!(Message::parse(&other), Ok(Message::Other)), "{other}");
        }
    }

    #[test]
    fn what_is_not_a_message_is_told_without_its_content() {
        let table: &[(&[u8], MessageError)] = &[
            (b"hello", MessageError::NotJson(1)),
            (b"{\"type\":\"RECORD\"", MessageError::CutShort),
            (b"{\"type\":\"RECORD\"}", MessageError::Missing("record")),
            (b"{\"type\":\"RECORD\",\"record\":null}", MessageError::Missing("record")),
            (b"{\"type\":\"STATE\"}", MessageError::Missing("state")),
            (b"{\"type\":\"SECRET\"}", MessageError::NotProtocol(16)),
            (b"{\"name\":\"x\"}", MessageError::NotProtocol(12)),
            (b"[]", MessageError::NotJson(1)),
            (b"[\"LOG\"]", MessageError::NotJson(1)),
            (b"{\"type\":\"LOG\",\"x\":\"\xff\"}", MessageError::NotUtf8(20)),
        ];
        for (line, expected) in table {
            assert_eq!(
                decode_line(line).and_then(Message::parse).unwrap_err(),
                *expected,
                "{}",
                String::from_utf8_lossy(line)
            );
        }
    }

    #[test]
    fn deep_nesting_is_refused_and_not_followed() {
        let deep = format!(
            r#"{{"type":"RECORD","record":{{"stream":"s","data":{}{}}}}}"#,
            "[".repeat(100_000),
            "]".repeat(100_000)
        );
        assert!(matches!(Message::parse(&deep), Err(MessageError::NotJson(_)) | Ok(Message::Record(_))));
    }
}
