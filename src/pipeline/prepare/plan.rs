//! What a stream becomes: an object, an operation, a key, and the columns of its rows.
//!
//! The plan is made before the first record is sent and holds the stream against what the org says of the object, so
//! that a misspelt name costs nothing. All that is wrong with all streams is told at once.

use std::collections::HashSet;
use std::sync::Arc;

use crate::config::{Config, Renames, StreamSettings};
use crate::convert::{Column, Columns, Key, SourceColumn};
use crate::pipeline::prepare::field::{ObjectFields, ResolvedField};
use crate::rejected::StreamIdentity;
use airbyte::{ConfiguredStream, StreamName, SyncMode};
use salesforce::{Describe, JobSpec, Operation};

/// The longest header row, in characters (Bulk API 2.0 guide, "Prepare CSV Files").
const LONGEST_HEADER: usize = 32_000;

/// The most fields of a record (Developer Limits Quick Reference, "Bulk API limits").
const MOST_FIELDS: usize = 5_000;

/// The field that names a record of Salesforce.
const ID: &str = "Id";

/// What a stream asks for, before the org has been asked.
#[derive(Debug)]
pub(in crate::pipeline) struct StreamRequest<'c> {
    stream: &'c ConfiguredStream,
    settings: Option<&'c StreamSettings>,
    pub(in crate::pipeline) object: String,
    /// None for a reset, which brings no records.
    pub(in crate::pipeline) operation: Option<Operation>,
}

/// A stream that is ready to be written.
#[derive(Debug)]
pub(in crate::pipeline) struct StreamPlan {
    pub(in crate::pipeline) name: StreamName,
    pub(in crate::pipeline) job: JobSpec,
    pub(in crate::pipeline) columns: Arc<Columns>,
    pub(in crate::pipeline) identity: StreamIdentity,
    fields: ObjectFields,
    renames: Renames,
}

impl<'c> StreamRequest<'c> {
    /// What `stream` asks for: its entry under `streams`, else what the catalog says.
    pub(in crate::pipeline) fn of(stream: &'c ConfiguredStream, config: &'c Config) -> Self {
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

    /// The stream.
    pub(in crate::pipeline) fn name(&self) -> &StreamName {
        &self.stream.name
    }

    /// The plan for the stream, or everything that stands in its way, each a sentence about the stream.
    pub(in crate::pipeline) fn plan(
        &self,
        operation: Operation,
        describe: Arc<Describe>,
        config: &Config,
    ) -> Result<StreamPlan, Vec<String>> {
        let mut problems = Vec::new();
        let object = describe.name.clone();
        if let Some(verb) = forbidden(operation, &describe) {
            problems.push(format!(
                "the signed-in user may not {verb} records of {object}; grant it in a permission set, or sign in as \
                 another user"
            ));
        }
        let fields = ObjectFields::new(describe, operation, config);
        let key = self.key(operation, &fields).map_err(|problem| problems.push(problem)).ok().flatten();
        let columns = self.columns(operation, &fields, key.as_deref(), &mut problems);
        if problems.is_empty() {
            self.check_columns(operation, &fields, &columns, key.as_deref(), &mut problems);
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let row_key = key.clone().map(|field| Key { comparison: fields.comparison(&field), field });
        Ok(StreamPlan {
            name: self.stream.name.clone(),
            job: JobSpec {
                object,
                operation,
                external_id_field: (operation == Operation::Upsert).then(|| key.unwrap_or_default()),
                assignment_rule_id: self.settings.and_then(StreamSettings::assignment_rule_id).map(str::to_owned),
            },
            columns: Arc::new(Columns::new(columns, row_key)),
            identity: StreamIdentity {
                namespace: self.stream.name.namespace.clone(),
                name: self.stream.name.name.clone(),
                generation_id: self.stream.generation_id,
                source_columns: self.stream.fields.iter().map(|field| field.name.clone()).collect(),
            },
            renames: self.settings.map(|settings| settings.renames().clone()).unwrap_or_default(),
            fields,
        })
    }

    /// The name under which a field of the stream is known to Salesforce.
    fn target<'n>(&'n self, source: &'n str) -> &'n str {
        self.settings.map_or(source, |settings| settings.renames().column(source))
    }

    /// The field that names a record, in the object's spelling; insert has none.
    fn key(&self, operation: Operation, fields: &ObjectFields) -> Result<Option<String>, String> {
        let object = fields.object();
        match operation {
            Operation::Insert => return Ok(None),
            Operation::Update | Operation::Delete | Operation::HardDelete => return Ok(Some(ID.to_owned())),
            Operation::Upsert => {}
        }
        let chosen = match (self.settings.and_then(StreamSettings::external_id_field), &*self.stream.primary_key) {
            (Some(field), _) => field,
            (None, [path]) if path.len() == 1 => self.target(&path[0]),
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

    fn columns(
        &self,
        operation: Operation,
        fields: &ObjectFields,
        key: Option<&str>,
        problems: &mut Vec<String>,
    ) -> Vec<Column> {
        let mut columns = Vec::with_capacity(self.stream.fields.len());
        for field in &self.stream.fields {
            let target = self.target(&field.name);
            if operation.is_delete() && !target.eq_ignore_ascii_case(ID) {
                continue;
            }
            match fields.resolve_field(SourceColumn::top(&field.name), target, field.types, key) {
                Ok(ResolvedField::Column(column)) => columns.push(column),
                Ok(ResolvedField::Nested | ResolvedField::Ignored) => {}
                Err(problem) => problems.push(problem),
            }
        }
        columns
    }

    fn check_columns(
        &self,
        operation: Operation,
        fields: &ObjectFields,
        columns: &[Column],
        key: Option<&str>,
        problems: &mut Vec<String>,
    ) {
        let mut seen = HashSet::new();
        for column in columns {
            if !seen.insert(column.header().to_ascii_lowercase()) {
                problems.push(twice(column.header(), fields.object()));
            }
        }
        // Without a schema the columns are those that the records bring.
        let has_schema = !self.stream.fields.is_empty();
        let names: Vec<&str> = self.stream.fields.iter().map(|field| self.target(&field.name)).collect();
        if let Some(key) = key
            && has_schema
            && !columns.iter().any(|column| column.header().eq_ignore_ascii_case(key))
        {
            problems
                .push(format!("{operation} needs the field {key} in every record, and the stream has no such field"));
        }
        if operation == Operation::Insert && has_schema {
            problems.extend(fields.required().filter(|required| !required.is_among(columns, &names)).map(|required| {
                format!(
                    "{} of {} is required to create a record, and the stream has no such field",
                    required.name(),
                    fields.object()
                )
            }));
        }
        problems.extend(too_wide(columns.iter()));
    }
}

/// What to say of more columns than Salesforce takes.
fn too_wide<'c>(columns: impl ExactSizeIterator<Item = &'c Column>) -> Option<String> {
    let count = columns.len();
    let header_length: usize = columns.map(|column| column.header().len() + 1).sum();
    (header_length > LONGEST_HEADER || count > MOST_FIELDS).then(|| {
        format!(
            "it has {count} fields; Salesforce takes at most {MOST_FIELDS} fields and {LONGEST_HEADER} characters of \
             field names"
        )
    })
}

/// What to say of a second field of the same name.
fn twice(header: &str, object: &str) -> String {
    format!("two of its fields are to become {header} of {object}")
}

impl StreamPlan {
    /// What becomes of a field that a record brings and none of the `columns` takes.
    ///
    /// # Errors
    /// A sentence that tells why the field cannot be written.
    pub(in crate::pipeline) fn resolve_field(
        &self,
        source: SourceColumn,
        columns: &Columns,
    ) -> Result<ResolvedField, String> {
        let target = self.target(&source);
        if self.job.operation.is_delete() && !target.eq_ignore_ascii_case(ID) {
            return Ok(ResolvedField::Ignored);
        }
        let key = self.columns.key().map(|key| key.field.as_str());
        let types = airbyte::JsonTypes { text: true, ..Default::default() };
        let met = self.fields.resolve_field(source, &target, types, key)?;
        if let ResolvedField::Column(column) = &met {
            if columns.iter().any(|other| other.is_named(column.header())) {
                return Err(twice(column.header(), &self.job.object));
            }
            if let Some(problem) = too_wide(columns.with(column.clone()).iter()) {
                return Err(problem);
            }
        }
        Ok(met)
    }

    /// The name under which a field is known to Salesforce.
    fn target(&self, source: &SourceColumn) -> String {
        match source.parent() {
            Some(object) => self.renames.nested_column(object, source.name()),
            None => self.renames.column(source.name()).to_owned(),
        }
    }
}

/// What the user may not do, where it is needed for the operation.
fn forbidden(operation: Operation, describe: &Describe) -> Option<&'static str> {
    let needs = match operation {
        Operation::Insert => [(describe.createable, "create"), (true, "")],
        Operation::Update => [(describe.updateable, "change"), (true, "")],
        Operation::Upsert => [(describe.createable, "create"), (describe.updateable, "change")],
        Operation::Delete | Operation::HardDelete => [(describe.deletable, "delete"), (true, "")],
    };
    needs.into_iter().find(|(allowed, _)| !allowed).map(|(_, verb)| verb)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convert::Kind;
    use airbyte::JsonTypes;

    #[test]
    fn more_columns_than_salesforce_takes_are_refused() {
        let columns = |count: usize, name: &str| -> Vec<Column> {
            let column = |number| {
                Column::new(SourceColumn::top(""), format!("{name}{number:04}"), Kind::Number, JsonTypes::default())
            };
            (0..count).map(column).collect()
        };
        assert_eq!(too_wide(columns(MOST_FIELDS, "F").iter()), None);
        assert!(too_wide(columns(MOST_FIELDS + 1, "F").iter()).is_some());
        assert_eq!(too_wide(columns(800, &"F".repeat(35)).iter()), None);
        assert!(too_wide(columns(800, &"F".repeat(36)).iter()).is_some(), "names of 32,800 characters");
    }
}
