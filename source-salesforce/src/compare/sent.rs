//! What was sent: lines of RECORD messages, as a source writes them or a destination reads them.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::io::BufRead;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use airbyte::{Error, Result, StreamName};

use super::entry::{Entry, Identity};
use super::org_side::second_of;
use super::sorter::{Sorted, Sorter};
use super::streams::ComparedStream;
use crate::columns::DELETED_AT;

/// The column with the time of the change, as a source of Salesforce has it. The time of a message says when a record was
/// read, and not when it changed.
const STAMP: &str = "SystemModstamp";

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
        has_failed: false,
    };
    let (mut line, mut number) = (Vec::new(), 0_u64);
    loop {
        line.clear();
        let size = input
            .read_until(b'\n', &mut line)
            .map_err(|error| Error::config(format!("What was sent cannot be read: {error}.")).internal(error))?;
        if size == 0 {
            return reader.finish();
        }
        number += 1;
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
    /// Whether the source said that it failed.
    has_failed: bool,
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
                self.take_record(&record).map_err(|error| error.unwrap_or_else(|| wrong(&"")))
            }
            "STATE" => {
                let state = message.state.and_then(|state| serde_json::from_str::<State>(state.get()).ok());
                state.map_or(Ok(()), |state| self.take_state(&state))
            }
            "TRACE" => {
                if let Some(trace) = message.trace.and_then(|it| serde_json::from_str::<Trace>(it.get()).ok()) {
                    self.take_trace(trace);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// None as an error: the record is not an object.
    fn take_record(&mut self, record: &Record<'_>) -> Result<(), Option<Error>> {
        let namespace = record.namespace.as_deref().filter(|namespace| !namespace.is_empty()).map(str::to_owned);
        let name = StreamName { namespace, name: record.name.clone().into_owned() };
        let Some(&number) = self.numbers.get(&name) else {
            self.others += 1;
            return Ok(());
        };
        let SentStream { stream, identity } = &self.streams[number];
        let wanted = Wanted { key: &stream.first_key };
        let found = wanted.deserialize(&mut serde_json::Deserializer::from_str(record.data.get())).map_err(|_| None)?;
        let progress = &mut self.progress[number];
        progress.records += 1;
        progress.since_state += 1;
        progress.has_key |= found.key.is_some();
        let key = found.key.and_then(text_of);
        let stamp = found.stamp.and_then(text_of).and_then(|stamp| second_of(&stamp));
        // There are fewer streams than that.
        let number = u16::try_from(number).unwrap_or(u16::MAX);
        let entry = Entry::new(number, key.as_deref(), identity, stamp);
        let is_deleted = stream.deletes || found.deleted_at.is_some_and(|value| value.get() != "null");
        self.sorter.add(&Entry { is_deleted, ..entry }).map_err(Some)
    }

    fn take_state(&mut self, state: &State) -> Result<()> {
        let Some(number) = state.stream.as_ref().and_then(|it| self.numbers.get(&it.stream_descriptor)) else {
            return Ok(());
        };
        let found = std::mem::take(&mut self.progress[*number].since_state);
        let said = state.source_stats.as_ref().and_then(|stats| stats.record_count);
        match said {
            Some(said) if (said - found as f64).abs() > 0.1 => Err(Error::transient(format!(
                "What was sent is not whole: a state of {} says that {said} records came since the state before, and \
                 {found} did.",
                self.streams[*number].stream.name
            ))),
            _ => Ok(()),
        }
    }

    fn take_trace(&mut self, trace: Trace) {
        self.has_failed |= trace.error.is_some();
        let Some(status) = trace.stream_status else { return };
        let Some(number) = self.numbers.get(&status.stream_descriptor) else { return };
        let progress = &mut self.progress[*number];
        if status.status == "STARTED" {
            // Another attempt. What the one before wrote after its last state belongs to no state.
            progress.since_state = 0;
            self.has_failed = false;
        }
        progress.is_complete = Some(status.status == "COMPLETE");
    }

    fn finish(self) -> Result<Sent> {
        for (SentStream { stream, .. }, progress) in self.streams.iter().zip(&self.progress) {
            let ComparedStream { name, first_key, .. } = stream;
            if progress.is_complete == Some(false) || self.has_failed && progress.is_complete.is_none() {
                return Err(Error::transient(format!(
                    "What was sent is not whole: the source did not say that it came to the end of {name}. Compare what a \
                     later sync sends."
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
#[derive(Default)]
struct Found<'a> {
    key: Option<&'a RawValue>,
    stamp: Option<&'a RawValue>,
    deleted_at: Option<&'a RawValue>,
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
        let mut found = Found::default();
        while let Some(column) = map.next_key::<Cow<'de, str>>()? {
            if column.eq_ignore_ascii_case(self.key) {
                found.key = Some(map.next_value()?);
            } else if column == STAMP {
                found.stamp = Some(map.next_value()?);
            } else if column == DELETED_AT {
                found.deleted_at = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests;
