//! The rows that a job of an earlier attempt wrote, and the records of this attempt that are the same rows.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;

use super::entry::Entry;
use super::store::Removal;
use crate::convert::{Columns, cells, row_hash, write_row};

/// The rows of one job that was not acknowledged.
#[derive(Debug)]
pub(crate) struct EarlierRows {
    /// The entry without its hashes.
    entry: Entry,
    /// The different hashes of its rows, sorted.
    hashes: Vec<u64>,
    /// How often each was written, as far as known.
    counts: Vec<Count>,
    /// The rows that records of this attempt are the same as, and the segments of those records.
    taken: VecDeque<(u64, u32)>,
    /// How many were taken.
    pub(crate) records: u64,
    layout: Option<(Arc<Columns>, RowLayout)>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Count {
    /// Rows of the entry with this hash.
    listed: u32,
    /// How many of them the job wrote and no acknowledged record has taken.
    kept: u32,
    /// How many of those no record has taken.
    free: u32,
}

/// The place of each column of a batch in the header of an earlier job.
#[derive(Debug, Clone, PartialEq, Eq)]
enum RowLayout {
    Same,
    /// None for a column that the earlier job lacks: its cell must be empty.
    Other(Vec<Option<usize>>),
}

impl RowLayout {
    /// The layout of rows with the header `from` in the columns `to`.
    fn new<'a>(from: impl Iterator<Item = &'a str> + Clone, to: &[String]) -> Self {
        if from.clone().eq(to.iter().map(String::as_str)) {
            return Self::Same;
        }
        let place = |header: &str| to.iter().position(|other| other.eq_ignore_ascii_case(header));
        Self::Other(from.map(place).collect())
    }

    /// The row as the earlier job would have sent it; none if it has a value that the earlier job had no column for.
    fn row<'r>(&self, row: &'r [u8], width: usize) -> Option<Cow<'r, [u8]>> {
        let Self::Other(places) = self else { return Some(row.into()) };
        let own = cells(row);
        let mut other = vec![""; width];
        for (cell, place) in own.iter().zip(places) {
            match place {
                Some(place) => other[*place] = cell,
                None if cell.is_empty() => {}
                None => return None,
            }
        }
        let mut bytes = Vec::new();
        write_row(&mut bytes, other);
        Some(bytes.into())
    }
}

impl EarlierRows {
    /// The rows of an entry. Nothing is known yet of what became of them.
    pub(crate) fn new(mut entry: Entry) -> Self {
        let mut all = std::mem::take(&mut entry.hashes);
        all.sort_unstable();
        let (mut hashes, mut counts) = (Vec::new(), Vec::<Count>::new());
        for hash in all {
            match counts.last_mut() {
                Some(count) if hashes.last() == Some(&hash) => count.listed += 1,
                _ => {
                    hashes.push(hash);
                    counts.push(Count { listed: 1, ..Count::default() });
                }
            }
        }
        Self { entry, hashes, counts, taken: VecDeque::new(), records: 0, layout: None }
    }

    /// The bytes held for an entry with this many rows, while it is read too.
    pub(crate) fn size_of(rows: usize) -> usize {
        rows * (3 * size_of::<u64>() + size_of::<Count>() + size_of::<(u64, u32)>())
    }

    pub(crate) fn job(&self) -> &str {
        &self.entry.job
    }

    pub(crate) fn columns(&self) -> &[String] {
        &self.entry.columns
    }

    /// Begins to read which rows were written.
    pub(crate) fn begin(&mut self) {
        self.counts.iter_mut().for_each(|count| (count.kept, count.free) = (0, 0));
    }

    /// Notes a row that the job wrote. Returns whether it is a row of the entry: Salesforce may have returned it in
    /// another form, and then nobody knows which row it is.
    pub(crate) fn written(&mut self, csv: &[u8]) -> bool {
        let Ok(place) = self.hashes.binary_search(&row_hash(csv)) else { return false };
        let count = &mut self.counts[place];
        let is_listed = count.kept < count.listed;
        if is_listed {
            (count.kept, count.free) = (count.kept + 1, count.free + 1);
        }
        is_listed
    }

    /// Whether a row is one of the entry.
    pub(crate) fn has(&self, csv: &[u8]) -> bool {
        self.hashes.binary_search(&row_hash(csv)).is_ok()
    }

    /// How many rows of the entry are not known to be written.
    pub(crate) fn not_written(&self) -> u64 {
        self.counts.iter().map(|count| u64::from(count.listed - count.kept)).sum()
    }

    /// How many rows of the job are known to be written and not taken.
    pub(crate) fn free(&self) -> u64 {
        self.counts.iter().map(|count| u64::from(count.free)).sum()
    }

    /// Takes a row that is the same as this one. The record is of this segment.
    pub(crate) fn take(&mut self, row: &[u8], columns: &Arc<Columns>, segment: u64) -> bool {
        if !self.layout.as_ref().is_some_and(|(of, _)| Arc::ptr_eq(of, columns)) {
            let layout = RowLayout::new(columns.iter().map(|column| column.header()), &self.entry.columns);
            self.layout = Some((Arc::clone(columns), layout));
        }
        let Some((_, layout)) = &self.layout else { return false };
        let Some(row) = layout.row(row, self.entry.columns.len()) else { return false };
        let Ok(place) = self.hashes.binary_search(&row_hash(&row)) else { return false };
        let count = &mut self.counts[place];
        if count.free == 0 {
            return false;
        }
        count.free -= 1;
        self.records += 1;
        #[expect(clippy::cast_possible_truncation, reason = "a batch of 100 MB has fewer rows")]
        self.taken.push_back((segment, place as u32));
        true
    }

    /// What must happen to the entry before a state leaves that covers the stream up to a segment.
    pub(crate) fn acknowledge(&mut self, segment: u64) -> Option<Removal> {
        let before = self.taken.len();
        while let Some((_, place)) = self.taken.pop_front_if(|(of, _)| *of <= segment) {
            self.counts[place as usize].kept -= 1;
        }
        if self.taken.len() == before {
            return None;
        }
        let mut entry = self.entry.clone();
        let kept = self.hashes.iter().zip(&self.counts);
        entry.set_rows(kept.flat_map(|(hash, count)| std::iter::repeat_n((0, *hash), count.kept as usize)));
        Some(Removal::Rewritten(Box::new(entry)))
    }
}

#[cfg(test)]
mod tests;
