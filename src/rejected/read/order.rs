//! The order in which objects are read: the oldest first, so that a later version of a record comes later, and a
//! `write` that merges the records of one key keeps the last one.

use std::cmp::Ordering;

use crate::rejected::bucket::ListedObject;

/// Puts objects into the order in which they were written. Those of one second are in the order of the numbers in their
/// keys: the syncs, the start of the sync and the part number count upwards.
pub(super) fn sort(objects: &mut [ListedObject]) {
    objects.sort_by(|one, other| one.written_at.cmp(&other.written_at).then_with(|| natural(&one.key, &other.key)));
}

/// Compares texts whose digits are numbers: `_2` comes before `_10`, and `999/` before `1000/`.
fn natural(one: &str, other: &str) -> Ordering {
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

    fn sorted(objects: &[(Option<i64>, &str)]) -> Vec<String> {
        let listed =
            |(written_at, key): &(Option<i64>, &str)| ListedObject { key: (*key).to_owned(), written_at: *written_at };
        let mut objects: Vec<ListedObject> = objects.iter().map(listed).collect();
        objects.sort_by(|one, other| one.key.cmp(&other.key));
        sort(&mut objects);
        objects.into_iter().map(|object| object.key).collect()
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
