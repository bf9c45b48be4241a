//! The deletions of a window that no query finds: records that are gone for good.

use std::cmp::Reverse;
use std::collections::HashSet;

use airbyte::{Error, Result};
use jiff::Timestamp;
use salesforce::{Condition, Deleted, DeletedRecord, Fault, FaultKind, Literal, Org, Soql, url_length};

use super::{LINES_SIZE, StreamRun};
use crate::moment::Moment;
use crate::plan::{IS_DELETED, Incremental};
use crate::user_error::error_of;
use crate::window::{DeletionPoint, IncrementalState, SHORTEST_SPAN, Window, halves};

/// The most bytes of a filter that is asked together with the ids of deleted records. A longer one leaves them no room.
const LONGEST_FILTER: usize = Soql::LONGEST_IN_ADDRESS / 2;

/// The most deletions that are held, where the span of a call can be shorter: some megabytes. Of the shortest span it is as
/// many as Salesforce names in a call.
const MOST_HELD: usize = 50_000;
const MOST_NAMED: usize = 600_000;
/// The most deletions of a page. Some thirty calls ask which of them are in the recycle bin, and a state follows, which is
/// a sign of life too.
const LARGEST_PAGE: usize = 10_000;

/// Reads the deletions of a span of time.
pub(super) struct Deletions<'a> {
    pub(super) org: &'a Org,
    pub(super) incremental: &'a Incremental,
    pub(super) from: Moment,
    /// The window that is read, whose end is that of the deletions too.
    pub(super) window: Window,
    /// The query that has read the records of the window.
    pub(super) read_by: Option<String>,
    /// Whether that is the query of the stream as it is now: another filter or other columns have other rows.
    pub(super) has_rows: bool,
}

/// The deletions that one call names, in their order.
struct Span {
    records: Vec<DeletedRecord>,
    /// Up to when they are complete, if that is before the end of the call.
    covered: Option<Moment>,
}

impl Deletions<'_> {
    /// Writes the deletions after one, and a state after each page of them. Returns up to when they are complete.
    ///
    /// The deletions of a span are written before those of the next are asked for, so that no more of them are in memory.
    pub(super) async fn write(
        &self,
        run: &mut StreamRun<'_>,
        state: &IncrementalState,
        after: Option<DeletionPoint>,
    ) -> Result<Moment> {
        let told = |after| state.in_deletions(self.window, after, self.read_by.clone()).to_json();
        if after.is_none() {
            run.write_state(&told(None))?;
        }
        // Salesforce knows no seconds. The next sync tells those of the last minute.
        let to = self.window.to.whole_minute();
        // What is written is not asked for again.
        let mut from = after.as_ref().map_or(self.from, |after| after.at.max(self.from));
        // The span of a call is longer than a minute, and begins and ends with one. The oldest is the last here.
        let mut spans = vec![(from.whole_minute().min(to.minus(SHORTEST_SPAN)), to)];
        while let Some((start, end)) = spans.pop() {
            let Some(Span { mut records, covered }) = self.read(start.max(from), (start, end)).await? else {
                spans.extend(halves(start, end).into_iter().flatten());
                continue;
            };
            // A deletion after that time can commit late, under an earlier time than one that is there. The next sync
            // tells them in their order.
            let until = covered.unwrap_or(end);
            records.retain(|record| (from..until).contains(&Moment::of(record.deleted_at)));
            records.retain(|record| after.as_ref().is_none_or(|after| point(record) > *after));
            for page in records.chunks(run.plan.rows_per_page.clamp(1, LARGEST_PAGE)) {
                let page: Vec<DeletionPoint> = page.iter().map(point).collect();
                let kept = self.kept(&page).await?;
                let gone = page.iter().filter(|point| !kept.contains(&point.id));
                self.write_page(run, gone).await?;
                run.write_state(&told(page.last().cloned()))?;
            }
            if let Some(covered) = covered {
                tracing::info!("the deletions of {} are complete up to {covered}", self.incremental.object);
                return Ok(covered.max(self.from));
            }
            from = from.max(end);
        }
        Ok(to.max(self.from))
    }

    /// Asks for the deletions of a span, of which those from a time on count. None if a shorter span has to be asked for.
    async fn read(&self, from: Moment, (start, end): (Moment, Moment)) -> Result<Option<Span>> {
        let span = (start.timestamp(), end.timestamp());
        let deleted = match self.org.deleted(&self.incremental.object, span, most_of(start, end)).await {
            Ok(Some(deleted)) => deleted,
            Ok(None) => return self.shorter(start, end).map(|()| None),
            Err(fault) => return self.refused(&fault, start, end).map(|()| None),
        };
        self.check(&deleted, from)?;
        let mut records = deleted.records;
        // A record can be deleted, come back and be deleted again. The last time counts.
        records.sort_unstable_by_key(|record| (record.id, Reverse(record.deleted_at)));
        records.dedup_by_key(|record| record.id);
        records.sort_unstable_by_key(|record| (Moment::of(record.deleted_at), record.id));
        // An answer never covers more than its span, so its end says that nothing is missing. Without a value nothing is
        // known to be missing either: the end of the window is one that the org vouches for.
        let covered = deleted.latest_date_covered.map(Moment::of).filter(|covered| *covered < end);
        Ok(Some(Span { records, covered }))
    }

    /// Checks that a span has shorter ones.
    fn shorter(&self, start: Moment, end: Moment) -> Result<()> {
        let object = &self.incremental.object;
        halves(start, end).map(drop).ok_or_else(|| {
            Error::config(format!(
                "More records of {object} were deleted between {start} and {end} than Salesforce names in a call. Clear the \
                 data of the stream, so that the next sync reads it whole; or deselect the column `_ab_cdc_deleted_at`, to \
                 sync without records that were deleted for good."
            ))
        })
    }

    /// Checks that a refusal is one that a shorter span may not have.
    fn refused(&self, fault: &Fault, start: Moment, end: Moment) -> Result<()> {
        let object = &self.incremental.object;
        if fault.code() == Some("INVALID_REPLICATION_DATE") {
            return Err(self.unknown(start.max(self.from)).internal(fault));
        }
        if fault.code() == Some("EXCEEDED_ID_LIMIT") {
            return self.shorter(start, end).map_err(|error| error.internal(fault));
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

    /// Checks that the org still knows all deletions since a time.
    fn check(&self, deleted: &Deleted, from: Moment) -> Result<()> {
        let earliest = deleted.earliest_date_available.map(Moment::of);
        if earliest.is_some_and(|earliest| earliest > from) { Err(self.unknown(from)) } else { Ok(()) }
    }

    fn unknown(&self, from: Moment) -> Error {
        let object = &self.incremental.object;
        Error::config(format!(
            "Salesforce no longer knows which records of {object} were deleted since {from}: it keeps deletions for 15 \
             days at most. Clear the data of the stream, so that the next sync reads it whole; or deselect the column \
             `_ab_cdc_deleted_at`, to sync without records that were deleted for good. Sync more often."
        ))
    }

    /// Which of the records are not gone: they are there again, or they are in the recycle bin, and a row of the window
    /// says so.
    async fn kept(&self, page: &[DeletionPoint]) -> Result<HashSet<String>> {
        let Incremental { object, changes, .. } = self.incremental;
        let mut fields = vec!["Id", &changes.cursor];
        if changes.has_bin {
            fields.push(IS_DELETED);
        }
        let (query, has_rows) = matching(self.incremental, self.has_rows, Soql::select(object, fields));
        let ids = page.iter().filter_map(|point| Literal::id(&point.id));
        let mut kept = HashSet::new();
        for query in query.in_lists("Id", ids) {
            let failed = |fault: Fault| error_of(&fault, &format!("asking which deleted records of {object} are left"));
            let mut rows = self.org.query_all(&query).await.map_err(failed)?;
            while let Some(row) = rows.next().await.map_err(failed)? {
                let is_row = || has_rows && row.at(1).and_then(Moment::parse).is_some_and(|at| self.has_row(at));
                if row.at(2) != Some("true") || is_row() {
                    kept.extend(row.at(0).map(str::to_owned));
                }
            }
        }
        Ok(kept)
    }

    /// Whether a record in the recycle bin with this stamp is a row of the window. A row of the next window does not
    /// count: the record can be gone before that is read.
    fn has_row(&self, stamp: Moment) -> bool {
        self.window.from.is_none_or(|from| from <= stamp) && stamp < self.window.to
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

/// A deletion as a state names it.
fn point(record: &DeletedRecord) -> DeletionPoint {
    DeletionPoint { at: Moment::of(record.deleted_at), id: record.id.as_str().to_owned() }
}

/// The most deletions of a span that are taken from a call.
fn most_of(start: Moment, end: Moment) -> usize {
    halves(start, end).map_or(MOST_NAMED, |_| MOST_HELD)
}

/// The query without records in the recycle bin that the filter of the stream leaves out, and whether the records in the
/// bin that it finds are rows if their stamp is in the window. `has_rows`: the records of the window were read by the
/// query of the stream as it is now.
fn matching(incremental: &Incremental, has_rows: bool, query: Soql) -> (Soql, bool) {
    if !has_rows || !incremental.changes.finds_bin() {
        return (query, false);
    }
    let Some(filter) = &incremental.filter else { return (query, true) };
    if url_length(&filter.to_string()) > LONGEST_FILTER {
        // Told twice rather than not at all.
        return (query, false);
    }
    let is_there = Condition::written(format!("{IS_DELETED} = false"));
    (query.filtered(Condition::Any(vec![is_there, filter.clone()])), true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::incremental;

    #[test]
    fn a_call_for_the_shortest_span_has_all_deletions_that_salesforce_names() {
        let moment = |minute: &str| Moment::parse(&format!("2026-01-02T03:{minute}:00Z")).unwrap();
        for (end, most) in [("02", 600_000), ("03", 50_000), ("59", 50_000)] {
            assert_eq!(most_of(moment("00"), moment(end)), most, "{end}");
        }
    }

    /// What the filter leaves out is no row of the window. A record that is there is asked for whatever the filter says.
    #[test]
    fn the_filter_chooses_among_the_records_in_the_recycle_bin_alone() {
        let long = |length: usize| "x".repeat(length);
        for (filter, has_rows, cursor, expected) in [
            (None, true, "SystemModstamp", (None, true)),
            (None, false, "SystemModstamp", (None, false)),
            (None, true, "CreatedDate", (None, false)),
            (
                Some("Name = 'a'".to_owned()),
                true,
                "SystemModstamp",
                (Some("(IsDeleted = false) OR (Name = 'a')"), true),
            ),
            (Some("Name = 'a'".to_owned()), false, "SystemModstamp", (None, false)),
            (Some("Name = 'a'".to_owned()), true, "CreatedDate", (None, false)),
            (Some(long(LONGEST_FILTER)), true, "SystemModstamp", (None, false)),
        ] {
            let mut incremental = incremental(None, 0);
            incremental.changes.cursor = cursor.to_owned();
            incremental.filter = filter.map(Condition::written);
            let query = Soql::select("Account", ["Id"]);
            let (expected, are_rows) = expected;
            let expected = expected.map_or(query.to_string(), |condition| format!("{query} WHERE {condition}"));
            let (found, found_rows) = matching(&incremental, has_rows, query);
            assert_eq!((found.to_string(), found_rows), (expected, are_rows), "{has_rows} {cursor}");
        }
        // The longest filter that is asked for has its two parentheses in an address.
        let mut incremental = incremental(None, 0);
        let shortest = long(LONGEST_FILTER - url_length("()"));
        incremental.filter = Some(Condition::written(&*shortest));
        assert!(matching(&incremental, true, Soql::select("Account", ["Id"])).1);
        incremental.filter = Some(Condition::written(shortest + "x"));
        assert!(!matching(&incremental, true, Soql::select("Account", ["Id"])).1);
    }
}
