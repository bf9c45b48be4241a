//! The keys of rows, compared as the org compares them.

use std::borrow::Cow;
use std::hash::{BuildHasher, Hasher};

use foldhash::quality::FixedState;

/// When two values of the key mean the same record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyComparison {
    /// If they are equal: a case-sensitive external id.
    Exact,
    /// If they are equal apart from case.
    IgnoreCase,
    /// If they are the same number.
    Number,
    /// If they are the same record id, in its form of 15 or 18 characters (REST API guide, "sObject IDs"). The last
    /// three of 18 characters encode the case of the first 15.
    Id,
}

/// The field that identifies the record of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The name of the field in Salesforce.
    pub field: String,
    /// How its values are compared.
    pub comparison: KeyComparison,
}

/// The hash of a key: equal for keys that mean the same record. It has 128 bits because rows with equal hashes are
/// treated as rows of one record, so two keys of a batch must not share a hash by chance.
pub(super) fn key_hash(text: &str, comparison: KeyComparison) -> u128 {
    let canonical = canonical(text, comparison);
    let half = |seed| {
        let mut hasher = FixedState::with_seed(seed).build_hasher();
        hasher.write(canonical.as_bytes());
        u128::from(hasher.finish())
    };
    half(1) << 64 | half(2)
}

fn canonical(text: &str, comparison: KeyComparison) -> Cow<'_, str> {
    match comparison {
        KeyComparison::Exact => Cow::Borrowed(text),
        KeyComparison::IgnoreCase => Cow::Owned(text.to_lowercase()),
        KeyComparison::Number => number(text),
        KeyComparison::Id => Cow::Borrowed(id(text)),
    }
}

/// A record id in its form of 15 characters. Other text is returned unchanged; Salesforce rejects it.
fn id(text: &str) -> &str {
    const SUFFIX: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";
    let Some((id, suffix)) = text.split_at_checked(15).filter(|_| text.is_ascii()) else { return text };
    // Each character of the suffix encodes which of five characters are upper case, the first in the lowest bit.
    let upper_case =
        |five: &[u8]| five.iter().rev().fold(0, |bits, it| bits << 1 | usize::from(it.is_ascii_uppercase()));
    let encoded = id.as_bytes().chunks(5).map(|five| SUFFIX[upper_case(five)]);
    if encoded.eq(suffix.bytes().map(|it| it.to_ascii_uppercase())) { id } else { text }
}

/// A number without zeros and signs that do not change it. Other text is returned unchanged.
fn number(text: &str) -> Cow<'_, str> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if digits.is_empty() || !is_number || digits.matches('.').count() > 1 {
        return Cow::Borrowed(text);
    }
    let digits = digits.trim_start_matches('0');
    let digits = if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits };
    Cow::Owned(format!("{sign}{digits}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_compared_as_the_org_compares_them() {
        use KeyComparison::{Exact, Id, IgnoreCase, Number};
        for (comparison, one, other, expected) in [
            (Exact, "a", "a", true),
            (Exact, "a", "A", false),
            (IgnoreCase, "Straße-É", "STRASSE-É", false),
            (IgnoreCase, "Ä-1", "ä-1", true),
            (IgnoreCase, "a ", "a", false),
            (Number, "1", "1.00", true),
            (Number, "01", "1", true),
            (Number, "0.50", ".5", true),
            (Number, "100", "1", false),
            (Number, "-1", "1", false),
            (Number, "+7", "7", true),
            (Number, "x1", "x01", false),
            (Number, "1.2.3", "1.2.30", false),
            (Id, "003000000000001AAA", "003000000000001", true),
            (Id, "0015000000Gv7qJAAR", "0015000000Gv7qJ", true),
            (Id, "0015000000Gv7qJaar", "0015000000Gv7qJAAR", true),
            (Id, "003000000000001AAA", "003000000000001AAB", false),
            (Id, "https://example.com/a/1", "https://example.com/a/2", false),
            (Id, "CUSTOMER0000000001", "CUSTOMER0000000002", false),
            (Id, "00300000000000\u{e9}1", "00300000000000\u{e9}2", false),
            (Id, "00300000000000a", "00300000000000A", false),
        ] {
            let is_equal = key_hash(one, comparison) == key_hash(other, comparison);
            assert_eq!(is_equal, expected, "{comparison:?} {one} {other}");
        }
    }
}
