//! Which rows of a batch may have the same key.

use std::collections::HashMap;

use super::chunked_vec::ChunkedVec;

/// The keys of the rows of a batch, in the order of the rows. They are compared once, when the batch is complete:
/// sorting takes less time and a quarter of the memory of a map that is asked for every row.
#[derive(Debug, Default)]
pub(super) struct RowKeys {
    keys: ChunkedVec<u128>,
    /// The length of each row in bytes. Salesforce takes rows of up to 400,000 characters.
    lengths: ChunkedVec<u32>,
}

/// The rows of a batch in groups of those that may have the same key.
#[derive(Debug)]
pub(super) struct KeyGroups {
    /// For each row, the last row of its group; `NO_GROUP` for a row whose key no other row has.
    last_rows: Vec<u32>,
    lengths: ChunkedVec<u32>,
}

const NO_GROUP: u32 = u32::MAX;

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

    /// The last row of each of these keys that has one.
    pub(super) fn last_rows(&self, keys: impl Iterator<Item = u128>) -> HashMap<u128, usize> {
        let mut last_rows: HashMap<u128, Option<usize>> = keys.map(|key| (key, None)).collect();
        for row in 0..self.keys.len() {
            if let Some(last) = last_rows.get_mut(&self.keys.get(row)) {
                *last = Some(row);
            }
        }
        last_rows.into_iter().filter_map(|(key, row)| Some((key, row?))).collect()
    }

    /// The groups of rows that may have the same key. `None` if all keys differ, unless they are needed even then.
    pub(super) fn groups(self, is_needed: bool) -> Option<KeyGroups> {
        // A batch of 100 MB has at most 50 million rows of two bytes.
        #[expect(clippy::cast_possible_truncation)]
        let mut by_key: Vec<u32> = (0..self.keys.len() as u32).collect();
        let key = |row: &u32| self.keys.get(*row as usize);
        by_key.sort_unstable_by_key(|row| (key(row), *row));
        let mut last_rows = is_needed.then(|| vec![NO_GROUP; self.keys.len()]);
        for group in by_key.chunk_by(|one, other| key(one) == key(other)) {
            let [first @ .., last] = group else { continue };
            if first.is_empty() {
                continue;
            }
            let last_rows = last_rows.get_or_insert_with(|| vec![NO_GROUP; self.keys.len()]);
            group.iter().for_each(|row| last_rows[*row as usize] = *last);
        }
        Some(KeyGroups { last_rows: last_rows?, lengths: self.lengths })
    }
}

impl KeyGroups {
    /// The number of rows.
    pub(super) fn rows(&self) -> usize {
        self.last_rows.len()
    }

    /// The last row of the group of a row, if it has one.
    pub(super) fn last_row(&self, row: usize) -> Option<usize> {
        Some(self.last_rows[row]).filter(|last| *last != NO_GROUP).map(|last| last as usize)
    }

    /// The length of a row in bytes.
    pub(super) fn length(&self, row: usize) -> usize {
        self.lengths.get(row) as usize
    }

    /// The bytes held.
    pub(super) fn size(&self) -> usize {
        self.last_rows.len() * size_of::<u32>() + self.lengths.size()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_one_key_are_a_group() {
        for (keys, expected) in [
            (&[][..], None),
            (&[1, 2, 3], None),
            (&[1, 1], Some(vec![Some(1), Some(1)])),
            (&[7, 3, 7, 3, 7, 5], Some(vec![Some(4), Some(3), Some(4), Some(3), Some(4), None])),
        ] {
            let mut row_keys = RowKeys::default();
            keys.iter().for_each(|key| row_keys.push(*key, 3));
            let groups = row_keys.groups(false);
            let last_rows = groups.map(|groups| (0..groups.rows()).map(|row| groups.last_row(row)).collect());
            assert_eq!(last_rows, expected, "{keys:?}");
        }
    }
}
