//! How values compare, and how answers show them.

use std::{borrow::Cow, cmp::Ordering};

use crate::{
    reply::ApiError,
    schema::{Field, FieldType},
    soql::Value,
    store::id,
};

/// What a field's values are compared as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text { counts_case: bool },
    Id,
    Number,
    Boolean,
    Date,
    Moment,
}

/// The most characters of a text in a condition (Limits Quick Reference, "SOQL and SOSL Limits").
const MAX_TEXT: usize = 4_000;

impl Kind {
    /// What the values of a field are compared as; `None` if this org cannot compare them.
    ///
    /// "Comparisons on strings are case-sensitive for unique case-sensitive fields. For all other fields, comparisons are
    /// case-insensitive" (SOQL and SOSL Reference, "Comparison Operators").
    pub(super) fn of(field: &Field) -> Option<Self> {
        Some(match field.kind {
            FieldType::Id | FieldType::Reference => Self::Id,
            FieldType::String
            | FieldType::TextArea
            | FieldType::Picklist
            | FieldType::MultiPicklist
            | FieldType::Email
            | FieldType::Phone
            | FieldType::Url => Self::Text { counts_case: field.unique && field.case_sensitive },
            FieldType::Boolean => Self::Boolean,
            FieldType::Int | FieldType::Double | FieldType::Currency | FieldType::Percent => Self::Number,
            FieldType::Date => Self::Date,
            FieldType::DateTime => Self::Moment,
            FieldType::Time | FieldType::EncryptedString | FieldType::Address | FieldType::Base64 => return None,
        })
    }

    /// The form of a stored value: equal values have the same form. `None` if the value does not have the type.
    pub(super) fn form<'v>(self, value: &'v str) -> Option<Cow<'v, str>> {
        Some(match self {
            Self::Text { counts_case: false } => value.to_lowercase().into(),
            Self::Id => id::normalize(value)?.into(),
            // Zero has no sign.
            Self::Number => (value.parse::<f64>().ok()? + 0.0).to_string().into(),
            Self::Moment => value.parse::<jiff::Timestamp>().ok()?.as_millisecond().to_string().into(),
            Self::Text { counts_case: true } | Self::Boolean | Self::Date => value.into(),
        })
    }

    /// The form of a value in a condition on a field, or the error of a value that does not have its type.
    pub(super) fn form_of(self, field: &Field, value: &Value) -> Result<Option<String>, ApiError> {
        let wrong_type = |kind: &str, quotes: &str| {
            let name = &field.name;
            let text =
                format!("value of filter criterion for field '{name}' must be of type {kind} and should {quotes}");
            ApiError::new(400, "INVALID_FIELD", text)
        };
        let text = match (self, value) {
            (_, Value::Null) => return Ok(None),
            (Self::Text { .. }, Value::Text(text)) if text.chars().count() > MAX_TEXT => {
                let text = format!("a string in a WHERE clause has at most {MAX_TEXT} characters");
                return Err(ApiError::new(400, "MALFORMED_QUERY", text));
            }
            // An empty text is null.
            (Self::Text { .. }, Value::Text(text)) if text.is_empty() => return Ok(None),
            (Self::Id, Value::Text(text)) if id::normalize(text).is_none() => {
                return Err(ApiError::new(400, "INVALID_QUERY_FILTER_OPERATOR", format!("invalid ID field: {text}")));
            }
            (Self::Text { .. } | Self::Id, Value::Text(text)) => text.as_str(),
            (Self::Number, Value::Number(text))
            | (Self::Date, Value::Date(text))
            | (Self::Moment, Value::DateTime(text)) => text,
            (Self::Boolean, Value::Boolean(true)) => "true",
            (Self::Boolean, Value::Boolean(false)) => "false",
            (Self::Text { .. } | Self::Id, _) => return Err(wrong_type("string", "be enclosed in quotes")),
            (Self::Number, _) => return Err(wrong_type("double", "not be enclosed in quotes")),
            (Self::Boolean, _) => return Err(wrong_type("boolean", "not be enclosed in quotes")),
            (Self::Date, _) => return Err(wrong_type("date", "not be enclosed in quotes")),
            (Self::Moment, _) => return Err(wrong_type("dateTime", "not be enclosed in quotes")),
        };
        Ok(self.form(text).map(Cow::into_owned))
    }

    /// The order of two forms.
    pub(super) fn order(self, left: &str, right: &str) -> Option<Ordering> {
        match self {
            Self::Number | Self::Moment => left.parse::<f64>().ok()?.partial_cmp(&right.parse().ok()?),
            _ => Some(left.cmp(right)),
        }
    }
}

/// The part of an answer that shows a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    Csv,
}

/// The text that an answer shows for a stored value. Numbers are those of Java, as people report them (issue 3367 of
/// forcedotcom/cli: 1.6147805824397E13).
pub(super) fn shown<'v>(field: &Field, value: &'v str, format: Format) -> Cow<'v, str> {
    match field.kind {
        FieldType::Int => value.parse::<f64>().map_or(value.into(), |number| format!("{number:.0}").into()),
        FieldType::Double | FieldType::Currency | FieldType::Percent => {
            value.parse().map_or(value.into(), |number| java_number(number).into())
        }
        FieldType::DateTime => value.parse::<jiff::Timestamp>().map_or(value.into(), |moment| {
            let zone = if format == Format::Json { "+0000" } else { "Z" };
            format!("{}{zone}", moment.strftime("%Y-%m-%dT%H:%M:%S%.3f")).into()
        }),
        _ => value.into(),
    }
}

/// Whether JSON has the values of a field without quotes.
pub(super) fn is_bare(field: &Field) -> bool {
    matches!(
        field.kind,
        FieldType::Boolean | FieldType::Int | FieldType::Double | FieldType::Currency | FieldType::Percent
    )
}

/// The text of a number as Java's `Double.toString` makes it.
fn java_number(number: f64) -> String {
    let magnitude = number.abs();
    if magnitude == 0.0 || (1e-3..1e7).contains(&magnitude) {
        return format!("{number:?}");
    }
    let text = format!("{number:E}");
    match text.split_once('E') {
        Some((digits, exponent)) if !digits.contains('.') => format!("{digits}.0E{exponent}"),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_have_the_same_form() {
        let text = Field::text("T", 80);
        for (field, left, right, is_same) in [
            (text.clone(), "Straße ÄÖ", "straße äö", true),
            (text.clone(), "a", "a ", false),
            (text.clone(), "é", "e", false),
            (text.clone().unique().case_sensitive(), "Abc", "ABC", false),
            // Only a unique field can be case-sensitive.
            (text.case_sensitive(), "Abc", "ABC", true),
            (Field::email("E"), "A@Example.com", "a@example.COM", true),
            (Field::picklist("P", &["A"]), "A", "a", true),
            (Field::reference("R", &["Account"]), "001Sim000000001", "001Sim000000001AAA", false),
            (Field::double("N", 8, 2), "1", "1.00", true),
            (Field::double("N", 8, 2), "-0", "0", true),
            (Field::int("I", 8), "7", "70", false),
            (Field::datetime("M"), "2026-01-02T03:04:05Z", "2026-01-02T04:04:05.000+0100", true),
            (Field::datetime("M"), "2026-01-02T03:04:05Z", "2026-01-02T03:04:06Z", false),
            (Field::date("D"), "2026-01-02", "2026-01-02", true),
        ] {
            let kind = Kind::of(&field).unwrap();
            let is_equal = kind.form(left).is_some() && kind.form(left) == kind.form(right);
            assert_eq!(is_equal, is_same, "{} {left:?} {right:?}", field.name);
        }
        let id = id::format("001", 9);
        assert_eq!(Kind::Id.form(&id), Kind::Id.form(&id[..15]));
        assert_eq!(Kind::Id.form(&id), Kind::Id.form(&id.to_lowercase()));
    }

    #[test]
    fn a_value_of_another_type_is_refused() {
        use Value::{Boolean, Date, Number, Text};
        let text = |text: &str| Text(text.to_owned());
        for (field, value, part) in [
            (
                Field::text("T", 80),
                Number("1".to_owned()),
                "'T' must be of type string and should be enclosed in quotes",
            ),
            (Field::int("I", 8), text("1"), "must be of type double and should not be enclosed in quotes"),
            (Field::boolean("B"), text("true"), "must be of type boolean"),
            (Field::date("D"), text("2026-01-02"), "must be of type date "),
            (Field::datetime("M"), Date("2026-01-02".to_owned()), "must be of type dateTime"),
            (Field::reference("R", &["Account"]), text("42"), "invalid ID field: 42"),
            (Field::reference("R", &["Account"]), Boolean(true), "must be of type string"),
            (Field::text("T", 80), text(&"x".repeat(4_001)), "at most 4000 characters"),
        ] {
            let error = Kind::of(&field).unwrap().form_of(&field, &value).unwrap_err();
            assert!(error.body().to_string().contains(part), "{}: {}", field.name, error.body());
        }
    }

    #[test]
    fn values_are_shown_as_java_writes_them() {
        for (field, stored, json, csv) in [
            (Field::int("I", 8), "+007", "7", "7"),
            (Field::double("N", 18, 2), "12", "12.0", "12.0"),
            (Field::double("N", 18, 2), "12.50", "12.5", "12.5"),
            (Field::double("N", 18, 2), "10000000", "1.0E7", "1.0E7"),
            (Field::double("N", 18, 2), "16147805824397", "1.6147805824397E13", "1.6147805824397E13"),
            (Field::double("N", 18, 4), "0.0001", "1.0E-4", "1.0E-4"),
            (
                Field::datetime("M"),
                "2026-01-02T03:04:05+01:00",
                "2026-01-02T02:04:05.000+0000",
                "2026-01-02T02:04:05.000Z",
            ),
            (Field::text("T", 8), "007", "007", "007"),
        ] {
            assert_eq!(shown(&field, stored, Format::Json), json);
            assert_eq!(shown(&field, stored, Format::Csv), csv);
        }
    }
}
