//! The `sf__Error` text of a failed row.

mod meaning;
mod transient;

use crate::Operation;
use transient::RetryFor;

/// Ends an error.
const DASHES: &str = "--";

/// One error of a failed row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RowError {
    /// The status code; empty if the text does not begin with one.
    pub code: String,
    /// The message, without code and fields.
    pub message: String,
    /// The fields that the error names.
    pub fields: Vec<String>,
}

impl RowError {
    /// Reads the errors of a row. There is always at least one.
    ///
    /// One error reads `CODE:message:Field1,Field2 --`, or `CODE:message:--` if it names no field. The message may
    /// contain colons and commas, and several errors may follow one another (Bulk API 2.0 guide, "Get Failed Record
    /// Results").
    pub fn parse(text: &str) -> Vec<Self> {
        let mut errors = Vec::new();
        let mut rest = text.trim();
        while let Some((error, next)) = split_at_end(rest) {
            errors.push(Self::parse_complete(error));
            rest = next;
        }
        if !rest.is_empty() || errors.is_empty() {
            errors.push(Self::parse_cut_off(rest));
        }
        errors
    }

    /// Reads one error without the ` --` at its end.
    fn parse_complete(text: &str) -> Self {
        let (code, rest) = split_code(text);
        let (message, fields) = match rest.rsplit_once(':') {
            Some((message, fields)) if are_fields(fields.trim()) => (message, fields.trim()),
            _ => (rest, ""),
        };
        let fields = fields.split(',').map(str::trim).filter(|field| !field.is_empty()).map(str::to_owned);
        Self { code: code.to_owned(), message: message.trim().to_owned(), fields: fields.collect() }
    }

    /// Reads a text that has no ` --` at its end, so its last part need not be the fields.
    fn parse_cut_off(text: &str) -> Self {
        let (code, message) = split_code(text);
        Self { code: code.to_owned(), message: message.trim().to_owned(), fields: Vec::new() }
    }

    /// What a status code means, as words after a colon. It holds no value of a record, which the message may. `None`
    /// for a code that is rare.
    pub fn meaning(code: &str) -> Option<&'static str> {
        meaning::meaning(code)
    }

    /// Whether the row may be sent again: it may then succeed, and it cannot take effect twice.
    pub fn may_retry(&self, operation: Operation) -> bool {
        match transient::classify(&self.code, &self.message) {
            Some(RetryFor::All) => true,
            Some(RetryFor::AllExceptInsert) => operation != Operation::Insert,
            None => false,
        }
    }

    /// Whether a record that the row refers to by its key may be missing. Salesforce then did not write the row, and
    /// says "Foreign key external ID: X not found for field Y in entity Z" in the language of the user, so only the
    /// code decides. It can have other reasons.
    pub fn may_lack_related_record(&self) -> bool {
        self.code == "INVALID_FIELD"
    }
}

/// Splits off the code, if the text begins with one.
fn split_code(text: &str) -> (&str, &str) {
    match text.split_once(':') {
        Some((code, rest)) if is_code(code) => (code, rest),
        _ => ("", text),
    }
}

/// Splits at the first ` --` or `:--` that ends an error: at the end of the text, or before the next code. A message
/// may contain both, and even a word in capitals with a colon after it. So before the next code there must be the
/// fields of this error, and each code of Salesforce has an underscore.
fn split_at_end(text: &str) -> Option<(&str, &str)> {
    let after_code = text.find(':')? + 1;
    text.match_indices(DASHES).find_map(|(at, dashes)| {
        let (error, rest) = (&text[..at], &text[at + dashes.len()..]);
        let rest = rest.trim_start_matches([' ', ',', ';', '\n', '\r']);
        let is_end = match rest {
            "" => error.ends_with([' ', ':']),
            rest => error.get(after_code..).is_some_and(ends_with_fields) && begins_with_code(rest),
        };
        is_end.then_some((error, rest))
    })
}

/// Whether the text is a message with a list of fields, which is empty or followed by a blank. Looks at the list only,
/// as this is asked for each pair of dashes.
fn ends_with_fields(text: &str) -> bool {
    let message = text.trim_end_matches(|c: char| is_in_name(c) || matches!(c, ',' | ' '));
    let fields = &text[message.len()..];
    text.is_empty()
        || (message.ends_with(':') && (fields.is_empty() || fields.ends_with(' ')) && are_fields(fields.trim()))
}

/// Whether the text begins with the code of an error. Looks at the code only, as this is asked for each pair of dashes.
fn begins_with_code(text: &str) -> bool {
    let after = text.trim_start_matches(is_in_code);
    let code = &text[..text.len() - after.len()];
    after.starts_with(':') && code.contains('_') && is_code(code)
}

fn is_code(text: &str) -> bool {
    text.len() > 1 && text.starts_with(|c: char| c.is_ascii_uppercase()) && text.chars().all(is_in_code)
}

fn is_in_code(c: char) -> bool {
    c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_'
}

/// Whether this can be the list of fields. It may be empty.
fn are_fields(text: &str) -> bool {
    text.split(',').all(|field| field.trim().chars().all(is_in_name))
}

fn is_in_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '.')
}

#[cfg(test)]
mod tests;
