//! The objects and fields of the org, as data that a test can build.

mod describe;
mod field;
mod field_builder;
mod field_type;
mod query_rules;
mod standard;

pub(crate) use describe::{describe_object, object_summary};
pub use field::Field;
pub(crate) use field::Formula;
pub(crate) use field_type::FieldType;
pub(crate) use query_rules::{NeededFilter, QueryRules};
pub(crate) use standard::{standard_objects, with_person_accounts};

/// Whether two names of objects, fields or relationships are the same. Salesforce ignores their case.
pub(crate) fn is_same_name(left: &str, right: &str) -> bool {
    left.eq_ignore_ascii_case(right)
}

/// An object of the org: its name, its fields, and what a client may do with it.
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
    pub(crate) listed: bool,
    pub(crate) replicateable: bool,
    pub(crate) query: QueryRules,
    pub(crate) fields: Vec<Field>,
}

impl Object {
    /// A standard object. The ids of its records begin with the three characters of `key_prefix`. It has `Id` and the
    /// audit fields; [`Object::field`] adds others.
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
            listed: true,
            replicateable: true,
            query: QueryRules::default(),
            fields: field::system_fields(),
        }
    }

    /// A custom object with a text `Name` and an owner, who is a user or a queue. The org chooses its key prefix.
    pub fn custom(name: &str) -> Self {
        let object = Self { key_prefix: None, ..Self::standard(name, "") };
        object.field(Field::text("Name", 80).name_field().id_lookup()).field(Field::owner(&["Group", "User"]))
    }

    /// A big object, with the index fields that are added to it. It has no `count()`, and its `Id` is empty (SOQL and SOSL
    /// Reference, "SOQL with Big Objects").
    pub fn big(name: &str) -> Self {
        let rules = QueryRules { is_uncounted: true, has_empty_ids: true, ..QueryRules::default() };
        let mut object = Self { key_prefix: None, query: rules, ..Self::standard(name, "").read_only() };
        object.fields.retain(|field| ["Id", "CreatedDate", "CreatedById", "SystemModstamp"].contains(&&*field.name));
        object
    }

    /// An external object, whose records are in another system. The Bulk API does not know it, and a query joins it to at
    /// most four objects (SOQL and SOSL Reference, "SOQL Limits on Objects").
    pub fn external(name: &str) -> Self {
        let rules = QueryRules { is_external: true, ..QueryRules::default() };
        let mut object = Self { key_prefix: None, query: rules, ..Self::standard(name, "").without_bulk() };
        object.fields.retain(|field| field.name == "Id");
        object.field(Field::text("ExternalId", 255).external_id()).field(Field::url("DisplayUrl"))
    }

    /// Adds a field, or replaces the field with the same name.
    #[must_use]
    pub fn field(mut self, field: Field) -> Self {
        match self.fields.iter_mut().find(|known| is_same_name(&known.name, &field.name)) {
            Some(known) => *known = field,
            None => self.fields.push(field),
        }
        self
    }

    /// Clients cannot create, change or delete records of the object.
    #[must_use]
    pub fn read_only(mut self) -> Self {
        (self.createable, self.updateable, self.deletable) = (false, false, false);
        self
    }

    /// The user may not delete records of the object.
    #[must_use]
    pub fn undeletable(mut self) -> Self {
        self.deletable = false;
        self
    }

    /// The Bulk API does not know the object.
    #[must_use]
    pub fn without_bulk(mut self) -> Self {
        self.bulk = false;
        self
    }

    /// The object has no `/updated` and no `/deleted`.
    #[must_use]
    pub fn without_replication(mut self) -> Self {
        self.replicateable = false;
        self
    }

    /// Takes away a field that every object has, such as `SystemModstamp`.
    #[must_use]
    pub fn without(mut self, field: &str) -> Self {
        self.fields.retain(|known| !is_same_name(&known.name, field));
        self
    }

    /// No query reads records of the object.
    #[must_use]
    pub fn without_queries(mut self) -> Self {
        self.query.is_refused = true;
        self
    }

    /// No query counts records of the object.
    #[must_use]
    pub fn without_count(mut self) -> Self {
        self.query.is_uncounted = true;
        self
    }

    /// Every query must give a value to one of these fields. `refusal` is what the org says to others.
    #[must_use]
    pub fn needs_filter(mut self, fields: &[&str], refusal: &str) -> Self {
        let fields = fields.iter().map(|field| (*field).to_owned()).collect();
        self.query.needed = Some(NeededFilter { fields, refusal: refusal.to_owned() });
        self
    }

    /// The list of objects has the object, but its describe fails with 403.
    #[must_use]
    pub fn without_describe(mut self) -> Self {
        self.described = false;
        self
    }

    /// The list of objects does not have the object.
    pub(crate) fn unlisted(mut self) -> Self {
        self.listed = false;
        self
    }

    pub(crate) fn is_custom(&self) -> bool {
        self.name.ends_with("__c")
    }

    /// The position of a field that the user may see.
    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|field| !field.hidden && is_same_name(&field.name, name))
    }

    /// The positions of the fields that match a condition.
    pub(crate) fn positions(&self, condition: fn(&Field) -> bool) -> Vec<usize> {
        self.fields.iter().enumerate().filter(|(_, field)| condition(field)).map(|(at, _)| at).collect()
    }
}
