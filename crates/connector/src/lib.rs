//! What a connector between Airbyte and Salesforce needs, whether it writes records or reads them.
//!
//! | to | use |
//! | --- | --- |
//! | check a configuration against its specification | [`config::schema`], [`config::unknown_keys`] |
//! | read a configuration and find its sign-in | [`config::document`] |
//! | hand a new refresh token to the platform | [`config::raw_text`], [`access`] |
//! | end in time when the system asks for it | [`signal`], [`stop`] |
//! | say whether a mark means that the source has deleted a record | [`deletion_mark`] |
//! | read a date or time in the forms that Salesforce reads | [`moment`] |
//! | name the nearest of the names that exist | [`nearest_name`] |
//! | say what a fault of Salesforce means for the user | [`fault_error`] |
//! | say what the values of a field are in JSON | [`value_type`] |
//! | report a wrong command line and a panic | [`program`] |
//!
//! The crate knows the protocol and the org, and neither of the connectors. Sentences that name settings are the work of
//! the connector that has them.

pub mod access;
pub mod config;
pub mod deletion_mark;
pub mod fault_error;
pub mod haste;
pub mod moment;
pub mod nearest_name;
pub mod program;
pub mod signal;
pub mod stop;
pub mod value_type;
