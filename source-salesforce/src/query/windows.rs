//! Reads the changes of a stream, window after window.

use airbyte::Result;

use super::deletions::Deletions;
use super::{Reader, StreamRun, read_query};
use crate::moment::Moment;
use crate::plan::{Incremental, count};
use crate::state::ReadingState;
use crate::window::{Boundary, IncrementalState, OpenWindow, Progress, Window};

impl Reader<'_> {
    /// Reads every change up to a boundary that the org vouches for: first the window that an earlier attempt has begun,
    /// then what has come since.
    pub(super) async fn read_changes(
        &self,
        run: &mut StreamRun<'_>,
        incremental: &Incremental,
        mut state: IncrementalState,
    ) -> Result<()> {
        if let Some(window) = state.window.take() {
            self.read_window(run, incremental, &mut state, window).await?;
        }
        let boundary = Boundary::ask(self.org, incremental, &state).await?;
        if boundary.is_certified() && !state.is_certified {
            // Nobody vouched for what was read so far: a transaction that still runs can have begun before its end.
            state.through = state.through.map(|through| through.min(boundary.moment()));
            state.is_certified = true;
        }
        let to = incremental.end.map_or(boundary.moment(), |end| end.min(boundary.moment()));
        if let Some(span) = next_window(&state, incremental, to) {
            let reading = Progress::Reading(ReadingState::new("", None));
            self.read_window(run, incremental, &mut state, OpenWindow { span, progress: reading }).await?;
        } else if let Some(span) = untold(&state, incremental) {
            let deletions = Progress::Deletions(None);
            self.read_window(run, incremental, &mut state, OpenWindow { span, progress: deletions }).await?;
        } else {
            tracing::info!("{} has no window to read: its changes are complete up to {to}", run.plan.stream);
            run.write_state(&state.to_json())?;
        }
        Ok(())
    }

    /// Reads a window from where it stands, and moves the state to its end.
    async fn read_window(
        &self,
        run: &mut StreamRun<'_>,
        incremental: &Incremental,
        state: &mut IncrementalState,
        window: OpenWindow,
    ) -> Result<()> {
        let span = window.span;
        let mut plan = run.plan.within(incremental, span);
        plan.is_closed = state.is_certified;
        let after = match window.progress {
            Progress::Deletions(after) => after,
            Progress::Reading(reading) => {
                let from = Some(reading).filter(|reading| reading.fits(&plan.query));
                // Also for a job that can be gone: the window is counted before it is read again.
                plan.count = count(self.org, &plan).await?;
                let mut part = StreamRun { plan: &plan, window: Some((state, span)), has_records: false, ..*run };
                let rows = read_query(self.org, &plan, &mut part, from).await;
                (run.uncounted, run.is_running) = (part.uncounted, part.is_running);
                tracing::info!("{} is read up to {}: {} changed records", plan.stream, span.to, rows?);
                None
            }
        };
        // Before the first window nothing was read, so nothing of it can be deleted. While the stream does not tell
        // deletions, the time stays: it tells them all when it does again.
        let deletions_from = state.deletions_through.or(state.through);
        let covered = match deletions_from {
            Some(from) if incremental.tells_deletions => {
                let deletions = Deletions { org: self.org, incremental, from, window: span };
                Some(deletions.write(run, state, after).await?)
            }
            untold => untold,
        };
        state.through = Some(span.to);
        state.deletions_through = covered.filter(|covered| *covered < span.to);
        state.window = None;
        run.write_state(&state.to_json())
    }
}

/// The empty window at the end of what is read, if deletions before it are not told yet.
fn untold(state: &IncrementalState, incremental: &Incremental) -> Option<Window> {
    let to = state.through.filter(|_| incremental.tells_deletions && state.deletions_through.is_some())?;
    Some(Window { from: Some(to), to })
}

/// The window up to a boundary; none if there is nothing between.
fn next_window(state: &IncrementalState, incremental: &Incremental, to: Moment) -> Option<Window> {
    let begin = state.through.or(incremental.start);
    if begin.is_some_and(|begin| begin >= to) {
        return None;
    }
    let from = match state.through {
        // A start that is later than what was read skips nothing of what has come since.
        Some(through) => Some(through).min(Some(through.minus(incremental.lookback)).max(incremental.start)),
        None => incremental.start,
    };
    Some(Window { from, to })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::incremental;

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
            assert_eq!(next_window(&state, &incremental, to), expected, "{through:?} {start:?} {lookback}");
        }
    }
}
