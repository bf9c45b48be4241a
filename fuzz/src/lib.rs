//! What the fuzz targets hold the connector against.

pub mod columns;
pub mod model;

use airbyte::{Message, RecordReader, StreamName, json::Cursor};
use destination_salesforce::convert::{Converted, Converter};
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
    #[serde(
        alias = "SPEC",
        alias = "CONNECTION_STATUS",
        alias = "CATALOG",
        alias = "CONTROL",
        alias = "DESTINATION_CATALOG"
    )]
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
struct StatePart<'a> {
    r#type: Option<String>,
    stream: Option<StreamPart>,
    #[serde(rename = "destinationStats", borrow)]
    #[allow(dead_code, reason = "it may come once")]
    destination_stats: Option<&'a RawValue>,
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
            match serde_json::from_str::<StatePart<'_>>(body.get()) {
                Ok(StatePart { r#type: Some(kind), stream, .. }) if kind == "STREAM" => {
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

/// What becomes of a line that is to be a record.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The line is a message of another kind.
    NotAsked,
    /// It is no record, or its data are no JSON object.
    NoRecord,
    /// It is kept as a rejected record.
    Refused,
    /// It becomes a row.
    Row {
        /// The CSV.
        csv: Vec<u8>,
        /// By which its record is known.
        key: Option<u128>,
        /// When the record was extracted.
        extracted_at_ms: i64,
    },
}

/// Takes a line as the pipeline does: in one pass where that goes well, else as any message.
pub fn take(records: &mut RecordReader, converter: &mut Converter, line: &str) -> Outcome {
    take_plain(records, converter, line).unwrap_or_else(|| take_any(converter, line))
}

/// Takes a plain record that becomes a row.
fn take_plain(records: &mut RecordReader, converter: &mut Converter, line: &str) -> Option<Outcome> {
    let mut record = records.open(line)?;
    record.stream().decode().ok()?;
    let Ok(Converted::Row) = converter.convert(record.data()) else { return None };
    let extracted_at_ms = record.close()?;
    Some(row(converter, extracted_at_ms))
}

/// Takes any line, and decides about the fields that no column takes.
pub fn take_any(converter: &mut Converter, line: &str) -> Outcome {
    let record = match Message::parse(line) {
        Ok(Message::Record(record)) if record.stream().decode().is_ok() => record,
        Ok(Message::Record(_)) | Err(_) => return Outcome::NoRecord,
        Ok(_) => return Outcome::NotAsked,
    };
    // Each question is about another field, so it cannot be asked more often than there are bytes.
    for _ in 0..=line.len() {
        match converter.convert(&mut Cursor::new(record.data.get())) {
            Ok(Converted::Row) => return row(converter, record.extracted_at_ms()),
            Ok(Converted::Rejected(_)) => return Outcome::Refused,
            Ok(Converted::NewColumn(path)) => columns::decide(converter, path),
            Err(_) => return Outcome::NoRecord,
        }
    }
    panic!("a field is asked about again and again");
}

fn row(converter: &Converter, extracted_at_ms: i64) -> Outcome {
    let row = converter.row();
    Outcome::Row { csv: row.csv.to_vec(), key: row.key, extracted_at_ms }
}
