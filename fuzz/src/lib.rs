//! What the fuzz targets hold the connector against.

pub mod columns;
pub mod model;

use destination_salesforce::convert::{Converted, Converter, FieldPath};
use destination_salesforce::protocol::StreamName;
use destination_salesforce::protocol::input::Record;
use serde::Deserialize;
use serde_json::value::RawValue;

/// What a line is to a plain reader of the protocol.
#[derive(Debug)]
pub enum Read<'a> {
    /// A record, each part the JSON text that it is.
    Record {
        /// The stream's namespace, where there is one.
        namespace: Option<&'a str>,
        /// The stream's name.
        stream: &'a str,
        /// The record's fields, which may be any value.
        data: &'a str,
    },
    /// A state of one stream, or of all.
    State(Option<StreamName>),
    /// The end of a stream.
    Complete(StreamName),
    /// Any other message.
    Other,
    /// No message at all.
    Nothing,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    r#type: Type,
    #[serde(borrow)]
    record: Option<RecordPart<'a>>,
    #[serde(borrow)]
    state: Option<&'a RawValue>,
    trace: Option<TracePart>,
}

#[derive(Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Type {
    Record,
    State,
    Trace,
    #[serde(alias = "SPEC", alias = "CONNECTION_STATUS", alias = "CATALOG", alias = "CONTROL", alias = "DESTINATION_CATALOG")]
    Log,
}

#[derive(Deserialize)]
struct RecordPart<'a> {
    #[serde(borrow)]
    namespace: Option<&'a RawValue>,
    #[serde(borrow)]
    stream: &'a RawValue,
    #[serde(borrow)]
    data: &'a RawValue,
    #[allow(dead_code, reason = "it must be a number")]
    emitted_at: Option<f64>,
}

#[derive(Deserialize)]
struct TracePart {
    stream_status: Option<StatusPart>,
}

#[derive(Deserialize)]
struct StatusPart {
    stream_descriptor: StreamName,
    status: String,
}

#[derive(Deserialize)]
struct StatePart {
    r#type: Option<String>,
    stream: Option<StreamPart>,
}

#[derive(Deserialize)]
struct StreamPart {
    stream_descriptor: StreamName,
}

/// Reads a line with nothing but derived readers.
pub fn read_plainly(line: &[u8]) -> Read<'_> {
    let Ok(text) = str::from_utf8(line) else { return Read::Nothing };
    // Derived readers take arrays for structs.
    let is_object = |json: &str| json.trim_ascii_start().starts_with('{');
    if !is_object(text) {
        return Read::Nothing;
    }
    let Ok(envelope) = serde_json::from_str::<Envelope<'_>>(text) else { return Read::Nothing };
    match envelope {
        Envelope { r#type: Type::Record, record: Some(it), .. } => {
            Read::Record { namespace: it.namespace.map(RawValue::get), stream: it.stream.get(), data: it.data.get() }
        }
        Envelope { r#type: Type::State, state: Some(body), .. } if is_object(body.get()) => {
            match serde_json::from_str::<StatePart>(body.get()) {
                Ok(StatePart { r#type: Some(kind), stream }) if kind == "STREAM" => {
                    stream.map_or(Read::Nothing, |it| Read::State(Some(it.stream_descriptor)))
                }
                Ok(_) => Read::State(None),
                Err(_) => Read::Nothing,
            }
        }
        Envelope { r#type: Type::Record | Type::State, .. } => Read::Nothing,
        Envelope { r#type: Type::Trace, trace: Some(TracePart { stream_status: Some(it) }), .. }
            if it.status == "COMPLETE" =>
        {
            Read::Complete(it.stream_descriptor)
        }
        _ => Read::Other,
    }
}

/// What becomes of a record.
#[derive(Debug, PartialEq)]
pub enum Outcome {
    /// The line is a message of another kind.
    NotAsked,
    /// It is no record, or its data are no JSON object.
    NoRecord,
    /// It is kept as a rejected record.
    Refused,
    /// It has a field that no column takes.
    NewField(FieldPath),
    /// It becomes a row.
    Row {
        /// The CSV.
        csv: Vec<u8>,
        /// By which the row is found again.
        hash: u32,
        /// By which its record is known.
        key: Option<u128>,
    },
}

/// Converts a record. Only here and in [`data_of`] the targets call what turns records into rows.
pub fn convert(converter: &mut Converter, record: &Record<'_>) -> Outcome {
    match converter.convert(record.data) {
        Ok(Converted::Row(row)) => Outcome::Row { csv: row.csv.to_vec(), hash: row.hash, key: row.key },
        Ok(Converted::Refused(_)) => Outcome::Refused,
        Ok(Converted::NewField(path)) => Outcome::NewField(path),
        Err(_) => Outcome::NoRecord,
    }
}

/// The JSON text of a record's data.
pub fn data_of<'a>(record: &Record<'a>) -> &'a str {
    record.data.get()
}
