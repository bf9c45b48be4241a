//! What an org says of its objects and their fields.

use super::Org;
use super::fault::Fault;

/// An object and its fields, as the signed-in user may see them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Describe {
    /// The API name.
    pub name: String,
    /// The label.
    pub label: String,
    /// Whether the user may create records.
    pub createable: bool,
    /// Whether the user may change records.
    pub updateable: bool,
    /// Whether the user may delete records.
    pub deletable: bool,
    /// The fields that the user may see; a field that is hidden from the user is not there.
    pub fields: Vec<Field>,
}

/// A field of an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Field {
    /// The API name.
    pub name: String,
    /// The label.
    pub label: String,
    /// The type.
    pub field_type: FieldType,
    /// The largest number of characters of a text; 0 where that says nothing.
    pub length: u32,
    /// The largest number of digits of an integer.
    pub digits: u32,
    /// The digits of a number, on both sides of the point.
    pub precision: u32,
    /// The digits behind the point.
    pub scale: u32,
    /// Whether it may be empty.
    pub nillable: bool,
    /// Whether it may be given when a record is created.
    pub createable: bool,
    /// Whether it may be changed.
    pub updateable: bool,
    /// Whether Salesforce fills it when a record is created without it.
    pub defaulted_on_create: bool,
    /// Whether no two records may share a value.
    pub unique: bool,
    /// Whether values that differ in case only are different.
    pub case_sensitive: bool,
    /// Whether it is an external id.
    pub external_id: bool,
    /// Whether records can be found by it, in an upsert or through a relationship.
    pub id_lookup: bool,
    /// Whether only the values of the picklist are accepted.
    pub restricted_picklist: bool,
    /// The active values of the picklist.
    pub picklist_values: Vec<String>,
    /// The objects that a reference may point to.
    pub reference_to: Vec<String>,
    /// The name of the relationship, for columns such as `Account.External_Id__c`.
    pub relationship_name: Option<String>,
    /// Whether a relationship column must name the object too (`Lead:Who.Email`).
    pub polymorphic: bool,
    /// Whether it is a formula.
    pub calculated: bool,
    /// Whether Salesforce numbers it.
    pub auto_number: bool,
}

/// The type of a field (Object Reference, "Field Types").
#[derive(Debug, Clone, PartialEq, Eq)]
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
    AnyType,
    Complexvalue,
    /// A type that this version does not know.
    Other(String),
}

impl Default for FieldType {
    fn default() -> Self {
        Self::Other(String::new())
    }
}

/// An object in the list of all objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectSummary {
    /// The API name.
    pub name: String,
    /// The label.
    pub label: String,
    /// Whether the user may create records.
    pub createable: bool,
    /// Whether the user may change records.
    pub updateable: bool,
    /// Whether the user may delete records.
    pub deletable: bool,
    /// Whether the user may read records.
    pub queryable: bool,
}

impl Describe {
    /// A field by its API name, whatever its case.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name.eq_ignore_ascii_case(name))
    }
}

impl Org {
    /// Describes one object.
    pub async fn describe(&self, object: &str) -> Result<Describe, Fault> {
        let _ = object;
        unimplemented!()
    }

    /// Describes many objects; what fails for one is given for that one only. The answers are in the order of the
    /// names.
    pub async fn describe_many(&self, objects: &[String]) -> Vec<Result<Describe, Fault>> {
        let _ = objects;
        unimplemented!()
    }

    /// Every object that the user may see.
    pub async fn describe_global(&self) -> Result<Vec<ObjectSummary>, Fault> {
        unimplemented!()
    }
}
