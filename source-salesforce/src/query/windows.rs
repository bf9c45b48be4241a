//! Reads the changes of a stream, window after window.

use airbyte::Result;

use super::deletions::Deletions;
use super::{Reader, StreamRun};
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
        let boundary = Boundary::ask(self.org, incremental, state.through).await?;
        if let Some(span) = next_window(&state, incremental, boundary.moment()) {
            let reading = Progress::Reading(ReadingState::new("", None));
            self.read_window(run, incremental, &mut state, OpenWindow { span, progress: reading }).await?;
        } else if let Some(span) = untold(&state, incremental) {
            let deletions = Progress::Deletions(None);
            self.read_window(run, incremental, &mut state, OpenWindow { span, progress: deletions }).await?;
        } else {
            tracing::info!(
                "{} has no window to read: its changes are complete up to {}",
                run.plan.stream,
                boundary.moment()
            );
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
        let after = match window.progress {
            Progress::Deletions(after) => after,
            Progress::Reading(reading) => {
                let from = Some(reading).filter(|reading| reading.fits(&plan.query));
                if from.is_none() {
                    plan.count = count(self.org, &plan).await?;
                }
                let mut part = StreamRun { plan: &plan, window: Some((state, span)), has_records: false, ..*run };
                let rows = self.read_query(&mut part, from).await;
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
    let from = state.through.map(|through| through.minus(incremental.lookback)).max(incremental.start);
    Some(Window { from, to })
}
