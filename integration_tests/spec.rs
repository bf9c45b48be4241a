//! Checks the `spec.json` of each connector on its own, without the code that reads it. Rules of the platform, of its
//! form and of its acceptance tests hold for both.

mod contents;
mod editor_schema;
mod form_rules;

use serde_json::Value;

pub(crate) fn spec() -> Value {
    serde_json::from_str(include_str!("../spec.json")).unwrap()
}

/// The specifications of both connectors, by their names.
fn specs() -> [(&'static str, Value); 2] {
    let of_source = serde_json::from_str(include_str!("../source-salesforce/spec.json")).unwrap();
    [("destination-salesforce", spec()), ("source-salesforce", of_source)]
}

fn strings(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect()
}
