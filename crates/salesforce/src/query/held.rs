//! The rows of one page.

use crate::results::ResultRow;

/// The rows of a page, held until each is read: a page that breaks off gives no row, so it is read again as a whole and
/// no row comes twice. No document says that two readings of a page have their rows in the same order.
#[derive(Debug, Default)]
pub(super) struct HeldPage {
    /// The number of cells in each row.
    width: usize,
    /// All cells, without separators.
    text: String,
    /// The end of each cell in `text`.
    ends: Vec<usize>,
    /// The number of cells that are read.
    read: usize,
}

impl HeldPage {
    /// A page of rows of `width` cells.
    pub(super) fn new(width: usize) -> Self {
        Self { width, ..Self::default() }
    }

    /// Adds a cell; empty for null. A row is complete with its last cell.
    pub(super) fn push(&mut self, cell: &str) {
        self.text.push_str(cell);
        self.ends.push(self.text.len());
    }

    /// The number of rows.
    pub(super) fn rows(&self) -> u64 {
        self.ends.len().checked_div(self.width).unwrap_or_default() as u64
    }

    /// Reads the next row into `row`. Returns whether there is one.
    pub(super) fn read(&mut self, row: &mut ResultRow) -> bool {
        if self.width == 0 || self.read + self.width > self.ends.len() {
            return false;
        }
        let mut start = self.read.checked_sub(1).map_or(0, |before| self.ends[before]);
        row.clear();
        for end in &self.ends[self.read..self.read + self.width] {
            row.push(&self.text[start..*end]);
            start = *end;
        }
        self.read += self.width;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_in_their_order() {
        let mut page = HeldPage::new(2);
        ["a", "", "", "Zoë"].into_iter().for_each(|cell| page.push(cell));
        assert_eq!(page.rows(), 2);
        let mut row = ResultRow::default();
        let mut read = Vec::new();
        while page.read(&mut row) {
            read.push(row.iter().map(str::to_owned).collect::<Vec<_>>());
        }
        assert_eq!(read, [["a", ""], ["", "Zoë"]]);
        assert!(!page.read(&mut row) && !HeldPage::default().read(&mut row));
    }
}
