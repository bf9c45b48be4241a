//! What a stream does with the records that the source has deleted.

use std::sync::Arc;

use super::columns::ColumnRules;
use super::fields::ObjectFields;
use super::matching::upsert_key_field;
use super::permissions::forbidden;
use crate::config::{DeleteSettings, Deletes, OnMissing, OnSeveral};
use crate::convert::{OnDeleted, Rejection, SourceColumn};
use crate::matching::{ID, MatchPlan};
use crate::nearest_name::{is_misspelt, nearest_name};
use airbyte::{SchemaField, StreamName};
use salesforce::{Describe, Operation};

/// What a stream does with the records that the source has deleted.
#[derive(Debug, Clone)]
pub(crate) struct DeletePlan {
    pub(crate) on_deleted: OnDeleted,
    /// The marks that are known before the first record.
    pub(crate) marks: Vec<SourceColumn>,
    /// How the records are found that are to be deleted. `None` if their ids are known.
    pub(crate) matching: Option<Arc<MatchPlan>>,
    deletes: Deletes,
    /// Whether the user chose it.
    is_chosen: bool,
}

/// What a plan for deletes depends on.
pub(super) struct DeleteRequest<'r> {
    pub(super) settings: &'r DeleteSettings,
    pub(super) operation: Operation,
    pub(super) describe: &'r Describe,
    pub(super) fields: &'r ObjectFields,
    /// The key that the records are written by, if they are not looked for.
    pub(super) key: Option<&'r str>,
    /// How they are looked for.
    pub(super) matching: Option<&'r MatchPlan>,
    pub(super) schema: &'r [SchemaField],
}

impl DeletePlan {
    /// The plan, and what is wrong with the settings: each problem as the rest of a sentence that begins with the stream.
    pub(super) fn new(request: &DeleteRequest<'_>, rules: &ColumnRules) -> (Self, Vec<String>) {
        let DeleteRequest { settings, operation, describe, schema, .. } = request;
        if operation.is_delete() {
            // Each record is a delete, marked or not.
            let problems = settings.marker.iter().filter_map(|marker| marker_problem(marker, request, rules)).collect();
            let (on_deleted, deletes) = (OnDeleted::Delete, Deletes::Delete);
            let plan = Self { on_deleted, marks: Vec::new(), matching: None, deletes, is_chosen: false };
            return (plan, problems);
        }
        let default = if *operation == Operation::Insert { Deletes::Refuse } else { Deletes::Delete };
        let deletes = settings.deletes.unwrap_or(default);
        let is_in_schema = |mark: &str| schema.iter().any(|field| field.name == mark);
        let mut problems = Vec::new();
        if deletes == Deletes::Delete && *operation == Operation::Insert {
            problems.push(
                "its entry sets `deletes` to `delete`, and an insert has no key to delete records by; set `refuse` or \
                 `ignore`, or choose another operation"
                    .to_owned(),
            );
        }
        if let Some(marker) = &settings.marker {
            problems.extend(marker_problem(marker, request, rules));
        }
        let in_schema = schema.iter().map(|field| SourceColumn::top(&field.name)).filter(|it| rules.is_mark(it));
        let mut marks: Vec<SourceColumn> = in_schema.collect();
        let found_by = request.found_by();
        if deletes == Deletes::Delete && !marks.is_empty() {
            problems.extend(forbidden(Operation::Delete, describe));
            problems.extend(found_by.as_ref().err().map(|why| format!("{why}; set `deletes` to `ignore` or `refuse`")));
        }
        // Another mark that only records show is reported when they do.
        marks.extend(settings.marker.as_deref().filter(|marker| !is_in_schema(marker)).map(SourceColumn::top));
        let refuse = |reason: &str| OnDeleted::Reject(Rejection::delete_refused(reason));
        let on_deleted = match (deletes, &found_by) {
            (Deletes::Ignore, _) => OnDeleted::Skip,
            (Deletes::Refuse, _) if settings.deletes.is_none() => refuse("An insert has no key to delete a record by."),
            (Deletes::Refuse, _) => refuse("The stream has `deletes` set to `refuse`."),
            (Deletes::Delete, _) if !describe.deletable => {
                OnDeleted::Reject(Rejection::delete_forbidden(&describe.name))
            }
            (Deletes::Delete, Err(why)) => refuse(&format!("Its key does not find it: {why}.")),
            (Deletes::Delete, Ok(_)) => OnDeleted::Delete,
        };
        let matching = found_by.ok().flatten().map(Arc::new);
        (Self { on_deleted, marks, matching, deletes, is_chosen: settings.deletes.is_some() }, problems)
    }

    /// Says what becomes of deleted records, once a mark is known.
    pub(super) fn log(&self, stream: &StreamName, mark: &SourceColumn) {
        let deletes = match self.deletes {
            Deletes::Delete => "delete",
            Deletes::Ignore => "ignore",
            Deletes::Refuse => "refuse",
        };
        let (is_default, mark) = (!self.is_chosen, mark.shown());
        match &self.on_deleted {
            OnDeleted::Delete => tracing::info!(
                %stream, mark, deletes, is_default,
                "records that the source has deleted are deleted in Salesforce, by their key"
            ),
            OnDeleted::Skip => tracing::info!(
                %stream, mark, deletes, is_default, "records that the source has deleted are skipped"
            ),
            OnDeleted::Reject(rejection) => tracing::warn!(
                %stream, mark, deletes, is_default,
                "records that the source has deleted are rejected as {}", rejection.code.as_str()
            ),
        }
    }
}

impl DeleteRequest<'_> {
    /// How the records are found that are to be deleted. `None` if the key is the id, or if the stream has none.
    ///
    /// # Errors
    /// Why they cannot be found.
    fn found_by(&self) -> Result<Option<MatchPlan>, String> {
        // Nothing is deleted that the key does not name alone.
        let (on_missing, on_several) = (OnMissing::Skip, OnSeveral::Reject);
        if let Some(matching) = self.matching {
            return Ok(Some(MatchPlan { on_missing, on_several, ..matching.clone() }));
        }
        let Some(field) = self.key.filter(|key| *key != ID).and_then(|key| self.fields.field(key)) else {
            return Ok(None);
        };
        let (object, name) = (&self.describe.name, &field.name);
        match upsert_key_field(field, self.fields.comparison(name)) {
            Ok(key) => Ok(Some(MatchPlan { object: object.clone(), keys: vec![key], on_missing, on_several })),
            Err(why) => Err(format!("records of {object} cannot be found by {name}, because it {why}")),
        }
    }
}

/// The problem of a marker that the entry of the stream names.
fn marker_problem(marker: &str, request: &DeleteRequest<'_>, rules: &ColumnRules) -> Option<String> {
    let DeleteRequest { operation, key, matching, schema, .. } = request;
    if operation.is_delete() {
        return Some(format!(
            "its entry has the `delete_marker` {marker}, and a stream that deletes takes each record as a delete; remove \
             it, or choose another operation"
        ));
    }
    let column = rules.column_name(&SourceColumn::top(marker));
    let found_by = matching.iter().flat_map(|matching| matching.keys.iter().map(|key| key.name.as_str()));
    if key.iter().copied().chain(found_by).any(|key| key.eq_ignore_ascii_case(&column)) {
        return Some(format!("its `delete_marker` {marker} is its key, which must be another column"));
    }
    if schema.is_empty() || schema.iter().any(|field| field.name == marker) {
        return None;
    }
    let nearest = nearest_name(marker, schema.iter().map(|field| field.name.as_str()));
    if let Some(nearest) = nearest.filter(|nearest| is_misspelt(marker, nearest)) {
        return Some(format!(
            "it has no field {marker}, which its `delete_marker` names; the nearest name is {nearest}"
        ));
    }
    tracing::warn!(column = marker, nearest, "a `delete_marker` is not a column of the schema of its stream");
    None
}
