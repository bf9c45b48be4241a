//! Reading calls, which are also the subrequests of a composite request.

use std::time::Duration;

use serde_json::Value;

use super::{limits::limits, replication, resources};
use crate::{
    org::{Org, SharedOrg},
    query,
    reply::ApiError,
    route::{Endpoint, Route},
};

/// Waits as long as the org takes for a call.
pub(crate) async fn wait(org: &SharedOrg, endpoint: Endpoint) {
    let time = if endpoint == Endpoint::Describe { org.lock().settings.time_per_describe } else { Duration::ZERO };
    if !time.is_zero() {
        tokio::time::sleep(time).await;
    }
}

/// The answer to a call that only reads. `batch_size` is the number of records that a client asks for on a page.
pub(crate) fn read(
    org: &mut Org,
    route: &Route,
    parameters: &str,
    batch_size: Option<usize>,
) -> Result<Value, ApiError> {
    let version = resources::check_version(route.version)?;
    let base = format!("/services/data/v{version:.1}");
    match route.endpoint {
        Endpoint::Resources => Ok(resources::resources(&base)),
        Endpoint::Limits => Ok(limits(org)),
        Endpoint::Objects => Ok(resources::objects(org, &base)),
        Endpoint::Describe => resources::describe(org, &route.object, &base),
        Endpoint::Updated => replication::updated(org, &route.object, parameters),
        Endpoint::Deleted => replication::deleted(org, &route.object, parameters),
        Endpoint::Record => resources::record(org, &route.object, &route.id, &base),
        Endpoint::Query | Endpoint::QueryAll => {
            query::query(org, parameters, &base, route.endpoint == Endpoint::QueryAll, batch_size)
        }
        Endpoint::QueryMore => query::more(org, &route.id, &base),
        _ => Err(ApiError::not_found()),
    }
}
