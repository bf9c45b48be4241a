//! The way of a job from `UploadComplete` to its end.

use bytes::Bytes;

use super::{
    column::Columns,
    csv::{self, Span},
    job::{Job, JobState, Outcome},
    row::Plan,
};
use crate::org::{Org, Shared};

/// A batch, and a chunk of it that is saved in one transaction (Bulk API 2.0, "How Requests Are Processed").
const BATCH: usize = 10_000;
const CHUNK: usize = 200;

/// Works a job off; its state and counters can be watched on the way.
pub(crate) async fn run(org: Shared, id: String) {
    let Some(prepared) = prepare(&org, &id).await else {
        return;
    };
    let (per_batch, per_chunk) = {
        let org = org.lock();
        (org.settings.time_per_batch, org.settings.time_per_chunk)
    };
    let chunks = prepared.rows.len().div_ceil(CHUNK);
    for chunk in 0..chunks {
        if chunk.is_multiple_of(BATCH / CHUNK) && !per_batch.is_zero() {
            tokio::time::sleep(per_batch).await;
        }
        if !per_chunk.is_zero() {
            tokio::time::sleep(per_chunk).await;
        }
        let (org, id, prepared) = (org.clone(), id.clone(), prepared.clone());
        let goes_on = tokio::task::spawn_blocking(move || process_chunk(&org, &id, &prepared, chunk)).await;
        if !goes_on.unwrap_or(false) {
            return;
        }
    }
    let mut org = org.lock();
    finish(&mut org, &id, chunks);
    if org.settings.forgetful {
        forget(&mut org, &id);
    }
}

#[derive(Clone)]
struct Prepared {
    upload: Bytes,
    rows: std::sync::Arc<[Span]>,
    plan: std::sync::Arc<Plan>,
}

/// Reads the upload and moves the job to `InProgress`, or to its end when the upload as a whole is wrong.
async fn prepare(org: &Shared, id: &str) -> Option<Prepared> {
    let (upload, delimiter, ending) = {
        let org = org.lock();
        let job = org.job(id)?;
        (job.upload.clone().unwrap_or_default(), job.request.delimiter.1, job.request.line_ending)
    };
    let data = upload.clone();
    let scanned = tokio::task::spawn_blocking(move || csv::scan(&data, delimiter, ending)).await.ok()?;

    let mut org = org.lock();
    let org = &mut *org;
    let job = org.jobs.get_mut(id).filter(|job| job.state == JobState::UploadComplete)?;
    job.enter(JobState::InProgress);
    job.fault = org.faults.take_job(&job.request.object);
    let rows = match scanned {
        Ok(rows) => rows,
        Err(message) => return fail(job, message),
    };
    // Without a header there is nothing to do, and nothing wrong.
    let Some((header, rows)) = rows.split_first() else {
        job.enter(JobState::JobComplete);
        return None;
    };
    (job.header, job.rows) = (*header, rows.to_vec());
    let columns = match Columns::read(header.of(&upload), &job.request, &org.tables) {
        Ok(columns) => columns,
        Err(message) => return fail(job, message),
    };
    let table = org.tables.position(&job.request.object)?;
    let plan = Plan::new(&org.tables, table, &job.request, columns, &org.user_id);
    Some(Prepared { upload, rows: rows.into(), plan: plan.into() })
}

fn fail(job: &mut Job, message: String) -> Option<Prepared> {
    job.error_message = Some(message);
    job.enter(JobState::Failed);
    None
}

/// Whether a job goes on to the chunk, or in which state it is left.
fn decide(org: &mut Org, id: &str, chunk: usize) -> Result<(), (JobState, Option<String>)> {
    let Some(job) = org.jobs.get(id) else {
        return Err((JobState::Aborted, None));
    };
    let is_done = chunk * CHUNK >= job.rows.len();
    if let Some(fault) = job.fault.as_ref().filter(|fault| fault.chunks <= chunk || is_done) {
        return Err((fault.state, fault.message.clone()));
    }
    let needs_batch = chunk.is_multiple_of(BATCH / CHUNK) && !is_done;
    if needs_batch && !org.allowance.take_batch() {
        return Err((JobState::Failed, Some("ExceededQuota : ApiBatchItems Limit exceeded".to_owned())));
    }
    Ok(())
}

/// Saves one chunk. False when the job has ended.
fn process_chunk(org: &Shared, id: &str, prepared: &Prepared, chunk: usize) -> bool {
    let mut org = org.lock();
    let org = &mut *org;
    if org.jobs.get(id).is_none_or(|job| job.state != JobState::InProgress) {
        return false;
    }
    if let Err((state, message)) = decide(org, id, chunk) {
        if let Some(job) = org.jobs.get_mut(id).filter(|job| job.state != state) {
            job.error_message = message;
            job.enter(state);
        }
        return false;
    }
    let start = chunk * CHUNK;
    let rows = &prepared.rows[start..prepared.rows.len().min(start + CHUNK)];
    let rows = rows.iter().map(|row| row.of(&prepared.upload));
    let outcomes = prepared.plan.save(&mut org.tables, &mut org.faults.rows, rows);
    if let Some(job) = org.jobs.get_mut(id) {
        job.failed += outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Failed(_))).count();
        job.outcomes.extend(outcomes);
    }
    true
}

/// Lets go of what a job has brought, where nobody will have to look at it.
fn forget(org: &mut Org, id: &str) {
    let completed = |job: &&mut Job| job.state == JobState::JobComplete && job.failed == 0;
    let Some(job) = org.jobs.get_mut(id).filter(completed) else { return };
    let Some(table) = org.tables.position(&job.request.object) else { return };
    let table = org.tables.at_mut(table);
    job.forget().for_each(|record| table.forget(record));
}

/// Ends a job whose rows are all processed. A fault that waits for more chunks than there were comes now.
fn finish(org: &mut Org, id: &str, chunks: usize) {
    let end = decide(org, id, chunks);
    if let Some(job) = org.jobs.get_mut(id).filter(|job| job.state == JobState::InProgress) {
        match end {
            Ok(()) => job.enter(JobState::JobComplete),
            Err((JobState::InProgress, _)) => {}
            Err((state, message)) => {
                job.error_message = message;
                job.enter(state);
            }
        }
    }
}
