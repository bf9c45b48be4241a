//! Processes a job, from `UploadComplete` to its end.

use std::{ops::Range, sync::Arc, time::Duration};

use bytes::Bytes;

use super::{columns::Columns, row_saver::RowSaver};
use crate::{
    csv::{self, Span},
    fault::{Faults, JobEnd, LateChunks},
    org::{DailyAllowance, Job, JobState, Org, RowOutcome, SharedOrg},
    store::Tables,
};

/// The rows of a batch, which uses up one of the daily batches (Bulk API 2.0, "How Requests Are Processed").
const BATCH: usize = 10_000;
/// The rows of a chunk, which Salesforce saves in one transaction (the same page).
const CHUNK: usize = 200;

/// Processes a job. Its state and counts change on the way. Rows may be saved after its end.
pub(super) async fn run(org: SharedOrg, id: String) {
    if let Some(prepared) = prepare(&org, &id).await {
        process(org.clone(), id.clone(), prepared).await;
    }
    if let Some(job) = org.lock().jobs.get_mut(&id) {
        job.is_processing = false;
    }
}

async fn process(org: SharedOrg, id: String, prepared: Prepared) {
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
        let continues = {
            let (org, id, prepared) = (org.clone(), id.clone(), prepared.clone());
            tokio::task::spawn_blocking(move || process_chunk(&org, &id, &prepared, chunk)).await
        };
        if !continues.unwrap_or(false) {
            return save_late_chunks(org, id, prepared, chunk..chunks).await;
        }
    }
    let mut org = org.lock();
    finish(&mut org, &id, chunks);
    if org.settings.forgetful {
        forget(&mut org, &id);
    }
}

/// What every chunk needs.
#[derive(Clone)]
struct Prepared {
    upload: Bytes,
    rows: Arc<[Span]>,
    saver: Arc<RowSaver>,
}

/// Scans the upload and moves the job to `InProgress`. Ends the job and returns `None` if the upload is wrong or empty.
async fn prepare(org: &SharedOrg, id: &str) -> Option<Prepared> {
    let (upload, delimiter, ending) = {
        let org = org.lock();
        let job = org.job(id)?;
        (job.upload.clone().unwrap_or_default(), job.request.delimiter.1, job.request.line_ending)
    };
    let data = upload.clone();
    let scanned = tokio::task::spawn_blocking(move || csv::scan(&data, delimiter, ending)).await.ok()?;

    let mut org = org.lock();
    let Org { jobs, faults, tables, user_id, settings, .. } = &mut *org;
    let job = jobs.get_mut(id).filter(|job| job.state == JobState::UploadComplete)?;
    job.enter(JobState::InProgress);
    job.is_processing = true;
    job.fault = faults.take_job_fault(&job.request.object);
    let rows = match scanned {
        Ok(rows) => rows,
        Err(message) => {
            job.end(JobEnd::Failed(message));
            return None;
        }
    };
    // An upload without a header is not an error.
    let Some((header, rows)) = rows.split_first() else {
        job.end(JobEnd::Completed);
        return None;
    };
    (job.header, job.rows) = (*header, rows.to_vec());
    let columns = match Columns::read(header.of(&upload), &job.request, tables) {
        Ok(columns) => columns,
        Err(message) => {
            job.end(JobEnd::Failed(message));
            return None;
        }
    };
    if settings.nature.blanks_echoes {
        job.blanked = columns.respelt(&job.request.object, tables);
    }
    let table = tables.position(&job.request.object)?;
    let saver =
        RowSaver::new(tables, table, &job.request, columns, user_id).seeing_own_chunk(settings.references_within_chunk);
    Some(Prepared { upload, rows: rows.into(), saver: saver.into() })
}

/// How the job ends before a chunk; `None` if it processes the chunk. Uses up a batch of the day.
fn end_before(job: &Job, allowance: &mut DailyAllowance, chunk: usize) -> Option<JobEnd> {
    let is_done = chunk * CHUNK >= job.rows.len();
    if let Some(fault) = job.fault.as_ref().filter(|fault| fault.chunks <= chunk || is_done) {
        return Some(fault.end.clone());
    }
    let needs_batch = chunk.is_multiple_of(BATCH / CHUNK) && !is_done;
    if needs_batch && !allowance.take_batch() {
        return Some(JobEnd::Failed("ExceededQuota : ApiBatchItems Limit exceeded".to_owned()));
    }
    None
}

/// Saves the rows of a chunk; false if the job does not continue.
fn process_chunk(org: &SharedOrg, id: &str, prepared: &Prepared, chunk: usize) -> bool {
    let mut org = org.lock();
    let Org { jobs, allowance, tables, faults, clock, .. } = &mut *org;
    let Some(job) = jobs.get_mut(id).filter(|job| job.state == JobState::InProgress) else {
        return false;
    };
    if let Some(end) = end_before(job, allowance, chunk) {
        job.end(end);
        return false;
    }
    prepared.saver.begin(tables, clock.stamp());
    save_chunk(job, tables, faults, prepared, chunk);
    true
}

/// Saves the rows of a chunk.
fn save_chunk(job: &mut Job, tables: &mut Tables, faults: &mut Faults, prepared: &Prepared, chunk: usize) {
    let start = chunk * CHUNK;
    let rows = &prepared.rows[start..prepared.rows.len().min(start + CHUNK)];
    let rows = rows.iter().map(|row| row.of(&prepared.upload));
    let outcomes = prepared.saver.save(tables, &mut faults.rows, rows);
    job.failed += outcomes.iter().filter(|outcome| matches!(outcome, RowOutcome::Failed(_))).count();
    job.outcomes.extend(outcomes);
}

/// How long an org that saves late by its nature waits before each chunk.
const LATE_CHUNK: Duration = Duration::from_millis(100);

/// Errors of jobs of which the org saves nothing more: they are refused as a whole, or the batches of the day are gone.
const REFUSALS: [&str; 3] = ["InvalidBatch", "ClientInputError", "ExceededQuota"];

/// What the org saves after the end of a job: what its fault says, or else what the nature of the org says.
fn late_chunks(org: &Org, id: &str) -> Option<LateChunks> {
    let job = org.job(id)?;
    let of_fault = job.fault.as_ref().map(|fault| fault.late).filter(|late| late.count > 0);
    let is_refused =
        REFUSALS.iter().any(|class| job.error_message.as_ref().is_some_and(|text| text.starts_with(class)));
    let ended_early = matches!(job.state, JobState::Failed | JobState::Aborted) && !is_refused;
    let has_results = job.fault.as_ref().is_none_or(|fault| !fault.omits_unprocessed_rows);
    let by_nature = LateChunks { count: org.settings.nature.saves_late, wait: LATE_CHUNK };
    of_fault.or_else(|| (ended_early && has_results).then_some(by_nature))
}

/// Saves chunks of a job that has ended.
async fn save_late_chunks(org: SharedOrg, id: String, prepared: Prepared, chunks: Range<usize>) {
    let Some(late) = late_chunks(&org.lock(), &id) else { return };
    for chunk in chunks.take(late.count) {
        tokio::time::sleep(late.wait).await;
        let mut org = org.lock();
        let Org { jobs, tables, faults, clock, .. } = &mut *org;
        let Some(job) = jobs.get_mut(&id) else { return };
        prepared.saver.begin(tables, clock.stamp());
        save_chunk(job, tables, faults, &prepared, chunk);
    }
}

/// Ends a job whose rows are all processed. A fault after more chunks than the job has acts now.
fn finish(org: &mut Org, id: &str, chunks: usize) {
    org.clock.advance(org.settings.clock_step);
    if let Some(job) = org.jobs.get_mut(id).filter(|job| job.state == JobState::InProgress) {
        let end = end_before(job, &mut org.allowance, chunks);
        job.end(end.unwrap_or(JobEnd::Completed));
    }
}

/// Drops the upload and the records of a job that completed without a failed row.
fn forget(org: &mut Org, id: &str) {
    let completed = |job: &&mut Job| job.state == JobState::JobComplete && job.failed == 0;
    let Some(job) = org.jobs.get_mut(id).filter(completed) else { return };
    let Some(table) = org.tables.position(&job.request.object) else { return };
    let table = org.tables.at_mut(table);
    job.forget_rows().for_each(|record| table.forget(record));
}
