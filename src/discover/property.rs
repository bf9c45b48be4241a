//! A field as a property of a JSON schema, in JSON text.

use std::fmt::Write;

use serde_json::Value;

use salesforce::describe::{Field, FieldType};

/// The longest list of picklist values in a description, in bytes. A list of states or currencies has hundreds of
/// values, a large org has thousands of picklists, and the platform warns of messages of more than 20 million
/// characters.
const LONGEST_LIST: usize = 300;

/// The schema of a field, without its braces: its type and the length of its texts.
pub(super) fn json_type(field: &Field) -> String {
    let keywords = keywords(&field.field_type);
    match field.length {
        1.. if keywords.contains("string") => format!(r#"{keywords},"maxLength":{}"#, field.length),
        _ => keywords.to_owned(),
    }
}

/// The schema of a field with a description, where there is something to tell.
pub(super) fn schema(field: &Field) -> String {
    let mut schema = format!("{{{}", json_type(field));
    if let Some(description) = description(field) {
        // Writing to a string cannot fail.
        let _ = write!(schema, r#","description":{}"#, Value::from(description));
    }
    schema.push('}');
    schema
}

/// The JSON type that holds what a field takes. The platform knows the `airbyte_type`s of its own data types.
fn keywords(field_type: &FieldType) -> &'static str {
    use FieldType::{Boolean, Currency, Date, Datetime, Double, Int, Long, Multipicklist, Percent, Time};
    match field_type {
        Boolean => r#""type":"boolean""#,
        Int | Long => r#""type":"integer""#,
        Double | Currency | Percent => r#""type":"number""#,
        Date => r#""type":"string","format":"date""#,
        Datetime => r#""type":"string","format":"date-time","airbyte_type":"timestamp_with_timezone""#,
        Time => r#""type":"string","format":"time","airbyte_type":"time_without_timezone""#,
        Multipicklist => r#""type":["string","array"],"items":{"type":"string"}"#,
        _ => r#""type":"string""#,
    }
}

/// What the name and the type do not tell.
fn description(field: &Field) -> Option<String> {
    let values = &field.picklist_values;
    if values.is_empty() {
        return None;
    }
    let begin = match (&field.field_type, field.restricted_picklist) {
        (FieldType::Multipicklist, true) => "Any of: ",
        (FieldType::Multipicklist, false) => "Any values, such as: ",
        (_, true) => "One of: ",
        (_, false) => "Any value, such as: ",
    };
    let mut description = begin.to_owned();
    for (position, value) in values.iter().enumerate() {
        if position > 0 && description.len() + value.len() > LONGEST_LIST {
            let _ = write!(description, "; and {} more, which Salesforce Setup lists", values.len() - position);
            break;
        }
        let _ = write!(description, "{}{value}", if position > 0 { "; " } else { "" });
    }
    Some(description)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use salesforce::Operation;

    const PAGE: &str = include_str!("../../docs/discover.md");

    fn field(body: Value) -> Field {
        serde_json::from_value(body).unwrap()
    }

    fn schema_of(body: Value) -> Value {
        serde_json::from_str(&schema(&field(body))).unwrap()
    }

    #[test]
    fn every_type_has_the_schema_that_the_page_tells() {
        let row = |line: &'static str| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let &["", types, schema, _, ""] = &*cells else { return None };
            Some((types.split(", ").map(|it| it.trim_matches('`')).collect::<Vec<_>>(), schema.trim_matches('`')))
        };
        let mut told = Vec::new();
        for (types, expected) in PAGE.lines().filter(|line| line.starts_with("| `")).filter_map(row) {
            for name in types {
                let field = field(json!({"name": "F", "type": name, "createable": true, "updateable": true}));
                let offered = field.is_writable_by(Operation::Insert);
                assert_eq!(if offered { schema(&field) } else { "not offered".to_owned() }, expected, "{name}");
                told.push(name);
            }
        }
        // The types of the describe of version 62.0, and those that came and went with other versions.
        for name in [
            "string",
            "picklist",
            "multipicklist",
            "combobox",
            "reference",
            "base64",
            "boolean",
            "currency",
            "textarea",
            "int",
            "double",
            "percent",
            "phone",
            "id",
            "date",
            "datetime",
            "time",
            "url",
            "email",
            "encryptedstring",
            "datacategorygroupreference",
            "location",
            "address",
            "anyType",
            "complexvalue",
            "long",
            "json",
            "byte",
            "calculated",
            "masterrecord",
        ] {
            let times = told.iter().filter(|it| **it == name).count();
            assert_eq!(times, 1, "{name}");
        }
    }

    #[test]
    fn texts_have_a_length() {
        for (body, expected) in [
            (json!({"type": "string", "length": 80}), json!({"type": "string", "maxLength": 80})),
            (json!({"type": "textarea", "length": 32000}), json!({"type": "string", "maxLength": 32000})),
            (json!({"type": "reference", "length": 18}), json!({"type": "string", "maxLength": 18})),
            (json!({"type": "newtype", "length": 9}), json!({"type": "string", "maxLength": 9})),
            (json!({"type": "string", "length": 0}), json!({"type": "string"})),
            (json!({"type": "double", "length": 0, "precision": 18}), json!({"type": "number"})),
            (json!({"type": "boolean", "length": 5}), json!({"type": "boolean"})),
        ] {
            assert_eq!(schema_of(body.clone()), expected, "{body}");
        }
    }

    #[test]
    fn picklists_tell_their_values() {
        let values = json!([{"active": true, "value": "Hot \"now\""}, {"active": false, "value": "Old"},
                            {"active": true, "value": "Cold"}]);
        for (kind, restricted, expected) in [
            ("picklist", true, "One of: Hot \"now\"; Cold"),
            ("picklist", false, "Any value, such as: Hot \"now\"; Cold"),
            ("combobox", false, "Any value, such as: Hot \"now\"; Cold"),
            ("multipicklist", true, "Any of: Hot \"now\"; Cold"),
            ("multipicklist", false, "Any values, such as: Hot \"now\"; Cold"),
        ] {
            let schema = schema_of(json!({"type": kind, "restrictedPicklist": restricted, "picklistValues": values}));
            assert_eq!(schema["description"], expected, "{kind}");
        }
    }

    #[test]
    fn a_long_picklist_is_cut() {
        let values: Vec<Value> =
            (0..5_000).map(|n| json!({"active": true, "value": format!("Value {n:04}")})).collect();
        let schema = schema_of(json!({"type": "picklist", "restrictedPicklist": true, "picklistValues": values}));
        let description = schema["description"].as_str().unwrap();
        assert!(description.starts_with("One of: Value 0000; Value 0001; "), "{description}");
        assert!(description.ends_with("; Value 0023; and 4976 more, which Salesforce Setup lists"), "{description}");
        assert!(description.len() < LONGEST_LIST + 60);

        let endless = "x".repeat(2 * LONGEST_LIST);
        let values = json!([{"active": true, "value": endless}, {"active": true, "value": "y"}]);
        let schema = schema_of(json!({"type": "picklist", "picklistValues": values}));
        assert!(schema["description"].as_str().unwrap().ends_with("x; and 1 more, which Salesforce Setup lists"));
    }
}
