//! Source columns: the values of a record by their names.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Airbyte adds columns with this prefix to records from a cache. They are not the user's data.
const AIRBYTE_PREFIX: &str = "_airbyte_";

/// The path of a value in a record: a top-level column, or a member of a nested object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceColumn {
    parent: Option<String>,
    name: String,
}

impl SourceColumn {
    /// A top-level column.
    pub fn top(name: impl Into<String>) -> Self {
        Self { parent: None, name: name.into() }
    }

    /// A member of the nested object `parent`.
    pub fn nested(parent: impl Into<String>, name: impl Into<String>) -> Self {
        Self { parent: Some(parent.into()), name: name.into() }
    }

    /// The name of the nested object, if the column is in one.
    pub fn parent(&self) -> Option<&str> {
        self.parent.as_deref()
    }

    /// The name of the column in the record or in the nested object.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether Airbyte added the column.
    pub(crate) fn is_of_airbyte(&self) -> bool {
        is_of_airbyte(&self.name)
    }
}

/// Whether Airbyte adds columns of this name.
pub(super) fn is_of_airbyte(name: &str) -> bool {
    name.starts_with(AIRBYTE_PREFIX)
}

impl fmt::Display for SourceColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.parent {
            Some(parent) => write!(f, "{parent}.{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// The source columns of a record with their values as JSON texts, in their order. If a name is repeated, the last value
/// counts.
///
/// If a name is not Unicode, the whole record is returned as one value without a name, so that nothing is lost.
pub fn source_columns(data: &RawValue) -> Vec<(String, Box<RawValue>)> {
    match serde_json::from_str::<OrderedColumns>(data.get()) {
        Ok(columns) => columns.0,
        Err(_) => vec![(String::new(), data.to_owned())],
    }
}

struct OrderedColumns(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for OrderedColumns {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(OrderedColumnsVisitor)
    }
}

struct OrderedColumnsVisitor;

impl<'de> Visitor<'de> for OrderedColumnsVisitor {
    type Value = OrderedColumns;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<OrderedColumns, A::Error> {
        let mut columns: Vec<(String, Box<RawValue>)> = Vec::new();
        while let Some((name, value)) = map.next_entry::<String, Box<RawValue>>()? {
            match columns.iter_mut().find(|(earlier, _)| *earlier == name) {
                Some((_, earlier)) => *earlier = value,
                None => columns.push((name, value)),
            }
        }
        Ok(OrderedColumns(columns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn source_columns_keep_their_order_and_their_text() {
        for (data, expected) in [
            (r#"{"b":1.10,"a":[ 1 ],"b":null}"#, &[("b", "null"), ("a", "[ 1 ]")][..]),
            (r#"{"\ud800":1}"#, &[("", r#"{"\ud800":1}"#)]),
            ("{}", &[]),
        ] {
            let data = RawValue::from_string(data.to_owned()).unwrap();
            let columns = source_columns(&data);
            let shown: Vec<_> = columns.iter().map(|(name, value)| (name.as_str(), value.get())).collect();
            assert_eq!(shown, expected);
        }
    }
}
