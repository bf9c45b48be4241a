//! The independent count of a stream.

use salesforce::Org;

use super::pages::{Failure, unproven};
use crate::plan::StreamPlan;

/// Compares the records that were read with those that Salesforce counts, by a call that has nothing to do with the
/// results. Records may come and go meanwhile, so the number decides only if it is the same `before` the first page and
/// after the last. Where Salesforce does not count, the counts of the pages and of the job stand alone.
pub(super) async fn check_count(org: &Org, plan: &StreamPlan, before: Option<u64>, rows: u64) -> Result<(), Failure> {
    let Some(before) = before.filter(|before| *before != rows) else { return Ok(()) };
    let failure = |begins_again, what: String| Failure::Dead { begins_again, error: unproven(plan, &what) };
    match org.count_patiently(&plan.soql, plan.scope).await {
        Ok(after) if after == before => {
            Err(failure(true, format!("{rows} records are read, and Salesforce counts {after} before and after")))
        }
        Ok(after) if (before.min(after)..=before.max(after)).contains(&rows) => {
            tracing::info!("records of {} came or went: {before} before, {after} now, {rows} are read", plan.stream);
            Ok(())
        }
        Ok(after) => {
            tracing::warn!(
                "the number of records of {} is not between those that Salesforce counts: {before} before, {after} \
                 now, {rows} are read. This is right only if records came and went meanwhile",
                plan.stream
            );
            Ok(())
        }
        // What is read does not match the one number there is. Another job has no other.
        Err(fault) => Err(failure(
            false,
            format!(
                "{rows} records are read, Salesforce counts {before} before, and does not count them again ({fault})"
            ),
        )),
    }
}
