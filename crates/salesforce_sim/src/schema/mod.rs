//! What the org knows about its objects and fields, as data that a test can build.

mod describe;
mod field;
mod field_type;
mod standard;

pub(crate) use describe::{describe_object, object_summary};
pub use field::Field;
pub use field_type::FieldType;
pub(crate) use standard::standard_objects;

/// An object of the org: its name, what may be done with it, and its fields.
///
/// ```
/// use salesforce_sim::{Field, Object};
///
/// let object = Object::custom("Shipment__c")
///     .field(Field::text("Tracking_Number__c", 40).external_id().unique())
///     .field(Field::reference("Account__c", &["Account"]));
/// ```
#[derive(Debug, Clone)]
pub struct Object {
    pub(crate) name: String,
    pub(crate) label: String,
    pub(crate) key_prefix: Option<String>,
    pub(crate) createable: bool,
    pub(crate) updateable: bool,
    pub(crate) deletable: bool,
    pub(crate) bulk: bool,
    pub(crate) described: bool,
    pub(crate) fields: Vec<Field>,
}

impl Object {
    /// A standard object with the three characters that its record ids begin with. It starts with `Id` and the
    /// audit fields; give it its other fields with [`Object::field`].
    pub fn standard(name: &str, key_prefix: &str) -> Self {
        Self {
            name: name.to_owned(),
            label: field::label_of(name),
            key_prefix: Some(key_prefix.to_owned()),
            createable: true,
            updateable: true,
            deletable: true,
            bulk: true,
            described: true,
            fields: field::system_fields(),
        }
    }

    /// A custom object with a text `Name` and an owner who is a user or a queue. The org gives it a key prefix.
    pub fn custom(name: &str) -> Self {
        let object = Self { key_prefix: None, ..Self::standard(name, "") };
        object.field(Field::text("Name", 80).name_field().id_lookup()).field(Field::owner(&["Group", "User"]))
    }

    /// Adds a field, or replaces the field of that name.
    #[must_use]
    pub fn field(mut self, field: Field) -> Self {
        match self.fields.iter_mut().find(|known| known.name.eq_ignore_ascii_case(&field.name)) {
            Some(known) => *known = field,
            None => self.fields.push(field),
        }
        self
    }

    /// Forbids to create, change and delete its records.
    #[must_use]
    pub fn read_only(mut self) -> Self {
        (self.createable, self.updateable, self.deletable) = (false, false, false);
        self
    }

    /// Keeps the object out of the Bulk API.
    #[must_use]
    pub fn without_bulk(mut self) -> Self {
        self.bulk = false;
        self
    }

    /// Refuses to describe the object, although it is in the list of all objects.
    #[must_use]
    pub fn without_describe(mut self) -> Self {
        self.described = false;
        self
    }

    /// The API name.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn is_custom(&self) -> bool {
        self.name.ends_with("__c")
    }

    /// The position of a field by its name; Salesforce ignores case in field names.
    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|field| field.name.eq_ignore_ascii_case(name))
    }
}
