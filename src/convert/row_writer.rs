//! Writes a row whose cells may arrive in any order.

use std::ops::Range;

use super::csv;

/// Writes rows, one after the other, from cells in any order.
#[derive(Debug, Default)]
pub(super) struct RowWriter {
    /// The row, once it has ended. Before that, its cells in the order of their arrival. As long as that is the order
    /// of the columns, the commas are written too, so that the cells need no second copy.
    bytes: Vec<u8>,
    /// The range of each column's cell in `bytes`.
    cells: Vec<Range<usize>>,
    is_in_order: bool,
    /// The first column that may follow in order.
    next: usize,
    /// How many commas have been written.
    commas: usize,
    /// The row, if its cells arrived out of order.
    assembled: Vec<u8>,
}

impl RowWriter {
    /// Writes rows of `width` cells from now on.
    pub(super) fn set_width(&mut self, width: usize) {
        self.cells = vec![0..0; width];
    }

    /// Begins a row.
    pub(super) fn begin(&mut self) {
        self.bytes.clear();
        self.cells.fill(0..0);
        (self.is_in_order, self.next, self.commas) = (true, 0, 0);
    }

    /// Writes the cell of a column. If a column has several, the last one counts.
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

    /// The cell of a column, as it is written. Only before the row has ended.
    pub(super) fn cell(&self, column: usize) -> &[u8] {
        &self.bytes[self.cells[column].clone()]
    }

    /// Ends the row and returns it with its line end.
    pub(super) fn end(&mut self) -> &[u8] {
        if self.is_in_order {
            self.commas_up_to(self.cells.len().saturating_sub(1));
        } else {
            self.assemble();
        }
        csv::end_row(&mut self.bytes, 0);
        &self.bytes
    }

    /// The last row that has ended.
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
