//! The fields by which related objects find their records, as the org spells them.

use std::collections::HashMap;

use salesforce::{Describe, Field};

/// The fields of related objects that a relationship column can name, by the object's name in lower case.
#[derive(Debug, Default)]
pub(super) struct RelatedKeys(HashMap<String, Vec<String>>);

impl RelatedKeys {
    pub(super) fn insert(&mut self, object: &str, keys: Vec<String>) {
        self.0.insert(object.to_ascii_lowercase(), keys);
    }

    /// A field of a related object as the org spells it. As it is typed if the object or the field is unknown: then the
    /// org judges.
    pub(super) fn spell<'n>(&'n self, object: &str, typed: &'n str) -> &'n str {
        let keys = self.0.get(&object.to_ascii_lowercase());
        let known = keys.and_then(|keys| keys.iter().find(|name| name.eq_ignore_ascii_case(typed)));
        known.map_or(typed, String::as_str)
    }
}

/// The fields of an object by which others find its records.
pub(super) fn keys_of(describe: &Describe) -> Vec<String> {
    describe.fields.iter().filter(|field| field.is_lookup()).map(|field| field.name.clone()).collect()
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
    use super::*;

    #[test]
    fn known_fields_are_spelt_as_the_org_spells_them() {
        let mut keys = RelatedKeys::default();
        keys.insert("Account", vec!["Id".into(), "External_Id__c".into()]);
        for (object, typed, spelt) in [
            ("Account", "EXTERNAL_ID__C", "External_Id__c"),
            ("account", "id", "Id"),
            ("Account", "external_id", "external_id"),
            ("Contact", "email", "email"),
        ] {
            assert_eq!(keys.spell(object, typed), spelt);
        }
    }
}
