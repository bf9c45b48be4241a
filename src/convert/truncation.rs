//! Where a text that is longer than its field is cut.

use icu_normalizer::properties::CanonicalCombiningClassMapBorrowed;

use super::csv::NULL_MARKER;

const JOINER: char = '\u{200d}';

/// Where to cut `text` so that it has at most `longest` UTF-16 units, which are never fewer than the characters that
/// Salesforce counts. What a reader sees as one character is not divided.
///
/// `None` if the text is short enough, and if it cannot be cut: nothing would be left, or the marker for null.
pub(super) fn cut_at(text: &str, longest: usize) -> Option<usize> {
    let mut units = 0;
    let over = text.char_indices().find(|(_, character)| {
        units += character.len_utf16();
        units > longest
    });
    let mut end = over?.0;
    while divides_character(text, end) {
        end -= text[..end].chars().next_back().map_or(0, char::len_utf8);
    }
    (!matches!(&text[..end], "" | NULL_MARKER)).then_some(end)
}

/// Whether the characters around a position are seen as one.
fn divides_character(text: &str, position: usize) -> bool {
    let (before, after) = text.split_at(position);
    let (Some(last), Some(next)) = (before.chars().next_back(), after.chars().next()) else { return false };
    let flags_before = before.chars().rev().take_while(|character| is_half_a_flag(*character)).count();
    last == JOINER || continues_character(next) || (is_half_a_flag(next) && flags_before % 2 == 1)
}

/// Whether a character changes the one before it: a joiner, an accent or another mark, the style or skin tone of an
/// emoji, or a part of the flag of a region.
fn continues_character(character: char) -> bool {
    let is_mark = || CanonicalCombiningClassMapBorrowed::new().get_u8(character) != 0;
    matches!(
        character,
        JOINER | '\u{fe00}'..='\u{fe0f}' | '\u{1f3fb}'..='\u{1f3ff}' | '\u{20dd}'..='\u{20e4}'
            | '\u{e0020}'..='\u{e007f}' | '\u{e0100}'..='\u{e01ef}'
    ) || is_mark()
}

/// The flag of a country is two such characters.
fn is_half_a_flag(character: char) -> bool {
    matches!(character, '\u{1f1e6}'..='\u{1f1ff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_divides_nothing_that_is_seen_as_one_character() {
        for (text, longest, expected) in [
            ("abcdef", 3, Some("abc")),
            ("abc", 3, None),
            ("éééé", 3, Some("ééé")),
            ("ab😀c", 3, Some("ab")),
            ("ab😀c", 4, Some("ab😀")),
            ("cafe\u{301}s", 4, Some("caf")),
            ("cafe\u{301}s", 5, Some("cafe\u{301}")),
            ("a\u{301}\u{323}b", 2, None),
            ("x👍🏽y", 3, Some("x")),
            ("x👩\u{200d}👧y", 3, Some("x")),
            ("x👩\u{200d}👧y", 4, Some("x")),
            ("x👩\u{200d}👧y", 6, Some("x👩\u{200d}👧")),
            ("x❤\u{fe0f}y", 2, Some("x")),
            ("1\u{20e3}2\u{20e3}", 3, Some("1\u{20e3}")),
            ("🇩🇪🇫🇷", 6, Some("🇩🇪")),
            ("🇩🇪🇫🇷", 4, Some("🇩🇪")),
            ("🇩🇪", 2, None),
            ("😀", 1, None),
            ("#N/A, or not known", 4, None),
            ("#N/A, or not known", 5, Some("#N/A,")),
        ] {
            assert_eq!(cut_at(text, longest).map(|end| &text[..end]), expected, "{text} {longest}");
        }
    }
}
