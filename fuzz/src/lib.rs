//! Simple models of the connector, which the fuzz targets compare it with.

pub mod columns;
pub mod model;
mod moment;

use airbyte::{Message, RecordReader, StreamName, json::Cursor};
use destination_salesforce::convert::{Converted, Converter};
use serde::Deserialize;
use serde_json::value::RawValue;

/// A message as plain serde reads it.
#[derive(Debug)]
pub enum PlainMessage<'a> {
    /// A record, each part as its JSON text.
    Record {
        /// The namespace of the stream, if there is one.
        namespace: Option<&'a str>,
        /// The name of the stream.
        stream: &'a str,
        /// The data, which may be any value.
        data: &'a str,
    },
    /// A state of one stream, or of all.
    State(Option<StreamName>),
    /// The source has sent all records of a stream.
    Complete(StreamName),
    /// Any other message of the protocol.
    Other,
    /// A message of another type.
    Unknown,
    /// Not a message.
    Invalid,
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
    #[serde(other)]
    Unknown,
}

#[derive(Deserialize)]
struct TypeOnly {
    r#type: Type,
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
    #[allow(dead_code, reason = "it may occur once")]
    destination_stats: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct StreamPart {
    stream_descriptor: StreamName,
}

/// Reads a line with derived readers only.
pub fn read_plainly(line: &[u8]) -> PlainMessage<'_> {
    let Ok(text) = str::from_utf8(line) else { return PlainMessage::Invalid };
    // Derived readers also read structs from arrays.
    let is_marked = text.starts_with('\u{feff}');
    let text = text.trim_start_matches('\u{feff}');
    if is_marked && text.trim_ascii().is_empty() {
        return PlainMessage::Other;
    }
    let is_object = |json: &str| json.trim_ascii_start().starts_with('{');
    if !is_object(text) {
        return PlainMessage::Invalid;
    }
    let Ok(envelope) = serde_json::from_str::<Envelope<'_>>(text) else {
        return match serde_json::from_str(text) {
            Ok(TypeOnly { r#type: Type::Log }) => PlainMessage::Other,
            Ok(TypeOnly { r#type: Type::Unknown }) => PlainMessage::Unknown,
            _ => PlainMessage::Invalid,
        };
    };
    match envelope {
        Envelope { r#type: Type::Record, record: Some(it), .. } => PlainMessage::Record {
            namespace: it.namespace.map(RawValue::get),
            stream: it.stream.get(),
            data: it.data.get(),
        },
        Envelope { r#type: Type::State, state: Some(body), .. } if is_object(body.get()) => {
            match serde_json::from_str::<StatePart<'_>>(body.get()) {
                Ok(StatePart { r#type: Some(kind), stream, .. }) if kind == "STREAM" => {
                    stream.map_or(PlainMessage::Invalid, |it| PlainMessage::State(Some(it.stream_descriptor)))
                }
                Ok(_) => PlainMessage::State(None),
                Err(_) => PlainMessage::Invalid,
            }
        }
        Envelope { r#type: Type::Record | Type::State, .. } => PlainMessage::Invalid,
        Envelope { r#type: Type::Trace, trace: Some(TracePart { stream_status: Some(it) }), .. }
            if it.status == "COMPLETE" =>
        {
            PlainMessage::Complete(it.stream_descriptor)
        }
        Envelope { r#type: Type::Unknown, .. } => PlainMessage::Unknown,
        _ => PlainMessage::Other,
    }
}

/// What the connector makes of a line.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// It is a message of another type.
    OtherMessage,
    /// It is not a message, or its data are not an object.
    Invalid,
    /// It is a rejected record.
    Rejected,
    /// It becomes a row.
    Row {
        /// The CSV.
        csv: Vec<u8>,
        /// The hash of its key.
        key: Option<u128>,
        /// When the record was extracted.
        extracted_at_ms: i64,
    },
}

/// Converts a line as the pipeline does: in one pass if it can, otherwise as any message.
pub fn convert(records: &mut RecordReader, converter: &mut Converter, line: &str) -> Outcome {
    convert_plain(records, converter, line).unwrap_or_else(|| convert_any(converter, line))
}

/// Converts a plain record that becomes a row.
fn convert_plain(records: &mut RecordReader, converter: &mut Converter, line: &str) -> Option<Outcome> {
    let mut record = records.open(line)?;
    record.stream().decode().ok()?;
    let Ok(Converted::Row) = converter.convert(record.data()) else { return None };
    let extracted_at_ms = record.close()?;
    Some(row(converter, extracted_at_ms))
}

/// Converts any line, and decides about its new source columns.
pub fn convert_any(converter: &mut Converter, line: &str) -> Outcome {
    let record = match Message::parse(line) {
        Ok(Message::Record(record)) if record.stream().decode().is_ok() => record,
        Ok(Message::Record(_)) | Err(_) => return Outcome::Invalid,
        Ok(_) => return Outcome::OtherMessage,
    };
    // Each source column is new once, so there are fewer than bytes.
    for _ in 0..=line.len() {
        match converter.convert(&mut Cursor::new(record.data.get())) {
            Ok(Converted::Row) => return row(converter, record.extracted_at_ms()),
            Ok(Converted::Rejected(_)) => return Outcome::Rejected,
            Ok(Converted::Skipped) => panic!("no record is to be skipped"),
            Ok(Converted::NewColumn(source)) => columns::decide(converter, source),
            Ok(Converted::NullObject(object)) => converter.keep_null(&object),
            Err(_) => return Outcome::Invalid,
        }
    }
    panic!("a source column stays new");
}

fn row(converter: &Converter, extracted_at_ms: i64) -> Outcome {
    let row = converter.row();
    Outcome::Row { csv: row.csv.to_vec(), key: row.key, extracted_at_ms }
}
