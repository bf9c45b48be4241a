//! The configuration: the text that the user wrote becomes a [`Config`] that breaks no rule.
//!
//! `raw` holds the keys as they are, and `storage`, `streams` and `matching` check what a schema cannot. The crate
//! `connector` checks the text against `spec.json` and finds the sign-in, for every connector.

mod deletes;
mod file_stream;
mod matching;
mod raw;
mod renames;
mod spec;
mod storage;
mod streams;
#[cfg(test)]
pub(crate) mod test_configs;
#[cfg(test)]
mod tests;
mod validated;

use connector::config::{raw_text, unknown_keys, violations};
pub(crate) use deletes::{DeleteSettings, Deletes};
pub(crate) use file_stream::FileStream;
pub(crate) use matching::{MatchSettings, OnMissing, OnSeveral, cannot_insert};
pub(crate) use renames::Renames;
pub use spec::spec;
pub(crate) use streams::StreamSettings;
pub(crate) use validated::UnknownFields;
pub use validated::{Config, NullHandling};
