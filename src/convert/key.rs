//! The field that identifies the record of a row.

pub use salesforce::KeyComparison;

/// The field that identifies the record of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The name of the field in Salesforce.
    pub field: String,
    /// How its values are compared.
    pub comparison: KeyComparison,
}
