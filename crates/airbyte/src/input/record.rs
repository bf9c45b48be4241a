//! Reads plain records in one pass, together with their data.
//!
//! A record is plain if its stream comes before its data and no key is repeated; most lines are. The reader stops at
//! the data, so that the caller converts them in place. It gives up on every other line, which
//! [`crate::Message::parse`] reads from the beginning. The tests below check that both read the same.

use std::ops::Range;

use super::message::{RawStreamName, milliseconds};
use crate::json::{Cursor, Value};

/// Reads plain records, which most lines are, in one pass together with their data.
///
/// ```
/// use airbyte::RecordReader;
/// use airbyte::json::Value;
///
/// let line = r#"{"type":"RECORD","record":{"stream":"users","data":{"id":1},"emitted_at":1700000000000}}"#;
/// let mut reader = RecordReader::default();
/// let mut record = reader.open(line).unwrap();
/// assert_eq!(record.stream().name, r#""users""#);
///
/// let data = record.data();
/// data.enter_object().unwrap();
/// assert_eq!(data.next_member(true), Some(true));
/// assert_eq!(data.key().unwrap().raw, "id");
/// assert_eq!(data.value(), Some(Value::Number("1")));
/// assert_eq!(data.next_member(false), Some(false));
///
/// assert_eq!(record.close(), Some(1_700_000_000_000));
/// ```
#[derive(Debug, Default)]
pub struct RecordReader {
    /// The beginning of the last line, up to its data. Lines of one stream usually begin alike, so that `head` is
    /// known.
    last_beginning: String,
    head: Head,
}

/// The content of a line up to the data of its record.
#[derive(Debug, Clone, Default)]
struct Head {
    namespace: Option<Range<usize>>,
    stream: Range<usize>,
    emitted_at: Option<f64>,
    seen: Seen,
}

/// The keys of the line so far.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    kind: bool,
    record: bool,
    state: bool,
    trace: bool,
    namespace: bool,
    stream: bool,
    data: bool,
    emitted_at: bool,
}

/// Notes a key, which a plain record does not repeat.
#[inline]
fn first_time(seen: &mut bool) -> Option<()> {
    (!std::mem::replace(seen, true)).then_some(())
}

/// A plain record whose data are not read yet.
#[derive(Debug)]
pub struct OpenRecord<'a> {
    line: &'a str,
    cursor: Cursor<'a>,
    head: Head,
}

impl RecordReader {
    /// Reads the line of a record up to its data. `None` if the line is not a plain record: nothing is known about it
    /// then.
    #[inline]
    pub fn open<'a>(&mut self, line: &'a str) -> Option<OpenRecord<'a>> {
        if !self.last_beginning.is_empty() && line.starts_with(&self.last_beginning) {
            let cursor = Cursor::at(line, self.last_beginning.len());
            return Some(OpenRecord { line, cursor, head: self.head.clone() });
        }
        let mut open = OpenRecord { line, cursor: Cursor::new(line), head: Head::default() };
        open.cursor.enter_object()?;
        let has_data = open.find_record(true)? && open.find_data(true)? && open.head.seen.stream;
        if !has_data {
            return None;
        }
        self.last_beginning.clear();
        self.last_beginning.push_str(open.cursor.text_before());
        self.head = open.head.clone();
        Some(open)
    }
}

impl<'a> OpenRecord<'a> {
    /// The stream of the record.
    #[inline]
    pub fn stream(&self) -> RawStreamName<'a> {
        let Head { namespace, stream, .. } = &self.head;
        RawStreamName { namespace: namespace.clone().map(|range| &self.line[range]), name: &self.line[stream.clone()] }
    }

    /// The cursor before the data of the record. The caller steps over them before it calls [`close`](Self::close).
    #[inline]
    pub fn data(&mut self) -> &mut Cursor<'a> {
        &mut self.cursor
    }

    /// Reads the rest of the line, and returns when the record was extracted, in milliseconds since 1970; 0 if the
    /// source does not say. `None` if the line is not a plain record after all.
    #[inline]
    pub fn close(mut self) -> Option<i64> {
        if self.find_data(false)? || self.find_record(false)? || !self.cursor.is_at_end() {
            return None;
        }
        self.head.seen.kind.then(|| milliseconds(self.head.emitted_at))
    }

    /// Steps through the members of the message until it has entered the record: returns whether there is one.
    fn find_record(&mut self, mut is_first: bool) -> Option<bool> {
        while self.cursor.next_member(std::mem::take(&mut is_first))? {
            let key = self.cursor.key()?;
            match key.raw {
                _ if key.has_escape => return None,
                "type" => {
                    first_time(&mut self.head.seen.kind)?;
                    let Value::Text(kind) = self.cursor.value()? else { return None };
                    (kind.raw == "RECORD").then_some(())?;
                }
                "record" => {
                    first_time(&mut self.head.seen.record)?;
                    self.cursor.enter_object()?;
                    return Some(true);
                }
                "state" => self.null(|seen| &mut seen.state)?,
                "trace" => self.null(|seen| &mut seen.trace)?,
                _ => drop(self.cursor.value()?),
            }
        }
        Some(false)
    }

    /// Steps through the members of the record until it is before the data: returns whether there are data.
    #[inline]
    fn find_data(&mut self, mut is_first: bool) -> Option<bool> {
        while self.cursor.next_member(std::mem::take(&mut is_first))? {
            if self.cursor.skip_key("\"emitted_at\"") {
                // Usually the only key after the data.
                self.read_time()?;
                continue;
            }
            let key = self.cursor.key()?;
            match key.raw {
                _ if key.has_escape => return None,
                // After the data it would be too late.
                "namespace" if !self.head.seen.data => {
                    first_time(&mut self.head.seen.namespace)?;
                    self.head.namespace = Some(self.value_range()?).filter(|range| self.line[range.clone()] != *"null");
                }
                "stream" if !self.head.seen.data => {
                    first_time(&mut self.head.seen.stream)?;
                    self.head.stream = self.value_range()?;
                }
                "data" => {
                    first_time(&mut self.head.seen.data)?;
                    return Some(true);
                }
                "namespace" | "stream" => return None,
                _ => drop(self.cursor.value()?),
            }
        }
        Some(false)
    }

    #[inline]
    fn read_time(&mut self) -> Option<()> {
        first_time(&mut self.head.seen.emitted_at)?;
        self.head.emitted_at = match self.cursor.value()? {
            Value::Null => None,
            Value::Number(number) => Some(float(number)?),
            _ => return None,
        };
        Some(())
    }

    /// Steps over a value and returns its range in the line.
    fn value_range(&mut self) -> Option<Range<usize>> {
        let length = self.cursor.raw_value()?.len();
        let end = self.cursor.text_before().len();
        Some(end - length..end)
    }

    /// Steps over a value that is null in a plain record.
    fn null(&mut self, key: fn(&mut Seen) -> &mut bool) -> Option<()> {
        first_time(key(&mut self.head.seen))?;
        (self.cursor.value()? == Value::Null).then_some(())
    }
}

/// The number, read as serde_json does.
#[inline]
fn float(number: &str) -> Option<f64> {
    // A float holds so many digits exactly. Times in milliseconds have 13.
    const EXACT_DIGITS: usize = 15;
    if number.len() <= EXACT_DIGITS
        && let Ok(integer) = number.parse::<u64>()
    {
        #[expect(clippy::cast_precision_loss, reason = "it has few enough digits")]
        return Some(integer as f64);
    }
    serde_json::from_str(number).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Message;

    /// The stream, the data and the time that this reader finds.
    fn plain(line: &str) -> Option<(RawStreamName<'_>, &str, i64)> {
        let mut reader = RecordReader::default();
        reader.open(line)?;
        // The second time it knows the beginning of the line.
        let mut open = reader.open(line)?;
        let data = open.data().raw_value()?;
        Some((open.stream(), data, open.close()?))
    }

    /// Compares this reader with the reader of all messages: whether the record is plain.
    fn agrees(line: &str) -> Result<bool, String> {
        let Some(plain) = plain(line) else { return Ok(false) };
        match Message::parse(line) {
            Ok(Message::Record(record)) if plain == (record.stream(), record.data.get(), record.extracted_at_ms()) => {
                Ok(true)
            }
            other => Err(format!("{line}: {plain:?} and not {other:?}")),
        }
    }

    #[test]
    fn records_as_platforms_write_them_are_plain() {
        for line in [
            r#"{"type":"RECORD","record":{"stream":"s","data":{"a":1},"emitted_at":1700000000000}}"#,
            r#"{"type": "RECORD", "record": {"namespace": "n", "stream": "s", "data": {}, "emitted_at": 1.7e12, "meta": {"changes": []}}}"#,
            r#"{"type":"RECORD","log":null,"spec":null,"state":null,"trace":null,"record":{"namespace":null,"stream":"s","data":{"a":{"b":[1,2]}},"emitted_at":null,"meta":null},"control":null}"#,
            r#" {"record":{"emitted_at":1700000000,"stream":"s\u0020","data":[]},"type":"RECORD","new key":[{}]} "#,
            r#"{"type":"RECORD","record":{"stream":"s","data":{}}}"#,
        ] {
            assert_eq!(agrees(line), Ok(true), "{line}");
        }
    }

    #[test]
    fn a_known_beginning_is_not_taken_for_a_longer_one() {
        let mut reader = RecordReader::default();
        for (stream, data) in [("a", "1"), ("a", "2"), ("ab", "3"), ("a", "4")] {
            let line = format!(r#"{{"type":"RECORD","record":{{"stream":"{stream}","data":{data},"emitted_at":7}}}}"#);
            let mut open = reader.open(&line).unwrap();
            assert_eq!(open.stream(), RawStreamName { namespace: None, name: &format!("\"{stream}\"") });
            assert_eq!(open.data().raw_value(), Some(data));
            assert_eq!(open.close(), Some(7_000));
        }
    }

    #[test]
    fn other_lines_are_not_plain_records() {
        for line in [
            "",
            "[]",
            r#"{"type":"STATE","state":{}}"#,
            r#"{"type":"RECORD","record":null}"#,
            r#"{"type":"RECORD","record":{"data":{},"stream":"s"}}"#,
            r#"{"type":"RECORD","record":{"stream":"s","data":{},"namespace":"n"}}"#,
            r#"{"type":"RECORD","record":{"stream":"s","data":{},"data":{}}}"#,
            r#"{"type":"RECORD","record":{"stream":"s","stream":"t","data":{}}}"#,
            r#"{"type":"RECORD","record":{"namespace":"n","namespace":"n","stream":"s","data":{}}}"#,
            r#"{"type":"RECORD","record":{"stream":"s","data":{},"emitted_at":"1"}}"#,
            r#"{"type":"RECORD","record":{"stream":"s","data":{},"emitted_at":1e999}}"#,
            r#"{"type":"RECORD","record":{"stream":"s","data":{},"emitted_at":1,"emitted_at":1}}"#,
            r#"{"type":"RECORD","record":{"stream":"s","data":{}},"record":{"stream":"s","data":{}}}"#,
            r#"{"type":"RECORD","type":"RECORD","record":{"stream":"s","data":{}}}"#,
            r#"{"type":"RECORD","record":{"stream":"s","data":{}},"trace":{}}"#,
            r#"{"type":"RECORD","record":{"stream":"s","data":{}},"state":null,"state":null}"#,
            r#"{"type":"RECORD","trace":null,"trace":null,"record":{"stream":"s","data":{}}}"#,
            r#"{"type":"LOG","record":{"stream":"s","data":{}}}"#,
            r#"{"record":{"stream":"s","data":{}}}"#,
            r#"{"type":"RECORD","record":{"stream":"s","data":{}}"#,
            r#"{"type":"RECORD","record":{"stream":"s","data":{}}}}"#,
            r#"{"type":"RECORD","record":{"stream":"s","data":{}}},"#,
        ] {
            assert_eq!(agrees(line), Ok(false), "{line}");
        }
    }

    /// The keys and values of messages in any order, right and wrong ones.
    fn any_line() -> impl Strategy<Value = String> {
        fn members(of: Vec<(&'static str, Vec<&'static str>)>) -> impl Strategy<Value = String> {
            let member = prop::sample::select(of).prop_flat_map(|(key, values)| {
                prop::sample::select(values).prop_map(move |value| format!("\"{key}\":{value}"))
            });
            prop::collection::vec(member, 0..6).prop_map(|members| members.join(","))
        }
        let record = members(vec![
            ("stream", vec!["\"s\"", "null", "1"]),
            ("namespace", vec!["\"n\"", "null", "\"\""]),
            ("data", vec!["{}", "{\"a\":[1]}", "null"]),
            ("emitted_at", vec!["1700000000000", "1.5", "-1", "null", "true", "123456789012345678901"]),
            ("meta", vec!["null", "{\"changes\":[]}"]),
            ("d\\u0061ta", vec!["{}"]),
        ]);
        let message = members(vec![
            ("type", vec!["\"RECORD\"", "\"RECORD\"", "\"LOG\"", "null"]),
            ("record", vec!["@", "@", "@", "null", "[]"]),
            ("state", vec!["null", "{}"]),
            ("trace", vec!["null", "{}", "1"]),
            ("log", vec!["null", "{}"]),
        ]);
        (message, record, ".{0,1}")
            .prop_map(|(message, record, rest)| format!("{{{}}}{rest}", message.replace('@', &format!("{{{record}}}"))))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn a_plain_record_is_read_as_the_reader_of_all_messages_reads_it(line in any_line()) {
            agrees(&line).map_err(TestCaseError::fail)?;
        }
    }
}
