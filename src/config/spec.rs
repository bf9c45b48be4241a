//! The specification of the connector.

use serde_json::Value;

use airbyte::Result;
use connector::config::schema;

const SPEC: &str = include_str!("../../spec.json");

/// The specification of the connector, as the `spec` command prints it.
///
/// # Errors
/// A defect: the specification is built into the connector.
pub fn spec() -> Result<Value> {
    schema::parse(SPEC)
}
