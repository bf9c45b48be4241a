//! Standard input as blocks of whole lines.
//!
//! A block is read by one call, so that a line costs neither a system call nor a task switch. A block ends at a
//! newline, so that no line is split between two blocks.

use std::io::{self, Read};

/// How much is read by one call: what a pipe of Linux holds (pipe(7)). A larger block would keep the network waiting on
/// a single core while its lines are converted; a smaller one would cost more switches between threads.
const READ_SIZE: usize = 64 * 1024;

/// A limit for the length of a line, in bytes, far above the length of any record: input without newlines ends in an
/// error before it fills the memory.
pub const LONGEST_LINE: usize = 64 * 1024 * 1024;

/// Whole lines of the input.
#[derive(Debug)]
pub struct Block {
    bytes: Vec<u8>,
    first_line: u64,
}

impl Block {
    /// The lines and their numbers in the input, counted from 1. Blank lines are left out.
    #[inline]
    pub fn lines(&self) -> impl Iterator<Item = (u64, &[u8])> {
        let text = self.bytes.strip_suffix(b"\n").unwrap_or(&self.bytes);
        let mut rest = Some(text);
        let lines = std::iter::from_fn(move || {
            let (line, after) = match (rest?, memchr::memchr(b'\n', rest?)) {
                (rest, Some(end)) => (&rest[..end], Some(&rest[end + 1..])),
                (rest, None) => (rest, None),
            };
            rest = after;
            Some(line)
        });
        (self.first_line..).zip(lines).filter(|(_, line)| !line.trim_ascii().is_empty())
    }
}

/// Why the next lines cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// A line is longer than the limit.
    #[error("line {line} of the input is longer than {limit} bytes")]
    LineTooLong {
        /// The line's number, counted from 1.
        line: u64,
        /// The limit in bytes.
        limit: usize,
    },
    /// The input itself failed.
    #[error("standard input could not be read after line {line}: {source}")]
    Read {
        /// The last whole line that was read.
        line: u64,
        /// The error of the operating system.
        source: io::Error,
    },
}

/// Reads blocks of whole lines.
#[derive(Debug)]
pub struct BlockReader<R> {
    input: R,
    /// The beginning of a line whose end is not read yet.
    partial_line: Vec<u8>,
    lines_read: u64,
    longest_line: usize,
    ended: bool,
}

impl<R: Read> BlockReader<R> {
    /// Reads `input`, whose lines may have `longest_line` bytes. The limit should be above 64 KiB: shorter lines are
    /// not measured one by one.
    pub fn new(input: R, longest_line: usize) -> Self {
        Self { input, partial_line: Vec::new(), lines_read: 0, longest_line, ended: false }
    }

    /// The next block, or `None` at the end of the input. A last line without a newline is a line too.
    ///
    /// # Errors
    /// A line is over the limit, or the input failed. The whole lines before it were returned by earlier calls.
    pub fn next_block(&mut self) -> Result<Option<Block>, InputError> {
        let mut bytes = std::mem::take(&mut self.partial_line);
        while !self.ended {
            let searched = bytes.len();
            let read = read_once(&mut self.input, &mut bytes)
                .map_err(|source| InputError::Read { line: self.lines_read, source })?;
            self.ended = read == 0;
            if let Some(newline) = memchr::memrchr(b'\n', &bytes[searched..]) {
                self.partial_line = bytes.split_off(searched + newline + 1);
                return self.block(bytes).map(Some);
            }
            if bytes.len() > self.longest_line {
                return Err(self.too_long(self.lines_read + 1));
            }
        }
        if bytes.is_empty() { Ok(None) } else { self.block(bytes).map(Some) }
    }

    fn block(&mut self, bytes: Vec<u8>) -> Result<Block, InputError> {
        let first_line = self.lines_read + 1;
        // Only the first line of a block can be longer than one read.
        let first_length = memchr::memchr(b'\n', &bytes).unwrap_or(bytes.len());
        if first_length > self.longest_line {
            return Err(self.too_long(first_line));
        }
        self.lines_read += memchr::memchr_iter(b'\n', &bytes).count() as u64;
        Ok(Block { bytes, first_line })
    }

    fn too_long(&self, line: u64) -> InputError {
        InputError::LineTooLong { line, limit: self.longest_line }
    }
}

/// Appends the bytes of one successful `read`: none at the end of the input.
fn read_once(input: &mut impl Read, bytes: &mut Vec<u8>) -> io::Result<usize> {
    let start = bytes.len();
    bytes.resize(start + READ_SIZE, 0);
    let read = loop {
        match input.read(&mut bytes[start..]) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => break other,
        }
    };
    bytes.truncate(start + read.as_ref().map_or(0, |count| *count));
    read
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns one piece a read, as a pipe does.
    struct Pieces(Vec<&'static [u8]>);

    impl Read for Pieces {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() {
                return Ok(0);
            }
            let piece = self.0.remove(0);
            buffer[..piece.len()].copy_from_slice(piece);
            Ok(piece.len())
        }
    }

    fn lines(pieces: &[&'static [u8]], longest: usize) -> Result<Vec<(u64, String)>, InputError> {
        let mut reader = BlockReader::new(Pieces(pieces.to_vec()), longest);
        let mut lines = Vec::new();
        while let Some(block) = reader.next_block()? {
            lines.extend(block.lines().map(|(number, line)| (number, String::from_utf8_lossy(line).into_owned())));
        }
        Ok(lines)
    }

    #[test]
    fn lines_are_whole_and_numbered_for_every_size_of_read() {
        type Case = (&'static [&'static [u8]], &'static [(u64, &'static str)]);
        let table: &[Case] = &[
            (&[], &[]),
            (&[b"a\n"], &[(1, "a")]),
            (&[b"a\nb\n"], &[(1, "a"), (2, "b")]),
            (&[b"a", b"b", b"\nc", b"\n"], &[(1, "ab"), (2, "c")]),
            (&[b"a\nb"], &[(1, "a"), (2, "b")]),
            (&[b"\n\na\n", b"\n", b"b\n"], &[(3, "a"), (5, "b")]),
            (&[b"a\r\n \nb\n"], &[(1, "a\r"), (3, "b")]),
        ];
        for (pieces, expected) in table {
            let expected: Vec<_> = expected.iter().map(|(number, line)| (*number, (*line).to_owned())).collect();
            assert_eq!(lines(pieces, 100).unwrap(), expected, "{pieces:?}");
        }
    }

    #[test]
    fn a_line_over_the_limit_is_an_error_after_the_lines_before_it() {
        for pieces in [&[b"ab\nabcdefgh".as_slice(), b"ij"][..], &[b"ab\n", b"abcdefgh", b"ij\nk\n"]] {
            let mut reader = BlockReader::new(Pieces(pieces.to_vec()), 9);
            let first = reader.next_block().unwrap().unwrap();
            assert_eq!(first.lines().count(), 1);
            let error = loop {
                match reader.next_block() {
                    Ok(Some(_)) => {}
                    Ok(None) => panic!("no error"),
                    Err(error) => break error,
                }
            };
            assert_eq!(error.to_string(), "line 2 of the input is longer than 9 bytes");
        }
    }

    /// Input without line ends, of which no more may be read than a line can have.
    struct Endless {
        left: usize,
    }

    impl Read for Endless {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.left = self.left.checked_sub(buffer.len()).expect("more is read than a line can have");
            Ok(buffer.len())
        }
    }

    #[test]
    fn input_without_a_line_end_is_refused_before_all_of_it_is_read() {
        let longest = 3 * READ_SIZE;
        let error = BlockReader::new(Endless { left: longest + READ_SIZE }, longest).next_block().unwrap_err();
        assert!(matches!(error, InputError::LineTooLong { line: 1, .. }), "{error}");
    }

    #[test]
    fn a_line_as_long_as_the_limit_is_accepted() {
        assert_eq!(lines(&[b"abcde", b"fghi\n"], 9).unwrap(), [(1, "abcdefghi".to_owned())]);
    }

    #[test]
    fn a_line_may_have_64_mib() {
        assert_eq!(LONGEST_LINE, 64 << 20);
        let mut long = vec![b'x'; 3 * READ_SIZE];
        long.extend_from_slice(b"\na\n");
        let mut reader = BlockReader::new(&long[..], 3 * READ_SIZE);
        let mut lengths = Vec::new();
        while let Some(block) = reader.next_block().unwrap() {
            lengths.extend(block.lines().map(|(number, line)| (number, line.len())));
        }
        assert_eq!(lengths, [(1, 3 * READ_SIZE), (2, 1)]);
        assert!(BlockReader::new(&long[..], 3 * READ_SIZE - 1).next_block().is_err());
    }
}
