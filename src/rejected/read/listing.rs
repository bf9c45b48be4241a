//! The objects of the bucket from the oldest to the newest, in bounded memory.
//!
//! A bucket is listed in the order of its keys, so its whole list must be seen before the oldest object is known. It is
//! held as far as it fits. Of a longer list the oldest objects are held and read, and then the bucket is listed again for
//! those that follow.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::order::natural;

/// The most bytes of objects that wait to be read.
pub(super) const MOST_BYTES: usize = 64 * 1024 * 1024;

/// What an object takes besides its key: its entry, and what an allocation takes besides its content.
const ENTRY_BYTES: usize = size_of::<WaitingObject>() + 16;

/// An object that waits to be read. One is less than another if it is read before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WaitingObject {
    /// When it was written, in seconds since 1970; none if the list does not say.
    pub(super) written_at: Option<i64>,
    /// Its key below the folder that is listed.
    pub(super) key: Box<str>,
}

impl WaitingObject {
    fn size(&self) -> usize {
        self.key.len() + ENTRY_BYTES
    }
}

impl Ord for WaitingObject {
    /// The time comes first. Those of one second are in the order of the numbers in their keys: the syncs, the start of
    /// the sync and the part number count upwards.
    fn cmp(&self, other: &Self) -> Ordering {
        self.written_at.cmp(&other.written_at).then_with(|| natural(&self.key, &other.key))
    }
}

impl PartialOrd for WaitingObject {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The oldest objects of a list, as many as fit.
#[derive(Debug)]
pub(super) struct OldestObjects {
    most_bytes: usize,
    /// The last object that was given out.
    read: Option<WaitingObject>,
    held: BinaryHeap<WaitingObject>,
    bytes: usize,
    /// The first object that did not fit.
    left_out: Option<WaitingObject>,
}

impl OldestObjects {
    pub(super) fn new(most_bytes: usize) -> Self {
        Self { most_bytes, read: None, held: BinaryHeap::new(), bytes: 0, left_out: None }
    }

    /// Whether nothing was given out yet.
    pub(super) fn is_first_list(&self) -> bool {
        self.read.is_none()
    }

    /// Takes an object of the list, if it was not given out before and fits.
    pub(super) fn add(&mut self, object: WaitingObject) {
        let was_read = self.read.as_ref().is_some_and(|read| object <= *read);
        let is_behind = self.left_out.as_ref().is_some_and(|left_out| object >= *left_out);
        if was_read || is_behind {
            return;
        }
        self.bytes += object.size();
        self.held.push(object);
        // One object always fits, so that every list brings the reading forward.
        while self.bytes > self.most_bytes
            && self.held.len() > 1
            && let Some(newest) = self.held.pop()
        {
            self.bytes -= newest.size();
            self.left_out = Some(newest);
        }
    }

    /// Gives out the objects that are held, the oldest first, and whether the bucket has to be listed again for others.
    pub(super) fn take(&mut self) -> (Vec<WaitingObject>, bool) {
        let objects = std::mem::take(&mut self.held).into_sorted_vec();
        self.bytes = 0;
        self.read = objects.last().cloned().or_else(|| self.read.take());
        (objects, self.left_out.take().is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object((written_at, key): &(Option<i64>, &str)) -> WaitingObject {
        WaitingObject { written_at: *written_at, key: (*key).into() }
    }

    /// The keys in the order in which they are read, and how many lists that takes.
    fn read(listed: &[WaitingObject], most_bytes: usize) -> (Vec<String>, usize) {
        let mut objects = OldestObjects::new(most_bytes);
        let (mut keys, mut lists) = (Vec::new(), 0);
        loop {
            lists += 1;
            assert_eq!(objects.is_first_list(), keys.is_empty());
            for object in listed {
                objects.add(object.clone());
                assert!(objects.bytes <= most_bytes || objects.held.len() == 1, "{}", objects.bytes);
            }
            let (oldest, is_more) = objects.take();
            keys.extend(oldest.into_iter().map(|object| object.key.into_string()));
            if !is_more {
                return (keys, lists);
            }
        }
    }

    fn sorted(objects: &[(Option<i64>, &str)]) -> Vec<String> {
        let mut listed: Vec<WaitingObject> = objects.iter().map(object).collect();
        listed.sort_by(|one, other| one.key.cmp(&other.key));
        let (keys, lists) = read(&listed, usize::MAX);
        assert_eq!(lists, 1);
        keys
    }

    #[test]
    fn the_objects_of_one_second_are_in_the_order_of_their_numbers() {
        let parts: Vec<String> =
            (0..=11).map(|part| format!("7/contacts/2026_03_04_1772600767089_{part}.csv")).collect();
        let listed: Vec<(Option<i64>, &str)> = parts.iter().map(|key| (Some(5), key.as_str())).collect();
        assert_eq!(sorted(&listed), parts);
        let without_dates: Vec<(Option<i64>, &str)> = parts.iter().map(|key| (None, key.as_str())).collect();
        assert_eq!(sorted(&without_dates), parts, "a list without dates");
    }

    #[test]
    fn a_sync_comes_after_those_with_lower_numbers() {
        let syncs = ["9/a/f_0.csv", "999/a/f_10.csv", "1000/a/f_2.csv", "1000/a/f_10.csv"];
        assert_eq!(sorted(&syncs.map(|key| (Some(5), key))), syncs);
    }

    #[test]
    fn the_time_of_an_object_comes_before_its_key() {
        let objects = [(Some(1), "z/1b"), (Some(2), "m/9"), (Some(3), "a/0")];
        assert_eq!(sorted(&objects), ["z/1b", "m/9", "a/0"]);
    }

    #[test]
    fn a_list_that_does_not_fit_is_read_in_several_that_keep_the_order() {
        let mut random = fastrand::Rng::with_seed(7);
        let listed: Vec<WaitingObject> = (0..1_000)
            .map(|number| WaitingObject { written_at: Some(random.i64(0..50)), key: format!("{number:04}").into() })
            .collect();
        let (whole, _) = read(&listed, usize::MAX);
        assert_eq!(whole.len(), 1_000);
        for (objects_that_fit, lists) in [(1_000, 1), (999, 2), (100, 10), (7, 143), (1, 1_000), (0, 1_000)] {
            let (keys, lists_read) = read(&listed, objects_that_fit * (ENTRY_BYTES + 4));
            assert_eq!(keys, whole, "{objects_that_fit} fit");
            assert_eq!(lists_read, lists, "{objects_that_fit} fit");
        }
    }

    /// A short key may fit where a longer one did not, and must not come before it.
    #[test]
    fn objects_with_keys_of_any_length_are_read_once_and_in_order() {
        let mut random = fastrand::Rng::with_seed(7);
        let mut listed: Vec<WaitingObject> = (0..300)
            .map(|number| WaitingObject { written_at: Some(number), key: "x".repeat(random.usize(1..400)).into() })
            .collect();
        let expected: Vec<String> = listed.iter().map(|object| object.key.to_string()).collect();
        for most_bytes in [0, 500, 1_000, 5_000, 20_000, usize::MAX] {
            random.shuffle(&mut listed);
            assert_eq!(read(&listed, most_bytes).0, expected, "{most_bytes}");
        }
    }

    #[test]
    fn an_empty_list_has_no_objects() {
        assert_eq!(read(&[], 0), (Vec::new(), 1));
    }
}
