//! Checks `spec.json` on its own, without the code of the connector that reads it.

mod contents;
mod editor_schema;
mod form_rules;

use serde_json::Value;

pub(crate) fn spec() -> Value {
    serde_json::from_str(include_str!("../spec.json")).unwrap()
}

fn strings(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect()
}
