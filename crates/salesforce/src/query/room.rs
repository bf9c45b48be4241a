//! The memory of pages: what a page may take, and how many rows it has so that it takes no more.

use std::sync::Arc;

use memory::{Budget, Lease};

/// The bytes that a page is to take, packed. About 10 MB of CSV become as much.
const PAGE_SIZE: usize = 3 * 1024 * 1024;

/// The fewest rows for which a page is held as it is. Packing takes a third of the CPU of reading short rows, and long
/// rows would be few on a page that is not packed, so that they took more API requests.
const FEWEST_UNPACKED_ROWS: usize = 2_000;

/// How many times smaller rows are taken to become before a page of them was packed.
const PACKING: usize = 2;

/// What reading a page takes beside its rows: buffers of the connection, of unpacking, and of a row.
const READING_SIZE: usize = 256 * 1024;

/// The bytes that a cell is taken to have before a page is known.
const CELL_SIZE: usize = 16;

/// Where pages have their memory.
#[derive(Clone, Default)]
pub(super) struct Room {
    /// None for a reader that has other means to hold few pages.
    budget: Option<Arc<Budget>>,
}

/// The memory that one page may take. Without a budget that is any.
#[derive(Debug, Default)]
pub(super) struct PageLease {
    lease: Option<Lease>,
    asked: usize,
    /// The bytes of rows that are held as they are; those after them are packed.
    unpacked: usize,
}

impl Room {
    pub(super) fn of(budget: Arc<Budget>) -> Self {
        Self { budget: Some(budget) }
    }

    /// Whether pages share a budget.
    pub(super) fn is_limited(&self) -> bool {
        self.budget.is_some()
    }

    /// A lease for a page, once there is room for it. Who waits must hold no page.
    pub(super) async fn lease(&self, size: PageSize) -> PageLease {
        let Some(budget) = &self.budget else { return PageLease::default() };
        let asked = size.asked(budget);
        PageLease { lease: Some(budget.lease_of(asked).await), asked, unpacked: size.unpacked(asked) }
    }

    /// A lease for a page that can also be read later; none if there is no room.
    pub(super) fn try_lease(&self, size: PageSize) -> Option<PageLease> {
        let Some(budget) = &self.budget else { return Some(PageLease::default()) };
        let asked = size.asked(budget);
        Some(PageLease { lease: Some(budget.try_lease_of(asked)?), asked, unpacked: size.unpacked(asked) })
    }
}

impl PageLease {
    /// Whether rows are packed that would make the page as large as `bytes`.
    pub(super) fn packs(&self, bytes: usize) -> bool {
        self.lease.is_some() && bytes > self.unpacked
    }

    /// Covers the bytes of a page that is read, and what reading it takes. Returns whether the page may take them: what
    /// was not asked for is there only as long as nobody else needs it, but for a page that is alone.
    pub(super) fn grow(&mut self, bytes: usize) -> bool {
        let Some(lease) = &mut self.lease else { return true };
        lease.set(bytes.max(self.asked));
        let budget = lease.budget();
        bytes <= self.asked || self.asked >= budget.capacity() || budget.overdrawn() == 0
    }

    /// Covers the bytes of a page that is whole, and gives back the others.
    pub(super) fn set(&mut self, bytes: usize) {
        if let Some(lease) = &mut self.lease {
            lease.set(bytes);
        }
    }
}

/// How large the next page is: the rows that it may have, and the bytes that it is expected to take.
#[derive(Debug, Clone, Copy)]
pub(super) struct PageSize {
    /// The most rows that the reader wants.
    most_rows: usize,
    rows: usize,
    /// The rows that are left, as far as it is known.
    left: usize,
    row_bytes: usize,
    is_packed: bool,
    /// Whether its rows cannot be fewer and took more than there was: it is read while there is no other page.
    is_alone: bool,
}

impl PageSize {
    /// Pages of at most so many rows, each of so many columns.
    pub(super) fn new(rows: usize, columns: usize) -> Self {
        let row_bytes = columns.saturating_mul(CELL_SIZE).max(1);
        Self { most_rows: rows, rows, left: usize::MAX, row_bytes, is_packed: false, is_alone: false }
    }

    pub(super) fn of_rows(self, rows: usize) -> Self {
        Self { most_rows: rows, rows, ..self }
    }

    /// The same for a page of so many rows, if it may have as many.
    pub(super) fn beginning_with(self, rows: usize) -> Self {
        Self { rows: rows.clamp(1, self.most_rows.max(1)), ..self }
    }

    pub(super) fn rows(self) -> usize {
        self.rows
    }

    /// The same while so many rows are left. Their number may be late, so a page asks for no fewer rows, and only for less
    /// memory.
    pub(super) fn with_left(self, left: Option<u64>) -> Self {
        let left = left.and_then(|left| usize::try_from(left).ok());
        Self { left: left.map_or(usize::MAX, |left| left.max(1)), ..self }
    }

    /// The bytes that a page asks for.
    fn asked(self, budget: &Budget) -> usize {
        if self.is_alone {
            return budget.capacity();
        }
        let bytes = self.rows.min(self.left).saturating_mul(self.row_bytes).min(PAGE_SIZE) + READING_SIZE;
        bytes.min(budget.capacity())
    }

    /// The bytes of rows that a page holds as they are.
    fn unpacked(self, asked: usize) -> usize {
        if self.is_packed || self.is_alone { 0 } else { asked.saturating_sub(READING_SIZE) }
    }

    /// The size of the page after one that has so many rows, which take so many bytes, and so many before packing. It
    /// has few rows if they are long, and at most four times as many as the one before: what comes next may be longer
    /// again.
    pub(super) fn after(self, rows: u64, bytes: usize, unpacked: usize) -> Self {
        let Some(read) = usize::try_from(rows).ok().filter(|rows| *rows > 0) else { return self };
        let unpacked = unpacked.div_ceil(read).max(1);
        let is_packed = PAGE_SIZE / unpacked < FEWEST_UNPACKED_ROWS.min(self.most_rows);
        let row_bytes = match (is_packed, self.is_packed) {
            (false, _) => unpacked,
            (true, false) => unpacked.div_ceil(PACKING),
            (true, true) => bytes.div_ceil(read).max(1),
        };
        let fitting = (PAGE_SIZE / row_bytes).min(self.rows.saturating_mul(4));
        Self { rows: fitting.clamp(1, self.most_rows.max(1)), row_bytes, is_packed, is_alone: false, ..self }
    }

    /// The size for a page that took more than it may when so many rows were read: at most half as many rows, and alone
    /// if there is one only, or if Salesforce chooses their number.
    pub(super) fn smaller(self, rows: u64, bytes: usize, is_chosen: bool) -> Self {
        let read = usize::try_from(rows).unwrap_or(usize::MAX).max(1);
        let row_bytes = bytes.div_ceil(read).max(1);
        let rows = (PAGE_SIZE / row_bytes).min(self.rows / 2).min(read / 2).max(1);
        Self { rows, row_bytes, is_alone: is_chosen || self.rows <= 1, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    #[test]
    fn a_page_of_long_rows_has_fewer_and_one_of_short_rows_more_up_to_the_most() {
        let size = PageSize::new(1_000, 10);
        for (rows, bytes, expected) in [
            (1_000, MIB, 1_000),
            (1_000, 2 * MIB, 1_000),
            (1_000, 6 * MIB, 499),
            (10, 6 * MIB, 4),
            (1, 6 * MIB, 1),
            (0, 0, 1_000),
        ] {
            let packed = PageSize { is_packed: true, ..size };
            assert_eq!(packed.after(rows, bytes, 3 * bytes).rows(), expected, "{rows} {bytes}");
        }
        let after = |size: PageSize, rows, bytes| size.after(rows, bytes, bytes);
        let small = after(size, 10, 12 * MIB);
        assert_eq!(small.rows(), 4);
        let larger = after(small, 5, 100);
        assert_eq!(larger.rows(), 16, "four times as many");
        assert_eq!(after(after(after(larger, 20, 400), 80, 1_600), 320, 6_400).rows(), 1_000);
    }

    #[test]
    fn rows_are_held_as_they_are_if_many_of_them_fit_on_a_page_and_packed_otherwise() {
        let size = PageSize::new(7_000, 10).beginning_with(1_000);
        for (row, is_packed, rows, next_rows) in [
            (100, false, 4_000, 7_000),
            (1_000, false, 3_145, 3_145),
            (1_572, false, 2_001, 2_001),
            (1_573, true, 3_997, 6_664),
            (10_000, true, 629, 1_048),
            (9 * MIB, true, 1, 1),
        ] {
            let after = size.after(1_000, 700 * row, 1_000 * row);
            assert_eq!((after.is_packed, after.rows()), (is_packed, rows), "{row}");
            // Only rows that were packed say how large they are packed.
            let next = after.after(1_000, 300 * row, 1_000 * row);
            assert_eq!((next.is_packed, next.rows()), (is_packed, next_rows), "{row}");
        }
        let few = PageSize::new(10, 10).after(10, 10 * 10_000, 10 * 10_000);
        assert!(!few.is_packed, "more rows are not wanted");
    }

    /// Whatever is measured, the rows halve, so it ends.
    #[test]
    fn a_page_that_takes_too_much_ends_as_one_row_that_is_read_alone() {
        for (rows, bytes) in [(100, 4 * MIB), (1, 90 * MIB), (0, 4 * MIB), (1_000_000, 1)] {
            let (mut size, mut tries) = (PageSize::new(200_000, 1), 0);
            while !size.is_alone {
                size = size.smaller(rows, bytes, false);
                tries += 1;
            }
            assert!((size.rows(), tries < 20) == (1, true), "{rows} {bytes}: {tries}");
            assert_eq!(size.asked(&Budget::new(24 * MIB)), 24 * MIB);
            assert!(!size.after(1, bytes.max(1), bytes).is_alone, "the next page need not be");
        }
        assert!(PageSize::new(9, 1).smaller(5, MIB, true).is_alone, "fewer rows cannot be asked for");
    }

    #[test]
    fn a_page_asks_for_what_its_rows_take_and_never_for_more_than_there_is() {
        let budget = Budget::new(24 * MIB);
        for (rows, columns, left, expected) in [
            (200_000, 500, None, PAGE_SIZE + READING_SIZE),
            (200_000, 500, Some(10), 10 * 500 * CELL_SIZE + READING_SIZE),
            (200_000, 500, Some(0), 500 * CELL_SIZE + READING_SIZE),
            (10, 1, None, 10 * CELL_SIZE + READING_SIZE),
        ] {
            assert_eq!(PageSize::new(rows, columns).with_left(left).asked(&budget), expected);
        }
        assert_eq!(PageSize::new(200_000, 500).asked(&Budget::new(1_000)), 1_000);
    }

    #[tokio::test]
    async fn a_page_takes_more_than_it_asked_for_only_while_nobody_needs_it() {
        let budget = Budget::new(MIB);
        let room = Room::of(Arc::clone(&budget));
        let size = PageSize::new(10, 1);
        let (mut first, mut second) = (room.lease(size).await, room.lease(size).await);
        assert!(first.grow(MIB / 2) && second.grow(1_000));
        assert!(!first.grow(MIB) && second.grow(READING_SIZE));
        drop(first);
        assert!(second.grow(MIB));
        second.set(10);
        assert_eq!(budget.used(), 10);
        drop(second);
        let mut alone = room.lease(size.smaller(1, MIB, true)).await;
        assert!(alone.grow(90 * MIB) && room.try_lease(size).is_none());
        assert!(Room::default().try_lease(size).unwrap().grow(usize::MAX));
    }

    /// Those that wait hold nothing, so each gets its turn.
    #[tokio::test]
    async fn many_streams_with_a_small_budget_all_end() {
        let budget = Budget::new(MIB);
        let streams = (0..50_usize).map(|stream| {
            let room = Room::of(Arc::clone(&budget));
            async move {
                let mut size = PageSize::new(64, 100);
                let mut left = 64;
                while left > 0 {
                    let mut lease = room.lease(size.with_left(Some(left))).await;
                    let rows = left.min(size.rows() as u64);
                    // Some rows are larger than the budget.
                    let row = if stream % 7 == 0 { 2 * MIB } else { stream * 1_000 };
                    let read = (1..=rows).find(|read| !lease.grow(*read as usize * row));
                    tokio::task::yield_now().await;
                    match read {
                        Some(read) => size = size.smaller(read, read as usize * row, false),
                        None => {
                            lease.set(rows as usize * row);
                            tokio::task::yield_now().await;
                            size = size.after(rows, rows as usize * row, 3 * rows as usize * row);
                            left -= rows;
                        }
                    }
                }
            }
        });
        futures_util::future::join_all(streams).await;
        assert_eq!(budget.used(), 0);
    }
}
