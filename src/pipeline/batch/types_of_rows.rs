//! The JSON types of the rows of a batch.

use std::collections::HashMap;
use std::sync::Arc;

use crate::convert::{RowTypes, row_hash};

/// Which types the values of each row had. Nearly all rows of a batch have the same ones, so only the others are listed.
#[derive(Debug, Clone, Default)]
pub(super) struct TypesOfRows {
    usual: Option<Arc<RowTypes>>,
    /// By the hash of the row.
    others: HashMap<u64, Arc<RowTypes>>,
    bytes: usize,
}

impl TypesOfRows {
    /// Adds a row.
    pub(super) fn add(&mut self, csv: &[u8], types: &Arc<RowTypes>) {
        match &self.usual {
            Some(usual) if Arc::ptr_eq(usual, types) || types.are_within(usual) => {}
            Some(usual) if !usual.are_within(types) => {
                if self.others.insert(row_hash(csv), Arc::clone(types)).is_none() {
                    // Rows often share their types, and then it is less.
                    self.bytes += types.size();
                }
            }
            _ => self.usual = Some(Arc::clone(types)),
        }
    }

    /// The types of a row that was added.
    pub(super) fn of(&self, csv: &[u8]) -> Option<&Arc<RowTypes>> {
        let other = if self.others.is_empty() { None } else { self.others.get(&row_hash(csv)) };
        other.or(self.usual.as_ref())
    }

    /// The bytes held.
    pub(super) fn size(&self) -> usize {
        // A map has a byte of its own for each entry.
        self.others.capacity() * (size_of::<(u64, Arc<RowTypes>)>() + 1) + self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::NullHandling;
    use crate::convert::{Column, Columns, Converted, Converter, Kind, SourceColumn};
    use airbyte::JsonTypes;
    use airbyte::json::Cursor;

    #[test]
    fn only_rows_with_other_types_take_memory() {
        let column =
            |name: &str| Column::new(SourceColumn::top(name), name, Kind::Text { longest: None }, JsonTypes::default());
        let columns = Arc::new(Columns::new(vec![column("a"), column("b")], None));
        let mut converter = Converter::new(columns, NullHandling::Ignore);
        let mut types = TypesOfRows::default();
        let mut add = |json: &str| {
            assert!(matches!(converter.convert(&mut Cursor::new(json)), Ok(Converted::Row)));
            types.add(converter.row().csv, converter.row_types());
            (types.size(), types.others.len())
        };
        assert_eq!(add(r#"{"a":"0"}"#), (0, 0));
        for number in 0..1_000 {
            assert_eq!(add(&format!(r#"{{"a":"{number}","b":{number}}}"#)), (0, 0));
            assert_eq!(add(r#"{"a":null,"b":1}"#), (0, 0));
        }
        let (size, others) = add(r#"{"a":5,"b":1}"#);
        assert!(size > size_of::<(u64, Arc<RowTypes>)>() && others == 1);
        let json_of = |csv: &str| {
            let cells: Vec<&str> = csv.trim_end().split(',').collect();
            let record = crate::convert::restore(converter.columns(), cells, types.of(csv.as_bytes()).map(|it| &**it));
            record.into_iter().map(|(_, value)| value.get().to_owned()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(json_of("7,7\n"), r#""7" 7"#);
        assert_eq!(json_of("0,\n"), r#""0" null"#);
        assert_eq!(json_of("5,1\n"), "5 1");
    }
}
