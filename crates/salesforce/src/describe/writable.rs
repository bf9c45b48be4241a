//! What an operation may do with a field.

use super::{Field, FieldType};
use crate::Operation;

/// The fields that Salesforce fills in every object (Object Reference, "System Fields"). Some can be set in new records
/// with a permission of their own; then describe says so.
const SYSTEM_FIELDS: [&str; 9] = [
    "IsDeleted",
    "CreatedById",
    "CreatedDate",
    "LastModifiedById",
    "LastModifiedDate",
    "SystemModstamp",
    "LastActivityDate",
    "LastViewedDate",
    "LastReferencedDate",
];

impl Field {
    /// Whether an operation may set the field. Compound fields are set through their parts, and the CSV of the Bulk API
    /// 2.0 has no files (Bulk API 2.0 guide, "Prepare CSV Files").
    pub fn is_writable_by(&self, operation: Operation) -> bool {
        use FieldType::{Address, Base64, Complexvalue, Location};
        if matches!(self.field_type, Address | Location | Base64 | Complexvalue) {
            return false;
        }
        match operation {
            Operation::Insert => self.createable,
            Operation::Update => self.updateable,
            Operation::Upsert => self.createable || self.updateable,
            Operation::Delete | Operation::HardDelete => self.field_type == FieldType::Id,
        }
    }

    /// Whether Salesforce alone fills the field, so that no permission lets a user write it. Files and compound fields
    /// count too: the Bulk API takes neither.
    pub fn is_filled_by_salesforce(&self) -> bool {
        use FieldType::{Address, Base64, Complexvalue, Id, Location};
        matches!(self.field_type, Id | Address | Location | Base64 | Complexvalue)
            || self.calculated
            || self.auto_number
            || SYSTEM_FIELDS.iter().any(|name| self.name.eq_ignore_ascii_case(name))
    }

    /// Whether a new record must have a value for the field. A checkbox without a value is unchecked.
    pub fn is_required(&self) -> bool {
        let has_default = self.defaulted_on_create || self.field_type == FieldType::Boolean;
        self.createable && !self.nillable && !has_default
    }

    /// Whether an upsert or a relationship column may find records by the field. The `Id` and fields with `idLookup`
    /// find records as external ids do (REST API guide, "Upsert a Record").
    pub fn is_lookup(&self) -> bool {
        self.external_id || self.id_lookup || self.field_type == FieldType::Id
    }

    /// Whether the field can be the key of an upsert. An upsert creates the records that it does not find, so it needs a
    /// key that may be written, unlike an auto-number (Salesforce Help, 000004514, "Auto-Number not available as external
    /// ID in Data Loader?"). The `Id` is the exception: it is given by Salesforce, and a row that has one is an update.
    pub fn is_upsert_key(&self) -> bool {
        self.is_lookup() && (self.field_type == FieldType::Id || self.is_writable_by(Operation::Upsert))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_operation_writes_the_fields_that_allow_it() {
        use FieldType::{Address, Base64, Id, String};
        use Operation::{Delete, HardDelete, Insert, Update, Upsert};
        let all = [Insert, Update, Upsert, Delete, HardDelete];
        for (field_type, createable, updateable, expected) in [
            (String, true, true, &[Insert, Update, Upsert][..]),
            (String, true, false, &[Insert, Upsert]),
            (String, false, true, &[Update, Upsert]),
            (String, false, false, &[]),
            (Id, false, false, &[Delete, HardDelete]),
            (Address, true, true, &[]),
            (Base64, true, true, &[]),
            (FieldType::Location, true, true, &[]),
            (FieldType::Complexvalue, true, true, &[]),
            (FieldType::Encryptedstring, true, true, &[Insert, Update, Upsert]),
        ] {
            let field = Field { field_type, createable, updateable, ..Field::default() };
            let found: Vec<_> = all.into_iter().filter(|operation| field.is_writable_by(*operation)).collect();
            assert_eq!(found, expected, "{field:?}");
        }
    }

    #[test]
    fn some_fields_are_filled_by_salesforce_alone() {
        use FieldType::{Address, Datetime, Id, String};
        let named = |name: &str, field_type| Field { name: name.into(), field_type, ..Field::default() };
        for (field, expected) in [
            (named("Id", Id), true),
            (named("BillingAddress", Address), true),
            (named("Where__c", FieldType::Location), true),
            (named("Body", FieldType::Base64), true),
            (named("Odd", FieldType::Complexvalue), true),
            (named("IsDeleted", FieldType::Boolean), true),
            (named("CreatedById", FieldType::Reference), true),
            (named("CreatedDate", Datetime), true),
            (named("LastModifiedById", FieldType::Reference), true),
            (named("LastModifiedDate", Datetime), true),
            (named("SystemModstamp", Datetime), true),
            (named("LastActivityDate", FieldType::Date), true),
            (named("LastViewedDate", Datetime), true),
            (named("LASTREFERENCEDDATE", Datetime), true),
            (named("CreatedDate__c", Datetime), false),
            (Field { calculated: true, ..named("Total__c", String) }, true),
            (Field { auto_number: true, ..named("Name", String) }, true),
            (named("Phone", String), false),
        ] {
            assert_eq!(field.is_filled_by_salesforce(), expected, "{field:?}");
        }
    }

    #[test]
    fn a_field_that_nobody_may_write_is_no_key_of_an_upsert() {
        let external_id = Field { external_id: true, createable: true, updateable: true, ..Field::default() };
        let read_only = Field { createable: false, updateable: false, ..external_id.clone() };
        for (field, expected) in [
            (external_id.clone(), true),
            (Field { external_id: false, id_lookup: true, ..external_id.clone() }, true),
            (Field { updateable: false, ..external_id.clone() }, true),
            (Field { external_id: false, ..external_id }, false),
            (Field { auto_number: true, ..read_only.clone() }, false),
            (Field { calculated: true, ..read_only.clone() }, false),
            (Field { field_type: FieldType::Id, external_id: false, ..read_only }, true),
        ] {
            assert_eq!(field.is_upsert_key(), expected, "{field:?}");
        }
    }

    #[test]
    fn a_field_that_nothing_else_fills_is_required() {
        let field = Field { createable: true, field_type: FieldType::String, ..Field::default() };
        for (field, required) in [
            (field.clone(), true),
            (Field { createable: false, ..field.clone() }, false),
            (Field { nillable: true, ..field.clone() }, false),
            (Field { defaulted_on_create: true, ..field.clone() }, false),
            (Field { field_type: FieldType::Boolean, ..field }, false),
        ] {
            assert_eq!(field.is_required(), required, "{field:?}");
        }
    }
}
