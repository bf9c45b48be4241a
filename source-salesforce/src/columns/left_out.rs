//! The fields that no query can give, and why.

use salesforce::{Describe, Field, FieldType};

use crate::objects::is_big;

/// A field that is no column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LeftOut {
    pub(crate) name: String,
    pub(crate) reason: &'static str,
}

/// Why a field of an object is no column; none if it is one.
pub(super) fn reason(object: &str, field: &Field) -> Option<&'static str> {
    match field.field_type {
        FieldType::Base64 => Some("a query has no place for the body of a file"),
        // The Bulk API "cannot serialize" it, and REST has a structure in its place.
        FieldType::Complexvalue => Some("a query job has no place for a value that is a structure"),
        FieldType::Id if is_big(object) => Some("the records of a big object have no id"),
        _ => None,
    }
}

/// The fields of an object that are no columns.
pub(crate) fn left_out(describe: &Describe) -> Vec<LeftOut> {
    let left_out = |field: &Field| {
        let reason = reason(&describe.name, field)?;
        Some(LeftOut { name: field.name.clone(), reason })
    };
    describe.fields.iter().filter_map(left_out).collect()
}

/// One text for each reason, with the names of the fields.
pub(crate) fn by_reason<'f>(fields: impl IntoIterator<Item = &'f LeftOut>) -> Vec<String> {
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for LeftOut { name, reason } in fields {
        match reasons.iter_mut().find(|(known, _)| known == reason) {
            Some((_, names)) => names.push(name),
            None => reasons.push((reason, vec![name])),
        }
    }
    reasons.into_iter().map(|(reason, names)| format!("{}: {reason}", names.join(", "))).collect()
}
