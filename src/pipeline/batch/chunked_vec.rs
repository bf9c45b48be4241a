//! A list that grows without moving its values.

/// The bytes of a piece. It is below 128 KiB, because glibc asks the system for each larger block, and returns less and
/// less of them (mallopt(3), "M_MMAP_THRESHOLD").
const PIECE_BYTES: usize = 64 * 1024;

/// A list of values in pieces of one size. Unlike a growing `Vec` it moves no value and reserves little room.
#[derive(Debug, Clone)]
pub(super) struct ChunkedVec<T> {
    pieces: Vec<Vec<T>>,
}

impl<T> Default for ChunkedVec<T> {
    fn default() -> Self {
        Self { pieces: Vec::new() }
    }
}

impl<T: Copy> ChunkedVec<T> {
    const PER_PIECE: usize = PIECE_BYTES / size_of::<T>();

    /// Adds a value.
    pub(super) fn push(&mut self, value: T) {
        match self.pieces.last_mut() {
            Some(last) if last.len() < Self::PER_PIECE => last.push(value),
            // The first piece starts small, because with many streams most batches have few rows.
            None => self.pieces.push(vec![value]),
            Some(_) => {
                let mut piece = Vec::with_capacity(Self::PER_PIECE);
                piece.push(value);
                self.pieces.push(piece);
            }
        }
    }

    /// The number of values.
    pub(super) fn len(&self) -> usize {
        self.pieces.last().map_or(0, |last| (self.pieces.len() - 1) * Self::PER_PIECE + last.len())
    }

    /// The bytes held.
    pub(super) fn size(&self) -> usize {
        let values = self.pieces.last().map_or(0, |last| (self.pieces.len() - 1) * Self::PER_PIECE + last.capacity());
        values * size_of::<T>() + self.pieces.capacity() * size_of::<Vec<T>>()
    }

    /// The value at an index.
    pub(super) fn get(&self, index: usize) -> T {
        self.pieces[index / Self::PER_PIECE][index % Self::PER_PIECE]
    }

    /// The index of the first value for which `is_before` is false. It is true for the values before that one.
    pub(super) fn partition_point(&self, is_before: impl Fn(T) -> bool) -> usize {
        let (mut start, mut end) = (0, self.len());
        while start < end {
            let middle = start.midpoint(end);
            if is_before(self.get(middle)) { start = middle + 1 } else { end = middle }
        }
        start
    }

    /// The values in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = T> {
        self.pieces.iter().flatten().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_their_order_and_need_little_extra_room() {
        let mut values = ChunkedVec::<u64>::default();
        assert_eq!((values.len(), values.size()), (0, 0));
        for count in 1..100_000 {
            values.push(count * 7);
            assert_eq!(values.len() as u64, count);
            if count == 5 || count > 10_000 {
                let needed = values.len() * size_of::<u64>();
                assert!((needed..needed + PIECE_BYTES + 4096).contains(&values.size()), "{count}: {}", values.size());
            }
        }
        assert!(values.iter().eq((1..100_000).map(|count| count * 7)));
        for row in [0, 1, 8_191, 8_192, 99_998] {
            assert_eq!(values.get(row), (row as u64 + 1) * 7);
            assert_eq!(values.partition_point(|value| value < (row as u64 + 1) * 7), row);
        }
        let total: usize = values.pieces.iter().map(|piece| piece.capacity() * size_of::<u64>()).sum();
        assert_eq!(values.size(), total + values.pieces.capacity() * size_of::<Vec<u64>>());
    }
}
