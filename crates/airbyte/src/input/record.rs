//! A plain record, which nearly all lines are, read in one pass with its data.
//!
//! Between the head of a record and its end its data are taken where they stand, by whoever knows what they become. What
//! is not plain is left alone: then nothing has been decided, and [`crate::Message::parse`] reads the line. Whatever is
//! taken here is what that reader takes, which the tests below hold against it.

use std::ops::Range;

use super::message::{RawStreamName, milliseconds};
use crate::json::{Cursor, Value};

/// Opens the records of lines.
#[derive(Debug, Default)]
pub struct RecordReader {
    /// The line of the last record up to its data, and what it says: lines of one stream begin alike as a rule.
    last: String,
    head: Head,
}

/// What the part of a line before the data of its record says. Plain are records that tell their stream before their data
/// and repeat no key.
#[derive(Debug, Clone, Default)]
struct Head {
    namespace: Option<Range<usize>>,
    stream: Range<usize>,
    emitted_at: Option<f64>,
    seen: Seen,
}

/// The keys that have been met.
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

/// Notes that a key has been met; it may be so once.
fn once(seen: &mut bool) -> Option<()> {
    (!std::mem::replace(seen, true)).then_some(())
}

/// A line up to the data of its record.
#[derive(Debug)]
pub struct OpenRecord<'a> {
    line: &'a str,
    cursor: Cursor<'a>,
    head: Head,
}

impl RecordReader {
    /// The record of a line, up to its data.
    pub fn open<'a>(&mut self, line: &'a str) -> Option<OpenRecord<'a>> {
        if !self.last.is_empty() && line.starts_with(&self.last) {
            let cursor = Cursor::at(line, self.last.len());
            return Some(OpenRecord { line, cursor, head: self.head.clone() });
        }
        let mut open = OpenRecord { line, cursor: Cursor::new(line), head: Head::default() };
        open.cursor.enter_object()?;
        let is_found = open.find_record(true)? && open.find_data(true)? && open.head.seen.stream;
        if !is_found {
            return None;
        }
        self.last.clear();
        self.last.push_str(open.cursor.passed());
        self.head = open.head.clone();
        Some(open)
    }
}

impl<'a> OpenRecord<'a> {
    /// The names of its stream.
    pub fn stream(&self) -> RawStreamName<'a> {
        let Head { namespace, stream, .. } = &self.head;
        RawStreamName { namespace: namespace.clone().map(|place| &self.line[place]), name: &self.line[stream.clone()] }
    }

    /// The place of its data. They must be stepped over before the record is closed.
    pub fn data(&mut self) -> &mut Cursor<'a> {
        &mut self.cursor
    }

    /// When the record was extracted, in milliseconds since 1970, from the rest of the line.
    pub fn close(mut self) -> Option<i64> {
        if self.find_data(false)? || self.find_record(false)? || !self.cursor.is_at_end() {
            return None;
        }
        self.head.seen.kind.then(|| milliseconds(self.head.emitted_at))
    }

    /// Steps through the members of the message, into the record where there is one.
    fn find_record(&mut self, mut is_first: bool) -> Option<bool> {
        while self.cursor.next_member(std::mem::take(&mut is_first))? {
            let key = self.cursor.key()?;
            match key.raw {
                _ if key.has_escape => return None,
                "type" => {
                    once(&mut self.head.seen.kind)?;
                    let Value::Text(kind) = self.cursor.value()? else { return None };
                    (kind.raw == "RECORD").then_some(())?;
                }
                "record" => {
                    once(&mut self.head.seen.record)?;
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

    /// Steps through the members of the record, up to its data where they are to come.
    fn find_data(&mut self, mut is_first: bool) -> Option<bool> {
        while self.cursor.next_member(std::mem::take(&mut is_first))? {
            if self.cursor.skip_key("\"emitted_at\"") {
                // What comes behind the data as a rule.
                self.find_time()?;
                continue;
            }
            let key = self.cursor.key()?;
            match key.raw {
                _ if key.has_escape => return None,
                // Behind the data it would come too late.
                "namespace" if !self.head.seen.data => {
                    once(&mut self.head.seen.namespace)?;
                    self.head.namespace = Some(self.written()?).filter(|place| self.line[place.clone()] != *"null");
                }
                "stream" if !self.head.seen.data => {
                    once(&mut self.head.seen.stream)?;
                    self.head.stream = self.written()?;
                }
                "data" => {
                    once(&mut self.head.seen.data)?;
                    return Some(true);
                }
                "namespace" | "stream" => return None,
                _ => drop(self.cursor.value()?),
            }
        }
        Some(false)
    }

    fn find_time(&mut self) -> Option<()> {
        once(&mut self.head.seen.emitted_at)?;
        self.head.emitted_at = match self.cursor.value()? {
            Value::Null => None,
            Value::Number(number) => Some(float(number)?),
            _ => return None,
        };
        Some(())
    }

    /// Steps over a value and tells where it stands.
    fn written(&mut self) -> Option<Range<usize>> {
        let length = self.cursor.written()?.len();
        let end = self.cursor.passed().len();
        Some(end - length..end)
    }

    /// Steps over a value that is null in a record.
    fn null(&mut self, key: fn(&mut Seen) -> &mut bool) -> Option<()> {
        once(key(&mut self.head.seen))?;
        (self.cursor.value()? == Value::Null).then_some(())
    }
}

/// The number as serde_json reads it.
fn float(number: &str) -> Option<f64> {
    // As many digits as a float holds exactly. Times are numbers of 13 digits.
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

    /// What is read here: the names, the data, the time.
    fn plain(line: &str) -> Option<(RawStreamName<'_>, &str, i64)> {
        let mut reader = RecordReader::default();
        reader.open(line)?;
        // The second time from what the first has left behind.
        let mut open = reader.open(line)?;
        let data = open.data().written()?;
        Some((open.stream(), data, open.close()?))
    }

    /// What is taken here is what the reader of all messages takes.
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
    fn lines_that_begin_alike_are_told_from_others() {
        let mut reader = RecordReader::default();
        for (stream, data) in [("a", "1"), ("a", "2"), ("ab", "3"), ("a", "4")] {
            let line = format!(r#"{{"type":"RECORD","record":{{"stream":"{stream}","data":{data},"emitted_at":7}}}}"#);
            let mut open = reader.open(&line).unwrap();
            assert_eq!(open.stream(), RawStreamName { namespace: None, name: &format!("\"{stream}\"") });
            assert_eq!(open.data().written(), Some(data));
            assert_eq!(open.close(), Some(7_000));
        }
    }

    #[test]
    fn other_lines_are_left_alone() {
        for line in [
            "",
            "[]",
            r#"{"type":"STATE","state":{}}"#,
            r#"{"type":"RECORD","record":null}"#,
            r#"{"type":"RECORD","record":{"data":{},"stream":"s"}}"#,
            r#"{"type":"RECORD","record":{"stream":"s","data":{},"namespace":"n"}}"#,
            r#"{"type":"RECORD","record":{"stream":"s","data":{},"data":{}}}"#,
            r#"{"type":"RECORD","record":{"stream":"s","stream":"t","data":{}}}"#,
            r#"{"type":"RECORD","record":{"stream":"s","data":{},"emitted_at":"1"}}"#,
            r#"{"type":"RECORD","record":{"stream":"s","data":{},"emitted_at":1e999}}"#,
            r#"{"type":"RECORD","record":{"stream":"s","data":{},"emitted_at":1,"emitted_at":1}}"#,
            r#"{"type":"RECORD","record":{"stream":"s","data":{}},"record":{"stream":"s","data":{}}}"#,
            r#"{"type":"RECORD","type":"RECORD","record":{"stream":"s","data":{}}}"#,
            r#"{"type":"RECORD","record":{"stream":"s","data":{}},"trace":{}}"#,
            r#"{"type":"RECORD","record":{"stream":"s","data":{}},"state":null,"state":null}"#,
            r#"{"type":"LOG","record":{"stream":"s","data":{}}}"#,
            r#"{"record":{"stream":"s","data":{}}}"#,
            r#"{"type":"RECORD","record":{"stream":"s","data":{}}"#,
            r#"{"type":"RECORD","record":{"stream":"s","data":{}}}}"#,
            r#"{"type":"RECORD","record":{"stream":"s","data":{}}},"#,
        ] {
            assert_eq!(agrees(line), Ok(false), "{line}");
        }
    }

    /// The keys and values of messages in any order, with what does not belong there.
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
        fn what_is_taken_is_what_the_reader_of_all_messages_takes(line in any_line()) {
            agrees(&line).map_err(TestCaseError::fail)?;
        }
    }
}
