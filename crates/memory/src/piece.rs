//! Bytes that stay packed in memory until they are read.

use std::cell::RefCell;

use zstd::bulk::{Compressor, Decompressor};

/// The most bytes that are packed at once. Repetitions are found within this window, and what is still written holds this
/// much unpacked; twice as much makes the result 2 % smaller.
pub const PIECE_SIZE: usize = 64 * 1024;

/// The level of zstd. Records of contacts become three times smaller at two thirds of the speed of LZ4, which makes
/// them two times smaller (`docs/performance.md`): batches of 100 MB then fit where memory is small.
const LEVEL: i32 = 1;

thread_local! {
    /// One per thread, because each takes some hundred kilobytes. `None` if there is no memory for it.
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> = RefCell::new(Compressor::new(LEVEL).ok());
    /// The same for the way back.
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = RefCell::new(Decompressor::new().ok());
    /// Holds a packed piece until its size is known.
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(Vec::with_capacity(zstd::zstd_safe::compress_bound(PIECE_SIZE)));
}

/// Bytes that are packed together. They stay as they are if packing would not make them smaller.
#[derive(Debug, Clone)]
pub struct PackedPiece {
    bytes: Vec<u8>,
    /// The number of bytes before packing.
    length: usize,
}

/// Memory of pieces that are read, for other pieces. What one thread frees, another one does not take for what it needs
/// (malloc(3), "arenas"), so that a batch that becomes another batch would take its memory twice.
#[derive(Debug, Default)]
pub struct Spares(Vec<Vec<u8>>);

impl Spares {
    /// How many are kept. The next piece takes one of them.
    const MOST: usize = 4;

    /// Whether another one is kept.
    pub fn have_room(&self) -> bool {
        self.0.len() < Self::MOST
    }

    /// Keeps the memory of a piece.
    pub fn add(&mut self, spare: Vec<u8>) {
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

impl PackedPiece {
    /// Packs bytes.
    pub fn new(bytes: &[u8]) -> Self {
        Self::new_into(bytes, &mut Spares::default())
    }

    /// Packs bytes into the memory of a piece that is read.
    pub fn new_into(bytes: &[u8], spares: &mut Spares) -> Self {
        let packed = SCRATCH.with_borrow_mut(|scratch| {
            scratch.clear();
            scratch.reserve(zstd::zstd_safe::compress_bound(bytes.len()));
            let size = COMPRESSOR.with_borrow_mut(|it| it.as_mut()?.compress_to_buffer(bytes, scratch).ok())?;
            (size < bytes.len()).then(|| spares.hold(&scratch[..size]))
        });
        Self { bytes: packed.unwrap_or_else(|| spares.hold(bytes)), length: bytes.len() }
    }

    /// Holds bytes as they are.
    pub fn unpacked(bytes: Vec<u8>) -> Self {
        Self { length: bytes.len(), bytes }
    }

    /// The bytes before packing. They are fewer if there is no memory to unpack them: who reads them knows how many there
    /// must be.
    pub fn unpack(&self) -> Vec<u8> {
        if self.bytes.len() == self.length {
            return self.bytes.clone();
        }
        let unpack = |it: &mut Decompressor<'_>| it.decompress(&self.bytes, self.length).ok();
        DECOMPRESSOR.with_borrow_mut(|it| it.as_mut().and_then(unpack)).unwrap_or_default()
    }

    /// The same for bytes that are read once.
    pub fn into_unpacked(self) -> Vec<u8> {
        if self.bytes.len() == self.length { self.bytes } else { self.unpack() }
    }

    /// The memory that it holds, for another piece.
    pub fn into_spare(self) -> Vec<u8> {
        self.bytes
    }

    /// The number of bytes before packing.
    pub fn length(&self) -> usize {
        self.length
    }

    /// The bytes held.
    pub fn size(&self) -> usize {
        self.bytes.capacity() + size_of::<Self>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes that cannot be packed.
    fn noise(length: usize) -> Vec<u8> {
        (0..length as u64).map(|it| it.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes()[0]).collect()
    }

    #[test]
    fn what_is_packed_is_unpacked_unchanged() {
        let texts = [b"again and again ".repeat(4_000), noise(5_000), vec![b'x'; 5 * PIECE_SIZE], Vec::new()];
        for text in texts {
            let piece = PackedPiece::new(&text);
            assert!(piece.size() <= text.len() + size_of::<PackedPiece>(), "{}", piece.size());
            assert_eq!(piece.length(), text.len());
            assert!(piece.unpack() == text && piece.into_unpacked() == text);
            assert!(PackedPiece::unpacked(text.clone()).into_unpacked() == text);
        }
        assert!(PackedPiece::new(&b"again and again ".repeat(4_000)).size() < 1_000);
    }

    #[test]
    fn a_piece_takes_the_memory_of_one_that_is_read() {
        let mut spares = Spares::default();
        for size in [50, 10_000, 20_000, 40_000] {
            assert!(spares.have_room());
            spares.add(Vec::with_capacity(size));
        }
        assert!(!spares.have_room());
        for length in [9_000, 15_000] {
            let piece = PackedPiece::new_into(&noise(length), &mut spares);
            assert!(piece.unpack() == noise(length));
            assert_eq!(piece.size(), piece.bytes.capacity() + size_of::<PackedPiece>());
        }
        let left: Vec<usize> = spares.0.iter().map(Vec::capacity).collect();
        assert!(left.contains(&40_000) && !left.contains(&10_000) && !left.contains(&20_000), "{left:?}");
    }
}
