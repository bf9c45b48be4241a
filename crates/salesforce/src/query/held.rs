//! The rows of one page.

use std::collections::VecDeque;

use crate::results::ResultRow;

/// The bytes of text that are held together. A text that grows as a whole would take up to three times its room.
const PIECE_SIZE: usize = 64 * 1024;

/// The rows of a page, held until each is read: a page that breaks off gives no row, so it is read again as a whole and
/// no row comes twice. No document says that two readings of a page have their rows in the same order.
#[derive(Debug, Default)]
pub(super) struct HeldPage {
    /// The number of cells in each row.
    width: usize,
    rows: u64,
    pieces: VecDeque<Piece>,
    size: usize,
    /// What is read of the first piece: cells, and bytes of their text.
    read: usize,
    start: usize,
}

/// Cells that are held together. No row spans two pieces.
#[derive(Debug)]
struct Piece {
    /// All cells, without separators.
    text: String,
    /// The length of each cell.
    lengths: Vec<u32>,
}

impl Piece {
    fn new() -> Self {
        Self { text: String::with_capacity(PIECE_SIZE), lengths: Vec::with_capacity(PIECE_SIZE / 16) }
    }

    fn size(&self) -> usize {
        self.text.capacity() + self.lengths.capacity() * size_of::<u32>()
    }
}

impl HeldPage {
    /// A page of rows of `width` cells.
    pub(super) fn new(width: usize) -> Self {
        Self { width, ..Self::default() }
    }

    /// Adds a row; a cell is empty for null.
    pub(super) fn push<'c>(&mut self, cells: impl Iterator<Item = &'c str>) {
        let is_full = |piece: &Piece| piece.text.len() >= PIECE_SIZE || piece.lengths.len() >= PIECE_SIZE / 16;
        if self.pieces.back().is_none_or(is_full) {
            let piece = Piece::new();
            self.size += piece.size();
            self.pieces.push_back(piece);
        }
        let Some(last) = self.pieces.back_mut() else { return };
        let before = last.size();
        for cell in cells {
            // The longest text of a field has 131,072 characters.
            #[expect(clippy::cast_possible_truncation)]
            last.lengths.push(cell.len() as u32);
            last.text.push_str(cell);
        }
        self.size = self.size + last.size() - before;
        self.rows += 1;
    }

    /// The number of rows.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// The bytes held.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// Reads the next row into `row`, and frees what is read. Returns whether there is one.
    pub(super) fn read(&mut self, row: &mut ResultRow) -> bool {
        while let Some(first) = self.pieces.front() {
            if self.width > 0 && self.read + self.width <= first.lengths.len() {
                row.clear();
                for length in &first.lengths[self.read..self.read + self.width] {
                    let end = self.start + *length as usize;
                    row.push(&first.text[self.start..end]);
                    self.start = end;
                }
                self.read += self.width;
                return true;
            }
            self.size -= first.size();
            self.pieces.pop_front();
            (self.read, self.start) = (0, 0);
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_in_their_order() {
        let mut page = HeldPage::new(2);
        [["a", ""], ["", "Zoë"]].into_iter().for_each(|row| page.push(row.into_iter()));
        assert_eq!(page.rows(), 2);
        let mut row = ResultRow::default();
        let mut read = Vec::new();
        while page.read(&mut row) {
            read.push(row.iter().map(str::to_owned).collect::<Vec<_>>());
        }
        assert_eq!(read, [["a", ""], ["", "Zoë"]]);
        assert!(!page.read(&mut row) && !HeldPage::default().read(&mut row));
    }

    #[test]
    fn a_page_takes_little_more_than_its_text_and_gives_back_what_is_read() {
        let mut page = HeldPage::new(2);
        let cell = |number: usize| format!("person-{number}@example.com");
        let mut text = 0;
        for number in 0..10_000 {
            let (first, long) = (cell(number), if number == 500 { "x".repeat(2 * PIECE_SIZE) } else { String::new() });
            text += first.len() + long.len();
            page.push([first.as_str(), &long].into_iter());
        }
        assert_eq!(page.rows(), 10_000);
        assert!(page.size() < text * 2 + 4 * PIECE_SIZE, "{} of {text}", page.size());
        let (mut row, mut size) = (ResultRow::default(), page.size());
        for number in 0..10_000 {
            assert!(page.read(&mut row));
            assert_eq!(row.get(0), cell(number));
            assert!(page.size() <= size);
            size = page.size();
        }
        assert!(!page.read(&mut row));
        assert_eq!((page.size(), page.rows()), (0, 10_000));
    }
}
