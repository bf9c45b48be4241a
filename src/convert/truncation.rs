//! Where a text that is longer than its field is cut.

use unicode_segmentation::GraphemeCursor;

use super::csv::NULL_MARKER;

/// Where to cut `text` so that it has at most `longest` UTF-16 units, which are never fewer than the characters that
/// Salesforce counts. What a reader sees as one character, a grapheme cluster of Unicode (UAX #29), is not divided.
///
/// `None` if the text is short enough, and if it cannot be cut: nothing would be left, or the marker for null.
pub(super) fn cut_at(text: &str, longest: usize) -> Option<usize> {
    let mut units = 0;
    let over = text.char_indices().find(|(_, character)| {
        units += character.len_utf16();
        units > longest
    });
    let over = over?.0;
    let mut cursor = GraphemeCursor::new(over, text.len(), true);
    let end = match cursor.is_boundary(text, 0) {
        Ok(true) => over,
        _ => cursor.prev_boundary(text, 0).ok()?.unwrap_or(0),
    };
    (!matches!(&text[..end], "" | NULL_MARKER)).then_some(end)
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
            // Vowel signs without a combining class, a letter of two jamo, and letters that a virama joins.
            ("\u{939}\u{93f}\u{928}", 1, None),
            ("x\u{939}\u{93f}\u{928}", 2, Some("x")),
            ("x\u{939}\u{93f}\u{928}", 3, Some("x\u{939}\u{93f}")),
            ("x\u{1112}\u{1161}\u{11ab}y", 3, Some("x")),
            ("x\u{1112}\u{1161}\u{11ab}y", 4, Some("x\u{1112}\u{1161}\u{11ab}")),
            ("x\u{915}\u{94d}\u{937}y", 3, Some("x")),
            ("x\u{e01}\u{e33}y", 2, Some("x")),
            ("#N/A, or not known", 4, None),
            ("#N/A, or not known", 5, Some("#N/A,")),
        ] {
            assert_eq!(cut_at(text, longest).map(|end| &text[..end]), expected, "{text} {longest}");
        }
    }
}
