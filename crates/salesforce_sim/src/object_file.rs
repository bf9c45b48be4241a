//! Reads custom objects from a file, for the flag `--objects-from`.

use std::path::Path;
use std::{fs, io};

use salesforce_sim::{Field, Object};
use serde::Deserialize;

/// A custom object, in the words of a describe.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DescribedObject {
    name: String,
    fields: Vec<DescribedField>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DescribedField {
    name: String,
    #[serde(rename = "type")]
    kind: Kind,
    /// Of a text, in characters.
    #[serde(default = "default_length")]
    length: usize,
    /// Of a number, with those after the decimal point.
    #[serde(default = "default_precision")]
    precision: u32,
    #[serde(default)]
    scale: u32,
    #[serde(default)]
    external_id: bool,
    #[serde(default)]
    unique: bool,
    /// Of a text area: whether it has markup.
    #[serde(default)]
    html_formatted: bool,
    #[serde(default)]
    picklist_values: Vec<String>,
    #[serde(default)]
    reference_to: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    String,
    TextArea,
    Picklist,
    MultiPicklist,
    Email,
    Phone,
    Url,
    EncryptedString,
    Boolean,
    Int,
    Double,
    Currency,
    Percent,
    Date,
    DateTime,
    Time,
    Reference,
}

fn default_length() -> usize {
    255
}

fn default_precision() -> u32 {
    18
}

impl From<DescribedField> for Field {
    fn from(described: DescribedField) -> Self {
        let name = &described.name;
        let mut field = match described.kind {
            Kind::String => Self::text(name, described.length),
            Kind::TextArea if described.html_formatted => Self::rich_text(name, described.length),
            Kind::TextArea => Self::textarea(name, described.length),
            Kind::Picklist => Self::picklist(name, &texts_of(&described.picklist_values)),
            Kind::MultiPicklist => Self::multipicklist(name, &texts_of(&described.picklist_values)),
            Kind::Email => Self::email(name),
            Kind::Phone => Self::phone(name),
            Kind::Url => Self::url(name),
            Kind::EncryptedString => Self::encrypted(name, described.length),
            Kind::Reference => Self::reference(name, &texts_of(&described.reference_to)),
            Kind::Boolean => Self::boolean(name),
            Kind::Int => Self::int(name, described.precision),
            Kind::Double => Self::double(name, described.precision, described.scale),
            Kind::Currency => Self::currency(name, described.precision, described.scale),
            Kind::Percent => Self::percent(name, described.precision, described.scale),
            Kind::Date => Self::date(name),
            Kind::DateTime => Self::datetime(name),
            Kind::Time => Self::time(name),
        };
        if described.external_id {
            field = field.external_id();
        }
        if described.unique {
            field = field.unique();
        }
        field
    }
}

impl From<DescribedObject> for Object {
    fn from(described: DescribedObject) -> Self {
        described.fields.into_iter().map(Field::from).fold(Self::custom(&described.name), Self::field)
    }
}

fn texts_of(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}

/// The objects of a file, a JSON array.
pub(crate) fn read(path: &Path) -> io::Result<Vec<Object>> {
    parse(&fs::read_to_string(path)?)
        .map_err(|error| io::Error::other(format!("{} has no objects: {error}", path.display())))
}

fn parse(text: &str) -> serde_json::Result<Vec<Object>> {
    let described: Vec<DescribedObject> = serde_json::from_str(text)?;
    Ok(described.into_iter().map(Object::from).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_read_from_the_words_of_a_describe() {
        let text = r#"[{"name": "Trial__c", "fields": [
            {"name": "Key__c", "type": "double", "precision": 18, "scale": 0, "externalId": true, "unique": true},
            {"name": "Note__c", "type": "textarea", "length": 131072},
            {"name": "Label__c", "type": "string"},
            {"name": "Page__c", "type": "textarea", "length": 32768, "htmlFormatted": true},
            {"name": "Choices__c", "type": "multipicklist", "picklistValues": ["A", "B"]},
            {"name": "Account__c", "type": "reference", "referenceTo": ["Account"]},
            {"name": "Amount__c", "type": "currency", "precision": 16, "scale": 2}
        ]}]"#;
        let expected = Object::custom("Trial__c")
            .field(Field::double("Key__c", 18, 0).external_id().unique())
            .field(Field::textarea("Note__c", 131_072))
            .field(Field::text("Label__c", 255))
            .field(Field::rich_text("Page__c", 32_768))
            .field(Field::multipicklist("Choices__c", &["A", "B"]))
            .field(Field::reference("Account__c", &["Account"]))
            .field(Field::currency("Amount__c", 16, 2));
        assert_eq!(format!("{:?}", parse(text).unwrap()), format!("{:?}", [expected]));
    }

    #[test]
    fn a_misspelt_word_is_an_error() {
        for text in [
            r#"[{"name": "Trial__c", "fields": [{"name": "Key__c", "type": "number"}]}]"#,
            r#"[{"name": "Trial__c", "fields": [{"name": "Key__c", "type": "double", "externalid": true}]}]"#,
            r#"[{"name": "Trial__c"}]"#,
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
