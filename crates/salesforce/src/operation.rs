//! The operations of an ingest job.

use std::fmt;

/// The operation of a Bulk API 2.0 ingest job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Creates a record for every row.
    Insert,
    /// Updates the record whose `Id` the row has.
    Update,
    /// Updates the record whose external id the row has, or creates it.
    Upsert,
    /// Moves the record whose `Id` the row has to the recycle bin.
    Delete,
    /// Deletes the record whose `Id` the row has, without the recycle bin.
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

    /// Whether the jobs of one object must run in order. Every operation except insert may change a record that an
    /// earlier job also changes.
    pub fn is_ordered(self) -> bool {
        self != Self::Insert
    }

    /// Whether the CSV may have the `Id` column only.
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

#[cfg(test)]
mod tests {
    use super::Operation::{Delete, HardDelete, Insert, Update, Upsert};

    #[test]
    fn each_operation_has_its_names_and_its_nature() {
        for (operation, api_name, shown, is_ordered, is_delete) in [
            (Insert, "insert", "insert", false, false),
            (Update, "update", "update", true, false),
            (Upsert, "upsert", "upsert", true, false),
            (Delete, "delete", "delete", true, true),
            (HardDelete, "hardDelete", "hard_delete", true, true),
        ] {
            assert_eq!((operation.api_name(), &*operation.to_string()), (api_name, shown));
            assert_eq!((operation.is_ordered(), operation.is_delete()), (is_ordered, is_delete), "{operation}");
        }
    }
}
