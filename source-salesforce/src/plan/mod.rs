//! What is read of each stream of the catalog, and how.

mod catalog;
mod select;

use futures_util::{StreamExt, stream};

use airbyte::{Error, Result, StreamName};
use salesforce::{FaultKind, Org, QueryRows, Soql, url_length};

use crate::config::{Api, Config};
use crate::record::{RecordWriter, paths};
use crate::state::query_hash;
use crate::user_error::error_of;
pub(crate) use catalog::{CatalogStream, parse_catalog};
use select::Selected;

/// The most records that REST reads where the configuration leaves the choice: one page.
const FEW_ROWS: u64 = 2_000;

/// The typical bytes of a page of a query job.
const PAGE_SIZE: usize = 8 * 1024 * 1024;

/// The rows of a page of the widest rows.
const FEWEST_PAGE_ROWS: usize = 200;

/// The counts that are asked for at the same time.
const COUNTS_AT_ONCE: usize = 4;

/// What is read of a stream, and how.
pub(crate) struct StreamPlan {
    pub(crate) stream: StreamName,
    pub(crate) soql: Soql,
    /// The name of the query in a state.
    pub(crate) query: String,
    pub(crate) writer: RecordWriter,
    pub(crate) api: Api,
    /// How many records the query finds, asked before the first of them is read. None if Salesforce does not say.
    pub(crate) count: Option<u64>,
    /// The most rows of a page of a query job.
    pub(crate) rows_per_page: usize,
}

impl StreamPlan {
    fn new(stream: CatalogStream, selected: Selected, config: &Config) -> Self {
        let Selected { object, columns } = selected;
        let settings = config.stream(&stream.name.name);
        let paths = paths(&columns);
        let width: usize = columns.iter().map(|column| column.width + 1).sum();
        let usual = QueryRows::rows_per_page(paths.len()).min(PAGE_SIZE / width.max(1)).max(FEWEST_PAGE_ROWS);
        let mut soql = Soql::select(object, paths);
        if let Some(filter) = settings.and_then(|settings| settings.filter.clone()) {
            soql = soql.filtered(filter);
        }
        Self {
            query: query_hash(&soql.to_string()),
            writer: RecordWriter::new(&stream.name, &columns),
            api: config.api_of(&stream.name.name),
            count: None,
            stream: stream.name,
            soql,
            rows_per_page: config.max_page_rows().unwrap_or(usual),
        }
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
            Api::Auto => self.fits_rest() && self.count.is_some_and(|count| count <= FEW_ROWS),
        }
    }
}

/// Plans all streams. Nothing is read before every stream has a plan and Salesforce accepts its filter.
///
/// # Errors
/// A stream cannot be read: one error names all problems of all streams.
pub(crate) async fn plan(org: &Org, config: &Config, streams: Vec<CatalogStream>) -> Result<Vec<StreamPlan>> {
    let mut problems = Vec::new();
    let selected = select::select(org, &streams, &mut problems).await?;
    let mut plans: Vec<StreamPlan> = Vec::new();
    for (stream, selected) in streams.into_iter().zip(selected) {
        let Some(selected) = selected else { continue };
        let plan = StreamPlan::new(stream, selected, config);
        if plan.api == Api::Rest && !plan.fits_rest() {
            problems.push(format!(
                "The query of the stream {} is too long for REST: select fewer columns, or let `api` be `auto`.",
                plan.stream
            ));
        }
        plans.push(plan);
    }
    let counts = stream::iter(&plans).map(|plan| org.count(&plan.soql)).buffered(COUNTS_AT_ONCE);
    let counts: Vec<_> = counts.collect().await;
    for (plan, count) in plans.iter_mut().zip(counts) {
        match count {
            Ok(count) => plan.count = Some(count),
            Err(fault) if matches!(fault.kind(), FaultKind::LimitReached(_) | FaultKind::SignIn) => {
                return Err(error_of(&fault, "counting the records of the streams"));
            }
            // The condition was written by the user: Salesforce's own words say what is wrong with it.
            Err(fault) if fault.kind() == FaultKind::Configuration && config.stream(&plan.stream.name).is_some() => {
                problems.push(format!("Salesforce refuses the query of the stream {} ({fault}).", plan.stream));
            }
            // Salesforce does not count records of some objects, and gives up counting very many.
            Err(fault) => tracing::debug!("the records of {} cannot be counted: {}", plan.stream, fault.message()),
        }
    }
    if problems.is_empty() { Ok(plans) } else { Err(Error::config(problems.join(" "))) }
}
