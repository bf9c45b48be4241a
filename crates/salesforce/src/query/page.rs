//! A page of a query, and the place from which the next one is read.

use std::sync::Arc;

use super::held::HeldPage;
use crate::results::ResultRow;

/// A record that a query found. Its debug output leaves the values out.
#[derive(Debug)]
pub struct QueryRow {
    columns: Arc<[String]>,
    pub(super) cells: ResultRow,
}

impl QueryRow {
    pub(super) fn new(columns: Arc<[String]>) -> Self {
        Self { columns, cells: ResultRow::default() }
    }

    /// The value of a field, by its path as in the query; case does not matter. None if it is null, which includes an
    /// empty text: Salesforce stores none.
    ///
    /// It is Salesforce's own text. That of a point in time depends on the call (`...05.000+0000` from REST, `...05.000Z`
    /// from a query job), and that of a number may be `12.0` or `1.2E7`, so compare the values and not the texts of
    /// these. All other texts are the same from both calls.
    pub fn get(&self, column: &str) -> Option<&str> {
        let at = self.columns.iter().position(|name| name.eq_ignore_ascii_case(column))?;
        self.at(at)
    }

    /// The value of a field, by its place in the query. None if it is null.
    pub fn at(&self, place: usize) -> Option<&str> {
        Some(self.cells.get(place)).filter(|cell| !cell.is_empty())
    }
}

/// Where reading goes on, also in another run of the program: it can be kept in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PagePoint {
    /// The locator of the next page, which means nothing to anyone but Salesforce.
    pub locator: String,
    /// The rows of all pages before it.
    pub rows: u64,
}

/// A page that was read as a whole: it has as many rows as Salesforce says.
#[derive(Debug)]
pub struct QueryPage {
    held: HeldPage,
    row: QueryRow,
    next: Option<PagePoint>,
}

impl QueryPage {
    pub(super) fn new(held: HeldPage, columns: &Arc<[String]>, next: Option<PagePoint>) -> Self {
        Self { held, row: QueryRow::new(Arc::clone(columns)), next }
    }

    /// The number of rows, those that are read already included.
    pub fn rows(&self) -> u64 {
        self.held.rows()
    }

    /// The bytes held.
    pub fn size(&self) -> usize {
        self.held.size()
    }

    /// The next row, or none after the last one. A reader counts them: there are [`rows`](Self::rows), unless there is no
    /// memory to unpack one.
    pub fn next_row(&mut self) -> Option<&QueryRow> {
        self.held.read(&mut self.row.cells).then_some(&self.row)
    }

    /// Where reading goes on after this page; none if it is the last.
    pub fn point(&self) -> Option<&PagePoint> {
        self.next.as_ref()
    }
}
