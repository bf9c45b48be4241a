//! A file with what became of rows. It grows while the load runs, and a crash leaves only whole rows that count.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead as _, BufReader, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use super::error::{cut_result_file, unwritable};
use airbyte::Result;

/// How much of a file is searched at once.
const SEARCHED_BYTES: usize = 64 * 1024;

/// A result file.
#[derive(Debug)]
pub(super) struct ResultFile {
    path: PathBuf,
    file: File,
    length: u64,
    has_unsynced: bool,
}

impl ResultFile {
    /// Opens the file at the length that is noted of it, and removes what a crash has left behind that. A length of 0 is a
    /// new file.
    pub(super) fn open(path: &Path, length: u64) -> Result<Self> {
        let failed = |error: std::io::Error| unwritable(path, &error);
        let mut file = OpenOptions::new().write(true).create(length == 0).truncate(false).open(path).map_err(failed)?;
        if file.metadata().map_err(failed)?.len() < length {
            return Err(cut_result_file(path));
        }
        file.set_len(length).and_then(|()| file.seek(SeekFrom::Start(length))).map_err(failed)?;
        Ok(Self { path: path.to_owned(), file, length, has_unsynced: false })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The bytes that count.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(|error| unwritable(&self.path, &error))?;
        self.length += bytes.len() as u64;
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
        if std::mem::take(&mut self.has_unsynced) {
            self.file.sync_data().map_err(|error| unwritable(&self.path, &error))?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_wherever_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = ResultFile::open(&folder.path().join("f"), 0).unwrap();
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
    fn what_a_crash_left_behind_the_noted_length_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        let mut file = ResultFile::open(&path, 0).unwrap();
        file.append(b"a row\n").unwrap();
        file.sync().unwrap();
        let length = file.length();
        file.append(b"half of a r").unwrap();
        drop(file);
        let mut file = ResultFile::open(&path, length).unwrap();
        file.append(b"another\n").unwrap();
        assert_eq!(file.close().unwrap(), Some(path.clone()));
        assert_eq!(fs::read_to_string(&path).unwrap(), "a row\nanother\n");

        let error = ResultFile::open(&path, 1_000).unwrap_err();
        assert!(error.message().contains("is shorter than"), "{error}");
        assert_eq!(ResultFile::open(&path, 0).unwrap().close().unwrap(), None);
        assert!(!path.exists());
    }
}
