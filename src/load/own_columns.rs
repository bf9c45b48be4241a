//! The columns that result files have besides those of the input.

/// The number of the row in the file that was loaded, without the header.
pub(super) const ROW: &str = "source_row";

/// The columns of a rejection, in the order in which an error file has them.
pub(super) const OF_REJECTION: [&str; 5] =
    ["sf__Id", "sf__Error", "rejected_reason", "rejected_field", "rejected_message"];

/// For how many records a row of a success file stands.
pub(super) const RECORDS: &str = "written_records";

/// Whether the record of a row is new.
const CREATED: &str = "sf__Created";

/// Whether a column is one of a result file. It is left out of what is loaded, so that a repaired error file can be
/// loaded as it is.
pub(super) fn is_own(name: &str) -> bool {
    [ROW, RECORDS, CREATED].contains(&name) || OF_REJECTION.contains(&name)
}
