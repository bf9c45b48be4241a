//! The rows of a file with one JSON object a line, whose values keep their types.

use std::borrow::Cow;
use std::fmt;
use std::io::{BufRead, Read as _};
use std::str;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::error::{ReadError, doubled};
use super::file::Content;
use super::own_columns::{is_own, loaded_as};
use super::position::Tracker;
use airbyte::LONGEST_LINE;

/// Reads a JSONL file line by line.
pub(super) struct JsonlRows {
    bytes: Box<dyn BufRead + Send>,
    line: Vec<u8>,
    tracker: Tracker,
    renames: Vec<(String, String)>,
    /// The properties of the first lines.
    properties: Map<String, Value>,
}

/// The members of an object, in their order.
pub(super) struct Members<'a>(pub(super) Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfObject;
        impl<'de> Visitor<'de> for OfObject {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut members = Vec::new();
                while let Some((name, value)) = map.next_entry::<Name<'de>, &'de RawValue>()? {
                    members.push((name.0, value));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(OfObject)
    }
}

/// A name, which is borrowed unless it has an escape.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl JsonlRows {
    /// Looks at the first lines. Columns that a result file adds are left out, unless `renames` gives them a field.
    pub(super) fn open(content: Content, renames: &[(String, String)]) -> Self {
        let mut tracker = Tracker::default();
        tracker.add(content.bom());
        let properties = properties_of(&content.head, renames);
        Self { bytes: content.bytes(), line: Vec::new(), tracker, renames: renames.to_vec(), properties }
    }

    pub(super) fn properties(&self) -> &Map<String, Value> {
        &self.properties
    }

    pub(super) fn bytes(&mut self) -> (&mut dyn BufRead, &mut Tracker) {
        (&mut *self.bytes, &mut self.tracker)
    }

    pub(super) fn tracker(&self) -> &Tracker {
        &self.tracker
    }

    /// Appends the next object to `data`. False at the end of the file.
    pub(super) fn next(&mut self, data: &mut Vec<u8>) -> Result<bool, ReadError> {
        loop {
            self.line.clear();
            let number = self.tracker.lines() + 1;
            (&mut *self.bytes).take(LONGEST_LINE as u64).read_until(b'\n', &mut self.line)?;
            if self.line.is_empty() {
                return Ok(false);
            }
            if self.line.len() == LONGEST_LINE && !self.line.ends_with(b"\n") {
                return Err(ReadError::row(number, "it is longer than any record can be"));
            }
            let line = self.line.trim_ascii();
            if !line.is_empty() {
                let text = str::from_utf8(line).map_err(|_| ReadError::row(number, "it is not UTF-8"))?;
                let Members(members) = serde_json::from_str(text).map_err(|error| {
                    // The words of the parser may quote a value.
                    let column = error.column();
                    ReadError::row(number, format!("it is no JSON object (column {column}); each line must be one"))
                })?;
                append(text, &members, &self.renames, data).map_err(|why| ReadError::row(number, why))?;
                self.tracker.add(&self.line);
                self.tracker.add_row();
                return Ok(true);
            }
            self.tracker.add(&self.line);
        }
    }
}

/// Appends an object, without the members that are left out. The error says why it cannot be loaded.
fn append(
    line: &str,
    members: &[(Cow<'_, str>, &RawValue)],
    renames: &[(String, String)],
    data: &mut Vec<u8>,
) -> Result<(), String> {
    if !members.iter().any(|(name, _)| is_own(name)) {
        data.extend_from_slice(line.as_bytes());
        return Ok(());
    }
    let mut separator = b'{';
    for (name, value) in members {
        let Some(loaded) = loaded_as(name, renames) else { continue };
        if loaded != name && members.iter().any(|(other, _)| other == loaded) {
            return Err(doubled(name, loaded));
        }
        data.push(std::mem::replace(&mut separator, b','));
        data.extend_from_slice(format!("{}:{}", Value::from(loaded), value.get()).as_bytes());
    }
    data.extend_from_slice(if separator == b'{' { b"{}" } else { b"}" });
    Ok(())
}

/// The properties of a JSON schema for the objects of whole lines. What cannot be read is for the reader to report.
fn properties_of(head: &[u8], renames: &[(String, String)]) -> Map<String, Value> {
    let mut properties = Map::new();
    for line in head.split(|byte| *byte == b'\n') {
        let Ok(Value::Object(object)) = serde_json::from_slice::<Value>(line) else { continue };
        let object =
            object.into_iter().filter_map(|(name, value)| Some((loaded_as(&name, renames)?.to_owned(), value)));
        add_properties(object, &mut properties, true);
    }
    properties
}

fn add_properties(object: impl IntoIterator<Item = (String, Value)>, properties: &mut Map<String, Value>, nests: bool) {
    for (name, value) in object {
        let property = properties.entry(name).or_insert_with(|| json!({"type": ["null"]}));
        let kind = match &value {
            Value::Null => continue,
            Value::Bool(_) => "boolean",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        let Some(types) = property["type"].as_array_mut() else { continue };
        if !types.iter().any(|known| known == kind) {
            types.push(kind.into());
        }
        if let (Value::Object(members), true) = (value, nests) {
            let mut known = match property["properties"].take() {
                Value::Object(known) => known,
                _ => Map::new(),
            };
            add_properties(members, &mut known, false);
            property["properties"] = Value::Object(known);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::super::file::{FileFormat, InputFile};
    use super::*;

    fn open(text: impl AsRef<[u8]>) -> JsonlRows {
        open_with(text, &[])
    }

    fn open_with(text: impl AsRef<[u8]>, renames: &[(&str, &str)]) -> JsonlRows {
        let content = InputFile::Stdin.open(Some(FileFormat::Jsonl), Cursor::new(text.as_ref().to_vec())).unwrap();
        let renames: Vec<_> =
            renames.iter().map(|(column, field)| ((*column).to_owned(), (*field).to_owned())).collect();
        JsonlRows::open(content, &renames)
    }

    /// The next object, or why it cannot be loaded.
    fn next(rows: &mut JsonlRows) -> Result<String, String> {
        let mut data = Vec::new();
        match rows.next(&mut data) {
            Ok(is_row) => Ok(if is_row { String::from_utf8(data).unwrap() } else { "the end".to_owned() }),
            Err(ReadError::Row(problem)) => Err(format!("{} {}", problem.line, problem.why)),
            Err(ReadError::Io(error)) => panic!("{error}"),
        }
    }

    #[test]
    fn a_column_of_a_result_file_is_left_out_unless_it_goes_to_a_field_that_has_no_column_of_its_own() {
        let line = r#"{"sf__Id":"001","a":1,"sf__Created":true,"written_records":1,"rejected_reason":"x"}"#;
        for (line, renames, expected) in [
            (line, &[][..], Ok(r#"{"a":1}"#)),
            (line, &[("sf__Id", "Id")], Ok(r#"{"Id":"001","a":1}"#)),
            (line, &[("a", "Name")], Ok(r#"{"a":1}"#)),
            (line, &[("rejected_reason", "Note"), ("sf__Id", "Id")], Ok(r#"{"Id":"001","a":1,"Note":"x"}"#)),
            (r#"{"source_row":7}"#, &[], Ok("{}")),
            (r#"{"Id":"002","sf__Id":"001"}"#, &[], Ok(r#"{"Id":"002"}"#)),
            (r#"{"Id":"002","sf__Id":"001"}"#, &[("sf__Id", "Id")], Err("takes its column sf__Id to Id")),
            (r#"{"sf__Id":"001","Id":null}"#, &[("sf__Id", "Id")], Err("takes its column sf__Id to Id")),
            (r#"{"sf__Id":"001"}"#, &[("sf__Id", "sf__Id")], Ok(r#"{"sf__Id":"001"}"#)),
        ] {
            let mut rows = open_with(line, renames);
            match (next(&mut rows), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{renames:?}"),
                (Err(found), Err(expected)) => assert!(found.contains(expected), "{found}"),
                (found, _) => panic!("{line} {renames:?}: {found:?}"),
            }
        }
        let rows = open_with(line, &[("sf__Id", "Id")]);
        assert_eq!(rows.properties().keys().collect::<Vec<_>>(), ["Id", "a"]);
    }

    #[test]
    fn a_line_that_is_not_utf_8_is_named() {
        let mut rows = open(b"{\"a\":1}\n{\"a\":\"\xe4\"}\n");
        assert_eq!(next(&mut rows), Ok(r#"{"a":1}"#.to_owned()));
        assert_eq!(next(&mut rows), Err("2 it is not UTF-8".to_owned()));
    }

    /// The words for what is no object name it only if it is a line.
    #[test]
    fn a_line_that_is_longer_than_any_record_is_refused_as_that() {
        for (length, end, why) in [
            (LONGEST_LINE, "", "1 it is longer than any record can be"),
            (LONGEST_LINE, "\n", "1 it is longer than any record can be"),
            (LONGEST_LINE - 1, "\n", "1 it is no JSON object (column 1); each line must be one"),
        ] {
            let text = [vec![b'x'; length].as_slice(), end.as_bytes()].concat();
            assert_eq!(next(&mut open(text)), Err(why.to_owned()), "{length} {end:?}");
        }
    }

    #[test]
    fn lines_of_blanks_are_no_objects() {
        let mut rows = open("\n \t\n{\"a\":1}\n\r\n   ");
        assert_eq!(next(&mut rows), Ok(r#"{"a":1}"#.to_owned()));
        assert_eq!(next(&mut rows), Ok("the end".to_owned()));
        assert_eq!(rows.tracker().position().rows, 1);
    }

    #[test]
    fn an_object_stays_as_it_is_but_for_the_columns_of_an_error_file() {
        let text = "\u{feff}{\"a\":1.50,\"b\":{\"c\":[true]}}\r\n\n  {\"a\":null, \"sf__Error\":\"x\",\"d\":\"\\u00e4\",\"source_row\":2}\n{}";
        let mut rows = open(text);
        let mut found = Vec::new();
        loop {
            let mut data = Vec::new();
            if !rows.next(&mut data).unwrap() {
                break;
            }
            found.push(String::from_utf8(data).unwrap());
        }
        assert_eq!(found, [r#"{"a":1.50,"b":{"c":[true]}}"#, r#"{"a":null,"d":"\u00e4"}"#, "{}"]);
        let position = rows.tracker().position();
        assert_eq!((position.rows, position.lines, position.offset), (3, 3, text.len() as u64));
    }

    #[test]
    fn the_first_lines_show_the_columns_and_their_types() {
        let rows = open(
            "{\"a\":1,\"b\":null,\"sf__Id\":\"x\"}\nbroken\n{\"a\":\"x\",\"Account\":{\"Key__c\":true}}\n\
             {\"a\":2,\"Account\":{\"Place\":{\"x\":1}}}\n",
        );
        assert_eq!(
            Value::Object(rows.properties().clone()),
            json!({
                "a": {"type": ["null", "number", "string"]},
                "b": {"type": ["null"]},
                "Account": {"type": ["null", "object"], "properties": {
                    "Key__c": {"type": ["null", "boolean"]}, "Place": {"type": ["null", "object"]},
                }},
            })
        );
    }

    #[test]
    fn a_line_that_is_no_object_is_named_without_its_text() {
        for (text, line) in [("{}\n[1]\n", 2), ("{\"secret\":\n1}\n", 1), ("{}\n\n\"secret\"\n", 3), ("{} {}\n", 1)] {
            let mut rows = open(text);
            let problem = loop {
                match rows.next(&mut Vec::new()) {
                    Ok(more) => assert!(more, "{text}"),
                    Err(ReadError::Row(problem)) => break problem,
                    Err(ReadError::Io(error)) => panic!("{error}"),
                }
            };
            assert_eq!(problem.line, line, "{text}");
            assert!(problem.why.contains("no JSON object") && !problem.why.contains("secret"), "{problem:?}");
        }
    }
}
