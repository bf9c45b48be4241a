//! Rebuilds the record of a row that Salesforce returned.

use serde_json::value::RawValue;

use super::column::{Column, Columns, Kind};
use super::csv::NULL_MARKER;
use super::row_types::{JsonType, RowTypes};
use airbyte::JsonTypes;

/// The record of a row, with its source columns and JSON types. `cells` are in the order of the columns. Without `types`
/// the schema decides about the types, and text wins where it allows several.
///
/// Null, empty text and missing values all became empty cells, and are null here. Dates and times have the form in
/// which they were sent.
pub fn restore<'a>(
    columns: &Columns,
    cells: impl IntoIterator<Item = &'a str>,
    types: Option<&RowTypes>,
) -> Vec<(String, Box<RawValue>)> {
    let mut record: Vec<(String, Box<RawValue>)> = Vec::with_capacity(columns.len());
    let mut nested: Vec<(&str, String)> = Vec::new();
    for (index, (column, cell)) in columns.iter().zip(cells).enumerate() {
        if column.clears() {
            continue;
        }
        let json_type = types.map_or(JsonType::Null, |types| types.of(index));
        let value = value(column, cell, json_type);
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

const NONE: JsonTypes = JsonTypes { text: false, number: false, boolean: false, array: false, object: false };

fn value(column: &Column, cell: &str, json_type: JsonType) -> Box<RawValue> {
    if cell.is_empty() || cell == NULL_MARKER {
        return RawValue::NULL.to_owned();
    }
    let json = match json_type {
        JsonType::Null => None,
        JsonType::Text => return raw(quoted(cell)),
        JsonType::Array if column.kind() == Kind::MultiPicklist => return list(cell),
        // A checkbox takes 1 and 0 too.
        JsonType::Number if column.kind() == Kind::Boolean => {
            return raw(if cell == "true" { "1" } else { "0" }.to_owned());
        }
        JsonType::Number => of_types(cell, JsonTypes { number: true, ..NONE }),
        JsonType::Boolean => of_types(cell, JsonTypes { boolean: true, ..NONE }),
        JsonType::Array => of_types(cell, JsonTypes { array: true, ..NONE }),
        JsonType::Object => of_types(cell, JsonTypes { object: true, ..NONE }),
    };
    json.unwrap_or_else(|| by_schema(column, cell))
}

/// A value whose type is not known, as the schema of the stream allows it.
fn by_schema(column: &Column, cell: &str) -> Box<RawValue> {
    let types = column.types();
    if types.array && column.kind() == Kind::MultiPicklist {
        return list(cell);
    }
    let json = if types.text { None } else { of_types(cell, types) };
    json.unwrap_or_else(|| raw(quoted(cell)))
}

/// The cell as JSON text, if it is a value of one of these types other than text.
fn of_types(cell: &str, types: JsonTypes) -> Option<Box<RawValue>> {
    let json = RawValue::from_string(cell.to_owned()).ok()?;
    let is_of_types = match json.get().as_bytes().first()? {
        b'-' | b'0'..=b'9' => types.number,
        b't' | b'f' => types.boolean,
        b'[' => types.array,
        b'{' => types.object,
        _ => false,
    };
    is_of_types.then_some(json)
}

/// The values of a multi-select picklist.
fn list(cell: &str) -> Box<RawValue> {
    let values: Vec<String> = cell.split(';').map(quoted).collect();
    raw(format!("[{}]", values.join(",")))
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
    use std::sync::Arc;

    use airbyte::json::Cursor;

    use crate::config::NullHandling;
    use crate::convert::{Converted, Converter, SourceColumn};

    #[test]
    fn each_value_gets_the_type_back_that_it_had() {
        use Kind::{Boolean, MultiPicklist, Number};
        let plain = Kind::Text { longest: None };
        let (text, other) = (JsonTypes { text: true, ..JsonTypes::default() }, JsonTypes::default());
        let cases = [
            (Boolean, r#""true""#),
            (Boolean, "1"),
            (Boolean, "true"),
            (Boolean, "0"),
            (Boolean, "false"),
            (plain, "5"),
            (plain, r#""5""#),
            (plain, "1.0"),
            (plain, "1"),
            (plain, "12345678901234567890.10"),
            (plain, r#""12345678901234567890.10""#),
            (plain, "true"),
            (plain, r#""true""#),
            (plain, r#"{"a": [1, "x"]}"#),
            (plain, r#""{\"a\": 1}""#),
            (plain, "[1, 2]"),
            (plain, r#""[1]""#),
            (Number, "1e3"),
            (Number, r#""1e3""#),
            (Number, "-0"),
            (MultiPicklist, r#""A""#),
            (MultiPicklist, r#"["A"]"#),
            (MultiPicklist, r#"["A","B"]"#),
            (MultiPicklist, r#""A;B""#),
            (MultiPicklist, "7"),
        ];
        for types in [text, other, JsonTypes { number: true, boolean: true, array: true, object: true, ..text }] {
            for (kind, json) in cases {
                // The type of an earlier value must not matter.
                for before in ["null", "1", r#""0""#, json] {
                    let columns = vec![Column::new(SourceColumn::top("f"), "F__c", kind, types)];
                    let mut converter = Converter::new(Arc::new(Columns::new(columns, None)), NullHandling::Ignore);
                    for value in [before, json] {
                        let record = format!(r#"{{"f":{value}}}"#);
                        assert!(matches!(converter.convert(&mut Cursor::new(&record)), Ok(Converted::Row)), "{record}");
                    }
                    let mut reader = ::csv::ReaderBuilder::new().has_headers(false).from_reader(converter.row().csv);
                    let row = reader.records().next().unwrap().unwrap();
                    let restored = restore(converter.columns(), &row, Some(converter.row_types()));
                    assert_eq!(restored[0].1.get(), json, "{kind:?} {types:?} after {before}");
                }
            }
        }
    }

    #[test]
    fn without_types_the_schema_decides() {
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
            (Kind::MultiPicklist, text, "A;B", "\"A;B\""),
            // A text that looks like JSON of another type.
            (Kind::Number, number, "null", "\"null\""),
            (Kind::Number, number, "true", "\"true\""),
            (plain, JsonTypes { object: true, ..none }, "\"x\"", "\"\\\"x\\\"\""),
            (plain, JsonTypes { boolean: true, ..none }, "0", "\"0\""),
            (plain, JsonTypes { boolean: true, ..none }, "false", "false"),
            (plain, JsonTypes { array: true, ..none }, "{}", "\"{}\""),
            (plain, JsonTypes { object: true, ..none }, "[]", "\"[]\""),
            (Kind::Number, number, "-1", "-1"),
            (Kind::Number, number, "", "null"),
            (Kind::Number, number, "#N/A", "null"),
        ];
        for (kind, types, cell, expected) in table {
            let columns = Columns::new(vec![Column::new(SourceColumn::top("f"), "F__c", kind, types)], None);
            let record = restore(&columns, [cell], None);
            assert_eq!((record[0].0.as_str(), record[0].1.get()), ("f", expected), "{cell}");
        }
    }

    #[test]
    fn a_nested_object_that_was_null_is_null_again() {
        let plain = Kind::Text { longest: None };
        let name = Column::new(SourceColumn::top("n"), "Name", plain, JsonTypes { text: true, ..JsonTypes::default() });
        let columns = Columns::new(vec![Column::clearing("Parent", "ParentId"), name], None);
        let record = restore(&columns, ["#N/A", "x"], None);
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
        let record = restore(&columns, ["A-1", "x", ""], None);
        let shown: Vec<_> = record.iter().map(|(name, value)| (name.as_str(), value.get())).collect();
        assert_eq!(shown, [("n", "\"x\""), ("Account", r#"{"Ext__c":"A-1","Code__c":null}"#)]);
    }

    #[test]
    fn a_nested_object_with_members_is_not_also_null() {
        let plain = Kind::Text { longest: None };
        let text = JsonTypes { text: true, ..JsonTypes::default() };
        let member = Column::new(SourceColumn::nested("Parent", "Name"), "Parent_Name__c", plain, text);
        let columns = Columns::new(vec![Column::clearing("Parent", "ParentId"), member], None);
        let record = restore(&columns, ["", "x"], None);
        let shown: Vec<_> = record.iter().map(|(name, value)| (name.as_str(), value.get())).collect();
        assert_eq!(shown, [("Parent", r#"{"Name":"x"}"#)]);
    }

    #[test]
    fn each_nested_object_has_its_own_members_and_a_null_of_its_own() {
        let text = JsonTypes { text: true, ..JsonTypes::default() };
        let member = |object: &str, name: &str| {
            let kind = Kind::Text { longest: None };
            Column::new(SourceColumn::nested(object, name), format!("{object}.{name}"), kind, text)
        };
        let columns = vec![
            member("Account", "Ext__c"),
            member("Owner", "Email"),
            Column::clearing("Parent", "ParentId"),
            member("Account", "Code__c"),
        ];
        let record = restore(&Columns::new(columns, None), ["A-1", "x", "#N/A", "c"], None);
        let shown: Vec<_> = record.iter().map(|(name, value)| (name.as_str(), value.get())).collect();
        assert_eq!(
            shown,
            [("Parent", "null"), ("Account", r#"{"Ext__c":"A-1","Code__c":"c"}"#), ("Owner", r#"{"Email":"x"}"#)]
        );
    }
}
