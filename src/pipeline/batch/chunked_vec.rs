//! What is kept for each row of a batch.

/// How many bytes a piece has. Blocks of 128 KiB and more come from the system one by one, and each that is freed raises
/// that bound for glibc (mallopt(3), "M_MMAP_THRESHOLD") until what large vectors leave behind is given back no more.
const PIECE_BYTES: usize = 64 * 1024;

/// Values in the order of the rows. They lie in pieces of one size, so that none of them moves and no room is left for
/// twice as many, as a vector would that grows.
#[derive(Debug, Clone)]
pub(in crate::pipeline) struct ChunkedVec<T> {
    pieces: Vec<Vec<T>>,
}

impl<T> Default for ChunkedVec<T> {
    fn default() -> Self {
        Self { pieces: Vec::new() }
    }
}

impl<T: Copy> ChunkedVec<T> {
    const PER_PIECE: usize = PIECE_BYTES / size_of::<T>();

    /// Adds the value of the next row.
    pub(in crate::pipeline) fn push(&mut self, value: T) {
        match self.pieces.last_mut() {
            Some(last) if last.len() < Self::PER_PIECE => last.push(value),
            // The first piece grows by itself, because most batches of a sync of many streams have few rows.
            None => self.pieces.push(vec![value]),
            Some(_) => {
                let mut piece = Vec::with_capacity(Self::PER_PIECE);
                piece.push(value);
                self.pieces.push(piece);
            }
        }
    }

    /// How many values there are.
    pub(in crate::pipeline) fn len(&self) -> usize {
        self.pieces.last().map_or(0, |last| (self.pieces.len() - 1) * Self::PER_PIECE + last.len())
    }

    /// The bytes held.
    pub(in crate::pipeline) fn size(&self) -> usize {
        let values = self.pieces.last().map_or(0, |last| (self.pieces.len() - 1) * Self::PER_PIECE + last.capacity());
        values * size_of::<T>() + self.pieces.capacity() * size_of::<Vec<T>>()
    }

    /// The value of a row.
    pub(in crate::pipeline) fn of(&self, row: usize) -> T {
        self.pieces[row / Self::PER_PIECE][row % Self::PER_PIECE]
    }

    /// The values in the order of the rows.
    pub(in crate::pipeline) fn iter(&self) -> impl Iterator<Item = T> {
        self.pieces.iter().flatten().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_in_their_order_and_take_little_more_room_than_they_need() {
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
            assert_eq!(values.of(row), (row as u64 + 1) * 7);
        }
        let total: usize = values.pieces.iter().map(|piece| piece.capacity() * size_of::<u64>()).sum();
        assert_eq!(values.size(), total + values.pieces.capacity() * size_of::<Vec<u64>>());
    }
}
