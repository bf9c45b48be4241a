//! The deletions of a window that no query finds: records that are gone for good.

use std::collections::HashSet;

use airbyte::{Error, Result};
use jiff::{SignedDuration, Timestamp};
use salesforce::{Deleted, Fault, FaultKind, Literal, Org, Soql};

use super::{LINES_SIZE, StreamRun};
use crate::moment::Moment;
use crate::plan::{IS_DELETED, Incremental};
use crate::user_error::error_of;
use crate::window::{DeletionPoint, IncrementalState, Progress, Window};

/// The shortest span. Salesforce takes more than a minute.
const SHORTEST_SPAN: SignedDuration = SignedDuration::from_mins(2);

/// Reads the deletions of a span of time.
pub(super) struct Deletions<'a> {
    pub(super) org: &'a Org,
    pub(super) incremental: &'a Incremental,
    pub(super) from: Moment,
    /// The window that is read, whose end is that of the deletions too.
    pub(super) window: Window,
}

impl Deletions<'_> {
    /// Writes the deletions after one, and a state after each page of them. Returns up to when they are complete.
    pub(super) async fn write(
        &self,
        run: &mut StreamRun<'_>,
        state: &IncrementalState,
        after: Option<DeletionPoint>,
    ) -> Result<Moment> {
        let told = |after| state.in_window(self.window, Progress::Deletions(after)).to_json();
        if after.is_none() {
            run.write_state(&told(None))?;
        }
        let (mut points, covered) = self.read().await?;
        points.retain(|point| after.as_ref().is_none_or(|after| point > after));
        for page in points.chunks(run.plan.rows_per_page.max(1)) {
            let kept = self.kept(page).await?;
            let gone = page.iter().filter(|point| !kept.contains(&point.id));
            self.write_page(run, gone).await?;
            run.write_state(&told(page.last().cloned()))?;
        }
        Ok(covered.max(self.from))
    }

    /// The deletions in their order, each record once, and up to when they are complete.
    async fn read(&self) -> Result<(Vec<DeletionPoint>, Moment)> {
        let (from, to) = (self.from, self.window.to);
        let mut covered = to;
        let mut points = Vec::new();
        // The span of a call is longer than a minute, and begins and ends with one.
        let mut spans = vec![(from.whole_minute().min(to.minus(SHORTEST_SPAN)), to)];
        while let Some((start, end)) = spans.pop() {
            match self.org.deleted(&self.incremental.object, start.timestamp(), end.timestamp()).await {
                Ok(deleted) => {
                    self.check(&deleted, start)?;
                    // Without a value nothing is known to be missing: the end is one that the org vouches for.
                    covered = deleted.latest_date_covered.map_or(covered, |at| covered.min(Moment::of(at)));
                    let point = |record: salesforce::DeletedRecord| DeletionPoint {
                        at: Moment::of(record.deleted_at),
                        id: record.id,
                    };
                    points.extend(deleted.records.into_iter().map(point));
                }
                Err(fault) => spans.extend(self.halves(&fault, start, end)?),
            }
        }
        points.retain(|point| from <= point.at && point.at < to);
        // A record can be deleted, come back and be deleted again. The last time counts.
        points.sort_unstable_by(|left, right| left.id.cmp(&right.id).then(right.at.cmp(&left.at)));
        points.dedup_by(|earlier, last| earlier.id == last.id);
        points.sort_unstable();
        Ok((points, covered))
    }

    /// The halves of a span with too many deletions.
    fn halves(&self, fault: &Fault, start: Moment, end: Moment) -> Result<[(Moment, Moment); 2]> {
        let object = &self.incremental.object;
        if fault.code() == Some("INVALID_REPLICATION_DATE") {
            return Err(self.unknown(start).internal(fault));
        }
        let middle = end.minus(end.since(start) / 2).whole_minute();
        let is_long = end.since(middle) >= SHORTEST_SPAN && middle.since(start) >= SHORTEST_SPAN;
        if fault.code() == Some("EXCEEDED_ID_LIMIT") && is_long {
            return Ok([(middle, end), (start, middle)]);
        }
        if matches!(fault.kind(), FaultKind::Configuration | FaultKind::Unexpected | FaultKind::NotFound) {
            return Err(Error::config(format!(
                "Salesforce does not name the deleted records of {object} ({fault}). Deselect the column \
                 `_ab_cdc_deleted_at` of the stream to sync it without them."
            ))
            .internal(fault));
        }
        Err(error_of(fault, &format!("asking which records of {object} were deleted")))
    }

    /// Checks that the org still knows all deletions of a span.
    fn check(&self, deleted: &Deleted, start: Moment) -> Result<()> {
        let earliest = deleted.earliest_date_available.map(Moment::of);
        if earliest.is_some_and(|earliest| earliest > start.max(self.from)) { Err(self.unknown(start)) } else { Ok(()) }
    }

    fn unknown(&self, start: Moment) -> Error {
        let object = &self.incremental.object;
        Error::config(format!(
            "Salesforce no longer knows which records of {object} were deleted since {}: it keeps deletions for 15 days \
             at most. Clear the data of the stream, so that the next sync reads it whole; or deselect the column \
             `_ab_cdc_deleted_at`, to sync without records that were deleted for good. Sync more often.",
            start.max(self.from)
        ))
    }

    /// Which of the records are not gone: they are there again, or they are in the recycle bin, and a row of a window says
    /// so.
    async fn kept(&self, page: &[DeletionPoint]) -> Result<HashSet<String>> {
        let Incremental { object, changes, .. } = self.incremental;
        let mut fields = vec!["Id", &changes.cursor];
        if changes.has_bin {
            fields.push(IS_DELETED);
        }
        let ids = page.iter().filter_map(|point| Literal::id(&point.id));
        let mut kept = HashSet::new();
        for query in Soql::select(object, fields).in_lists("Id", ids) {
            let failed = |fault: Fault| error_of(&fault, &format!("asking which deleted records of {object} are left"));
            let mut rows = self.org.query_all(&query).await.map_err(failed)?;
            while let Some(row) = rows.next().await.map_err(failed)? {
                let stamp = row.at(1).and_then(Moment::parse);
                let is_row = stamp.is_some_and(|stamp| stamp >= self.window.from.unwrap_or(self.from));
                if row.at(2) != Some("true") || is_row {
                    kept.extend(row.at(0).map(str::to_owned));
                }
            }
        }
        Ok(kept)
    }

    async fn write_page<'p>(
        &self,
        run: &mut StreamRun<'_>,
        points: impl Iterator<Item = &'p DeletionPoint>,
    ) -> Result<()> {
        let emitted_at = Timestamp::now().as_millisecond();
        let mut lines = Vec::new();
        for point in points {
            if !lines.is_empty() {
                lines.push(b'\n');
            }
            self.incremental.deletion.write(&point.id, point.at, emitted_at, &mut lines);
            run.uncounted += 1;
            if lines.len() >= LINES_SIZE {
                run.write_lines(std::mem::take(&mut lines)).await?;
            }
        }
        if lines.is_empty() { Ok(()) } else { run.write_lines(lines).await }
    }
}
