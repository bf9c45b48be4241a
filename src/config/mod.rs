//! The configuration: the text that the user wrote becomes a [`Config`] that breaks no rule.
//!
//! `schema` checks the text against `spec.json`, and `raw` holds its keys as they are. `credentials` finds the sign-in
//! keys at either place. Then `sign_in`, `storage`, `streams` and `matching` check what a schema cannot, and
//! `unknown_keys` finds the keys that the specification does not have. `violations` collects every broken rule for one
//! error.

mod credentials;
mod deletes;
mod matching;
mod raw;
mod raw_text;
mod renames;
mod schema;
mod sign_in;
mod storage;
mod streams;
#[cfg(test)]
pub(crate) mod test_configs;
mod unknown_keys;
mod validated;
mod violations;

pub(crate) use deletes::{DeleteSettings, Deletes};
pub(crate) use matching::{MatchSettings, OnMissing, OnSeveral, cannot_insert};
pub(crate) use renames::Renames;
pub use schema::spec;
pub(crate) use streams::StreamSettings;
pub(crate) use validated::UnknownFields;
pub use validated::{Config, NullHandling};
