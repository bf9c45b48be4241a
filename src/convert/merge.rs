//! Merges rows of one record, so that the record ends as if each row had been sent alone.

use std::sync::Arc;

use super::column::Columns;
use super::converter::RowKind;
use super::csv;
use super::key::KeyComparison;
use super::row_types::RowTypes;

/// A row with the JSON types of its values.
#[derive(Debug)]
pub struct TypedRow {
    /// The bytes of the row.
    pub csv: Vec<u8>,
    /// The types of its values.
    pub types: Arc<RowTypes>,
}

impl TypedRow {
    /// Merges a later row into this one, and returns whether it did: not if the keys of the rows do not certainly mean
    /// the same record, if nobody knows what a value of the later row does, or if the row would be longer than
    /// Salesforce accepts.
    pub fn merge(&mut self, later: &[u8], types: &Arc<RowTypes>, columns: &Columns) -> bool {
        let Some((csv, is_later)) = merge_rows(&self.csv, later, columns) else { return false };
        self.csv = csv;
        if !Arc::ptr_eq(&self.types, types) {
            self.types = Arc::new(self.types.merged(types, |column| is_later[columns.fields()[column]]));
        }
        true
    }
}

/// Whether two rows certainly mean the same record. The rows of a delete begin with the cells that name it.
pub fn are_of_one_record(one: (&[u8], RowKind), other: (&[u8], RowKind), columns: &Columns) -> bool {
    let naming = columns.naming_columns();
    let are_equal = |(position, (column, comparison)): (usize, &(usize, KeyComparison))| {
        let value_of = |(row, kind)| {
            let place = if kind == RowKind::Delete { position } else { *column };
            csv::raw_cells(row).nth(place).map(csv::text)
        };
        value_of(one).zip(value_of(other)).is_some_and(|(one, other)| comparison.are_equal(&one, &other))
    };
    !naming.is_empty() && naming.iter().enumerate().all(are_equal)
}

/// The row that has the effect of `earlier` and then `later`: the last value of each field that is not empty. An empty
/// cell leaves its field as it is, and a null that clears one is not empty.
///
/// Several columns may set one field: a reference and its relationship columns. Salesforce refuses a row with two of
/// them, so all of them come from the last row that has one.
///
/// Whether a cell of blanks only clears its field or leaves it as it is, no document says. So it is not merged over a
/// value: the rows go to two jobs, which is right either way.
///
/// Also says for each field whether its value is the later one. `None` if the rows cannot be merged.
fn merge_rows(earlier: &[u8], later: &[u8], columns: &Columns) -> Option<(Vec<u8>, Vec<bool>)> {
    let are_equal = |(column, comparison): &(usize, KeyComparison)| {
        let key_of = |row| csv::raw_cells(row).nth(*column).map(csv::text);
        Some(comparison.are_equal(&key_of(earlier)?, &key_of(later)?))
    };
    let keys = columns.merging_columns();
    if keys.is_empty() || !keys.iter().all(|key| are_equal(key) == Some(true)) {
        return None;
    }
    let fields = columns.fields();
    let mut is_later = vec![false; columns.len()];
    let mut is_kept = vec![false; columns.len()];
    for (cell, field) in csv::raw_cells(earlier).zip(fields) {
        is_kept[*field] |= !is_blank(cell);
    }
    for (cell, field) in csv::raw_cells(later).zip(fields) {
        if !cell.is_empty() && is_blank(cell) && is_kept[*field] {
            return None;
        }
        is_later[*field] |= !cell.is_empty();
    }
    let mut row = Vec::with_capacity(earlier.len().max(later.len()));
    for (column, (earlier, later)) in csv::raw_cells(earlier).zip(csv::raw_cells(later)).enumerate() {
        if column > 0 {
            row.push(b',');
        }
        row.extend_from_slice(if is_later[fields[column]] { later } else { earlier });
    }
    csv::end_row(&mut row, 0);
    (!csv::is_too_long(&row)).then_some((row, is_later))
}

/// Whether a cell is empty or has only blanks.
fn is_blank(cell: &[u8]) -> bool {
    csv::text(cell).chars().all(char::is_whitespace)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::NullHandling;
    use crate::convert::{Column, Converted, Converter, Key, KeyComparison, Kind, SourceColumn, restore, write_row};
    use airbyte::JsonTypes;
    use airbyte::json::Cursor;

    fn columns() -> Columns {
        let column = |header: &str| {
            let kind = Kind::Text { longest: None };
            Column::new(SourceColumn::top(header), header, kind, JsonTypes::default())
        };
        let columns = vec![
            column("Name"),
            column("Key__c"),
            column("AccountId"),
            column("Account.External_Id__c").of_reference("AccountId"),
            column("Account.Legacy_Key__c").of_reference("accountid"),
            column("Phone"),
        ];
        Columns::new(columns, Some(Key { field: "Key__c".to_owned(), comparison: KeyComparison::IgnoreCase }))
    }

    fn row(cells: &[&str]) -> Vec<u8> {
        let mut csv = Vec::new();
        write_row(&mut csv, cells.iter().copied());
        csv
    }

    #[test]
    fn the_last_value_of_each_field_counts() {
        for (earlier, later, expected) in [
            (["Ann", "k", "", "", "", "1"], ["", "K ", "", "", "", ""], ["Ann", "K ", "", "", "", "1"]),
            (["Ann", "k", "", "", "", "1"], ["Bea", "k", "", "", "", "#N/A"], ["Bea", "k", "", "", "", "#N/A"]),
            (["Ann", "k", "", "", "", "#N/A"], ["", "k", "", "", "", "2"], ["Ann", "k", "", "", "", "2"]),
            (["a,\"b\"\nc", "k", "", "", "", ""], ["", "k", "", "", "", "x,y"], ["a,\"b\"\nc", "k", "", "", "", "x,y"]),
            // Columns of one reference.
            (["", "k", "001", "", "", ""], ["", "k", "", "A-1", "", ""], ["", "k", "", "A-1", "", ""]),
            (["", "k", "", "A-1", "", ""], ["", "k", "", "", "L-1", ""], ["", "k", "", "", "L-1", ""]),
            (["", "k", "", "A-1", "", ""], ["", "k", "#N/A", "", "", ""], ["", "k", "#N/A", "", "", ""]),
            (["", "k", "", "A-1", "", ""], ["Bea", "k", "", "", "", ""], ["Bea", "k", "", "A-1", "", ""]),
        ] {
            let (merged, _) = merge_rows(&row(&earlier), &row(&later), &columns()).unwrap();
            assert_eq!(String::from_utf8(merged).unwrap(), String::from_utf8(row(&expected)).unwrap());
        }
    }

    #[test]
    fn rows_of_other_keys_are_not_merged() {
        let of_key = |key| row(&["", key, "", "", "", ""]);
        assert!(merge_rows(&of_key("é"), &of_key("É"), &columns()).is_none(), "perhaps one record");
        assert!(merge_rows(&of_key("a"), &of_key("b"), &columns()).is_none());
    }

    #[test]
    fn blanks_are_not_merged_over_a_value() {
        for blank in [" ", "   ", "\t", "\n", "\u{a0}"] {
            for (earlier, later, is_merged) in [
                (["Ann", "k", "", "", "", ""], [blank, "k", "", "", "", ""], false),
                (["#N/A", "k", "", "", "", ""], [blank, "k", "", "", "", ""], false),
                (["", "k", "", "A-1", "", ""], ["", "k", blank, "", "", ""], false),
                (["", "k", "", "", "", ""], [blank, "k", "", "", "", ""], true),
                ([blank, "k", "", "", "", ""], [" ", "k", "", "", "", ""], true),
                ([blank, "k", "", "", "", ""], ["Ann", "k", "", "", "", ""], true),
            ] {
                assert_eq!(merge_rows(&row(&earlier), &row(&later), &columns()).is_some(), is_merged, "{later:?}");
            }
        }
    }

    #[test]
    fn a_row_that_would_be_too_long_is_not_merged() {
        let long = "ü".repeat(200_000);
        let (first, second) = (row(&[&long, "k", "", "", "", ""]), row(&["", "k", "", "", "", &long]));
        assert!(merge_rows(&first, &second, &columns()).is_none());
        assert!(merge_rows(&first, &row(&[&long, "k", "", "", "", "x"]), &columns()).is_some());
    }

    #[test]
    fn rows_of_records_that_several_fields_name_are_merged_only_if_all_are_equal() {
        let key = |field: &str| Key { field: field.to_owned(), comparison: KeyComparison::IgnoreCase };
        let columns = columns().merged_by([key("Key__c"), key("Phone")]);
        let first = row(&["Ann", "k", "", "", "", "1"]);
        for (later, is_merged) in [
            (["Bea", "K", "", "", "", "1 "], true),
            (["Bea", "k", "", "", "", "2"], false),
            (["Bea", "l", "", "", "", "1"], false),
        ] {
            assert_eq!(merge_rows(&first, &row(&later), &columns).is_some(), is_merged, "{later:?}");
        }
        let none = columns.merged_by([]);
        assert!(merge_rows(&first, &first, &none).is_none(), "nothing says that they are of one record");
    }

    #[test]
    fn a_delete_and_a_row_are_of_one_record_if_the_cells_that_name_it_are_equal() {
        use RowKind::{Delete, Write};
        let columns = columns();
        let (living, other) = (row(&["k", "x", "", "", "", ""]), row(&["x", "k", "", "", "", ""]));
        let (gone, again) = (row(&["K", "{\"gone\":1}"]), row(&["k ", "{\"gone\":2}"]));
        for (one, two, expected) in [
            ((&living, Write), (&other, Write), false),
            ((&other, Write), (&gone, Delete), true),
            ((&gone, Delete), (&other, Write), true),
            ((&living, Write), (&gone, Delete), false),
            ((&gone, Delete), (&again, Delete), true),
        ] {
            let are_one = are_of_one_record((one.0, one.1), (two.0, two.1), &columns);
            assert_eq!(are_one, expected, "{one:?} {two:?}");
        }
        assert!(!are_of_one_record((&other, Write), (&other, Write), &columns.merged_by([])));
    }

    /// A row that deletes has the fields in the order in which they were chosen.
    #[test]
    fn rows_that_several_fields_name_are_of_one_record_if_all_of_these_are_equal() {
        use RowKind::{Delete, Write};
        let key = |field: &str| Key { field: field.to_owned(), comparison: KeyComparison::IgnoreCase };
        let columns = columns().found_by(vec![key("Phone"), key("Name")]);
        let living = row(&["Ann", "x", "", "", "", "1"]);
        for (cells, kind, expected) in [
            (&["ANN", "y", "", "", "", "1 "][..], Write, true),
            (&["Ann", "x", "", "", "", "2"], Write, false),
            (&["Bea", "x", "", "", "", "1"], Write, false),
            (&["1", "ann", "{\"gone\":1}"], Delete, true),
            (&["2", "Ann", "{\"gone\":1}"], Delete, false),
            (&["1", "Bea", "{\"gone\":1}"], Delete, false),
            (&["Ann", "1", "{\"gone\":1}"], Delete, false),
        ] {
            let other = row(cells);
            assert_eq!(are_of_one_record((&living, Write), (&other, kind), &columns), expected, "{cells:?}");
            assert_eq!(are_of_one_record((&other, kind), (&living, Write), &columns), expected, "{cells:?}");
        }
    }

    /// A rejected row comes back as a record.
    #[test]
    fn each_value_of_a_merged_row_keeps_the_type_that_it_had_in_its_own_record() {
        let columns = Arc::new(columns());
        let typed = |json: &str| {
            let mut converter = Converter::new(Arc::clone(&columns), NullHandling::Ignore);
            assert!(matches!(converter.convert(&mut Cursor::new(json)), Ok(Converted::Row)), "{json}");
            TypedRow { csv: converter.row().csv.to_vec(), types: Arc::clone(converter.row_types()) }
        };
        let mut merged = typed(r#"{"Key__c":"k","Name":"1","Account.External_Id__c":5,"Phone":2}"#);
        let later = typed(r#"{"Key__c":"k","Name":3,"Account.External_Id__c":"7"}"#);
        assert!(merged.merge(&later.csv, &later.types, &columns));
        let cells = csv::cells(&merged.csv);
        let record = restore(&columns, cells.iter().map(String::as_str), Some(&merged.types));
        let shown: Vec<_> = record.iter().map(|(name, value)| (name.as_str(), value.get())).collect();
        assert_eq!(
            shown,
            [
                ("Name", "3"),
                ("Key__c", "\"k\""),
                ("AccountId", "null"),
                ("Account.External_Id__c", "\"7\""),
                ("Account.Legacy_Key__c", "null"),
                ("Phone", "2")
            ]
        );
        let unchanged = merged.csv.clone();
        let other = typed(r#"{"Key__c":"l","Name":"x"}"#);
        assert!(!merged.merge(&other.csv, &other.types, &columns));
        assert_eq!(merged.csv, unchanged);
    }
}
