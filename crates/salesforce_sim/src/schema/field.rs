//! Fields and their builder.

use std::borrow::Cow;

use super::FieldType;

/// A field of an object. New fields may be left empty, created and changed; the methods take that away or add to it.
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
    pub(crate) calculated: bool,
    pub(crate) auto_number: Option<String>,
    pub(crate) name_field: bool,
}

/// The label that Salesforce would show for an API name: `First_Name__c` and `FirstName` are both "First Name".
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

/// `Id` and the audit fields, which every object has and nobody may set.
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
    fn new(name: &str, kind: FieldType) -> Self {
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
            calculated: false,
            auto_number: None,
            name_field: false,
        }
    }

    fn sized(name: &str, kind: FieldType, length: usize) -> Self {
        Self { length, ..Self::new(name, kind) }
    }

    fn number(name: &str, kind: FieldType, precision: u32, scale: u32) -> Self {
        Self { precision, scale, ..Self::new(name, kind) }
    }

    /// A line of text.
    pub fn text(name: &str, length: usize) -> Self {
        Self::sized(name, FieldType::String, length)
    }

    /// Text with line breaks.
    pub fn textarea(name: &str, length: usize) -> Self {
        Self::sized(name, FieldType::TextArea, length)
    }

    /// A choice of one. Values outside the list are taken too, unless the field is [`Field::restricted`].
    pub fn picklist(name: &str, values: &[&str]) -> Self {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        Self { values, ..Self::sized(name, FieldType::Picklist, 255) }
    }

    /// A choice of many, joined with semicolons.
    pub fn multipicklist(name: &str, values: &[&str]) -> Self {
        Self { kind: FieldType::MultiPicklist, length: 4099, ..Self::picklist(name, values) }
    }

    /// An e-mail address.
    pub fn email(name: &str) -> Self {
        Self::sized(name, FieldType::Email, 80)
    }

    /// A telephone number; any text of 40 characters.
    pub fn phone(name: &str) -> Self {
        Self::sized(name, FieldType::Phone, 40)
    }

    /// A web address; any text of 255 characters.
    pub fn url(name: &str) -> Self {
        Self::sized(name, FieldType::Url, 255)
    }

    /// Text that Salesforce stores encrypted.
    pub fn encrypted(name: &str, length: usize) -> Self {
        Self::sized(name, FieldType::EncryptedString, length)
    }

    /// A checkbox, which is never null.
    pub fn boolean(name: &str) -> Self {
        let field = Self { nillable: false, ..Self::new(name, FieldType::Boolean) };
        field.default_value("false")
    }

    /// A whole number of at most `digits` digits.
    pub fn int(name: &str, digits: u32) -> Self {
        Self::number(name, FieldType::Int, digits, 0)
    }

    /// A number: `precision` digits, `scale` of them behind the decimal point.
    pub fn double(name: &str, precision: u32, scale: u32) -> Self {
        Self::number(name, FieldType::Double, precision, scale)
    }

    /// An amount of money.
    pub fn currency(name: &str, precision: u32, scale: u32) -> Self {
        Self::number(name, FieldType::Currency, precision, scale)
    }

    /// A percentage.
    pub fn percent(name: &str, precision: u32, scale: u32) -> Self {
        Self::number(name, FieldType::Percent, precision, scale)
    }

    /// A day.
    pub fn date(name: &str) -> Self {
        Self::new(name, FieldType::Date)
    }

    /// A moment.
    pub fn datetime(name: &str) -> Self {
        Self::new(name, FieldType::DateTime)
    }

    /// A time of day.
    pub fn time(name: &str) -> Self {
        Self::new(name, FieldType::Time)
    }

    /// A lookup to one object, or a polymorphic one to several. The relationship is called `Account` for
    /// `AccountId` and `Account__r` for `Account__c`.
    pub fn reference(name: &str, targets: &[&str]) -> Self {
        let relationship = match name.strip_suffix("__c") {
            Some(stem) => format!("{stem}__r"),
            None => name.trim_end_matches("Id").to_owned(),
        };
        Self {
            reference_to: targets.iter().map(|target| (*target).to_owned()).collect(),
            relationship_name: Some(relationship),
            ..Self::sized(name, FieldType::Reference, 18)
        }
    }

    /// A master-detail lookup: required, and fixed once the record exists.
    pub fn master(name: &str, target: &str) -> Self {
        Self { updateable: false, ..Self::reference(name, &[target]).required() }
    }

    /// `OwnerId`, which is the signed-in user unless the row says otherwise.
    pub fn owner(targets: &[&str]) -> Self {
        Self { nillable: false, defaulted_on_create: true, ..Self::reference("OwnerId", targets) }
    }

    /// A number that the org counts up, such as `INV-{0000}`.
    pub fn auto_number(name: &str, format: &str) -> Self {
        Self { nillable: false, auto_number: Some(format.to_owned()), ..Self::text(name, 30).read_only() }
            .with_default_on_create()
    }

    /// The compound of address components that name it with [`Field::part_of`].
    pub fn address(name: &str) -> Self {
        Self::new(name, FieldType::Address).read_only()
    }

    /// A file, which Bulk API 2.0 cannot carry.
    pub fn base64(name: &str) -> Self {
        Self::new(name, FieldType::Base64)
    }

    fn with_default_on_create(self) -> Self {
        Self { defaulted_on_create: true, ..self }
    }

    /// Sets the label that error messages show.
    #[must_use]
    pub fn label(self, label: &str) -> Self {
        Self { label: label.to_owned(), ..self }
    }

    /// A record cannot be without it.
    #[must_use]
    pub fn required(self) -> Self {
        Self { nillable: false, ..self }
    }

    /// The value of a record that was created without one.
    #[must_use]
    pub fn default_value(self, value: &str) -> Self {
        Self { default_value: Some(value.to_owned()), ..self }.with_default_on_create()
    }

    /// No two records have the same value.
    #[must_use]
    pub fn unique(self) -> Self {
        Self { unique: true, id_lookup: true, ..self }
    }

    /// `ABC` and `abc` are two values.
    #[must_use]
    pub fn case_sensitive(self) -> Self {
        Self { case_sensitive: true, ..self }
    }

    /// May be the key of an upsert and of a relationship column.
    #[must_use]
    pub fn external_id(self) -> Self {
        Self { external_id: true, id_lookup: true, ..self }
    }

    /// A standard field that may be the key of a relationship column and of an upsert.
    #[must_use]
    pub fn id_lookup(self) -> Self {
        Self { id_lookup: true, ..self }
    }

    /// Takes only the values of its list.
    #[must_use]
    pub fn restricted(self) -> Self {
        Self { restricted: true, ..self }
    }

    /// Nobody may set it.
    #[must_use]
    pub fn read_only(self) -> Self {
        Self { createable: false, updateable: false, ..self }
    }

    /// May be set only when the record is created.
    #[must_use]
    pub fn not_updateable(self) -> Self {
        Self { updateable: false, ..self }
    }

    /// A formula: read only, and never a value in this simulation.
    #[must_use]
    pub fn formula(self) -> Self {
        Self { calculated: true, ..self.read_only() }
    }

    /// The compound field that this field is a component of.
    #[must_use]
    pub fn part_of(self, compound: &str) -> Self {
        Self { compound: Some(compound.to_owned()), ..self }
    }

    /// The field that names the record.
    #[must_use]
    pub fn name_field(self) -> Self {
        Self { name_field: true, ..self }
    }

    pub(crate) fn is_custom(&self) -> bool {
        self.name.ends_with("__c")
    }

    /// Whether the relationship may lead to several objects, so that a column must name the one it means.
    pub(crate) fn is_polymorphic(&self) -> bool {
        self.reference_to.len() > 1
    }

    /// Whether an insert without it is refused.
    pub(crate) fn is_mandatory(&self) -> bool {
        self.createable && !self.nillable && !self.defaulted_on_create
    }

    /// Whether records are looked up by it, so that the store keeps an index.
    pub(crate) fn is_key(&self) -> bool {
        self.kind != FieldType::Id && (self.unique || self.external_id || self.id_lookup)
    }

    /// Two values with the same key are the same to a unique field or an external id.
    pub(crate) fn key_of<'a>(&self, value: &'a str) -> Cow<'a, str> {
        match (self.kind, value.parse::<f64>()) {
            (FieldType::Int | FieldType::Double, Ok(number)) => number.to_string().into(),
            _ if self.case_sensitive => value.into(),
            _ => value.to_lowercase().into(),
        }
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
