//! Reads a line as a message.
//!
//! The data of a record and the body of a state stay text, borrowed from the line. This reader takes every message and
//! says what is wrong with a line. Most lines are plain records, which `super::record` reads in one pass.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{State, StreamName};

const BYTE_ORDER_MARK: char = '\u{feff}';

/// A message, as far as a destination needs it.
#[derive(Debug)]
pub enum Message<'a> {
    /// A record to write.
    Record(Record<'a>),
    /// A state to return when the records before it are written.
    State(State),
    /// The source has sent all records of this stream.
    StreamComplete(StreamName),
    /// Any other message of the protocol, which a destination skips.
    Other,
    /// A message of a type that this version does not know, which a destination skips too.
    Unknown,
}

impl<'a> Message<'a> {
    /// Reads the text of a line.
    ///
    /// # Errors
    /// The line is not a message of the Airbyte protocol. The error names a place in the line and never quotes it.
    pub fn parse(text: &'a str) -> Result<Self, MessageError> {
        // A reader of JSON may ignore a byte order mark (RFC 8259, section 8.1). Files that are put together have more
        // than one, and some have nothing else.
        let unmarked = text.trim_start_matches(BYTE_ORDER_MARK);
        if unmarked.len() < text.len() && unmarked.trim_ascii().is_empty() {
            return Ok(Message::Other);
        }
        let text = unmarked;
        if !text.trim_ascii_start().starts_with('{') {
            // serde also reads a struct from an array, which is not a message.
            return Err(MessageError::NotJson(1));
        }
        let envelope: Envelope<'_> = match serde_json::from_str(text) {
            Ok(envelope) => envelope,
            Err(error) => return Self::parse_type(text).ok_or_else(|| MessageError::from_json(&error)),
        };
        match envelope.kind {
            MessageType::Record => envelope.record.map(Message::Record).ok_or(MessageError::Missing("record")),
            MessageType::State => {
                let body = envelope.state.ok_or(MessageError::Missing("state"))?;
                State::parse(text, body).map(Message::State).map_err(|error| MessageError::from_json(&error))
            }
            MessageType::Trace => Ok(match envelope.trace.and_then(|trace| trace.stream_status) {
                Some(StreamStatus { stream_descriptor, status }) if status == "COMPLETE" => {
                    Message::StreamComplete(stream_descriptor)
                }
                _ => Message::Other,
            }),
            other => Ok(other.skipped()),
        }
    }

    /// Reads a message that does not have the expected form. Only messages that a destination skips may have another.
    fn parse_type(text: &str) -> Option<Self> {
        let AnyMessage { kind } = serde_json::from_str(text).ok()?;
        (!matches!(kind, MessageType::Record | MessageType::State | MessageType::Trace)).then(|| kind.skipped())
    }
}

/// A RECORD message.
#[derive(Debug, Deserialize)]
pub struct Record<'a> {
    #[serde(borrow, default)]
    namespace: Option<&'a RawValue>,
    #[serde(borrow)]
    stream: &'a RawValue,
    /// The values of the record, by the protocol a JSON object. Its type is not checked.
    #[serde(borrow)]
    pub data: &'a RawValue,
    #[serde(default)]
    emitted_at: Option<f64>,
}

impl<'a> Record<'a> {
    /// The stream of the record.
    pub fn stream(&self) -> RawStreamName<'a> {
        RawStreamName { namespace: self.namespace.map(RawValue::get), name: self.stream.get() }
    }

    /// When the record was extracted, in milliseconds since 1970; 0 if the source does not say.
    pub fn extracted_at_ms(&self) -> i64 {
        milliseconds(self.emitted_at)
    }
}

/// The name of a stream as the JSON texts of a record, which can be compared without decoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawStreamName<'a> {
    /// The namespace as a JSON text; `None` also for `null`.
    pub namespace: Option<&'a str>,
    /// The stream's own name as a JSON text.
    pub name: &'a str,
}

impl RawStreamName<'_> {
    /// Decodes the name.
    ///
    /// # Errors
    /// The name or the namespace is not a JSON string.
    pub fn decode(self) -> serde_json::Result<StreamName> {
        let namespace: Option<String> = self.namespace.map(serde_json::from_str).transpose()?;
        Ok(StreamName { namespace: namespace.filter(|text| !text.is_empty()), name: serde_json::from_str(self.name)? })
    }
}

/// The `emitted_at` of a record in milliseconds since 1970; 0 if there is none.
#[inline]
pub(super) fn milliseconds(emitted_at: Option<f64>) -> i64 {
    let Some(at) = emitted_at else { return 0 };
    // The protocol asks for milliseconds, and PyAirbyte sends seconds from its cache. As milliseconds, a number below
    // this would be in 1973 or earlier.
    const SMALLEST_MILLISECONDS: f64 = 1e11;
    let milliseconds = if at.abs() < SMALLEST_MILLISECONDS { at * 1000.0 } else { at };
    #[expect(clippy::cast_possible_truncation, reason = "saturates, far beyond real times")]
    {
        milliseconds as i64
    }
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(rename = "type")]
    kind: MessageType,
    #[serde(borrow, default)]
    record: Option<Record<'a>>,
    #[serde(borrow, default)]
    state: Option<&'a RawValue>,
    #[serde(default)]
    trace: Option<Trace>,
}

/// A message of any type.
#[derive(Deserialize)]
struct AnyMessage {
    #[serde(rename = "type")]
    kind: MessageType,
}

/// The message types of the Airbyte protocol, version 0.18.
#[derive(Deserialize, Clone, Copy, PartialEq)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum MessageType {
    Record,
    State,
    Log,
    Spec,
    ConnectionStatus,
    Catalog,
    Trace,
    Control,
    DestinationCatalog,
    /// A type of a later version.
    #[serde(other)]
    Unknown,
}

impl MessageType {
    /// A message of this type, if a destination skips it.
    fn skipped<'a>(self) -> Message<'a> {
        if self == Self::Unknown { Message::Unknown } else { Message::Other }
    }
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

/// Decodes the bytes of a line as UTF-8.
///
/// # Errors
/// The line is not UTF-8.
#[inline]
pub fn decode_line(line: &[u8]) -> Result<&str, MessageError> {
    simdutf8::basic::from_utf8(line)
        // The standard library is slower, but reports where.
        .or_else(|_| std::str::from_utf8(line))
        .map_err(|error| match line {
            [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => MessageError::Utf16,
            _ => MessageError::NotUtf8(error.valid_up_to() + 1),
        })
}

/// Why a line is not a message of the Airbyte protocol. Bytes and columns count from 1.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum MessageError {
    /// The line is not UTF-8 at this byte.
    #[error("byte {0} is not UTF-8")]
    NotUtf8(usize),
    /// The line begins with the byte order mark of UTF-16.
    #[error("it begins with the byte order mark of UTF-16, and messages must be UTF-8")]
    Utf16,
    /// The line is not JSON at this column.
    #[error("it is not JSON at column {0}")]
    NotJson(usize),
    /// The line ends before its JSON does.
    #[error("it ends in the middle")]
    CutShort,
    /// The line is JSON, but is not a message at this column.
    #[error("it is JSON, but not a message of the Airbyte protocol, see column {0}")]
    NotProtocol(usize),
    /// The message does not have the property that its type requires.
    #[error("it has no `{0}`")]
    Missing(&'static str),
}

impl MessageError {
    /// Leaves the text of serde_json out, because it can quote the line.
    fn from_json(error: &serde_json::Error) -> Self {
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
    fn times_in_seconds_and_with_fractions_become_milliseconds() {
        for (written, expected) in [
            (",\"emitted_at\":1700000000", 1_700_000_000_000),
            (",\"emitted_at\":1700000000000.0", 1_700_000_000_000),
            (",\"emitted_at\":1700000000.5", 1_700_000_000_500),
            (",\"emitted_at\":99999999999", 99_999_999_999_000),
            (",\"emitted_at\":100000000000", 100_000_000_000),
            (",\"emitted_at\":-5", -5_000),
            (",\"emitted_at\":-100000000000", -100_000_000_000),
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
    fn a_complete_status_is_the_only_trace_that_is_read() {
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
    fn a_type_of_a_later_protocol_is_unknown_whatever_it_holds() {
        for line in [
            r#"{"type":"SECRET"}"#,
            r#"{"type":"RECORD_BATCH","record":{"records":[]},"state":1,"trace":"x"}"#,
            r#"{"type":"record","record":{"stream":"s","data":{}}}"#,
        ] {
            assert!(matches!(Message::parse(line), Ok(Message::Unknown)), "{line}");
        }
        assert!(matches!(Message::parse(r#"{"type":"LOG","record":1}"#), Ok(Message::Other)));
    }

    #[test]
    fn a_byte_order_mark_is_skipped() {
        let line = "\u{feff}{\"type\":\"RECORD\",\"record\":{\"stream\":\"s\",\"data\":{}}}";
        assert!(matches!(Message::parse(line), Ok(Message::Record(_))));
        assert!(matches!(Message::parse("\u{feff}\r"), Ok(Message::Other)));
    }

    #[test]
    fn an_error_names_the_place_and_does_not_quote_the_line() {
        let table: &[(&[u8], MessageError)] = &[
            (b"hello", MessageError::NotJson(1)),
            (b"{\"type\":\"RECORD\"", MessageError::CutShort),
            (b"{\"type\":\"RECORD\"}", MessageError::Missing("record")),
            (b"{\"type\":\"RECORD\",\"record\":null}", MessageError::Missing("record")),
            (b"{\"type\":\"STATE\"}", MessageError::Missing("state")),
            (b"{\"type\":\"RECORD\",\"record\":{}}", MessageError::NotProtocol(28)),
            (b"\xff\xfe{\0", MessageError::Utf16),
            (b"\xfe\xff\0{", MessageError::Utf16),
            (b"\xef\xbb\xbfhello", MessageError::NotJson(1)),
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
    fn a_message_that_a_destination_reads_has_the_form_of_the_protocol() {
        for line in [
            r#"{"type":"RECORD","record":1}"#,
            r#"{"type":"STATE","state":1}"#,
            r#"{"type":"TRACE","trace":1}"#,
            r#"{"type":"TRACE","trace":{"stream_status":{"status":"COMPLETE"}}}"#,
        ] {
            assert!(matches!(Message::parse(line), Err(MessageError::NotProtocol(_))), "{line}");
        }
    }

    #[test]
    fn deep_nesting_does_not_overflow_the_stack() {
        let deep = format!(
            r#"{{"type":"RECORD","record":{{"stream":"s","data":{}{}}}}}"#,
            "[".repeat(100_000),
            "]".repeat(100_000)
        );
        assert!(matches!(Message::parse(&deep), Err(MessageError::NotJson(_)) | Ok(Message::Record(_))));
    }

    #[test]
    fn every_type_of_the_protocol_that_a_destination_has_no_use_for_is_skipped() {
        for kind in ["LOG", "SPEC", "CONNECTION_STATUS", "CATALOG", "TRACE", "CONTROL", "DESTINATION_CATALOG"] {
            assert!(matches!(Message::parse(&format!(r#"{{"type":"{kind}"}}"#)), Ok(Message::Other)), "{kind}");
        }
    }
}
