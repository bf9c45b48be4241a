//! The errors of single rows, in the grammar of `sf__Error`.

use std::fmt;

/// Why a row was not saved.
///
/// Its text is `CODE:message:Field1,Field2 --`, with nothing between the last two colons when no field is to blame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RowError {
    code: &'static str,
    message: String,
    fields: String,
}

impl RowError {
    /// An error of the whole row.
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), fields: String::new() }
    }

    /// An error of some fields.
    pub(crate) fn of(code: &'static str, message: impl Into<String>, fields: &[&str]) -> Self {
        Self { fields: fields.join(","), ..Self::new(code, message) }
    }
}

impl fmt::Display for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code, message, fields } = self;
        if fields.is_empty() { write!(f, "{code}:{message}:--") } else { write!(f, "{code}:{message}:{fields} --") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_follow_the_grammar() {
        for (error, text) in [
            (RowError::new("ENTITY_IS_DELETED", "entity is deleted"), "ENTITY_IS_DELETED:entity is deleted:--"),
            (RowError::of("CODE", "a: b", &["One"]), "CODE:a: b:One --"),
            (RowError::of("CODE", "text", &["One", "Two__c"]), "CODE:text:One,Two__c --"),
        ] {
            assert_eq!(error.to_string(), text);
        }
    }
}
