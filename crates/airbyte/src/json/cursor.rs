//! A position in a JSON text, and the steps from it.
//!
//! Steps that run for every value are `inline`, because other crates loop over the members of a record with them. Those
//! that return a value are `inline(always)`: out of line, the value would go through memory.

use serde_json::value::RawValue;

use super::text::{Decoded, Text};

/// The levels of nesting that the cursor follows itself, one bit each. Below, it asks serde_json for the end.
const MOST_LEVELS: u32 = u64::BITS;

/// A position in a JSON text. A step returns `None` if serde_json would not find JSON there; the cursor is useless
/// then.
#[derive(Debug, Clone, Copy)]
pub struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

/// A JSON value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// A string.
    Text(Text<'a>),
    /// A number as it is written.
    Number(&'a str),
    /// True or false.
    Boolean(bool),
    /// Null.
    Null,
    /// An array as it is written.
    Array(&'a str),
    /// An object as it is written.
    Object(&'a str),
}

impl<'a> Cursor<'a> {
    /// A cursor at the beginning of `text`.
    #[inline]
    pub fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// A cursor at the byte `at` of `text`: a position that another cursor reached in a text with the same beginning.
    #[inline]
    pub fn at(text: &'a str, at: usize) -> Self {
        Self { text, at }
    }

    /// The text before the cursor.
    #[inline]
    pub fn text_before(&self) -> &'a str {
        &self.text[..self.at]
    }

    /// Steps into an object.
    #[inline]
    pub fn enter_object(&mut self) -> Option<()> {
        self.take(b'{')
    }

    /// Steps to the key of the next member of an object, or out of the object if there is none: returns whether there
    /// is.
    #[inline]
    pub fn next_member(&mut self, is_first: bool) -> Option<bool> {
        self.next_of(b'}', is_first)
    }

    /// Steps into an array.
    #[inline]
    pub fn enter_array(&mut self) -> Option<()> {
        self.take(b'[')
    }

    /// Steps to the next element of an array, or out of the array if there is none: returns whether there is.
    #[inline]
    pub fn next_element(&mut self, is_first: bool) -> Option<bool> {
        self.next_of(b']', is_first)
    }

    /// Steps over a key and its colon if the key is written as `quoted`, which includes the quotes: returns whether it
    /// is.
    #[inline]
    pub fn skip_key(&mut self, quoted: &str) -> bool {
        if !self.text.as_bytes()[self.at..].starts_with(quoted.as_bytes()) {
            return false;
        }
        let key = self.at;
        self.at += quoted.len();
        let is_key = self.take(b':').is_some();
        if !is_key {
            self.at = key;
        }
        is_key
    }

    /// Steps over `written` if the text goes on with exactly that: returns whether it does. It is what a cursor has stepped
    /// over before, such as the comma, the key and the colon between two values, so the steps need not be repeated.
    #[inline(always)]
    pub fn skip_known(&mut self, written: &str) -> bool {
        let goes_on = self.text.as_bytes()[self.at..].starts_with(written.as_bytes());
        if goes_on {
            self.at += written.len();
        }
        goes_on
    }

    /// Steps over a key and its colon.
    #[inline]
    pub fn key(&mut self) -> Option<Text<'a>> {
        let key = self.string()?;
        self.take(b':')?;
        Some(key)
    }

    /// Steps over a value.
    #[inline(always)]
    pub fn value(&mut self) -> Option<Value<'a>> {
        self.skip_blanks();
        Some(match self.peek()? {
            b'"' => Value::Text(self.string()?),
            b'-' | b'0'..=b'9' => Value::Number(self.number()?),
            b'n' => self.literal("null").map(|()| Value::Null)?,
            b't' => self.literal("true").map(|()| Value::Boolean(true))?,
            b'f' => self.literal("false").map(|()| Value::Boolean(false))?,
            b'[' => Value::Array(self.nested()?),
            b'{' => Value::Object(self.nested()?),
            _ => return None,
        })
    }

    /// Steps over a value. If it is a string with escapes, its text takes the place of `decoded`: nothing is read twice.
    #[inline(always)]
    pub fn value_decoded(&mut self, decoded: &mut String) -> Option<(Value<'a>, Decoded)> {
        self.skip_blanks();
        if self.peek()? != b'"' {
            return Some((self.value()?, Decoded::Nothing));
        }
        let (text, outcome, end) = Text::read_decoded(self.text, self.at, decoded)?;
        self.at = end;
        Some((Value::Text(text), outcome))
    }

    /// Steps over a string that has no escape. `None` changes nothing: the next value is another one, or no value.
    #[inline(always)]
    pub fn plain_text(&mut self) -> Option<Text<'a>> {
        let start = self.at;
        self.skip_blanks();
        let plain = if self.peek() == Some(b'"') { Text::read_plain(self.text, self.at) } else { None };
        self.at = plain.map_or(start, |(_, end)| end);
        plain.map(|(text, _)| text)
    }

    /// Steps over a value and returns it as it is written.
    #[inline]
    pub fn raw_value(&mut self) -> Option<&'a str> {
        self.skip_blanks();
        let start = self.at;
        self.value()?;
        self.text.get(start..self.at)
    }

    /// Whether only blanks are left.
    #[inline]
    pub fn is_at_end(&mut self) -> bool {
        self.skip_blanks();
        self.at == self.text.len()
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    #[inline]
    fn skip_blanks(&mut self) {
        while let Some(b' ' | b'\n' | b'\t' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    /// Steps over `byte` and the blanks before it.
    #[inline]
    fn take(&mut self, byte: u8) -> Option<()> {
        self.skip_blanks();
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// Steps to the next element of an object or array, or over its `end`: returns whether there is an element.
    #[inline]
    fn next_of(&mut self, end: u8, is_first: bool) -> Option<bool> {
        self.skip_blanks();
        if self.peek()? == end {
            self.at += 1;
            return Some(false);
        }
        if !is_first {
            self.take(b',')?;
        }
        self.skip_blanks();
        Some(true)
    }

    #[inline(always)]
    fn string(&mut self) -> Option<Text<'a>> {
        if self.peek()? != b'"' {
            return None;
        }
        let (text, end) = Text::read(self.text, self.at)?;
        self.at = end;
        Some(text)
    }

    #[inline]
    fn literal(&mut self, literal: &str) -> Option<()> {
        let is_it = self.text.as_bytes()[self.at..].starts_with(literal.as_bytes());
        is_it.then(|| self.at += literal.len())
    }

    #[inline]
    fn number(&mut self) -> Option<&'a str> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek()? {
            b'0' => self.at += 1,
            _ => self.digits()?,
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        self.text.get(start..self.at)
    }

    /// Steps over one or more digits.
    #[inline]
    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }

    /// Steps over an object or array, without recursion.
    fn nested(&mut self) -> Option<&'a str> {
        let start = self.at;
        // A bit for each level, the innermost the lowest: whether it is an object.
        let (mut objects, mut levels) = (0_u64, 0);
        let mut opened = true;
        loop {
            if opened {
                if levels == MOST_LEVELS {
                    return self.nested_deeply(start);
                }
                objects = objects << 1 | u64::from(self.peek()? == b'{');
                levels += 1;
                self.at += 1;
            }
            let is_object = objects & 1 == 1;
            if self.next_of(if is_object { b'}' } else { b']' }, opened)? {
                if is_object {
                    self.key()?;
                    self.skip_blanks();
                }
                opened = matches!(self.peek()?, b'{' | b'[');
                if !opened {
                    self.value()?;
                }
            } else {
                objects >>= 1;
                levels -= 1;
                if levels == 0 {
                    return self.text.get(start..self.at);
                }
                opened = false;
            }
        }
    }

    fn nested_deeply(&mut self, start: usize) -> Option<&'a str> {
        let mut values = serde_json::Deserializer::from_str(self.text.get(start..)?).into_iter::<&RawValue>();
        let value = values.next()?.ok()?.get();
        self.at = start + value.len();
        Some(value)
    }
}
