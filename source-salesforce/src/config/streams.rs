//! The settings of single streams.

use jiff::SignedDuration;
use serde::Deserialize;

use connector::config::non_blank;
use connector::config::violations::Violations;
use salesforce::Condition;

use super::{Api, refresh_every};

/// One entry of `streams`, as it is.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct RawStream {
    stream: Option<String>,
    filter: Option<String>,
    api: Option<Api>,
    refresh_formulas_every: Option<String>,
}

/// The settings of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StreamSettings {
    /// The name of the stream, which is that of the object.
    pub(crate) stream: String,
    /// Which records are read.
    pub(crate) filter: Option<Condition>,
    pub(crate) api: Option<Api>,
    /// How often every record is read again for its formulas.
    pub(crate) refresh_every: Option<SignedDuration>,
}

/// Returns the settings, or adds the violations of their rules.
pub(super) fn validate(entries: Vec<Option<RawStream>>, violations: &mut Violations) -> Vec<StreamSettings> {
    let mut settings: Vec<StreamSettings> = Vec::new();
    for (index, entry) in entries.into_iter().enumerate() {
        // The schema has a violation for an entry that is no object.
        let Some(entry) = entry else { continue };
        let key = format!("streams[{index}]");
        let Some(stream) = non_blank(entry.stream) else {
            violations.add(format!("{key}.stream"), "is missing");
            continue;
        };
        if settings.iter().any(|known| known.stream.eq_ignore_ascii_case(&stream)) {
            violations.add(format!("{key}.stream"), "names a stream that an earlier entry names");
        }
        // Whether it is a condition, Salesforce decides before the first record.
        let filter = non_blank(entry.filter).map(Condition::written);
        let refresh_every =
            refresh_every(&format!("{key}.refresh_formulas_every"), entry.refresh_formulas_every, violations);
        settings.push(StreamSettings { stream, filter, api: entry.api, refresh_every });
    }
    settings
}
