//! The log of deletions of one object, which `/deleted` reads.

use super::Stamp;

/// A record that was deleted, to the recycle bin or for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Deletion {
    pub(crate) record: usize,
    pub(crate) at: Stamp,
}

/// The log of deletions. The oldest entries can be purged.
#[derive(Debug, Default)]
pub(crate) struct Deletions {
    /// In the order of their commits.
    entries: Vec<Deletion>,
    /// The stamp of the last entry that was purged.
    purged: Option<Stamp>,
}

impl Deletions {
    pub(super) fn add(&mut self, record: usize, at: Stamp) {
        self.entries.push(Deletion { record, at });
    }

    /// Forgets a deletion, because the record is back.
    pub(super) fn forget(&mut self, record: usize) {
        self.entries.retain(|entry| entry.record != record);
    }

    /// Removes all entries.
    pub(crate) fn purge(&mut self) {
        self.purged = self.entries.iter().map(|entry| entry.at).max().max(self.purged);
        self.entries.clear();
    }

    /// The stamp of the last deletion that is no longer in the log.
    pub(crate) fn purged(&self) -> Option<Stamp> {
        self.purged
    }

    /// The deletions from one stamp to before another.
    pub(crate) fn between(&self, from: Stamp, to: Stamp) -> impl Iterator<Item = Deletion> {
        self.entries.iter().copied().filter(move |entry| from <= entry.at && entry.at < to)
    }
}
