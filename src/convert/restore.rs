//! Rebuilds the record of a row that Salesforce returned.

use serde_json::value::RawValue;

use super::column::{Column, Columns, Kind};
use super::csv::NULL_MARKER;

/// The record of a row, with its source columns and JSON types. `cells` are in the order of the columns.
///
/// Null, empty text and missing values all became empty cells, and are null here. Dates and times have the form in
/// which they were sent. If the schema allows text and another type, the value is text.
pub fn restore<'a>(columns: &Columns, cells: impl IntoIterator<Item = &'a str>) -> Vec<(String, Box<RawValue>)> {
    let mut record: Vec<(String, Box<RawValue>)> = Vec::with_capacity(columns.len());
    let mut nested: Vec<(&str, String)> = Vec::new();
    for (column, cell) in columns.iter().zip(cells) {
        if column.clears() {
            continue;
        }
        let value = value(column, cell);
        let Some(object) = column.source().parent() else {
            record.push((column.source().name().to_owned(), value));
            continue;
        };
        let entry = format!("{}:{}", quoted(column.source().name()), value.get());
        match nested.iter_mut().find(|(name, _)| *name == object) {
            Some((_, fields)) => {
                fields.push(',');
                fields.push_str(&entry);
            }
            None => nested.push((object, entry)),
        }
    }
    for column in columns.iter().filter(|column| column.clears()) {
        let object = column.source().name();
        if nested.iter().all(|(name, _)| *name != object) {
            record.push((object.to_owned(), RawValue::NULL.to_owned()));
        }
    }
    record.extend(nested.into_iter().map(|(object, fields)| (object.to_owned(), raw(format!("{{{fields}}}")))));
    record
}

fn value(column: &Column, cell: &str) -> Box<RawValue> {
    if cell.is_empty() || cell == NULL_MARKER {
        return RawValue::NULL.to_owned();
    }
    let types = column.types();
    if types.array && column.kind() == Kind::MultiPicklist {
        let values: Vec<String> = cell.split(';').map(quoted).collect();
        return raw(format!("[{}]", values.join(",")));
    }
    if !types.text
        && let Ok(json) = RawValue::from_string(cell.to_owned())
        && matches!(
            (json.get().as_bytes().first(), types.number, types.boolean, types.array, types.object),
            (Some(b'-' | b'0'..=b'9'), true, ..)
                | (Some(b't' | b'f'), _, true, ..)
                | (Some(b'['), _, _, true, _)
                | (Some(b'{'), _, _, _, true)
        )
    {
        return json;
    }
    raw(quoted(cell))
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Wraps a text that is known to be JSON.
fn raw(json: String) -> Box<RawValue> {
    RawValue::from_string(json).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convert::SourceColumn;
    use airbyte::JsonTypes;

    #[test]
    fn values_get_their_json_types_back() {
        let none = JsonTypes::default();
        let text = JsonTypes { text: true, ..none };
        let number = JsonTypes { number: true, ..none };
        let plain = Kind::Text { longest: None };
        let table = [
            (Kind::Number, number, "12345678901234567890.10", "12345678901234567890.10"),
            (Kind::Number, number, "n/a", "\"n/a\""),
            (plain, number, "007", "\"007\""),
            (plain, text, "12", "\"12\""),
            (plain, JsonTypes { text: true, number: true, ..none }, "12", "\"12\""),
            (plain, text, "say \"x\"\n", "\"say \\\"x\\\"\\n\""),
            (Kind::Boolean, JsonTypes { boolean: true, ..none }, "true", "true"),
            (plain, JsonTypes { object: true, ..none }, "{\"a\": 1}", "{\"a\": 1}"),
            (plain, JsonTypes { array: true, ..none }, "[1]", "[1]"),
            (Kind::MultiPicklist, JsonTypes { array: true, ..none }, "A;B", "[\"A\",\"B\"]"),
            (Kind::Number, number, "", "null"),
            (Kind::Number, number, "#N/A", "null"),
        ];
        for (kind, types, cell, expected) in table {
            let columns = Columns::new(vec![Column::new(SourceColumn::top("f"), "F__c", kind, types)], None);
            let record = restore(&columns, [cell]);
            assert_eq!((record[0].0.as_str(), record[0].1.get()), ("f", expected), "{cell}");
        }
    }

    #[test]
    fn a_nested_object_that_was_null_is_null_again() {
        let plain = Kind::Text { longest: None };
        let name = Column::new(SourceColumn::top("n"), "Name", plain, JsonTypes { text: true, ..JsonTypes::default() });
        let columns = Columns::new(vec![Column::clearing("Parent", "ParentId"), name], None);
        let record = restore(&columns, ["#N/A", "x"]);
        let shown: Vec<_> = record.iter().map(|(name, value)| (name.as_str(), value.get())).collect();
        assert_eq!(shown, [("n", "\"x\""), ("Parent", "null")]);
    }

    #[test]
    fn members_of_a_nested_object_are_put_together() {
        let plain = Kind::Text { longest: None };
        let text = JsonTypes { text: true, ..JsonTypes::default() };
        let columns = Columns::new(
            vec![
                Column::new(SourceColumn::nested("Account", "Ext__c"), "Account.Ext__c", plain, text),
                Column::new(SourceColumn::top("n"), "Name", plain, text),
                Column::new(SourceColumn::nested("Account", "Code__c"), "Account.Code__c", plain, text),
            ],
            None,
        );
        let record = restore(&columns, ["A-1", "x", ""]);
        let shown: Vec<_> = record.iter().map(|(name, value)| (name.as_str(), value.get())).collect();
        assert_eq!(shown, [("n", "\"x\""), ("Account", r#"{"Ext__c":"A-1","Code__c":null}"#)]);
    }
}
