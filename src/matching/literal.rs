//! The values of keys in a query.

use super::plan::{KeyField, ValueType};
use salesforce::Literal;

/// A value as a query compares it with the field. `None` if a query cannot ask for it: Salesforce would refuse the whole
/// query. A text with line ends is asked for with those of both kinds, because the records of a browser have CR LF, and
/// those of a job have LF.
pub(super) fn literals(field: &KeyField, value: &str) -> Option<Vec<Literal>> {
    let canonical = field.comparison.canonical(value)?;
    let one = match field.value_type {
        ValueType::Text => {
            let longest = field.longest.unwrap_or(Literal::LONGEST_TEXT).min(Literal::LONGEST_TEXT);
            if canonical.encode_utf16().count() > longest {
                return None;
            }
            if canonical.contains('\n') {
                return Some([canonical.to_string(), canonical.replace('\n', "\r\n")].map(Literal::text).into());
            }
            Some(Literal::text(&canonical))
        }
        ValueType::Id => Literal::id(&canonical),
        ValueType::Number => Literal::number(&canonical),
        ValueType::Int => canonical.parse::<i32>().ok().and_then(|_| Literal::number(&canonical)),
        ValueType::Long => canonical.parse::<i64>().ok().and_then(|_| Literal::number(&canonical)),
        ValueType::Boolean => canonical.parse().ok().map(Literal::boolean),
        ValueType::Date => Literal::date(&canonical),
        ValueType::Moment => Literal::datetime(&canonical),
    };
    one.map(|literal| vec![literal])
}
