//! Raw configuration becomes validated configuration.
//!
//! `spec.json` says what may be typed (`schema`), [`Config::parse`] holds it against every rule (`sign_in`, `storage`,
//! `streams`), and whoever has a [`Config`] need not ask again.

mod raw;
mod raw_text;
mod renames;
mod schema;
mod sign_in;
mod storage;
mod streams;
#[cfg(test)]
mod test_configs;
mod validated;
mod violations;

pub(crate) use renames::Renames;
pub use schema::spec;
pub use streams::StreamSettings;
pub use validated::{Config, NullHandling, UnknownFields};
