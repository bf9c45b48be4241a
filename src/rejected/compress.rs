//! The bytes of an open object, compressed if the user chose so.

use std::io::{self, Write};

use flate2::write::GzEncoder;

use super::settings::Compression;

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

    /// Takes these bytes.
    pub(super) fn take_pending(&mut self) -> Vec<u8> {
        match self {
            Self::Plain(bytes) => std::mem::take(bytes),
            Self::Gzip(encoder) => std::mem::take(encoder.get_mut()),
        }
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
