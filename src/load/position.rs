//! A place in a file, and the way to it.

use flate2::Crc;
use serde::{Deserialize, Serialize};

/// A place between two rows of a file. Bytes are those of the file without its compression.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Position {
    /// The bytes before it.
    pub(crate) offset: u64,
    /// The line ends before it.
    pub(crate) lines: u64,
    /// The rows before it, without the header.
    pub(crate) rows: u64,
    /// A checksum of the bytes before it: a file that has changed there is another one.
    pub(crate) checksum: u32,
}

/// Follows the bytes that are read.
#[derive(Debug, Default)]
pub(super) struct Tracker {
    offset: u64,
    lines: u64,
    rows: u64,
    checksum: Crc,
}

impl Tracker {
    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.offset += bytes.len() as u64;
        self.lines += memchr::memchr_iter(b'\n', bytes).count() as u64;
        self.checksum.update(bytes);
    }

    pub(super) fn add_row(&mut self) {
        self.rows += 1;
    }

    /// Notes the rows of bytes that were not taken apart.
    pub(super) fn set_rows(&mut self, rows: u64) {
        self.rows = rows;
    }

    pub(super) fn lines(&self) -> u64 {
        self.lines
    }

    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    pub(super) fn position(&self) -> Position {
        Position { offset: self.offset, lines: self.lines, rows: self.rows, checksum: self.checksum.sum() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_does_not_depend_on_the_pieces_that_led_to_it() {
        let text = "a,b\n1,2\n\"3\n4\",5\n";
        let mut whole = Tracker::default();
        whole.add(text.as_bytes());
        let mut pieces = Tracker::default();
        text.as_bytes().chunks(3).for_each(|piece| pieces.add(piece));
        assert_eq!(whole.position(), pieces.position());
        assert_eq!((whole.position().offset, whole.position().lines), (text.len() as u64, 4));
        let mut other = Tracker::default();
        other.add(text.replace('5', "6").as_bytes());
        assert_ne!(other.position().checksum, whole.position().checksum);
    }
}
