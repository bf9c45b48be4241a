use proptest::prelude::*;

use super::KeyComparison::{Exact, Id, IgnoreCase, Number, Text};
use super::*;

/// What two keys are.
fn relation(comparison: KeyComparison, one: &str, other: &str) -> &'static str {
    let are_alike = comparison.hash_of_alike(one) == comparison.hash_of_alike(other);
    match (comparison.are_equal(one, other), are_alike) {
        (true, true) => "one",
        (true, false) => panic!("equal and not alike: {comparison:?} {one:?} {other:?}"),
        (false, true) => "perhaps one",
        (false, false) => "two",
    }
}

const NUMBER: KeyComparison = Number { scale: 2 };

#[test]
fn the_page_shows_how_keys_are_compared() {
    let page = include_str!("../../../docs/values.md");
    let table: Vec<Vec<&str>> = page
        .lines()
        .skip_while(|line| !line.starts_with("| one key"))
        .take_while(|line| line.starts_with('|'))
        .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
        .collect();
    let columns =
        [("exact text", Exact), ("text in any case", IgnoreCase), ("other text", Text), ("number", NUMBER), ("id", Id)];
    assert_eq!(table[0][2..], columns.map(|(name, _)| name));
    let rows = &table[2..];
    assert!(rows.len() >= 13);
    for row in rows {
        let [one, other] = [row[0], row[1]].map(|text| text.trim_matches('`').replace('␣', " ").replace('↹', "\t"));
        for ((name, comparison), expected) in columns.into_iter().zip(&row[2..]) {
            assert_eq!(relation(comparison, &one, &other), *expected, "{name}: {one:?} {other:?}");
            assert_eq!(relation(comparison, &other, &one), *expected, "{name}: {other:?} {one:?}");
        }
    }
}

/// Rows that would make the table of the page longer.
#[test]
fn keys_that_the_page_leaves_out_are_compared_too() {
    let perhaps = "perhaps one";
    for (one, other, expected) in [
        ("ab-1", "ab-2", ["two", "two", "two", "two", "two"]),
        ("\u{141}", "L", [perhaps, perhaps, perhaps, perhaps, "two"]),
        ("Stra\u{df}e", "Strasse", [perhaps, perhaps, perhaps, perhaps, "two"]),
        ("Stra\u{df}e", "STRASSE", ["two", perhaps, perhaps, perhaps, "two"]),
        ("\u{ff76}\u{ff9e}", "\u{30ac}", [perhaps, perhaps, perhaps, perhaps, "two"]),
        ("T-1", "\u{3000}T-1", [perhaps, perhaps, perhaps, perhaps, perhaps]),
        ("T-1", "T -1", ["two", "two", "two", "two", "two"]),
        ("\u{e6}", "ae", [perhaps, perhaps, perhaps, perhaps, "two"]),
        ("\u{ff21}\u{ff11}", "A1", [perhaps, perhaps, perhaps, perhaps, "two"]),
        ("7", "+7", ["two", "two", "two", "one", "two"]),
        ("0", "-0", ["two", "two", "two", "one", "two"]),
        ("1", " 1", ["one", "one", "one", perhaps, perhaps]),
        ("1", "1.01", ["two", "two", "two", "two", "two"]),
        ("0015000000Gv7qJAAR", "0015000000Gv7qJaar", ["two", "one", perhaps, perhaps, "one"]),
        ("0015000000Gv7qJ", "0015000000GV7QJAAR", ["two", "two", "two", "two", perhaps]),
    ] {
        for (comparison, expected) in [Exact, IgnoreCase, Text, NUMBER, Id].into_iter().zip(expected) {
            assert_eq!(relation(comparison, one, other), expected, "{comparison:?} {one:?} {other:?}");
        }
    }
}

#[test]
fn keys_that_a_page_cannot_show_are_compared_too() {
    for (comparison, one, other, expected) in [
        (Exact, "a\u{a0}", "a", "perhaps one"),
        (Exact, "\u{feff}a", "a", "perhaps one"),
        (Exact, "a\u{200b}b", "ab", "perhaps one"),
        (Exact, "a b", "a  b", "two"),
        (Exact, "e\u{301}", "\u{e9}", "perhaps one"),
        (Exact, "e\u{301}", "\u{c9}", "two"),
        (IgnoreCase, "e\u{301}", "\u{c9}", "perhaps one"),
        (IgnoreCase, "\u{130}", "i", "perhaps one"),
        (Text, "a\r\nb", "A\nb", "perhaps one"),
        (IgnoreCase, "\u{3a3}a\u{3c2}", "\u{3c3}A\u{3c3}", "perhaps one"),
        (NUMBER, "12345678901234567", "12345678901234568", "two"),
        (NUMBER, "x1", "x01", "two"),
        (NUMBER, "1e1", "1", "two"),
        (NUMBER, "\u{ff11}", "1", "perhaps one"),
        (Id, "003000000000001AAA", "003000000000001AAB", "two"),
        (Id, "https://example.com/a/1", "https://example.com/a/2", "two"),
        (Id, "CUSTOMER0000000001", "CUSTOMER0000000002", "two"),
        (Id, "00300000000000\u{e9}1", "00300000000000\u{e9}2", "two"),
        (Id, "0015000000Gv7qJAAR", "0015000000gv7qj", "two"),
    ] {
        assert_eq!(relation(comparison, one, other), expected, "{comparison:?} {one:?} {other:?}");
    }
}

proptest! {
    #[test]
    fn equal_keys_are_alike(
        one in "[ aAéÉß　０0-9.eE+-]{0,6}",
        other in "[ aAéÉß　０0-9.eE+-]{0,6}",
        id in "[0-9a-zA-Z]{15}([A-Z0-5]{3})?",
    ) {
        for comparison in [Exact, IgnoreCase, Text, Number { scale: 0 }, NUMBER, Id] {
            relation(comparison, &one, &other);
            relation(comparison, &format!(" {one} "), &one);
            relation(comparison, &format!("{one}.0"), &one);
            relation(comparison, &id, &id[..15]);
        }
    }
}
