//! A state, which a destination returns unchanged but for the counts that it adds.

use std::ops::Range;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::StreamName;

/// A STATE message, kept as the text of its line.
///
/// The platform compares the state that it receives with the one that it sent: its `id`, the spelling of the
/// descriptor, properties that this crate does not know. So the text stays, and only the counts are put into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    line: Box<str>,
    scope: StateScope,
    /// The part of the line that the counts replace; empty if they are inserted.
    counts_at: Range<usize>,
    /// The text before the counts: their key, if the line does not have it.
    counts_key: &'static str,
}

/// The streams whose records a state covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StateScope {
    /// One stream.
    Stream(StreamName),
    /// All streams: a GLOBAL state, or a legacy state without a type.
    AllStreams,
}

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(rename = "type", default)]
    kind: Option<String>,
    #[serde(default)]
    stream: Option<StreamState>,
    #[serde(rename = "destinationStats", borrow, default)]
    destination_stats: Present<'a>,
}

/// A value that may be absent. Unlike an `Option`, it keeps a `null`.
#[derive(Default)]
struct Present<'a>(Option<&'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for Present<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&RawValue>::deserialize(deserializer).map(|value| Self(Some(value)))
    }
}

#[derive(Deserialize)]
struct StreamState {
    stream_descriptor: StreamName,
}

impl State {
    /// Reads the `body` of a state, which is a slice of `line`.
    ///
    /// # Errors
    /// The body is not an object, or is a state of type STREAM without a stream.
    pub(crate) fn parse(line: &str, body: &RawValue) -> serde_json::Result<Self> {
        if !body.get().starts_with('{') {
            return Err(serde::de::Error::custom("a state is an object"));
        }
        let parsed: Body<'_> = serde_json::from_str(body.get())?;
        let scope = match (parsed.kind.as_deref(), parsed.stream) {
            (Some("STREAM"), Some(stream)) => StateScope::Stream(stream.stream_descriptor),
            (Some("STREAM"), None) => return Err(serde::de::Error::missing_field("stream")),
            _ => StateScope::AllStreams,
        };
        let (counts_at, counts_key) = match parsed.destination_stats.0 {
            // The line has the key, so only its value is replaced.
            Some(present) => (range_in(line, present.get()), ""),
            None => {
                let body = range_in(line, body.get());
                let end = body.end - 1;
                let is_empty = line[body.start + 1..end].trim().is_empty();
                (end..end, if is_empty { "\"destinationStats\":" } else { ",\"destinationStats\":" })
            }
        };
        Ok(Self { line: line.trim_end().into(), scope, counts_at, counts_key })
    }

    /// The streams whose records the state covers.
    pub fn scope(&self) -> &StateScope {
        &self.scope
    }

    /// The memory that the state holds, in bytes.
    pub fn size(&self) -> usize {
        self.line.len() + size_of::<Self>()
    }

    /// The line that acknowledges the state, without a line end: the state with how many records were written and
    /// rejected since the last state of the same scope. Both counts have a decimal point, because the platform reads
    /// them as doubles.
    pub fn acknowledged(&self, written: u64, rejected: u64) -> String {
        format!(
            "{}{}{{\"recordCount\":{written}.0,\"rejectedRecordCount\":{rejected}.0}}{}",
            &self.line[..self.counts_at.start],
            self.counts_key,
            &self.line[self.counts_at.end..]
        )
    }
}

/// The range of `part`, a slice of `line`.
fn range_in(line: &str, part: &str) -> Range<usize> {
    let start = part.as_ptr().addr() - line.as_ptr().addr();
    start..start + part.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Message;

    fn state(line: &str) -> State {
        match Message::parse(line) {
            Ok(Message::State(state)) => state,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn only_the_counts_are_added() {
        let stats = r#""destinationStats":{"recordCount":3.0,"rejectedRecordCount":1.0}"#;
        let table = [
            (
                r#"{"type":"STATE","state":{"type":"STREAM","stream":{"stream_descriptor":{"name":"s","namespace":""},"stream_state":null},"id":7,"sourceStats":{"recordCount":4.0}},"later":[1.10]}"#,
                r#"{"type":"STATE","state":{"type":"STREAM","stream":{"stream_descriptor":{"name":"s","namespace":""},"stream_state":null},"id":7,"sourceStats":{"recordCount":4.0},STATS},"later":[1.10]}"#,
            ),
            (
                r#"{"type":"STATE","state":{"type":"GLOBAL","destinationStats":null,"global_":null,"global_":null}}"#,
                r#"{"type":"STATE","state":{"type":"GLOBAL",STATS,"global_":null,"global_":null}}"#,
            ),
            (
                "{\"state\": {\"data\": {\"cursor\": 1e400} } , \"type\": \"STATE\"}\r",
                "{\"state\": {\"data\": {\"cursor\": 1e400} ,STATS} , \"type\": \"STATE\"}",
            ),
            (r#"{"type":"STATE","state":{ }}"#, r#"{"type":"STATE","state":{ STATS}}"#),
        ];
        for (line, expected) in table {
            assert_eq!(state(line).acknowledged(3, 1), expected.replace("STATS", stats), "{line}");
        }
    }

    #[test]
    fn a_state_takes_as_much_memory_as_its_line_and_more() {
        let line = format!(r#"{{"type":"STATE","state":{{"data":"{}"}}}}"#, "x".repeat(10_000));
        assert!((line.len()..line.len() + 1_000).contains(&state(&line).size()));
    }

    #[test]
    fn the_scope_follows_the_type() {
        let name = StreamName { namespace: None, name: "s".into() };
        let table = [
            (r#"{"type":"STREAM","stream":{"stream_descriptor":{"name":"s"}}}"#, StateScope::Stream(name)),
            (r#"{"type":"GLOBAL","global":{"stream_states":[]}}"#, StateScope::AllStreams),
            (r#"{"type":"LEGACY","data":{}}"#, StateScope::AllStreams),
            (r#"{"type":null,"data":{}}"#, StateScope::AllStreams),
            (r#"{"data":{}}"#, StateScope::AllStreams),
        ];
        for (body, expected) in table {
            assert_eq!(*state(&format!(r#"{{"type":"STATE","state":{body}}}"#)).scope(), expected, "{body}");
        }
    }

    #[test]
    fn a_state_without_its_stream_and_one_with_repeated_counts_are_errors() {
        for body in [r#"{"type":"STREAM"}"#, "[]", r#"{"destinationStats":null,"destinationStats":null}"#] {
            assert!(Message::parse(&format!(r#"{{"type":"STATE","state":{body}}}"#)).is_err(), "{body}");
        }
    }
}
