//! `discover`: the objects and fields that can be read.

use std::path::Path;

use airbyte::{Error, Output, Result};
use salesforce::{Describe, Fault, FaultKind, Org};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{read_config, sign_in, stdout_closed, stop_on_signal};
use crate::columns::{
    Column, ColumnValue, ExternalIds, LeftOut, NAME, Reference, ValueType, by_reason, columns, external_ids, left_out,
    parent_columns, references, schema,
};
use crate::config::Criteria;
use crate::plan::Changes;
use crate::user_error::error_of;

/// Answers with one CATALOG.
///
/// # Errors
/// The configuration is not valid, the org does not answer, or standard output is closed.
pub(crate) async fn run(config: &Path, output: &Output) -> Result<()> {
    let config = read_config(config)?;
    let (stop, _running) = stop_on_signal(output)?;
    let org = sign_in(&config, output, &stop, false).await?;
    let catalog = stop.unless_requested(&org, Box::pin(discover(&org, config.criteria()))).await??;
    output.catalog(catalog.streams()).map_err(stdout_closed)
}

/// The objects that can be read.
struct Catalog {
    objects: Vec<ReadableObject>,
    /// The external ids of all objects, also of those that are not offered.
    external_ids: ExternalIds,
}

/// What is kept of a describe: those of a large org do not fit into memory together.
struct ReadableObject {
    name: String,
    has_id: bool,
    columns: Vec<Column>,
    references: Vec<Reference>,
    changes: Option<Changes>,
    left_out: Vec<LeftOut>,
}

impl ReadableObject {
    fn of(describe: &Describe) -> Self {
        let columns = columns(describe);
        Self {
            name: describe.name.clone(),
            has_id: columns.iter().any(|column| column.name == "Id"),
            columns,
            references: references(describe),
            changes: Changes::of(describe),
            left_out: left_out(describe),
        }
    }
}

/// Asks an org what the signed-in user may read. Leaves out objects that the org does not describe.
async fn discover(org: &Org, criteria: &Criteria) -> Result<Catalog> {
    let visible = org.describe_global().await.map_err(|fault| error_of(&fault, "asking which objects the org has"))?;
    let queryable: Vec<String> =
        visible.into_iter().filter(|object| object.queryable).map(|object| object.name).collect();
    if !queryable.iter().any(|name| criteria.offer(name)) {
        return Err(no_object());
    }
    // A parent of an offered object need not be offered itself.
    let keep = |describe: Describe| {
        let object = criteria.offer(&describe.name).then(|| ReadableObject::of(&describe));
        (external_ids(&describe), object, describe.name)
    };
    let mut described = org.describe_each(&queryable, keep).await;
    // One object may fail alone, and an outage fails many: what may pass is asked for again, one by one.
    for (name, answer) in queryable.iter().zip(&mut described) {
        if matches!(answer, Err(fault) if fault.is_transient()) {
            *answer = org.describe(name).await.map(keep);
        }
        if matches!(answer, Err(fault) if is_outage(fault)) {
            break;
        }
    }
    let mut catalog = Catalog { objects: Vec::new(), external_ids: ExternalIds::new() };
    let mut first_fault = None;
    for (name, described) in queryable.iter().zip(described) {
        match described {
            Ok((keys, object, name)) => {
                catalog.external_ids.insert(name, keys);
                catalog.objects.extend(object);
            }
            // Every other object would fail in the same way, so that a catalog without them would be wrong.
            Err(fault)
                if is_outage(&fault) || matches!(fault.kind(), FaultKind::LimitReached(_) | FaultKind::SignIn) =>
            {
                return Err(error_of(&fault, "asking which fields the objects have"));
            }
            Err(fault) => {
                tracing::warn!("{name} cannot be described, and is left out: {}", fault.message());
                first_fault.get_or_insert(fault);
            }
        }
    }
    if let (true, Some(fault)) = (catalog.objects.is_empty(), first_fault) {
        return Err(error_of(&fault, "asking which fields the objects have"));
    }
    for object in &catalog.objects {
        for fields in by_reason(&object.left_out) {
            tracing::info!("{} is offered without {fields}", object.name);
        }
    }
    if catalog.objects.iter().flat_map(|object| &object.references).any(|reference| reference.object == NAME) {
        match org.describe(NAME).await {
            Ok(describe) => drop(catalog.external_ids.insert(NAME.to_owned(), external_ids(&describe))),
            Err(fault) if fault.is_transient() => return Err(error_of(&fault, "describing the object Name")),
            Err(fault) => tracing::info!(
                "references to several objects have no columns of their own: the object {NAME} cannot be described \
                 ({fault})"
            ),
        }
    }
    Ok(catalog)
}

/// Whether a fault that may pass is about no single object: Salesforce itself does not answer.
fn is_outage(fault: &Fault) -> bool {
    fault.is_transient() && matches!(fault.code(), None | Some("SERVER_UNAVAILABLE" | "REQUEST_LIMIT_EXCEEDED"))
}

/// The error for a user who may read no object.
pub(super) fn no_object() -> Error {
    Error::config(
        "There is no object that the signed-in user may read and that `streams_criteria` offer. Give the user a \
         permission set with Read on the objects that you want to read, or change the criteria.",
    )
}

impl Catalog {
    /// The streams. Each is made when it is written: together they are far larger than what is kept.
    fn streams(&self) -> impl Iterator<Item: Serialize> {
        self.objects.iter().filter(|object| !object.columns.is_empty()).map(|object| {
            let parents = parent_columns(&object.references, &self.external_ids);
            let deleted_at =
                object.changes.as_ref().filter(|changes| changes.knows_deletions()).map(Column::deleted_at);
            let columns = object.columns.iter().chain(&parents).chain(&deleted_at);
            let properties: Map<String, Value> =
                columns.map(|column| (column.name.clone(), property(column))).collect();
            let mut stream = json!({
                "name": object.name,
                "json_schema": {
                    "$schema": "http://json-schema.org/draft-07/schema#",
                    "type": "object",
                    "additionalProperties": true,
                    "properties": properties,
                },
                "supported_sync_modes": ["full_refresh"],
                // The place within a query, which is no field of the object.
                "is_resumable": true,
                "source_defined_cursor": true,
            });
            if let Some(changes) = &object.changes {
                stream["supported_sync_modes"] = json!(["full_refresh", "incremental"]);
                stream["default_cursor_field"] = json!([changes.cursor]);
            }
            if object.has_id {
                stream["source_defined_primary_key"] = json!([["Id"]]);
            }
            stream
        })
    }
}

fn property(column: &Column) -> Value {
    match &column.value {
        ColumnValue::Field { value_type, .. } => schema(*value_type),
        ColumnValue::DeletedAt(_) => schema(ValueType::DateTime),
        ColumnValue::Compound(parts) => {
            let members: Map<String, Value> =
                parts.iter().map(|part| (part.member.clone(), schema(part.value_type))).collect();
            json!({"type": ["null", "object"], "properties": members})
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_about_no_single_object() {
        for (kind, expected) in [
            (FaultKind::Transient, true),
            (FaultKind::Permission, false),
            (FaultKind::NotFound, false),
            (FaultKind::Unexpected, false),
        ] {
            assert_eq!(is_outage(&Fault::new(kind, "")), expected, "{kind:?}");
        }
    }

    #[test]
    fn an_object_without_a_column_is_no_stream() {
        let object = |name: &str, kind: &str| {
            let describe = json!({"name": name, "fields": [{"name": "Value__c", "type": kind}]});
            ReadableObject::of(&serde_json::from_value(describe).unwrap())
        };
        let objects = vec![object("Scan__c", "base64"), object("Note__c", "string")];
        let catalog = Catalog { objects, external_ids: ExternalIds::new() };
        let streams: Vec<Value> = catalog.streams().map(|stream| json!(stream)).collect();
        assert_eq!(streams.len(), 1);
        assert_eq!(streams[0]["name"], "Note__c");
        assert!(streams[0].get("source_defined_primary_key").is_none(), "it has no Id");
    }

    #[test]
    fn a_trouble_that_names_its_object_is_no_outage() {
        for (text, expected) in [
            ("SERVER_UNAVAILABLE : busy", true),
            ("UNABLE_TO_LOCK_ROW : locked", false),
            ("QUERY_TIMEOUT : too long", false),
            // A limit that comes back over hours is reported as a limit.
            ("REQUEST_LIMIT_EXCEEDED : TotalRequests Limit exceeded.", false),
        ] {
            assert_eq!(is_outage(&Fault::of_failed_job(text)), expected, "{text}");
        }
    }

    #[test]
    fn the_column_of_a_deletion_is_offered_where_the_org_can_tell_one() {
        let (id, stamp) = (json!({"name": "Id", "type": "id"}), json!({"name": "SystemModstamp", "type": "datetime"}));
        let (created, deleted) =
            (json!({"name": "CreatedDate", "type": "datetime"}), json!({"name": "IsDeleted", "type": "boolean"}));
        for (fields, is_replicateable, expected) in [
            (json!([id, stamp, deleted]), true, Some(true)),
            (json!([id, stamp, deleted]), false, Some(true)),
            (json!([id, stamp]), true, Some(true)),
            (json!([id, stamp]), false, Some(false)),
            // A deletion does not move the time of the creation.
            (json!([id, created, deleted]), false, Some(false)),
            (json!([id, deleted]), true, None),
        ] {
            let describe = json!({"name": "Account", "replicateable": is_replicateable, "fields": fields});
            let describe: Describe = serde_json::from_value(describe).unwrap();
            let catalog = Catalog { objects: vec![ReadableObject::of(&describe)], external_ids: ExternalIds::new() };
            let streams: Vec<Value> = catalog.streams().map(|stream| json!(stream)).collect();
            let offered = streams[0]["json_schema"]["properties"].get("_ab_cdc_deleted_at").is_some();
            assert_eq!(offered, expected.unwrap_or_default(), "{describe:?}");
            assert_eq!(streams[0].get("default_cursor_field").is_some(), expected.is_some(), "{describe:?}");
        }
    }
}
