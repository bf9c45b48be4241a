//! The messages of a source.

use std::io;

use serde::Serialize;
use serde_json::{Value, json};

use super::{Message, Output, error_message, now_ms};
use crate::{Error, StreamName};

/// How far a source is with a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamStatus {
    /// It begins with the stream.
    Started,
    /// It has written the first record or state.
    Running,
    /// It has written every record.
    Complete,
    /// It has not, and goes on with other streams or ends.
    Incomplete,
    /// It has not, because a limit of the system that it reads is reached.
    Limited,
}

impl StreamStatus {
    fn as_str(self) -> &'static str {
        match self {
            Self::Started => "STARTED",
            Self::Running => "RUNNING",
            Self::Complete => "COMPLETE",
            Self::Incomplete | Self::Limited => "INCOMPLETE",
        }
    }
}

impl Output {
    /// Answers `discover` of a source. The message can have many millions of characters, so it is written stream by
    /// stream, and blocks while many of them wait to be written.
    ///
    /// # Errors
    /// Standard output is closed.
    pub fn catalog(&self, streams: impl Iterator<Item: Serialize>) -> io::Result<()> {
        self.list(br#"{"type":"CATALOG","catalog":{"streams":["#, streams, b"]}}")
    }

    /// Writes records: the lines of RECORD messages, without the end of the last one.
    ///
    /// # Errors
    /// Standard output is closed.
    pub fn records(&self, lines: Vec<u8>) -> io::Result<()> {
        self.queue.push(Message::Whole(lines))
    }

    /// Writes the state of a stream, with the number of its records since the state before.
    ///
    /// # Errors
    /// Standard output is closed.
    pub fn stream_state(&self, stream: &StreamName, state: &impl Serialize, records: u64) -> io::Result<()> {
        let state = serde_json::to_string(state)?;
        let descriptor = descriptor(stream);
        // The platform reads the count as a double, and one without a point is none.
        self.write_line(&format!(
            r#"{{"type":"STATE","state":{{"type":"STREAM","stream":{{"stream_descriptor":{descriptor},"stream_state":{state}}},"sourceStats":{{"recordCount":{records}.0}}}}}}"#
        ))
    }

    /// Reports how far a stream is.
    ///
    /// # Errors
    /// Standard output is closed.
    pub fn stream_status(&self, stream: &StreamName, status: StreamStatus) -> io::Result<()> {
        let mut shown = json!({"stream_descriptor": descriptor(stream), "status": status.as_str()});
        if status == StreamStatus::Limited {
            // When the limit is reset is not known, so that it is left out.
            shown["reasons"] = json!([{"type": "RATE_LIMITED"}]);
        }
        self.message(&json!({
            "type": "TRACE",
            "trace": {"type": "STREAM_STATUS", "emitted_at": now_ms(), "stream_status": shown},
        }))
    }

    /// Reports why a stream is not read whole.
    ///
    /// # Errors
    /// Standard output is closed.
    pub fn stream_error(&self, stream: &StreamName, error: &Error) -> io::Result<()> {
        let mut message = error_message(error);
        message["trace"]["error"]["stream_descriptor"] = descriptor(stream);
        self.message(&message)
    }
}

fn descriptor(stream: &StreamName) -> Value {
    match &stream.namespace {
        Some(namespace) => json!({"name": stream.name, "namespace": namespace}),
        None => json!({"name": stream.name}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_says_how_far_it_is() {
        let (reader, writer) = io::pipe().unwrap();
        let output = Output::new(writer).unwrap();
        let stream = StreamName { namespace: Some("crm".into()), name: "Account".into() };
        output.catalog([json!({"name": "Account"}), json!({"name": "Contact"})].into_iter()).unwrap();
        output.stream_status(&stream, StreamStatus::Started).unwrap();
        output.records(b"{\"type\":\"RECORD\"}\n{\"type\":\"RECORD\"}".to_vec()).unwrap();
        output.stream_state(&stream, &json!({"rows": 2}), 2).unwrap();
        drop(output);
        let text = io::read_to_string(reader).unwrap();
        let mut lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(text.contains("\"recordCount\":2.0"), "{text}");
        assert!(lines[1]["trace"]["emitted_at"].as_i64().is_some_and(|at| at > 0));
        lines[1]["trace"]["emitted_at"] = json!(0);
        let descriptor = json!({"name": "Account", "namespace": "crm"});
        assert_eq!(
            lines,
            [
                json!({"type": "CATALOG", "catalog": {"streams": [{"name": "Account"}, {"name": "Contact"}]}}),
                json!({"type": "TRACE", "trace": {"type": "STREAM_STATUS", "emitted_at": 0, "stream_status": {
                    "stream_descriptor": descriptor, "status": "STARTED",
                }}}),
                json!({"type": "RECORD"}),
                json!({"type": "RECORD"}),
                json!({"type": "STATE", "state": {
                    "type": "STREAM",
                    "stream": {"stream_descriptor": descriptor, "stream_state": {"rows": 2}},
                    "sourceStats": {"recordCount": 2.0},
                }}),
            ]
        );
    }
    #[test]
    fn a_failed_stream_has_an_error_of_its_own_and_a_limit_is_the_reason_of_its_status() {
        let (reader, writer) = io::pipe().unwrap();
        let output = Output::new(writer).unwrap();
        let stream = StreamName { namespace: None, name: "Account".into() };
        output.stream_error(&stream, &Error::transient("No.").internal("detail")).unwrap();
        output.stream_status(&stream, StreamStatus::Limited).unwrap();
        output.stream_status(&stream, StreamStatus::Incomplete).unwrap();
        drop(output);
        let text = io::read_to_string(reader).unwrap();
        let traces: Vec<Value> =
            text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["trace"].take()).collect();
        let descriptor = json!({"name": "Account"});
        assert_eq!(
            traces[0]["error"],
            json!({
                "message": "No.", "internal_message": "detail", "failure_type": "transient_error",
                "stream_descriptor": descriptor,
            })
        );
        let limited = json!([{"type": "RATE_LIMITED"}]);
        assert_eq!(
            traces[1]["stream_status"],
            json!({"stream_descriptor": descriptor, "status": "INCOMPLETE", "reasons": limited})
        );
        assert_eq!(traces[2]["stream_status"], json!({"stream_descriptor": descriptor, "status": "INCOMPLETE"}));
    }
}
