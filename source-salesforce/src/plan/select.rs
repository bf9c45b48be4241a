//! Finds the columns that the catalog selects.

use std::collections::{BTreeSet, HashMap};

use airbyte::Result;
use connector::nearest_name::nearest_name;
use salesforce::{Describe, Fault, FaultKind, Org};

use super::CatalogStream;
use super::changes::Changes;
use super::rows_in_order::check_order;
use crate::columns::{
    Column, ExternalIds, LeftOut, Reference, by_reason, columns, external_ids, left_out, parent_columns, references,
};
use crate::user_error::error_of;

/// The columns of a stream.
pub(super) struct Selected {
    /// The name of the object, as Salesforce spells it.
    pub(super) object: String,
    pub(super) columns: Vec<Column>,
    /// The names of all fields of the object.
    pub(super) fields: Vec<String>,
    /// How changes are found, for an incremental sync.
    pub(super) changes: Option<Changes>,
}

/// What a describe says of an object.
struct Described {
    object: String,
    is_queryable: bool,
    columns: Vec<Column>,
    fields: Vec<String>,
    references: Vec<Reference>,
    left_out: Vec<LeftOut>,
    changes: Option<Changes>,
}

impl Described {
    fn of(describe: &Describe) -> Self {
        Self {
            object: describe.name.clone(),
            is_queryable: describe.queryable,
            columns: columns(describe),
            fields: describe.fields.iter().map(|field| field.name.clone()).collect(),
            references: references(describe),
            left_out: left_out(describe),
            changes: Changes::of(describe),
        }
    }
}

/// Describes the objects of streams, and selects their columns. None for a stream with a problem, which is added to
/// `problems`.
///
/// # Errors
/// Salesforce cannot be asked.
pub(super) async fn select(
    org: &Org,
    streams: &[CatalogStream],
    problems: &mut Vec<String>,
) -> Result<Vec<Option<Selected>>> {
    let names: Vec<String> = streams.iter().map(|stream| stream.name.name.clone()).collect();
    let answers = org.describe_each(&names, |describe| Described::of(&describe)).await;
    let mut described = Vec::with_capacity(streams.len());
    let mut objects = None;
    for (stream, answer) in streams.iter().zip(answers) {
        described.push(match answer {
            Ok(object) if object.is_queryable => Some(object),
            Ok(object) => {
                problems.push(format!(
                    "Records of the object {} cannot be queried. Leave the stream out of the connection.",
                    object.object
                ));
                None
            }
            Err(fault) if is_about_object(&fault) => {
                let known = known_objects(org, &mut objects).await;
                let nearest = nearest("object", &stream.name.name, known.iter().map(String::as_str));
                problems.push(format!(
                    "The object {} of a stream cannot be described ({fault}){nearest}. Refresh the schema of the \
                     connection, and check that the user may see the object.",
                    stream.name
                ));
                None
            }
            Err(fault) => return Err(error_of(&fault, "describing the objects of the streams")),
        });
    }
    let external_ids = parents(org, streams, &described).await?;
    let pairs = streams.iter().zip(described);
    Ok(pairs.map(|(stream, object)| choose(stream, object?, &external_ids, problems)).collect())
}

/// The objects whose records can be queried, asked for once. None if Salesforce does not say: they are for a hint alone.
async fn known_objects<'o>(org: &Org, objects: &'o mut Option<Vec<String>>) -> &'o [String] {
    if objects.is_none() {
        let visible = org.describe_global().await.unwrap_or_default();
        *objects = Some(visible.into_iter().filter(|object| object.queryable).map(|object| object.name).collect());
    }
    objects.as_deref().unwrap_or_default()
}

/// The end of a sentence that names the nearest of the names that are known.
fn nearest<'n>(what: &str, name: &str, known: impl Iterator<Item = &'n str>) -> String {
    nearest_name(name, known).map_or_else(String::new, |nearest| format!("; the nearest {what} is {nearest}"))
}

/// Whether a fault concerns one object alone.
fn is_about_object(fault: &Fault) -> bool {
    matches!(fault.kind(), FaultKind::NotFound | FaultKind::Permission | FaultKind::Configuration)
}

/// The external ids of the parents that selected columns name. One that cannot be described has none.
async fn parents(org: &Org, streams: &[CatalogStream], described: &[Option<Described>]) -> Result<ExternalIds> {
    let mut objects = BTreeSet::new();
    for (stream, object) in streams.iter().zip(described) {
        for reference in object.iter().flat_map(|object| &object.references) {
            let begin = format!("{}.", reference.relationship);
            if stream.may_select(|column| column.starts_with(&begin)) {
                objects.insert(reference.object.clone());
            }
        }
    }
    let objects: Vec<String> = objects.into_iter().collect();
    let answers = org.describe_each(&objects, |describe| external_ids(&describe)).await;
    let mut found = ExternalIds::new();
    for (object, answer) in objects.into_iter().zip(answers) {
        match answer {
            Ok(keys) => drop(found.insert(object, keys)),
            Err(fault) if is_about_object(&fault) => {
                tracing::warn!("{object} cannot be described, so no column names its records: {}", fault.message());
            }
            Err(fault) => return Err(error_of(&fault, "describing the parents of the streams' objects")),
        }
    }
    Ok(found)
}

/// The selected columns of a stream, in the order of the catalog; all of its object if the catalog selects none. Fields
/// that no query can give are left out, and the log says so.
fn choose(
    stream: &CatalogStream,
    object: Described,
    external_ids: &ExternalIds,
    problems: &mut Vec<String>,
) -> Option<Selected> {
    let changes = object.changes.filter(|_| stream.is_incremental);
    if stream.is_incremental && changes.is_none() {
        problems.push(format!(
            "The records of {} have no field that says when they changed. Choose full refresh for the stream {}.",
            object.object, stream.name
        ));
        return None;
    }
    let knows_deletions = |changes: &&Changes| stream.tells_deletions && changes.knows_deletions();
    let deleted_at = match stream.is_incremental {
        true => changes.as_ref().filter(knows_deletions).map(Column::deleted_at),
        false => stream.tells_deletions.then(Column::never_deleted),
    };
    let mut all = object.columns;
    all.extend(parent_columns(&object.references, external_ids));
    let Some(selected) = &stream.columns else {
        all.extend(deleted_at);
        let is_ordered = changes.as_ref().is_none_or(|changes| check_order(stream, changes, &all, problems));
        return is_ordered.then_some(Selected { object: object.object, columns: all, fields: object.fields, changes });
    };
    let mut known: HashMap<String, Column> = all.into_iter().map(|column| (column.name.clone(), column)).collect();
    let is_left_out = |name: &String| object.left_out.iter().any(|field| field.name == *name);
    let is_unknown = |name: &&String| !known.contains_key(*name) && !is_left_out(name);
    let unknown: Vec<&String> = selected.iter().filter(is_unknown).collect();
    for name in &unknown {
        let nearest = nearest("column", name, known.keys().map(String::as_str));
        problems.push(format!(
            "The stream {} has no column {name}{nearest}. The field is gone, or the user may no longer see it. Refresh \
             the schema of the connection.",
            stream.name
        ));
    }
    let is_complete = unknown.is_empty();
    let left_out = by_reason(object.left_out.iter().filter(|field| selected.contains(&field.name)));
    let read = selected.iter().filter_map(|name| known.remove(name));
    let columns: Vec<Column> = read.chain(deleted_at).collect();
    if columns.is_empty() && is_complete {
        let why = if left_out.is_empty() { "the platform adds them".to_owned() } else { left_out.join("; ") };
        problems.push(format!(
            "No selected column of the stream {} can be read ({why}). Select others, or leave the stream out of the \
             connection.",
            stream.name
        ));
        return None;
    }
    for fields in left_out {
        tracing::warn!("{} is read without selected columns: {fields}", stream.name);
    }
    let is_ordered =
        is_complete && changes.as_ref().is_none_or(|changes| check_order(stream, changes, &columns, problems));
    is_ordered.then_some(Selected { object: object.object, columns, fields: object.fields, changes })
}

#[cfg(test)]
mod tests {
    use airbyte::StreamName;
    use serde_json::json;

    use super::*;
    use crate::columns::{ColumnValue, DELETED_AT};
    use crate::state::SyncIds;

    fn described(with_stamp: bool) -> Described {
        let mut describe = json!({"name": "Account", "queryable": true, "replicateable": true, "fields": [
            {"name": "Id", "type": "id"},
            {"name": "Name", "type": "string"},
            {"name": "Photo__c", "type": "base64"},
            {"name": "Scan__c", "type": "base64"},
            {"name": "ParentId", "type": "reference", "referenceTo": ["Account"], "relationshipName": "Parent"},
        ]});
        if with_stamp {
            let stamp = json!({"name": "SystemModstamp", "type": "datetime", "filterable": true});
            describe["fields"].as_array_mut().unwrap().push(stamp);
        }
        Described::of(&serde_json::from_value(describe).unwrap())
    }

    fn stream(columns: Option<&[&str]>, is_incremental: bool, tells_deletions: bool) -> CatalogStream {
        CatalogStream {
            name: StreamName { namespace: None, name: "account".into() },
            columns: columns.map(|columns| columns.iter().map(|name| (*name).to_owned()).collect()),
            is_incremental,
            tells_deletions,
            cursor_field: Vec::new(),
            sync: SyncIds::default(),
            primary_key: Vec::new(),
            destination_mode: None,
        }
    }

    fn keys() -> ExternalIds {
        let parent = json!({"name": "Account", "fields": [{"name": "Key__c", "type": "string", "externalId": true}]});
        ExternalIds::from([("Account".to_owned(), external_ids(&serde_json::from_value(parent).unwrap()))])
    }

    /// The names of the columns that are chosen, and the problems.
    fn chosen(stream: &CatalogStream, object: Described) -> (Option<Vec<String>>, Vec<String>) {
        let mut problems = Vec::new();
        let selected = choose(stream, object, &keys(), &mut problems);
        (selected.map(|it| it.columns.into_iter().map(|column| column.name).collect()), problems)
    }

    #[test]
    fn a_stream_has_the_columns_that_are_selected_and_can_be_read_in_their_order() {
        let all = ["Id", "Name", "ParentId", "SystemModstamp", "Parent.Key__c"];
        let with_time = [&all[..], &[DELETED_AT]].concat();
        for (columns, is_incremental, tells_deletions, expected) in [
            (None, false, false, &all[..]),
            (None, false, true, &with_time),
            (None, true, false, &all),
            (None, true, true, &with_time),
            (Some(&["Name", "Id"][..]), false, false, &["Name", "Id"]),
            (Some(&["Parent.Key__c"]), false, false, &["Parent.Key__c"]),
            // What no query can give is left out.
            (Some(&["Photo__c", "Name"]), false, false, &["Name"]),
            (Some(&["Name", "Id"]), true, true, &["Name", "Id", DELETED_AT]),
            (Some(&[]), false, true, &[DELETED_AT]),
        ] {
            let stream = stream(columns, is_incremental, tells_deletions);
            let (found, problems) = chosen(&stream, described(true));
            assert_eq!(found.unwrap(), expected, "{columns:?} {is_incremental} {tells_deletions}");
            assert!(problems.is_empty(), "{problems:?}");
        }
    }

    #[test]
    fn a_stream_without_what_it_needs_is_a_problem() {
        for (stream, with_stamp, expected) in [
            (stream(Some(&["Nmae"]), false, false), true, "has no column Nmae; the nearest column is Name."),
            (stream(Some(&["Id", "Other.Key__c"]), true, true), true, "has no column Other.Key__c"),
            (
                stream(Some(&["Photo__c"]), false, false),
                true,
                "(Photo__c: a query has no place for the body of a file)",
            ),
            (stream(Some(&[]), false, false), true, "can be read (the platform adds them)"),
            (stream(None, true, true), false, "have no field that says when they changed"),
        ] {
            let (columns, problems) = chosen(&stream, described(with_stamp));
            assert!(problems.len() == 1 && problems[0].contains(expected), "{problems:?}");
            assert_eq!(columns, None);
        }
        // A destination would keep another row than the newest.
        for columns in [None, Some(&["Id", "SystemModstamp"][..])] {
            let mut stream = stream(columns, true, true);
            (stream.cursor_field, stream.destination_mode) = (vec!["CreatedDate".into()], Some("append_dedup".into()));
            let (columns, problems) = chosen(&stream, described(true));
            assert!(columns.is_none() && problems.len() == 1, "{problems:?}");
        }
    }

    #[test]
    fn only_an_incremental_stream_has_changes_and_their_deletions() {
        for (is_incremental, expected) in [(false, None), (true, Some("SystemModstamp"))] {
            let mut problems = Vec::new();
            let stream = stream(None, is_incremental, true);
            let selected = choose(&stream, described(true), &keys(), &mut problems).unwrap();
            assert_eq!(selected.changes.map(|changes| changes.cursor).as_deref(), expected);
            assert_eq!(selected.object, "Account", "as Salesforce spells it");
            assert_eq!(selected.fields, ["Id", "Name", "Photo__c", "Scan__c", "ParentId", "SystemModstamp"]);
            let last = selected.columns.last().unwrap();
            // Without a recycle bin the time is that of `/deleted` alone.
            assert_eq!(last.value, ColumnValue::DeletedAt(None));
        }
    }

    #[test]
    fn a_fault_is_about_an_object_or_about_all() {
        for (kind, expected) in [
            (FaultKind::NotFound, true),
            (FaultKind::Permission, true),
            (FaultKind::Configuration, true),
            (FaultKind::Transient, false),
            (FaultKind::SignIn, false),
            (FaultKind::Unexpected, false),
        ] {
            assert_eq!(is_about_object(&Fault::new(kind, "")), expected, "{kind:?}");
        }
    }

    #[test]
    fn an_object_that_tells_no_deletion_has_no_column_for_it() {
        let mut object = described(true);
        object.changes.as_mut().unwrap().is_replicateable = false;
        let (columns, problems) = chosen(&stream(Some(&["Id"]), true, true), object);
        assert_eq!((columns.unwrap(), problems), (vec!["Id".to_owned()], Vec::new()));
    }
}
