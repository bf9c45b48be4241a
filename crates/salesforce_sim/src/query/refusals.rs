//! What the org refuses to query of single objects.

use std::collections::BTreeSet;

use crate::{
    reply::ApiError,
    schema::{NeededFilter, Object, is_same_name},
    soql::{Condition, Operator, Query, Selection},
    store::Tables,
};

/// The objects that a query joins to an external object.
const MAX_EXTERNAL_JOINS: usize = 4;

/// Checks a query against the rules of its object.
pub(super) fn check(tables: &Tables, object: &Object, query: &Query) -> Result<(), ApiError> {
    let rules = &object.query;
    if rules.is_refused {
        let message = format!("entity type {} does not support query", object.name);
        return Err(ApiError::new(400, "INVALID_TYPE_FOR_OPERATION", message));
    }
    if rules.is_uncounted && query.selection == Selection::Count {
        let message = "COUNT() query could not be processed";
        return Err(ApiError::new(400, "EXTERNAL_OBJECT_UNSUPPORTED_EXCEPTION", message));
    }
    if let Some(NeededFilter { fields, refusal }) = &rules.needed
        && !query.condition.as_ref().is_some_and(|condition| gives_value(condition, fields))
    {
        return Err(ApiError::new(400, "MALFORMED_QUERY", refusal.clone()));
    }
    if external_joins(tables, object, query) > MAX_EXTERNAL_JOINS {
        let message = format!("a query can have {MAX_EXTERNAL_JOINS} joins to external objects");
        return Err(ApiError::new(400, "EXTERNAL_OBJECT_UNSUPPORTED_EXCEPTION", message));
    }
    Ok(())
}

/// Whether a condition gives a value to one of the fields in every record that it is true for.
fn gives_value(condition: &Condition, fields: &[String]) -> bool {
    let is_needed = |name: &str| fields.iter().any(|field| is_same_name(field, name));
    match condition {
        Condition::Compare { field, operator: Operator::Equal, .. }
        | Condition::In { field, is_negated: false, .. } => is_needed(field),
        Condition::All(conditions) => conditions.iter().any(|condition| gives_value(condition, fields)),
        _ => false,
    }
}

/// The relationships of a query that lead from an external object or to one.
fn external_joins(tables: &Tables, object: &Object, query: &Query) -> usize {
    let Selection::Fields(paths) = &query.selection else { return 0 };
    let is_external = |name: &String| tables.get(name).is_some_and(|table| table.object.query.is_external);
    let relationships = paths.iter().filter_map(|path| path.split_once('.')).map(|(name, _)| name.to_lowercase());
    let leads_outside = |name: &String| {
        let is_it = |known: &Option<String>| known.as_ref().is_some_and(|known| is_same_name(known, name));
        let field = object.fields.iter().find(|field| is_it(&field.relationship_name));
        field.is_some_and(|field| object.query.is_external || field.reference_to.iter().any(is_external))
    };
    relationships.filter(leads_outside).collect::<BTreeSet<_>>().len()
}
