//! What was sent: lines of RECORD messages, as a source writes them or a destination reads them.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::io::{BufRead, Read};

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use airbyte::json::Cursor;
use airbyte::{Error, LONGEST_LINE, Result, StreamName};
use connector::deletion_mark::{DELETION_MARK, DeletionMark};

use super::entry::{Entry, Identity};
use super::org_side::second_of;
use super::sorter::{Sorted, Sorter};
use super::streams::ComparedStream;

/// The column with the time of the change, as a source of Salesforce has it. The time of a message says when a record was
/// read, and not when it changed.
const STAMP: &str = "SystemModstamp";

/// The longest key in bytes. The longest text by which an org finds records is that of a formula: 3,900 characters of up to
/// 4 bytes.
const LONGEST_KEY: usize = 16 * 1024;

/// The types of messages that are passed over.
const OTHER_TYPES: [&str; 6] = ["LOG", "SPEC", "CONNECTION_STATUS", "CATALOG", "CONTROL", "DESTINATION_CATALOG"];

/// The records that were sent.
pub(super) struct Sent {
    pub(super) sorted: Sorted,
    /// The records of each stream.
    pub(super) records: Vec<u64>,
}

/// A stream of what was sent.
pub(super) struct SentStream {
    pub(super) stream: ComparedStream,
    pub(super) identity: Identity,
}

/// What is known of a stream while its messages are read.
#[derive(Default)]
struct Progress {
    records: u64,
    since_state: u64,
    has_state: bool,
    has_key: bool,
    /// Whether the last status of the stream says that it is whole. None if there is no status.
    is_complete: Option<bool>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    record: Option<&'a RawValue>,
    #[serde(borrow)]
    state: Option<&'a RawValue>,
    #[serde(borrow)]
    trace: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Record<'a> {
    #[serde(rename = "stream", borrow)]
    name: Cow<'a, str>,
    #[serde(default, borrow)]
    namespace: Option<Cow<'a, str>>,
    #[serde(borrow)]
    data: &'a RawValue,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct State {
    #[serde(rename = "type")]
    kind: Option<String>,
    stream: Option<OfStream>,
    source_stats: Option<Stats>,
}

#[derive(Deserialize)]
struct OfStream {
    stream_descriptor: StreamName,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stats {
    record_count: Option<f64>,
}

#[derive(Deserialize)]
struct Trace {
    #[serde(rename = "type")]
    kind: String,
    stream_status: Option<Status>,
    error: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Status {
    stream_descriptor: StreamName,
    status: String,
}

/// Reads what was sent, to its end. It blocks.
///
/// # Errors
/// It cannot be read, is not made of messages, or says itself that it is not whole.
pub(super) fn read_sent(mut input: impl BufRead, streams: &[SentStream]) -> Result<Sent> {
    let mut reader = SentReader {
        streams,
        numbers: streams.iter().enumerate().map(|(number, it)| (it.stream.name.clone(), number)).collect(),
        progress: streams.iter().map(|_| Progress::default()).collect(),
        sorter: Sorter::new(),
        others: 0,
        others_since_state: HashMap::new(),
        has_failed: false,
        has_status: false,
        has_state_of_all: false,
    };
    let (mut line, mut number) = (Vec::new(), 0_u64);
    loop {
        line.clear();
        let size = (&mut input)
            .take(LONGEST_LINE as u64 + 1)
            .read_until(b'\n', &mut line)
            .map_err(|error| Error::config(format!("What was sent cannot be read: {error}.")).internal(error))?;
        if size == 0 {
            return reader.finish();
        }
        number += 1;
        if line.len() > LONGEST_LINE {
            return Err(Error::config(format!(
                "Line {number} of what was sent is longer than {LONGEST_LINE} bytes, the most that a destination reads. Pass \
                 one message a line."
            )));
        }
        if !line.trim_ascii().is_empty() {
            reader.take(&line, number)?;
        }
    }
}

struct SentReader<'a> {
    streams: &'a [SentStream],
    numbers: HashMap<StreamName, usize>,
    progress: Vec<Progress>,
    sorter: Sorter,
    /// The records of streams that are not compared.
    others: u64,
    /// Those of them since the last state that counts them.
    others_since_state: HashMap<StreamName, u64>,
    /// Whether the source said that it failed.
    has_failed: bool,
    /// Whether the source says of any stream how far it came. Then it does of each.
    has_status: bool,
    /// Whether a state of all streams came.
    has_state_of_all: bool,
}

impl SentReader<'_> {
    fn take(&mut self, line: &[u8], number: u64) -> Result<()> {
        let wrong = |error: &dyn fmt::Display| {
            Error::config(format!(
                "Line {number} of what was sent is no message of the Airbyte protocol, or is cut off. Pass what `read` \
                 writes, or what a destination reads."
            ))
            // The text of the error may quote a value.
            .internal(format!("at {}", place_of(error)))
        };
        let message: Message<'_> = serde_json::from_slice(line).map_err(|error| wrong(&error))?;
        match &*message.kind {
            "RECORD" => {
                let record = message.record.ok_or_else(|| wrong(&""))?;
                let record = serde_json::from_str(record.get()).map_err(|error| wrong(&error))?;
                self.take_record(&record, number).map_err(|error| error.unwrap_or_else(|| wrong(&"")))
            }
            "STATE" => {
                let state = message.state.ok_or_else(|| wrong(&""))?;
                let state: State = serde_json::from_str(state.get()).map_err(|error| wrong(&error))?;
                if state.stream.is_none() && state.kind.as_deref() == Some("STREAM") {
                    return Err(wrong(&""));
                }
                self.take_state(&state)
            }
            "TRACE" => {
                let trace = message.trace.ok_or_else(|| wrong(&""))?;
                let trace: Trace = serde_json::from_str(trace.get()).map_err(|error| wrong(&error))?;
                if trace.kind == "STREAM_STATUS" && trace.stream_status.is_none() {
                    return Err(wrong(&""));
                }
                self.take_trace(trace);
                Ok(())
            }
            other if OTHER_TYPES.contains(&other) => Ok(()),
            _ => Err(wrong(&"")),
        }
    }

    /// None as an error: the record is not an object.
    fn take_record(&mut self, record: &Record<'_>, line: u64) -> Result<(), Option<Error>> {
        let namespace = record.namespace.as_deref().filter(|namespace| !namespace.is_empty()).map(str::to_owned);
        let name = StreamName { namespace, name: record.name.clone().into_owned() };
        let Some(&number) = self.numbers.get(&name) else {
            return self.take_other(name, line).map_err(Some);
        };
        let SentStream { stream, identity } = &self.streams[number];
        let wanted = Wanted { key: &stream.first_key };
        let found = wanted.deserialize(&mut serde_json::Deserializer::from_str(record.data.get())).map_err(|_| None)?;
        let progress = &mut self.progress[number];
        progress.records += 1;
        progress.since_state += 1;
        progress.has_key |= found.key.is_some();
        let key = found.key.and_then(text_of);
        if key.as_ref().is_some_and(|key| key.trim().len() > LONGEST_KEY) {
            return Err(Some(unreadable(line, &name, &stream.first_key, "is longer than any key of an org")));
        }
        let stamp = found.stamp.map(|stamp| {
            let second = text_of(stamp).and_then(|stamp| second_of(&stamp));
            second.ok_or_else(|| unreadable(line, &name, STAMP, "is no time with a zone, such as 2026-01-31T09:30:00Z"))
        });
        let stamp = stamp.transpose().map_err(Some)?;
        // There are fewer streams than that.
        let number = u16::try_from(number).unwrap_or(u16::MAX);
        let entry = Entry::new(number, key.as_deref(), identity, stamp);
        let is_deleted = match found.mark {
            DeletionMark::Living => stream.deletes,
            DeletionMark::Deleted => true,
            DeletionMark::Unclear => {
                let what = "does not say clearly whether the record is deleted";
                return Err(Some(unreadable(line, &name, DELETION_MARK, what)));
            }
        };
        self.sorter.add(&Entry { is_deleted, ..entry }).map_err(Some)
    }

    /// A record of a stream that is not compared.
    fn take_other(&mut self, name: StreamName, line: u64) -> Result<()> {
        if let Some(alike) = self.numbers.keys().find(|known| known.name == name.name) {
            return Err(Error::config(format!(
                "Line {line} of what was sent has a record of {name}, and the catalog has {alike}. Give the stream the same \
                 namespace in both."
            )));
        }
        self.others += 1;
        *self.others_since_state.entry(name).or_default() += 1;
        Ok(())
    }

    /// A state without a stream counts the records of all.
    fn take_state(&mut self, state: &State) -> Result<()> {
        let (found, of) = match &state.stream {
            None => {
                self.has_state_of_all = true;
                let of_others: u64 = self.others_since_state.drain().map(|(_, records)| records).sum();
                let found = self.progress.iter_mut().map(|it| std::mem::take(&mut it.since_state)).sum::<u64>();
                (found + of_others, "all streams".to_owned())
            }
            Some(OfStream { stream_descriptor: name }) => {
                let Some(number) = self.numbers.get(name) else {
                    self.others_since_state.remove(name);
                    return Ok(());
                };
                let progress = &mut self.progress[*number];
                progress.has_state = true;
                (std::mem::take(&mut progress.since_state), name.to_string())
            }
        };
        let said = state.source_stats.as_ref().and_then(|stats| stats.record_count);
        match said {
            Some(said) if (said - found as f64).abs() > 0.1 => Err(Error::transient(format!(
                "What was sent is not whole: a state of {of} says that {said} records came since the state before, and \
                 {found} did."
            ))),
            _ => Ok(()),
        }
    }

    fn take_trace(&mut self, trace: Trace) {
        self.has_failed |= trace.error.is_some() || trace.kind == "ERROR";
        let Some(status) = trace.stream_status else { return };
        self.has_status = true;
        // Another attempt. What the one before wrote after its last state belongs to no state.
        let begins = status.status == "STARTED";
        let Some(number) = self.numbers.get(&status.stream_descriptor) else {
            if begins {
                self.others_since_state.remove(&status.stream_descriptor);
            }
            return;
        };
        let progress = &mut self.progress[*number];
        if begins {
            progress.since_state = 0;
        }
        progress.is_complete = Some(status.status == "COMPLETE");
    }

    fn finish(self) -> Result<Sent> {
        for (SentStream { stream, .. }, progress) in self.streams.iter().zip(&self.progress) {
            let ComparedStream { name, first_key, .. } = stream;
            if (self.has_status || self.has_failed) && progress.is_complete != Some(true) {
                return Err(Error::transient(format!(
                    "What was sent is not whole: the source did not say that it came to the end of {name}. Compare what a \
                     later sync sends."
                )));
            }
            let has_any = progress.records > 0 || progress.has_state || self.has_state_of_all;
            if !has_any && progress.is_complete.is_none() {
                return Err(Error::config(format!(
                    "What was sent has no record, no state and no status of {name}: nothing says that it is whole. Pass all \
                     that was sent, or leave the stream out of the catalog."
                )));
            }
            if progress.records > 0 && !progress.has_key {
                return Err(Error::config(format!(
                    "No record of {name} that was sent has the column {first_key}, by which records are compared. Name \
                     another one: --key {}=COLUMN, or --key {}=COLUMN:FIELD if the field of the org has another name.",
                    name.name, name.name
                )));
            }
        }
        if self.others > 0 {
            tracing::warn!(
                "{} records that were sent are not compared: the catalog has not their streams",
                self.others
            );
        }
        Ok(Sent {
            sorted: self.sorter.finish()?,
            records: self.progress.iter().map(|progress| progress.records).collect(),
        })
    }
}

/// Where in a line serde has found an error, without what it found there.
fn place_of(error: &dyn fmt::Display) -> String {
    let text = error.to_string();
    text.rsplit_once(" at ").map_or_else(String::new, |(_, place)| place.to_owned())
}

/// The error of a value, without the value.
fn unreadable(line: u64, stream: &StreamName, column: &str, what: &str) -> Error {
    Error::config(format!("Line {line} of what was sent: the column {column} of {stream} {what}."))
}

/// The text of a value: that of a string, or of a number as it is written. None for null, and for what is no single value.
fn text_of(value: &RawValue) -> Option<String> {
    match value.get().as_bytes().first()? {
        b'"' => serde_json::from_str(value.get()).ok(),
        b'{' | b'[' | b'n' => None,
        _ => Some(value.get().to_owned()),
    }
}

/// The columns of a record that count.
struct Wanted<'a> {
    key: &'a str,
}

/// Their values; None for a column that the record does not have.
struct Found<'a> {
    key: Option<&'a RawValue>,
    /// None also for null.
    stamp: Option<&'a RawValue>,
    mark: DeletionMark,
}

impl<'de> DeserializeSeed<'de> for Wanted<'_> {
    type Value = Found<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Found<'de>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Wanted<'_> {
    type Value = Found<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Found<'de>, M::Error> {
        let mut found = Found { key: None, stamp: None, mark: DeletionMark::Living };
        while let Some(column) = map.next_key::<Cow<'de, str>>()? {
            if column.eq_ignore_ascii_case(self.key) {
                found.key = Some(map.next_value()?);
            } else if column.eq_ignore_ascii_case(STAMP) {
                found.stamp = map.next_value()?;
            } else if column.eq_ignore_ascii_case(DELETION_MARK) {
                let value: &RawValue = map.next_value()?;
                let mark = Cursor::new(value.get()).value().map_or(DeletionMark::Unclear, |it| DeletionMark::read(&it));
                found.mark = match (found.mark, mark) {
                    (DeletionMark::Living, mark) => mark,
                    (DeletionMark::Deleted, DeletionMark::Deleted) => mark,
                    // The mark twice, with two answers.
                    _ => DeletionMark::Unclear,
                };
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests;
