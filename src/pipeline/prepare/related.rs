//! Related objects: which of their fields can name a record.

use std::collections::{HashMap, HashSet};

use crate::nearest_name::nearest_name;
use salesforce::{Describe, Field};

/// The most columns that a problem offers.
const MOST_OFFERED: usize = 10;

/// The related objects that columns name, by the object's name in lower case.
#[derive(Debug, Default)]
pub(super) struct RelatedObjects(HashMap<String, RelatedObject>);

/// The fields of a related object.
#[derive(Debug)]
pub(super) struct RelatedObject {
    /// The fields by which its records are found, as the org spells them.
    keys: Box<[Box<str>]>,
    /// All other fields and relationships, a line each.
    others: Box<str>,
    /// The fields by which records of another object are found.
    details: Box<[Field]>,
}

/// A field of a related object, by the name that a column has for it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum RelatedField<'r> {
    /// It names a record; as the org spells it.
    Key(&'r str),
    /// It exists, and cannot name a record.
    Other,
    /// The object has no such field that the user may see.
    Missing,
    /// Nothing is known of the object.
    Unknown,
}

impl RelatedObject {
    pub(super) fn of(describe: &Describe) -> Self {
        let (keys, others): (Vec<&Field>, Vec<&Field>) = describe.fields.iter().partition(|field| field.is_lookup());
        let relationships = describe.fields.iter().filter_map(|field| field.relationship_name.as_deref());
        let others: Vec<&str> = others.into_iter().map(|field| field.name.as_str()).chain(relationships).collect();
        Self {
            keys: keys.into_iter().map(|field| field.name.as_str().into()).collect(),
            others: others.join("\n").into(),
            details: Box::default(),
        }
    }

    /// Keeps what is described of the fields with these names, in lower case.
    pub(super) fn with_details(self, describe: &Describe, names: &HashSet<String>) -> Self {
        let is_kept = |field: &&Field| names.contains(&field.name.to_ascii_lowercase());
        let kept = describe.fields.iter().filter(is_kept);
        Self { details: kept.map(|field| Field { picklist_values: Vec::new(), ..field.clone() }).collect(), ..self }
    }
}

impl RelatedObjects {
    pub(super) fn insert(&mut self, name: &str, object: RelatedObject) {
        self.0.insert(name.to_ascii_lowercase(), object);
    }

    /// What the field `typed` of an object is.
    pub(super) fn find(&self, object: &str, typed: &str) -> RelatedField<'_> {
        let Some(object) = self.0.get(&object.to_ascii_lowercase()) else { return RelatedField::Unknown };
        if let Some(key) = object.keys.iter().find(|name| name.eq_ignore_ascii_case(typed)) {
            return RelatedField::Key(key);
        }
        match object.others.lines().any(|name| name.eq_ignore_ascii_case(typed)) {
            true => RelatedField::Other,
            false => RelatedField::Missing,
        }
    }

    /// What is described of a field by which records are found.
    pub(super) fn detail(&self, object: &str, typed: &str) -> Option<&Field> {
        let object = self.0.get(&object.to_ascii_lowercase())?;
        object.details.iter().find(|field| field.name.eq_ignore_ascii_case(typed))
    }

    /// The name of a field or relationship of the object that is nearest to `typed`.
    pub(super) fn nearest(&self, object: &str, typed: &str) -> Option<String> {
        let object = self.0.get(&object.to_ascii_lowercase())?;
        let names = object.keys.iter().map(|name| &**name).chain(object.others.lines());
        nearest_name(typed, names).map(str::to_owned)
    }

    /// The columns that can name a record of the object, the nearest to `typed` first, as a part of a sentence.
    /// `relationship` is what the columns have before the dot.
    pub(super) fn offer(&self, object: &str, relationship: &str, typed: &str) -> String {
        let Some(object) = self.0.get(&object.to_ascii_lowercase()) else { return format!("{relationship}.Id") };
        let nearest = nearest_name(typed, object.keys.iter().map(|name| &**name));
        let mut keys: Vec<&str> = object.keys.iter().map(|name| &**name).collect();
        keys.sort_by_key(|name| (nearest != Some(*name), *name == "Id"));
        keys.truncate(MOST_OFFERED);
        one_of(keys.into_iter().map(|name| format!("{relationship}.{name}")))
    }
}

/// Names as a part of a sentence: "A, B or C".
pub(super) fn one_of(names: impl Iterator<Item = String>) -> String {
    let names: Vec<String> = names.collect();
    match &*names {
        [] => String::new(),
        [name] => name.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

/// A column such as `Account.External_Id__c`, `Contact:Who.Email`, or `Account` for a nested object.
#[derive(Debug, Clone, Copy)]
pub(super) struct RelationshipName<'n> {
    /// The type of the related object, where the relationship has several.
    pub(super) object: Option<&'n str>,
    pub(super) relationship: &'n str,
}

impl<'n> RelationshipName<'n> {
    /// Reads what is before the dot.
    pub(super) fn parse(before_dot: &'n str) -> Self {
        match before_dot.split_once(':') {
            Some((object, relationship)) => Self { object: Some(object), relationship },
            None => Self { object: None, relationship: before_dot },
        }
    }

    /// The reference field of the relationship.
    pub(super) fn field<'d>(&self, describe: &'d Describe) -> Option<&'d Field> {
        let is_named = |name: &str| name.eq_ignore_ascii_case(self.relationship);
        describe.fields.iter().find(|field| field.relationship_name.as_deref().is_some_and(is_named))
    }

    /// The related object as the org spells it. `None` if the reference has several, and none has the name.
    pub(super) fn target<'d>(&self, field: &'d Field) -> Option<&'d str> {
        let target = match self.object {
            Some(object) => field.reference_to.iter().find(|name| name.eq_ignore_ascii_case(object)),
            None if field.polymorphic => None,
            None => field.reference_to.first(),
        };
        target.map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn accounts() -> RelatedObjects {
        let describe: Describe = serde_json::from_value(json!({"name": "Account", "fields": [
            {"name": "Id", "type": "id"}, {"name": "Name"}, {"name": "Legacy_Key__c", "externalId": true},
            {"name": "OwnerId", "relationshipName": "Owner"}, {"name": "External_Id__c", "idLookup": true},
        ]}))
        .unwrap();
        let mut objects = RelatedObjects::default();
        objects.insert("Account", RelatedObject::of(&describe));
        objects
    }

    #[test]
    fn a_key_is_spelt_as_the_org_spells_it() {
        use RelatedField::{Key, Missing, Other, Unknown};
        for (object, typed, expected) in [
            ("Account", "EXTERNAL_ID__C", Key("External_Id__c")),
            ("account", "id", Key("Id")),
            ("Account", "name", Other),
            ("Account", "owner", Other),
            ("Account", "external_id", Missing),
            ("Account", "Owner.Email", Missing),
            ("Contact", "email", Unknown),
        ] {
            assert_eq!(accounts().find(object, typed), expected, "{object} {typed}");
        }
    }

    #[test]
    fn the_nearest_key_is_offered_first_and_the_id_last() {
        for (object, typed, expected) in [
            ("Account", "external_id", "Parent.External_Id__c, Parent.Legacy_Key__c or Parent.Id"),
            ("Account", "shoe_size", "Parent.Legacy_Key__c, Parent.External_Id__c or Parent.Id"),
            ("Contact", "external_id", "Parent.Id"),
        ] {
            assert_eq!(accounts().offer(object, "Parent", typed), expected, "{typed}");
        }
    }

    #[test]
    fn ten_keys_are_offered_at_most() {
        for (keys, offered) in [(9, 9), (10, 10), (11, 10), (30, 10)] {
            let fields: Vec<_> =
                (0..keys).map(|number| json!({"name": format!("Key_{number:02}__c"), "externalId": true})).collect();
            let describe: Describe = serde_json::from_value(json!({"name": "Account", "fields": fields})).unwrap();
            let mut objects = RelatedObjects::default();
            objects.insert("Account", RelatedObject::of(&describe));
            let nearest = format!("Key_{:02}__c", keys - 1);
            let offer = objects.offer("Account", "Parent", &nearest.to_lowercase());
            assert_eq!(offer.matches("Parent.").count(), offered, "{offer}");
            assert!(offer.starts_with(&format!("Parent.{nearest}")), "{offer}");
        }
    }

    /// Salesforce needs the object of such a reference, and the first one would be a guess.
    #[test]
    fn a_reference_to_several_objects_has_a_target_only_if_the_object_is_named() {
        let describe: Describe = serde_json::from_value(json!({"name": "Task", "fields": [
            {"name": "WhoId", "relationshipName": "Who", "referenceTo": ["Contact", "Lead"], "polymorphicForeignKey": true},
            {"name": "WhatId", "relationshipName": "What", "referenceTo": ["Account"], "polymorphicForeignKey": true},
            {"name": "AccountId", "relationshipName": "Account", "referenceTo": ["Account"]},
        ]}))
        .unwrap();
        for (before_dot, target) in [
            ("Who", None),
            ("who", None),
            ("Contact:Who", Some("Contact")),
            ("lead:WHO", Some("Lead")),
            ("Account:Who", None),
            ("What", None),
            ("Account:What", Some("Account")),
            ("Account", Some("Account")),
            ("account:account", Some("Account")),
            ("Lead:Account", None),
        ] {
            let name = RelationshipName::parse(before_dot);
            assert_eq!(name.target(name.field(&describe).unwrap()), target, "{before_dot}");
        }
    }
}
