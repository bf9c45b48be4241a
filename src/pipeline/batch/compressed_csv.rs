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
#[derive(Debug, Clone, Default)]
pub struct CompressedCsv {
    pieces: Vec<Piece>,
    size: usize,
    length: u64,
}

/// One piece. It stays uncompressed if compression would not make it smaller.
#[derive(Debug, Clone)]
struct Piece {
    bytes: Vec<u8>,
    /// The length of the CSV in bytes.
    length: usize,
}

/// Memory of pieces that are read, for other pieces. What one thread frees, another one does not take for what it needs
/// (malloc(3), "arenas"), so that a batch that becomes another batch would take its memory twice.
#[derive(Debug, Default)]
pub(super) struct Spares(Vec<Vec<u8>>);

impl Spares {
    /// How many are kept. The next piece takes one of them.
    const MOST: usize = 4;

    pub(super) fn have_room(&self) -> bool {
        self.0.len() < Self::MOST
    }

    pub(super) fn add(&mut self, spare: Vec<u8>) {
        self.0.push(spare);
    }

    /// These bytes, in the spare that fits best, or else in memory of their own.
    fn hold(&mut self, bytes: &[u8]) -> Vec<u8> {
        let fits = |it: &(usize, &Vec<u8>)| it.1.capacity() >= bytes.len();
        let best = self.0.iter().enumerate().filter(fits).min_by_key(|(_, spare)| spare.capacity());
        let Some((best, _)) = best else { return bytes.to_vec() };
        let mut held = self.0.swap_remove(best);
        held.clear();
        held.extend_from_slice(bytes);
        held
    }
}

impl CompressedCsv {
    /// Adds CSV as a piece.
    pub fn push(&mut self, csv: &[u8]) {
        self.push_into(csv, &mut Spares::default());
    }

    /// Adds CSV as a piece, in the memory of one that is read.
    pub(super) fn push_into(&mut self, csv: &[u8], spares: &mut Spares) {
        let piece = Piece::new(csv, spares);
        self.size += piece.size();
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

    /// The CSV of its pieces, each of which is freed when it is read.
    pub(super) fn into_pieces(self) -> TakenPieces {
        TakenPieces { pieces: self.pieces.into_iter(), size: self.size, spare: None }
    }
}

/// The pieces that are not read yet.
pub(super) struct TakenPieces {
    pieces: std::vec::IntoIter<Piece>,
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
        let csv = DECOMPRESSOR.with_borrow_mut(|it| it.as_mut().map(|it| piece.csv(it))).unwrap_or_default();
        self.spare = Some(piece.bytes);
        Some(csv)
    }
}

impl Piece {
    fn new(csv: &[u8], spares: &mut Spares) -> Self {
        let compressed = SCRATCH.with_borrow_mut(|scratch| {
            scratch.clear();
            scratch.reserve(zstd::zstd_safe::compress_bound(csv.len()));
            let size = COMPRESSOR.with_borrow_mut(|it| it.as_mut()?.compress_to_buffer(csv, scratch).ok())?;
            (size < csv.len()).then(|| spares.hold(&scratch[..size]))
        });
        Self { bytes: compressed.unwrap_or_else(|| spares.hold(csv)), length: csv.len() }
    }

    /// The bytes held.
    fn size(&self) -> usize {
        self.bytes.capacity() + size_of::<Self>()
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

    #[test]
    fn a_piece_takes_the_memory_of_one_that_is_read() {
        let mut spares = Spares::default();
        for size in [50, 10_000, 20_000, 40_000] {
            assert!(spares.have_room());
            spares.add(Vec::with_capacity(size));
        }
        assert!(!spares.have_room());
        let mut compressed = CompressedCsv::default();
        let noise: Vec<u8> = (0..9_000_u64).map(|it| it.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes()[0]).collect();
        compressed.push_into(&noise, &mut spares);
        compressed.push_into(&noise.repeat(2)[..15_000], &mut spares);
        let left: Vec<usize> = spares.0.iter().map(Vec::capacity).collect();
        assert!(left.contains(&40_000) && !left.contains(&10_000), "{left:?}");
        let held: usize = compressed.pieces.iter().map(|it| it.bytes.capacity() + size_of::<Piece>()).sum();
        assert_eq!(compressed.size(), held);
        assert!(compressed.into_pieces().eq([noise.clone(), noise.repeat(2)[..15_000].to_vec()]));
    }
}
