//! The JSON schema of a value.

use connector::value_type::ValueType;
use serde_json::{Value, json};

/// The JSON schema of values. Any of them can be null: a field that the user may not see is for some records.
pub(crate) fn schema(value_type: ValueType) -> Value {
    let mut schema = json!({"type": ["null", value_type.json_type()]});
    for (keyword, value) in value_type.form() {
        schema[keyword] = json!(value);
    }
    schema
}
