//! Keeps the ids of the rows that jobs of earlier attempts wrote: those attempts may have been killed before they did.

use retry::ReadingPatience;
use tokio::time::Instant;

use super::key_values::{KeyValues, names};
use super::result_layout::{ID, ResultLayout};
use super::waits::Waits;
use crate::convert::{Column, Columns, Kind, SourceColumn};
use crate::journal::{EarlierRows, TakenOver};
use crate::pipeline::prepare::StreamPlan;
use crate::rejected::{SuccessStore, WrittenAs, WrittenRecord};
use crate::user_error::IntoUserError;
use airbyte::{Error, JsonTypes, Result};
use salesforce::{Fault, FaultKind, FinishedJob};

/// Keeps the ids of all rows that were taken over, before they are acknowledged.
///
/// # Errors
/// The results of a job cannot be read, or the ids cannot be stored.
pub(crate) async fn keep_earlier_successes<'p>(
    store: &SuccessStore,
    plans: impl Iterator<Item = &'p StreamPlan>,
    taken_over: &TakenOver,
) -> Result<()> {
    for plan in plans {
        for rows in taken_over.rows.get(&plan.name).into_iter().flatten() {
            let Some(job) = taken_over.jobs.iter().find(|job| job.id() == rows.job()) else { continue };
            keep(store, plan, rows, job).await?;
        }
    }
    Ok(())
}

/// Why ids are not kept.
enum NotKept {
    Unread(Fault),
    Final(Error),
}

impl From<Fault> for NotKept {
    fn from(fault: Fault) -> Self {
        Self::Unread(fault)
    }
}

impl From<Error> for NotKept {
    fn from(error: Error) -> Self {
        Self::Final(error)
    }
}

async fn keep(store: &SuccessStore, plan: &StreamPlan, rows: &EarlierRows, job: &FinishedJob) -> Result<()> {
    let waits = Waits::of_sync();
    let mut patience = ReadingPatience::new(&waits.results);
    loop {
        let started = Instant::now();
        let fault = match keep_once(store, plan, rows, job).await {
            Ok(()) => return Ok(()),
            Err(NotKept::Final(error)) => return Err(error),
            Err(NotKept::Unread(fault)) => fault,
        };
        let wait = if fault.is_transient() { patience.next_wait(started.elapsed()) } else { None };
        let Some(wait) = wait else {
            let doing = format!("reading the ids of what job {}, which an earlier attempt left, has written", job.id());
            return Err(fault.into_error(&doing));
        };
        tokio::time::sleep(wait).await;
    }
}

async fn keep_once(
    store: &SuccessStore,
    plan: &StreamPlan,
    rows: &EarlierRows,
    job: &FinishedJob,
) -> Result<(), NotKept> {
    let expected = rows.free();
    if expected == 0 {
        return Ok(());
    }
    let columns = columns(plan, rows.columns());
    let mut key = KeyValues::new(plan.source_key.columns(&columns, None).of_record, &columns);
    let mut writer = store.writer(&plan.identity, names(key.columns().iter()));
    let mut results = job.successful_rows().await?;
    // The results were read a moment ago, and have at least the rows that they had then.
    let unproven = || Fault::new(FaultKind::Transient, "the results lack rows that they had before");
    let layout = ResultLayout::new(results.header(), &columns, &[ID]).map_err(|_| unproven())?;
    let mut kept = 0;
    while let Some(row) = results.next().await? {
        if rows.has(&layout.csv(row)) {
            kept += 1;
            let written = WrittenAs { id: layout.id(row), is_created: layout.is_created(row), records: 1 };
            writer.write(&WrittenRecord::new(0, key.of_row(&layout, row, None), written)).await?;
        }
    }
    if kept < expected {
        return Err(unproven().into());
    }
    Ok(writer.finish().await?)
}

/// The columns of an upload with this header. One that only records have shown has the name of its field.
fn columns(plan: &StreamPlan, header: &[String]) -> Columns {
    let types = JsonTypes { text: true, ..JsonTypes::default() };
    let unknown = |name: &String| Column::new(SourceColumn::top(name), name, Kind::Text { longest: None }, types);
    let column = |name: &String| {
        let known = plan.columns.iter().find(|column| column.is_named(name)).cloned();
        known.unwrap_or_else(|| unknown(name))
    };
    Columns::new(header.iter().map(column).collect(), None)
}
