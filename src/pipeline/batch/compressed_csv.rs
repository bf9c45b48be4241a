//! CSV that stays compressed in memory until the upload.

use std::sync::Arc;

use bytes::Bytes;

use memory::{PackedPiece, Spares};
use salesforce::CsvBody;

pub use memory::PIECE_SIZE;

/// Compressed CSV.
#[derive(Debug, Clone, Default)]
pub struct CompressedCsv {
    pieces: Vec<PackedPiece>,
    size: usize,
    length: u64,
}

impl CompressedCsv {
    /// Adds CSV as a piece.
    pub fn push(&mut self, csv: &[u8]) {
        self.push_into(csv, &mut Spares::default());
    }

    /// Adds CSV as a piece, in the memory of one that is read.
    pub(super) fn push_into(&mut self, csv: &[u8], spares: &mut Spares) {
        let piece = PackedPiece::new_into(csv, spares);
        self.size += piece.size();
        self.length += csv.len() as u64;
        self.pieces.push(piece);
    }

    /// The CSV of one piece. `None` if there is no such piece.
    pub(crate) fn piece(&self, index: usize) -> Option<Bytes> {
        self.pieces.get(index).map(|piece| piece.unpack().into())
    }

    /// The bytes held in memory.
    pub fn size(&self) -> usize {
        self.size
    }

    /// The CSV of its pieces, each of which is freed when it is read.
    pub(super) fn into_pieces(self) -> TakenPieces {
        TakenPieces { pieces: self.pieces.into_iter(), size: self.size, spare: None }
    }
}

/// The pieces that are not read yet.
pub(super) struct TakenPieces {
    pieces: std::vec::IntoIter<PackedPiece>,
    size: usize,
    /// The memory of the last one that was read.
    spare: Option<Vec<u8>>,
}

impl TakenPieces {
    /// Takes the memory of the last piece that was read.
    pub(super) fn take_spare(&mut self) -> Option<Vec<u8>> {
        self.spare.take()
    }

    /// The bytes that they hold.
    pub(super) fn size(&self) -> usize {
        self.size
    }
}

impl Iterator for TakenPieces {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        self.spare = None;
        let piece = self.pieces.next()?;
        self.size -= piece.size();
        let csv = piece.unpack().into();
        self.spare = Some(piece.into_spare());
        Some(csv)
    }
}

impl CsvBody for CompressedCsv {
    fn len(&self) -> u64 {
        self.length
    }

    fn pieces(self: Arc<Self>) -> Box<dyn Iterator<Item = Bytes> + Send> {
        // If a piece cannot be unpacked, the upload ends short of its length and fails at Salesforce.
        let count = self.pieces.len();
        Box::new((0..count).map(move |index| self.pieces[index].unpack().into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_can_be_read_more_than_once() {
        let noise: Vec<u8> = (0..PIECE_SIZE).map(|number| (number * number * 31 / 7 % 251) as u8).collect();
        let pieces =
            [b"A__c\n".to_vec(), b"again and again\n".repeat(10_000), noise, vec![b'x'; 5 * PIECE_SIZE], Vec::new()];
        let mut compressed = CompressedCsv::default();
        pieces.iter().for_each(|piece| compressed.push(piece));
        assert!(compressed.size() < 2 * PIECE_SIZE, "{}", compressed.size());
        let expected = pieces.concat();
        assert_eq!(compressed.len(), expected.len() as u64);
        let compressed = Arc::new(compressed);
        for _ in 0..2 {
            let read: Vec<Bytes> = Arc::clone(&compressed).pieces().collect();
            assert!(read.concat() == expected);
        }
        let mut taken = Arc::unwrap_or_clone(compressed).into_pieces();
        let (mut read, mut sizes) = (Vec::new(), vec![taken.size()]);
        while let Some(piece) = taken.next() {
            read.extend_from_slice(&piece);
            sizes.push(taken.size());
        }
        assert!(read == expected);
        assert!(sizes.is_sorted_by(|before, after| before > after), "{sizes:?}");
        assert_eq!(sizes.last(), Some(&0));
    }
}
