//! Runs a query job: finds its records and writes them as CSV.

use super::plan::Plan;
use crate::{
    org::{FoundRows, JobState, Org, QueryRequest, SharedOrg},
    schema::FieldType,
    settings::Settings,
    store::Tables,
};

/// Runs a query job from its creation to its end.
pub(super) async fn run(org: SharedOrg, id: String) {
    let wait = {
        let mut org = org.lock();
        let wait = org.settings.time_per_query;
        let Org { query_jobs, faults, tables, .. } = &mut *org;
        let Some(job) = query_jobs.get_mut(&id) else { return };
        let object = &job.request.object;
        job.fault = faults.take_query_job_fault(object);
        if let Some(field) = job.fault.as_ref().and_then(|fault| fault.removed_field.as_ref())
            && let Some(at) = tables.position(object)
        {
            tables.at_mut(at).show_field(field, false);
        }
        job.enter(JobState::InProgress);
        wait
    };
    if !wait.is_zero() {
        tokio::time::sleep(wait).await;
    }
    let ended = tokio::task::spawn_blocking(move || {
        let mut org = org.lock();
        let Org { query_jobs, tables, settings, allowance, .. } = &mut *org;
        // The job may be aborted by now.
        let Some(job) = query_jobs.get_mut(&id).filter(|job| job.state == JobState::InProgress) else { return };
        match find(tables, &job.request, settings) {
            Ok(found) => {
                allowance.take_query_bytes(found.size());
                job.end(found);
            }
            Err(message) => job.fail(Some(message)),
        }
    });
    // An error is a panic, which leaves the job in progress.
    let _ = ended.await;
}

/// Finds the records of a job, or returns its `errorMessage`. The schema may have changed since its creation. The texts
/// are those of Bulk API 1.0, as people report them; that API 2.0 has them too is a guess.
fn find(tables: &Tables, request: &QueryRequest, settings: &Settings) -> Result<FoundRows, String> {
    let plan = Plan::new(tables, &request.soql, request.finds_deleted)
        .map_err(|error| format!("InvalidBatch : Failed to process query: {}: {}", error.code(), error.message()))?;
    if plan.fields_of(FieldType::Base64).next().is_some() {
        return Err("FeatureNotEnabled : Binary field not supported".to_owned());
    }
    let mut records = plan.run(tables);
    if records.len() > settings.max_query_job_rows {
        // "Retried more than fifteen times" is the text of people's reports; its class is a guess.
        return Err("InternalServerError : Retried more than fifteen times".to_owned());
    }
    if !plan.is_ordered() {
        fastrand::Rng::with_seed(settings.seed).shuffle(&mut records);
    }
    Ok(FoundRows { repeats: settings.query_repeats, ..write(&plan, tables, &records, request) })
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
