//! The memory of pages: what a page may take, and how many rows it has so that it takes no more.

use std::sync::Arc;

use memory::{Budget, Lease};

/// The bytes that a page is to take, packed. About 10 MB of CSV become as much.
const PAGE_SIZE: usize = 3 * 1024 * 1024;

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
        PageLease { lease: Some(budget.lease_of(asked).await), asked }
    }

    /// A lease for a page that can also be read later; none if there is no room.
    pub(super) fn try_lease(&self, size: PageSize) -> Option<PageLease> {
        let Some(budget) = &self.budget else { return Some(PageLease::default()) };
        let asked = size.asked(budget);
        Some(PageLease { lease: Some(budget.try_lease_of(asked)?), asked })
    }
}

impl PageLease {
    /// Whether what it covers is packed.
    pub(super) fn packs(&self) -> bool {
        self.lease.is_some()
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
    /// Whether its rows cannot be fewer and took more than there was: it is read while there is no other page.
    is_alone: bool,
}

impl PageSize {
    /// Pages of at most so many rows, each of so many columns.
    pub(super) fn new(rows: usize, columns: usize) -> Self {
        let row_bytes = columns.saturating_mul(CELL_SIZE).max(1);
        Self { most_rows: rows, rows, left: usize::MAX, row_bytes, is_alone: false }
    }

    pub(super) fn of_rows(self, rows: usize) -> Self {
        Self { most_rows: rows, rows, ..self }
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

    /// The size of the page after one that has so many rows and bytes. It has few rows if they are long, and at most four
    /// times as many as the one before: what comes next may be longer again.
    pub(super) fn after(self, rows: u64, bytes: usize) -> Self {
        let Some(read) = usize::try_from(rows).ok().filter(|rows| *rows > 0) else { return self };
        let row_bytes = bytes.div_ceil(read).max(1);
        let fitting = (PAGE_SIZE / row_bytes).min(self.rows.saturating_mul(4));
        Self { rows: fitting.clamp(1, self.most_rows.max(1)), row_bytes, is_alone: false, ..self }
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
            assert_eq!(size.after(rows, bytes).rows(), expected, "{rows} {bytes}");
        }
        let small = size.after(10, 6 * MIB);
        assert_eq!(small.after(5, 100).rows(), 16, "four times as many");
        assert_eq!(small.after(5, 100).after(20, 400).after(80, 1_600).after(320, 6_400).rows(), 1_000);
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
            assert!(!size.after(1, bytes.max(1)).is_alone, "the next page need not be");
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
                            size = size.after(rows, rows as usize * row);
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
