//! The `sf__Error` text of a failed row.

use super::Operation;

/// One error of a failed row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowError {
    /// The status code; empty where the text does not begin with one.
    pub code: String,
    /// The message, without code and fields.
    pub message: String,
    /// The fields that the error names.
    pub fields: Vec<String>,
}

impl RowError {
    /// The errors of a row; at least one, whatever the text is.
    pub fn parse(text: &str) -> Vec<Self> {
        let _ = text;
        unimplemented!()
    }

    /// Whether the row may succeed when it is sent again, and sending it again cannot do anything twice.
    pub fn is_passing(&self, operation: Operation) -> bool {
        let _ = operation;
        unimplemented!()
    }
}
