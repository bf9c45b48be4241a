//! The records of a side that have one key.

use airbyte::Result;

use super::entry::Entry;
use super::sorter::Sorted;

/// What several records of a side with one key are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeats {
    /// As many records.
    Records,
    /// One record, each time as it was then: what was sent for an upsert or an update.
    Versions,
}

/// The records of a side that have one key; or those without a key.
#[derive(Debug, Default)]
pub(super) struct Copies {
    /// The place of the key in the order.
    pub(super) order: Vec<u8>,
    /// The key as the side writes it, the last time.
    pub(super) key: Vec<u8>,
    pub(super) records: u64,
    /// The times of the changes that are known, in seconds since 1970.
    pub(super) oldest: Option<i64>,
    pub(super) newest: Option<i64>,
}

impl Copies {
    /// None if there is no key.
    pub(super) fn key(&self) -> Option<String> {
        (!self.key.is_empty()).then(|| String::from_utf8_lossy(&self.key).into_owned())
    }

    fn add(&mut self, entry: &Entry, repeats: Repeats) {
        let has_key = !entry.key.is_empty();
        if has_key && (entry.is_deleted || repeats == Repeats::Versions) {
            (self.records, self.oldest, self.newest) = (0, None, None);
        }
        self.key.clone_from(&entry.key);
        if entry.is_deleted && has_key {
            return;
        }
        self.records += 1;
        self.newest = self.newest.max(entry.stamp);
        self.oldest = match (self.oldest, entry.stamp) {
            (Some(oldest), Some(stamp)) => Some(oldest.min(stamp)),
            (oldest, stamp) => oldest.or(stamp),
        };
    }
}

/// The keys of a side in their order.
pub(super) struct Keys {
    sorted: Sorted,
}

impl Keys {
    pub(super) fn new(sorted: Sorted) -> Self {
        Self { sorted }
    }

    /// The next key of a stream with its records; none after the last one. A key of which the last word is that its record
    /// is gone has none, and is left out.
    ///
    /// # Errors
    /// A temporary file cannot be read.
    pub(super) fn next(&mut self, stream: u16, repeats: Repeats) -> Result<Option<Copies>> {
        loop {
            let is_of_stream = |entry: &&Entry| Entry::stream_of(&entry.order) == stream;
            let Some(first) = self.sorted.entry().filter(is_of_stream) else { return Ok(None) };
            let mut copies = Copies { order: first.order.clone(), ..Copies::default() };
            while let Some(entry) = self.sorted.entry().filter(|entry| entry.order == copies.order) {
                copies.add(entry, repeats);
                self.sorted.advance()?;
            }
            if copies.records > 0 {
                return Ok(Some(copies));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use salesforce::KeyComparison;

    use super::super::entry::Identity;
    use super::super::sorter::Sorter;
    use super::*;

    /// The keys of stream 1 with their records and times. Each record has a time that is its place, and `-` before a key says
    /// that it is gone.
    fn keys(sent: &[&str], repeats: Repeats) -> Vec<(String, u64, Option<i64>, Option<i64>)> {
        let identity = Identity { own: None, there: KeyComparison::IgnoreCase };
        let mut sorter = Sorter::new();
        for (place, key) in (0..).zip(sent) {
            let entry = Entry::new(1, Some(key.trim_start_matches('-')), &identity, Some(place));
            sorter.add(&Entry { is_deleted: key.starts_with('-'), ..entry }).unwrap();
            sorter.add(&Entry::new(2, Some("of another stream"), &identity, None)).unwrap();
        }
        let mut keys = Keys::new(sorter.finish().unwrap());
        let mut all = Vec::new();
        while let Some(copies) = keys.next(1, repeats).unwrap() {
            all.push((copies.key().unwrap_or_default(), copies.records, copies.oldest, copies.newest));
        }
        assert_eq!(keys.next(2, repeats).unwrap().is_some(), !sent.is_empty());
        all
    }

    #[test]
    fn what_was_sent_last_counts_where_records_with_one_key_are_versions() {
        use Repeats::{Records, Versions};
        let key = |key: &str, records, oldest, newest| (key.to_owned(), records, Some(oldest), Some(newest));
        for (sent, repeats, expected) in [
            (&[][..], Records, vec![]),
            (&["a", "b", "A"], Records, vec![key("A", 2, 0, 2), key("b", 1, 1, 1)]),
            (&["a", "b", "A"], Versions, vec![key("A", 1, 2, 2), key("b", 1, 1, 1)]),
            (&["a", "-a"], Records, vec![]),
            (&["a", "-a"], Versions, vec![]),
            (&["-a", "a"], Versions, vec![key("a", 1, 1, 1)]),
            (&["a", "a", "-A", "a"], Records, vec![key("a", 1, 3, 3)]),
            // Nobody can say whether records without a key are one.
            (&["", "b", ""], Versions, vec![key("", 2, 0, 2), key("b", 1, 1, 1)]),
            (&["", "-"], Versions, vec![key("", 2, 0, 1)]),
        ] {
            assert_eq!(keys(sent, repeats), expected, "{sent:?} {repeats:?}");
        }
    }
}
