//! Runs a query job: finds its records and writes them as CSV.

use super::plan::Plan;
use crate::{
    org::{FoundRows, JobState, Org, QueryRequest, SharedOrg},
    store::Tables,
};

/// Runs a query job from its creation to its end.
pub(super) async fn run(org: SharedOrg, id: String, plan: Plan) {
    let wait = {
        let mut org = org.lock();
        let wait = org.settings.time_per_query;
        let Org { query_jobs, faults, .. } = &mut *org;
        let Some(job) = query_jobs.get_mut(&id) else { return };
        job.fault = faults.take_query_job_fault(&job.request.object);
        job.enter(JobState::InProgress);
        wait
    };
    if !wait.is_zero() {
        tokio::time::sleep(wait).await;
    }
    let found = tokio::task::spawn_blocking(move || {
        let mut org = org.lock();
        let Org { query_jobs, tables, settings, .. } = &mut *org;
        // The job may be aborted by now.
        let Some(job) = query_jobs.get_mut(&id).filter(|job| job.state == JobState::InProgress) else { return };
        let mut records = plan.run(tables);
        if !plan.is_ordered() {
            fastrand::Rng::with_seed(settings.seed).shuffle(&mut records);
        }
        let found = write(&plan, tables, &records, &job.request);
        job.end(found);
    });
    // An error is a panic, which leaves the job in progress.
    let _ = found.await;
}

/// Writes the records. Every cell is in quotes, and null is an empty cell.
fn write(plan: &Plan, tables: &Tables, records: &[usize], request: &QueryRequest) -> FoundRows {
    let mut found = FoundRows::default();
    let header = plan.columns.iter().map(|column| Some(column.spelt.clone()));
    write_row(&mut found.header, header, request);
    found.ends.reserve(records.len());
    for record in records {
        write_row(&mut found.rows, plan.cells(tables, *record).into_iter(), request);
        found.ends.push(found.rows.len());
    }
    found
}

fn write_row(csv: &mut Vec<u8>, cells: impl Iterator<Item = Option<String>>, request: &QueryRequest) {
    for (at, cell) in cells.enumerate() {
        if at > 0 {
            csv.push(request.delimiter.1);
        }
        csv.push(b'"');
        csv.extend_from_slice(cell.unwrap_or_default().replace('"', "\"\"").as_bytes());
        csv.push(b'"');
    }
    csv.extend_from_slice(if request.line_ending == crate::csv::LineEnding::Lf { b"\n" } else { b"\r\n" });
}
