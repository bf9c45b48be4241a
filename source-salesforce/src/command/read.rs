//! `read`: the records of the streams.

use std::collections::HashMap;
use std::path::Path;

use airbyte::{Output, Result, StreamName};
use connector::access::read_file;
use salesforce::Org;
use serde_json::Value;

use super::{read_config, sign_in, stop_on_signal};
use crate::moment::Moment;
use crate::plan::{CatalogStream, StreamPlan, parse_catalog, plan};
use crate::query::{Before, Reader};
use crate::state::{self, StreamState};
use crate::user_error::error_of;
use crate::window::IncrementalState;

/// Writes the records of the streams with their states.
///
/// # Errors
/// A file is not valid, a stream cannot be read or is not read whole, or the run is asked to stop.
pub(crate) async fn run(config: &Path, catalog: &Path, state: Option<&Path>, output: &Output) -> Result<()> {
    let config = read_config(config)?;
    let streams = parse_catalog(&read_file(catalog, "--catalog")?)?;
    let states = match state {
        Some(state) => state::parse(&read_file(state, "--state")?)?,
        None => HashMap::new(),
    };
    let (stop, _running) = stop_on_signal(output)?;
    let org = sign_in(&config, output, &stop, true).await?;
    let reader = Reader::new(&org, output);
    let read = async {
        tell_unused(&states, &streams);
        let plans = plan(&org, &config, streams).await?;
        let whole = |plan: &StreamPlan| {
            let state = states.get(&plan.stream).filter(|_| plan.incremental.is_none());
            state.map(StreamState::of_json)
        };
        let is_under_way = plans.iter().filter(|plan| plan.incremental.is_none()).any(|plan| {
            states.get(&plan.stream).is_some_and(|state| StreamState::is_under_way(state, &plan.query, plan.sync))
        });
        let now = time_of_states(&org, &plans, &states).await?;
        let streams = plans.into_iter().map(|plan| {
            if let Some(incremental) = &plan.incremental {
                let state = IncrementalState::of_json(states.get(&plan.stream), incremental, now);
                return (plan, Before::Changes(Box::new(state)));
            }
            let state = whole(&plan).unwrap_or(StreamState::Start);
            let known = state.clone().within(&plan.query, plan.sync, is_under_way);
            if known != state {
                tracing::info!(
                    "{} is read from its start: its state is about another query, another org or another sync",
                    plan.stream
                );
            }
            (plan, Before::Whole(known))
        });
        reader.read_all(streams.collect(), config.max_parallel_streams()).await
    };
    let result = stop.unless_requested(&org, Box::pin(read)).await;
    reader.give_up();
    result?
}

/// Says which states no stream of the catalog has.
fn tell_unused(states: &HashMap<StreamName, Value>, streams: &[CatalogStream]) {
    let is_unused = |name: &&StreamName| !streams.iter().any(|stream| stream.name == **name);
    let mut unused: Vec<String> = states.keys().filter(is_unused).map(ToString::to_string).collect();
    if !unused.is_empty() {
        unused.sort_unstable();
        tracing::warn!("the catalog has no stream for the states of {}: they are not used", unused.join(", "));
    }
}

/// The time of the org, which no state of an incremental stream can be ahead of. None if no stream has a state, or if the
/// org does not say its time.
async fn time_of_states(
    org: &Org,
    plans: &[StreamPlan],
    states: &HashMap<StreamName, Value>,
) -> Result<Option<Moment>> {
    if !plans.iter().any(|plan| plan.incremental.is_some() && states.contains_key(&plan.stream)) {
        return Ok(None);
    }
    let now = org.now().await.map_err(|fault| error_of(&fault, "asking for the time of the org"))?;
    Ok(now.map(Moment::of))
}
