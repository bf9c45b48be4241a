//! Source columns: the values of a record by their names.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use connector::deletion_mark::DELETION_MARK;

/// Columns with these prefixes are not the user's data: Airbyte adds the first to records from a cache, and its sources
/// add the second. Some warehouses keep names in capitals.
const PLATFORM_PREFIXES: [&str; 2] = ["_airbyte_", "_ab_"];

/// The path of a value in a record: a top-level column, or a member of a nested object.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
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

    /// The path for a person to read. A long one is cut: otherwise any text of a source could be in the log.
    pub(crate) fn shown(&self) -> String {
        const LONGEST: usize = 200;
        let path = self.to_string();
        match path.char_indices().nth(LONGEST) {
            Some((end, _)) => format!("{}...", &path[..end]),
            None => path,
        }
    }

    /// The length of the path in bytes, or a little less.
    pub(crate) fn length(&self) -> usize {
        self.parent.as_ref().map_or(0, String::len) + self.name.len()
    }

    /// Whether the platform or one of its sources added the column.
    pub(crate) fn is_of_platform(&self) -> bool {
        let begins_with = |prefix: &str| {
            self.name.get(..prefix.len()).is_some_and(|beginning| beginning.eq_ignore_ascii_case(prefix))
        };
        PLATFORM_PREFIXES.into_iter().any(begins_with)
    }

    /// Whether a value in the column says that the source has deleted the record.
    pub(crate) fn is_deletion_mark(&self) -> bool {
        self.parent.is_none() && self.name.eq_ignore_ascii_case(DELETION_MARK)
    }
}

impl fmt::Display for SourceColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.parent {
            Some(parent) => write!(f, "{parent}.{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// The source columns of a record with their values as JSON texts, in their order. If a name is repeated, the last
/// value counts.
///
/// If a name is not Unicode, the whole record is returned as one value without a name, so that nothing is lost.
pub fn source_columns(data: &RawValue) -> Vec<(String, Box<RawValue>)> {
    match serde_json::from_str::<OrderedColumns>(data.get()) {
        Ok(columns) => columns.0,
        Err(_) => vec![(String::new(), data.to_owned())],
    }
}

/// The record with these values, as a JSON object.
pub(crate) fn json_object(record: Vec<(String, Box<RawValue>)>) -> Box<RawValue> {
    let name = |name| serde_json::Value::String(name).to_string();
    let members: Vec<String> = record.into_iter().map(|(it, value)| format!("{}:{value}", name(it))).collect();
    RawValue::from_string(format!("{{{}}}", members.join(","))).unwrap_or_else(|_| RawValue::NULL.to_owned())
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
    fn columns_of_the_platform_are_known_by_their_prefix() {
        for (name, of_platform, deletion_mark) in [
            ("_airbyte_raw_id", true, false),
            ("_AB_CDC_LSN", true, false),
            ("_ab_cdc_deleted_at", true, true),
            ("_AB_CDC_DELETED_AT", true, true),
            ("_airbyte_", true, false),
            ("_ab_", true, false),
            ("_Airbyte_Meta", true, false),
            ("_abc", false, false),
            ("_airbytes", false, false),
            ("_air_temperature", false, false),
            ("_id", false, false),
            ("airbyte_id", false, false),
            ("_", false, false),
            ("_ab_cdc_deleted", true, false),
            ("_ab_cdc_deleted_at_", true, false),
            ("ab_cdc_deleted_at", false, false),
            ("_aé_", false, false),
        ] {
            let column = SourceColumn::top(name);
            assert_eq!((column.is_of_platform(), column.is_deletion_mark()), (of_platform, deletion_mark), "{name}");
        }
        assert!(!SourceColumn::nested("a", DELETION_MARK).is_deletion_mark());
    }

    #[test]
    fn a_long_name_is_shown_in_part() {
        assert_eq!(SourceColumn::nested("a", "b").shown(), "a.b");
        assert_eq!(SourceColumn::top("é".repeat(200)).shown(), "é".repeat(200));
        assert_eq!(SourceColumn::top("é".repeat(201)).shown(), format!("{}...", "é".repeat(200)));
    }

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
