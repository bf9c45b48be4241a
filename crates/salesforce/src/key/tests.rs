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
    let page = include_str!("../../../../docs/values.md");
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
        (Exact, "a\u{1}", "a", "perhaps one"),
        (Exact, "a\u{a8}", "a", "perhaps one"),
        (Exact, "a\u{1}b", "ab", "two"),
        (Id, "\u{feff}0015000000Gv7qJAAR", "0015000000Gv7qJAAR", "perhaps one"),
        (Id, "0015000000Gv7qJAAR\u{7f}", "0015000000Gv7qJAAR", "perhaps one"),
        (NUMBER, "7\u{1}", "7", "perhaps one"),
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

#[test]
fn each_letter_of_the_list_is_perhaps_its_plain_letters() {
    for (letters, plain) in [
        ("\u{e6}", "ae"),
        ("\u{c6}", "AE"),
        ("\u{153}", "oe"),
        ("\u{152}", "OE"),
        ("\u{df}", "ss"),
        ("\u{1e9e}", "SS"),
        ("\u{f8}", "o"),
        ("\u{d8}", "O"),
        ("\u{142}", "l"),
        ("\u{141}", "L"),
        ("\u{111}\u{f0}", "d"),
        ("\u{110}\u{d0}", "D"),
        ("\u{127}", "h"),
        ("\u{126}", "H"),
        ("\u{131}", "i"),
        ("\u{fe}", "th"),
        ("\u{de}", "TH"),
        ("\u{167}", "t"),
        ("\u{166}", "T"),
        ("\u{14b}", "n"),
        ("\u{14a}", "N"),
    ] {
        for letter in letters.chars().map(String::from) {
            for comparison in [Exact, IgnoreCase, Text, NUMBER] {
                assert_eq!(relation(comparison, &letter, plain), "perhaps one", "{comparison:?} {letter}");
                assert_eq!(relation(comparison, &format!("x{letter}x"), "xx"), "two", "{comparison:?} {letter}");
            }
        }
    }
}

#[test]
fn each_character_that_nobody_sees_is_perhaps_none() {
    for character in ["\u{ad}", "\u{200b}", "\u{200c}", "\u{200d}", "\u{200e}", "\u{200f}", "\u{2060}", "\u{feff}"] {
        for key in [format!("a{character}b"), format!("{character}ab"), format!("ab{character}")] {
            for comparison in [Exact, IgnoreCase, Text] {
                assert_eq!(relation(comparison, &key, "ab"), "perhaps one", "{comparison:?} {character:?}");
                assert!(!comparison.is_kept(&key), "{comparison:?} {character:?}");
            }
        }
    }
    for accent in ["\u{300}", "\u{36f}"] {
        assert_eq!(relation(Exact, &format!("x{accent}"), "x"), "perhaps one");
        assert!(!Exact.is_kept(&format!("x{accent}")));
    }
    for no_accent in ["\u{2ff}", "\u{370}"] {
        assert_eq!(relation(Exact, &format!("x{no_accent}"), "x"), "two");
    }
}

#[test]
fn kinds_of_line_ends_and_blanks_at_the_ends_are_perhaps_one() {
    for comparison in [Exact, IgnoreCase, Text] {
        for other in ["a\rb", "a\r\nb", " a\rb\t", "a\nb\u{a0}"] {
            assert_eq!(relation(comparison, "a\nb", other), "perhaps one", "{comparison:?} {other:?}");
        }
        assert_eq!(relation(comparison, "a\nb", "a\n\nb"), "two", "{comparison:?}");
        assert_eq!(relation(comparison, "a\nb", "a\n\rb"), "two", "{comparison:?}");
    }
}

/// Half of the bits would let two of a hundred million keys meet by chance.
#[test]
fn the_hash_of_a_key_has_two_independent_halves() {
    let hash = Exact.hash_of_alike("a");
    assert_ne!(hash >> 64, hash & u128::from(u64::MAX));
    assert_ne!(hash >> 64, 0);
}

#[test]
fn a_moment_is_one_with_its_other_forms_and_perhaps_one_within_its_second() {
    use KeyComparison::Moment;
    for (one, other, expected) in [
        ("2026-01-31T09:30:00Z", "2026-01-31T10:30:00.000+01:00", "one"),
        ("2026-01-31T09:30:00.1Z", "2026-01-31T09:30:00.9Z", "perhaps one"),
        ("2026-01-31T09:30:00Z", "2026-01-31T09:30:01Z", "two"),
        ("2026-01-31T09:30:00Z", "2026-01-31T09:30:00+00:01", "two"),
        ("soon", "soon", "one"),
        ("soon", "later", "two"),
    ] {
        assert_eq!(relation(Moment, one, other), expected, "{one} {other}");
    }
}

#[test]
fn a_key_has_one_identity_however_it_is_written_and_a_blank_one_has_none() {
    for (comparison, one, other, are_one) in [
        (IgnoreCase, "E-1", " e-1 ", true),
        (Exact, "E-1", "e-1", false),
        (Text, "E-1", "e-1", false),
        (Id, "0015000000Gv7qJ", "0015000000Gv7qJAAR", true),
        (Id, "0015000000Gv7qJ", "0015000000gv7qj", false),
        (NUMBER, "12.0", "1.2E1", true),
        (NUMBER, "12", "12.01", false),
        (NUMBER, "twelve", "twelve", true),
    ] {
        assert_eq!(comparison.identity(one) == comparison.identity(other), are_one, "{comparison:?} {one} {other}");
    }
    for comparison in [IgnoreCase, Exact, Text, Id, NUMBER] {
        assert_eq!(["", "  ", "\t\u{a0}"].map(|blank| comparison.identity(blank)), [None, None, None]);
    }
}

#[test]
fn an_id_in_its_one_form_has_fifteen_or_eighteen_letters_and_digits() {
    for (text, expected) in [
        (" 003000000000001 ", Some("003000000000001")),
        ("003000000000001AAA", Some("003000000000001AAA")),
        ("00300000000001", None),
        ("0030000000000011", None),
        ("003000000000001AA", None),
        ("003000000000001AAAA", None),
        ("00300000000000-", None),
        ("00300000000000\u{e9}", None),
        ("", None),
    ] {
        assert_eq!(Id.canonical(text).as_deref(), expected, "{text}");
    }
}
