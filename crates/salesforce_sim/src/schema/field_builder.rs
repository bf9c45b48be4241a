//! Builds fields: a constructor for each type, and methods that change a field.

use super::{Field, FieldType, Formula};

impl Field {
    fn sized(name: &str, kind: FieldType, length: usize) -> Self {
        Self { length, ..Self::new(name, kind) }
    }

    fn number(name: &str, kind: FieldType, precision: u32, scale: u32) -> Self {
        Self { precision, scale, ..Self::new(name, kind) }
    }

    /// One line of text of at most `length` characters.
    pub fn text(name: &str, length: usize) -> Self {
        Self::sized(name, FieldType::String, length)
    }

    /// Text with line breaks, of at most `length` characters.
    pub fn textarea(name: &str, length: usize) -> Self {
        Self::sized(name, FieldType::TextArea, length)
    }

    /// Text with markup, of at most `length` characters as it is stored.
    pub fn rich_text(name: &str, length: usize) -> Self {
        Self { rich_text: true, ..Self::textarea(name, length) }
    }

    /// One value of a list. The field also takes other values, unless it is [`Field::restricted`].
    pub fn picklist(name: &str, values: &[&str]) -> Self {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        Self { values, ..Self::sized(name, FieldType::Picklist, 255) }
    }

    /// Any number of values of a list, joined with semicolons.
    pub fn multipicklist(name: &str, values: &[&str]) -> Self {
        Self { kind: FieldType::MultiPicklist, length: 4099, ..Self::picklist(name, values) }
    }

    /// An e-mail address.
    pub fn email(name: &str) -> Self {
        Self::sized(name, FieldType::Email, 80)
    }

    /// A telephone number: any text of at most 40 characters.
    pub fn phone(name: &str) -> Self {
        Self::sized(name, FieldType::Phone, 40)
    }

    /// A web address: any text of at most 255 characters.
    pub fn url(name: &str) -> Self {
        Self::sized(name, FieldType::Url, 255)
    }

    /// Encrypted text of at most `length` characters.
    pub fn encrypted(name: &str, length: usize) -> Self {
        Self::sized(name, FieldType::EncryptedString, length)
    }

    /// A checkbox. It is never null, and false by default.
    pub fn boolean(name: &str) -> Self {
        let field = Self { nillable: false, ..Self::new(name, FieldType::Boolean) };
        field.default_value("false")
    }

    /// A whole number of at most `digits` digits.
    pub fn int(name: &str, digits: u32) -> Self {
        Self::number(name, FieldType::Int, digits, 0)
    }

    /// A number of `precision` digits, `scale` of them after the decimal point.
    pub fn double(name: &str, precision: u32, scale: u32) -> Self {
        Self::number(name, FieldType::Double, precision, scale)
    }

    /// An amount of money of `precision` digits, `scale` of them after the decimal point.
    pub fn currency(name: &str, precision: u32, scale: u32) -> Self {
        Self::number(name, FieldType::Currency, precision, scale)
    }

    /// A percentage of `precision` digits, `scale` of them after the decimal point.
    pub fn percent(name: &str, precision: u32, scale: u32) -> Self {
        Self::number(name, FieldType::Percent, precision, scale)
    }

    /// A date.
    pub fn date(name: &str) -> Self {
        Self::new(name, FieldType::Date)
    }

    /// A date and time.
    pub fn datetime(name: &str) -> Self {
        Self::new(name, FieldType::DateTime)
    }

    /// A time of day.
    pub fn time(name: &str) -> Self {
        Self::new(name, FieldType::Time)
    }

    /// A lookup to one object, or a polymorphic lookup to several. The name of the relationship is `Account` for
    /// `AccountId`, and `Account__r` for `Account__c`.
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

    /// A master-detail lookup: required, and not updateable.
    pub fn master_detail(name: &str, target: &str) -> Self {
        Self { updateable: false, ..Self::reference(name, &[target]).required() }
    }

    /// `OwnerId`. The signed-in user, unless a row names another owner.
    pub fn owner(targets: &[&str]) -> Self {
        Self { nillable: false, defaulted_on_create: true, ..Self::reference("OwnerId", targets) }
    }

    /// A number that the org assigns, such as `INV-0001` with the format `INV-{0000}`.
    pub fn auto_number(name: &str, format: &str) -> Self {
        Self { nillable: false, auto_number: Some(format.to_owned()), ..Self::text(name, 30).read_only() }
            .with_default_on_create()
    }

    /// A compound address. Its components name it with [`Field::part_of`].
    pub fn address(name: &str) -> Self {
        Self::new(name, FieldType::Address).read_only()
    }

    /// A file. Bulk API 2.0 cannot load it.
    pub fn base64(name: &str) -> Self {
        Self::new(name, FieldType::Base64)
    }

    fn with_default_on_create(self) -> Self {
        Self { defaulted_on_create: true, ..self }
    }

    /// Sets the label, which appears in error messages.
    #[must_use]
    pub fn label(self, label: &str) -> Self {
        Self { label: label.to_owned(), ..self }
    }

    /// Every record must have a value.
    #[must_use]
    pub fn required(self) -> Self {
        Self { nillable: false, ..self }
    }

    /// The value of a record that is created without one.
    #[must_use]
    pub fn default_value(self, value: &str) -> Self {
        Self { default_value: Some(value.to_owned()), ..self }.with_default_on_create()
    }

    /// No two records may have the same value.
    #[must_use]
    pub fn unique(self) -> Self {
        Self { unique: true, id_lookup: true, ..self }
    }

    /// `ABC` and `abc` are different values of a unique field or an external id.
    #[must_use]
    pub fn case_sensitive(self) -> Self {
        Self { case_sensitive: true, ..self }
    }

    /// A custom field that may be the key of an upsert or of a relationship column.
    #[must_use]
    pub fn external_id(self) -> Self {
        Self { external_id: true, id_lookup: true, ..self }
    }

    /// A standard field that may be the key of an upsert or of a relationship column.
    #[must_use]
    pub fn id_lookup(self) -> Self {
        Self { id_lookup: true, ..self }
    }

    /// Takes only values of its list.
    #[must_use]
    pub fn restricted(self) -> Self {
        Self { restricted: true, ..self }
    }

    /// Clients cannot set the field.
    #[must_use]
    pub fn read_only(self) -> Self {
        Self { createable: false, updateable: false, ..self }
    }

    /// Clients can set the field only when they create a record.
    #[must_use]
    pub fn not_updateable(self) -> Self {
        Self { updateable: false, ..self }
    }

    /// A formula: read-only, and always null in this org.
    #[must_use]
    pub fn formula(self) -> Self {
        Self { calculated: true, ..self.read_only() }
    }

    /// A formula with the value of another field, such as `Account.Name` of the parent. The stamps of the record do not
    /// move when that value changes.
    #[must_use]
    pub fn formula_of(self, path: &str) -> Self {
        Self { formula: Some(Formula::Of(path.to_owned())), ..self.formula() }
    }

    /// A formula with the whole days since the point in time in another field, such as `CreatedDate`. It changes while
    /// time passes.
    #[must_use]
    pub fn formula_of_days_since(self, field: &str) -> Self {
        Self { formula: Some(Formula::DaysSince(field.to_owned())), ..self.formula() }
    }

    /// Makes the field a component of a compound field.
    #[must_use]
    pub fn part_of(self, compound: &str) -> Self {
        Self { compound: Some(compound.to_owned()), ..self }
    }

    /// Makes the field the name of its object's records.
    #[must_use]
    pub fn name_field(self) -> Self {
        Self { name_field: true, ..self }
    }
}
