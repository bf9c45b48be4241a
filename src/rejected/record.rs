//! Records as they are stored: those that were rejected, with the reason, and those that were written, with their ids.

use serde_json::value::RawValue;
use uuid::Uuid;

/// The columns that say why a record was rejected, in their order.
pub(super) const REJECTION_COLUMNS: [&str; 5] =
    ["sf__Id", "sf__Error", "rejected_reason", "rejected_field", "rejected_message"];

/// The columns that say what became of a written record, in their order.
pub(super) const SUCCESS_COLUMNS: [&str; 3] = ["sf__Id", "sf__Created", "written_records"];

/// The beginning of what follows the message of a row that stands for several records.
const STANDS_FOR: &str = "(The row stands for ";

/// What the records of an object are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RecordKind {
    Rejected,
    Written,
}

impl RecordKind {
    /// The columns that follow those of the record.
    pub(super) fn added_columns(self) -> &'static [&'static str] {
        match self {
            Self::Rejected => &REJECTION_COLUMNS,
            Self::Written => &SUCCESS_COLUMNS,
        }
    }

    /// What a log calls them.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Rejected => "rejected records",
            Self::Written => "ids of written records",
        }
    }

    /// Whether a source column of this name would be taken for one that follows the record. A written record has no
    /// column of a rejection, so that nobody takes it for a rejected one.
    pub(super) fn takes(self, name: &str) -> bool {
        self.added_columns().contains(&name) || REJECTION_COLUMNS.contains(&name)
    }
}

/// One record as it is stored.
#[derive(Debug, Clone)]
pub(super) struct StoredRecord {
    /// The id of this row.
    pub(super) raw_id: Uuid,
    /// When the source extracted the record, in milliseconds since 1970; 0 if that is not known.
    pub(super) extracted_at_ms: i64,
    /// The record under its source columns, then those that are added. The values stay JSON text, so that a number
    /// keeps every digit.
    pub(super) data: Vec<(String, Box<RawValue>)>,
}

impl StoredRecord {
    /// Joins a record with the values of the added columns. They replace source columns of the same names, so that no
    /// name occurs twice.
    fn new(
        kind: RecordKind,
        extracted_at_ms: i64,
        mut data: Vec<(String, Box<RawValue>)>,
        added: impl IntoIterator<Item = Box<RawValue>>,
    ) -> Self {
        data.retain(|(name, _)| !kind.takes(name));
        data.extend(kind.added_columns().iter().map(|name| (*name).to_owned()).zip(added));
        Self { raw_id: Uuid::now_v7(), extracted_at_ms, data }
    }
}

/// One rejected record with the details of its rejection.
#[derive(Debug, Clone)]
pub(crate) struct RejectedRecord {
    pub(super) stored: StoredRecord,
    /// `sf__Id` of the failed row, which is mostly empty.
    pub(crate) salesforce_id: String,
}

impl RejectedRecord {
    /// Joins a record with the details of its rejection.
    pub(crate) fn new(extracted_at_ms: i64, data: Vec<(String, Box<RawValue>)>, details: RejectionDetails) -> Self {
        let salesforce_id = details.salesforce_id.clone();
        let values = [details.salesforce_id, details.error, details.reason, details.field, details.message];
        let values = values.map(|value| json_text(&value));
        Self { stored: StoredRecord::new(RecordKind::Rejected, extracted_at_ms, data, values), salesforce_id }
    }

    /// The id of its stored row.
    pub(crate) fn raw_id(&self) -> Uuid {
        self.stored.raw_id
    }
}

/// The key of a written record, and its id in Salesforce.
#[derive(Debug, Clone)]
pub(crate) struct WrittenRecord {
    pub(super) stored: StoredRecord,
}

/// What became of a written record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WrittenAs<'r> {
    /// The id of the record in Salesforce.
    pub(crate) id: &'r str,
    /// Whether it was created. None if Salesforce does not say.
    pub(crate) is_created: Option<bool>,
    /// How many records of the source became this one row.
    pub(crate) records: u64,
}

impl WrittenRecord {
    /// Joins the key of a record with what became of it.
    pub(crate) fn new(extracted_at_ms: i64, key: Vec<(String, Box<RawValue>)>, written: WrittenAs<'_>) -> Self {
        let json = |value: String| RawValue::from_string(value).unwrap_or_else(|_| RawValue::NULL.to_owned());
        let is_created = written.is_created.map_or_else(|| "null".to_owned(), |created| created.to_string());
        let values = [json_text(written.id), json(is_created), json(written.records.to_string())];
        Self { stored: StoredRecord::new(RecordKind::Written, extracted_at_ms, key, values) }
    }
}

/// The content of the rejection columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RejectionDetails {
    /// `sf__Id` of the failed row, which is mostly empty.
    pub(crate) salesforce_id: String,
    /// `sf__Error`, word for word.
    pub(crate) error: String,
    /// The status code.
    pub(crate) reason: String,
    /// The fields at fault, joined with commas, or an empty text.
    pub(crate) field: String,
    /// The sentence between the status code and the fields.
    pub(crate) message: String,
}

impl RejectionDetails {
    /// A rejection by the connector itself, in the form of Salesforce's errors: `CODE:message:Field --`, or
    /// `CODE:message:--` without a field.
    pub(crate) fn local(code: impl Into<String>, message: impl Into<String>, field: impl Into<String>) -> Self {
        let (reason, message, field) = (code.into(), message.into(), field.into());
        let gap = if field.is_empty() { "" } else { " " };
        let error = format!("{reason}:{message}:{field}{gap}--");
        Self { salesforce_id: String::new(), error, reason, field, message }
    }
}

/// The message of a rejected row that stands for several records.
pub(crate) fn of_several_records(message: &str, records: u64) -> String {
    format!("{message} {STANDS_FOR}{records} records with one key.)").trim_start().to_owned()
}

/// Whether a message is that of a row that stands for several records.
pub(crate) fn is_of_several_records(message: &str) -> bool {
    message.contains(STANDS_FOR)
}

fn json_text(value: &str) -> Box<RawValue> {
    serde_json::value::to_raw_value(value).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_local_rejection_has_the_form_of_salesforces_errors() {
        let cases = [
            (("INVALID_FIELD", "no such: thing", "Name"), "INVALID_FIELD:no such: thing:Name --"),
            (("MISSING_ARGUMENT", "Id not specified", ""), "MISSING_ARGUMENT:Id not specified:--"),
        ];
        for ((code, message, field), error) in cases {
            let details = RejectionDetails::local(code, message, field);
            let expected = RejectionDetails {
                salesforce_id: String::new(),
                error: error.to_owned(),
                reason: code.to_owned(),
                field: field.to_owned(),
                message: message.to_owned(),
            };
            assert_eq!(details, expected);
        }
    }

    #[test]
    fn a_row_that_stands_for_several_records_is_known_by_its_message() {
        for message in ["", "Name: too long."] {
            assert!(is_of_several_records(&of_several_records(message, 2)));
            assert!(!is_of_several_records(message));
        }
        assert_eq!(of_several_records("", 2), "(The row stands for 2 records with one key.)");
    }

    #[test]
    fn rejection_columns_follow_the_record_and_replace_source_columns_of_the_same_names() {
        let value = |json: &str| RawValue::from_string(json.to_owned()).unwrap();
        let data = vec![
            ("sf__Error".to_owned(), value("1")),
            ("Amount".to_owned(), value("1.50")),
            ("rejected_field".to_owned(), value("null")),
        ];
        let record = RejectedRecord::new(5, data, RejectionDetails::local("CODE", "quote \" here", "F"));
        let pairs: Vec<(&str, &str)> =
            record.stored.data.iter().map(|(name, value)| (name.as_str(), value.get())).collect();
        let expected = [
            ("Amount", "1.50"),
            ("sf__Id", "\"\""),
            ("sf__Error", r#""CODE:quote \" here:F --""#),
            ("rejected_reason", "\"CODE\""),
            ("rejected_field", "\"F\""),
            ("rejected_message", r#""quote \" here""#),
        ];
        assert_eq!(pairs, expected);
        assert_eq!(record.raw_id().get_version_num(), 7);
    }
}
