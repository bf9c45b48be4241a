//! By which of its values a person knows a record that was written.

use crate::convert::{Columns, SourceColumn};

/// What names the records of a stream in its source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SourceKey {
    /// The primary key of the stream.
    primary_key: Vec<SourceColumn>,
    /// The external ids of the object.
    external_ids: Vec<String>,
}

/// The positions of columns that name the records of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NamingColumns {
    /// For a row that is one record.
    pub(crate) of_record: Vec<usize>,
    /// For a row that several records became: the values that they have in common. The others may be of any of them.
    pub(crate) of_merged: Vec<usize>,
}

impl SourceKey {
    /// `primary_key` has the paths of its columns, as the catalog gives them.
    pub(super) fn new(primary_key: &[Vec<String>], external_ids: Vec<String>) -> Self {
        let column = |path: &Vec<String>| match &**path {
            [name] => Some(SourceColumn::top(name)),
            [object, name] => Some(SourceColumn::nested(object, name)),
            _ => None,
        };
        // A part of a key would name several records.
        let primary_key = primary_key.iter().map(column).collect::<Option<_>>().unwrap_or_default();
        Self { primary_key, external_ids }
    }

    /// The columns of the primary key that are not among `columns`.
    pub(crate) fn missing_in(&self, columns: &Columns) -> impl Iterator<Item = &SourceColumn> {
        self.primary_key.iter().filter(|source| !has(columns, source))
    }

    /// The columns that name the records of a batch with these columns: the primary key and what its operation goes by;
    /// without either, the external ids; without these, all columns. `kept` are columns that the batch has not, and
    /// whose values are known by the ids of its rows.
    pub(crate) fn columns(&self, columns: &Columns, kept: Option<&Columns>) -> NamingColumns {
        let positions = |names: &dyn Fn(usize) -> bool| (0..columns.len()).filter(|column| names(*column)).collect();
        let is_clearing = |column: usize| columns[column].clears();
        let is_whole = |source: &SourceColumn| has(columns, source) || kept.is_some_and(|kept| has(kept, source));
        let primary_key = if self.primary_key.iter().all(is_whole) { &*self.primary_key } else { &[] };
        let is_in_primary_key =
            |column: usize| !is_clearing(column) && primary_key.iter().any(|source| columns[column].source() == source);
        // The id of a row whose key is kept is not from the source.
        let merged_by = if kept.is_some() { &[] } else { columns.merging_columns() };
        let is_of_operation = |column: usize| merged_by.iter().any(|(other, _)| *other == column);
        let of_merged: Vec<usize> = positions(&is_of_operation);
        let of_record: Vec<usize> = positions(&|column| is_in_primary_key(column) || is_of_operation(column));
        if !of_record.is_empty() || kept.is_some() {
            return NamingColumns { of_record, of_merged };
        }
        let is_external_id = |column: usize| self.external_ids.iter().any(|field| columns[column].is_named(field));
        let external_ids: Vec<usize> = positions(&is_external_id);
        let of_record = if external_ids.is_empty() { positions(&|column| !is_clearing(column)) } else { external_ids };
        NamingColumns { of_record, of_merged }
    }
}

fn has(columns: &Columns, source: &SourceColumn) -> bool {
    columns.iter().any(|column| !column.clears() && column.source() == source)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convert::{Column, Key, KeyComparison, Kind};
    use airbyte::JsonTypes;

    fn column(source: SourceColumn, header: &str) -> Column {
        Column::new(source, header, Kind::Text { longest: None }, JsonTypes::default())
    }

    fn top(name: &str, header: &str) -> Column {
        column(SourceColumn::top(name), header)
    }

    fn named(columns: &Columns, positions: &[usize]) -> String {
        positions.iter().map(|position| columns[*position].header()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_record_is_named_by_its_primary_key_and_by_what_its_operation_goes_by() {
        let path = |path: &[&str]| path.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let columns = || {
            let nested = column(SourceColumn::nested("account", "code"), "Account.Code__c");
            vec![top("id", "Source_Id__c"), top("mail", "Email"), nested, top("key", "Key__c"), top("name", "LastName")]
        };
        let by = |field: &str| Key { field: field.to_owned(), comparison: KeyComparison::Id };
        let (none, email) = (None, Some(by("Email")));
        for (primary_key, key, external_ids, of_record, of_merged) in [
            (vec![path(&["id"])], &none, &[][..], "Source_Id__c", ""),
            (vec![path(&["id"])], &email, &["Key__c"], "Source_Id__c Email", "Email"),
            (vec![path(&["id"]), path(&["account", "code"])], &none, &[], "Source_Id__c Account.Code__c", ""),
            // A part of a key names no record.
            (vec![path(&["id"]), path(&["missing"])], &email, &[], "Email", "Email"),
            (vec![path(&["id"]), path(&["a", "b", "c"])], &none, &["KEY__c"], "Key__c", ""),
            (vec![path(&["missing"])], &none, &["Key__c"], "Key__c", ""),
            (vec![], &email, &["Key__c"], "Email", "Email"),
            (vec![], &none, &["Other__c"], "Source_Id__c Email Account.Code__c Key__c LastName", ""),
        ] {
            let columns = Columns::new(columns(), key.clone());
            let external_ids = external_ids.iter().map(|field| (*field).to_owned()).collect();
            let naming = SourceKey::new(&primary_key, external_ids).columns(&columns, None);
            let case = format!("{primary_key:?} {key:?}");
            assert_eq!(named(&columns, &naming.of_record), of_record, "{case}");
            assert_eq!(named(&columns, &naming.of_merged), of_merged, "{case}");
        }
    }

    /// Its value is always null.
    #[test]
    fn a_column_that_clears_a_reference_names_no_record() {
        let columns = Columns::new(vec![Column::clearing("account", "AccountId"), top("name", "LastName")], None);
        let key = SourceKey::new(&[vec!["account".to_owned()]], Vec::new());
        assert_eq!(key.missing_in(&columns).map(SourceColumn::shown).collect::<Vec<_>>(), ["account"]);
        assert_eq!(named(&columns, &key.columns(&columns, None).of_record), "LastName");
    }

    #[test]
    fn an_id_that_was_found_is_no_value_of_the_source() {
        let id = Key { field: "Id".to_owned(), comparison: KeyComparison::Id };
        let columns = Columns::new(vec![top("Id", "Id"), top("id", "Source_Id__c"), top("name", "LastName")], Some(id));
        let kept = Columns::new(vec![top("mail", "Email")], None);
        let named = |primary_key: &[&str]| {
            let primary_key: Vec<_> = primary_key.iter().map(|name| vec![(*name).to_owned()]).collect();
            let naming = SourceKey::new(&primary_key, vec!["Key__c".to_owned()]).columns(&columns, Some(&kept));
            assert!(naming.of_merged.is_empty());
            named(&columns, &naming.of_record)
        };
        assert_eq!(named(&["id", "mail"]), "Source_Id__c");
        assert_eq!(named(&["mail"]), "");
        assert_eq!(named(&["id", "missing"]), "");
        assert_eq!(named(&[]), "");
    }
}
