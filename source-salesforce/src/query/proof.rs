//! The independent count of a stream: a third proof, beside the counts of the pages and of the job.

use airbyte::Error;
use salesforce::{Fault, Org};

use super::pages::{Failure, Pages, failure, unproven};
use crate::plan::StreamPlan;

/// Compares the records that the query found with those that Salesforce counts, by a call that has nothing to do with the
/// results. It does so before the first record is written, so that a stream in doubt is read again without a record twice.
///
/// Records may come and go meanwhile, so a number that is not the one counted `before` is counted again. Only the same
/// number twice, which is not that of the query, is a doubt. One record that came before the query ran and another that
/// went after it look like that too: another query finds that out. Returns the number to which the records are compared at
/// the end; none where records come and go so much that it proves nothing.
pub(super) async fn settle_count(
    org: &Org,
    plan: &StreamPlan,
    before: Option<u64>,
    pages: &mut Pages,
) -> Result<Option<u64>, Failure> {
    let (Some(before), Some(found)) = (before, pages.total()) else { return Ok(before) };
    if found == before {
        return Ok(Some(before));
    }
    let doubt = |found: u64| format!("the query finds {found} records");
    let after = count_again(org, plan, before, &doubt(found)).await?;
    let found = pages.total_expecting(after).await.map_err(|fault| failure(&fault, plan, false))?.unwrap_or(found);
    weigh(plan, (before, after), found, &doubt(found))
}

/// Compares the records that were read with those that Salesforce counts, where the comparison before the first record did
/// not settle it: for a stream that an earlier attempt began.
pub(super) async fn check_count(org: &Org, plan: &StreamPlan, before: Option<u64>, rows: u64) -> Result<(), Failure> {
    let Some(before) = before.filter(|before| *before != rows) else { return Ok(()) };
    let read = format!("{rows} records are read");
    let after = count_again(org, plan, before, &read).await?;
    weigh(plan, (before, after), rows, &read).map(drop)
}

/// Says what two counts mean for a number of records, which `what` names. Returns the number; none where records come and
/// go so much that it proves nothing.
fn weigh(plan: &StreamPlan, (before, after): (u64, u64), rows: u64, what: &str) -> Result<Option<u64>, Failure> {
    match judge(plan.is_closed, before, after, rows) {
        Verdict::Proven => Ok(Some(rows)),
        Verdict::Moved => {
            tracing::info!("records of {} came or went: {before} before, {after} now ({what})", plan.stream);
            Ok(Some(rows))
        }
        Verdict::Unclear if plan.wants_proof => {
            Err(Failure::Dead { begins_again: true, error: disagreement(plan, what, before, after) })
        }
        Verdict::Unclear => {
            tracing::warn!(
                "the number of records of {} is not between those that Salesforce counts: {before} before, {after} \
                 now, {rows} are read. This is right only if records came and went meanwhile",
                plan.stream
            );
            Ok(None)
        }
        Verdict::Doubtful => Err(Failure::Dead { begins_again: true, error: disagreement(plan, what, before, after) }),
    }
}

/// Records can be deleted between two REST pages, so that the last one has fewer than the first has said. That is right
/// only if Salesforce now counts no more than were read.
pub(super) async fn check_missing(org: &Org, plan: &StreamPlan, missing: u64, rows: u64) -> Result<(), Failure> {
    if missing == 0 {
        return Ok(());
    }
    let found = rows + missing;
    let read = format!("{rows} records are read of {found} that the query finds");
    let after = count_again(org, plan, found, &read).await?;
    if after > rows {
        return Err(Failure::Dead { begins_again: true, error: disagreement(plan, &read, after, after) });
    }
    tracing::info!("{missing} records of {} were deleted while they were read: {after} are left", plan.stream);
    Ok(())
}

/// What two counts say of a number of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// It is one of them.
    Proven,
    /// It is between them: records came, or went.
    Moved,
    /// It is not between two different ones: records came and went.
    Unclear,
    /// Both are the same, and another number; or it is not between them, and no record can come.
    Doubtful,
}

/// `is_closed`: records can only go, as those of a window that change.
fn judge(is_closed: bool, before: u64, after: u64, rows: u64) -> Verdict {
    if rows == after || rows == before {
        Verdict::Proven
    } else if before == after || is_closed && !(after..=before).contains(&rows) {
        Verdict::Doubtful
    } else if (before.min(after)..=before.max(after)).contains(&rows) {
        Verdict::Moved
    } else {
        Verdict::Unclear
    }
}

/// Counts the records again. What is read does not match the one number there is, so that a second one is necessary.
async fn count_again(org: &Org, plan: &StreamPlan, before: u64, what: &str) -> Result<u64, Failure> {
    let failure = |fault: Fault| Failure::Dead {
        // Another query has no other.
        begins_again: false,
        error: unproven(
            plan,
            &format!("{what}, Salesforce counts {before} before, and does not count them again ({fault})"),
        ),
    };
    org.count_patiently(&plan.soql, plan.scope).await.map_err(failure)
}

fn disagreement(plan: &StreamPlan, what: &str, before: u64, after: u64) -> Error {
    let counts = if before == after {
        format!("{after} before and after")
    } else {
        format!("{before} before and {after} after")
    };
    unproven(plan, &format!("{what}, and Salesforce counts {counts}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_count_twice_makes_another_number_doubtful() {
        for (before, after, rows, expected) in [
            (5, 5, 5, Verdict::Proven),
            (5, 6, 6, Verdict::Proven),
            (5, 6, 5, Verdict::Proven),
            (6, 5, 5, Verdict::Proven),
            (5, 5, 4, Verdict::Doubtful),
            (5, 5, 6, Verdict::Doubtful),
            (0, 0, 1, Verdict::Doubtful),
            (5, 9, 7, Verdict::Moved),
            (9, 5, 7, Verdict::Moved),
            (5, 9, 4, Verdict::Unclear),
            (9, 5, 10, Verdict::Unclear),
        ] {
            assert_eq!(judge(false, before, after, rows), expected, "{before} {after} {rows}");
        }
    }

    #[test]
    fn of_a_closed_window_records_can_only_go() {
        for (before, after, rows, expected) in [
            (5, 5, 5, Verdict::Proven),
            (6, 5, 5, Verdict::Proven),
            (5, 6, 6, Verdict::Proven),
            (9, 5, 7, Verdict::Moved),
            (5, 5, 4, Verdict::Doubtful),
            (6, 5, 4, Verdict::Doubtful),
            (9, 5, 10, Verdict::Doubtful),
            (5, 9, 7, Verdict::Doubtful),
        ] {
            assert_eq!(judge(true, before, after, rows), expected, "{before} {after} {rows}");
        }
    }

    #[test]
    fn a_number_that_is_in_doubt_is_read_again_and_one_that_proves_nothing_is_compared_no_more() {
        let fields = serde_json::json!([{"name": "Id", "type": "id"}]);
        let plan = crate::plan::tests::plan_of("Account", &fields, false, serde_json::json!({}));
        for (wants_proof, is_closed, (before, after), rows, expected) in [
            (false, false, (5, 5), 5, Some(Some(5))),
            (false, false, (5, 9), 7, Some(Some(7))),
            (false, false, (5, 9), 4, Some(None)),
            (true, false, (5, 9), 4, None),
            (true, false, (5, 9), 7, Some(Some(7))),
            (false, false, (5, 5), 4, None),
            (false, true, (9, 5), 10, None),
            (false, true, (9, 5), 7, Some(Some(7))),
        ] {
            let mut plan = plan.clone();
            (plan.wants_proof, plan.is_closed) = (wants_proof, is_closed);
            let weighed = weigh(&plan, (before, after), rows, "so many records are read");
            match (weighed, expected) {
                (Ok(found), Some(expected)) => assert_eq!(found, expected, "{before} {after} {rows}"),
                (Err(Failure::Dead { begins_again: true, error }), None) => {
                    assert!(error.message().contains("It is not proven that the stream Account is whole"));
                }
                (weighed, _) => panic!("{before} {after} {rows}: {:?}", weighed.map_err(|_| ())),
            }
        }
    }
}
