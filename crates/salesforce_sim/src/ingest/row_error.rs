//! The errors of single rows.

use std::fmt;

/// Why a row failed.
///
/// Its text is the `sf__Error` of the row: `CODE:message:Field1,Field2 --`, or `CODE:message:--` without fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RowError {
    code: &'static str,
    message: String,
    fields: String,
}

impl RowError {
    /// An error without fields.
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), fields: String::new() }
    }

    /// An error that names fields.
    pub(crate) fn with_fields(code: &'static str, message: impl Into<String>, fields: &[&str]) -> Self {
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
    fn the_text_has_the_form_of_sf_error() {
        for (error, text) in [
            (RowError::new("ENTITY_IS_DELETED", "entity is deleted"), "ENTITY_IS_DELETED:entity is deleted:--"),
            (RowError::with_fields("CODE", "a: b", &["One"]), "CODE:a: b:One --"),
            (RowError::with_fields("CODE", "text", &["One", "Two__c"]), "CODE:text:One,Two__c --"),
        ] {
            assert_eq!(error.to_string(), text);
        }
    }
}
