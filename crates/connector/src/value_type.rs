//! What the values of a field are in JSON.

use salesforce::FieldType;

/// The JSON values of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueType {
    /// True or false.
    Boolean,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// A day.
    Date,
    /// A point in time.
    DateTime,
    /// A time of day.
    Time,
    /// A text.
    Text,
    /// Any number of texts, which Salesforce joins with semicolons.
    TextList,
}

impl ValueType {
    /// The type of the values of a field.
    pub fn of(field_type: &FieldType) -> Self {
        use FieldType::{Boolean, Currency, Date, Datetime, Double, Int, Long, Multipicklist, Percent, Time};
        match field_type {
            Boolean => Self::Boolean,
            Int | Long => Self::Integer,
            Double | Currency | Percent => Self::Number,
            Date => Self::Date,
            Datetime => Self::DateTime,
            Time => Self::Time,
            Multipicklist => Self::TextList,
            _ => Self::Text,
        }
    }

    /// The `type` of one value in a JSON schema.
    pub fn json_type(self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Date | Self::DateTime | Self::Time | Self::Text | Self::TextList => "string",
        }
    }

    /// What a JSON schema says of the form of a text. The platform knows each `airbyte_type` from its own data types.
    pub fn form(self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let (format, airbyte_type) = match self {
            Self::Date => (Some("date"), None),
            Self::DateTime => (Some("date-time"), Some("timestamp_with_timezone")),
            Self::Time => (Some("time"), Some("time_without_timezone")),
            Self::Boolean | Self::Integer | Self::Number | Self::Text | Self::TextList => (None, None),
        };
        let format = format.map(|format| ("format", format));
        format.into_iter().chain(airbyte_type.map(|airbyte_type| ("airbyte_type", airbyte_type)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_of_field_has_its_json() {
        for (name, value_type, json_type, form) in [
            ("boolean", ValueType::Boolean, "boolean", &[][..]),
            ("int", ValueType::Integer, "integer", &[]),
            ("long", ValueType::Integer, "integer", &[]),
            ("double", ValueType::Number, "number", &[]),
            ("currency", ValueType::Number, "number", &[]),
            ("percent", ValueType::Number, "number", &[]),
            ("date", ValueType::Date, "string", &[("format", "date")]),
            (
                "datetime",
                ValueType::DateTime,
                "string",
                &[("format", "date-time"), ("airbyte_type", "timestamp_with_timezone")],
            ),
            ("time", ValueType::Time, "string", &[("format", "time"), ("airbyte_type", "time_without_timezone")]),
            ("multipicklist", ValueType::TextList, "string", &[]),
            ("string", ValueType::Text, "string", &[]),
            ("anyType", ValueType::Text, "string", &[]),
            ("something new", ValueType::Text, "string", &[]),
        ] {
            let found = ValueType::of(&FieldType::of_name(name));
            assert_eq!((found, found.json_type()), (value_type, json_type), "{name}");
            assert_eq!(found.form().collect::<Vec<_>>(), form, "{name}");
        }
    }
}
