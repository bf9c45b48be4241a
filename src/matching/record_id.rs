//! The id of a record in a query's answer.

use std::fmt;

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The characters without the check characters.
const SHORT: usize = 15;

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
