//! The bytes of an object on their way from the download to the thread that reads them.

use std::io::{self, Read};

use bytes::{Buf, Bytes};
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// How many pieces wait. A piece is what one read of the network gives.
const PIECES_AHEAD: usize = 8;

/// A piece of an object, or its end.
#[derive(Debug)]
pub(super) enum Piece {
    Bytes(Bytes),
    End,
}

/// The receiving end, for a thread that may block.
#[derive(Debug)]
pub(super) struct PieceReader {
    pieces: Receiver<Piece>,
    current: Bytes,
    has_ended: bool,
}

/// The download ended before the object did. Its own error says why.
#[derive(Debug, thiserror::Error)]
#[error("the download ended before the object")]
pub(super) struct DownloadEnded;

/// Both ends.
pub(super) fn pieces() -> (Sender<Piece>, PieceReader) {
    let (sender, pieces) = channel(PIECES_AHEAD);
    (sender, PieceReader { pieces, current: Bytes::new(), has_ended: false })
}

impl Read for PieceReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() && !self.has_ended {
            match self.pieces.blocking_recv() {
                Some(Piece::Bytes(bytes)) => self.current = bytes,
                Some(Piece::End) => self.has_ended = true,
                None => return Err(io::Error::other(DownloadEnded)),
            }
        }
        let length = buffer.len().min(self.current.len());
        self.current.copy_to_slice(&mut buffer[..length]);
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_an_end_only_when_it_is_sent() {
        for ends in [true, false] {
            let (sender, mut reader) = pieces();
            for piece in ["ab", "", "cde"] {
                sender.try_send(Piece::Bytes(Bytes::from(piece))).unwrap();
            }
            if ends {
                sender.try_send(Piece::End).unwrap();
            }
            drop(sender);
            let mut text = String::new();
            let outcome = reader.read_to_string(&mut text);
            assert_eq!(text, "abcde");
            assert_eq!(outcome.is_ok(), ends, "{outcome:?}");
        }
    }
}
