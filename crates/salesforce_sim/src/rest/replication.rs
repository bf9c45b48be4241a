//! `GET .../sobjects/{object}/updated` and `.../deleted` (REST API Developer Guide, "sObject Get Updated" and "sObject Get
//! Deleted").

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    org::Org,
    reply::ApiError,
    store::{RecordState, Stamp, Table},
};

/// How far back `/updated` and `/deleted` go, in seconds (the same pages).
const UPDATED_DAYS: i64 = 30 * 24 * 60 * 60;
const DELETED_DAYS: i64 = 15 * 24 * 60 * 60;

/// A span of time, in whole minutes.
struct Span {
    start: Stamp,
    end: Stamp,
}

/// The ids of the records that were created or changed.
pub(super) fn updated(org: &Org, object: &str, parameters: &str) -> Result<Value, ApiError> {
    let table = replicated(org, object)?;
    let span = span(parameters)?;
    let now = org.clock.stamp();
    if span.start < now.before(UPDATED_DAYS).whole_minute() {
        return Err(wrong_date("startDate is more than 30 days before now"));
    }
    // "If SystemModstamp isn't available, the call uses LastModifiedDate." The third is a guess.
    let stamps = ["SystemModstamp", "LastModifiedDate", "CreatedDate"];
    let field = stamps.into_iter().find(|name| table.object.position(name).is_some()).unwrap_or("CreatedDate");
    let is_within =
        |record: &usize| table.stamps(*record).get(field).is_some_and(|stamp| span.start <= stamp && stamp < span.end);
    let ids: Vec<String> = table.live().filter(is_within).map(|record| table.id(record)).collect();
    check_number(org, ids.len())?;
    Ok(json!({"ids": ids, "latestDateCovered": covered(org, &span).json()}))
}

/// The records that were deleted, and when.
pub(super) fn deleted(org: &Org, object: &str, parameters: &str) -> Result<Value, ApiError> {
    let table = replicated(org, object)?;
    let span = span(parameters)?;
    let oldest = org.clock.stamp().before(DELETED_DAYS).whole_minute();
    let earliest = table.deletions.purged().map_or(oldest, |purged| oldest.max(purged));
    if span.start < earliest {
        return Err(wrong_date("startDate before org replication enabled date"));
    }
    let deletions = table.deletions.between(span.start, span.end);
    let deleted: Vec<Value> = deletions
        .filter(|deletion| table.state(deletion.record) != RecordState::Live)
        .map(|deletion| json!({"id": table.id(deletion.record), "deletedDate": deletion.at.json()}))
        .collect();
    check_number(org, deleted.len())?;
    Ok(json!({
        "deletedRecords": deleted,
        "earliestDateAvailable": earliest.json(),
        "latestDateCovered": covered(org, &span).json(),
    }))
}

fn replicated<'o>(org: &'o Org, object: &str) -> Result<&'o Table, ApiError> {
    let table = org.tables.get(object).ok_or_else(ApiError::not_found)?;
    if table.object.replicateable {
        return Ok(table);
    }
    let message = format!("entity type {} does not support replication", table.object.name);
    Err(ApiError::new(400, "INVALID_TYPE_FOR_OPERATION", message))
}

/// Reads the span of a call. "The API ignores the seconds portion."
fn span(parameters: &str) -> Result<Span, ApiError> {
    let moment = |name: &str| {
        let pair = form_urlencoded::parse(parameters.as_bytes()).find(|(key, _)| key == name);
        let moment = pair.and_then(|(_, text)| text.parse::<Timestamp>().ok());
        let missing = || ApiError::new(400, "INVALID_FIELD", format!("{name} is missing or no date and time"));
        moment.map(|moment| Stamp::of(moment).whole_minute()).ok_or_else(missing)
    };
    let span = Span { start: moment("start")?, end: moment("end")? };
    // "The specified startDate must chronologically precede the specified endDate value by more than one minute."
    if span.end.before(60) <= span.start {
        return Err(wrong_date("endDate must be more than one minute after startDate"));
    }
    Ok(span)
}

/// How far the answer covers the span: "the start time of that long-running transaction until it completes".
fn covered(org: &Org, span: &Span) -> Stamp {
    let covered = span.end.min(org.clock.stamp().whole_minute());
    org.oldest_transaction().map_or(covered, |began| covered.min(began))
}

fn check_number(org: &Org, ids: usize) -> Result<(), ApiError> {
    let most = org.settings.max_replicated_ids;
    if ids <= most {
        return Ok(());
    }
    Err(ApiError::new(400, "EXCEEDED_ID_LIMIT", format!("more than {most} ids in the time span")))
}

fn wrong_date(message: &str) -> ApiError {
    ApiError::new(400, "INVALID_REPLICATION_DATE", message)
}
