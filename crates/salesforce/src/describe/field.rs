//! A field of an object.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// A field of an object (REST API guide, "sObject Describe"). What an org does not say is false, zero or empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Field {
    /// The API name.
    pub name: String,
    /// The type.
    #[serde(rename = "type")]
    pub field_type: FieldType,
    /// The largest number of characters of a text; 0 for a field of another type.
    #[serde(deserialize_with = "or_default")]
    pub length: u32,
    /// The number of decimal places of a number; 0 for a field of another type.
    #[serde(deserialize_with = "or_default")]
    pub scale: u32,
    /// Whether it may be empty.
    #[serde(deserialize_with = "or_default")]
    pub nillable: bool,
    /// Whether a value may be set when a record is created.
    #[serde(deserialize_with = "or_default")]
    pub createable: bool,
    /// Whether the value of an existing record may be changed.
    #[serde(deserialize_with = "or_default")]
    pub updateable: bool,
    /// Whether Salesforce fills it in a new record that has no value for it.
    #[serde(deserialize_with = "or_default")]
    pub defaulted_on_create: bool,
    /// Whether values that differ only in case are different.
    #[serde(deserialize_with = "or_default")]
    pub case_sensitive: bool,
    /// Whether no two records have the same value.
    #[serde(deserialize_with = "or_default")]
    pub unique: bool,
    /// Whether someone has added it to the object.
    #[serde(deserialize_with = "or_default")]
    pub custom: bool,
    /// Whether it is an external id.
    #[serde(deserialize_with = "or_default")]
    pub external_id: bool,
    /// Whether an upsert or a relationship can find records by it.
    #[serde(deserialize_with = "or_default")]
    pub id_lookup: bool,
    /// Whether the picklist accepts its own values only.
    #[serde(deserialize_with = "or_default")]
    pub restricted_picklist: bool,
    /// The active values of the picklist.
    #[serde(deserialize_with = "active_values")]
    pub picklist_values: Vec<String>,
    /// The objects that the reference may point to.
    #[serde(deserialize_with = "or_default")]
    pub reference_to: Vec<String>,
    /// The name of the relationship, for columns such as `Account.External_Id__c`.
    pub relationship_name: Option<String>,
    /// Whether a relationship column must name the object too (`Lead:Who.Email`).
    #[serde(rename = "polymorphicForeignKey", deserialize_with = "or_default")]
    pub polymorphic: bool,
    /// The compound field that it is a part of, such as `MailingAddress`.
    pub compound_field_name: Option<String>,
    /// Whether its text is HTML.
    #[serde(deserialize_with = "or_default")]
    pub html_formatted: bool,
    /// Whether the org calls it a rich text area.
    #[serde(rename = "extraTypeInfo", deserialize_with = "says_rich_text")]
    pub rich_text_area: bool,
    /// Whether it is a formula.
    #[serde(deserialize_with = "or_default")]
    pub calculated: bool,
    /// Whether Salesforce numbers it.
    #[serde(deserialize_with = "or_default")]
    pub auto_number: bool,
    /// Whether the org says that no query can filter by it. An org that says nothing is taken at its word when a query
    /// asks: its refusal names the field.
    #[serde(rename = "filterable", deserialize_with = "says_no")]
    pub not_filterable: bool,
}

impl Field {
    /// Whether it keeps text with markup (SOAP API guide, "DescribeSObjectResult", `extraTypeInfo` and
    /// `htmlFormatted`).
    pub fn is_rich_text(&self) -> bool {
        self.rich_text_area || (self.field_type == FieldType::Textarea && self.html_formatted)
    }
}

/// Reads the fields of an object. Some orgs leave out the key of a polymorphic reference; a reference that may point to
/// several objects is polymorphic anyway (Bulk API 2.0 guide, "Relationship Fields in a Header Row").
pub(super) fn fields<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Field>, D::Error> {
    let mut fields: Vec<Field> = Vec::deserialize(deserializer)?;
    for field in &mut fields {
        field.polymorphic |= field.reference_to.len() > 1;
    }
    Ok(fields)
}

/// The type of a field (Object Reference, "Field Types").
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "each is Salesforce's own name")]
pub enum FieldType {
    String,
    Picklist,
    Multipicklist,
    Combobox,
    Reference,
    Base64,
    Boolean,
    Currency,
    Textarea,
    Int,
    Long,
    Double,
    Percent,
    Phone,
    Id,
    Date,
    Datetime,
    Time,
    Url,
    Email,
    Encryptedstring,
    Location,
    Address,
    #[serde(rename = "anyType")]
    AnyType,
    Complexvalue,
    /// A type that this version does not know.
    #[serde(untagged)]
    Other(String),
}

impl FieldType {
    /// The type with this name.
    pub fn of_name(name: &str) -> Self {
        serde_json::from_value(Value::from(name)).unwrap_or_else(|_| Self::Other(name.to_owned()))
    }

    /// Its name in a describe.
    pub fn name(&self) -> String {
        match serde_json::to_value(self) {
            Ok(Value::String(name)) => name,
            _ => String::new(),
        }
    }
}

impl Default for FieldType {
    fn default() -> Self {
        Self::Other(String::new())
    }
}

/// A key that is null counts as missing.
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

fn says_rich_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.is_some_and(|info| info == "richtextarea"))
}

fn says_no<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(Option::<bool>::deserialize(deserializer)? == Some(false))
}

fn active_values<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    struct Value {
        #[serde(default)]
        active: bool,
        value: Option<String>,
    }
    let values: Option<Vec<Value>> = Option::deserialize(deserializer)?;
    Ok(values.unwrap_or_default().into_iter().filter(|value| value.active).filter_map(|value| value.value).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn field(body: Value) -> Field {
        serde_json::from_value(body).unwrap()
    }

    #[test]
    fn a_field_is_read_with_all_that_a_loader_needs() {
        let read = field(json!({
            "name": "Status__c", "label": "Status", "type": "picklist", "length": 255, "digits": 0, "precision": 18,
            "scale": 2, "nillable": true, "createable": true, "updateable": true, "defaultedOnCreate": true,
            "unique": true, "custom": true, "caseSensitive": true, "externalId": true, "idLookup": true, "restrictedPicklist": true,
            "picklistValues": [
                {"active": true, "value": "Open", "label": "Offen", "defaultValue": true, "validFor": null},
                {"active": false, "value": "Old", "label": "Alt"},
                {"active": true, "value": "Closed", "label": "Zu"}
            ],
            "referenceTo": ["Account"], "relationshipName": "Parent__r", "htmlFormatted": true,
            "extraTypeInfo": null, "calculated": true, "autoNumber": true, "filterable": false,
            "soapType": "xsd:string", "inlineHelpText": null, "somethingNew": {"a": 1}
        }));
        let expected = Field {
            name: "Status__c".into(),
            field_type: FieldType::Picklist,
            length: 255,
            scale: 2,
            nillable: true,
            createable: true,
            updateable: true,
            defaulted_on_create: true,
            case_sensitive: true,
            unique: true,
            custom: true,
            external_id: true,
            id_lookup: true,
            restricted_picklist: true,
            picklist_values: vec!["Open".into(), "Closed".into()],
            reference_to: vec!["Account".into()],
            relationship_name: Some("Parent__r".into()),
            polymorphic: false,
            compound_field_name: None,
            html_formatted: true,
            rich_text_area: false,
            calculated: true,
            auto_number: true,
            not_filterable: true,
        };
        assert_eq!(read, expected);
    }

    #[test]
    fn keys_may_be_missing_or_null() {
        let bare = Field { name: "A__c".into(), field_type: FieldType::Int, ..Field::default() };
        assert_eq!(field(json!({"name": "A__c", "type": "int"})), bare);
        let nulls = json!({
            "name": "A__c", "type": "int", "label": null, "length": null, "unique": null, "externalId": null,
            "picklistValues": null, "referenceTo": null, "relationshipName": null, "polymorphicForeignKey": null, "filterable": null
        });
        assert_eq!(field(nulls), bare);
    }

    #[test]
    fn rich_text_is_known_by_either_of_two_keys() {
        for (body, expected) in [
            (json!({"type": "textarea", "htmlFormatted": true}), true),
            (json!({"type": "textarea", "extraTypeInfo": "richtextarea"}), true),
            (json!({"type": "textarea", "extraTypeInfo": "plaintextarea", "htmlFormatted": false}), false),
            (json!({"type": "textarea", "extraTypeInfo": null, "htmlFormatted": null}), false),
            (json!({"type": "string", "htmlFormatted": true}), false),
        ] {
            assert_eq!(field(body.clone()).is_rich_text(), expected, "{body}");
        }
    }

    #[test]
    fn an_unknown_type_keeps_its_name() {
        for (name, field_type) in [
            ("string", FieldType::String),
            ("multipicklist", FieldType::Multipicklist),
            ("base64", FieldType::Base64),
            ("datetime", FieldType::Datetime),
            ("encryptedstring", FieldType::Encryptedstring),
            ("anyType", FieldType::AnyType),
            ("json", FieldType::Other("json".into())),
            ("datacategorygroupreference", FieldType::Other("datacategorygroupreference".into())),
        ] {
            assert_eq!(field(json!({"name": "A", "type": name})).field_type, field_type, "{name}");
            assert_eq!((field_type.name().as_str(), &FieldType::of_name(name)), (name, &field_type));
        }
    }

    #[test]
    fn a_reference_to_several_objects_is_polymorphic() {
        for (body, polymorphic) in [
            (json!({"referenceTo": ["Account"]}), false),
            (json!({"referenceTo": ["Group", "User"]}), true),
            (json!({"referenceTo": ["Account"], "polymorphicForeignKey": true}), true),
            (json!({}), false),
        ] {
            let read = fields(json!([body])).unwrap();
            assert_eq!(read[0].polymorphic, polymorphic, "{body}");
        }
    }
}
