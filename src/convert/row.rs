//! The row that is being written.

use std::hash::{BuildHasher, Hasher};
use std::ops::Range;

use super::csv;

/// Writes the cells of one row after the other, in whatever order they come.
#[derive(Debug, Default)]
pub(super) struct RowWriter {
    /// The row, once it has ended. Before that, its cells as they came: with the commas between them as long as they came
    /// in the order of the columns, which spares them a second copy.
    bytes: Vec<u8>,
    /// Where the cell of each column stands in `bytes`.
    cells: Vec<Range<usize>>,
    is_in_order: bool,
    /// The column that comes next in order.
    next: usize,
    /// How many commas have been written.
    commas: usize,
    /// The row put together from cells that came out of order.
    assembled: Vec<u8>,
}

impl RowWriter {
    /// Writes rows of so many cells from now on.
    pub(super) fn set_width(&mut self, width: usize) {
        self.cells = vec![0..0; width];
    }

    /// Begins a row.
    pub(super) fn begin(&mut self) {
        self.bytes.clear();
        self.cells.fill(0..0);
        (self.is_in_order, self.next, self.commas) = (true, 0, 0);
    }

    /// Writes the cell of a column; of several, the last one counts.
    #[inline(always)]
    pub(super) fn put(&mut self, column: usize, text: &str, needs_quotes: bool) {
        if self.is_in_order && column >= self.next {
            self.commas_up_to(column);
            self.next = column + 1;
        } else {
            self.is_in_order = false;
        }
        let start = self.bytes.len();
        csv::write_cell(&mut self.bytes, text, needs_quotes);
        self.cells[column] = start..self.bytes.len();
    }

    /// Ends the row, and tells it with its line end.
    pub(super) fn end(&mut self) -> &[u8] {
        if self.is_in_order {
            self.commas_up_to(self.cells.len().saturating_sub(1));
        } else {
            self.assemble();
        }
        csv::end_row(&mut self.bytes, 0);
        &self.bytes
    }

    /// The row that has ended last.
    pub(super) fn row(&self) -> &[u8] {
        &self.bytes
    }

    fn commas_up_to(&mut self, column: usize) {
        while self.commas < column {
            self.bytes.push(b',');
            self.commas += 1;
        }
    }

    fn assemble(&mut self) {
        self.assembled.clear();
        for (index, cell) in self.cells.iter().enumerate() {
            if index > 0 {
                self.assembled.push(b',');
            }
            self.assembled.extend_from_slice(&self.bytes[cell.clone()]);
        }
        std::mem::swap(&mut self.bytes, &mut self.assembled);
    }
}

/// Finds a row again among those that Salesforce gives back, when they are written as CSV anew: equal cells make equal
/// bytes.
pub fn row_hash(csv: &[u8]) -> u32 {
    let mut hasher = foldhash::quality::FixedState::default().build_hasher();
    hasher.write(csv);
    #[expect(clippy::cast_possible_truncation, reason = "half of the bits tell rows apart well enough")]
    {
        hasher.finish() as u32
    }
}
