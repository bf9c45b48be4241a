//! The parts of a configuration that every connector to Salesforce has.
//!
//! A connector checks the text against its own `spec.json` ([`schema`]), reads the keys as they are, and joins the
//! sign-in keys of both places ([`credentials`]): [`document`] has these steps. [`sign_in`] checks what a schema cannot.
//! [`violations`] collects every broken rule for one error.

pub mod credentials;
pub mod document;
mod keys;
pub mod raw_text;
pub mod schema;
pub mod sign_in;
pub mod unknown_keys;
pub mod violations;

pub use keys::{AuthType, SignInKeys, non_blank};

use serde_json::Value;

/// Removes the keys whose value is null: some tools write every key, also those that the user leaves open.
pub fn remove_nulls(value: &mut Value) {
    match value {
        Value::Object(keys) => {
            keys.retain(|_, value| !value.is_null());
            keys.values_mut().for_each(remove_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(remove_nulls),
        _ => {}
    }
}

/// The warning of a flow that still works.
pub const DEPRECATED_FLOW: &str =
    "The sign-in flow Password is one that Salesforce deprecates and blocks in new orgs: choose another.";
