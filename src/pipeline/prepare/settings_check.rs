//! Entries under `streams`, compared with the org, before there is a catalog.

use std::collections::HashMap;
use std::sync::Arc;

use super::columns::{ColumnRules, KeyColumns};
use super::entries::entry_name;
use super::fields::ObjectFields;
use super::permissions::forbidden;
use super::planning::{MissingObjects, describe, related_objects};
use super::related::RelatedObjects;
use super::request::StreamRequest;
use crate::config::{Config, Deletes, OnMissing, StreamSettings};
use crate::convert::SourceColumn;
use airbyte::{ConfiguredStream, JsonTypes, Result, SchemaField, StreamName, SyncMode};
use salesforce::{Describe, Operation, Org};

/// What the org says of the entries under `streams`.
#[derive(Debug, Default)]
pub(crate) struct SettingsFindings {
    /// What is wrong with them, in whole sentences.
    pub(crate) problems: Vec<String>,
    /// How many of them name an object.
    pub(crate) checked: usize,
    /// The streams of those that name none: the connection chooses their objects.
    pub(crate) unchecked: Vec<StreamName>,
}

/// Compares the entries with the org: their objects, operations, keys and targets.
///
/// # Errors
/// The org does not answer.
pub(crate) async fn check_settings(org: &Org, config: &Config) -> Result<SettingsFindings> {
    let mut findings = SettingsFindings::default();
    let mut streams: Vec<ConfiguredStream> = Vec::new();
    for entry in config.streams() {
        match entry.object() {
            Some(_) => streams.push(stream_of(entry)),
            None => findings.unchecked.push(entry_name(entry)),
        }
    }
    findings.checked = streams.len();
    let requests: Vec<StreamRequest<'_>> = streams.iter().map(|stream| StreamRequest::new(stream, config)).collect();
    let mut objects: Vec<String> = Vec::new();
    for request in &requests {
        if !objects.iter().any(|object| object.eq_ignore_ascii_case(&request.object)) {
            objects.push(request.object.clone());
        }
    }
    let describes: HashMap<String, Option<Arc<Describe>>> = describe(org, &objects).await?;
    let related = Arc::new(related_objects(org, &requests, &describes).await?);
    let mut missing = MissingObjects::new(org, config);
    for request in &requests {
        let found = match describes.get(&request.object.to_ascii_lowercase()).and_then(Option::as_ref) {
            Some(describe) => request.entry_problems(describe, &related, config),
            None => vec![missing.problem(request).await?],
        };
        let sentences = found.into_iter().map(|it| format!("Entry under `streams` for {}: {it}.", request.name()));
        findings.problems.extend(sentences);
    }
    Ok(findings)
}

/// A stream with the columns that the entry renames.
fn stream_of(entry: &StreamSettings) -> ConfiguredStream {
    let column = |name: &str| SchemaField { name: name.to_owned(), types: JsonTypes::default(), members: Vec::new() };
    ConfiguredStream {
        name: entry_name(entry),
        object: None,
        // It writes new and old records, so a field need only be for one of them.
        sync_mode: SyncMode::AppendDedup,
        primary_key: Vec::new(),
        fields: entry.renames().sources().map(column).collect(),
        generation_id: None,
        minimum_generation_id: None,
        sync_id: None,
    }
}

impl StreamRequest<'_> {
    /// What is wrong with the entry of the stream, each as the rest of a sentence that begins with it.
    fn entry_problems(&self, describe: &Arc<Describe>, related: &Arc<RelatedObjects>, config: &Config) -> Vec<String> {
        let Some(entry) = config.stream(self.name().namespace.as_deref(), &self.name().name) else { return Vec::new() };
        let chosen = entry.operation();
        // Without a choice, the connection may choose any that the other keys fit.
        let operation = match (chosen, entry.matching()) {
            (Some(operation), _) => operation,
            (None, Some(matching)) if matches!(matching.on_missing(), Some(OnMissing::Reject | OnMissing::Skip)) => {
                Operation::Update
            }
            (None, _) => Operation::Upsert,
        };
        let request = self.match_request(operation, describe);
        let does = request.as_ref().map_or(operation, |request| request.operation(operation));
        let mut problems: Vec<String> = chosen.and_then(|_| forbidden(does, describe)).into_iter().collect();
        if entry.deletes().deletes == Some(Deletes::Delete) && !does.is_delete() {
            problems.extend(forbidden(Operation::Delete, describe));
        }
        let fields = ObjectFields::new(Arc::clone(describe), does, config);
        let keys = match (&request, entry.external_id_field()) {
            (Some(request), _) => match request.check(operation, &fields, related) {
                Ok(found) => found.columns(),
                Err(found) => {
                    problems.extend(found);
                    request.unchecked_columns()
                }
            },
            (None, Some(field)) => match fields.upsert_key(field) {
                Ok(key) => KeyColumns::sent(Some(key)),
                Err(problem) => {
                    // An update or a delete finds records by other fields too.
                    if chosen.is_some() || fields.field(field).is_none() {
                        problems.push(problem);
                    }
                    KeyColumns::default()
                }
            },
            (None, None) if chosen == Some(Operation::Insert) => KeyColumns::default(),
            (None, None) => KeyColumns::sent(Some(crate::matching::ID.to_owned())),
        };
        let rules = ColumnRules::new(Arc::clone(related), entry.renames().clone(), keys, config);
        for source in entry.renames().sources() {
            let resolved = rules.resolve(&fields, SourceColumn::top(source), JsonTypes::default());
            problems.extend(resolved.err().map(|problem| problem.sentence));
        }
        problems
    }
}
