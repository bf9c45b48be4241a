//! The values by which a person knows a record that was written.

use std::sync::Arc;

use serde_json::value::RawValue;

use super::result_layout::ResultLayout;
use crate::convert::{Column, Columns, RowTypes, restore};
use salesforce::ResultRow;

/// The values of some columns of the results, under their source names and with their JSON types.
pub(super) struct KeyValues {
    positions: Vec<usize>,
    columns: Columns,
    /// The types of the last row, and those of the columns.
    types: Option<(Arc<RowTypes>, RowTypes)>,
}

impl KeyValues {
    /// The values of the columns at these positions.
    pub(super) fn new(positions: Vec<usize>, columns: &Columns) -> Self {
        let chosen = positions.iter().map(|position| columns[*position].clone()).collect();
        Self { positions, columns: Columns::new(chosen, None), types: None }
    }

    pub(super) fn columns(&self) -> &Columns {
        &self.columns
    }

    /// The values of a row of the results, whose values had these types.
    pub(super) fn of_row(
        &mut self,
        layout: &ResultLayout,
        row: &ResultRow,
        types: Option<&Arc<RowTypes>>,
    ) -> Vec<(String, Box<RawValue>)> {
        // Nearly all rows have the same types.
        if let Some(types) = types
            && self.types.as_ref().is_none_or(|(of_row, _)| !Arc::ptr_eq(of_row, types))
        {
            self.types = Some((Arc::clone(types), types.of_columns(self.positions.iter().copied().map(Some))));
        }
        let types = self.types.as_ref().map(|(_, types)| types);
        let cells = self.positions.iter().map(|position| layout.cell(row, *position));
        restore(&self.columns, cells, types)
    }
}

/// The names under which the source has these columns, each once: that of the object for a member of a nested one.
pub(super) fn names<'c>(columns: impl Iterator<Item = &'c Column>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for column in columns {
        let name = column.source().parent().unwrap_or(column.source().name());
        if !names.iter().any(|other| other == name) {
            names.push(name.to_owned());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convert::{Kind, SourceColumn};
    use airbyte::JsonTypes;

    #[test]
    fn a_nested_object_is_named_once_for_all_its_members() {
        let column = |source| Column::new(source, "F__c", Kind::Text { longest: None }, JsonTypes::default());
        let columns = [
            column(SourceColumn::top("id")),
            column(SourceColumn::nested("owner", "id")),
            column(SourceColumn::nested("owner", "mail")),
            column(SourceColumn::top("mail")),
            column(SourceColumn::top("id")),
        ];
        assert_eq!(names(columns.iter()), ["id", "owner", "mail"]);
    }
}
