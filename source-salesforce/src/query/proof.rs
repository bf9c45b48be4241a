//! The independent count of a stream.

use salesforce::Org;

use super::pages::{Failure, unproven};
use crate::plan::StreamPlan;

/// Compares the records that were read with those that Salesforce counts, by a call that has nothing to do with the
/// results. Records may come and go meanwhile, so the number decides only if it was the same before and after. Where
/// Salesforce does not count, the counts of the pages and of the job stand alone.
pub(super) async fn check_count(org: &Org, plan: &StreamPlan, rows: u64) -> Result<(), Failure> {
    let Some(before) = plan.count else { return Ok(()) };
    if before == rows {
        return Ok(());
    }
    match org.count(&plan.soql).await {
        Ok(after) if after == before => {
            let what = format!("{rows} records are read, and Salesforce counts {after} before and after");
            Err(Failure::Dead { begins_again: true, error: unproven(plan, &what) })
        }
        Ok(after) => {
            tracing::info!(
                "records of {} came or went meanwhile: {before} at first, {after} now, {rows} are read",
                plan.stream
            );
            Ok(())
        }
        Err(fault) => {
            tracing::debug!("the records of {} cannot be counted again: {}", plan.stream, fault.message());
            Ok(())
        }
    }
}
