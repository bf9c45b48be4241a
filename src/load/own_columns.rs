//! The columns that result files have besides those of the input.

/// The number of the row in the file that was loaded, without the header.
pub(super) const ROW: &str = "source_row";

/// The columns of a rejection, in the order in which an error file has them.
pub(super) const OF_REJECTION: [&str; 5] =
    ["sf__Id", "sf__Error", "rejected_reason", "rejected_field", "rejected_message"];

/// For how many records a row of a success file stands.
pub(super) const RECORDS: &str = "written_records";

/// Whether the record of a row is new.
pub(super) const CREATED: &str = "sf__Created";

/// Whether a column is one of a result file. It is left out of what is loaded, so that a repaired error file can be
/// loaded as it is.
pub(crate) fn is_own(name: &str) -> bool {
    [ROW, RECORDS, CREATED].contains(&name) || OF_REJECTION.contains(&name)
}

/// The name under which a column is loaded; none if it is left out. A column of a result file that goes to a field has the
/// name of the field from the beginning: under its own name, an error file would have it twice.
pub(super) fn loaded_as<'n>(name: &'n str, renames: &'n [(String, String)]) -> Option<&'n str> {
    match is_own(name) {
        true => renames.iter().find(|(column, _)| column == name).map(|(_, field)| field.as_str()),
        false => Some(name),
    }
}
