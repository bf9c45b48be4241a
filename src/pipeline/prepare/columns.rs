//! What becomes of each source column of a stream.

use std::sync::Arc;

use super::fields::{ObjectFields, nearest_name_is};
use super::related::{RelatedField, RelatedObjects, RelationshipName, one_of};
use crate::config::{Config, Renames, UnknownFields};
use crate::convert::{Column, Kind, SourceColumn};
use crate::matching::ID;
use airbyte::JsonTypes;
use salesforce::Field;

/// The rules by which the source columns of a stream become columns, for its schema and for its records.
#[derive(Debug, Clone)]
pub(super) struct ColumnRules {
    related: Arc<RelatedObjects>,
    renames: Renames,
    keys: KeyColumns,
    /// A mark of deleted records, besides that of Airbyte's sources.
    marker: Option<String>,
    unknown: UnknownFields,
}

/// The columns whose values name the records of the stream.
#[derive(Debug, Clone, Default)]
pub(super) struct KeyColumns {
    /// Their headers, and what their values are where records are found by them.
    columns: Vec<(String, Option<Kind>)>,
    /// Whether they are left out of all jobs.
    are_left_out: bool,
}

impl KeyColumns {
    /// A key that is sent: the `Id`, or the key of an upsert. An insert has none.
    pub(super) fn sent(key: Option<String>) -> Self {
        Self { columns: key.into_iter().map(|key| (key, None)).collect(), are_left_out: false }
    }

    /// The fields by which records are found. They are sent only if new records are created.
    pub(super) fn found_by(columns: Vec<(String, Option<Kind>)>, are_sent: bool) -> Self {
        Self { columns, are_left_out: !are_sent }
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|(name, _)| name.as_str())
    }

    pub(super) fn contains(&self, name: &str) -> bool {
        self.names().any(|key| key.eq_ignore_ascii_case(name))
    }

    /// Whether a member of the nested object is a key.
    fn is_nested_in(&self, object: &str) -> bool {
        self.names().any(|key| key.split_once('.').is_some_and(|(before, _)| before.eq_ignore_ascii_case(object)))
    }

    /// The column of a key that is left out of all jobs, whatever the operation may write.
    fn left_out(&self, name: &str) -> Option<(&str, Kind)> {
        let (key, kind) = self.columns.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
        kind.filter(|_| self.are_left_out).map(|kind| (key.as_str(), kind))
    }
}

/// What becomes of a source column.
#[derive(Debug)]
pub(crate) enum ResolvedField {
    /// It is written to a column.
    Column(Column),
    /// It holds an object, and each field of that becomes a column.
    Nested,
    /// It is not written: it is a field of a related object that cannot name a record of it.
    Description,
    /// It is not written: ignored by the user's choice.
    Ignored,
    /// It is not written: metadata that the platform or a source added, or of no use to the operation.
    Metadata,
    /// It is not written: it says whether the source has deleted the record.
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

impl ColumnRules {
    pub(super) fn new(related: Arc<RelatedObjects>, renames: Renames, keys: KeyColumns, config: &Config) -> Self {
        Self { related, renames, keys, marker: None, unknown: config.unknown_fields() }
    }

    /// Takes a source column as a mark of deleted records.
    pub(super) fn with_marker(self, marker: Option<&str>) -> Self {
        Self { marker: marker.map(str::to_owned), ..self }
    }

    /// Whether a source column says if the source has deleted the record. A name that the user gives it goes first.
    pub(super) fn is_mark(&self, source: &SourceColumn) -> bool {
        let is_marker = source.parent().is_none() && self.marker.as_deref() == Some(source.name());
        is_marker || source.is_deletion_mark() && !self.renames.has(source.name())
    }

    /// What becomes of `source`, a column of the schema or of a record.
    ///
    /// # Errors
    /// Why it cannot be written.
    pub(super) fn resolve(
        &self,
        fields: &ObjectFields,
        source: SourceColumn,
        types: JsonTypes,
    ) -> Result<ResolvedField, FieldProblem> {
        OfObject { rules: self, fields }.resolve(source, types)
    }

    /// Whether the problem of an unknown field names the nearest of all fields.
    pub(super) fn names_nearest(&self) -> bool {
        self.unknown == UnknownFields::Fail
    }

    /// The name of the column that a source column becomes.
    pub(super) fn column_name(&self, source: &SourceColumn) -> String {
        match source.parent() {
            Some(object) => self.renames.nested_column(object, source.name()),
            None => self.renames.column(source.name()).to_owned(),
        }
    }

    fn is_key(&self, name: &str) -> bool {
        self.keys.contains(name)
    }

    /// The problem of a nested object whose members in the schema cannot name the related record.
    pub(super) fn no_related_key(&self, fields: &ObjectFields, object: &str) -> Option<String> {
        let name = self.renames.column(object);
        let relationship = RelationshipName::parse(name);
        let target = relationship.target(fields.reference(relationship)?)?;
        let offered = self.related.offer(target, name, "");
        Some(format!("none of the fields in its {object} can name a record of {target}; add {offered}"))
    }

    /// The problem of a second member of a nested object that names the same related record. The user's own entries of
    /// `fields` are obeyed.
    pub(super) fn second_key<'c>(
        &self,
        column: &Column,
        mut columns: impl Iterator<Item = &'c Column>,
    ) -> Option<String> {
        let source = column.source();
        let object = source.parent()?;
        let first = columns.find(|other| {
            other.source().parent() == Some(object)
                && other.reference().is_some()
                && other.reference() == column.reference()
        })?;
        let is_chosen = |source: &SourceColumn| self.renames.has(&source.to_string());
        let reference = column.reference().unwrap_or_default();
        (!is_chosen(source) || !is_chosen(first.source())).then(|| {
            format!(
                "its fields {} and {source} both name the record of {reference}, and Salesforce accepts only one; \
                 choose one with an entry of `fields` whose source is {} and whose target is {}",
                first.source(),
                first.source(),
                first.header()
            )
        })
    }
}

/// The rules, applied to the fields of an object.
struct OfObject<'r> {
    rules: &'r ColumnRules,
    fields: &'r ObjectFields,
}

impl OfObject<'_> {
    fn resolve(&self, source: SourceColumn, types: JsonTypes) -> Result<ResolvedField, FieldProblem> {
        if let Some(metadata) = self.metadata(&source) {
            return Ok(metadata);
        }
        let name = self.rules.column_name(&source);
        if let Some((key, kind)) = self.rules.keys.left_out(&name) {
            return Ok(ResolvedField::Column(Column::new(source, key, kind, types)));
        }
        if self.fields.operation().is_delete() && !self.rules.is_key(&name) && !self.rules.keys.is_nested_in(&name) {
            // A delete sends the key alone, so there is nothing to warn of.
            return Ok(ResolvedField::Metadata);
        }
        if let Some(field) = self.fields.field(&name) {
            return self.field_column(source, field, types);
        }
        let (before, inner) = match name.split_once('.') {
            Some((before, inner)) => (before, Some(inner)),
            None => (&*name, None),
        };
        let relationship = RelationshipName::parse(before);
        match (self.fields.reference(relationship), inner) {
            (Some(field), Some(inner)) => self.related_column(source, types, field, relationship, inner),
            (Some(_), None) if self.rules.keys.is_nested_in(&name) => Ok(ResolvedField::Nested),
            (Some(field), None) if self.is_left_out(field)? => Ok(ResolvedField::Ignored),
            (Some(_), None) => Ok(ResolvedField::Nested),
            (None, _) => self.unknown_column(&source, &name),
        }
    }

    /// What becomes of a mark, and of a column that the platform or a source added, unless the user names a column for
    /// it.
    fn metadata(&self, source: &SourceColumn) -> Option<ResolvedField> {
        // A delete of a deleted record is right, whether it is marked or not.
        if self.rules.is_mark(source) && !self.fields.operation().is_delete() {
            return Some(ResolvedField::DeletionMark);
        }
        let is_metadata = source.is_of_platform() && !self.rules.renames.has(&source.to_string());
        is_metadata.then_some(ResolvedField::Metadata)
    }

    fn field_column(
        &self,
        source: SourceColumn,
        field: &Field,
        types: JsonTypes,
    ) -> Result<ResolvedField, FieldProblem> {
        let is_key = self.rules.is_key(&field.name);
        if !is_key && self.is_left_out(field)? {
            return Ok(ResolvedField::Ignored);
        }
        let kind = match self.fields.kind(field) {
            // A key that is cut would be the key of another record.
            Kind::Text { .. } if is_key => Kind::Text { longest: None },
            kind => kind,
        };
        let column = Column::new(source, &field.name, kind, types);
        let is_reference = !field.reference_to.is_empty();
        Ok(ResolvedField::Column(if is_reference { column.of_reference(&field.name) } else { column }))
    }

    /// A column that names the related record of `field`. Each part of its header is spelt as the org spells it: it may
    /// return empty cells in columns with other names.
    fn related_column(
        &self,
        source: SourceColumn,
        types: JsonTypes,
        field: &Field,
        relationship: RelationshipName<'_>,
        inner: &str,
    ) -> Result<ResolvedField, FieldProblem> {
        if self.is_left_out(field)? {
            return Ok(ResolvedField::Ignored);
        }
        let column =
            |header| Column::new(source.clone(), header, Kind::Text { longest: None }, types).of_reference(&field.name);
        if self.is_chosen_otherwise(&source, field) {
            return Ok(ResolvedField::Description);
        }
        // The reference itself takes an id. Whether Salesforce takes a column such as `Account.Id` is not documented.
        if inner.eq_ignore_ascii_case(ID) {
            return Ok(ResolvedField::Column(column(field.name.clone())));
        }
        let (before_dot, object) = self.before_dot(&source, field, relationship, inner)?;
        match self.rules.related.find(object, inner) {
            RelatedField::Unknown => {
                Ok(ResolvedField::Column(column(format!("{before_dot}.{inner}")).referring_to(object)))
            }
            RelatedField::Key(key) => {
                Ok(ResolvedField::Column(column(format!("{before_dot}.{key}")).referring_to(object)))
            }
            _ if self.rules.unknown == UnknownFields::Ignore => Ok(ResolvedField::Ignored),
            RelatedField::Other if source.parent().is_some() && !self.rules.renames.has(&source.to_string()) => {
                Ok(ResolvedField::Description)
            }
            found => {
                let why = match found {
                    RelatedField::Other => format!("{inner} is not an external id of {object}"),
                    _ if inner.contains('.') => "a column can go through only one relationship".to_owned(),
                    _ => {
                        format!("{} is not a field of {object} that the user can see", SourceColumn::top(inner).shown())
                    }
                };
                let offered = self.rules.related.offer(object, &before_dot, inner);
                let shown = source.shown();
                let sentence = format!(
                    "its field {shown} cannot name a record of {object}, because {why}; write {offered} instead"
                );
                Err(sentence.into())
            }
        }
    }

    /// Whether an entry of `fields` chooses another member of the nested object to name the related record. An entry
    /// that takes a member to another field chooses nothing.
    fn is_chosen_otherwise(&self, source: &SourceColumn, reference: &Field) -> bool {
        let is_other = |chosen: &str| {
            let member = |object| chosen.strip_prefix(object)?.strip_prefix('.');
            source.parent().and_then(member).is_some_and(|member| member != source.name())
        };
        let renames = &self.rules.renames;
        !renames.has(&source.to_string())
            && renames.entries().any(|(chosen, target)| is_other(chosen) && self.fills(target, reference))
    }

    /// Whether a column of this name fills a reference.
    fn fills(&self, name: &str, reference: &Field) -> bool {
        match name.split_once('.') {
            Some((before, _)) => {
                let filled = self.fields.reference(RelationshipName::parse(before));
                filled.is_some_and(|filled| filled.name == reference.name)
            }
            None => name.eq_ignore_ascii_case(&reference.name),
        }
    }

    /// What a column has before the dot, and the related object: with the type of the object if Salesforce needs that
    /// (Bulk API 2.0 guide, "Relationship Fields in a Header Row").
    fn before_dot<'f>(
        &self,
        source: &SourceColumn,
        field: &'f Field,
        relationship: RelationshipName<'_>,
        inner: &str,
    ) -> Result<(String, &'f str), FieldProblem> {
        let name = field.relationship_name.as_deref().unwrap_or(relationship.relationship);
        let source_shown = source.shown();
        match (relationship.object, field.polymorphic, relationship.target(field)) {
            (None, false, Some(object)) => Ok((name.to_owned(), object)),
            (Some(_), true, Some(object)) => Ok((format!("{object}:{name}"), object)),
            (Some(_), false, _) => {
                Err(format!("its field {source_shown} must not name an object; write {name}.{inner}").into())
            }
            (typed, ..) => {
                let objects = || field.reference_to.iter().take(3);
                let columns = one_of(objects().map(|object| format!("{object}:{name}.{inner}")));
                let what = match typed {
                    Some(object) => format!("names {object}, which {} does not refer to; write", field.name),
                    None => "must name the object that it refers to, such as".to_owned(),
                };
                let how = source.parent().map_or_else(String::new, |parent| {
                    let targets = one_of(objects().map(|object| format!("{object}:{name}")));
                    format!("; for that, an entry of `fields` can rename {parent} to {targets}")
                });
                Err(format!("its field {source_shown} {what} {columns}{how}").into())
            }
        }
    }

    fn unknown_column(&self, source: &SourceColumn, name: &str) -> Result<ResolvedField, FieldProblem> {
        // A name that the user gives is not a field that the source happens to have.
        let is_chosen = self.rules.renames.has(&source.to_string());
        if self.rules.unknown == UnknownFields::Ignore && !is_chosen {
            return Ok(ResolvedField::Ignored);
        }
        let can = |field: &Field| self.rules.is_key(&field.name) || field.is_writable_by(self.fields.operation());
        let nearest = self.fields.nearest(name, can);
        let object = self.fields.object();
        let (shown, nearest_is) = (source.shown(), nearest_name_is(nearest));
        let sentence = match is_chosen && source.name() != name {
            true => {
                let target = SourceColumn::top(name).shown();
                format!(
                    "its field {shown} is renamed to {target}, which is not a field of {object} that the user can \
                     see{nearest_is}"
                )
            }
            false => format!("its field {shown} is not a field of {object} that the user can see{nearest_is}"),
        };
        Err(FieldProblem { sentence, nearest: nearest.map(str::to_owned) })
    }

    /// Whether the column of a field is left out. Where the user ignores what the object does not have, a field that
    /// Salesforce alone fills is left out too: a warehouse has an `id` of its own.
    fn is_left_out(&self, field: &Field) -> Result<bool, FieldProblem> {
        if field.is_writable_by(self.fields.operation()) {
            return Ok(false);
        }
        match self.rules.unknown == UnknownFields::Ignore && field.is_filled_by_salesforce() {
            true => Ok(true),
            false => Err(self.fields.not_writable(field).into()),
        }
    }
}

#[cfg(test)]
mod tests;
