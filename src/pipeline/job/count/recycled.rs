//! Which ids name records in the recycle bin. A query that finds living records does not tell them from ids that were
//! never given, and Salesforce refuses their rows with different codes.

use std::collections::HashSet;

use super::lookup::Lookup;
use crate::convert::KeyComparison;
use crate::matching::{Found, Matches, RowKey};
use crate::pipeline::batch::Batch;
use salesforce::{Condition, Fault, Literal, Org, Soql};

/// The most ids that are asked for, in some fifteen requests. Of more it stays unknown.
const MOST_ASKED: usize = 4_000;

/// The ids that name records in the recycle bin. `None` if it is unknown.
pub(super) type Recycled = Option<HashSet<RowKey>>;

/// Asks for the ids of a batch that name no living record.
pub(super) async fn recycled(org: &Org, lookup: &Lookup, batch: &Batch, matches: &Matches) -> Recycled {
    let ids = lookup.keys(batch).filter(|(key, _)| matches.of(*key) == Found::Missing).map(|(_, id)| id);
    let ids: Vec<String> = ids.take(MOST_ASKED + 1).collect();
    if ids.len() > MOST_ASKED {
        return None;
    }
    match ask(org, lookup, &ids).await {
        Ok(recycled) => Some(recycled),
        Err(fault) => {
            // Not every object has a recycle bin. The message may repeat an id.
            let reason = fault.code().unwrap_or("no usable answer");
            tracing::info!(object = lookup.plan.object, reason, "the recycle bin cannot be read");
            None
        }
    }
}

async fn ask(org: &Org, lookup: &Lookup, ids: &[String]) -> Result<HashSet<RowKey>, Fault> {
    let literals = ids.iter().filter_map(|id| Literal::id(&KeyComparison::Id.canonical(id)?));
    let deleted = Condition::equals("IsDeleted", Literal::boolean(true));
    let mut recycled = HashSet::new();
    let queries: Vec<Soql> =
        Soql::select(&lookup.plan.object, ["Id"]).filtered(deleted).in_lists("Id", literals).collect();
    for query in queries {
        let mut rows = org.query_all(&query).await?;
        while let Some(row) = rows.next().await? {
            recycled.extend(row.get("Id").and_then(|id| lookup.plan.row_key([id]).ok()));
        }
    }
    Ok(recycled)
}
