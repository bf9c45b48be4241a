//! The state of Airbyte's own Salesforce source, from which this connector reads on.

use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::Value;

use super::state::tell_ahead;
use crate::moment::Moment;
use crate::plan::Incremental;

/// How long a record may show up late for a connector that reads up to the present time. It is the lookback of Airbyte's
/// own connector.
pub(super) const LATE: SignedDuration = SignedDuration::from_mins(10);

/// The cursors of Airbyte's own connector.
const CURSORS: [&str; 4] = ["SystemModstamp", "LastModifiedDate", "CreatedDate", "LoginTime"];

/// What a state of Airbyte's own connector says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Taken {
    /// Every change before it was read.
    pub(super) through: Moment,
    /// The beginning of the first slice.
    pub(super) start: Option<Moment>,
}

/// The state since version 2: the slices of time that were read, in any order. Slices that overlap or touch are one.
#[derive(Deserialize)]
struct Slices {
    slices: Vec<Slice>,
}

#[derive(Deserialize)]
struct Slice {
    start: Moment,
    end: Moment,
}

/// Reads `{"slices": [{"start", "end"}], "state_type": "date-range"}`, or the older `{"SystemModstamp": "..."}`. Whatever
/// is behind a gap between slices is read again.
///
/// A state with the older one under `legacy` and without a slice is one that Airbyte's library has converted, before the
/// first slice of the new kind was read. `now` is the time of the org, if it is known: nobody has read what comes later.
pub(super) fn through(state: &Value, incremental: &Incremental, now: Option<Moment>) -> Option<Taken> {
    let late = LATE.max(incremental.lookback);
    let slices = serde_json::from_value::<Slices>(state.clone()).ok().map(|state| state.slices);
    let (end, start) = match slices.filter(|slices| !slices.is_empty()) {
        Some(mut slices) => {
            slices.sort_by_key(|slice| slice.start);
            let first = slices.first()?;
            // A slice ends a millisecond before the next begins.
            let touches = |end: Moment, slice: &Slice| slice.start.since(end) <= SignedDuration::from_secs(1);
            let end = slices
                .iter()
                .skip(1)
                .try_fold(first.end, |end, slice| if touches(end, slice) { Ok(end.max(slice.end)) } else { Err(end) });
            let (Ok(end) | Err(end)) = end;
            (end, Some(first.start))
        }
        None => {
            let cursor_of =
                |state: &Value| CURSORS.iter().find_map(|cursor| state.get(cursor)?.as_str()).and_then(Moment::parse);
            (cursor_of(state).or_else(|| cursor_of(state.get("legacy")?))?, None)
        }
    };
    let read = now.map_or(end, |now| end.min(now));
    let through = read.minus(late);
    if read < end {
        tell_ahead(&incremental.object, end, read, through);
    }
    Some(Taken { through, start })
}
