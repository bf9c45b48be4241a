//! Finds the columns that the catalog selects.

use std::collections::{BTreeSet, HashMap};

use airbyte::Result;
use connector::nearest_name::nearest_name;
use salesforce::{Describe, Fault, FaultKind, Org};

use super::CatalogStream;
use crate::columns::{Column, ExternalIds, Reference, columns, external_ids, parent_columns, references};
use crate::user_error::error_of;

/// The columns of a stream.
pub(super) struct Selected {
    /// The name of the object, as Salesforce spells it.
    pub(super) object: String,
    pub(super) columns: Vec<Column>,
}

/// What a describe says of an object.
struct Described {
    object: String,
    is_queryable: bool,
    columns: Vec<Column>,
    references: Vec<Reference>,
}

impl Described {
    fn of(describe: &Describe) -> Self {
        Self {
            object: describe.name.clone(),
            is_queryable: describe.queryable,
            columns: columns(describe),
            references: references(describe),
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
    for (stream, answer) in streams.iter().zip(answers) {
        described.push(match answer {
            Ok(object) if object.is_queryable => Some(object),
            Ok(object) => {
                problems.push(format!("Records of the object {} cannot be queried.", object.object));
                None
            }
            Err(fault) if is_about_object(&fault) => {
                problems.push(format!(
                    "The object {} of a stream cannot be described ({fault}). Refresh the schema of the connection, \
                     and check that the user may see the object.",
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
            if stream.columns.is_empty() || stream.columns.iter().any(|column| column.starts_with(&begin)) {
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

/// The selected columns of a stream, in the order of the catalog; all of its object if the catalog selects none.
fn choose(
    stream: &CatalogStream,
    object: Described,
    external_ids: &ExternalIds,
    problems: &mut Vec<String>,
) -> Option<Selected> {
    let mut all = object.columns;
    all.extend(parent_columns(&object.references, external_ids));
    if stream.columns.is_empty() {
        return Some(Selected { object: object.object, columns: all });
    }
    let mut known: HashMap<String, Column> = all.into_iter().map(|column| (column.name.clone(), column)).collect();
    let unknown: Vec<&String> = stream.columns.iter().filter(|name| !known.contains_key(*name)).collect();
    for name in &unknown {
        let nearest = nearest_name(name, known.keys().map(String::as_str));
        let nearest = nearest.map_or_else(String::new, |nearest| format!("; the nearest column is {nearest}"));
        problems.push(format!(
            "The stream {} has no column {name}{nearest}. The field is gone, or the user may no longer see it. Refresh \
             the schema of the connection.",
            stream.name
        ));
    }
    let is_complete = unknown.is_empty();
    let columns = stream.columns.iter().filter_map(|name| known.remove(name)).collect();
    is_complete.then_some(Selected { object: object.object, columns })
}
