//! The fields of an object as columns: which may be written, how their values are carried, and what to say of a name
//! that the object does not have.

use std::collections::HashSet;
use std::sync::Arc;

use crate::config::{Config, UnknownFields};
use crate::convert::{Column, KeyComparison, Kind, SourceColumn};
use airbyte::JsonTypes;
use salesforce::{Describe, Field, FieldType, Operation};

/// The fields of one object, for one operation.
#[derive(Debug)]
pub(in crate::pipeline) struct ObjectFields {
    describe: Arc<Describe>,
    operation: Operation,
    truncate: bool,
    unknown: UnknownFields,
}

/// What becomes of a field of a record.
#[derive(Debug)]
pub(in crate::pipeline) enum ResolvedField {
    /// It is a column.
    Column(Column),
    /// It holds an object whose fields are columns of their own.
    Nested,
    /// It is left out, as the user wants it.
    Ignored,
}

/// A field without which no record can be created.
pub(in crate::pipeline) struct Required<'d>(&'d Field);

impl ObjectFields {
    pub(in crate::pipeline) fn new(describe: Arc<Describe>, operation: Operation, config: &Config) -> Self {
        Self { describe, operation, truncate: config.truncate_text(), unknown: config.unknown_fields() }
    }

    /// The API name of the object.
    pub(in crate::pipeline) fn object(&self) -> &str {
        &self.describe.name
    }

    /// The key of an upsert in the object's spelling.
    ///
    /// # Errors
    /// The field cannot be a key.
    pub(in crate::pipeline) fn upsert_key(&self, name: &str) -> Result<String, String> {
        let object = self.object();
        let Some(field) = self.describe.field(name) else {
            return Err(format!("its key {name} is no field of {object}{}", self.nearest(name)));
        };
        if field.is_lookup() {
            return Ok(field.name.clone());
        }
        let others: Vec<&str> =
            self.describe.fields.iter().filter(|field| field.external_id).map(|field| field.name.as_str()).collect();
        let others = match &*others {
            [] => format!("mark it as an external id in the setup of {object}"),
            others => format!("choose one of {}, or mark it as an external id in the setup", others.join(", ")),
        };
        Err(format!("its key {} of {object} is no external id; {others}", field.name))
    }

    /// How the org compares the values of a key field.
    pub(in crate::pipeline) fn comparison(&self, name: &str) -> KeyComparison {
        match self.describe.field(name) {
            Some(field) if field.field_type == FieldType::Id => KeyComparison::Id,
            Some(field) if is_number(&field.field_type) => KeyComparison::Number,
            Some(field) if field.case_sensitive => KeyComparison::Exact,
            _ => KeyComparison::IgnoreCase,
        }
    }

    /// What becomes of the field `source` of a record, which is known to Salesforce as `target`.
    ///
    /// # Errors
    /// A sentence that tells why it cannot be written.
    pub(in crate::pipeline) fn resolve_field(
        &self,
        source: SourceColumn,
        target: &str,
        types: JsonTypes,
        key: Option<&str>,
    ) -> Result<ResolvedField, String> {
        if source.is_of_airbyte() {
            return Ok(ResolvedField::Ignored);
        }
        if let Some(field) = self.describe.field(target) {
            let is_key = key.is_some_and(|key| key.eq_ignore_ascii_case(target));
            if !is_key && !field.is_writable_by(self.operation) {
                return Err(self.not_writable(field));
            }
            let kind = match self.kind(field) {
                // Cut short, a key would be that of another record.
                Kind::Text { .. } if is_key => Kind::Text { longest: None },
                kind => kind,
            };
            let column = Column::new(source, &field.name, kind, types);
            return Ok(ResolvedField::Column(column));
        }
        if let Some((relationship, inner)) = target.split_once('.') {
            if let Some(column) = self.relationship(source.clone(), relationship, inner, types)? {
                return Ok(ResolvedField::Column(column));
            }
        } else if self.by_relationship(target).is_some() {
            return Ok(ResolvedField::Nested);
        }
        match self.unknown {
            UnknownFields::Ignore => Ok(ResolvedField::Ignored),
            UnknownFields::Fail => Err(format!(
                "its field {source} is no field of {} that the user may see{}",
                self.object(),
                self.nearest(target)
            )),
        }
    }

    /// The column `relationship.inner`, with the type of the related object before it where Salesforce wants it (Bulk
    /// API 2.0 guide, "Relationship ObjectFields in a Header Row").
    fn relationship(
        &self,
        source: SourceColumn,
        relationship: &str,
        inner: &str,
        types: JsonTypes,
    ) -> Result<Option<Column>, String> {
        let (object, name) = match relationship.split_once(':') {
            Some((object, name)) => (Some(object), name),
            None => (None, relationship),
        };
        let Some(field) = self.by_relationship(name) else { return Ok(None) };
        if !field.is_writable_by(self.operation) {
            return Err(self.not_writable(field));
        }
        let name = field.relationship_name.as_deref().unwrap_or(name);
        let header = match (object, field.polymorphic) {
            (None, false) => format!("{name}.{inner}"),
            (Some(object), true) => format!("{object}:{name}.{inner}"),
            (None, true) => {
                let object = field.reference_to.first().map_or("Account", String::as_str);
                return Err(format!(
                    "its field {source} must name the object that it refers to, such as {object}:{name}.{inner}"
                ));
            }
            (Some(_), false) => {
                return Err(format!("its field {source} must not name an object; write {name}.{inner}"));
            }
        };
        Ok(Some(Column::new(source, header, Kind::Text { longest: None }, types)))
    }

    /// The fields that must be given to create a record.
    pub(in crate::pipeline) fn required(&self) -> impl Iterator<Item = Required<'_>> {
        self.describe.fields.iter().filter(|field| field.is_required()).map(Required)
    }

    fn by_relationship(&self, name: &str) -> Option<&Field> {
        self.describe
            .fields
            .iter()
            .find(|field| field.relationship_name.as_deref().is_some_and(|it| it.eq_ignore_ascii_case(name)))
    }

    fn not_writable(&self, field: &Field) -> String {
        let (object, name) = (self.object(), &field.name);
        let why = match field.field_type {
            FieldType::Id => "is given by Salesforce",
            FieldType::Address | FieldType::Location => "is made of other fields, which can be written one by one",
            FieldType::Base64 => "holds a file, which the Bulk API does not take",
            _ if field.calculated => "is a formula",
            _ if field.auto_number => "is numbered by Salesforce",
            _ => "may not be written by the signed-in user",
        };
        format!(
            "its field {name} cannot be written by {}, because {name} of {object} {why}; leave it out of the stream",
            self.operation
        )
    }

    fn kind(&self, field: &Field) -> Kind {
        match field.field_type {
            FieldType::Boolean => Kind::Boolean,
            _ if is_number(&field.field_type) => Kind::Number,
            FieldType::Date => Kind::Date,
            FieldType::Datetime => Kind::DateTime,
            FieldType::Time => Kind::Time,
            FieldType::Multipicklist => Kind::MultiPicklist,
            // Cut short, an address, a link or a value of a list would be another one.
            FieldType::String | FieldType::Textarea | FieldType::Encryptedstring | FieldType::Phone
                if self.truncate && field.length > 0 =>
            {
                Kind::Text { longest: Some(field.length as usize) }
            }
            _ => Kind::Text { longest: None },
        }
    }

    /// The end of a sentence that names the nearest field, where one is near.
    fn nearest(&self, name: &str) -> String {
        let names = self.describe.fields.iter().map(|field| field.name.as_str());
        nearest(name, names).map_or_else(String::new, |near| format!("; the nearest name is {near}"))
    }
}

impl Required<'_> {
    pub(in crate::pipeline) fn name(&self) -> &str {
        &self.0.name
    }

    /// Whether one of the columns fills the field, itself or through its relationship, or whether it is one of the
    /// relationships whose fields only the records name.
    pub(in crate::pipeline) fn is_among(&self, columns: &[Column], relationships: &[&str]) -> bool {
        let relationship = self.0.relationship_name.as_deref();
        if relationship.is_some_and(|name| relationships.iter().any(|it| it.eq_ignore_ascii_case(name))) {
            return true;
        }
        columns.iter().any(|column| {
            let header = column.header();
            let by_relationship = header.split_once('.').map(|(before, _)| before.rsplit(':').next().unwrap_or(before));
            header.eq_ignore_ascii_case(&self.0.name)
                || by_relationship.is_some_and(|it| relationship.is_some_and(|name| name.eq_ignore_ascii_case(it)))
        })
    }
}

fn is_number(field_type: &FieldType) -> bool {
    use FieldType::{Currency, Double, Int, Long, Percent};
    matches!(field_type, Int | Long | Double | Currency | Percent)
}

/// The name that `typed` may have been meant for.
pub(in crate::pipeline) fn nearest<'n>(typed: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let typed = bare(typed);
    let mut seen = HashSet::new();
    names
        .filter(|name| seen.insert(*name))
        .map(|name| (strsim::normalized_damerau_levenshtein(&typed, &bare(name)), name))
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        // Below this, two names have less than half of their letters in common.
        .filter(|(likeness, _)| *likeness >= 0.5)
        .map(|(_, name)| name)
}

/// A name without what differs between the spelling of a warehouse and that of Salesforce.
fn bare(name: &str) -> String {
    let name = name.to_ascii_lowercase();
    name.strip_suffix("__c").unwrap_or(&name).replace('_', "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_found_across_spellings() {
        let names = ["LastName", "FirstName", "Invoice_Number__c", "Email"];
        for (typed, expected) in [
            ("last_name", Some("LastName")),
            ("Lastname", Some("LastName")),
            ("invoice_number", Some("Invoice_Number__c")),
            ("InvoiceNumer__c", Some("Invoice_Number__c")),
            ("mail", Some("Email")),
            ("shoe_size", None),
        ] {
            assert_eq!(nearest(typed, names.into_iter()), expected, "{typed}");
        }
    }
}
