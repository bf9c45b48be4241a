//! The id of a record in a query's answer.

use std::fmt;

use salesforce::check_characters;

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// What stands for a byte that is not a digit.
const NO_DIGIT: u8 = 62;

/// The value of each byte as a digit. Millions of ids are read, so none is looked for.
const VALUES: [u8; 256] = {
    let mut values = [NO_DIGIT; 256];
    let mut value = 0;
    while value < NO_DIGIT {
        values[DIGITS[value as usize] as usize] = value;
        value += 1;
    }
    values
};

/// The digits before the last ten, which fit into 64 bits.
const FIRST_DIGITS: usize = 5;

/// How many numbers the last ten digits have.
const OTHERS: u128 = 62_u128.pow(10);

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
        let short: &[u8; SHORT] = text.as_bytes().first_chunk()?;
        let [first, others] = [&short[..FIRST_DIGITS], &short[FIRST_DIGITS..]].map(|digits| {
            digits.iter().try_fold(0, |number, byte| match VALUES[usize::from(*byte)] {
                NO_DIGIT => None,
                value => Some(number * 62 + u64::from(value)),
            })
        });
        let number = u128::from(first?) * OTHERS + u128::from(others?);
        (number != 0 && text.as_bytes()[SHORT..] == check_characters(short)).then_some(number)
    }

    pub(super) fn of_number(number: u128) -> Self {
        let mut short = [0; SHORT];
        let (first, others) = short.split_at_mut(FIRST_DIGITS);
        for (digits, number) in [(first, number / OTHERS), (others, number % OTHERS)] {
            // Both parts have 60 bits at most, and their division is ten times faster than one of 128 bits.
            let mut number = u64::try_from(number).unwrap_or_default();
            for byte in digits.iter_mut().rev() {
                *byte = DIGITS[(number % 62) as usize];
                number /= 62;
            }
        }
        let mut id = [0; 18];
        id[..SHORT].copy_from_slice(&short);
        id[SHORT..].copy_from_slice(&check_characters(&short));
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
