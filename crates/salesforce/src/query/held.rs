//! The rows of one page.

use std::collections::VecDeque;

use memory::{PIECE_SIZE, PackedPiece};

use super::room::PageLease;
use crate::results::ResultRow;

/// The rows of a page, held until each is read: a page that breaks off gives no row, so it is read again as a whole and
/// no row comes twice. No document says that two readings of a page have their rows in the same order.
///
/// A row is the length of each cell, and then all texts. Rows follow one another in pieces of one size, so that a long
/// row takes no memory of its own. Pieces are packed while the page arrives, where their lease says so.
#[derive(Debug, Default)]
pub(super) struct HeldPage {
    /// The number of cells in each row.
    width: usize,
    rows: u64,
    /// The bytes of the rows before packing.
    unpacked: usize,
    /// The rows that are read.
    given: u64,
    pieces: VecDeque<PackedPiece>,
    /// The bytes of these pieces.
    sealed: usize,
    /// The last piece, which is not full.
    last: Vec<u8>,
    /// The piece that is read, and how much of it is.
    reading: Vec<u8>,
    at: usize,
    lengths: Vec<usize>,
    numbers: Vec<u8>,
    lease: PageLease,
}

/// A page that takes more memory than it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooLarge {
    /// The rows that were read.
    pub(super) rows: u64,
    /// The bytes that these take.
    pub(super) bytes: usize,
}

impl HeldPage {
    /// A page of rows of `width` cells.
    pub(super) fn new(width: usize, lease: PageLease) -> Self {
        Self { width, lease, ..Self::default() }
    }

    /// Adds a row; a cell is empty for null. `beside` is what reading the page takes beside its rows.
    pub(super) fn push<'c>(
        &mut self,
        cells: impl Iterator<Item = &'c str> + Clone,
        beside: usize,
    ) -> Result<(), TooLarge> {
        let mut numbers = std::mem::take(&mut self.numbers);
        numbers.clear();
        cells.clone().for_each(|cell| write_number(cell.len(), &mut numbers));
        self.write(&numbers);
        self.numbers = numbers;
        cells.for_each(|cell| self.write(cell.as_bytes()));
        self.rows += 1;
        let bytes = self.size();
        if self.lease.grow(bytes + beside) { Ok(()) } else { Err(TooLarge { rows: self.rows, bytes }) }
    }

    /// Ends the page: what reading it took is given back.
    pub(super) fn complete(&mut self) {
        self.lease.set(self.size());
    }

    /// The number of rows.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// Whether all rows were read.
    pub(super) fn is_read(&self) -> bool {
        self.given == self.rows
    }

    /// The bytes held.
    pub(super) fn size(&self) -> usize {
        self.sealed + self.last.capacity() + self.reading.capacity()
    }

    /// The bytes of all rows before packing.
    pub(super) fn unpacked(&self) -> usize {
        self.unpacked
    }

    /// Reads the next row into `row`, and frees what is read. Returns whether there is one. If there is none before all
    /// rows are read, there was no memory to unpack one.
    pub(super) fn read(&mut self, row: &mut ResultRow) -> bool {
        let is_read = !self.is_read() && self.read_row(row).is_some();
        self.given += u64::from(is_read);
        if !is_read {
            (self.last, self.reading) = (Vec::new(), Vec::new());
            self.lease.set(self.size());
        }
        is_read
    }

    fn read_row(&mut self, row: &mut ResultRow) -> Option<()> {
        let mut lengths = std::mem::take(&mut self.lengths);
        lengths.clear();
        for _ in 0..self.width {
            lengths.push(self.read_number()?);
        }
        let length: usize = lengths.iter().sum();
        let is_text = match self.reading.get(self.at..self.at + length) {
            Some(text) => {
                self.at += length;
                row.set(text, &lengths)
            }
            None => row.set(&self.read_bytes(length)?, &lengths),
        };
        self.lengths = lengths;
        is_text.then_some(())
    }

    /// Reads bytes that are in several pieces.
    fn read_bytes(&mut self, length: usize) -> Option<Vec<u8>> {
        let mut bytes = Vec::with_capacity(length);
        while bytes.len() < length {
            self.advance()?;
            let end = self.reading.len().min(self.at + length - bytes.len());
            bytes.extend_from_slice(&self.reading[self.at..end]);
            self.at = end;
        }
        Some(bytes)
    }

    fn read_number(&mut self) -> Option<usize> {
        let (mut number, mut shift) = (0_usize, 0);
        loop {
            self.advance()?;
            let byte = self.reading[self.at];
            self.at += 1;
            number |= usize::from(byte & 0x7F).checked_shl(shift)?;
            shift += 7;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
    }

    /// Goes to the next piece if the present one is read.
    fn advance(&mut self) -> Option<()> {
        while self.at >= self.reading.len() {
            let next = match self.pieces.pop_front() {
                Some(piece) => {
                    self.sealed -= piece.size();
                    let length = piece.length();
                    Some(piece.into_unpacked()).filter(|piece| piece.len() == length)
                }
                None => Some(std::mem::take(&mut self.last)).filter(|last| !last.is_empty()),
            };
            (self.reading, self.at) = (next?, 0);
            self.lease.set(self.size());
        }
        Some(())
    }

    fn write(&mut self, mut bytes: &[u8]) {
        self.unpacked += bytes.len();
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(PIECE_SIZE - self.last.len()));
            self.last.extend_from_slice(now);
            bytes = later;
            if self.last.len() == PIECE_SIZE {
                self.seal();
            }
        }
    }

    fn seal(&mut self) {
        let piece = if self.lease.packs(self.sealed + 2 * PIECE_SIZE) {
            let piece = PackedPiece::new(&self.last);
            self.last.clear();
            piece
        } else {
            PackedPiece::unpacked(std::mem::replace(&mut self.last, Vec::with_capacity(PIECE_SIZE)))
        };
        self.sealed += piece.size();
        self.pieces.push_back(piece);
    }
}

/// Writes a number in bytes of seven bits each, the lowest first. The eighth bit says that another one follows.
fn write_number(mut number: usize, bytes: &mut Vec<u8>) {
    while number > 0x7F {
        bytes.push((number & 0x7F) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use memory::Budget;

    use super::super::room::{PageSize, Room};
    use super::*;

    const MIB: usize = 1 << 20;

    fn push(page: &mut HeldPage, row: &[&str]) {
        page.push(row.iter().copied(), 0).unwrap();
    }

    fn read(page: &mut HeldPage) -> Vec<Vec<String>> {
        let (mut row, mut rows) = (ResultRow::default(), Vec::new());
        while page.read(&mut row) {
            rows.push(row.iter().map(str::to_owned).collect());
        }
        assert!(!page.read(&mut row) && page.is_read());
        rows
    }

    fn leased(budget: &Arc<Budget>) -> PageLease {
        Room::of(Arc::clone(budget)).try_lease(PageSize::new(10, 1)).unwrap()
    }

    #[test]
    fn rows_are_read_in_their_order() {
        let mut page = HeldPage::new(2, PageLease::default());
        [["a", ""], ["", "Zoë"], ["", ""]].iter().for_each(|row| push(&mut page, row));
        assert_eq!(page.rows(), 3);
        assert_eq!(read(&mut page), [["a", ""], ["", "Zoë"], ["", ""]]);
        assert!(read(&mut HeldPage::default()).is_empty());
    }

    /// A cell, its length and a letter of several bytes may be in two pieces.
    #[test]
    fn rows_of_any_length_come_out_as_they_went_in_packed_or_not() {
        let budget = Budget::new(64 * MIB);
        for lease in [PageLease::default(), leased(&budget)] {
            let lengths = [0, 1, 127, 128, 16_383, 16_384, PIECE_SIZE - 1, PIECE_SIZE, PIECE_SIZE + 1, 400_000];
            let cell = |number: usize| "ü東x".repeat(lengths[number % lengths.len()] / 3) + &number.to_string();
            let rows: Vec<Vec<String>> = (0..60).map(|row| vec![cell(row), String::new(), cell(row * 7)]).collect();
            let mut page = HeldPage::new(3, lease);
            rows.iter().for_each(|row| page.push(row.iter().map(String::as_str), 0).unwrap());
            page.complete();
            assert_eq!(page.rows(), 60);
            assert!(read(&mut page) == rows);
        }
        assert_eq!(budget.used(), 0);
    }

    /// The length of a cell is written in bytes of seven bits.
    #[test]
    fn a_cell_has_the_length_that_it_was_written_with_at_each_limit_of_a_byte() {
        for length in [0, 1, 127, 128, 129, 255, 256, 16_383, 16_384, 16_385, 2_097_151, 2_097_152] {
            let mut page = HeldPage::new(2, PageLease::default());
            push(&mut page, &[&"x".repeat(length), "y"]);
            let rows = read(&mut page);
            assert_eq!((rows.len(), rows[0][0].len(), &*rows[0][1]), (1, length, "y"), "{length}");
        }
    }

    #[test]
    fn a_page_without_a_budget_takes_little_more_than_its_text_and_gives_back_what_is_read() {
        let mut page = HeldPage::new(2, PageLease::default());
        let cell = |number: usize| format!("person-{number}@example.com");
        let mut text = 0;
        for number in 0..10_000 {
            let (first, long) = (cell(number), if number == 500 { "x".repeat(2 * PIECE_SIZE) } else { String::new() });
            text += first.len() + long.len();
            push(&mut page, &[first.as_str(), &long]);
        }
        assert_eq!(page.rows(), 10_000);
        assert!(page.size() < text + text / 4 + 2 * PIECE_SIZE, "{} of {text}", page.size());
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

    #[test]
    fn a_page_with_a_budget_is_packed_and_leases_what_it_takes() {
        let budget = Budget::new(64 * MIB);
        let mut page = HeldPage::new(1, leased(&budget));
        let asked = budget.used();
        for number in 0..100_000 {
            push(&mut page, &[&format!("person-{number}@example.com")]);
        }
        assert!(page.size() < MIB, "2.4 MB are packed: {}", page.size());
        assert!(asked > 0 && budget.used() == page.size().max(asked), "{}", budget.used());
        page.complete();
        assert_eq!(budget.used(), page.size());
        let mut row = ResultRow::default();
        for _ in 0..90_000 {
            assert!(page.read(&mut row));
            assert_eq!(budget.used(), page.size());
        }
        assert!(budget.used() < MIB / 3, "what is read is given back: {}", budget.used());
        drop(page);
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn a_page_that_takes_more_than_it_may_says_so() {
        let budget = Budget::new(MIB / 2);
        let _other = budget.try_lease_of(1_000);
        let mut page = HeldPage::new(1, leased(&budget));
        let noise = crate::stub_org::noise(1, 200_000);
        let too_large = (1..10).find_map(|_| page.push([noise.as_str()].into_iter(), 0).err()).unwrap();
        assert!(too_large.rows > 1 && too_large.bytes > MIB / 4, "{too_large:?}");
        drop(page);
        assert_eq!(budget.used(), 1_000, "and gives everything back");
        // What reading takes beside the rows counts too.
        let mut page = HeldPage::new(1, leased(&budget));
        assert!(page.push(["short"].into_iter(), 0).is_ok());
        let beside = MIB / 2;
        assert_eq!(page.push(["short"].into_iter(), beside).unwrap_err().rows, 2);
    }
}
