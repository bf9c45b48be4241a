//! The hash by which a row is found again.

use std::hash::{BuildHasher, Hasher};

/// The hash of a row. Equal cells are written as equal bytes, so a row that Salesforce returns has the hash of the row
/// that was sent.
///
/// Rows with one hash count as equal rows. Among ten million different rows, the chance that any two have the same hash
/// is three in a million (10^14 / 2 pairs, 2^64 hashes); with half of the bits some 11,600 pairs would.
pub fn row_hash(csv: &[u8]) -> u64 {
    let mut hasher = foldhash::quality::FixedState::default().build_hasher();
    hasher.write(csv);
    hasher.finish()
}
