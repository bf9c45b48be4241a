//! The state of an incremental stream.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::fields::KnownFields;
use super::{Window, length, takeover};
use crate::moment::Moment;
use crate::plan::{Incremental, StreamPlan};
use crate::state::{ReadingState, StreamState};

/// What a later sync must know: up to where changes were read, and the window that is being read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct IncrementalState {
    /// Every change before it was read. None before the end of the first window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) through: Option<Moment>,
    /// Every deletion before it was read, if it is not the same time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) deletions_through: Option<Moment>,
    /// The field that says when a record changed.
    cursor: String,
    /// The org, as a hash.
    #[serde(default)]
    org: String,
    /// The change from which the first sync read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    start: Option<Moment>,
    /// Whether the first sync was one of Airbyte's own connector, which begins two years ago where no start is given.
    #[serde(default, skip_serializing_if = "is_false")]
    begins_as_airbytes: bool,
    /// Whether the org has vouched for a boundary.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) is_certified: bool,
    /// The most minutes of a window, after Salesforce has failed the query of a longer one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) longest: Option<i64>,
    /// Up to when the last refresh of formulas has read every record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) refreshed: Option<Moment>,
    /// The refresh of formulas that is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) refresh: Option<Refresh>,
    /// The fields that the object had at the last sync.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fields: Option<KnownFields>,
    /// What was read without columns whose fields were gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lost: Option<Lost>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) window: Option<OpenWindow>,
}

/// Records that were read without some columns. They are read again if the columns come back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Lost {
    /// Since when; none for all records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<Moment>,
    columns: Vec<String>,
}

/// Every record is read again, up to a boundary. What changes meanwhile is in the windows behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Refresh {
    /// Where it ends: the boundary when it began, or the last change that is read at all.
    pub(crate) to: Moment,
    /// The boundary when it began.
    pub(crate) since: Moment,
    /// Every record with a stamp before it was read again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) through: Option<Moment>,
}

/// A window that is being read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OpenWindow {
    #[serde(flatten)]
    pub(crate) span: Window,
    #[serde(flatten)]
    pub(crate) progress: Progress,
    /// The query that has read its records, once all are read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) read_by: Option<String>,
}

/// How far a window is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Progress {
    /// Up to a page of its records.
    Reading(ReadingState),
    /// All of its records, and its deletions up to one; none without it.
    Deletions(Option<DeletionPoint>),
}

/// A deletion, in the order in which they are written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct DeletionPoint {
    pub(crate) at: Moment,
    pub(crate) id: String,
}

impl IncrementalState {
    /// The state of a stream that was never read.
    pub(crate) fn new(incremental: &Incremental) -> Self {
        Self {
            cursor: incremental.changes.cursor.clone(),
            org: incremental.org.clone(),
            start: incremental.start,
            ..Self::default()
        }
    }

    /// Reads what the platform kept: a state of this connector, or of Airbyte's own. Of another org, for another cursor or
    /// from a later start it does not count: what it says was read may not have been. Of the same org, its records were
    /// written, so their deletions since then are rows too. `now` is the time of the org, if it is known.
    pub(crate) fn of_json(state: Option<&Value>, incremental: &Incremental, now: Option<Moment>) -> Self {
        let new = Self::new(incremental);
        let is_empty = |state: &Value| state.is_null() || state.as_object().is_some_and(Map::is_empty);
        let Some(state) = state.filter(|state| !is_empty(state)) else { return new };
        let known = Self::known(state, incremental, now);
        let why = match &known {
            Err(why) => Some((*why).to_owned()),
            Ok(known) if known.cursor != new.cursor => {
                Some(format!("has the cursor {}, and changes are found by {}", known.cursor, new.cursor))
            }
            Ok(known) if known.misses(new.start) => Some("begins later than it must now (`start_date`)".to_owned()),
            Ok(_) => None,
        };
        if let Some(why) = &why {
            tracing::warn!("{} is read from its start: its state {why}", incremental.object);
        }
        let Ok(known) = known else { return new };
        let state = match why {
            None => known,
            Some(_) => Self {
                deletions_through: known.deletions_through.or(known.through),
                is_certified: known.is_certified,
                ..new
            },
        };
        state.bounded(now, &incremental.object)
    }

    /// The state, or why it does not count for the org of the stream.
    fn known(state: &Value, incremental: &Incremental, now: Option<Moment>) -> Result<Self, &'static str> {
        let new = Self::new(incremental);
        match serde_json::from_value::<Self>(state.clone()) {
            Ok(own) if own.org == new.org || own.org == incremental.former_org => Ok(Self { org: new.org, ..own }),
            Ok(_) => Err("is one of another org"),
            Err(_) => match takeover::through(state, incremental, now) {
                Some(taken) => Ok(Self {
                    through: Some(taken.through),
                    start: taken.start.or(new.start),
                    begins_as_airbytes: new.start.is_none(),
                    ..new
                }),
                None => Err("is not one of an incremental sync that this connector knows"),
            },
        }
    }

    /// The same without a time that the org has not reached, because nobody has read up to it. Nobody knows either what was
    /// read up to now, so the last minutes are read again.
    fn bounded(self, now: Option<Moment>, object: &str) -> Self {
        let window_end = self.window.as_ref().map(|window| window.span.to);
        let refresh_end = self.refresh.map(|refresh| refresh.to.max(refresh.since));
        let times = [self.through, self.deletions_through, window_end, refresh_end, self.refreshed];
        let last = times.into_iter().flatten().max();
        let Some((now, last)) = now.zip(last).filter(|(now, last)| last > now) else { return self };
        let since = now.minus(takeover::LATE);
        tell_ahead(object, last, now, since);
        let bound = |moment: Moment| if moment > now { since } else { moment };
        Self {
            through: self.through.map(bound),
            deletions_through: self.deletions_through.map(bound),
            window: self.window.filter(|window| window.span.to <= now),
            refresh: self.refresh.filter(|_| refresh_end <= Some(now)),
            refreshed: self.refreshed.filter(|refreshed| *refreshed <= now),
            is_certified: false,
            ..self
        }
    }

    /// Whether a start, or none, wants changes from before the first one that was read.
    fn misses(&self, start: Option<Moment>) -> bool {
        self.start.is_some_and(|was| start.map_or(!self.begins_as_airbytes, |start| start < was))
    }

    /// Goes back to a boundary that the org vouches for, if it vouches for the first time: a transaction that still runs can
    /// have begun before the end of what was read, or of a refresh.
    pub(crate) fn certify(&mut self, boundary: Moment) {
        if !self.is_certified {
            let bound = |moment: Option<Moment>| moment.map(|moment| moment.min(boundary));
            (self.through, self.deletions_through) = (bound(self.through), bound(self.deletions_through));
            (self.is_certified, self.refresh) = (true, None);
        }
    }

    /// Moves to the end of a window that is read, whose deletions are complete up to a time.
    ///
    /// A part of a refresh can end before what was read.
    pub(crate) fn pass(&mut self, window: Window, deletions: Option<Moment>) {
        if let Some(refresh) = self.refresh {
            let is_over = window.to >= refresh.to;
            self.refresh = (!is_over).then_some(Refresh { through: Some(window.to), ..refresh });
            self.refreshed = if is_over { Some(refresh.since) } else { self.refreshed };
        }
        let through = self.through.map_or(window.to, |through| through.max(window.to));
        self.through = Some(through);
        self.deletions_through = deletions.filter(|deletions| *deletions != through);
        self.longest = self.longest.and_then(|longest| length::doubled(longest, through));
        self.window = None;
    }

    /// Names the fields that the org has since the last sync, once: a user who wants them refreshes the schema.
    pub(crate) fn meet_fields(&mut self, plan: &StreamPlan, incremental: &Incremental) {
        let before = self.fields.replace(KnownFields::of(&incremental.fields));
        let is_new = |name: &&String| before.as_ref().is_some_and(|before| !before.has(name));
        let is_read = |name: &&String| plan.has_columns(std::slice::from_ref(*name));
        let new: Vec<&str> =
            incremental.fields.iter().filter(is_new).filter(|name| !is_read(name)).map(String::as_str).collect();
        if !new.is_empty() {
            tracing::info!(
                "{} has new fields: {}. Refresh the schema of the connection to read them",
                plan.stream,
                new.join(", ")
            );
        }
    }

    /// Notes that a window is read without columns.
    pub(crate) fn lose(&mut self, window: Window, columns: Vec<String>) {
        if columns.is_empty() {
            return;
        }
        let mut lost = self.lost.take().unwrap_or(Lost { from: window.from, columns: Vec::new() });
        lost.from = lost.from.min(window.from);
        lost.columns.extend(columns);
        lost.columns.sort_unstable();
        lost.columns.dedup();
        self.lost = Some(lost);
    }

    /// Goes back to where columns were lost, if one of them is read again. One that is no longer selected is forgotten.
    pub(crate) fn recover(&mut self, plan: &StreamPlan) {
        let Some(lost) = self.lost.take().filter(|lost| plan.has_columns(&lost.columns)) else { return };
        tracing::info!(
            "{} is read again from where the columns {} were missing: the org has them again",
            plan.stream,
            lost.columns.join(", ")
        );
        // The deletions since then are told.
        self.deletions_through = self.deletions_through.or(self.through);
        self.through = lost.from;
        self.refresh = self.refresh.map(|refresh| Refresh { through: refresh.through.min(lost.from), ..refresh });
        self.window = None;
    }

    /// The same while a window is read.
    pub(crate) fn in_window(&self, span: Window, progress: Progress) -> Self {
        Self { window: Some(OpenWindow { span, progress, read_by: None }), ..self.clone() }
    }

    /// The same while the deletions of a window are written, after its records were read by a query.
    pub(crate) fn in_deletions(&self, span: Window, after: Option<DeletionPoint>, read_by: Option<String>) -> Self {
        Self { window: Some(OpenWindow { span, progress: Progress::Deletions(after), read_by }), ..self.clone() }
    }

    /// The same at a place in the records of a window; at [`StreamState::Start`] nothing of the window can be read on.
    pub(crate) fn at(&self, span: Window, place: &StreamState) -> Self {
        match place {
            StreamState::Reading(reading) => self.in_window(span, Progress::Reading(reading.clone())),
            StreamState::Start | StreamState::Complete { .. } => self.clone(),
        }
    }

    /// What the platform keeps.
    pub(crate) fn to_json(&self) -> Value {
        json!(self)
    }
}

/// Says that a state is ahead of the org.
pub(super) fn tell_ahead(object: &str, last: Moment, now: Moment, since: Moment) {
    tracing::warn!(
        "the state of {object} names {last}, and it is {now} in the org: what has changed since {since} is read again"
    );
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

#[cfg(test)]
mod lost_tests;
#[cfg(test)]
pub(crate) mod tests;
