//! A file with what became of rows. It grows while the load runs, and a crash leaves only whole rows that count.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use flate2::Crc;
use serde::{Deserialize, Serialize};

use super::error::{changed_result_file, unwritable};
use airbyte::Result;

/// How much of a file is searched at once.
const SEARCHED_BYTES: usize = 64 * 1024;

/// A result file.
#[derive(Debug)]
pub(super) struct ResultFile {
    path: PathBuf,
    file: File,
    length: u64,
    noted: u64,
    /// The checksum of what is noted.
    checksum: Crc,
    /// That of what follows.
    added: Crc,
    has_unsynced: bool,
}

/// What the notes of a load say of a result file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Noted {
    /// The bytes that count.
    bytes: u64,
    /// Their checksum: a file that has changed there is not the one that the load wrote.
    checksum: u32,
}

impl ResultFile {
    /// Opens the file as it is noted, and removes what a crash has left after that. A file without a note is new.
    pub(super) fn open(path: &Path, noted: Noted) -> Result<Self> {
        let failed = |error: io::Error| unwritable(path, &error);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(noted.bytes == 0).truncate(false);
        let file = options.open(path).map_err(failed)?;
        let checksum = checksum(&file, noted.bytes).map_err(failed)?;
        if checksum.as_ref().map(Crc::sum) != Some(noted.checksum) {
            return Err(changed_result_file(path));
        }
        let (checksum, added) = (checksum.unwrap_or_default(), Crc::new());
        let length = noted.bytes;
        let mut file =
            Self { path: path.to_owned(), file, length, noted: length, checksum, added, has_unsynced: false };
        file.rewind()?;
        Ok(file)
    }

    /// Goes back to what is noted: a write that failed may have left half a row behind that.
    pub(super) fn rewind(&mut self) -> Result<()> {
        self.file
            .set_len(self.noted)
            .and_then(|()| self.file.seek(SeekFrom::Start(self.noted)))
            .map_err(|error| unwritable(&self.path, &error))?;
        self.length = self.noted;
        self.added = Crc::new();
        Ok(())
    }

    /// Takes the whole file as noted.
    pub(super) fn note(&mut self) -> Noted {
        self.checksum.combine(&std::mem::take(&mut self.added));
        self.noted = self.length;
        Noted { bytes: self.noted, checksum: self.checksum.sum() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.length == 0
    }

    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(|error| unwritable(&self.path, &error))?;
        self.length += bytes.len() as u64;
        self.added.update(bytes);
        self.has_unsynced = true;
        Ok(())
    }

    /// Whether the file has this text, which is short. None is not in it.
    pub(super) fn contains(&self, text: &str) -> Result<bool> {
        let failed = |error: std::io::Error| unwritable(&self.path, &error);
        let mut file = BufReader::with_capacity(SEARCHED_BYTES, File::open(&self.path).map_err(failed)?);
        let mut window = Vec::new();
        loop {
            let piece = file.fill_buf().map_err(failed)?;
            if piece.is_empty() || text.is_empty() {
                return Ok(false);
            }
            let length = piece.len();
            window.extend_from_slice(piece);
            file.consume(length);
            if memchr::memmem::find(&window, text.as_bytes()).is_some() {
                return Ok(true);
            }
            // The text may begin in this piece and end in the next one.
            window.drain(..window.len().saturating_sub(text.len() - 1));
        }
    }

    /// Returns when everything is on the disk.
    pub(super) fn sync(&mut self) -> Result<()> {
        if self.has_unsynced {
            self.file.sync_data().map_err(|error| unwritable(&self.path, &error))?;
            self.has_unsynced = false;
        }
        Ok(())
    }

    /// The path of a file with rows. One without rows is removed.
    pub(super) fn close(self) -> Result<Option<PathBuf>> {
        if !self.is_empty() {
            return Ok(Some(self.path));
        }
        fs::remove_file(&self.path).map_err(|error| unwritable(&self.path, &error))?;
        Ok(None)
    }
}

/// The checksum of the first bytes of a file. None if it is shorter.
fn checksum(file: &File, bytes: u64) -> io::Result<Option<Crc>> {
    let mut reader = BufReader::with_capacity(SEARCHED_BYTES, file.take(bytes));
    let (mut checksum, mut read) = (Crc::new(), 0);
    loop {
        let piece = reader.fill_buf()?;
        if piece.is_empty() {
            return Ok((read == bytes).then_some(checksum));
        }
        checksum.update(piece);
        let length = piece.len();
        read += length as u64;
        reader.consume(length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_wherever_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = ResultFile::open(&folder.path().join("f"), Noted::default()).unwrap();
        assert!(!file.contains("001A").unwrap());
        for before in [0, SEARCHED_BYTES - 2, SEARCHED_BYTES] {
            file.append(&vec![b'x'; before]).unwrap();
            let text = format!("001A{before}");
            assert!(!file.contains(&text).unwrap());
            file.append(text.as_bytes()).unwrap();
            assert!(file.contains(&text).unwrap(), "{before}");
        }
        assert!(!file.contains("").unwrap());
    }

    #[test]
    fn a_text_is_found_where_it_begins_in_one_piece_and_ends_in_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let text = "003000000000001AAA";
        for in_first in 0..=text.len() {
            for pieces in [1, 2] {
                let mut file = ResultFile::open(&folder.path().join("f"), Noted::default()).unwrap();
                file.append(&vec![b'0'; pieces * SEARCHED_BYTES - in_first]).unwrap();
                file.append(text.as_bytes()).unwrap();
                assert!(file.contains(text).unwrap(), "{in_first} in piece {pieces}");
                assert!(!file.contains("003000000000001AAB").unwrap());
            }
        }
    }

    #[test]
    fn what_a_crash_left_behind_the_noted_length_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        let mut file = ResultFile::open(&path, Noted::default()).unwrap();
        file.append(b"a row\n").unwrap();
        file.sync().unwrap();
        let noted = file.note();
        file.append(b"half of a r").unwrap();
        drop(file);
        let mut file = ResultFile::open(&path, noted).unwrap();
        file.append(b"another\n").unwrap();
        let noted = file.note();
        assert_eq!(file.close().unwrap(), Some(path.clone()));
        assert_eq!(fs::read_to_string(&path).unwrap(), "a row\nanother\n");
        assert!(ResultFile::open(&path, noted).is_ok());
        assert_eq!(ResultFile::open(&path, Noted::default()).unwrap().close().unwrap(), None);
        assert!(!path.exists());
    }

    #[test]
    fn a_write_that_failed_in_the_middle_of_a_row_leaves_nothing_when_it_is_done_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        let mut file = ResultFile::open(&path, Noted::default()).unwrap();
        file.append(b"first\n").unwrap();
        file.note();
        file.append(b"second\n").unwrap();
        // What a full disk takes of a row.
        file.file.write_all(b"thi").unwrap();
        file.rewind().unwrap();
        file.append(b"second\n").unwrap();
        file.append(b"third\n").unwrap();
        let noted = file.note();
        drop(file);
        assert_eq!(fs::read_to_string(&path).unwrap(), "first\nsecond\nthird\n");
        assert!(ResultFile::open(&path, noted).is_ok());
    }

    /// The rows of a load that goes on would be written over what was changed.
    #[test]
    fn a_file_that_was_changed_while_its_load_is_not_finished_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        let mut file = ResultFile::open(&path, Noted::default()).unwrap();
        file.append(b"bad,1\nbad,2\n").unwrap();
        let noted = file.note();
        drop(file);
        for changed in ["bad,1\n", "repaired,1\nbad,2\n", "bod,1\nbad,2\n"] {
            fs::write(&path, changed).unwrap();
            let error = ResultFile::open(&path, noted).unwrap_err();
            assert!(error.message().contains("has changed since an earlier run of this load wrote it"), "{error}");
            assert_eq!(fs::read_to_string(&path).unwrap(), changed);
        }
        fs::write(&path, "bad,1\nbad,2\nba").unwrap();
        assert!(ResultFile::open(&path, noted).is_ok());
    }
}
