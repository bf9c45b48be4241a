//! The hash by which a row is found again.

use std::hash::{BuildHasher, Hasher};

/// The hash of a row. Equal cells are written as equal bytes, so a row that Salesforce returns has the hash of the row
/// that was sent.
///
/// 32 bits keep the memory for each row small. If two rows of a batch have the same hash by chance, one may get the
/// segment and the extraction time of the other; the number of rows stays right.
pub fn row_hash(csv: &[u8]) -> u32 {
    let mut hasher = foldhash::quality::FixedState::default().build_hasher();
    hasher.write(csv);
    #[expect(clippy::cast_possible_truncation, reason = "half of the bits are enough")]
    {
        hasher.finish() as u32
    }
}
