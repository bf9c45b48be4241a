//! A place in a JSON text, and the ways to move on from it.
//!
//! Steps on the way of every value are inlined by order: they make up the loop over the fields of a record, and what they
//! hand on would else go through memory.

use serde_json::value::RawValue;

use super::text::Text;

/// How deep a value may be nested before serde_json is asked where it ends: one bit a level.
const MOST_LEVELS: u32 = u64::BITS;

/// A place in a JSON text. Every step returns `None` where serde_json would find no JSON, and the cursor is of no use then.
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
    /// The text of a number.
    Number(&'a str),
    /// True or false.
    Boolean(bool),
    /// Null.
    Null,
    /// The text of an array.
    Array(&'a str),
    /// The text of an object.
    Object(&'a str),
}

impl<'a> Cursor<'a> {
    /// The beginning of `text`.
    pub fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// A place in `text` that an earlier cursor had come to in a text that began alike.
    pub fn at(text: &'a str, at: usize) -> Self {
        Self { text, at }
    }

    /// The text before this place.
    pub fn passed(&self) -> &'a str {
        &self.text[..self.at]
    }

    /// Steps into an object.
    pub fn enter_object(&mut self) -> Option<()> {
        self.take(b'{')
    }

    /// Steps to the key of the next member of an object, or out of the object: tells whether there is one.
    pub fn next_member(&mut self, is_first: bool) -> Option<bool> {
        self.next_of(b'}', is_first)
    }

    /// Steps into an array.
    pub fn enter_array(&mut self) -> Option<()> {
        self.take(b'[')
    }

    /// Steps to the next element of an array, or out of the array: tells whether there is one.
    pub fn next_element(&mut self, is_first: bool) -> Option<bool> {
        self.next_of(b']', is_first)
    }

    /// Steps over the key and its colon where the key is written as `quoted`, quotes included.
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

    /// Steps over a key and its colon.
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

    /// Steps over a value and tells how it is written.
    pub fn written(&mut self) -> Option<&'a str> {
        self.skip_blanks();
        let start = self.at;
        self.value()?;
        self.text.get(start..self.at)
    }

    /// Whether nothing but blanks is left.
    pub fn is_at_end(&mut self) -> bool {
        self.skip_blanks();
        self.at == self.text.len()
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_blanks(&mut self) {
        while let Some(b' ' | b'\n' | b'\t' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    /// Steps over `byte` and the blanks before it.
    fn take(&mut self, byte: u8) -> Option<()> {
        self.skip_blanks();
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// Steps to the next element of an object or array, or over its `end`: tells whether there is an element.
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

    fn literal(&mut self, literal: &str) -> Option<()> {
        let is_it = self.text.as_bytes()[self.at..].starts_with(literal.as_bytes());
        is_it.then(|| self.at += literal.len())
    }

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

    /// Steps over one digit or more.
    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }

    /// Steps over an object or array with all that is in it, without recursion.
    fn nested(&mut self) -> Option<&'a str> {
        let start = self.at;
        // One bit a level, the innermost the lowest: whether it is an object.
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
