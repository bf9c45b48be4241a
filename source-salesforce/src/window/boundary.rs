//! The boundary: up to which point in time every change of an object is committed.

use jiff::{SignedDuration, Timestamp};

use airbyte::Result;
use salesforce::{FaultKind, Org};

use crate::moment::Moment;
use crate::plan::Incremental;
use crate::user_error::error_of;

/// How long a change is waited for where the org does not vouch for a boundary. Airbyte's own connector reads as much
/// twice.
const MARGIN: SignedDuration = SignedDuration::from_mins(10);

/// The longest span in which open transactions are asked for. The documents of today know no limit for it, and those of
/// 2008 speak of transactions that began within the span.
const LONGEST_SPAN: SignedDuration = SignedDuration::from_hours(24);

/// The shortest span. Salesforce takes more than a minute.
const SHORTEST_SPAN: SignedDuration = SignedDuration::from_mins(2);

/// Up to where changes are complete, and who says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Boundary {
    /// The org vouches for it.
    Certified(Moment),
    /// The present time of the org, less a margin.
    Margin(Moment),
}

impl Boundary {
    pub(crate) fn moment(self) -> Moment {
        match self {
            Self::Certified(moment) | Self::Margin(moment) => moment,
        }
    }

    /// Asks the org up to where the changes since `last` are complete. It is a whole minute: `/deleted` knows no seconds.
    ///
    /// The value is never later than the clock of the org, whatever the org says.
    ///
    /// # Errors
    /// The org does not answer.
    pub(crate) async fn ask(org: &Org, incremental: &Incremental, last: Option<Moment>) -> Result<Self> {
        let object = &incremental.object;
        let doing = || format!("asking up to when the changes of {object} are complete");
        let now = org.now().await.map_err(|fault| error_of(&fault, &doing()))?.map(Moment::of);
        let margin = || Self::Margin(now.unwrap_or_else(|| Moment::of(Timestamp::now())).minus(MARGIN).whole_minute());
        let Some(now) = now.filter(|_| incremental.changes.is_replicateable) else {
            tracing::info!("{object} is read up to ten minutes ago: the org does not say which changes are complete");
            return Ok(margin());
        };
        let end = now.whole_minute();
        let earliest = end.minus(LONGEST_SPAN);
        let mut start = last.map_or(earliest, |last| last.max(earliest)).min(end.minus(SHORTEST_SPAN)).whole_minute();
        loop {
            let fault = match org.covered(object, start.timestamp(), end.timestamp()).await {
                Ok(Some(covered)) => return Ok(Self::Certified(Moment::of(covered).min(end).whole_minute())),
                Ok(None) => {
                    tracing::warn!(
                        "{object} is read up to ten minutes ago: the org names no time up to which changes are complete"
                    );
                    return Ok(margin());
                }
                Err(fault) => fault,
            };
            let span = end.since(start);
            match fault.kind() {
                // Fewer changes are in a shorter span.
                _ if fault.code() == Some("EXCEEDED_ID_LIMIT") && span > SHORTEST_SPAN => {
                    start = end.minus(span / 2).whole_minute().min(end.minus(SHORTEST_SPAN));
                }
                FaultKind::Configuration | FaultKind::NotFound | FaultKind::Permission | FaultKind::Unexpected => {
                    tracing::warn!(
                        "{object} is read up to ten minutes ago: the org does not say which changes are complete ({fault})"
                    );
                    return Ok(margin());
                }
                _ => return Err(error_of(&fault, &doing())),
            }
        }
    }
}
