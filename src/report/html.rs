//! HTML that is safe by its type: markup is written in this program, and everything else is escaped.

use std::fmt::{self, Display, Write};

/// The most characters of one text. What is longer is cut.
const MAX_TEXT: usize = 300;

/// HTML that grows.
#[derive(Debug, Default)]
pub(super) struct Html(String);

impl Html {
    /// Adds markup. It is `'static`, so nothing that comes from outside is markup.
    pub(super) fn markup(&mut self, markup: &'static str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Adds a text, between tags or in the quotes of an attribute.
    pub(super) fn text(&mut self, text: impl Display) -> &mut Self {
        self.cut_text(text, MAX_TEXT)
    }

    /// Adds a text that may be as long as `max` characters.
    pub(super) fn cut_text(&mut self, text: impl Display, max: usize) -> &mut Self {
        // Writing to a `String` does not fail.
        let _ = write!(Escaper { html: &mut self.0, left: max }, "{text}");
        self
    }

    pub(super) fn finish(self) -> String {
        self.0
    }
}

struct Escaper<'h> {
    html: &'h mut String,
    /// How many characters follow at most.
    left: usize,
}

impl Write for Escaper<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            match self.left {
                0 => return Ok(()),
                1 => self.html.push('…'),
                _ => match character {
                    '&' => self.html.push_str("&amp;"),
                    '<' => self.html.push_str("&lt;"),
                    '>' => self.html.push_str("&gt;"),
                    '"' => self.html.push_str("&quot;"),
                    '\'' => self.html.push_str("&#39;"),
                    '\n' | '\t' => self.html.push(' '),
                    // They are not allowed in HTML, or turn the direction of what follows.
                    control if control.is_control() || turns_direction(control) => self.html.push('\u{fffd}'),
                    plain => self.html.push(plain),
                },
            }
            self.left -= 1;
        }
        Ok(())
    }
}

fn turns_direction(character: char) -> bool {
    matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{61c}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_never_becomes_markup() {
        for (text, expected) in [
            ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
            ("\" onload='x' a=\"", "&quot; onload=&#39;x&#39; a=&quot;"),
            ("a & b &lt;", "a &amp; b &amp;lt;"),
            ("line\nbreak\0", "line break\u{fffd}"),
            ("\u{202e}txt.exe", "\u{fffd}txt.exe"),
            ("Grüße 顧客 😀", "Grüße 顧客 😀"),
        ] {
            let mut html = Html::default();
            html.text(text);
            assert_eq!(html.finish(), expected, "{text:?}");
        }
    }

    /// Such a character would turn what follows it, and let it say something else.
    #[test]
    fn a_text_holds_no_character_that_turns_its_direction() {
        let turning = ['\u{61c}', '\u{200e}', '\u{200f}'].into_iter();
        let turning = turning.chain('\u{202a}'..='\u{202e}').chain('\u{2066}'..='\u{2069}');
        let plain = ['\u{61b}', '\u{200d}', '\u{2010}', '\u{2029}', '\u{202f}', '\u{2065}', '\u{206a}'];
        for (character, expected) in turning.map(|it| (it, '\u{fffd}')).chain(plain.map(|it| (it, it))) {
            let mut html = Html::default();
            html.text(format!("a{character}b"));
            assert_eq!(html.finish(), format!("a{expected}b"), "{character:?}");
        }
    }

    #[test]
    fn a_long_text_is_cut() {
        for (length, expected) in [(MAX_TEXT - 1, MAX_TEXT - 1), (MAX_TEXT, MAX_TEXT), (5_000, MAX_TEXT)] {
            let mut html = Html::default();
            html.text("ä".repeat(length));
            let text = html.finish();
            assert_eq!((text.chars().count(), text.ends_with('…')), (expected, length >= MAX_TEXT), "{length}");
        }
    }
}
