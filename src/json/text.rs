//! Strings: where they end, and what they say.

use super::scan::find_stop;

/// A JSON string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text<'a> {
    /// What stands between the quotes.
    pub raw: &'a str,
    /// Whether there is an escape in it; without one, it is the text itself.
    pub has_escape: bool,
    /// Whether there is a comma in it, which is what a reader of CSV would want to know.
    pub has_comma: bool,
}

/// The text holds half of a surrogate pair, which no Unicode text can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotUnicode;

impl<'a> Text<'a> {
    /// The string whose opening quote is at `quote`, and the place behind its closing quote.
    #[inline(always)]
    pub(super) fn read(json: &'a str, quote: usize) -> Option<(Self, usize)> {
        let start = quote + 1;
        let mut at = start;
        let (mut has_escape, mut has_comma) = (false, false);
        loop {
            let (stop, comma_before) = find_stop(json.as_bytes(), at)?;
            has_comma |= comma_before;
            match json.as_bytes()[stop] {
                b'"' => {
                    let raw = json.get(start..stop)?;
                    return Some((Self { raw, has_escape, has_comma }, stop + 1));
                }
                b'\\' => {
                    has_escape = true;
                    at = stop + escape_length(&json.as_bytes()[stop..])?;
                }
                // A character that must be escaped.
                _ => return None,
            }
        }
    }

    /// Appends what the string says.
    ///
    /// # Errors
    /// It is no Unicode text. Part of it may have been appended.
    pub fn decode(&self, out: &mut String) -> Result<(), NotUnicode> {
        let mut rest = self.raw;
        while let Some(escape) = memchr::memchr(b'\\', rest.as_bytes()) {
            let (before, from) = rest.split_at(escape);
            out.push_str(before);
            let (character, length) = escaped(from).ok_or(NotUnicode)?;
            out.push(character);
            rest = &from[length..];
        }
        out.push_str(rest);
        Ok(())
    }
}

/// How long the escape at the beginning is.
fn escape_length(from: &[u8]) -> Option<usize> {
    match from.get(1)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(2),
        b'u' => from.get(2..6)?.iter().all(u8::is_ascii_hexdigit).then_some(6),
        _ => None,
    }
}

/// The character that the escapes at the beginning stand for, and their length; half a surrogate pair stands for none.
fn escaped(from: &str) -> Option<(char, usize)> {
    let character = match from.as_bytes().get(1)? {
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return unicode(from),
        other => char::from(*other),
    };
    Some((character, 2))
}

fn unicode(from: &str) -> Option<(char, usize)> {
    let unit = |text: &str| u16::from_str_radix(text.strip_prefix("\\u")?.get(..4)?, 16).ok();
    let first = unit(from)?;
    let units = [first, from.get(6..).and_then(unit).unwrap_or_default()];
    let character = char::decode_utf16(units).next()?.ok()?;
    Some((character, 6 * character.len_utf16()))
}
