//! JSON strings: where they end, and their text.

use super::scan::find_stop;

/// A JSON string, not decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text<'a> {
    /// The text between the quotes.
    pub raw: &'a str,
    /// Whether `raw` has an escape. Without one, it is the decoded text.
    pub has_escape: bool,
    /// Whether `raw` has a comma, for writers of CSV: the other characters that need quotes are written as escapes.
    pub has_comma: bool,
}

/// The characters that were escaped, for writers of CSV.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Escapes {
    /// Whether one of them is a comma, a quote or a line end.
    pub needs_quotes: bool,
    /// Whether one of them is a carriage return.
    pub has_return: bool,
}

impl Escapes {
    #[inline]
    fn add(&mut self, character: char) {
        self.needs_quotes |= matches!(character, ',' | '"' | '\n' | '\r');
        self.has_return |= character == '\r';
    }
}

/// What was decoded while a value was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decoded {
    /// Nothing: the value is not a string, or has no escape.
    Nothing,
    /// A string with escapes.
    Text(Escapes),
    /// A string that is not Unicode. A part of it may be decoded.
    NotUnicode,
}

/// The string has half of a surrogate pair, so it is not Unicode text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the string has half of a surrogate pair")]
pub struct NotUnicode;

impl<'a> Text<'a> {
    /// The string whose opening quote is at `quote`, and the position after its closing quote.
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
                    at = stop;
                    // If the text is not Latin, escape often follows escape.
                    while json.as_bytes().get(at) == Some(&b'\\') {
                        at += escape_length(&json.as_bytes()[at..])?;
                    }
                }
                // A control character, which must be escaped.
                _ => return None,
            }
        }
    }

    /// The string whose opening quote is at `quote`, if it has no escape, and the position after its closing quote.
    #[inline(always)]
    pub(super) fn read_plain(json: &'a str, quote: usize) -> Option<(Self, usize)> {
        let start = quote + 1;
        let (stop, has_comma) = find_stop(json.as_bytes(), start)?;
        if json.as_bytes()[stop] != b'"' {
            return None;
        }
        Some((Self { raw: json.get(start..stop)?, has_escape: false, has_comma }, stop + 1))
    }

    /// Reads a string as [`read`](Self::read) does. If it has an escape, its decoded text takes the place of `decoded`.
    #[inline(always)]
    pub(super) fn read_decoded(json: &'a str, quote: usize, decoded: &mut String) -> Option<(Self, Decoded, usize)> {
        let start = quote + 1;
        let (stop, has_comma) = find_stop(json.as_bytes(), start)?;
        match json.as_bytes()[stop] {
            b'"' => {
                let text = Self { raw: json.get(start..stop)?, has_escape: false, has_comma };
                Some((text, Decoded::Nothing, stop + 1))
            }
            b'\\' => {
                decoded.clear();
                decoded.push_str(json.get(start..stop)?);
                Self::read_escaped(json, start, (stop, has_comma), decoded)
            }
            _ => None,
        }
    }

    /// Reads on at the first escape of the string that begins at `start`. Before it is a comma, or not.
    fn read_escaped(
        json: &'a str,
        start: usize,
        (escape, comma_before): (usize, bool),
        decoded: &mut String,
    ) -> Option<(Self, Decoded, usize)> {
        let bytes = json.as_bytes();
        let (mut at, mut has_comma, mut escapes) = (escape, comma_before, Escapes::default());
        loop {
            match *bytes.get(at)? {
                b'\\' => {
                    let Some((character, length)) = escaped(&bytes[at..]) else {
                        // No escape of JSON, or half a surrogate pair.
                        let (text, end) = Self::read(json, start - 1)?;
                        return Some((text, Decoded::NotUnicode, end));
                    };
                    escapes.add(character);
                    decoded.push(character);
                    at += length;
                }
                b'"' => {
                    let text = Self { raw: json.get(start..at)?, has_escape: true, has_comma };
                    return Some((text, Decoded::Text(escapes), at + 1));
                }
                ..b' ' => return None,
                // Between escaped words there is often one character.
                byte if byte.is_ascii() && bytes.get(at + 1) == Some(&b'\\') => {
                    has_comma |= byte == b',';
                    decoded.push(char::from(byte));
                    at += 1;
                }
                _ => {
                    let (stop, comma) = find_stop(bytes, at)?;
                    has_comma |= comma;
                    decoded.push_str(json.get(at..stop)?);
                    at = stop;
                }
            }
        }
    }

    /// Appends the decoded text to `out`.
    ///
    /// # Errors
    /// The string is not Unicode. A part of it may be appended.
    #[inline]
    pub fn decode(&self, out: &mut String) -> Result<Escapes, NotUnicode> {
        let (mut rest, mut escapes) = (self.raw, Escapes::default());
        loop {
            while rest.starts_with('\\') {
                let (character, length) = escaped(rest.as_bytes()).ok_or(NotUnicode)?;
                escapes.add(character);
                out.push(character);
                rest = &rest[length..];
            }
            let Some(escape) = memchr::memchr(b'\\', rest.as_bytes()) else { break };
            let (before, from) = rest.split_at(escape);
            out.push_str(before);
            rest = from;
        }
        out.push_str(rest);
        Ok(escapes)
    }
}

/// The length of the escape at the beginning.
#[inline]
fn escape_length(from: &[u8]) -> Option<usize> {
    match from.get(1)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(2),
        b'u' => unit(from).map(|_| 6),
        _ => None,
    }
}

/// The first escaped character and the length of its escape, or of both escapes of a surrogate pair; `None` for half a
/// pair, and for what is not an escape.
#[inline]
fn escaped(from: &[u8]) -> Option<(char, usize)> {
    let character = match from.get(1)? {
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return unicode(from),
        other @ (b'"' | b'\\' | b'/') => char::from(*other),
        _ => return None,
    };
    Some((character, 2))
}

#[inline]
fn unicode(from: &[u8]) -> Option<(char, usize)> {
    let first = unit(from)?;
    if let Some(character) = char::from_u32(first.into()) {
        return Some((character, 6));
    }
    let units = [first, from.get(6..).and_then(unit)?];
    let character = char::decode_utf16(units).next()?.ok()?;
    Some((character, 12))
}

/// The UTF-16 unit of the escape at the beginning.
#[inline]
fn unit(from: &[u8]) -> Option<u16> {
    let [b'\\', b'u', digits @ ..] = from.first_chunk::<6>()? else { return None };
    // A byte that is not a digit leaves a bit above the sixteen, wherever it is.
    let unit = digits.iter().fold(0, |unit, digit| unit << 4 | DIGITS[usize::from(*digit)]);
    u16::try_from(unit).ok()
}

/// The value of each hexadecimal digit; for every other byte a number of more than sixteen bits.
const DIGITS: [u32; 256] = {
    let mut values = [1 << 16; 256];
    let mut value = 0;
    while value < 16 {
        values[b"0123456789abcdef"[value as usize] as usize] = value;
        values[b"0123456789ABCDEF"[value as usize] as usize] = value;
        value += 1;
    }
    values
};
