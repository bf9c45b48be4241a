//! A field as a property of a JSON schema.

use std::fmt::Write;
use std::num::NonZeroU32;

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::json;

use connector::value_type::ValueType;
use salesforce::{Field, FieldType};

/// The longest list of picklist values in a description, in bytes. A list of states or currencies has hundreds of
/// values, a large org has thousands of picklists, and the platform warns of messages of more than 20 million
/// characters.
const LONGEST_LIST: usize = 300;

/// The schema of a property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PropertySchema {
    value_type: ValueType,
    /// In characters.
    max_length: Option<NonZeroU32>,
    description: Option<Box<str>>,
}

impl PropertySchema {
    /// The schema of a field.
    pub(super) fn of(field: &Field) -> Self {
        Self { description: description(field).map(Into::into), ..Self::without_description(field) }
    }

    /// The schema of a field without what it says about the field itself.
    pub(super) fn without_description(field: &Field) -> Self {
        let value_type = ValueType::of(&field.field_type);
        let has_length = !matches!(value_type, ValueType::Boolean | ValueType::Integer | ValueType::Number);
        let max_length = NonZeroU32::new(field.length).filter(|_| has_length);
        Self { value_type, max_length, description: None }
    }

    /// The schema of a text of at most `max_length` characters.
    pub(super) fn text(max_length: u32) -> Self {
        Self { value_type: ValueType::Text, max_length: NonZeroU32::new(max_length), description: None }
    }

    pub(super) fn with_description(self, description: String) -> Self {
        Self { description: Some(description.into()), ..self }
    }
}

impl Serialize for PropertySchema {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self.value_type {
            // A list, or a text with all values.
            ValueType::TextList => {
                map.serialize_entry("type", &["string", "array"])?;
                map.serialize_entry("items", &json!({"type": "string"}))?;
            }
            value_type => map.serialize_entry("type", value_type.json_type())?,
        }
        for (keyword, value) in self.value_type.form() {
            map.serialize_entry(keyword, value)?;
        }
        if let Some(max_length) = self.max_length {
            map.serialize_entry("maxLength", &max_length)?;
        }
        if let Some(description) = &self.description {
            map.serialize_entry("description", description)?;
        }
        map.end()
    }
}

/// The values of a picklist, which neither the name nor the type shows.
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
    use serde_json::Value;

    use super::*;
    use salesforce::Operation;

    const PAGE: &str = include_str!("../../docs/discover.md");

    fn field(body: Value) -> Field {
        serde_json::from_value(body).unwrap()
    }

    fn schema_of(body: Value) -> Value {
        serde_json::to_value(PropertySchema::of(&field(body))).unwrap()
    }

    #[test]
    fn every_type_has_the_schema_that_the_page_shows() {
        let row = |line: &'static str| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let &["", types, schema, _, ""] = &*cells else { return None };
            Some((types.split(", ").map(|it| it.trim_matches('`')).collect::<Vec<_>>(), schema.trim_matches('`')))
        };
        let mut on_the_page = Vec::new();
        for (types, expected) in PAGE.lines().filter(|line| line.starts_with("| `")).filter_map(row) {
            for name in types {
                let field = field(json!({"name": "F", "type": name, "createable": true, "updateable": true}));
                let offered = field.is_writable_by(Operation::Insert);
                let schema = serde_json::to_string(&PropertySchema::of(&field)).unwrap();
                assert_eq!(if offered { &schema } else { "not offered" }, expected, "{name}");
                on_the_page.push(name);
            }
        }
        // The types that a describe of version 62.0 can have, and those of other versions.
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
            let times = on_the_page.iter().filter(|it| **it == name).count();
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
            (json!({"type": "double", "length": 18}), json!({"type": "number"})),
            (json!({"type": "int", "length": 11}), json!({"type": "integer"})),
            (json!({"type": "boolean", "length": 5}), json!({"type": "boolean"})),
        ] {
            assert_eq!(schema_of(body.clone()), expected, "{body}");
        }
    }

    #[test]
    fn the_description_lists_the_values_of_a_picklist() {
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
    fn a_list_of_values_is_whole_up_to_300_bytes() {
        for (length, end) in [(291, "; y"), (292, "; and 1 more, which Salesforce Setup lists")] {
            let values = json!([{"active": true, "value": "x".repeat(length)}, {"active": true, "value": "y"}]);
            let schema = schema_of(json!({"type": "picklist", "restrictedPicklist": true, "picklistValues": values}));
            let description = schema["description"].as_str().unwrap();
            assert_eq!(description, format!("One of: {}{end}", "x".repeat(length)));
        }
    }

    #[test]
    fn a_long_list_of_values_is_cut() {
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
