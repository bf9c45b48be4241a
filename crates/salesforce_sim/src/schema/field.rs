//! Fields: what they are, and how their values compare.

use std::borrow::Cow;

use super::FieldType;

/// A field of an object.
///
/// A constructor such as [`Field::text`] makes a field that may be empty and that clients may set. The other methods
/// change that:
///
/// ```
/// use salesforce_sim::Field;
///
/// let key = Field::text("Tracking_Number__c", 40).external_id().unique();
/// let status = Field::picklist("Status__c", &["New", "Sent"]).restricted().default_value("New");
/// ```
#[derive(Debug, Clone)]
pub struct Field {
    pub(crate) name: String,
    pub(crate) label: String,
    pub(crate) kind: FieldType,
    pub(crate) length: usize,
    pub(crate) precision: u32,
    pub(crate) scale: u32,
    pub(crate) nillable: bool,
    pub(crate) createable: bool,
    pub(crate) updateable: bool,
    pub(crate) default_value: Option<String>,
    pub(crate) defaulted_on_create: bool,
    pub(crate) unique: bool,
    pub(crate) case_sensitive: bool,
    pub(crate) external_id: bool,
    pub(crate) id_lookup: bool,
    pub(crate) restricted: bool,
    pub(crate) values: Vec<String>,
    pub(crate) reference_to: Vec<String>,
    pub(crate) relationship_name: Option<String>,
    pub(crate) compound: Option<String>,
    pub(crate) rich_text: bool,
    pub(crate) calculated: bool,
    pub(crate) formula: Option<Formula>,
    pub(crate) auto_number: Option<String>,
    pub(crate) name_field: bool,
    /// Whether the user may not see the field.
    pub(crate) hidden: bool,
}

/// How the org calculates the value of a formula. It is calculated whenever it is read, so it changes without a stamp.
#[derive(Debug, Clone)]
pub(crate) enum Formula {
    /// The value of another field, by its path in a query.
    Of(String),
    /// The whole days from a point in time in another field until now.
    DaysSince(String),
}

/// The most characters of a text area that is not a long one.
const SHORT_TEXT: usize = 255;

/// The label for an API name: "First Name" for both `First_Name__c` and `FirstName`.
pub(super) fn label_of(name: &str) -> String {
    let name = name.trim_end_matches("__c");
    let mut label = String::with_capacity(name.len() + 4);
    let mut after_lower = false;
    for letter in name.chars() {
        if letter == '_' || (letter.is_ascii_uppercase() && after_lower) {
            label.push(' ');
        }
        if letter != '_' {
            label.push(letter);
        }
        after_lower = letter.is_ascii_lowercase();
    }
    label
}

/// `Id` and the audit fields. Every object has them, and clients cannot set them.
pub(super) fn system_fields() -> Vec<Field> {
    let audit = |field: Field| Field { nillable: false, defaulted_on_create: true, ..field.read_only() };
    vec![
        audit(Field { length: 18, id_lookup: true, ..Field::new("Id", FieldType::Id) }),
        audit(Field::boolean("IsDeleted")),
        audit(Field::datetime("CreatedDate")),
        audit(Field::reference("CreatedById", &["User"])),
        audit(Field::datetime("LastModifiedDate")),
        audit(Field::reference("LastModifiedById", &["User"])),
        audit(Field::datetime("SystemModstamp")),
    ]
}

impl Field {
    pub(super) fn new(name: &str, kind: FieldType) -> Self {
        Self {
            name: name.to_owned(),
            label: label_of(name),
            kind,
            length: 0,
            precision: 0,
            scale: 0,
            nillable: true,
            createable: true,
            updateable: true,
            default_value: None,
            defaulted_on_create: false,
            unique: false,
            case_sensitive: false,
            external_id: false,
            id_lookup: false,
            restricted: false,
            values: Vec::new(),
            reference_to: Vec::new(),
            relationship_name: None,
            compound: None,
            rich_text: false,
            calculated: false,
            formula: None,
            auto_number: None,
            name_field: false,
            hidden: false,
        }
    }

    pub(crate) fn is_custom(&self) -> bool {
        self.name.ends_with("__c")
    }

    /// Whether the field refers to several objects. A relationship column must then name one of them.
    pub(crate) fn is_polymorphic(&self) -> bool {
        self.reference_to.len() > 1
    }

    /// Whether an insert fails without a value for the field.
    pub(crate) fn is_mandatory(&self) -> bool {
        self.createable && !self.nillable && !self.defaulted_on_create
    }

    /// Whether rows find records by the field. The store keeps an index for it.
    pub(crate) fn is_key(&self) -> bool {
        self.kind != FieldType::Id && (self.unique || self.external_id || self.id_lookup)
    }

    /// The key of a value. A unique field or an external id treats two values with the same key as equal. Case is
    /// ignored only where a custom field is unique and not case-sensitive (Apex guide, "Upserting Records").
    pub(crate) fn key_of<'a>(&self, value: &'a str) -> Cow<'a, str> {
        let value = self.trimmed(value);
        match (self.kind, value.parse::<f64>()) {
            (FieldType::Int | FieldType::Double, Ok(number)) => number.to_string().into(),
            _ if self.counts_case() => value.into(),
            _ => value.to_lowercase().into(),
        }
    }

    /// Whether keys that differ in case are different.
    pub(crate) fn counts_case(&self) -> bool {
        self.case_sensitive || (self.is_custom() && !self.unique)
    }

    /// Whether a query can filter by the field: "any field except a long text area field, encrypted data field, or
    /// base64-encoded field" (SOQL and SOSL Reference, "fieldExpression Syntax"), nor by a compound one. A text area of
    /// at most 255 characters is not a long one.
    pub(crate) fn is_filterable(&self) -> bool {
        let is_long_text = self.kind == FieldType::TextArea && (self.rich_text || self.length > SHORT_TEXT);
        !is_long_text && !matches!(self.kind, FieldType::Address | FieldType::EncryptedString | FieldType::Base64)
    }

    /// The value that is stored for a text: keys lose the spaces at their ends (pull request 1453 of
    /// forcedotcom/dataloader).
    pub(crate) fn trimmed<'a>(&self, value: &'a str) -> &'a str {
        let is_number =
            matches!(self.kind, FieldType::Int | FieldType::Double | FieldType::Currency | FieldType::Percent);
        if self.is_key() && !is_number { value.trim_matches(' ') } else { value }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_split_api_names_into_words() {
        for (name, label) in [
            ("FirstName", "First Name"),
            ("External_Id__c", "External Id"),
            ("Name", "Name"),
            ("AccountId", "Account Id"),
            ("IsVIP__c", "Is VIP"),
        ] {
            assert_eq!(label_of(name), label);
        }
    }

    #[test]
    fn relationships_are_named_after_their_field() {
        for (name, relationship) in [("AccountId", "Account"), ("Parent__c", "Parent__r"), ("ReportsToId", "ReportsTo")]
        {
            assert_eq!(Field::reference(name, &["Account"]).relationship_name.as_deref(), Some(relationship));
        }
    }
}
