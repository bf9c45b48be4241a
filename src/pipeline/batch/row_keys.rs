//! Which rows of a batch mean the same record, so that only the last of them is sent.

use crate::pipeline::batch::chunked_vec::ChunkedVec;

/// The keys of the rows of a batch, in the order of the rows. They are compared when the batch is complete: to sort
/// them then takes a fourth of the memory, and less time, than to look each one up as it comes.
#[derive(Debug, Default)]
pub(in crate::pipeline) struct RowKeys {
    keys: ChunkedVec<u128>,
    /// The length of each row in bytes; a row is shorter than 400,000 characters.
    lengths: ChunkedVec<u32>,
}

impl RowKeys {
    /// Adds the next row.
    pub(in crate::pipeline) fn push(&mut self, key: u128, length: usize) {
        self.keys.push(key);
        self.lengths.push(u32::try_from(length).unwrap_or(u32::MAX));
    }

    /// The bytes held.
    pub(in crate::pipeline) fn size(&self) -> usize {
        self.keys.size() + self.lengths.size()
    }

    /// The lengths of the rows.
    pub(in crate::pipeline) fn lengths(&self) -> impl Iterator<Item = usize> {
        self.lengths.iter().map(|length| length as usize)
    }

    /// For each row, whether a later one means the same record; `None` where no row does.
    pub(in crate::pipeline) fn superseded(&self) -> Option<Vec<bool>> {
        // A batch of 100 MB has at most 50 million rows of two bytes.
        #[expect(clippy::cast_possible_truncation)]
        let mut by_key: Vec<u32> = (0..self.keys.len() as u32).collect();
        by_key.sort_unstable_by_key(|row| (self.keys.of(*row as usize), *row));
        let mut superseded = None;
        for pair in by_key.windows(2) {
            let (row, next) = (pair[0] as usize, pair[1] as usize);
            if self.keys.of(row) == self.keys.of(next) {
                superseded.get_or_insert_with(|| vec![false; self.keys.len()])[row] = true;
            }
        }
        superseded
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_but_the_last_row_of_a_record_are_superseded() {
        for (keys, expected) in [
            (&[][..], None),
            (&[1, 2, 3], None),
            (&[1, 1], Some(vec![true, false])),
            (&[7, 3, 7, 3, 7, 5], Some(vec![true, true, true, false, false, false])),
        ] {
            let mut keyed = RowKeys::default();
            keys.iter().for_each(|key| keyed.push(*key, 3));
            assert_eq!(keyed.superseded(), expected, "{keys:?}");
        }
    }
}
