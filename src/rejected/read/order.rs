//! The order of keys whose digits are numbers, so that a later version of a record comes later, and a `write` that merges
//! the records of one key keeps the last one.

use std::cmp::Ordering;

/// Compares texts whose digits are numbers: `_2` comes before `_10`, and `999/` before `1000/`.
pub(super) fn natural(one: &str, other: &str) -> Ordering {
    let (mut left, mut right) = (one.as_bytes(), other.as_bytes());
    while let (Some(a), Some(b)) = (left.first(), right.first()) {
        let order = if a.is_ascii_digit() && b.is_ascii_digit() {
            let (number_of_one, number_of_other) = (number(&mut left), number(&mut right));
            let by_length = number_of_one.len().cmp(&number_of_other.len());
            by_length.then_with(|| number_of_one.cmp(number_of_other))
        } else {
            (left, right) = (&left[1..], &right[1..]);
            a.cmp(b)
        };
        if order.is_ne() {
            return order;
        }
    }
    // Keys that differ in leading zeros alone have an order too.
    left.len().cmp(&right.len()).then_with(|| one.cmp(other))
}

/// Takes the number that a text begins with, without its leading zeros.
fn number<'a>(text: &mut &'a [u8]) -> &'a [u8] {
    let length = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at(length);
    *text = rest;
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
    &digits[zeros..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_any_length_and_leading_zeros_have_an_order() {
        let long = "9".repeat(40);
        for (one, other, expected) in [
            ("a2", "a10", Ordering::Less),
            ("a02", "a2", Ordering::Less),
            ("a002b", "a3", Ordering::Less),
            ("a", "a1", Ordering::Less),
            ("a1", "ab", Ordering::Less),
            ("a1", "a1", Ordering::Equal),
            (long.as_str(), "10", Ordering::Greater),
        ] {
            assert_eq!(natural(one, other), expected, "{one} {other}");
            assert_eq!(natural(other, one), expected.reverse(), "{other} {one}");
        }
    }
}
