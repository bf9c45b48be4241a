//! The fields of an object, as one operation sees them.

use std::sync::Arc;

use super::related::RelationshipName;
use crate::config::Config;
use crate::convert::{KeyComparison, Kind};
use crate::nearest_name::nearest_name;
use salesforce::{Describe, Field, FieldType, Operation};

/// How an upsert finds records by a field that is no external id.
const BY_ANY_FIELD: &str = "find records by it with `match` (in `load`, with --on-missing insert)";

/// The fields of one object, as one operation sees them.
#[derive(Debug)]
pub(super) struct ObjectFields {
    describe: Arc<Describe>,
    operation: Operation,
    truncate: bool,
}

/// A field that a new record must have.
pub(super) struct RequiredField<'d>(&'d Field);

impl ObjectFields {
    pub(super) fn new(describe: Arc<Describe>, operation: Operation, config: &Config) -> Self {
        Self::of_plan(describe, operation, config.truncate_text())
    }

    /// The same without the configuration, while the sync runs.
    pub(super) fn of_plan(describe: Arc<Describe>, operation: Operation, truncate: bool) -> Self {
        Self { describe, operation, truncate }
    }

    pub(super) fn operation(&self) -> Operation {
        self.operation
    }

    /// The API name of the object.
    pub(super) fn object(&self) -> &str {
        &self.describe.name
    }

    /// The field with this name.
    pub(super) fn field(&self, name: &str) -> Option<&Field> {
        self.describe.field(name)
    }

    /// The reference field of a relationship.
    pub(super) fn reference(&self, relationship: RelationshipName<'_>) -> Option<&Field> {
        relationship.field(&self.describe)
    }

    /// The key of an upsert, in the object's spelling.
    ///
    /// # Errors
    /// The field cannot be a key.
    pub(super) fn upsert_key(&self, name: &str) -> Result<String, String> {
        let object = self.object();
        let Some(field) = self.describe.field(name) else {
            let near = self.nearest(name, Field::is_upsert_key);
            return Err(format!("its key {name} is not a field of {object}{}", nearest_name_is(near)));
        };
        if field.is_upsert_key() {
            return Ok(field.name.clone());
        }
        let is_other = |other: &&Field| other.external_id && other.is_upsert_key();
        let others: Vec<&str> = self.describe.fields.iter().filter(is_other).map(|field| field.name.as_str()).collect();
        if field.is_lookup() {
            let others = match &*others {
                [] => String::new(),
                others => format!("choose one of {}, or ", others.join(", ")),
            };
            return Err(format!(
                "its key {} of {object} cannot be the key of an upsert, because it {}, so no record can be created with \
                 it; {others}set the operation `update` with `Id` for records that exist",
                field.name,
                why_not_writable(field)
            ));
        }
        let others = match &*others {
            [] => format!("mark it as an external id in the setup of {object}, or {BY_ANY_FIELD}"),
            others => {
                format!(
                    "choose one of {}, mark it as an external id in the setup, or {BY_ANY_FIELD}",
                    others.join(", ")
                )
            }
        };
        Err(format!("its key {} of {object} is not an external id; {others}", field.name))
    }

    /// How the org compares the values of a key field.
    pub(super) fn comparison(&self, name: &str) -> KeyComparison {
        self.describe.field(name).map_or(KeyComparison::Text, KeyComparison::of)
    }

    /// The fields that a new record must have.
    pub(super) fn required(&self) -> impl Iterator<Item = RequiredField<'_>> {
        self.describe.fields.iter().filter(|field| field.is_required()).map(RequiredField)
    }

    /// Whether rows with these columns may create person accounts. Salesforce makes their required `Name` of the parts,
    /// and refuses a row that names it (Object Reference, "Account"). Only an org with person accounts has a last name
    /// in
    /// `Account`. Whether each row is a person is for the org to judge.
    pub(super) fn is_person_account(&self, names: &[&str]) -> bool {
        const LAST_NAME: &str = "LastName";
        self.object() == "Account"
            && self.describe.field(LAST_NAME).is_some_and(|field| field.createable)
            && names.iter().any(|name| name.eq_ignore_ascii_case(LAST_NAME))
    }

    /// The problem of a field that the operation cannot write.
    pub(super) fn not_writable(&self, field: &Field) -> String {
        let (object, name, why) = (self.object(), &field.name, why_not_writable(field));
        let how = match field.is_filled_by_salesforce() {
            true => ", or set `unknown_fields` to `ignore`",
            false => "",
        };
        format!(
            "its field {name} cannot be written by {}, because {name} of {object} {why}; leave it out{how}",
            self.operation
        )
    }

    /// The kind of values that a field takes.
    pub(super) fn kind(&self, field: &Field) -> Kind {
        match field.field_type {
            FieldType::Boolean => Kind::Boolean,
            _ if is_number(&field.field_type) => Kind::Number,
            FieldType::Date => Kind::Date,
            FieldType::Datetime => Kind::DateTime,
            FieldType::Time => Kind::Time,
            FieldType::Multipicklist => Kind::MultiPicklist,
            _ if self.truncates(field) => Kind::Text { longest: Some(field.length as usize) },
            _ => Kind::Text { longest: None },
        }
    }

    /// Whether text that is longer than the field is cut. A telephone number, an address, a link or a value of a list
    /// that is cut would be another one; an external id or another unique value would name another record; and rich text
    /// would end within its markup.
    fn truncates(&self, field: &Field) -> bool {
        let is_text = matches!(field.field_type, FieldType::String | FieldType::Textarea | FieldType::Encryptedstring);
        let names_record = field.external_id || field.unique;
        self.truncate && is_text && field.length > 0 && !names_record && !field.is_rich_text()
    }

    /// The most similar name among the fields that `can` accepts.
    pub(super) fn nearest(&self, name: &str, can: impl Fn(&Field) -> bool) -> Option<&str> {
        nearest_name(name, self.describe.fields.iter().filter(|field| can(field)).map(|field| field.name.as_str()))
    }
}

impl RequiredField<'_> {
    pub(super) fn name(&self) -> &str {
        &self.0.name
    }

    /// Whether one of the column names is of the field, itself or through its relationship. A name that cannot be
    /// written counts too, because it has a problem of its own; so does the name of a relationship, because only the
    /// records show its fields.
    pub(super) fn is_among(&self, names: &[&str]) -> bool {
        let relationship = self.0.relationship_name.as_deref();
        names.iter().any(|name| {
            let before = name.split_once('.').map_or(*name, |(before, _)| before.rsplit(':').next().unwrap_or(before));
            name.eq_ignore_ascii_case(&self.0.name)
                || relationship.is_some_and(|relationship| relationship.eq_ignore_ascii_case(before))
        })
    }
}

fn why_not_writable(field: &Field) -> &'static str {
    match field.field_type {
        FieldType::Id => "is set by Salesforce",
        FieldType::Address | FieldType::Location => "consists of other fields, which can be written one by one",
        FieldType::Base64 => "holds a file, which the Bulk API does not accept",
        _ if field.calculated => "is a formula",
        _ if field.auto_number => "is numbered by Salesforce",
        _ if field.is_filled_by_salesforce() => "is filled by Salesforce",
        _ if field.createable => "can only be set when a record is created",
        _ if field.updateable => "can only be set in a record that exists",
        _ => "cannot be written by the signed-in user",
    }
}

/// The end of a sentence, which names the nearest field if there is one.
pub(super) fn nearest_name_is(name: Option<&str>) -> String {
    name.map_or_else(String::new, |name| format!("; the nearest name is {name}"))
}

fn is_number(field_type: &FieldType) -> bool {
    use FieldType::{Currency, Double, Int, Long, Percent};
    matches!(field_type, Int | Long | Double | Currency | Percent)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_that_names_a_record_is_never_cut() {
        for (flags, longest) in [
            (json!({}), Some(20)),
            (json!({"unique": true}), None),
            (json!({"externalId": true}), None),
            (json!({"externalId": true, "unique": true}), None),
        ] {
            let mut field = json!({"name": "Code__c", "type": "string", "length": 20, "custom": true});
            field.as_object_mut().unwrap().extend(flags.as_object().unwrap().clone());
            let describe: Describe = serde_json::from_value(json!({"name": "Account", "fields": [field]})).unwrap();
            let fields = ObjectFields::of_plan(Arc::new(describe), Operation::Insert, true);
            assert_eq!(fields.kind(fields.field("Code__c").unwrap()), Kind::Text { longest }, "{flags}");
        }
    }

    fn fields_of(fields: serde_json::Value) -> ObjectFields {
        let describe: Describe = serde_json::from_value(json!({"name": "Account", "fields": fields})).unwrap();
        ObjectFields::of_plan(Arc::new(describe), Operation::Upsert, true)
    }

    #[test]
    fn each_type_of_field_takes_its_kind_of_values() {
        let text = |longest| Kind::Text { longest };
        for (field_type, kind) in [
            ("boolean", Kind::Boolean),
            ("int", Kind::Number),
            ("long", Kind::Number),
            ("double", Kind::Number),
            ("currency", Kind::Number),
            ("percent", Kind::Number),
            ("date", Kind::Date),
            ("datetime", Kind::DateTime),
            ("time", Kind::Time),
            ("multipicklist", Kind::MultiPicklist),
            ("string", text(Some(9))),
            ("textarea", text(Some(9))),
            ("encryptedstring", text(Some(9))),
            // What is cut of these would be another one.
            ("picklist", text(None)),
            ("combobox", text(None)),
            ("phone", text(None)),
            ("email", text(None)),
            ("url", text(None)),
            ("reference", text(None)),
            ("id", text(None)),
            ("anyType", text(None)),
        ] {
            let fields = fields_of(json!([{"name": "F", "type": field_type, "length": 9}]));
            assert_eq!(fields.kind(fields.field("F").unwrap()), kind, "{field_type}");
        }
        for (changes, longest) in [
            (json!({"length": 0}), None),
            (json!({"htmlFormatted": true}), None),
            (json!({"extraTypeInfo": "richtextarea"}), None),
            (json!({}), Some(9)),
        ] {
            let mut field = json!({"name": "F", "type": "textarea", "length": 9});
            field.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
            let fields = fields_of(json!([field]));
            assert_eq!(fields.kind(fields.field("F").unwrap()), text(longest), "{changes}");
        }
    }

    #[test]
    fn the_values_of_a_key_are_compared_as_the_type_of_its_field_says() {
        use KeyComparison::{Exact, Id, IgnoreCase, Number, Text};
        for (field, expected) in [
            (json!({"type": "id"}), Id),
            (json!({"type": "reference"}), Id),
            (json!({"type": "int"}), Number { scale: 0 }),
            (json!({"type": "long"}), Number { scale: 0 }),
            (json!({"type": "double", "scale": 3}), Number { scale: 3 }),
            (json!({"type": "currency", "scale": 2}), Number { scale: 2 }),
            (json!({"type": "percent", "scale": 1}), Number { scale: 1 }),
            (json!({"type": "string", "custom": true, "unique": true, "caseSensitive": true}), Exact),
            (json!({"type": "string", "custom": true, "unique": true}), IgnoreCase),
            (json!({"type": "string", "custom": true}), Exact),
            (json!({"type": "string", "unique": true}), Text),
            (json!({"type": "string", "caseSensitive": true}), Exact),
            (json!({"type": "email", "custom": true, "unique": true}), Text),
            (json!({"type": "email", "custom": true, "unique": true, "caseSensitive": true}), Exact),
        ] {
            let mut field = field;
            field["name"] = json!("Key__c");
            assert_eq!(fields_of(json!([field])).comparison("key__c"), expected, "{field}");
        }
        assert_eq!(fields_of(json!([])).comparison("Key__c"), Text);
    }

    #[test]
    fn why_a_field_is_not_written_depends_on_its_kind() {
        for (field, why) in [
            (json!({"type": "id"}), "is set by Salesforce"),
            (json!({"type": "address"}), "consists of other fields"),
            (json!({"type": "location"}), "consists of other fields"),
            (json!({"type": "base64"}), "holds a file"),
            (json!({"type": "string", "calculated": true}), "is a formula"),
            (json!({"type": "string", "autoNumber": true}), "is numbered"),
            (json!({"type": "datetime", "name": "SystemModstamp"}), "is filled by Salesforce"),
            (json!({"type": "string", "createable": true}), "can only be set when a record is created"),
            (json!({"type": "string", "updateable": true}), "can only be set in a record that exists"),
            (json!({"type": "string"}), "cannot be written by the signed-in user"),
        ] {
            let field: Field = serde_json::from_value(field).unwrap();
            assert!(why_not_writable(&field).starts_with(why), "{field:?}");
        }
    }

    #[test]
    fn a_required_field_is_named_by_itself_or_by_its_relationship() {
        let field: Field = serde_json::from_value(json!({
            "name": "Account__c", "type": "reference", "relationshipName": "Account__r", "referenceTo": ["Account"],
        }))
        .unwrap();
        for (name, expected) in [
            ("Account__c", true),
            ("ACCOUNT__C", true),
            ("Account__r", true),
            ("account__r.Ext__c", true),
            ("Account:Account__r.Ext__c", true),
            ("Account", false),
            ("Account__c.Name", false),
            ("Other__r.Account__c", false),
        ] {
            assert_eq!(RequiredField(&field).is_among(&["Name", name]), expected, "{name}");
        }
        assert!(!RequiredField(&field).is_among(&[]));
    }

    #[test]
    fn rows_with_a_last_name_may_be_persons_where_accounts_may_have_one() {
        let of = |fields, names: &[&str]| fields_of(fields).is_person_account(names);
        let last_name = json!([{"name": "LastName", "type": "string", "createable": true}]);
        assert!(of(last_name.clone(), &["Phone", "lastname"]));
        assert!(!of(last_name, &["FirstName"]));
        assert!(!of(json!([{"name": "LastName", "type": "string"}]), &["LastName"]));
        assert!(!of(json!([]), &["LastName"]));
        let contact: Describe =
            serde_json::from_value(json!({"name": "Contact", "fields": [{"name": "LastName", "createable": true}]}))
                .unwrap();
        assert!(!ObjectFields::of_plan(Arc::new(contact), Operation::Insert, true).is_person_account(&["LastName"]));
    }
}
