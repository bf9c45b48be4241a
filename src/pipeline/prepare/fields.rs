//! The fields of an object: which source column becomes which column, and what is wrong with a name.

use std::sync::Arc;

use super::nearest_name::nearest_name;
use super::related::{RelatedKeys, RelationshipName};
use crate::config::{Config, Renames, UnknownFields};
use crate::convert::{Column, KeyComparison, Kind, SourceColumn};
use airbyte::JsonTypes;
use salesforce::{Describe, Field, FieldType, Operation};

/// The fields of one object, as one operation sees them.
#[derive(Debug)]
pub(super) struct ObjectFields {
    describe: Arc<Describe>,
    related: Arc<RelatedKeys>,
    operation: Operation,
    truncate: bool,
    unknown: UnknownFields,
}

/// What becomes of a source column.
#[derive(Debug)]
pub(crate) enum ResolvedField {
    /// It is written to a column.
    Column(Column),
    /// It holds an object, and each field of that becomes a column.
    Nested,
    /// It is not written: of no use to the operation, or unknown and ignored by the user's choice.
    Ignored,
    /// It is not written: metadata that the platform or a source added.
    Metadata,
    /// It is not written, and a record with a value in it is rejected: the source has deleted the record.
    DeletionMark,
}

/// Why a source column cannot be written.
#[derive(Debug)]
pub(super) struct FieldProblem {
    /// A sentence without its end.
    pub(super) sentence: String,
    /// The field that the column probably means, if the object has no field of its name.
    pub(super) nearest: Option<String>,
}

impl From<String> for FieldProblem {
    fn from(sentence: String) -> Self {
        Self { sentence, nearest: None }
    }
}

/// A field that a new record must have.
pub(super) struct RequiredField<'d>(&'d Field);

impl ObjectFields {
    pub(super) fn new(
        describe: Arc<Describe>,
        related: Arc<RelatedKeys>,
        operation: Operation,
        config: &Config,
    ) -> Self {
        Self { describe, related, operation, truncate: config.truncate_text(), unknown: config.unknown_fields() }
    }

    pub(super) fn operation(&self) -> Operation {
        self.operation
    }

    /// The API name of the object.
    pub(super) fn object(&self) -> &str {
        &self.describe.name
    }

    /// The key of an upsert, in the object's spelling.
    ///
    /// # Errors
    /// The field cannot be a key.
    pub(super) fn upsert_key(&self, name: &str) -> Result<String, String> {
        let object = self.object();
        let Some(field) = self.describe.field(name) else {
            let near = self.nearest(name, Field::is_upsert_key);
            return Err(format!("its key {name} is no field of {object}{}", nearest_name_is(near)));
        };
        if field.is_upsert_key() {
            return Ok(field.name.clone());
        }
        let is_other = |other: &&Field| other.external_id && other.is_upsert_key();
        let others: Vec<&str> = self.describe.fields.iter().filter(is_other).map(|field| field.name.as_str()).collect();
        if field.is_lookup() {
            let others = match &*others {
                [] => String::new(),
                others => format!("choose one of {}, or ", others.join(", ")),
            };
            return Err(format!(
                "its key {} of {object} cannot be the key of an upsert, because it {}, so no record can be created with \
                 it; {others}set the operation `update` with `Id` for records that exist",
                field.name,
                why_not_writable(field)
            ));
        }
        let others = match &*others {
            [] => format!("mark it as an external id in the setup of {object}"),
            others => format!("choose one of {}, or mark it as an external id in the setup", others.join(", ")),
        };
        Err(format!("its key {} of {object} is no external id; {others}", field.name))
    }

    /// How the org compares the values of a key field.
    pub(super) fn comparison(&self, name: &str) -> KeyComparison {
        match self.describe.field(name) {
            Some(field) if matches!(field.field_type, FieldType::Id | FieldType::Reference) => KeyComparison::Id,
            Some(field) if is_number(&field.field_type) => KeyComparison::Number { scale: field.scale },
            Some(field) if field.case_sensitive => KeyComparison::Exact,
            // The rule of the Apex guide ("Upserting Records") is about custom fields.
            Some(field) if field.custom && field.field_type == FieldType::String => match field.unique {
                true => KeyComparison::IgnoreCase,
                false => KeyComparison::Exact,
            },
            _ => KeyComparison::Text,
        }
    }

    /// What becomes of a column that the platform or a source added, unless the user names a column for it.
    pub(super) fn resolve_metadata(&self, source: &SourceColumn, renames: &Renames) -> Option<ResolvedField> {
        if !source.is_of_platform() || renames.has(&source.to_string()) {
            return None;
        }
        // A delete of a deleted record is right, whether it is marked or not.
        let is_mark = source.is_deletion_mark() && !self.operation.is_delete();
        Some(if is_mark { ResolvedField::DeletionMark } else { ResolvedField::Metadata })
    }

    /// What becomes of `source`, which would be written to the column `name`.
    ///
    /// # Errors
    /// Why it cannot be written, as a sentence.
    pub(super) fn resolve_field(
        &self,
        source: SourceColumn,
        name: &str,
        types: JsonTypes,
        key: Option<&str>,
    ) -> Result<ResolvedField, FieldProblem> {
        if let Some(field) = self.describe.field(name) {
            let is_key = key.is_some_and(|key| key.eq_ignore_ascii_case(name));
            if !is_key && !field.is_writable_by(self.operation) {
                return Err(self.not_writable(field).into());
            }
            let kind = match self.kind(field) {
                // A key that is cut would be the key of another record.
                Kind::Text { .. } if is_key => Kind::Text { longest: None },
                kind => kind,
            };
            let column = Column::new(source, &field.name, kind, types);
            return Ok(ResolvedField::Column(column));
        }
        if let Some((relationship, inner)) = name.split_once('.') {
            if let Some(column) = self.relationship_column(source.clone(), relationship, inner, types)? {
                return Ok(ResolvedField::Column(column));
            }
        } else if RelationshipName::parse(name).field(&self.describe).is_some() {
            return Ok(ResolvedField::Nested);
        }
        match self.unknown {
            UnknownFields::Ignore => Ok(ResolvedField::Ignored),
            UnknownFields::Fail => {
                let is_key = |field: &Field| key.is_some_and(|key| key.eq_ignore_ascii_case(&field.name));
                let nearest = self.nearest(name, |field| is_key(field) || field.is_writable_by(self.operation));
                let sentence = format!(
                    "its field {} is no field of {} that the user may see{}",
                    source.shown(),
                    self.object(),
                    nearest_name_is(nearest)
                );
                Err(FieldProblem { sentence, nearest: nearest.map(str::to_owned) })
            }
        }
    }

    /// The column `relationship.inner` as the org spells it, with the type of the related object before it if
    /// Salesforce needs that (Bulk API 2.0 guide, "Relationship Fields in a Header Row").
    fn relationship_column(
        &self,
        source: SourceColumn,
        relationship: &str,
        inner: &str,
        types: JsonTypes,
    ) -> Result<Option<Column>, String> {
        let relationship = RelationshipName::parse(relationship);
        let Some(field) = relationship.field(&self.describe) else { return Ok(None) };
        if !field.is_writable_by(self.operation) {
            return Err(self.not_writable(field));
        }
        let name = field.relationship_name.as_deref().unwrap_or(relationship.relationship);
        let target = relationship.target(field);
        // Each part is spelt as the org spells it: it may return empty cells in columns with other names.
        let inner = target.map_or(inner, |object| self.related.spell(object, inner));
        let header = match (relationship.object, field.polymorphic) {
            (None, false) => format!("{name}.{inner}"),
            (Some(object), true) => format!("{}:{name}.{inner}", target.unwrap_or(object)),
            (None, true) => {
                let object = field.reference_to.first().map_or("Account", String::as_str);
                return Err(format!(
                    "its field {} must name the object that it refers to, such as {object}:{name}.{inner}",
                    source.shown()
                ));
            }
            (Some(_), false) => {
                return Err(format!("its field {source} must not name an object; write {name}.{inner}"));
            }
        };
        Ok(Some(Column::new(source, header, Kind::Text { longest: None }, types).of_reference(&field.name)))
    }

    /// The fields that a new record must have.
    pub(super) fn required(&self) -> impl Iterator<Item = RequiredField<'_>> {
        self.describe.fields.iter().filter(|field| field.is_required()).map(RequiredField)
    }

    /// Whether rows with these columns may create person accounts. Salesforce makes their required `Name` of the parts,
    /// and refuses a row that names it (Object Reference, "Account"). Only an org with person accounts has a last name
    /// in
    /// `Account`. Whether each row is a person is for the org to judge.
    pub(super) fn is_person_account(&self, names: &[&str]) -> bool {
        const LAST_NAME: &str = "LastName";
        self.object() == "Account"
            && self.describe.field(LAST_NAME).is_some_and(|field| field.createable)
            && names.iter().any(|name| name.eq_ignore_ascii_case(LAST_NAME))
    }

    fn not_writable(&self, field: &Field) -> String {
        let (object, name, why) = (self.object(), &field.name, why_not_writable(field));
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
            _ if self.truncates(field) => Kind::Text { longest: Some(field.length as usize) },
            _ => Kind::Text { longest: None },
        }
    }

    /// Whether text that is longer than the field is cut. A telephone number, an address, a link or a value of a list
    /// that is cut would be another one; an external id would name another record; and rich text would end within its
    /// markup.
    fn truncates(&self, field: &Field) -> bool {
        let is_text = matches!(field.field_type, FieldType::String | FieldType::Textarea | FieldType::Encryptedstring);
        self.truncate && is_text && field.length > 0 && !field.external_id && !field.is_rich_text()
    }

    /// The most similar name among the fields that `can` accepts.
    fn nearest(&self, name: &str, can: impl Fn(&Field) -> bool) -> Option<&str> {
        nearest_name(name, self.describe.fields.iter().filter(|field| can(field)).map(|field| field.name.as_str()))
    }
}

impl RequiredField<'_> {
    pub(super) fn name(&self) -> &str {
        &self.0.name
    }

    /// Whether one of the column names is of the field, itself or through its relationship. A name that cannot be
    /// written counts too, because it has a problem of its own; so does the name of a relationship, because only the
    /// records show its fields.
    pub(super) fn is_among(&self, names: &[&str]) -> bool {
        let relationship = self.0.relationship_name.as_deref();
        names.iter().any(|name| {
            let before = name.split_once('.').map_or(*name, |(before, _)| before.rsplit(':').next().unwrap_or(before));
            name.eq_ignore_ascii_case(&self.0.name)
                || relationship.is_some_and(|relationship| relationship.eq_ignore_ascii_case(before))
        })
    }
}

fn why_not_writable(field: &Field) -> &'static str {
    match field.field_type {
        FieldType::Id => "is given by Salesforce",
        FieldType::Address | FieldType::Location => "is made of other fields, which can be written one by one",
        FieldType::Base64 => "holds a file, which the Bulk API does not take",
        _ if field.calculated => "is a formula",
        _ if field.auto_number => "is numbered by Salesforce",
        _ => "may not be written by the signed-in user",
    }
}

/// The end of a sentence, which names the nearest field if there is one.
fn nearest_name_is(name: Option<&str>) -> String {
    name.map_or_else(String::new, |name| format!("; the nearest name is {name}"))
}

fn is_number(field_type: &FieldType) -> bool {
    use FieldType::{Currency, Double, Int, Long, Percent};
    matches!(field_type, Int | Long | Double | Currency | Percent)
}
