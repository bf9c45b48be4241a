//! A record that was refused, as it is stored: what the source sent, and why it was not taken.

use serde_json::value::RawValue;
use uuid::Uuid;

/// The columns that a refusal adds to a record, in their order.
pub const REJECTION_COLUMNS: [&str; 5] =
    ["sf__Id", "sf__Error", "rejected_reason", "rejected_field", "rejected_message"];

/// One rejected record with the reason for its rejection.
#[derive(Debug, Clone)]
pub struct RejectedRecord {
    /// The identity of this stored row.
    pub raw_id: Uuid,
    /// When the source extracted the record, in milliseconds since 1970.
    pub extracted_at_ms: i64,
    /// The record under its source column names, then the columns of the refusal. The values stay JSON text, so that
    /// a number keeps every digit.
    pub data: Vec<(String, Box<RawValue>)>,
}

impl RejectedRecord {
    /// Joins a record with its refusal. A column of the record that bears the name of a refusal's column gives way,
    /// so that no name occurs twice.
    pub fn new(extracted_at_ms: i64, mut data: Vec<(String, Box<RawValue>)>, refusal: RejectionDetails) -> Self {
        data.retain(|(name, _)| !REJECTION_COLUMNS.contains(&name.as_str()));
        let values = [refusal.salesforce_id, refusal.error, refusal.reason, refusal.field, refusal.message];
        data.extend(REJECTION_COLUMNS.iter().zip(values).map(|(name, value)| ((*name).to_owned(), json_text(&value))));
        Self { raw_id: Uuid::now_v7(), extracted_at_ms, data }
    }
}

/// Why a record was rejected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectionDetails {
    /// `sf__Id` of the failed row; empty on most of them.
    pub salesforce_id: String,
    /// `sf__Error`, word for word.
    pub error: String,
    /// The status code.
    pub reason: String,
    /// The fields at fault, joined with commas, or nothing.
    pub field: String,
    /// The sentence between the status code and the fields.
    pub message: String,
}

impl RejectionDetails {
    /// A rejection by the connector itself, told in Salesforce's grammar: `CODE:message:Field --`, or `CODE:message:--`
    /// without a field.
    pub fn local(code: impl Into<String>, message: impl Into<String>, field: impl Into<String>) -> Self {
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
    fn a_local_refusal_speaks_salesforces_grammar() {
        let cases = [
            (("INVALID_FIELD", "no such: thing", "Name"), "INVALID_FIELD:no such: thing:Name --"),
            (("MISSING_ARGUMENT", "Id not specified", ""), "MISSING_ARGUMENT:Id not specified:--"),
        ];
        for ((code, message, field), error) in cases {
            let refusal = RejectionDetails::local(code, message, field);
            let expected = RejectionDetails {
                salesforce_id: String::new(),
                error: error.to_owned(),
                reason: code.to_owned(),
                field: field.to_owned(),
                message: message.to_owned(),
            };
            assert_eq!(refusal, expected);
        }
    }

    #[test]
    fn the_refusal_comes_after_the_record_and_replaces_what_bears_its_names() {
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
