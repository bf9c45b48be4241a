//! The id of a record in a query's answer.

use std::fmt;

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The characters without the check characters.
const SHORT: usize = 15;

/// How many numbers the characters after the prefix of the object can have.
const DIGITS_OF_NUMBER: u128 = 62_u128.pow(12);

/// The id of a record, with its check characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RecordId([u8; 18]);

impl RecordId {
    /// The number of an id as an answer has it. `None` for any other text, also where the check characters do not fit.
    pub(super) fn parse(text: &str) -> Option<u128> {
        let short = text.get(..SHORT)?;
        let mut number = 0;
        for byte in short.bytes() {
            number = number * 62 + DIGITS.iter().position(|digit| *digit == byte)? as u128;
        }
        (number != 0 && Self::of_number(number).as_str() == text).then_some(number)
    }

    pub(super) fn of_number(mut number: u128) -> Self {
        let mut id = [b'A'; 18];
        for byte in id[..SHORT].iter_mut().rev() {
            *byte = DIGITS[(number % 62) as usize];
            number /= 62;
        }
        for group in 0..3 {
            let five = &id[5 * group..5 * group + 5];
            let bits = five.iter().rev().fold(0, |bits, byte| bits << 1 | usize::from(byte.is_ascii_uppercase()));
            id[SHORT + group] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"[bits];
        }
        Self(id)
    }

    /// An id that no record of an org has, for a record that is only thought of: `prefix`, and a number.
    pub(crate) fn invented(prefix: [u8; 3], number: u64) -> Self {
        let digit = |byte: u8| DIGITS.iter().position(|digit| *digit == byte).unwrap_or_default() as u128;
        let prefix = prefix.into_iter().fold(0, |number, byte| number * 62 + digit(byte));
        Self::of_number(prefix * DIGITS_OF_NUMBER + u128::from(number))
    }

    /// The number of an id that is invented with this prefix.
    pub(crate) fn invented_number(prefix: [u8; 3], id: &str) -> Option<u64> {
        let number = Self::parse(id).filter(|_| id.as_bytes().starts_with(&prefix))?;
        u64::try_from(number % DIGITS_OF_NUMBER).ok()
    }

    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invented_id_has_its_prefix_and_number() {
        for number in [0, 1, 61, 62, u64::MAX] {
            let id = RecordId::invented(*b"NEW", number);
            assert!(id.as_str().starts_with("NEW"), "{id}");
            assert_eq!(RecordId::invented_number(*b"NEW", id.as_str()), Some(number));
            assert_eq!(RecordId::invented_number(*b"OLD", id.as_str()), None);
        }
        assert_eq!(RecordId::invented_number(*b"003", "003000000000001AAA"), Some(1));
        assert_eq!(RecordId::invented_number(*b"NEW", "NEW"), None);
    }

    #[test]
    fn an_id_is_kept_as_a_number() {
        for text in ["003000000000001AAA", "0015000000Gv7qJAAR", "zzzzzzzzzzzzzzzAAA", "ZZZZZZZZZZZZZZZ555"] {
            let number = RecordId::parse(text).unwrap();
            assert!(number < 1 << 90);
            assert_eq!(RecordId::of_number(number).as_str(), text);
        }
        for text in
            ["", "0015000000Gv7qJ", "0015000000Gv7qJAAA", "0015000000Gv7qJAAR0", "000000000000000AAA", "001\u{e9}"]
        {
            assert_eq!(RecordId::parse(text), None, "{text}");
        }
    }
}
