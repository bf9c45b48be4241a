//! Reads the changes of a stream, window after window.

use airbyte::Result;
use jiff::SignedDuration;

use super::deletions::Deletions;
use super::remedy::Remedy;
use super::{Reader, StreamRun, Unread, WholeQuery};
use crate::moment::Moment;
use crate::plan::{Incremental, count};
use crate::state::ReadingState;
use crate::window::{Boundary, IncrementalState, OpenWindow, Progress, Refresh, Window, end_after, half};

impl Reader<'_> {
    /// Reads every change up to a boundary that the org vouches for: first the window that an earlier attempt has begun,
    /// then what has come since.
    pub(super) async fn read_changes(
        &self,
        run: &mut StreamRun<'_>,
        incremental: &Incremental,
        mut state: IncrementalState,
    ) -> Result<()> {
        state.meet_fields(run.plan, incremental);
        state.recover(run.plan);
        if let Some(window) = state.window.take() {
            self.read_window(run, incremental, &mut state, window).await?;
        }
        let boundary = Boundary::ask(self.org, incremental, &state).await?;
        if boundary.is_certified() {
            state.certify(boundary.moment());
        }
        let end = incremental.end.map_or(boundary.moment(), |end| end.min(boundary.moment()));
        refresh_if_due(&mut state, incremental, end, boundary.moment());
        // What is read now for the first time is there now. No earlier deletion is one of a record that was read. The state
        // says so before the first record: deletions of its records are reported however the next attempt begins.
        if state.through.is_none() && state.deletions_through.is_none() {
            state.deletions_through = Some(boundary.moment());
            run.write_state(&state.to_json())?;
        }
        let (mut lookback, mut has_read) = (incremental.lookback, false);
        while let Some(span) = next_window(&state, incremental, lookback, end) {
            let begin = unread_from(&state, incremental);
            let reading = Progress::Reading(ReadingState::new("", None));
            self.read_window(run, incremental, &mut state, OpenWindow { span, progress: reading, read_by: None })
                .await?;
            // The windows of one sync touch, once one is read.
            if unread_from(&state, incremental) != begin {
                lookback = SignedDuration::ZERO;
            }
            has_read = true;
        }
        if has_read {
            return Ok(());
        }
        if let Some(span) = untold(&state, incremental) {
            let deletions = Progress::Deletions(None);
            return self
                .read_window(run, incremental, &mut state, OpenWindow { span, progress: deletions, read_by: None })
                .await;
        }
        tracing::info!("{} has no window to read: its changes are complete up to {end}", run.plan.stream);
        run.write_state(&state.to_json())
    }

    /// Reads a window from where it stands, and moves the state to its end. If Salesforce fails its query, the state has a
    /// shorter length for the next window instead.
    async fn read_window(
        &self,
        run: &mut StreamRun<'_>,
        incremental: &Incremental,
        state: &mut IncrementalState,
        window: OpenWindow,
    ) -> Result<()> {
        let span = window.span;
        let query = run.plan.within(incremental, span).query;
        let (after, read_by) = match window.progress {
            Progress::Deletions(after) => (after, window.read_by),
            Progress::Reading(reading) => match self.read_records(run, incremental, state, (span, reading)).await {
                Ok(lost) => {
                    state.lose(span, lost);
                    (None, Some(query.clone()))
                }
                Err(unread) => return shorten(run, incremental, state, span, unread),
            },
        };
        // Before the first window nothing was read, so nothing of it can be deleted. While the stream does not tell
        // deletions, the time stays: it tells them all when it does again. Those before a part of a refresh are told.
        let deletions_from = state.deletions_through.or(state.through);
        let covered = match deletions_from {
            Some(from) if incremental.tells_deletions && from < span.to => {
                let has_rows = read_by.as_ref() == Some(&query);
                let deletions = Deletions { org: self.org, incremental, from, window: span, read_by, has_rows };
                Some(deletions.write(run, state, after).await?)
            }
            untold => untold,
        };
        state.pass(span, covered);
        run.write_state(&state.to_json())
    }

    /// Reads the records of a window. Returns the columns that it was read without.
    async fn read_records(
        &self,
        run: &mut StreamRun<'_>,
        incremental: &Incremental,
        state: &IncrementalState,
        (span, reading): (Window, ReadingState),
    ) -> Result<Vec<String>, Unread> {
        let mut plan = run.plan.within(incremental, span);
        plan.is_closed = state.is_certified;
        let from = Some(reading).filter(|reading| reading.fits(&plan.query));
        // Also for a job that can be gone: the window is counted before it is read again.
        plan.count = count(self.org, &plan).await?;
        let is_divisible = half(span, unread_from(state, incremental)).is_some();
        let window = Some((state, span));
        let mut part = StreamRun { plan: &plan, window, is_divisible, has_records: false, ..*run };
        let whole = self.read_what_is_left(&mut part, from).await;
        (run.uncounted, run.is_running, run.has_records) = (part.uncounted, part.is_running, part.has_records);
        let WholeQuery { rows, lost } = whole?;
        tracing::info!("{} is read up to {}: {rows} changed records", plan.stream, span.to);
        Ok(lost)
    }
}

/// Sets a shorter length for the next window after one whose query Salesforce has failed.
///
/// # Errors
/// There is no shorter one, or it would fail for the same reason.
fn shorten(
    run: &mut StreamRun<'_>,
    incremental: &Incremental,
    state: &mut IncrementalState,
    span: Window,
    unread: Unread,
) -> Result<()> {
    let Unread { error, remedy: Some(Remedy::ShorterWindow) } = unread else { return Err(unread.error) };
    let begin = unread_from(state, incremental);
    let Some(minutes) = half(span, begin) else {
        return Err(error.and(&format!(
            "This is about the records of {} that changed {}, and a window cannot be shorter. Nothing after it is read \
             before it. Look at the query job under Setup, Bulk Data Load Jobs; select fewer columns, or give the stream \
             a `filter`.",
            incremental.object,
            span_text(begin, span.to)
        )));
    };
    state.longest = Some(minutes);
    state.window = None;
    run.write_state(&state.to_json())?;
    if run.has_records {
        // No sync writes a record twice. The next one begins with the shorter window.
        return Err(error);
    }
    tracing::warn!(
        "{} is read in shorter windows, now up to {}: {}",
        run.plan.stream,
        end_after(begin, minutes),
        error.message()
    );
    Ok(())
}

fn span_text(begin: Option<Moment>, to: Moment) -> String {
    begin.map_or_else(|| format!("before {to}"), |begin| format!("between {begin} and {to}"))
}

/// Begins to read every record again, if the formulas of the stream are to be refreshed now. The first windows of a stream
/// read them all anyway.
fn refresh_if_due(state: &mut IncrementalState, incremental: &Incremental, end: Moment, now: Moment) {
    let Some(every) = incremental.refresh_every else {
        state.refresh = None;
        return;
    };
    // A later start date leaves nothing to refresh.
    state.refresh = state.refresh.filter(|refresh| refresh.through.max(incremental.start) < Some(refresh.to));
    let has_records = incremental.start.is_none_or(|start| start < end);
    let is_due = state.refreshed.is_none_or(|refreshed| now.since(refreshed) >= every);
    if state.refresh.is_some() || !is_due || !has_records || state.through.is_some_and(|through| through > end) {
        return;
    }
    if state.through.is_some() {
        let last = state.refreshed.map_or_else(|| "never".to_owned(), |refreshed| format!("at {refreshed}"));
        tracing::info!(
            "{} is read whole, because `refresh_formulas_every` asks for it: formulas change without a stamp, and were \
             last refreshed {last}",
            incremental.object
        );
    }
    state.refresh = Some(Refresh { to: end, since: now, through: None });
}

/// From where records are not read yet, in a refresh or at all. None for all of them.
fn unread_from(state: &IncrementalState, incremental: &Incremental) -> Option<Moment> {
    state.refresh.map_or(state.through, |refresh| refresh.through).or(incremental.start)
}

/// The empty window at the end of what is read, if deletions before it are not told yet.
fn untold(state: &IncrementalState, incremental: &Incremental) -> Option<Window> {
    let to = state.through.filter(|through| {
        incremental.tells_deletions && state.deletions_through.is_some_and(|deletions| deletions < *through)
    })?;
    Some(Window { from: Some(to), to })
}

/// The next window up to a boundary; none if there is nothing between. A refresh ends first, at the boundary of its own.
fn next_window(
    state: &IncrementalState,
    incremental: &Incremental,
    lookback: SignedDuration,
    end: Moment,
) -> Option<Window> {
    let begin = unread_from(state, incremental);
    let to = state.refresh.map_or(end, |refresh| refresh.to);
    if begin.is_some_and(|begin| begin >= to) {
        return None;
    }
    let from = match state.through.filter(|_| state.refresh.is_none()) {
        // A start that is later than what was read skips nothing of what has come since.
        Some(through) => Some(through).min(Some(through.minus(lookback)).max(incremental.start)),
        None => begin,
    };
    let to = state.longest.map_or(to, |minutes| to.min(end_after(begin, minutes)));
    Some(Window { from, to })
}

#[cfg(test)]
pub(super) mod shorten_tests;
#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::incremental;

    /// A window of nothing would be an empty success for ever.
    #[test]
    fn a_refresh_before_a_later_start_is_over() {
        let moment = |text: &str| Moment::parse(&format!("2026-01-02T{text}:00Z")).unwrap();
        let (end, refresh_end) = (moment("12:00"), moment("11:00"));
        for (start, through, is_over) in [
            (None, None, false),
            (Some("10:59"), None, false),
            (Some("11:00"), None, true),
            (Some("11:30"), None, true),
            (Some("11:30"), Some("10:00"), true),
            (None, Some("10:00"), false),
        ] {
            let refresh_every = Some(SignedDuration::from_hours(24));
            let incremental = Incremental { refresh_every, ..incremental(start.map(moment), 0) };
            let mut state = IncrementalState::new(&incremental);
            (state.through, state.refreshed) = (Some(moment("10:30")), Some(end));
            state.refresh = Some(Refresh { to: refresh_end, since: refresh_end, through: through.map(moment) });
            refresh_if_due(&mut state, &incremental, end, end);
            assert_eq!(state.refresh.is_none(), is_over, "{start:?} {through:?}");
            assert!(next_window(&state, &incremental, SignedDuration::ZERO, end).is_some(), "{start:?} {through:?}");
        }
    }

    #[test]
    fn a_window_begins_where_the_last_one_ended_and_the_first_at_the_start() {
        let moment = |text: &str| Moment::parse(&format!("2026-01-02T{text}:00Z")).unwrap();
        for (through, start, lookback, expected) in [
            (None, None, 0, Some(None)),
            (None, Some("10:00"), 30, Some(Some("10:00"))),
            (None, Some("12:00"), 0, None),
            (Some("11:00"), None, 0, Some(Some("11:00"))),
            (Some("11:00"), None, 30, Some(Some("10:30"))),
            (Some("11:00"), Some("10:00"), 30, Some(Some("10:30"))),
            (Some("11:00"), Some("10:45"), 30, Some(Some("10:45"))),
            // What has changed since 11:00 is not skipped.
            (Some("11:00"), Some("11:30"), 0, Some(Some("11:00"))),
            (Some("11:00"), Some("13:00"), 30, Some(Some("11:00"))),
            (Some("12:00"), None, 30, None),
            (Some("12:01"), None, 30, None),
        ] {
            let incremental = incremental(start.map(moment), lookback);
            let mut state = IncrementalState::new(&incremental);
            state.through = through.map(moment);
            let to = moment("12:00");
            let expected = expected.map(|from| Window { from: from.map(moment), to });
            assert_eq!(
                next_window(&state, &incremental, incremental.lookback, to),
                expected,
                "{through:?} {start:?} {lookback}"
            );
        }
    }

    #[test]
    fn a_refresh_begins_once_it_is_due_where_there_is_something_to_read() {
        let moment = |text: &str| Moment::parse(&format!("2026-01-02T{text}:00Z")).unwrap();
        let (end, now) = (moment("11:00"), moment("12:00"));
        for (minutes, refreshed, start, through, is_due) in [
            (Some(60), None, None, None, true),
            (Some(60), Some("11:00"), None, None, true),
            (Some(60), Some("11:01"), None, None, false),
            (None, None, None, None, false),
            (Some(60), None, Some("10:59"), None, true),
            (Some(60), None, Some("11:00"), None, false),
            (Some(60), None, None, Some("10:00"), true),
            (Some(60), None, None, Some("11:00"), true),
            // Nothing after the end is read, and what is after it was read.
            (Some(60), None, None, Some("11:01"), false),
        ] {
            let refresh_every = minutes.map(SignedDuration::from_mins);
            let incremental = Incremental { refresh_every, ..incremental(start.map(moment), 0) };
            let mut state = IncrementalState::new(&incremental);
            (state.through, state.refreshed) = (through.map(moment), refreshed.map(moment));
            refresh_if_due(&mut state, &incremental, end, now);
            let expected = is_due.then_some(Refresh { to: end, since: now, through: None });
            assert_eq!(state.refresh, expected, "{minutes:?} {refreshed:?} {start:?} {through:?}");
        }
    }

    #[test]
    fn a_refresh_under_way_goes_on_as_long_as_the_setting_asks_for_one() {
        let moment = |text: &str| Moment::parse(&format!("2026-01-02T{text}:00Z")).unwrap();
        let before = Refresh { to: moment("10:00"), since: moment("10:10"), through: Some(moment("09:00")) };
        for (refresh_every, expected) in [(Some(SignedDuration::from_mins(1)), Some(before)), (None, None)] {
            let incremental = Incremental { refresh_every, ..incremental(None, 0) };
            let mut state = IncrementalState::new(&incremental);
            (state.through, state.refresh) = (Some(moment("10:30")), Some(before));
            refresh_if_due(&mut state, &incremental, moment("11:00"), moment("11:10"));
            assert_eq!(state.refresh, expected);
        }
    }

    #[test]
    fn a_refresh_is_read_from_its_own_place_to_its_own_end_before_what_has_changed_since() {
        let moment = |text: &str| Moment::parse(&format!("2026-01-02T{text}:00Z")).unwrap();
        let end = moment("12:00");
        for (through, start, longest, expected) in [
            (None, None, None, Some((None, "10:00"))),
            (None, Some("08:00"), None, Some((Some("08:00"), "10:00"))),
            (Some("09:00"), Some("08:00"), None, Some((Some("09:00"), "10:00"))),
            (Some("09:00"), None, Some(30), Some((Some("09:00"), "09:30"))),
            (Some("09:00"), None, Some(90), Some((Some("09:00"), "10:00"))),
            (Some("10:00"), None, None, None),
        ] {
            let incremental = incremental(start.map(moment), 30);
            let mut state = IncrementalState::new(&incremental);
            (state.through, state.longest) = (Some(moment("10:30")), longest);
            let refresh = Refresh { to: moment("10:00"), since: end, through: through.map(moment) };
            state.refresh = Some(refresh);
            let expected = expected.map(|(from, to)| Window { from: from.map(moment), to: moment(to) });
            let next = next_window(&state, &incremental, incremental.lookback, end);
            assert_eq!(next, expected, "{through:?} {start:?} {longest:?}");
        }
        // Without a refresh the length bounds a window from its end on, and the lookback is before it.
        let incremental = incremental(None, 30);
        let mut state = IncrementalState::new(&incremental);
        (state.through, state.longest) = (Some(moment("10:30")), Some(20));
        let expected = Window { from: Some(moment("10:00")), to: moment("10:50") };
        assert_eq!(next_window(&state, &incremental, incremental.lookback, end), Some(expected));
    }

    #[test]
    fn deletions_before_the_end_of_what_is_read_have_a_window_of_their_own() {
        let moment = |text: &str| Moment::parse(&format!("2026-01-02T{text}:00Z")).unwrap();
        for (through, deletions, tells_deletions, expected) in [
            (Some("11:00"), Some("10:59"), true, true),
            (Some("11:00"), Some("11:00"), true, false),
            (Some("11:00"), Some("11:01"), true, false),
            (Some("11:00"), None, true, false),
            (None, Some("10:59"), true, false),
            (Some("11:00"), Some("10:59"), false, false),
        ] {
            let incremental = Incremental { tells_deletions, ..incremental(None, 0) };
            let mut state = IncrementalState::new(&incremental);
            (state.through, state.deletions_through) = (through.map(moment), deletions.map(moment));
            let end = moment("11:00");
            let expected = expected.then_some(Window { from: Some(end), to: end });
            assert_eq!(untold(&state, &incremental), expected, "{through:?} {deletions:?} {tells_deletions}");
        }
    }
}
