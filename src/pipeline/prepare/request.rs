//! What a stream requests, before it is checked with the org.

use std::collections::HashSet;
use std::sync::Arc;

use super::columns::{ColumnRules, FieldProblem, KeyColumns, ResolvedField};
use super::deletes::{DeletePlan, DeleteRequest};
use super::fields::{ObjectFields, RequiredField};
use super::packed::{LateFields, PackedObject};
use super::permissions::{forbidden, warn_of_write_once};
use super::plan::{StreamPlan, duplicate_column, too_many_columns, warn_of_shared_reference};
use super::related::{RelatedObjects, RelationshipName};
use super::source_key::SourceKey;
use crate::config::{Config, DeleteSettings, MatchSettings, Renames, StreamSettings};
use crate::convert::{Column, Columns, Key, OnDeleted, SourceColumn};
use crate::matching::ID;
use crate::rejected::StreamIdentity;
use airbyte::{ConfiguredStream, SchemaField, StreamName, SyncMode};
use salesforce::{Describe, JobSpec, Operation};

/// The renames of a stream without an entry.
static NO_RENAMES: Renames = Renames::new();

/// The choices for deleted records of a stream without an entry.
static NO_DELETE_SETTINGS: DeleteSettings = DeleteSettings { deletes: None, marker: None };

/// What a stream asks for: its entry under `streams`, or else what the catalog says.
#[derive(Debug)]
pub(crate) struct StreamRequest<'c> {
    stream: &'c ConfiguredStream,
    settings: Option<&'c StreamSettings>,
    pub(super) object: String,
    /// `None` for a reset, which brings no records.
    pub(super) operation: Option<Operation>,
}

impl<'c> StreamRequest<'c> {
    pub(crate) fn new(stream: &'c ConfiguredStream, config: &'c Config) -> Self {
        let settings = config.stream(stream.name.namespace.as_deref(), &stream.name.name);
        let object = settings
            .and_then(StreamSettings::object)
            .or(stream.object.as_deref())
            .unwrap_or(&stream.name.name)
            .to_owned();
        let by_mode = match stream.sync_mode {
            SyncMode::Append => Some(Operation::Insert),
            SyncMode::AppendDedup => Some(Operation::Upsert),
            SyncMode::Update => Some(Operation::Update),
            SyncMode::SoftDelete => Some(Operation::Delete),
            SyncMode::Overwrite | SyncMode::OverwriteDedup => None,
        };
        let operation = settings.and_then(StreamSettings::operation).or(by_mode);
        Self { stream, settings, object, operation }
    }

    pub(crate) fn name(&self) -> &StreamName {
        &self.stream.name
    }

    pub(super) fn has_entry(&self) -> bool {
        self.settings.is_some()
    }

    /// The columns of the stream's schema.
    pub(super) fn schema(&self) -> &[SchemaField] {
        &self.stream.fields
    }

    /// Whether its mode is a full refresh that replaces all records, and its entry makes that an insert.
    pub(super) fn doubles(&self) -> bool {
        matches!(self.stream.sync_mode, SyncMode::Overwrite | SyncMode::OverwriteDedup)
            && self.operation == Some(Operation::Insert)
    }

    /// Whether the user chose to remove the records of earlier generations.
    pub(super) fn asks_for_removal(&self) -> bool {
        let stream = self.stream;
        self.brings_records()
            && stream.generation_id.is_some_and(|id| id > 0)
            && stream.generation_id == stream.minimum_generation_id
    }

    pub(crate) fn brings_records(&self) -> bool {
        self.operation.is_some()
    }

    /// The related objects of `describe` that the columns of the stream name. Without a schema, the records may name
    /// any that a reference has as its only one.
    pub(super) fn related_objects<'d>(&self, describe: &'d Describe) -> Vec<&'d str> {
        let Some(operation) = self.operation else { return Vec::new() };
        let found_by = self.match_request(operation, describe).map(|it| it.columns).unwrap_or_default();
        let related = |name: &str| {
            let (before, _) = name.split_once('.').unwrap_or((name, ""));
            let relationship = RelationshipName::parse(before);
            relationship.target(relationship.field(describe)?)
        };
        let mut objects: Vec<&str> = found_by.iter().filter_map(|name| related(name)).collect();
        if operation.is_delete() {
            return objects;
        }
        if self.stream.fields.is_empty() {
            let fields = describe.fields.iter().filter(|field| !field.polymorphic && field.relationship_name.is_some());
            objects.extend(fields.filter_map(|field| field.reference_to.first()).map(String::as_str));
            return objects;
        }
        let renamed = self.settings.into_iter().flat_map(|settings| settings.renames().targets());
        let names = self.stream.fields.iter().map(|source| self.column_name(&source.name)).chain(renamed);
        objects.extend(names.filter_map(related));
        objects
    }

    /// The plan of the stream.
    ///
    /// # Errors
    /// Every problem of the stream, each as the rest of a sentence that begins with the stream.
    pub(super) fn plan(
        &self,
        operation: Operation,
        describe: Arc<Describe>,
        packed: Arc<PackedObject>,
        related: &Arc<RelatedObjects>,
        config: &Config,
    ) -> Result<StreamPlan, Vec<String>> {
        let mut problems = Vec::new();
        let object = describe.name.clone();
        let request = self.match_request(operation, &describe);
        let asked_for = operation;
        let operation = request.as_ref().map_or(operation, |request| request.operation(operation));
        problems.extend(forbidden(operation, &describe));
        let fields = ObjectFields::new(Arc::clone(&describe), operation, config);
        let found = match &request {
            Some(request) => request.check(asked_for, &fields, related).map(Some),
            None => Ok(None),
        };
        let matching = found.unwrap_or_else(|found| {
            problems.extend(found);
            None
        });
        let key = match &request {
            Some(_) => None,
            None => self.key(operation, &fields).map_err(|problem| problems.push(problem)).ok().flatten(),
        };
        let keys = match (&matching, &request) {
            (Some(matching), _) => matching.columns(),
            // What is wrong with them is one problem and not two.
            (None, Some(request)) => request.unchecked_columns(),
            (None, None) => KeyColumns::sent(key.clone()),
        };
        let settings = self.settings.map_or(&NO_DELETE_SETTINGS, StreamSettings::deletes);
        let rules = ColumnRules::new(Arc::clone(related), self.renames().clone(), keys.clone(), config)
            .with_marker(settings.marker.as_deref());
        let deletes = DeleteRequest {
            settings,
            operation,
            describe: &describe,
            fields: &fields,
            key: key.as_deref(),
            matching: matching.as_ref().map(|matching| &matching.plan),
            schema: &self.stream.fields,
        };
        let (deletes, found) = DeletePlan::new(&deletes, &rules);
        problems.extend(found);
        let columns = self.columns(&rules, &fields, &keys, &mut problems);
        if request.is_some() && operation == Operation::Update && !self.stream.fields.is_empty() {
            let is_key = |column: &Column| keys.contains(column.header());
            if problems.is_empty() && columns.iter().all(is_key) {
                problems.push(
                    "it has no field other than its key, so an update changes nothing; add the fields to change"
                        .to_owned(),
                );
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        if let Some(mark) = deletes.marks.first() {
            deletes.log(&self.stream.name, mark);
        }
        let external_ids = describe.fields.iter().filter(|field| field.external_id).map(|field| field.name.clone());
        let source_key = Arc::new(SourceKey::new(&self.stream.primary_key, external_ids.collect()));
        let listed = self.stream.fields.iter().map(|field| field.name.clone());
        // Without its mark, a rejected delete would come back as a record that lives.
        let marks = deletes.marks.iter().map(|mark| mark.name().to_owned());
        let source_columns: Vec<String> = listed.chain(marks).collect();
        let row_key = key.clone().map(|field| Key { comparison: fields.comparison(&field), field });
        let matching = matching.map(|matching| Arc::new(matching.plan));
        let columns = Columns::new(columns, row_key);
        let columns = match &matching {
            // Writes and deletes of one record must be recognised as such before the records are looked up.
            Some(matching) if deletes.on_deleted == OnDeleted::Delete && !operation.is_delete() => {
                columns.found_by(matching.row_keys())
            }
            _ => columns,
        };
        Ok(StreamPlan {
            name: self.stream.name.clone(),
            job: JobSpec {
                object,
                operation,
                external_id_field: key.filter(|_| operation == Operation::Upsert),
                assignment_rule_id: self.settings.and_then(StreamSettings::assignment_rule_id).map(str::to_owned),
            },
            columns: Arc::new(columns),
            matching,
            identity: StreamIdentity {
                namespace: self.stream.name.namespace.clone(),
                name: self.stream.name.name.clone(),
                generation_id: self.stream.generation_id,
                source_columns,
            },
            batch_size: config.batch_size(),
            late: Arc::new(LateFields::new(packed, operation, config)),
            written_objects: Arc::default(),
            rules: Arc::new(rules),
            deletes,
            source_key,
        })
    }

    pub(super) fn renames(&self) -> &Renames {
        self.settings.map_or(&NO_RENAMES, StreamSettings::renames)
    }

    /// What its entry says of how its records are found.
    pub(super) fn match_settings(&self) -> Option<&MatchSettings> {
        self.settings?.matching()
    }

    /// The external id that its entry names.
    pub(super) fn external_id_field(&self) -> Option<&str> {
        self.settings?.external_id_field()
    }

    /// The column of the primary key, if it has one field.
    pub(super) fn primary_key_column(&self) -> Option<&str> {
        match &*self.stream.primary_key {
            [path] if path.len() == 1 => Some(self.column_name(&path[0])),
            _ => None,
        }
    }

    /// The name of the column that a source column becomes.
    pub(super) fn column_name<'n>(&'n self, source: &'n str) -> &'n str {
        self.renames().column(source)
    }

    /// The field that identifies a record, in the object's spelling. An insert has none.
    fn key(&self, operation: Operation, fields: &ObjectFields) -> Result<Option<String>, String> {
        let object = fields.object();
        match operation {
            Operation::Insert => return Ok(None),
            Operation::Update | Operation::Delete | Operation::HardDelete => return Ok(Some(ID.to_owned())),
            Operation::Upsert => {}
        }
        let chosen = match (self.external_id_field(), &*self.stream.primary_key) {
            (Some(field), _) => field,
            (None, [path]) if path.len() == 1 => self.column_name(&path[0]),
            (None, []) => {
                return Err(format!(
                    "an upsert needs a key, and the stream has none; set `external_id_field` in its entry under \
                     `streams`, or choose a matching key, which must be an external id of {object}"
                ));
            }
            (None, _) => {
                return Err(format!(
                    "an upsert takes a single field of {object} as its key, and the stream's primary key has several; \
                     set `external_id_field` in its entry under `streams`"
                ));
            }
        };
        fields.upsert_key(chosen).map(Some)
    }

    /// The columns of the schema. All their problems go to `problems`, because a user who sees only the first of them
    /// needs a sync for each.
    fn columns(
        &self,
        rules: &ColumnRules,
        fields: &ObjectFields,
        keys: &KeyColumns,
        problems: &mut Vec<String>,
    ) -> Vec<Column> {
        let mut needed = self.needed_fields(fields, keys);
        let mut columns = Vec::with_capacity(self.stream.fields.len());
        for source in &self.stream.fields {
            match rules.resolve(fields, SourceColumn::top(&source.name), source.types) {
                Ok(ResolvedField::Column(column)) => columns.push(column),
                Ok(ResolvedField::Nested) => {
                    let found = nested_columns(rules, fields, source).unwrap_or_else(|found| {
                        problems.extend(found);
                        Vec::new()
                    });
                    columns.extend(found);
                }
                Ok(_) => {}
                Err(FieldProblem { sentence, nearest }) => {
                    // A field that is missing under its own name, and probably meant, is one problem and not two.
                    let meant = nearest.and_then(|nearest| needed.iter().position(|field| field.is_named(&nearest)));
                    match meant.map(|position| needed.remove(position)) {
                        Some(field) => problems.push(format!("{sentence}, and {}", field.need())),
                        None => problems.push(sentence),
                    }
                }
            }
        }
        let mut seen = HashSet::new();
        for (index, column) in columns.iter().enumerate() {
            if !seen.insert(column.header().to_ascii_lowercase()) {
                problems.push(duplicate_column(column.header(), fields.object()));
            } else {
                warn_of_shared_reference(&self.stream.name, column, columns[..index].iter());
            }
        }
        problems.extend(needed.iter().map(|field| format!("{}, and the stream has no such field", field.need())));
        problems.extend(too_many_columns(columns.iter()));
        if problems.is_empty() {
            warn_of_write_once(&self.stream.name, fields, keys, &columns);
        }
        columns
    }

    /// The fields that the operation needs and no column of the schema names. Without a schema, only the records show
    /// the columns.
    fn needed_fields(&self, fields: &ObjectFields, keys: &KeyColumns) -> Vec<NeededField> {
        if self.stream.fields.is_empty() {
            return Vec::new();
        }
        let operation = fields.operation();
        let names: Vec<&str> = self.stream.fields.iter().map(|source| self.column_name(&source.name)).collect();
        let is_there = |key: &&str| {
            let object = key.split_once('.').map(|(before, _)| before);
            let is_named =
                |name: &&str| name.eq_ignore_ascii_case(key) || object.is_some_and(|it| it.eq_ignore_ascii_case(name));
            names.iter().any(is_named)
        };
        let missing_keys = keys.names().filter(|key| !is_there(key));
        let mut needed: Vec<_> = missing_keys.map(|key| NeededField::Key { name: key.to_owned(), operation }).collect();
        if operation == Operation::Insert {
            let is_person = fields.is_person_account(&names);
            if is_person {
                tracing::info!(stream = %self.stream.name, "accounts with a LastName are persons: they need no Name");
            }
            let is_made = |required: &RequiredField<'_>| is_person && required.name() == "Name";
            let missing = fields.required().filter(|required| !required.is_among(&names) && !is_made(required));
            needed.extend(missing.map(|required| NeededField::Required {
                name: required.name().to_owned(),
                object: fields.object().to_owned(),
            }));
        }
        needed
    }
}

/// A field that the operation needs and the stream lacks.
#[derive(Debug)]
enum NeededField {
    /// Every record needs it as its key.
    Key { name: String, operation: Operation },
    /// A new record must have it.
    Required { name: String, object: String },
}

impl NeededField {
    fn is_named(&self, other: &str) -> bool {
        let (Self::Key { name, .. } | Self::Required { name, .. }) = self;
        name.eq_ignore_ascii_case(other)
    }

    fn need(&self) -> String {
        match self {
            Self::Key { name, operation } => format!("{operation} needs the field {name} in every record"),
            Self::Required { name, object } => format!("{name} of {object} is required to create a record"),
        }
    }
}

/// The columns of a nested object whose members the schema names.
///
/// # Errors
/// What is wrong with the members.
fn nested_columns(
    rules: &ColumnRules,
    fields: &ObjectFields,
    source: &SchemaField,
) -> Result<Vec<Column>, Vec<String>> {
    let mut columns: Vec<Column> = Vec::new();
    let mut problems = Vec::new();
    let mut is_described = false;
    for member in &source.members {
        match rules.resolve(fields, SourceColumn::nested(&source.name, &member.name), member.types) {
            Ok(ResolvedField::Column(column)) => {
                problems.extend(rules.second_key(&column, columns.iter()));
                columns.push(column);
            }
            Ok(ResolvedField::Description) => is_described = true,
            Ok(_) => {}
            Err(problem) => problems.push(problem.sentence),
        }
    }
    let names_record = columns.iter().any(Column::names_related);
    if problems.is_empty() && !names_record && is_described {
        problems.extend(rules.no_related_key(fields, &source.name));
    }
    if problems.is_empty() { Ok(columns) } else { Err(problems) }
}

#[cfg(test)]
mod tests;
