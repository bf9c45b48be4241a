//! Which rows of a batch have the same key, so that only the last row of each record is uploaded.

use super::chunked_vec::ChunkedVec;

/// The keys of the rows of a batch, in the order of the rows. They are compared once, when the batch is complete:
/// sorting takes less time and a quarter of the memory of a map that is asked for every row.
#[derive(Debug, Default)]
pub(super) struct RowKeys {
    keys: ChunkedVec<u128>,
    /// The length of each row in bytes. Salesforce takes rows of up to 400,000 characters.
    lengths: ChunkedVec<u32>,
}

impl RowKeys {
    /// Adds the key of the next row, which has `length` bytes.
    pub(super) fn push(&mut self, key: u128, length: usize) {
        self.keys.push(key);
        self.lengths.push(u32::try_from(length).unwrap_or(u32::MAX));
    }

    /// The bytes held.
    pub(super) fn size(&self) -> usize {
        self.keys.size() + self.lengths.size()
    }

    /// The lengths of the rows in bytes.
    pub(super) fn lengths(&self) -> impl Iterator<Item = usize> {
        self.lengths.iter().map(|length| length as usize)
    }

    /// For each row, whether a later row has the same key. `None` if all keys differ.
    pub(super) fn replaced_rows(&self) -> Option<Vec<bool>> {
        // A batch of 100 MB has at most 50 million rows of two bytes.
        #[expect(clippy::cast_possible_truncation)]
        let mut by_key: Vec<u32> = (0..self.keys.len() as u32).collect();
        by_key.sort_unstable_by_key(|row| (self.keys.get(*row as usize), *row));
        let mut is_replaced = None;
        for pair in by_key.windows(2) {
            let (row, next) = (pair[0] as usize, pair[1] as usize);
            if self.keys.get(row) == self.keys.get(next) {
                is_replaced.get_or_insert_with(|| vec![false; self.keys.len()])[row] = true;
            }
        }
        is_replaced
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_rows_but_the_last_of_a_key_are_replaced() {
        for (keys, expected) in [
            (&[][..], None),
            (&[1, 2, 3], None),
            (&[1, 1], Some(vec![true, false])),
            (&[7, 3, 7, 3, 7, 5], Some(vec![true, true, true, false, false, false])),
        ] {
            let mut row_keys = RowKeys::default();
            keys.iter().for_each(|key| row_keys.push(*key, 3));
            assert_eq!(row_keys.replaced_rows(), expected, "{keys:?}");
        }
    }
}
