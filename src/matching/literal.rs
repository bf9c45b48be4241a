//! The values of keys in a query.

use super::plan::{KeyField, ValueType};
use salesforce::Literal;

/// A value as a query compares it with the field. `None` if no record can have it: Salesforce would refuse the whole
/// query.
pub(super) fn literal(field: &KeyField, value: &str) -> Option<Literal> {
    let canonical = field.comparison.canonical(value)?;
    match field.value_type {
        ValueType::Text => {
            let longest = field.longest.unwrap_or(Literal::LONGEST_TEXT).min(Literal::LONGEST_TEXT);
            (canonical.encode_utf16().count() <= longest).then(|| Literal::text(&canonical))
        }
        ValueType::Id => Literal::id(&canonical),
        ValueType::Number => Literal::number(&canonical),
        ValueType::Boolean => canonical.parse().ok().map(Literal::boolean),
        ValueType::Date => Literal::date(&canonical),
        ValueType::Moment => Literal::datetime(&canonical),
    }
}
