//! Sorts entries of any number in little memory: sorted runs of them wait in a temporary file.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::sync::Arc;

use airbyte::{Error, Result};

use super::entry::{Entry, order_of, places};

/// The bytes that are sorted in memory.
const HELD: usize = 4 * 1024 * 1024;

/// The bytes of a run that are read or written at once.
const BUFFER: usize = 32 * 1024;

/// The runs that are merged at once. More of them are merged into fewer first.
const RUNS_AT_ONCE: usize = 32;

/// Takes entries in any order.
pub(super) struct Sorter {
    /// Entries that are not sorted yet.
    held: Vec<u8>,
    /// Where each of them begins.
    begins: Vec<u32>,
    runs: Option<Runs>,
    most_held: usize,
    runs_at_once: usize,
}

/// Entries in their order; those with one order as they came.
pub(super) struct Sorted(Source);

enum Source {
    Held { bytes: Vec<u8>, begins: std::vec::IntoIter<u32>, entry: Option<Entry> },
    Merged(Merge),
}

impl Sorter {
    pub(super) fn new() -> Self {
        Self::of_size(HELD, RUNS_AT_ONCE)
    }

    pub(super) fn of_size(most_held: usize, runs_at_once: usize) -> Self {
        Self { held: Vec::new(), begins: Vec::new(), runs: None, most_held, runs_at_once }
    }

    /// Adds an entry.
    ///
    /// # Errors
    /// A temporary file cannot be written.
    pub(super) fn add(&mut self, entry: &Entry) -> Result<()> {
        if self.held.capacity() == 0 {
            self.held.reserve_exact(self.most_held);
        }
        let begin = self.held.len();
        entry.write(&mut self.held);
        // More than 4 GB are never held.
        self.begins.push(u32::try_from(begin).unwrap_or(u32::MAX));
        if self.held.len() + self.begins.len() * size_of::<u32>() >= self.most_held {
            self.write_run().map_err(|error| not_kept(&error))?;
        }
        Ok(())
    }

    /// Forgets every entry.
    pub(super) fn clear(&mut self) {
        self.held.clear();
        self.begins.clear();
        self.runs = None;
    }

    /// The entries in their order.
    ///
    /// # Errors
    /// A temporary file cannot be written or read.
    pub(super) fn finish(mut self) -> Result<Sorted> {
        self.merge_runs().map(Sorted).map_err(|error| not_kept(&error))
    }

    fn merge_runs(&mut self) -> io::Result<Source> {
        if self.runs.is_none() {
            self.sort();
            let mut source =
                Source::Held { bytes: take(&mut self.held), begins: take(&mut self.begins).into_iter(), entry: None };
            source.advance()?;
            return Ok(source);
        }
        if !self.begins.is_empty() {
            self.write_run()?;
        }
        // The memory is for what comes next.
        (self.held, self.begins) = (Vec::new(), Vec::new());
        let mut runs = self.runs.take().map_or_else(Runs::new, Ok)?;
        while runs.ranges.len() > self.runs_at_once {
            let mut fewer = Runs::new()?;
            for ranges in runs.ranges.chunks(self.runs_at_once) {
                fewer.append_merged(Merge::new(&runs.file, ranges)?)?;
            }
            runs = fewer;
        }
        Ok(Source::Merged(Merge::new(&runs.file, &runs.ranges)?))
    }

    /// Sorts what is held. Entries with one order stay as they came.
    fn sort(&mut self) {
        let order = |begin: &u32| order_of(&self.held[*begin as usize..]);
        self.begins.sort_unstable_by(|one, other| order(one).cmp(order(other)).then(one.cmp(other)));
    }

    fn write_run(&mut self) -> io::Result<()> {
        self.sort();
        let runs = match &mut self.runs {
            Some(runs) => runs,
            none => none.insert(Runs::new()?),
        };
        let mut run = runs.begin()?;
        for begin in &self.begins {
            let entry = &self.held[*begin as usize..];
            run.write_all(&entry[..places(entry).map_or(0, |(size, _)| size)])?;
        }
        run.flush()?;
        drop(run);
        runs.end()?;
        self.held.clear();
        self.begins.clear();
        Ok(())
    }
}

fn take<T: Default>(value: &mut T) -> T {
    std::mem::take(value)
}

impl Sorted {
    /// The next entry; none after the last one.
    pub(super) fn entry(&self) -> Option<&Entry> {
        match &self.0 {
            Source::Held { entry, .. } => entry.as_ref(),
            Source::Merged(merge) => merge.entry(),
        }
    }

    /// Goes on to the entry after it.
    ///
    /// # Errors
    /// A temporary file cannot be read.
    pub(super) fn advance(&mut self) -> Result<()> {
        self.0.advance().map_err(|error| not_kept(&error))
    }
}

impl Source {
    fn advance(&mut self) -> io::Result<()> {
        match self {
            Self::Held { bytes, begins, entry } => match begins.next() {
                Some(begin) => drop(entry.get_or_insert_default().read(&bytes[begin as usize..])),
                None => *entry = None,
            },
            Self::Merged(merge) => merge.advance()?,
        }
        Ok(())
    }
}

/// Sorted runs of entries, one behind the other in a file. It has no name, so the system removes it with the process,
/// however that ends.
struct Runs {
    file: Arc<File>,
    ranges: Vec<Range<u64>>,
}

impl Runs {
    fn new() -> io::Result<Self> {
        Ok(Self { file: Arc::new(tempfile::tempfile()?), ranges: Vec::new() })
    }

    /// Begins a run behind the last one.
    fn begin(&self) -> io::Result<BufWriter<&File>> {
        (&*self.file).seek(SeekFrom::Start(self.written()))?;
        Ok(BufWriter::with_capacity(BUFFER, &self.file))
    }

    /// Ends the run that is written.
    fn end(&mut self) -> io::Result<()> {
        let begin = self.written();
        self.ranges.push(begin..(&*self.file).stream_position()?);
        Ok(())
    }

    fn append_merged(&mut self, mut merge: Merge) -> io::Result<()> {
        let mut bytes = Vec::new();
        let mut run = self.begin()?;
        while let Some(entry) = merge.entry() {
            bytes.clear();
            entry.write(&mut bytes);
            run.write_all(&bytes)?;
            merge.advance()?;
        }
        run.flush()?;
        drop(run);
        self.end()
    }

    fn written(&self) -> u64 {
        self.ranges.last().map_or(0, |range| range.end)
    }
}

/// Several runs as one.
struct Merge {
    file: Arc<File>,
    runs: BinaryHeap<Run>,
}

impl Merge {
    fn new(file: &Arc<File>, ranges: &[Range<u64>]) -> io::Result<Self> {
        let mut runs = BinaryHeap::with_capacity(ranges.len());
        for (number, range) in ranges.iter().enumerate() {
            let mut run = Run { number, unread: range.clone(), buffer: Vec::new(), place: 0, entry: Entry::default() };
            if run.advance(file)? {
                runs.push(run);
            }
        }
        Ok(Self { file: Arc::clone(file), runs })
    }

    fn entry(&self) -> Option<&Entry> {
        self.runs.peek().map(|run| &run.entry)
    }

    fn advance(&mut self) -> io::Result<()> {
        let Some(mut run) = self.runs.peek_mut() else { return Ok(()) };
        if !run.advance(&self.file)? {
            PeekMut::pop(run);
        }
        Ok(())
    }
}

/// A run that is read. The greatest one has the first entry, because a heap gives its greatest.
struct Run {
    number: usize,
    /// What of the file is not in the buffer yet.
    unread: Range<u64>,
    buffer: Vec<u8>,
    /// Where the next entry begins in the buffer.
    place: usize,
    entry: Entry,
}

impl Run {
    /// Reads the next entry. Returns false after the last one.
    fn advance(&mut self, file: &File) -> io::Result<bool> {
        loop {
            if let Some(size) = self.entry.read(&self.buffer[self.place..]) {
                self.place += size;
                return Ok(true);
            }
            if self.unread.is_empty() {
                let is_whole = self.place == self.buffer.len();
                return if is_whole { Ok(false) } else { Err(ErrorKind::UnexpectedEof.into()) };
            }
            self.fill(file)?;
        }
    }

    fn fill(&mut self, mut file: &File) -> io::Result<()> {
        self.buffer.drain(..self.place);
        self.place = 0;
        let kept = self.buffer.len();
        let left = self.unread.end - self.unread.start;
        let size = usize::try_from(left).unwrap_or(usize::MAX).min(BUFFER);
        self.buffer.resize(kept + size, 0);
        file.seek(SeekFrom::Start(self.unread.start))?;
        file.read_exact(&mut self.buffer[kept..])?;
        self.unread.start += size as u64;
        Ok(())
    }
}

impl Ord for Run {
    fn cmp(&self, other: &Self) -> Ordering {
        // Runs were written one after another, so the earlier one has what came first.
        other.entry.order.cmp(&self.entry.order).then(other.number.cmp(&self.number))
    }
}

impl PartialOrd for Run {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Run {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Run {}

/// The error of a temporary file.
fn not_kept(error: &io::Error) -> Error {
    let folder = std::env::temp_dir();
    let folder = folder.display();
    let is_full = matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge);
    let text = if is_full {
        format!(
            "The folder for temporary files, {folder}, is full. A comparison needs about 60 bytes in it for each record of \
             both sides. Make room there, or set the variable TMPDIR to another folder."
        )
    } else {
        format!(
            "The folder for temporary files, {folder}, cannot be used ({error}). Set the variable TMPDIR to a folder in \
             which this user may write."
        )
    };
    Error::config(text).internal(error)
}

#[cfg(test)]
mod tests {
    use salesforce::KeyComparison;

    use super::super::entry::Identity;
    use super::*;

    fn sorted(mut sorter: Sorter, entries: &[Entry]) -> Vec<Entry> {
        entries.iter().for_each(|entry| sorter.add(entry).unwrap());
        let mut sorted = sorter.finish().unwrap();
        let mut all = Vec::new();
        while let Some(entry) = sorted.entry() {
            all.push(entry.clone());
            sorted.advance().unwrap();
        }
        sorted.advance().unwrap();
        assert_eq!(sorted.entry(), None);
        all
    }

    #[test]
    fn entries_are_sorted_however_many_runs_they_take_and_stay_as_they_came_within_a_key() {
        let identity = Identity { own: None, there: KeyComparison::IgnoreCase };
        for seed in 0..200 {
            let mut random = fastrand::Rng::with_seed(seed);
            let entries: Vec<Entry> = (0..random.i64(0..400))
                .map(|number| {
                    let long = if random.u8(..) == 0 { "x".repeat(random.usize(0..100_000)) } else { String::new() };
                    let key = format!("{}{}{long}", if random.bool() { "E" } else { "e" }, random.u8(0..50));
                    Entry::new(random.u16(0..3), Some(&key), &identity, Some(number))
                })
                .collect();
            let mut expected = entries.clone();
            expected.sort_by(|one, other| one.order.cmp(&other.order));
            let sorter = Sorter::of_size(random.usize(1..20_000), random.usize(2..5));
            assert_eq!(sorted(sorter, &entries), expected, "{seed}");
        }
    }

    #[test]
    fn nothing_of_a_sorter_that_is_cleared_is_left() {
        let identity = Identity { own: None, there: KeyComparison::Exact };
        let mut sorter = Sorter::of_size(100, 2);
        for number in 0..100 {
            sorter.add(&Entry::new(0, Some(&number.to_string()), &identity, None)).unwrap();
        }
        sorter.clear();
        let only = Entry::new(0, Some("only"), &identity, None);
        assert_eq!(sorted(sorter, std::slice::from_ref(&only)), [only]);
    }

    #[test]
    fn a_full_folder_and_one_without_rights_say_what_to_do() {
        for (kind, part) in [
            (ErrorKind::StorageFull, "is full"),
            (ErrorKind::QuotaExceeded, "is full"),
            (ErrorKind::FileTooLarge, "is full"),
            (ErrorKind::PermissionDenied, "cannot be used"),
        ] {
            let error = not_kept(&kind.into());
            assert!(error.message().contains(part) && error.message().contains("TMPDIR"), "{}", error.message());
        }
    }
}
