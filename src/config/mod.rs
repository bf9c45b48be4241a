//! Raw configuration becomes validated configuration.
//!
//! `spec.json` says what may be typed (`schema`), [`Config::parse`] holds it against every rule (`sign_in`, `storage`,
//! `streams`), and whoever has a [`Config`] need not ask again.

mod problem;
mod raw;
#[cfg(test)]
mod sample;
mod schema;
mod sign_in;
mod storage;
mod streams;
mod typed;
mod validated;

pub use schema::spec;
pub use streams::StreamSettings;
pub use validated::{Config, NullHandling, UnknownFields};
