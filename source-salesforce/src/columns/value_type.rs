//! The JSON type of a field.

use salesforce::FieldType;
use serde_json::{Value, json};

/// What the values of a field are in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ValueType {
    Boolean,
    Integer,
    Number,
    Date,
    DateTime,
    Time,
    Text,
}

impl ValueType {
    pub(crate) fn of(field_type: &FieldType) -> Self {
        use FieldType::{Boolean, Currency, Date, Datetime, Double, Int, Long, Percent, Time};
        match field_type {
            Boolean => Self::Boolean,
            Int | Long => Self::Integer,
            Double | Currency | Percent => Self::Number,
            Date => Self::Date,
            Datetime => Self::DateTime,
            Time => Self::Time,
            _ => Self::Text,
        }
    }

    /// The JSON schema of the values. Any of them can be null: a field that the user may not see is for some records.
    pub(crate) fn schema(self) -> Value {
        match self {
            Self::Boolean => json!({"type": ["null", "boolean"]}),
            Self::Integer => json!({"type": ["null", "integer"]}),
            Self::Number => json!({"type": ["null", "number"]}),
            Self::Date => json!({"type": ["null", "string"], "format": "date"}),
            // The platform knows each `airbyte_type` from its own data types.
            Self::DateTime => {
                json!({"type": ["null", "string"], "format": "date-time", "airbyte_type": "timestamp_with_timezone"})
            }
            Self::Time => {
                json!({"type": ["null", "string"], "format": "time", "airbyte_type": "time_without_timezone"})
            }
            Self::Text => json!({"type": ["null", "string"]}),
        }
    }
}
