//! What is read of each stream of the catalog, and how.

mod catalog;
mod changes;
mod incremental;
mod org_name;
mod rows_in_order;
mod select;

use std::sync::Arc;

use futures_util::{StreamExt, stream};

use airbyte::{Error, Result, StreamName};
use memory::Budget;
use salesforce::{Condition, Fault, FaultKind, Org, QueryRows, QueryScope, ReadFault, Soql, url_length};

use crate::columns::{Column, ColumnValue};
use crate::config::{Api, Config};
use crate::moment::Moment;
use crate::objects::{is_counted, is_of_schema, scope, wants_filter};
use crate::record::{DeletionWriter, RecordWriter, paths};
use crate::state::{SyncIds, query_hash};
use crate::user_error::error_of;
pub(crate) use catalog::{CatalogStream, parse_catalog};
pub(crate) use changes::{Changes, IS_DELETED};
pub(crate) use incremental::Incremental;
use org_name::OrgName;
use select::Selected;

/// The most records that REST reads where the configuration leaves the choice: one page.
const FEW_ROWS: u64 = 2_000;

/// The typical bytes of the first page of a query job.
const PAGE_SIZE: usize = 8 * 1024 * 1024;

/// The memory that the pages of all streams share. The program with its connections and buffers needs some 25 MB,
/// and unpacked pieces of pages and records on their way out some hundred kilobytes a stream.
const BUDGET: usize = 24 * 1024 * 1024;

/// The rows of a page of the widest rows.
const FEWEST_PAGE_ROWS: usize = 200;

/// The field that says when a record was created.
pub(crate) const CREATED: &str = "CreatedDate";

/// The counts that are asked for at the same time.
const COUNTS_AT_ONCE: usize = 4;

/// What is read of a stream, and how.
#[derive(Clone)]
pub(crate) struct StreamPlan {
    pub(crate) stream: StreamName,
    pub(crate) soql: Soql,
    pub(crate) scope: QueryScope,
    pub(crate) sync: SyncIds,
    /// The name of the query in a state.
    pub(crate) query: String,
    pub(crate) writer: RecordWriter,
    pub(crate) api: Api,
    /// How many records the query finds, asked before the first of them is read. None if Salesforce does not say.
    pub(crate) count: Option<u64>,
    /// Whether no record can come to those of the query: of a window for which the org vouches.
    pub(crate) is_closed: bool,
    /// Whether records that come and go so much that the counts prove nothing are an error.
    pub(crate) wants_proof: bool,
    /// How changes are read; None for a full refresh, and for the records of one window.
    pub(crate) incremental: Option<Incremental>,
    columns: Arc<[Column]>,
    /// The org, as a state names it.
    org: String,
    /// The bytes that a record typically takes.
    width: usize,
    /// Whether the user wrote a condition.
    has_filter: bool,
    /// Whether Salesforce's documents say that it counts the records.
    is_counted: bool,
    /// Whether the records describe the org itself.
    is_of_schema: bool,
    /// The most rows of the first page of a query job.
    pub(crate) rows_per_page: usize,
    /// The most rows of a page after it, once it is known how long rows are.
    pub(crate) most_rows_per_page: usize,
    /// The most pages of a query job that are read at the same time.
    pub(crate) pages_at_once: usize,
    /// The memory that the pages of all streams share.
    pub(crate) budget: Arc<Budget>,
}

impl StreamPlan {
    fn new(stream: CatalogStream, selected: Selected, config: &Config, org: &OrgName, budget: &Arc<Budget>) -> Self {
        let Selected { object, columns, fields, changes } = selected;
        let filter = config.stream(&stream.name.name).and_then(|settings| settings.filter.clone());
        let paths = paths(&columns);
        let width: usize = columns.iter().map(|column| column.width + 1).sum();
        let most = QueryRows::rows_per_page(paths.len());
        let usual = most.min(PAGE_SIZE / width.max(1)).max(FEWEST_PAGE_ROWS);
        let finds_deleted = changes.as_ref().is_some_and(Changes::finds_bin) && shows_deletions(&columns);
        let scope = if finds_deleted { QueryScope::WithDeleted } else { scope(&object) };
        let incremental = changes.map(|changes| {
            let deletion = DeletionWriter::new(&stream.name, &columns, &changes);
            let refresh_every = config.refresh_every(&stream.name.name).filter(|_| has_formula(&columns));
            let filter = filter.clone();
            Incremental { filter, refresh_every, fields, ..Incremental::new(&object, changes, config, org, deletion) }
        });
        let (is_counted, is_of_schema) = (is_counted(&object), is_of_schema(&object));
        let mut soql = Soql::select(object, paths);
        let has_filter = filter.is_some();
        if let Some(filter) = filter {
            soql = soql.filtered(filter);
        }
        if scope == QueryScope::WithDeleted && !finds_deleted {
            soql = soql.filtered(Condition::written("IsDeleted = false"));
        }
        Self {
            query: query_hash(&org.name, &soql.to_string()),
            writer: RecordWriter::new(&stream.name, &columns),
            api: config.api_of(&stream.name.name),
            count: None,
            is_closed: false,
            wants_proof: false,
            stream: stream.name,
            soql,
            scope,
            sync: stream.sync,
            incremental,
            columns: columns.into(),
            org: org.name.clone(),
            width,
            has_filter,
            is_counted,
            is_of_schema,
            rows_per_page: config.max_page_rows().unwrap_or(usual),
            most_rows_per_page: config.max_page_rows().unwrap_or(most),
            pages_at_once: config.max_parallel_pages(),
            budget: Arc::clone(budget),
        }
    }

    /// The same plan, for the records that were created before a moment and that nobody has counted yet.
    pub(crate) fn created_before(&self, moment: Moment) -> Self {
        let created = moment.literal().map(|literal| Condition::before(CREATED, literal));
        let soql = created.into_iter().fold(self.soql.clone(), Soql::filtered);
        Self { query: query_hash(&self.org, &soql.to_string()), count: None, soql, ..self.clone() }
    }

    /// The plan without some paths of the query, and the columns that are null then. None if that changes nothing, or leaves
    /// nothing to read.
    pub(crate) fn without(&self, paths: &[String]) -> Option<(Self, Vec<String>)> {
        let (writer, lost) = RecordWriter::without(&self.stream, &self.columns, paths);
        let soql = self.soql.clone().without(paths);
        if lost.is_empty() || soql.fields().is_empty() {
            return None;
        }
        Some((Self { query: query_hash(&self.org, &soql.to_string()), writer, soql, ..self.clone() }, lost))
    }

    /// Whether columns with these names are read.
    pub(crate) fn has_columns(&self, names: &[String]) -> bool {
        names.iter().any(|name| self.columns.iter().any(|column| column.name == *name))
    }

    /// Whether the query is short enough for a REST call.
    pub(crate) fn fits_rest(&self) -> bool {
        url_length(&self.soql.to_string()) <= Soql::LONGEST_IN_ADDRESS
    }

    /// Whether REST reads the stream.
    pub(crate) fn takes_rest(&self) -> bool {
        match self.api {
            Api::Rest => true,
            Api::Bulk => false,
            Api::Auto => self.fits_rest() && (self.is_of_schema || self.count.is_some_and(|count| self.are_few(count))),
        }
    }

    /// Whether so many records are few, and take no more than a page of a query job. REST holds them all, with the names
    /// of their fields.
    fn are_few(&self, count: u64) -> bool {
        count <= FEW_ROWS && usize::try_from(count).is_ok_and(|count| count.saturating_mul(self.width) <= PAGE_SIZE)
    }
}

/// Whether a record shows that it is deleted. Otherwise one that is would look like one that is there.
fn shows_deletions(columns: &[Column]) -> bool {
    columns.iter().any(|column| column.name == IS_DELETED || matches!(column.value, ColumnValue::DeletedAt(_)))
}

/// Whether a value can change without a stamp, because Salesforce calculates it when it is read.
fn has_formula(columns: &[Column]) -> bool {
    columns.iter().any(|column| column.is_calculated)
}

/// Plans all streams. Nothing is read before every stream has a plan and Salesforce accepts its filter.
///
/// # Errors
/// A stream cannot be read: one error names all problems of all streams.
pub(crate) async fn plan(org: &Org, config: &Config, streams: Vec<CatalogStream>) -> Result<Vec<StreamPlan>> {
    let mut problems = Vec::new();
    let selected = select::select(org, &streams, &mut problems).await?;
    let mut plans: Vec<StreamPlan> = Vec::new();
    let budget = Budget::new(BUDGET);
    let org_name = OrgName::of(org);
    for (stream, selected) in streams.into_iter().zip(selected) {
        let Some(selected) = selected else { continue };
        let plan = StreamPlan::new(stream, selected, config, &org_name, &budget);
        if plan.api == Api::Rest && !plan.fits_rest() {
            problems.push(format!(
                "The query of the stream {} is too long for REST: select fewer columns, or let `api` be `auto`.",
                plan.stream
            ));
        }
        plans.push(plan);
    }
    // The records of an incremental stream are counted in each window.
    let probes: Vec<Soql> = plans.iter().map(StreamPlan::probe).collect();
    let count = async |(plan, probe): (&StreamPlan, &Soql)| match plan.is_counted {
        true => org.count_patiently(probe, plan.scope).await.map(Some),
        // The user wrote the filter, so it is tried before the first record.
        false if plan.has_filter && plan.fits_rest() => {
            let budget = Arc::clone(&plan.budget);
            let pages = org.read_query_within(probe, plan.scope, 1, budget).await;
            pages.map(|_| None).map_err(ReadFault::into_fault)
        }
        false => Ok(None),
    };
    let counts: Vec<_> = stream::iter(plans.iter().zip(&probes)).map(count).buffered(COUNTS_AT_ONCE).collect().await;
    for ((plan, probe), count) in plans.iter_mut().zip(&probes).zip(counts) {
        match count {
            Ok(Some(count)) => plan.count = Some(count).filter(|_| plan.incremental.is_none()),
            Ok(None) => {
                tracing::info!(
                    "Salesforce does not count the records of {}: the counts of the pages stand alone",
                    plan.stream
                );
            }
            Err(fault) if wants_filter(&fault) => problems.push(filter_wanted(&plan.stream, &fault)),
            // The condition was written by the user: Salesforce's own words say what is wrong with it.
            Err(fault)
                if fault.kind() == FaultKind::Configuration
                    && plan.has_filter
                    && !is_answered(org, plan, probe).await =>
            {
                problems.push(format!("Salesforce refuses the query of the stream {} ({fault}).", plan.stream));
            }
            Err(fault) if is_no_count(&fault) => tell_no_count(plan, &fault),
            // A number that is not known is no number: the stream would have one proof less.
            Err(fault) => return Err(error_of(&fault, &format!("counting the records of {}", plan.stream))),
        }
    }
    if problems.is_empty() { Ok(plans) } else { Err(Error::config(problems.join(" "))) }
}

/// The problem of a stream whose object is read only with a filter.
pub(crate) fn filter_wanted(stream: &StreamName, fault: &Fault) -> String {
    format!(
        "Salesforce reads records of {stream} only with a filter that names some of them ({fault}). Give the stream a \
         `filter` under `streams`, or leave it out of the connection."
    )
}

/// How many records the query of a plan finds. None if Salesforce does not say.
///
/// # Errors
/// Salesforce cannot be asked.
pub(crate) async fn count(org: &Org, plan: &StreamPlan) -> Result<Option<u64>> {
    if !plan.is_counted {
        return Ok(None);
    }
    match org.count_patiently(&plan.soql, plan.scope).await {
        Ok(count) => Ok(Some(count)),
        Err(fault) if is_no_count(&fault) => {
            tell_no_count(plan, &fault);
            Ok(None)
        }
        Err(fault) => Err(error_of(&fault, &format!("counting the records of {}", plan.stream))),
    }
}

fn tell_no_count(plan: &StreamPlan, fault: &Fault) {
    let stream = &plan.stream;
    tracing::info!("Salesforce does not count the records of {stream} ({fault}): the counts of the pages stand alone");
}

/// Whether a fault says that Salesforce does not count records of an object. It does not for some objects, and gives up
/// counting very many.
fn is_no_count(fault: &Fault) -> bool {
    use FaultKind::{Configuration, InvalidJobState, NotFound, Permission, Unexpected};
    fault.code() == Some("QUERY_TIMEOUT")
        || matches!(fault.kind(), Configuration | InvalidJobState | NotFound | Permission | Unexpected)
}

/// Whether Salesforce answers a query whose records it does not count.
async fn is_answered(org: &Org, plan: &StreamPlan, probe: &Soql) -> bool {
    let budget = Arc::clone(&plan.budget);
    plan.fits_rest() && org.read_query_within(probe, plan.scope, 1, budget).await.is_ok()
}

#[cfg(test)]
pub(crate) mod tests;
