//! Where the columns of a batch are in the results of its job.

use crate::convert::{Columns, write_row};
use salesforce::ResultRow;

/// The column of the id that a row has in Salesforce.
pub(super) const ID: &str = "sf__Id";
/// The column that says whether the record was created.
const CREATED: &str = "sf__Created";
/// The column of the errors of a row.
pub(super) const ERROR: &str = "sf__Error";

/// The position of each column. Salesforce names the columns, and may change their order.
pub(super) struct ResultLayout {
    id: Option<usize>,
    created: Option<usize>,
    error: Option<usize>,
    columns: Vec<Option<usize>>,
}

impl ResultLayout {
    /// The layout of results with this header. An empty header means that there are not rows.
    ///
    /// # Errors
    /// The name of a missing column: one of the batch, or one of `added`, which Salesforce adds.
    pub(super) fn new(header: &[String], columns: &Columns, added: &[&str]) -> Result<Self, String> {
        let position = |name: &str| header.iter().position(|header| header.eq_ignore_ascii_case(name));
        let mut names = columns.iter().map(|column| column.header()).chain(added.iter().copied());
        match names.find(|name| position(name).is_none()) {
            Some(missing) if !header.is_empty() => Err(missing.to_owned()),
            _ => Ok(Self {
                id: position(ID),
                created: position(CREATED),
                error: position(ERROR),
                columns: columns.iter().map(|column| position(column.header())).collect(),
            }),
        }
    }

    pub(super) fn id<'r>(&self, row: &'r ResultRow) -> &'r str {
        self.id.map_or("", |position| row.get(position))
    }

    /// Whether the record of a row was created, if Salesforce says so.
    pub(super) fn is_created(&self, row: &ResultRow) -> Option<bool> {
        let text = row.get(self.created?);
        let is = |word: &str| text.eq_ignore_ascii_case(word);
        (is("true") || is("false")).then(|| is("true"))
    }

    pub(super) fn error<'r>(&self, row: &'r ResultRow) -> &'r str {
        self.error.map_or("", |position| row.get(position))
    }

    /// The cell of one of the batch's columns.
    pub(super) fn cell<'r>(&self, row: &'r ResultRow, column: usize) -> &'r str {
        self.columns.get(column).copied().flatten().map_or("", |position| row.get(position))
    }

    /// The cells in the order of the batch's columns.
    pub(super) fn cells<'r>(&'r self, row: &'r ResultRow) -> impl Iterator<Item = &'r str> {
        self.columns.iter().map(|position| position.map_or("", |position| row.get(position)))
    }

    /// The CSV of the uploaded row.
    pub(super) fn csv(&self, row: &ResultRow) -> Vec<u8> {
        let mut csv = Vec::new();
        write_row(&mut csv, self.cells(row));
        csv
    }
}
