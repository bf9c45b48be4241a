//! Columns whose fields have gone since a stream was planned: the query is made without them.

use airbyte::Result;
use salesforce::{Describe, Fault, FaultKind, Org};

use crate::columns::object_behind;
use crate::plan::StreamPlan;
use crate::user_error::error_of;

/// The plan without the columns whose fields the org no longer shows, and their names. None if it shows all of them, as
/// when a filter names another field, or if nothing is left to read.
///
/// # Errors
/// Salesforce cannot be asked.
pub(super) async fn without_lost(org: &Org, plan: &StreamPlan) -> Result<Option<(StreamPlan, Vec<String>)>> {
    let failed = |fault: Fault| error_of(&fault, &format!("asking which columns of {} are left", plan.stream));
    let describe = org.describe(plan.soql.object()).await.map_err(failed)?;
    let mut lost = Vec::new();
    for path in plan.soql.fields() {
        let is_there = match path.split_once('.') {
            None => describe.field(path).is_some(),
            Some((relationship, field)) => match parent(org, &describe, relationship).await.map_err(failed)? {
                Some(parent) => parent.field(field).is_some(),
                None => false,
            },
        };
        if !is_there {
            lost.push(path.clone());
        }
    }
    let Some((reduced, columns)) = plan.without(&lost) else { return Ok(None) };
    tracing::warn!(
        "{} is read without the selected columns {}: a field of them is gone, or the user may no longer see it. They are \
         null, and each record says so. Refresh the schema of the connection",
        plan.stream,
        columns.join(", ")
    );
    Ok(Some((reduced, columns)))
}

/// What a query sees behind a reference; none if the reference or the object is gone.
async fn parent(org: &Org, describe: &Describe, relationship: &str) -> Result<Option<Describe>, Fault> {
    let named = |name: &Option<String>| name.as_ref().is_some_and(|name| name.eq_ignore_ascii_case(relationship));
    let reference = describe.fields.iter().find(|field| named(&field.relationship_name));
    let Some(object) = reference.and_then(object_behind) else { return Ok(None) };
    match org.describe(object).await {
        Ok(parent) => Ok(Some(parent)),
        Err(fault) if is_gone(fault.kind()) => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// Whether a fault says that the user sees no such object, and not that nobody could ask.
fn is_gone(kind: FaultKind) -> bool {
    matches!(kind, FaultKind::NotFound | FaultKind::Permission)
}

#[cfg(test)]
mod tests {
    use salesforce::Limit;

    use super::*;

    #[test]
    fn only_an_object_that_the_user_does_not_see_is_gone() {
        for (kind, expected) in [
            (FaultKind::NotFound, true),
            (FaultKind::Permission, true),
            (FaultKind::Transient, false),
            (FaultKind::LimitReached(Limit::DailyRequests), false),
            (FaultKind::SignIn, false),
            (FaultKind::Configuration, false),
            (FaultKind::Unexpected, false),
        ] {
            assert_eq!(is_gone(kind), expected, "{kind:?}");
        }
    }
}
