//! The pages of a stream, from a query job or from REST calls.

use std::sync::Arc;

use airbyte::Error;
use salesforce::{
    Fault, FaultKind, JobPages, Org, PagePoint, QueryPage, ReadFailure, ReadFault, RestPages, RunningQueryJob,
};

use super::follower::Follower;
use super::remedy::{Remedy, remedy};
use crate::config::Api;
use crate::objects::wants_filter;
use crate::plan::{StreamPlan, filter_wanted};
use crate::state::ReadingState;
use crate::user_error::error_of;

/// Why a stream is not read to its end.
pub(super) enum Failure {
    /// A later attempt can read on from the last state.
    Alive(Error),
    /// What the last state names cannot be read on.
    Dead {
        /// Whether another job may do better.
        begins_again: bool,
        error: Error,
    },
    /// Another query may do better, and what is otherwise the failure.
    Curable(Remedy, Box<Failure>),
}

impl Failure {
    /// The remedy, if there is one, and the failure without it.
    pub(super) fn split(self) -> (Option<Remedy>, Self) {
        match self {
            Self::Curable(remedy, otherwise) => (Some(remedy), *otherwise),
            failure => (None, failure),
        }
    }

    pub(super) fn into_error(self) -> Error {
        match self {
            Self::Alive(error) | Self::Dead { error, .. } => error,
            Self::Curable(_, otherwise) => otherwise.into_error(),
        }
    }

    fn curable(self, remedy: Option<Remedy>) -> Self {
        match remedy {
            Some(remedy) => Self::Curable(remedy, Box::new(self)),
            None => self,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Alive(error)
    }
}

/// The pages of a query.
pub(super) enum Pages {
    Job(Box<JobPages>),
    Rest(Box<RestPages>),
}

impl Pages {
    pub(super) async fn next(&mut self) -> Result<Option<QueryPage>, ReadFault> {
        match self {
            Self::Job(pages) => pages.next().await,
            Self::Rest(pages) => pages.next().await,
        }
    }

    /// How many records the query found, as its answers say. That of a job may be late.
    pub(super) fn total(&self) -> Option<u64> {
        match self {
            Self::Job(pages) => pages.total(),
            Self::Rest(pages) => pages.total(),
        }
    }

    /// The same, asked again where another number is expected and it may be late.
    pub(super) async fn total_expecting(&mut self, expected: u64) -> Result<Option<u64>, ReadFault> {
        match self {
            Self::Job(pages) => pages.total_expecting(expected).await,
            Self::Rest(pages) => Ok(pages.total()),
        }
    }

    /// How many records fewer there are than the query found. Only REST can have it so: a job counts them itself.
    pub(super) fn missing(&self) -> u64 {
        match self {
            Self::Job(_) => 0,
            Self::Rest(pages) => pages.missing(),
        }
    }
}

/// The pages of a stream, with the state from which they are read on.
pub(super) struct Opened {
    pub(super) pages: Pages,
    pub(super) reading: ReadingState,
}

/// Opens the pages of a stream, from its start or from a state on.
pub(super) async fn open<F: Follower>(
    org: &Org,
    plan: &StreamPlan,
    follower: &mut F,
    from: Option<ReadingState>,
) -> Result<Opened, Failure> {
    let is_rest = from.as_ref().map_or_else(|| plan.takes_rest(), |from| from.job.is_none());
    if is_rest { open_rest(org, plan, from).await } else { open_job(org, plan, follower, from).await }
}

async fn open_rest(org: &Org, plan: &StreamPlan, from: Option<ReadingState>) -> Result<Opened, Failure> {
    let reading = from.unwrap_or_else(|| start(plan, None));
    let pages = match point(&reading) {
        Some(point) => {
            let pages = org.resume_query(&plan.soql, &point).map_err(|fault| dead(&fault, plan))?;
            pages.within(Arc::clone(&plan.budget))
        }
        None => {
            let budget = Arc::clone(&plan.budget);
            let pages = org.read_query_within(&plan.soql, plan.scope, plan.rows_per_page, budget).await;
            pages.map_err(|fault| failure(&fault, plan, false))?
        }
    };
    Ok(Opened { pages: Pages::Rest(Box::new(pages.allowing_missing())), reading })
}

async fn open_job<F: Follower>(
    org: &Org,
    plan: &StreamPlan,
    follower: &mut F,
    from: Option<ReadingState>,
) -> Result<Opened, Failure> {
    let is_resumed = from.is_some();
    let (job, reading) = match from {
        Some(reading) => {
            let id = reading.job.as_deref().unwrap_or_default();
            tracing::info!("{} is read on in the query job {id}, after {} records", plan.stream, reading.rows);
            let job = org.resume_query_job(id, &plan.soql).map_err(|fault| dead(&fault, plan))?;
            (job, reading)
        }
        None => match org.create_query_job(&plan.soql, plan.scope).await {
            Ok(job) => {
                let reading = start(plan, Some(job.id().to_owned()));
                follower.reaches(&reading)?;
                (job, reading)
            }
            Err(fault) if changes_to_rest(&fault, plan) => return open_rest(org, plan, None).await,
            Err(fault) => {
                let cure = remedy(ReadFailure::Other, &fault);
                return Err(Failure::Alive(error(&fault, plan)).curable(cure));
            }
        },
    };
    // The sign of life is a state, and a state follows RUNNING.
    follower.runs()?;
    let reason = match wait(&job, plan, follower, &reading).await {
        Ok(pages) => return Ok(Opened { pages: Pages::Job(Box::new(pages)), reading }),
        Err(fault) => fault,
    };
    let is_refused = !is_resumed && reason.reason() == ReadFailure::JobFailed;
    if is_refused && changes_to_rest(reason.fault(), plan) {
        return open_rest(org, plan, None).await;
    }
    Err(failure(&reason, plan, is_resumed))
}

/// The state of a stream before its first page.
fn start(plan: &StreamPlan, job: Option<String>) -> ReadingState {
    ReadingState { count: plan.count, sync: plan.sync, ..ReadingState::new(&plan.query, job) }
}

/// Waits for the end of a job.
async fn wait<F: Follower>(
    job: &RunningQueryJob,
    plan: &StreamPlan,
    follower: &F,
    reading: &ReadingState,
) -> Result<JobPages, ReadFault> {
    let complete = job.wait(&follower.watcher(reading)).await?;
    // One page needs no list of pages.
    let left = complete.rows().map(|rows| rows.saturating_sub(reading.rows));
    let has_several = left.is_none_or(|left| left > plan.rows_per_page as u64);
    let at_once = if has_several { plan.pages_at_once } else { 1 };
    let pages =
        complete.pages(point(reading)).rows_per_page(plan.most_rows_per_page).beginning_with(plan.rows_per_page);
    Ok(pages.at_once(at_once).within(Arc::clone(&plan.budget)))
}

fn point(reading: &ReadingState) -> Option<PagePoint> {
    reading.locator.clone().map(|locator| PagePoint { locator, rows: reading.rows })
}

/// Whether REST reads the stream instead, because the Bulk API refuses it.
fn changes_to_rest(fault: &Fault, plan: &StreamPlan) -> bool {
    let changes = plan.api != Api::Bulk && plan.fits_rest() && is_refused_by_bulk(fault);
    if changes {
        tracing::info!("{} is read by REST: {}", plan.stream, fault.message());
    }
    changes
}

/// Whether the Bulk API does not know the object, or a field of it. The texts are Salesforce's own.
fn is_refused_by_bulk(fault: &Fault) -> bool {
    let says = |text: &str| fault.message().contains(text);
    // A call spells it in capitals, and a failed job does not.
    fault.code().is_some_and(|code| code.eq_ignore_ascii_case("InvalidEntity"))
        || says("is not supported by the Bulk API")
        || says("not supported in Bulk Query")
        || says("Cannot serialize value for")
        || says("Binary field not supported")
}

/// What follows from a fault. `is_resumed`: no page was read since the state that a run began with.
pub(super) fn failure(fault: &ReadFault, plan: &StreamPlan, is_resumed: bool) -> Failure {
    failure_of_query(fault, plan, is_resumed).curable(remedy(fault.reason(), fault.fault()))
}

/// The same for the query as it is.
fn failure_of_query(fault: &ReadFault, plan: &StreamPlan, is_resumed: bool) -> Failure {
    use FaultKind::{Configuration, InvalidJobState, NotFound, Unexpected};
    use ReadFailure::{HeaderChanged, JobAborted, JobFailed, JobGone, LocatorExpired, Malformed, Other, OtherVersion};
    match fault.reason() {
        // Salesforce does not take what the state names. The same state would be refused for ever.
        Other
            if is_resumed
                && matches!(fault.fault().kind(), Configuration | InvalidJobState | NotFound | Unexpected) =>
        {
            dead(fault.fault(), plan)
        }
        Other => Failure::Alive(error(fault.fault(), plan)),
        // Someone has decided it.
        JobAborted => Failure::Dead { begins_again: false, error: error(fault.fault(), plan) },
        // The org may succeed with another job, unless it says what is wrong with the query.
        JobFailed => {
            let kind = fault.fault().kind();
            let begins_again = !matches!(kind, FaultKind::LimitReached(_) | FaultKind::Permission | Configuration);
            Failure::Dead { begins_again, error: error(fault.fault(), plan) }
        }
        JobGone | OtherVersion | LocatorExpired | HeaderChanged | Malformed => {
            Failure::Dead { begins_again: true, error: error(fault.fault(), plan) }
        }
        ReadFailure::Unproven => Failure::Dead { begins_again: true, error: unproven(plan, fault.fault().message()) },
    }
}

/// A state that was never one of this connector.
fn dead(fault: &Fault, plan: &StreamPlan) -> Failure {
    Failure::Dead { begins_again: true, error: error(fault, plan) }
}

fn error(fault: &Fault, plan: &StreamPlan) -> Error {
    if wants_filter(fault) {
        return Error::config(filter_wanted(&plan.stream, fault)).internal(fault);
    }
    error_of(fault, &format!("reading {}", plan.stream))
}

/// The error of a stream of which nobody can say that it is whole.
pub(super) fn unproven(plan: &StreamPlan, what: &str) -> Error {
    Error::transient(format!(
        "It is not proven that the stream {} is whole: {what}. The next sync reads it again from its start.",
        plan.stream
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::plan::tests::plan_of;

    #[test]
    fn only_what_the_bulk_api_alone_refuses_is_read_by_rest() {
        for (text, expected) in [
            ("Entity 'Attachment' is not supported by the Bulk API.", true),
            ("compound data not supported in Bulk Query", true),
            ("Cannot serialize value for 'Body' in CSV format", true),
            ("Binary field not supported", true),
            ("No such column 'Nme' on entity 'Contact'", false),
            ("", false),
        ] {
            let fault = Fault::new(FaultKind::Configuration, text);
            assert_eq!(is_refused_by_bulk(&fault), expected, "{text}");
        }
    }

    #[test]
    fn rest_takes_the_place_of_the_bulk_api_only_where_it_may_and_can() {
        let refusal = Fault::of_failed_job("InvalidEntity : Entity 'Account' is not known");
        let call = Fault::of_failed_job("INVALIDENTITY : Entity 'Account' is not known");
        let other = Fault::of_failed_job("INVALID_FIELD : No such column 'Nme' on entity 'Account'");
        let fields = json!([{"name": "Id", "type": "id"}]);
        let filtered = |length: usize| json!({"streams": [{"stream": "Account", "filter": "x".repeat(length)}]});
        for (settings, fault, expected) in [
            (json!({}), &refusal, true),
            (json!({}), &call, true),
            (json!({"api": "rest"}), &refusal, true),
            (json!({"api": "bulk"}), &refusal, false),
            (filtered(100_000), &refusal, false),
            (json!({}), &other, false),
        ] {
            let plan = plan_of("Account", &fields, false, settings.clone());
            assert_eq!(changes_to_rest(fault, &plan), expected, "{} {fault}", plan.api == Api::Bulk);
        }
    }

    #[test]
    fn a_failure_may_have_a_remedy_and_keeps_its_error() {
        let alive = || Failure::Alive(Error::transient("It did not work."));
        assert!(matches!(alive().curable(None).split(), (None, Failure::Alive(_))));
        let (remedy, failure) = alive().curable(Some(Remedy::ShorterWindow)).split();
        assert!(remedy == Some(Remedy::ShorterWindow) && matches!(failure, Failure::Alive(_)));
        assert_eq!(failure.curable(Some(Remedy::FewerColumns)).into_error().message(), "It did not work.");
        let fields = json!([{"name": "Id", "type": "id"}]);
        let plan = plan_of("Account", &fields, false, json!({}));
        let dead = dead(&Fault::new(FaultKind::NotFound, "no"), &plan);
        assert!(matches!(dead, Failure::Dead { begins_again: true, .. }), "the state was never one of this connector");
    }

    #[test]
    fn a_page_is_read_on_behind_its_locator_and_records() {
        let fields = json!([{"name": "Id", "type": "id"}]);
        let mut plan = plan_of("Account", &fields, false, json!({}));
        plan.count = Some(9);
        let reading = start(&plan, Some("750".into()));
        assert_eq!((reading.count, reading.sync, reading.rows), (Some(9), plan.sync, 0));
        assert_eq!((&reading.query, reading.job.as_deref()), (&plan.query, Some("750")));
        assert!(point(&reading).is_none());
        let reading = ReadingState { locator: Some("MTox".into()), rows: 5, ..reading };
        let point = point(&reading).unwrap();
        assert_eq!((&*point.locator, point.rows), ("MTox", 5));
    }

    #[test]
    fn an_object_that_wants_a_filter_says_so_also_while_it_is_read() {
        let plan = plan_of("Vote", &json!([{"name": "Id", "type": "id"}]), false, json!({}));
        for (text, expected) in [
            ("When querying the Vote object, you must filter using the following syntax", true),
            ("No such column 'Nme' on entity 'Vote'", false),
        ] {
            let error = error(&Fault::new(FaultKind::Configuration, text), &plan);
            assert_eq!(error.message().contains("only with a filter"), expected, "{}", error.message());
            assert_eq!(error.message().contains("reading Vote"), !expected, "{}", error.message());
        }
    }
}
