//! The boundary: up to which point in time every change of an object is committed.

use jiff::SignedDuration;

use airbyte::{Error, Result};
use salesforce::{FaultKind, Org};

use super::{IncrementalState, SHORTEST_SPAN, halves};
use crate::moment::Moment;
use crate::plan::Incremental;
use crate::user_error::error_of;

/// How long a change is waited for where the org does not vouch for a boundary. Airbyte's own connector reads as much
/// twice.
const MARGIN: SignedDuration = SignedDuration::from_mins(10);

/// The age of the youngest boundary. The documents do not say which transaction is "long-running", and stamps are of the
/// clocks of several servers, so that the last seconds are left to the next sync.
const YOUNGEST: SignedDuration = SignedDuration::from_mins(1);

/// The longest span in which open transactions are asked for. The documents of today know no limit for it, and those of
/// 2008 speak of transactions that began within the span, so that all of the time since the last window is asked for.
const LONGEST_SPAN: SignedDuration = SignedDuration::from_hours(24);

/// Up to where changes are complete, and who says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Boundary {
    /// The org vouches for it.
    Certified(Moment),
    /// The present time of the org, less a margin.
    Margin(Moment),
}

impl Boundary {
    pub(crate) fn is_certified(self) -> bool {
        matches!(self, Self::Certified(_))
    }

    pub(crate) fn moment(self) -> Moment {
        match self {
            Self::Certified(moment) | Self::Margin(moment) => moment,
        }
    }

    /// Asks the org up to where the changes since the last window are complete. It is a whole minute: `/deleted` knows no
    /// seconds.
    ///
    /// The value is a minute before the clock of the org at least, whatever the org says.
    ///
    /// # Errors
    /// The org does not answer, or does not vouch for a boundary any more.
    pub(crate) async fn ask(org: &Org, incremental: &Incremental, state: &IncrementalState) -> Result<Self> {
        let object = &incremental.object;
        let doing = || format!("asking up to when the changes of {object} are complete");
        let now = org.now().await.map_err(|fault| error_of(&fault, &doing()))?.map(Moment::of);
        let now = now.ok_or_else(|| no_time(object))?;
        // The beginning of a transaction that still runs may be the end of the last window. The margin may pass it.
        let margin = |why: &str| match state.is_certified {
            false => Ok(Self::Margin(now.minus(MARGIN).whole_minute())),
            true => Err(vouches_no_more(object, why)),
        };
        if !incremental.changes.is_replicateable {
            tracing::info!("{object} is read up to ten minutes ago: the org does not say which changes are complete");
            return margin("the object is not replicateable");
        }
        let end = now.minus(YOUNGEST).whole_minute();
        let earliest = end.minus(LONGEST_SPAN);
        let last = state.through.map_or(earliest, |last| last.max(earliest));
        let start = last.min(end.minus(SHORTEST_SPAN)).whole_minute();
        // The oldest is the last here. Each names a transaction that began in it.
        let mut spans = vec![(start, end)];
        while let Some((start, end)) = spans.pop() {
            let fault = match org.covered(object, start.timestamp(), end.timestamp()).await {
                Ok(Some(covered)) if Moment::of(covered) < end => {
                    return Ok(Self::Certified(Moment::of(covered).whole_minute()));
                }
                Ok(Some(_)) => continue,
                Ok(None) => {
                    let boundary = margin("the answer has no time")?;
                    tracing::warn!(
                        "{object} is read up to ten minutes ago: the org names no time up to which changes are complete"
                    );
                    return Ok(boundary);
                }
                Err(fault) => fault,
            };
            match fault.kind() {
                // Fewer changes are in a shorter span.
                _ if fault.code() == Some("EXCEEDED_ID_LIMIT") => match halves(start, end) {
                    Some(parts) => spans.extend(parts),
                    // A later span names a transaction that still runs, as the documents of today say.
                    None if !spans.is_empty() => {}
                    None => return Ok(Self::Certified(start)),
                },
                FaultKind::Configuration | FaultKind::NotFound | FaultKind::Permission | FaultKind::Unexpected => {
                    let boundary = margin(&fault.to_string())?;
                    tracing::warn!(
                        "{object} is read up to ten minutes ago: the org does not say which changes are complete ({fault})"
                    );
                    return Ok(boundary);
                }
                _ => return Err(error_of(&fault, &doing())),
            }
        }
        Ok(Self::Certified(end))
    }
}

fn vouches_no_more(object: &str, why: &str) -> Error {
    Error::transient(format!(
        "Salesforce no longer says up to when the changes of {object} are complete, as it did before ({why}). A change that \
         is not committed yet could be missed, so none is read. Run the sync again. If the error stays, clear the data of \
         the stream: the next sync reads it whole, up to ten minutes ago."
    ))
}

fn no_time(object: &str) -> Error {
    Error::transient(format!(
        "The answers of Salesforce do not have its time (the header `Date`), so that nobody knows which changes of {object} \
         are complete. Let a proxy pass the header, and run the sync again."
    ))
}
