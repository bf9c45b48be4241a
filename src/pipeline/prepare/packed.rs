//! The describe of an object in little memory. A plan keeps it for the columns that only records show, for as long as
//! the sync runs, and a sync may have hundreds of plans.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::Arc;

use super::fields::ObjectFields;
use super::related::RelationshipName;
use crate::config::Config;
use salesforce::{Describe, Field, FieldType, Operation};

/// What a plan needs of a describe. A field takes about 60 bytes, and the values of its picklist none.
#[derive(Debug)]
pub(super) struct PackedObject {
    name: Box<str>,
    /// A line for each field, in [`pack`]'s form.
    fields: Box<str>,
    /// The hashes of all names, of fields and of relationships, in order: most names that only records show are none.
    names: Box<[u32]>,
}

impl PackedObject {
    pub(super) fn of(describe: &Describe) -> Self {
        let lines: Vec<String> = describe.fields.iter().map(pack).collect();
        let names = describe.fields.iter().flat_map(|field| {
            [Some(field.name.as_str()), field.relationship_name.as_deref()].into_iter().flatten().map(hash)
        });
        let mut names: Vec<u32> = names.collect();
        names.sort_unstable();
        Self { name: describe.name.as_str().into(), fields: lines.join("\n").into(), names: names.into() }
    }

    /// The fields with this name or relationship, without the values of picklists.
    fn named(&self, name: &str) -> Vec<Field> {
        if self.names.binary_search(&hash(name)).is_err() {
            return Vec::new();
        }
        let is_named = |field: &Field| {
            let names = [Some(field.name.as_str()), field.relationship_name.as_deref()];
            names.into_iter().flatten().any(|it| it.eq_ignore_ascii_case(name))
        };
        self.all().filter(is_named).collect()
    }

    /// All fields, without the values of picklists.
    fn all(&self) -> impl Iterator<Item = Field> {
        self.fields.lines().filter_map(unpack)
    }
}

/// The hash of a name; case does not matter.
fn hash(name: &str) -> u32 {
    let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(name.to_ascii_lowercase());
    // Names with equal hashes only cost a look at the fields.
    (hash & u64::from(u32::MAX)) as u32
}

/// The fields of the object of a plan, for columns that only records show.
#[derive(Debug, Clone)]
pub(super) struct LateFields {
    object: Arc<PackedObject>,
    operation: Operation,
    truncate: bool,
}

impl LateFields {
    pub(super) fn new(object: Arc<PackedObject>, operation: Operation, config: &Config) -> Self {
        Self { object, operation, truncate: config.truncate_text() }
    }

    /// The fields that a column of this name may be of. If it is of none, all fields or none.
    pub(super) fn for_column(&self, name: &str, or_all: bool) -> ObjectFields {
        let before_dot = name.split_once('.').map_or(name, |(before, _)| before);
        let relationship = RelationshipName::parse(before_dot).relationship;
        let mut fields = self.object.named(name);
        if fields.is_empty() && relationship != name {
            fields = self.object.named(relationship);
        }
        if fields.is_empty() && or_all {
            fields = self.object.all().collect();
        }
        let describe = Describe { name: self.object.name.clone().into(), fields, ..Describe::default() };
        ObjectFields::of_plan(Arc::new(describe), self.operation, self.truncate)
    }
}

/// A field as a line: name, type, length, scale, relationship, objects and flags, with tabs between them. No name has a tab, a
/// comma or a line end.
fn pack(field: &Field) -> String {
    let flags = [
        field.nillable,
        field.createable,
        field.updateable,
        field.defaulted_on_create,
        field.case_sensitive,
        field.external_id,
        field.id_lookup,
        field.restricted_picklist,
        field.polymorphic,
        field.html_formatted,
        field.rich_text_area,
        field.calculated,
        field.auto_number,
        field.unique,
        field.custom,
        field.not_filterable,
    ];
    let flags: u32 = flags.iter().enumerate().map(|(bit, flag)| u32::from(*flag) << bit).sum();
    let relationship = field.relationship_name.as_deref().unwrap_or_default();
    let objects = field.reference_to.join(",");
    let Field { name, length, scale, .. } = field;
    format!("{name}\t{}\t{length}\t{scale}\t{relationship}\t{objects}\t{flags}", field.field_type.name())
}

fn unpack(line: &str) -> Option<Field> {
    let mut parts = line.split('\t');
    let mut next = || parts.next();
    let (name, field_type, length, scale) = (next()?, next()?, next()?, next()?);
    let (relationship, objects, flags) = (next()?, next()?, next()?.parse::<u32>().ok()?);
    let flag = |bit: u32| flags >> bit & 1 == 1;
    Some(Field {
        name: name.to_owned(),
        field_type: FieldType::of_name(field_type),
        length: length.parse().ok()?,
        scale: scale.parse().ok()?,
        nillable: flag(0),
        createable: flag(1),
        updateable: flag(2),
        defaulted_on_create: flag(3),
        case_sensitive: flag(4),
        external_id: flag(5),
        id_lookup: flag(6),
        restricted_picklist: flag(7),
        picklist_values: Vec::new(),
        reference_to: objects.split(',').filter(|object| !object.is_empty()).map(str::to_owned).collect(),
        relationship_name: (!relationship.is_empty()).then(|| relationship.to_owned()),
        polymorphic: flag(8),
        compound_field_name: None,
        html_formatted: flag(9),
        rich_text_area: flag(10),
        calculated: flag(11),
        auto_number: flag(12),
        unique: flag(13),
        custom: flag(14),
        not_filterable: flag(15),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_packed_field_is_the_field_without_its_picklist() {
        let flags = [
            "nillable",
            "createable",
            "updateable",
            "defaultedOnCreate",
            "caseSensitive",
            "externalId",
            "idLookup",
            "restrictedPicklist",
            "polymorphicForeignKey",
            "htmlFormatted",
            "calculated",
            "autoNumber",
            "unique",
            "custom",
        ];
        for flag in flags {
            for field_type in ["string", "anyType", "newtype"] {
                let field = json!({
                    "name": "Status__c", "type": field_type, "length": 255, "scale": 2, "relationshipName": "Status__r",
                    "referenceTo": ["Account", "Lead"], flag: true, "extraTypeInfo": "richtextarea", "filterable": false,
                    "picklistValues": [{"active": true, "value": "Open"}],
                });
                let describe: Describe =
                    serde_json::from_value(json!({"name": "Case", "fields": [{"name": "Id"}, field]})).unwrap();
                let expected = Field { picklist_values: Vec::new(), ..describe.fields[1].clone() };
                let packed = PackedObject::of(&describe);
                for name in ["STATUS__C", "status__r"] {
                    assert_eq!(packed.named(name), *std::slice::from_ref(&expected), "{flag} {name}");
                }
                assert_eq!((packed.named("Other__c").len(), packed.all().count()), (0, 2));
            }
        }
    }

    /// A column of records alone is looked up as one of the schema.
    #[test]
    fn a_column_that_only_records_show_finds_its_field_or_its_reference() {
        let describe: Describe = serde_json::from_value(json!({"name": "Task", "fields": [
            {"name": "Status"},
            {"name": "AccountId", "relationshipName": "Account", "referenceTo": ["Account"]},
            {"name": "WhoId", "relationshipName": "Who", "referenceTo": ["Contact", "Lead"], "polymorphicForeignKey": true},
        ]}))
        .unwrap();
        let object = Arc::new(PackedObject::of(&describe));
        let late = LateFields { object, operation: Operation::Insert, truncate: false };
        for (column, expected) in [
            ("status", "Status"),
            ("AccountId", "AccountId"),
            ("account", "AccountId"),
            ("Account.External_Id__c", "AccountId"),
            ("ACCOUNT.Owner.Email", "AccountId"),
            ("Contact:Who.Email", "WhoId"),
            ("lead:who", "WhoId"),
            ("Owner.Email", ""),
            ("Status.Email", ""),
            ("Shoe__c", ""),
        ] {
            for or_all in [false, true] {
                let fields = late.for_column(column, or_all);
                let before_dot = column.split_once('.').map_or(column, |(before, _)| before);
                let found = fields.field(column).or_else(|| fields.reference(RelationshipName::parse(before_dot)));
                assert_eq!(found.map_or("", |field| &field.name), expected, "{column} {or_all}");
            }
        }
        assert!(late.for_column("Statos", true).field("Status").is_some(), "it may be meant");
        assert!(late.for_column("Statos", false).field("Status").is_none());
    }

    /// An object as large as the limits of Salesforce allow: 800 fields, and picklists with values.
    fn large_object() -> Describe {
        let fields: Vec<_> = (0..800)
            .map(|number| {
                let values: Vec<_> =
                    (0..20).map(|it| json!({"active": true, "value": format!("Value {it:04}")})).collect();
                let is_picklist = number % 10 == 0;
                json!({
                    "name": format!("Customer_Attribute_{number:04}__c"), "length": 255, "createable": true,
                    "type": if is_picklist { "picklist" } else { "string" },
                    "picklistValues": if is_picklist { values } else { Vec::new() },
                })
            })
            .collect();
        serde_json::from_value(json!({"name": "Customer__c", "fields": fields})).unwrap()
    }

    #[test]
    fn two_hundred_plans_of_large_objects_take_less_than_ten_megabytes() {
        let describe = large_object();
        let of_values = |field: &Field| {
            size_of::<Field>()
                + field.name.len()
                + field.picklist_values.iter().map(|value| size_of::<String>() + value.len()).sum::<usize>()
        };
        let whole: usize = describe.fields.iter().map(of_values).sum();
        let packed = PackedObject::of(&describe);
        let kept = size_of::<PackedObject>() + packed.fields.len() + size_of_val(&*packed.names);
        assert!(200 * kept < 10_000_000, "{kept} bytes a plan");
        assert!(4 * kept < whole, "{kept} of {whole} bytes");
        assert_eq!(packed.all().count(), 800);
    }
}
