//! What a batch leases ahead, for what becomes of its rows.

/// The bytes that a batch leases for each of its rows, besides what it holds: what comes after it is complete takes memory
/// too, and the input that is read meanwhile must not have taken it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Reserve {
    /// For each row that writes.
    pub(crate) writes: usize,
    /// For each row that deletes what the source has deleted.
    pub(crate) deletes: usize,
}

impl Reserve {
    /// The bytes for so many rows of each kind.
    pub(super) fn of(self, writes: usize, deletes: usize) -> usize {
        self.writes * writes + self.deletes * deletes
    }
}
