//! A model of the conversion: the rules of `docs/values.md` with plain serde_json.

use std::collections::HashSet;
use std::fmt;

use crate::moment;
use destination_salesforce::config::NullHandling;
use destination_salesforce::convert::{Column, Columns, Kind, NULL_MARKER};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The expected result for the data of a record.
#[derive(Debug)]
pub enum Expected {
    /// The data are not an object.
    NotAnObject,
    /// The record is rejected.
    Rejected,
    /// The record becomes a row; it may be rejected if the row says so.
    Row(ExpectedRow),
}

/// The expected row.
#[derive(Debug)]
pub struct ExpectedRow {
    /// The cells in the order of the columns.
    pub cells: Vec<Cell>,
    /// Whether the record may also be rejected, for a value that a later one replaces.
    pub may_be_rejected: bool,
}

/// An expected cell.
#[derive(Debug, Clone)]
pub enum Cell {
    /// This text.
    Text {
        /// The text.
        text: String,
        /// The JSON of its value.
        json: String,
    },
    /// A text that is cut where the model does not know: several characters may be seen as one.
    Any,
    /// None: the value is rejected.
    Rejected,
}

impl Cell {
    /// Whether it is empty as a key.
    pub fn is_blank(&self) -> bool {
        matches!(self, Self::Text { text, .. } if text.trim().is_empty() || text == NULL_MARKER)
    }

    /// Checks a cell, and the record that was restored from its row.
    pub fn check(&self, cell: &str, column: &Column, restored: &[(String, Box<RawValue>)]) {
        let Self::Text { text, json } = self else { return };
        assert_eq!(cell, text, "{column:?}");
        let source = column.source();
        let field = |name: &str| &*restored.iter().find(|(restored, _)| restored == name).unwrap().1;
        let value = match source.parent() {
            None => field(source.name()),
            Some(object) => {
                members(field(object).get()).unwrap().into_iter().rfind(|(name, _)| name == source.name()).unwrap().1
            }
        };
        if text.is_empty() || text == NULL_MARKER {
            assert_eq!(value.get(), "null");
            return;
        }
        let types = column.types();
        let text_of =
            |json: &RawValue| serde_json::from_str::<String>(json.get()).map_err(|error| format!("{json}: {error}"));
        match json.as_bytes()[0] {
            b'"' if types.text => assert_eq!(text_of(value).as_ref(), Ok(text)),
            b'[' if column.kind() == Kind::MultiPicklist => {
                let values: Vec<&RawValue> = serde_json::from_str(value.get()).unwrap();
                let values: Vec<String> = values.into_iter().map(|it| text_of(it).unwrap()).collect();
                assert_eq!(values.join(";"), *text);
            }
            b'-' | b'0'..=b'9' if types.number && !types.text => assert_eq!(value.get(), text),
            b't' | b'f' if types.boolean && !types.text && column.kind() != Kind::Number => {
                assert_eq!(value.get(), text)
            }
            b'[' if types.array && !types.text => assert_eq!(value.get(), text),
            b'{' if types.object && !types.text => assert_eq!(value.get(), text),
            _ => {}
        }
    }
}

/// The expected result for `data`.
pub fn expect(data: &str, columns: &Columns, nulls: NullHandling) -> Expected {
    if !data.starts_with('{') {
        return Expected::NotAnObject;
    }
    // A name is not Unicode.
    let Some(fields) = members(data) else { return Expected::Rejected };
    let absent = Cell::Text { text: String::new(), json: "null".to_owned() };
    let mut row = ExpectedRow { cells: vec![absent; columns.len()], may_be_rejected: false };
    let mut is_rejected = false;
    let of_object =
        |object: &str| columns.iter().any(|it| it.source().parent() == Some(object)) || object.starts_with('N');
    let mut seen = HashSet::new();
    for (name, value) in fields {
        // The earlier value of a repeated name may be rejected or not.
        row.may_be_rejected |= seen.contains(&name);
        if !of_object(&name) {
            let column = columns.iter().position(|it| it.source().parent().is_none() && it.source().name() == name);
            column.into_iter().for_each(|it| row.put(it, &columns[it], value, nulls));
            seen.insert(name);
            continue;
        }
        match members(value.get()) {
            Some(fields) => {
                let mut seen = HashSet::new();
                for (field, value) in fields {
                    let is = |it: &Column| it.source().parent() == Some(&*name) && it.source().name() == field;
                    columns.iter().position(is).into_iter().for_each(|it| row.put(it, &columns[it], value, nulls));
                    row.may_be_rejected |= !seen.insert(field);
                }
            }
            None if value.get() == "null" => {
                let all = (0..columns.len()).filter(|it| columns[*it].source().parent() == Some(&name));
                all.for_each(|it| row.put(it, &columns[it], value, nulls));
            }
            None => is_rejected = true,
        }
        seen.insert(name);
    }
    is_rejected |= !row.may_be_rejected && row.cells.iter().any(|cell| matches!(cell, Cell::Rejected));
    if is_rejected { Expected::Rejected } else { Expected::Row(row) }
}

impl ExpectedRow {
    fn put(&mut self, index: usize, column: &Column, value: &RawValue, nulls: NullHandling) {
        self.cells[index] = cell(column.kind(), value.get(), nulls);
    }
}

fn cell(kind: Kind, json: &str, nulls: NullHandling) -> Cell {
    let some = |text: String| Cell::Text { text, json: json.to_owned() };
    // A checkbox cannot be null.
    let clears = nulls == NullHandling::Clear && kind != Kind::Boolean;
    let nothing = || some(if clears { NULL_MARKER.to_owned() } else { String::new() });
    let is_moment = matches!(kind, Kind::Date | Kind::DateTime | Kind::Time);
    match json.as_bytes()[0] {
        b'n' => nothing(),
        b'"' => match serde_json::from_str::<String>(json) {
            Err(_) => Cell::Rejected,
            Ok(text) if text.is_empty() => nothing(),
            Ok(text) if text == NULL_MARKER => Cell::Rejected,
            Ok(text) => match kind {
                Kind::Text { longest } => {
                    let text = one_line_end(&text);
                    cut(&text, longest).map_or(Cell::Any, some)
                }
                Kind::Number | Kind::MultiPicklist => some(one_line_end(&text)),
                Kind::Boolean => match text.to_ascii_lowercase().as_str() {
                    "true" | "1" => some("true".to_owned()),
                    "false" | "0" => some("false".to_owned()),
                    _ => Cell::Rejected,
                },
                Kind::Date | Kind::DateTime | Kind::Time => moment::of(kind, &text).map_or(Cell::Rejected, some),
            },
        },
        b't' | b'f' => match kind {
            Kind::Boolean | Kind::Text { .. } => some(json.to_owned()),
            _ => Cell::Rejected,
        },
        b'[' if kind == Kind::MultiPicklist => match list(json).as_deref() {
            None | Some(NULL_MARKER) => Cell::Rejected,
            Some("") => nothing(),
            Some(joined) => some(one_line_end(joined)),
        },
        b'[' | b'{' => match kind {
            Kind::Text { .. } => some(one_line_end(json)),
            _ => Cell::Rejected,
        },
        _ if is_moment => Cell::Rejected,
        _ if kind == Kind::Boolean => match json {
            "1" => some("true".to_owned()),
            "0" => some("false".to_owned()),
            _ => Cell::Rejected,
        },
        _ => some(json.to_owned()),
    }
}

/// The values of a multi-select picklist. `None` if one of them cannot be a value.
fn list(json: &str) -> Option<String> {
    let values: Vec<&RawValue> = serde_json::from_str(json).ok()?;
    let text = |value: &RawValue| {
        let text = match value.get().as_bytes()[0] {
            b'"' => serde_json::from_str::<String>(value.get()).ok()?,
            b'n' | b'[' | b'{' => return None,
            _ => value.get().to_owned(),
        };
        (!text.is_empty() && !text.contains(';')).then_some(text)
    };
    Some(values.into_iter().map(text).collect::<Option<Vec<_>>>()?.join(";"))
}

fn one_line_end(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

/// The text that is sent. `None` if the model does not know it: several characters may be seen as one.
fn cut(text: &str, longest: Option<usize>) -> Option<String> {
    match longest {
        Some(longest) if text.encode_utf16().count() > longest => {
            let kept = text.get(..longest).filter(|_| text.is_ascii())?;
            Some(if kept == NULL_MARKER { text } else { kept }.to_owned())
        }
        _ => Some(text.to_owned()),
    }
}

/// The members of an object in their order. `None` if it is not an object or has a name that is not Unicode.
fn members(json: &str) -> Option<Vec<(String, &RawValue)>> {
    serde_json::from_str::<Members<'_>>(json).ok().map(|members| members.0)
}

struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry::<String, &RawValue>()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}
