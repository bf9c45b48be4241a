//! What an incremental sync of a stream needs beside its query.

use jiff::SignedDuration;

use salesforce::Condition;

use super::StreamPlan;
use super::changes::Changes;
use super::org_name::OrgName;
use crate::config::Config;
use crate::moment::Moment;
use crate::record::DeletionWriter;
use crate::state::query_hash;
use crate::window::Window;

/// What an incremental sync of a stream needs beside its query.
#[derive(Debug, Clone)]
pub(crate) struct Incremental {
    /// The name of the object.
    pub(crate) object: String,
    pub(crate) changes: Changes,
    /// Whether deletions that no query finds are rows.
    pub(crate) tells_deletions: bool,
    /// The change from which the first sync reads.
    pub(crate) start: Option<Moment>,
    /// The change before which every sync stops. A whole minute: `/deleted` knows no seconds.
    pub(crate) end: Option<Moment>,
    /// How much earlier than it must each window begins.
    pub(crate) lookback: SignedDuration,
    /// How often every record is read again for its formulas; none if never, or without a column that is calculated.
    pub(crate) refresh_every: Option<SignedDuration>,
    /// The org, as a state names it.
    pub(crate) org: String,
    /// The same as an older state names it, by its address.
    pub(crate) former_org: String,
    pub(crate) deletion: DeletionWriter,
    /// The names of all fields of the object.
    pub(crate) fields: Vec<String>,
    /// Which records are rows, beside those of a window.
    pub(crate) filter: Option<Condition>,
}

impl Incremental {
    pub(super) fn new(
        object: &str,
        changes: Changes,
        config: &Config,
        org: &OrgName,
        deletion: DeletionWriter,
    ) -> Self {
        Self {
            object: object.to_owned(),
            tells_deletions: changes.is_replicateable && deletion.can_tell(),
            changes,
            start: config.start_date(),
            end: config.end_date().map(Moment::whole_minute),
            lookback: config.lookback(),
            org: query_hash(&org.name, ""),
            former_org: query_hash(&org.address, ""),
            refresh_every: None,
            fields: Vec::new(),
            filter: None,
            deletion,
        }
    }
}

impl StreamPlan {
    /// The plan for the records of a window, which nobody has counted yet.
    pub(crate) fn within(&self, incremental: &Incremental, window: Window) -> Self {
        let cursor = &incremental.changes.cursor;
        let mut soql = self.soql.clone();
        if let Some(from) = window.from.and_then(Moment::literal) {
            soql = soql.filtered(Condition::at_least(cursor, from));
        }
        if let Some(to) = window.to.literal() {
            soql = soql.filtered(Condition::before(cursor, to));
        }
        Self { query: query_hash(&self.org, &soql.to_string()), count: None, soql, incremental: None, ..self.clone() }
    }

    /// A query that finds nearly nothing, and that Salesforce refuses if it refuses the condition of the stream.
    pub(super) fn probe(&self) -> salesforce::Soql {
        let now = Moment::of(jiff::Timestamp::now()).literal();
        match (&self.incremental, now) {
            (Some(incremental), Some(now)) => {
                self.soql.clone().filtered(Condition::at_least(&incremental.changes.cursor, now))
            }
            _ => self.soql.clone(),
        }
    }
}
