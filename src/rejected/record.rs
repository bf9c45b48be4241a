//! A rejected record as it is stored: what the source sent, and why it was rejected.

use serde_json::value::RawValue;
use uuid::Uuid;

/// The columns that say why a record was rejected, in their order.
pub(super) const REJECTION_COLUMNS: [&str; 5] =
    ["sf__Id", "sf__Error", "rejected_reason", "rejected_field", "rejected_message"];

/// One rejected record with the details of its rejection.
#[derive(Debug, Clone)]
pub(crate) struct RejectedRecord {
    /// The id of this stored row.
    pub(crate) raw_id: Uuid,
    /// `sf__Id` of the failed row, which is mostly empty.
    pub(crate) salesforce_id: String,
    /// When the source extracted the record, in milliseconds since 1970.
    pub(super) extracted_at_ms: i64,
    /// The record under its source columns, then the rejection columns. The values stay JSON text, so that a number
    /// keeps every digit.
    pub(super) data: Vec<(String, Box<RawValue>)>,
}

impl RejectedRecord {
    /// Joins a record with the details of its rejection. They replace source columns of the same names, so that no
    /// name occurs twice.
    pub(crate) fn new(extracted_at_ms: i64, mut data: Vec<(String, Box<RawValue>)>, details: RejectionDetails) -> Self {
        data.retain(|(name, _)| !REJECTION_COLUMNS.contains(&name.as_str()));
        let salesforce_id = details.salesforce_id.clone();
        let values = [details.salesforce_id, details.error, details.reason, details.field, details.message];
        data.extend(REJECTION_COLUMNS.iter().zip(values).map(|(name, value)| ((*name).to_owned(), json_text(&value))));
        Self { raw_id: Uuid::now_v7(), salesforce_id, extracted_at_ms, data }
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
    fn rejection_columns_follow_the_record_and_replace_source_columns_of_the_same_names() {
        let value = |json: &str| RawValue::from_string(json.to_owned()).unwrap();
        let data = vec![
            ("sf__Error".to_owned(), value("1")),
            ("Amount".to_owned(), value("1.50")),
            ("rejected_field".to_owned(), value("null")),
        ];
        let record = RejectedRecord::new(5, data, RejectionDetails::local("CODE", "quote \" here", "F"));
        let pairs: Vec<(&str, &str)> = record.data.iter().map(|(name, value)| (name.as_str(), value.get())).collect();
        let expected = [
            ("Amount", "1.50"),
            ("sf__Id", "\"\""),
            ("sf__Error", r#""CODE:quote \" here:F --""#),
            ("rejected_reason", "\"CODE\""),
            ("rejected_field", "\"F\""),
            ("rejected_message", r#""quote \" here""#),
        ];
        assert_eq!(pairs, expected);
        assert_eq!(record.raw_id.get_version_num(), 7);
    }
}
