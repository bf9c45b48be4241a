//! CSV that stays compressed in memory until the upload.

use std::cell::RefCell;
use std::sync::Arc;

use bytes::Bytes;
use zstd::bulk::{Compressor, Decompressor};

use salesforce::CsvBody;

/// The most bytes of CSV that are compressed at once. Repetitions are found within this window, and an open batch holds
/// this much uncompressed; twice as much makes the result 2 % smaller.
pub const PIECE_SIZE: usize = 64 * 1024;

/// The level of zstd. Records of contacts become three times smaller at two thirds of the speed of LZ4, which makes
/// them two times smaller (`docs/performance.md`): batches of 100 MB then fit where memory is small.
const LEVEL: i32 = 1;

thread_local! {
    /// One per thread, because each takes some hundred kilobytes. `None` if there is no memory for it.
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> = RefCell::new(Compressor::new(LEVEL).ok());
    /// The same for the way back.
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = RefCell::new(Decompressor::new().ok());
    /// Holds a compressed piece until its size is known.
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(Vec::with_capacity(zstd::zstd_safe::compress_bound(PIECE_SIZE)));
}

/// Compressed CSV.
#[derive(Debug, Default)]
pub struct CompressedCsv {
    pieces: Vec<Piece>,
    size: usize,
    length: u64,
}

/// One piece. It stays uncompressed if compression would not make it smaller.
#[derive(Debug)]
struct Piece {
    bytes: Box<[u8]>,
    /// The length of the CSV in bytes.
    length: usize,
}

impl CompressedCsv {
    /// Adds CSV as a piece.
    pub fn push(&mut self, csv: &[u8]) {
        let piece = Piece::new(csv);
        self.size += piece.bytes.len() + size_of::<Piece>();
        self.length += csv.len() as u64;
        self.pieces.push(piece);
    }

    /// The CSV of one piece. `None` if there is no such piece.
    pub(crate) fn piece(&self, index: usize) -> Option<Bytes> {
        let piece = self.pieces.get(index)?;
        Some(DECOMPRESSOR.with_borrow_mut(|it| it.as_mut().map(|it| piece.csv(it))).unwrap_or_default())
    }

    /// The bytes held in memory.
    pub fn size(&self) -> usize {
        self.size
    }
}

impl Piece {
    fn new(csv: &[u8]) -> Self {
        let compressed = SCRATCH.with_borrow_mut(|scratch| {
            scratch.clear();
            scratch.reserve(zstd::zstd_safe::compress_bound(csv.len()));
            let size = COMPRESSOR.with_borrow_mut(|it| it.as_mut()?.compress_to_buffer(csv, scratch).ok())?;
            (size < csv.len()).then(|| scratch[..size].into())
        });
        Self { bytes: compressed.unwrap_or_else(|| csv.into()), length: csv.len() }
    }

    /// The uncompressed CSV. If a piece ever fails to decompress, the upload ends short of its length and fails at
    /// Salesforce.
    fn csv(&self, decompressor: &mut Decompressor<'_>) -> Bytes {
        if self.bytes.len() == self.length {
            return Bytes::copy_from_slice(&self.bytes);
        }
        decompressor.decompress(&self.bytes, self.length).map(Bytes::from).unwrap_or_default()
    }
}

impl CsvBody for CompressedCsv {
    fn len(&self) -> u64 {
        self.length
    }

    fn pieces(self: Arc<Self>) -> Box<dyn Iterator<Item = Bytes> + Send> {
        let mut decompressor = Decompressor::new().ok();
        let count = self.pieces.len();
        Box::new((0..count).map_while(move |index| Some(self.pieces[index].csv(decompressor.as_mut()?))))
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
    }
}
