//! What a connector between Airbyte and Salesforce needs, whether it writes records or reads them.
//!
//! | to | use |
//! | --- | --- |
//! | check a configuration against its specification | [`config::schema`], [`config::unknown_keys`] |
//! | find the sign-in of a configuration | [`config::credentials`], [`config::sign_in`] |
//! | hand a new refresh token to the platform | [`config::raw_text`], [`access`] |
//! | end in time when the system asks for it | [`signal`], [`stop`] |
//! | name the nearest of the names that exist | [`nearest_name`] |
//!
//! The crate knows the protocol and the org, and neither of the connectors. Errors whose sentences name settings are the
//! work of the connector that has them.

pub mod access;
pub mod config;
pub mod haste;
pub mod nearest_name;
pub mod signal;
pub mod stop;
