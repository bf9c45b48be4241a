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

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn rows_that_differ_in_one_byte_are_different_rows() {
        let rows = [
            "a,b\n",
            "A,b\n",
            "a,B\n",
            "b,a\n",
            "a,b ",
            "a,b",
            " a,b\n",
            "a ,b\n",
            "a,b,\n",
            ",a,b\n",
            "a\tb\n",
            "\"a\",b\n",
            "\"a,b\"\n",
            "\u{e4},b\n",
            "\u{c4},b\n",
            "a\u{308},b\n",
        ];
        let hashes: HashSet<u64> = rows.iter().map(|row| row_hash(row.as_bytes())).collect();
        assert_eq!(hashes.len(), rows.len());
    }
}
