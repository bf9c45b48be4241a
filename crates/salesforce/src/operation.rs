//! What a job does to the records of its object.

use std::fmt;

/// The operation of a Bulk API 2.0 ingest job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Creates a record for every row.
    Insert,
    /// Changes the record whose `Id` the row names.
    Update,
    /// Changes the record whose external id the row names, or creates it.
    Upsert,
    /// Moves the record whose `Id` the row names to the recycle bin.
    Delete,
    /// Deletes the record whose `Id` the row names for good.
    HardDelete,
}

impl Operation {
    /// The `operation` of a job (Bulk API 2.0, "Create a Job").
    pub fn api_name(self) -> &'static str {
        match self {
            Self::Insert => "insert",
            Self::Update => "update",
            Self::Upsert => "upsert",
            Self::Delete => "delete",
            Self::HardDelete => "hardDelete",
        }
    }

    /// Whether jobs of one object must take effect in the order of the records: everything but insert names
    /// records that an earlier job may also name.
    pub fn is_ordered(self) -> bool {
        self != Self::Insert
    }

    /// Whether only the `Id` column may be sent.
    pub fn is_delete(self) -> bool {
        matches!(self, Self::Delete | Self::HardDelete)
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HardDelete => "hard_delete",
            other => other.api_name(),
        })
    }
}
