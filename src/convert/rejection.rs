//! Why a record is rejected before it is sent.

use super::NULL_MARKER;
use super::cell::CellError;
use super::column::{Column, Columns, Kind};

/// The kind of reason why a record is rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RejectionCode {
    /// A text that is exactly the marker for null.
    NullMarker,
    /// A text with half of a surrogate pair.
    NotUnicode,
    /// A text longer than any field.
    FieldTooLong,
    /// A record longer than Salesforce accepts.
    RecordTooLong,
    /// A value that the type of the field cannot hold.
    WrongType,
    /// A value other than an object under the name of a relationship.
    NotAnObject,
    /// A nested object without a field that names the related record.
    NoRelatedKey,
    /// No value for the key.
    MissingKey,
    /// No column for any value.
    NoField,
    /// The source has deleted the record, and the stream refuses deletes.
    DeleteRefused,
    /// The source has deleted the record, and the user is not allowed to delete.
    DeleteForbidden,
    /// A mark that says neither that the record is deleted nor that it lives.
    UnclearMark,
    /// The rows with keys like its own would need too many jobs.
    TooManyJobs,
    /// No record of the org has its key.
    NoMatch,
    /// Several records of the org have its key.
    SeveralMatches,
    /// Nobody knows whether a record of the org has its key.
    UncertainMatch,
}

impl RejectionCode {
    /// The status code: Salesforce's own if it has one for the case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NullMarker => "NULL_MARKER_AS_TEXT",
            Self::NotUnicode => "TEXT_DATA_OUTSIDE_SUPPORTED_CHARSET",
            Self::FieldTooLong => "STRING_TOO_LONG",
            Self::RecordTooLong => "RECORD_TOO_LONG",
            Self::WrongType | Self::NotAnObject => "INVALID_TYPE_ON_FIELD_IN_RECORD",
            Self::NoRelatedKey | Self::MissingKey | Self::NoField => "MISSING_ARGUMENT",
            Self::DeleteRefused => "DELETE_REFUSED",
            Self::DeleteForbidden => "INSUFFICIENT_ACCESS_OR_READONLY",
            Self::UnclearMark => "UNCLEAR_DELETE_MARK",
            Self::TooManyJobs => "TOO_MANY_JOBS_FOR_KEY",
            Self::NoMatch => "NO_MATCH",
            Self::SeveralMatches => "SEVERAL_MATCHES",
            Self::UncertainMatch => "UNCERTAIN_MATCH",
        }
    }
}

/// Why a record is rejected before it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// The kind of reason.
    pub code: RejectionCode,
    /// The field in Salesforce, if the reason is about one.
    pub field: Option<String>,
    /// The reason as a sentence, without the value.
    pub message: String,
}

impl Rejection {
    fn of_field(code: RejectionCode, field: &str, message: String) -> Self {
        Self { code, field: Some(field.to_owned()), message }
    }

    fn of_record(code: RejectionCode, message: &str) -> Self {
        Self { code, field: None, message: message.to_owned() }
    }

    pub(super) fn of_cell(error: CellError, column: &Column) -> Self {
        let field = column.header();
        match error {
            CellError::NullMarker => Self::of_field(
                RejectionCode::NullMarker,
                field,
                format!(
                    "{field} is the text {NULL_MARKER}, which Salesforce reads as an instruction to clear the field."
                ),
            ),
            CellError::NotUnicode => Self::text_is_not_unicode(field),
            CellError::TooLong => Self::of_field(
                RejectionCode::FieldTooLong,
                field,
                format!("{field} is longer than 131,072 characters, the most that Salesforce accepts in a field."),
            ),
            CellError::WrongType => Self::of_field(
                RejectionCode::WrongType,
                field,
                format!("{field} takes {}, and the value is not one.", value_of(column.kind())),
            ),
            CellError::NoSuchMoment => Self::of_field(
                RejectionCode::WrongType,
                field,
                format!("{field} has a day or a time that does not exist, such as February 30 or 24:00."),
            ),
            CellError::YearOutOfRange => Self::of_field(
                RejectionCode::WrongType,
                field,
                format!("{field} has a year before 1700 or after 4000, which Salesforce does not take."),
            ),
        }
    }

    pub(super) fn text_is_not_unicode(field: &str) -> Self {
        Self::of_field(RejectionCode::NotUnicode, field, format!("{field} holds text that is not Unicode."))
    }

    pub(super) fn name_is_not_unicode() -> Self {
        Self::of_record(RejectionCode::NotUnicode, "The record has a field name that is not Unicode.")
    }

    pub(super) fn not_an_object(relationship: &str) -> Self {
        Self::of_field(
            RejectionCode::NotAnObject,
            relationship,
            format!("{relationship} names a related record and must be an object."),
        )
    }

    pub(super) fn no_key_of_related(relationship: &str) -> Self {
        Self::of_field(
            RejectionCode::NoRelatedKey,
            relationship,
            format!("{relationship} has no external id of the related record, so nothing says which record is meant."),
        )
    }

    pub(crate) fn missing_key(field: &str) -> Self {
        Self::of_field(
            RejectionCode::MissingKey,
            field,
            format!("{field} is empty. It is the key, so every record needs a value for it."),
        )
    }

    pub(crate) fn no_field() -> Self {
        Self::of_record(RejectionCode::NoField, "No field of the record can be sent.")
    }

    /// The records with keys like the one of this record need more than `most` jobs one after the other.
    pub(crate) fn too_many_jobs(columns: &Columns, most: usize) -> Self {
        Self {
            code: RejectionCode::TooManyJobs,
            field: columns.merging_columns().first().map(|(key, _)| columns[*key].header().to_owned()),
            message: format!(
                "{most} jobs already load earlier records of one upload with this key, or with keys that Salesforce \
                 may treat as the same, and this one cannot be merged with them. Write the key in one way in the \
                 source, without values of blanks only, and send the record again."
            ),
        }
    }

    /// No record has the values of these fields.
    pub(crate) fn no_match(object: &str, fields: &str) -> Self {
        let message = format!("No record of {object} has this {fields}. A record in the recycle bin does not count.");
        Self::of_field(RejectionCode::NoMatch, fields, message)
    }

    /// So many records have the values of these fields, with these ids among them.
    pub(crate) fn several_matches(object: &str, fields: &str, count: usize, ids: &[String]) -> Self {
        let more = if count > ids.len() { " and more" } else { "" };
        let message = format!("{count} records of {object} have this {fields}: {}{more}.", ids.join(", "));
        Self::of_field(RejectionCode::SeveralMatches, fields, message)
    }

    /// A record has nearly the values of these fields, and no document says whether they are the same.
    pub(crate) fn uncertain_match(object: &str, fields: &str) -> Self {
        let message = format!(
            "A record of {object} has nearly this {fields}, and no document of Salesforce says whether it is the same: it \
             differs in the case of letters outside ASCII, in accents, in invisible characters, or in places of a number or \
             time that the field may not keep. Write the value in the source as the record has it, and send the record again."
        );
        Self::of_field(RejectionCode::UncertainMatch, fields, message)
    }

    /// No record with these values is found, but there may be one.
    pub(crate) fn unproven_match(object: &str, fields: &str) -> Self {
        let message = format!(
            "No record of {object} with this {fields} was found, but there may be one: a query cannot ask for the \
             value, or Salesforce may have changed it when the record was saved. This applies to a value of another \
             type or too long for its field, for line ends, tabs, invisible characters and accents apart from their \
             letters, for numbers of more than 15 digits or more decimal places than the field, and for fractions of a \
             second. Correct the value in the source, or match by another field, and send the record again."
        );
        Self::of_field(RejectionCode::UncertainMatch, fields, message)
    }

    /// The stream refuses deletes, for a reason that is a sentence.
    pub(crate) fn delete_refused(reason: &str) -> Self {
        Self::of_record(
            RejectionCode::DeleteRefused,
            &format!("The source has deleted this record, and Salesforce keeps it unchanged. {reason}"),
        )
    }

    /// The user is not allowed to delete records of the object.
    pub(crate) fn delete_forbidden(object: &str) -> Self {
        Self::of_record(
            RejectionCode::DeleteForbidden,
            &format!(
                "The source has deleted this record, and the signed-in user is not allowed to delete records of \
                 {object}, so Salesforce keeps it unchanged."
            ),
        )
    }

    pub(super) fn unclear_mark(mark: &str) -> Self {
        Self::of_field(
            RejectionCode::UnclearMark,
            mark,
            format!("{mark} does not say clearly whether the source has deleted the record."),
        )
    }

    pub(super) fn record_too_long() -> Self {
        Self::of_record(
            RejectionCode::RecordTooLong,
            "The values of the record have more than 400,000 characters, the most that Salesforce accepts.",
        )
    }
}

fn value_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Text { .. } => "text",
        Kind::Number => "a number",
        Kind::Boolean => "true or false",
        Kind::Date => "a date such as 2026-01-31",
        Kind::DateTime => "a date and time such as 2026-01-31T09:30:00Z",
        Kind::Time => "a time such as 09:30:00",
        Kind::MultiPicklist => "values of a list",
    }
}

#[cfg(test)]
mod tests {
    use airbyte::JsonTypes;

    use super::*;
    use crate::convert::{Key, KeyComparison, SourceColumn};

    #[test]
    fn a_message_names_the_field_and_not_the_value() {
        let column = Column::new(SourceColumn::top("f"), "Amount__c", Kind::Number, JsonTypes::default());
        let rejection = Rejection::of_cell(CellError::WrongType, &column);
        assert_eq!(rejection.message, "Amount__c takes a number, and the value is not one.");
    }

    /// Those who read rejected records filter by these texts.
    #[test]
    fn each_kind_of_reason_has_its_status_code() {
        use RejectionCode as Code;
        for (code, text) in [
            (Code::NullMarker, "NULL_MARKER_AS_TEXT"),
            (Code::NotUnicode, "TEXT_DATA_OUTSIDE_SUPPORTED_CHARSET"),
            (Code::FieldTooLong, "STRING_TOO_LONG"),
            (Code::RecordTooLong, "RECORD_TOO_LONG"),
            (Code::WrongType, "INVALID_TYPE_ON_FIELD_IN_RECORD"),
            (Code::NotAnObject, "INVALID_TYPE_ON_FIELD_IN_RECORD"),
            (Code::NoRelatedKey, "MISSING_ARGUMENT"),
            (Code::MissingKey, "MISSING_ARGUMENT"),
            (Code::NoField, "MISSING_ARGUMENT"),
            (Code::DeleteRefused, "DELETE_REFUSED"),
            (Code::DeleteForbidden, "INSUFFICIENT_ACCESS_OR_READONLY"),
            (Code::UnclearMark, "UNCLEAR_DELETE_MARK"),
            (Code::TooManyJobs, "TOO_MANY_JOBS_FOR_KEY"),
            (Code::NoMatch, "NO_MATCH"),
            (Code::SeveralMatches, "SEVERAL_MATCHES"),
            (Code::UncertainMatch, "UNCERTAIN_MATCH"),
        ] {
            assert_eq!(code.as_str(), text);
        }
    }

    #[test]
    fn each_reason_of_a_cell_has_its_code_and_its_field() {
        let column = Column::new(SourceColumn::top("f"), "Amount__c", Kind::Date, JsonTypes::default());
        for (error, code) in [
            (CellError::NullMarker, RejectionCode::NullMarker),
            (CellError::NotUnicode, RejectionCode::NotUnicode),
            (CellError::TooLong, RejectionCode::FieldTooLong),
            (CellError::WrongType, RejectionCode::WrongType),
            (CellError::NoSuchMoment, RejectionCode::WrongType),
            (CellError::YearOutOfRange, RejectionCode::WrongType),
        ] {
            let rejection = Rejection::of_cell(error, &column);
            assert_eq!((rejection.code, rejection.field.as_deref()), (code, Some("Amount__c")));
            assert!(rejection.message.starts_with("Amount__c "), "{}", rejection.message);
        }
    }

    #[test]
    fn only_some_of_the_ids_are_named_where_several_records_match() {
        let ids = ["1", "2"].map(str::to_owned);
        let message = |count| Rejection::several_matches("Contact", "Email", count, &ids).message;
        assert_eq!(message(2), "2 records of Contact have this Email: 1, 2.");
        assert_eq!(message(3), "3 records of Contact have this Email: 1, 2 and more.");
    }

    #[test]
    fn a_record_of_too_many_jobs_is_rejected_for_its_first_key_field() {
        let column =
            |name: &str| Column::new(SourceColumn::top(name), name, Kind::Text { longest: None }, JsonTypes::default());
        let key = |field: &str| Key { field: field.to_owned(), comparison: KeyComparison::Exact };
        let columns = Columns::new(vec![column("Name"), column("Email"), column("Phone")], None);
        let columns = columns.merged_by([key("Email"), key("Phone")]);
        let rejection = Rejection::too_many_jobs(&columns, 7);
        assert_eq!((rejection.code, rejection.field.as_deref()), (RejectionCode::TooManyJobs, Some("Email")));
        assert!(rejection.message.starts_with("7 jobs already load"), "{}", rejection.message);
    }
}
