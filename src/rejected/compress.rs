//! The bytes of an open object, compressed if the user chose so.

use std::io::{self, Write};

use flate2::write::GzEncoder;

use super::settings::Compression;

/// The most bytes that are compressed in one step.
pub(super) const STEP_BYTES: usize = 16 * 1024;

/// The most bytes that one step adds: the encoder collects a block of some 64 KiB, and then returns all of it.
pub(super) const MARGIN_BYTES: usize = 128 * 1024;

/// What an encoder holds itself: its window, its tables and its output block, some 320 KiB.
const ENCODER_BYTES: usize = 384 * 1024;

/// Takes text, and holds its bytes until they are uploaded.
#[derive(Debug)]
pub(super) enum Compressor {
    Plain(Vec<u8>),
    Gzip(GzEncoder<Vec<u8>>),
}

impl Compressor {
    pub(super) fn new(compression: Compression) -> Self {
        match compression {
            Compression::None => Self::Plain(Vec::new()),
            Compression::Gzip => Self::Gzip(GzEncoder::new(Vec::new(), flate2::Compression::default())),
        }
    }

    pub(super) fn write(&mut self, text: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(bytes) => bytes.write_all(text),
            Self::Gzip(encoder) => encoder.write_all(text),
        }
    }

    /// How many bytes can be taken. The newest text may still be inside the encoder.
    pub(super) fn pending_bytes(&self) -> usize {
        match self {
            Self::Plain(bytes) => bytes.len(),
            Self::Gzip(encoder) => encoder.get_ref().len(),
        }
    }

    /// Makes room for a part of `bytes`. Without it the buffer doubles as it grows, to far more than the part.
    pub(super) fn reserve_part(&mut self, bytes: usize) {
        let buffer = self.buffer_mut();
        buffer.reserve_exact((bytes + MARGIN_BYTES).saturating_sub(buffer.len()));
    }

    /// The bytes of memory that are held.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Plain(bytes) => bytes.capacity(),
            Self::Gzip(encoder) => encoder.get_ref().capacity() + ENCODER_BYTES,
        }
    }

    fn buffer_mut(&mut self) -> &mut Vec<u8> {
        match self {
            Self::Plain(bytes) => bytes,
            Self::Gzip(encoder) => encoder.get_mut(),
        }
    }

    /// Takes these bytes.
    pub(super) fn take_pending(&mut self) -> Vec<u8> {
        std::mem::take(self.buffer_mut())
    }

    /// The rest of the bytes, with the end of the compressed stream.
    pub(super) fn finish(self) -> io::Result<Vec<u8>> {
        match self {
            Self::Plain(bytes) => Ok(bytes),
            Self::Gzip(encoder) => encoder.finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;

    use super::*;

    #[test]
    fn pieces_add_up_to_one_stream() {
        for compression in [Compression::None, Compression::Gzip] {
            let mut compressor = Compressor::new(compression);
            let (mut expected, mut stored, mut pieces) = (String::new(), Vec::new(), 0);
            for row in 0..20_000_u64 {
                // Scrambled, so that the encoder returns bytes before its end.
                let text = format!("{row},{}\n", row.wrapping_mul(0x9e37_79b9_7f4a_7c15));
                compressor.write(text.as_bytes()).unwrap();
                expected.push_str(&text);
                if compressor.pending_bytes() > 1000 {
                    stored.extend(compressor.take_pending());
                    pieces += 1;
                    assert_eq!(compressor.pending_bytes(), 0);
                }
            }
            stored.extend(compressor.finish().unwrap());
            assert!(pieces > 3, "{compression:?}: {pieces}");

            let mut text = String::new();
            match compression {
                Compression::None => text = String::from_utf8(stored).unwrap(),
                Compression::Gzip => {
                    assert!(stored.len() < expected.len());
                    GzDecoder::new(stored.as_slice()).read_to_string(&mut text).unwrap();
                }
            }
            assert!(text == expected, "{compression:?}");
        }
    }
}
