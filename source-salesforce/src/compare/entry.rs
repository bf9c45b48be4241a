//! What a comparison keeps of a record: its stream, its key, and when it changed.

use salesforce::KeyComparison;

/// The bytes before the texts of an entry: the lengths of both, the flags and the stamp.
const HEAD: usize = 4 + 4 + 1 + 8;

const IS_DELETED: u8 = 1;
const HAS_STAMP: u8 = 2;
const HAS_KEY: u8 = 4;

/// What is kept of a record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Entry {
    /// The number of the stream and then the identity of the key, which is empty without a key: entries are sorted by it.
    pub(super) order: Vec<u8>,
    /// The key as the side writes it.
    pub(super) key: Vec<u8>,
    /// When the record changed, in seconds since 1970.
    pub(super) stamp: Option<i64>,
    /// Whether it says that the record is gone.
    pub(super) is_deleted: bool,
}

impl Entry {
    /// An entry of a stream for a key, which `identity` compares.
    pub(super) fn new(stream: u16, key: Option<&str>, identity: &Identity, stamp: Option<i64>) -> Self {
        let mut order = stream.to_be_bytes().to_vec();
        let key = key.and_then(|key| Some((key.trim(), identity.of(key)?)));
        order.extend_from_slice(key.as_ref().map_or("", |(_, identity)| identity).as_bytes());
        let key = key.map_or_else(Vec::new, |(key, _)| key.as_bytes().to_vec());
        Self { order, key, stamp, is_deleted: false }
    }

    /// The number of the stream of an entry in this place of the order.
    pub(super) fn stream_of(order: &[u8]) -> u16 {
        order.first_chunk().map_or(0, |stream| u16::from_be_bytes(*stream))
    }

    /// Adds the bytes from which [`read`](Self::read) makes the entry again.
    pub(super) fn write(&self, bytes: &mut Vec<u8>) {
        // Most sides write a key as it is compared.
        let key = if self.order.get(2..) == Some(&self.key[..]) { &[][..] } else { &self.key };
        let flags = if self.is_deleted { IS_DELETED } else { 0 }
            | if self.stamp.is_some() { HAS_STAMP } else { 0 }
            | if key.is_empty() { 0 } else { HAS_KEY };
        bytes.extend_from_slice(&length(&self.order).to_le_bytes());
        bytes.extend_from_slice(&length(key).to_le_bytes());
        bytes.push(flags);
        bytes.extend_from_slice(&self.stamp.unwrap_or_default().to_le_bytes());
        bytes.extend_from_slice(&self.order);
        bytes.extend_from_slice(key);
    }

    /// Becomes the first entry of these bytes. Returns how many of them it takes; none if it is not there as a whole.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Option<usize> {
        let (size, order) = places(bytes)?;
        let entry = bytes.get(..size)?;
        let flags = entry[8];
        self.order.clear();
        self.order.extend_from_slice(&entry[order.clone()]);
        self.key.clear();
        let key = if flags & HAS_KEY > 0 { &entry[order.end..] } else { &self.order[2..] };
        self.key.extend_from_slice(key);
        let stamp = entry[9..].first_chunk().map(|stamp| i64::from_le_bytes(*stamp));
        self.stamp = stamp.filter(|_| flags & HAS_STAMP > 0);
        self.is_deleted = flags & IS_DELETED > 0;
        Some(size)
    }
}

/// By what the first entry of these bytes is sorted.
pub(super) fn order_of(bytes: &[u8]) -> &[u8] {
    places(bytes).and_then(|(_, order)| bytes.get(order)).unwrap_or_default()
}

/// The number of bytes of the first entry, and where the order is in them.
pub(super) fn places(bytes: &[u8]) -> Option<(usize, std::ops::Range<usize>)> {
    let at = |place: usize| Some(u32::from_le_bytes(*bytes.get(place..)?.first_chunk()?) as usize);
    let (order, key) = (at(0)?, at(4)?);
    (bytes.len() >= HEAD).then_some((HEAD + order + key, HEAD..HEAD + order))
}

/// Salesforce has no text of 4 GB.
fn length(text: &[u8]) -> u32 {
    u32::try_from(text.len()).unwrap_or(u32::MAX)
}

/// How the keys of a side are compared: as the org does in which the records should be. A number or a time of the first
/// side has the one form then in which a load writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    /// How the side itself has its keys; None for what was sent.
    pub(super) own: Option<KeyComparison>,
    /// How the org does in which the records should be.
    pub(super) there: KeyComparison,
}

impl Identity {
    fn of(self, key: &str) -> Option<String> {
        match self.own.filter(|own| *own != self.there) {
            Some(own) => self.there.identity(&own.canonical(key).unwrap_or(key.into())),
            None => self.there.identity(key),
        }
    }
}

#[cfg(test)]
mod tests {
    use KeyComparison::{Exact, Id, IgnoreCase, Number};

    use super::*;

    #[test]
    fn an_entry_is_read_as_it_was_written() {
        let identity = Identity { own: None, there: IgnoreCase };
        let mut bytes = Vec::new();
        let entries = [
            Entry::new(7, Some("E-1"), &identity, Some(-5)),
            Entry::new(7, Some("e-1"), &identity, None),
            Entry { is_deleted: true, ..Entry::new(300, Some(" Zoë "), &identity, Some(i64::MAX)) },
            Entry::new(0, Some("  "), &identity, None),
            Entry::new(0, None, &identity, Some(0)),
        ];
        entries.iter().for_each(|entry| entry.write(&mut bytes));
        let (mut at, mut read) = (0, Entry::default());
        for entry in &entries {
            assert_eq!(order_of(&bytes[at..]), entry.order);
            at += read.read(&bytes[at..]).unwrap();
            assert_eq!(&read, entry);
        }
        assert_eq!(at, bytes.len());
        let mut one = Vec::new();
        entries[2].write(&mut one);
        assert!((0..one.len()).all(|size| Entry::default().read(&one[..size]).is_none()));
        assert_eq!(entries.map(|entry| Entry::stream_of(&entry.order)), [7, 7, 300, 0, 0]);
    }

    #[test]
    fn keys_are_compared_as_the_org_does_in_which_the_records_should_be() {
        let number = Number { scale: 2 };
        for (own, there, first, second, are_one) in [
            (Exact, IgnoreCase, "E-1", "e-1", true),
            (IgnoreCase, Exact, "E-1", "e-1", false),
            (Id, IgnoreCase, "0015000000Gv7qJAAR", "0015000000GV7QJAAR", true),
            (Id, Id, "0015000000Gv7qJ", "0015000000Gv7qJAAR", true),
            (number, Exact, "12.0", "12", true),
            (number, Exact, "12.0", "0012", false),
            (number, number, "1.2E1", "12.00", true),
            (Exact, number, "0012", "12", true),
        ] {
            let of_first = Identity { own: Some(own), there }.of(first);
            let of_second = Identity { own: Some(there), there }.of(second);
            assert_eq!(of_first == of_second, are_one, "{own:?} {there:?} {first} {second}");
        }
    }
}
