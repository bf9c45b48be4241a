//! What records can be loaded into, as the operations of a destination catalog.
//!
//! The fields of all objects of a large org do not fit into memory as they are described, and the columns of one object
//! depend on the others. So each describe becomes a draft as it arrives, and the catalog is written from those.

mod draft;
mod loadable;
mod property;
mod relationship;

use crate::org_error::IntoError;
use std::collections::{HashMap, HashSet};

use draft::Draft;
use loadable::is_loadable;
use relationship::{Lookups, lookups};

use airbyte::{Error, Result};
use salesforce::Org;
use salesforce::describe::{Describe, ObjectSummary};
use salesforce::fault::{Fault, FaultKind};

/// The most objects that are described for their lookup fields alone. They are what the user may refer to but not
/// write, such as `User` and `Group`; four more calls describe as many as one object seldom refers to.
const MOST_REFERENCED: usize = 100;

/// The objects that records can be loaded into.
#[derive(Debug, Default)]
pub struct Catalog {
    drafts: Vec<Draft>,
    lookups: Lookups,
}

impl Catalog {
    /// The operations of the catalog in JSON, every pair of object and sync mode once.
    pub fn operations(&self) -> impl Iterator<Item = String> {
        self.drafts.iter().flat_map(|draft| draft.operations(&self.lookups))
    }
}

/// Asks an org what the signed-in user may write. An object that it does not describe is left out.
///
/// # Errors
/// The org gives no list of its objects or describes none of them, the user may write nothing, or a limit is reached.
pub async fn discover(org: &Org) -> Result<Catalog> {
    let objects = org.describe_global().await.map_err(|fault| fault.into_error("asking which objects the org has"))?;
    let loadable: Vec<String> =
        objects.iter().filter(|object| is_loadable(object)).map(|object| object.name.clone()).collect();
    if loadable.is_empty() {
        return Err(nothing_writable());
    }
    tracing::info!("{} of {} objects can be loaded", loadable.len(), objects.len());
    let mut catalog = Catalog::default();
    let found = describe(org, &loadable, |it| (Draft::of(&it), it.name.clone(), lookups(&it))).await?;
    match found.first_fault {
        Some(fault) if found.kept.is_empty() => return Err(failed(fault)),
        _ => {}
    }
    for (draft, name, lookups) in found.kept {
        catalog.drafts.push(draft);
        catalog.lookups.insert(name, lookups);
    }
    let referenced = catalog.referenced(&objects, &loadable);
    catalog.lookups.extend(describe(org, &referenced, |it| (it.name.clone(), lookups(&it))).await?.kept);
    Ok(catalog)
}

/// What to say to a user who may write nothing.
pub fn nothing_writable() -> Error {
    Error::config(
        "The signed-in user may write no object. Give it a permission set with Create, Edit or Delete on the objects \
         that records go to.",
    )
}

impl Catalog {
    /// The objects that are referred to and not known yet, those that are referred to most first.
    fn referenced(&self, objects: &[ObjectSummary], described: &[String]) -> Vec<String> {
        let described: HashSet<&str> = described.iter().map(String::as_str).collect();
        let visible: HashSet<&str> = objects.iter().map(|object| object.name.as_str()).collect();
        let mut references: HashMap<&str, usize> = HashMap::new();
        for target in self.drafts.iter().flat_map(Draft::targets) {
            if visible.contains(target) && !described.contains(target) {
                *references.entry(target).or_default() += 1;
            }
        }
        let mut referenced: Vec<_> = references.into_iter().collect();
        referenced.sort_by(|(one, one_times), (other, times)| times.cmp(one_times).then(one.cmp(other)));
        referenced.into_iter().take(MOST_REFERENCED).map(|(name, _)| name.to_owned()).collect()
    }
}

/// What became of many describes.
struct Found<T> {
    kept: Vec<T>,
    first_fault: Option<Fault>,
}

/// What `keep` makes of the describes of the objects that can be described.
async fn describe<T>(org: &Org, objects: &[String], keep: impl Fn(Describe) -> T) -> Result<Found<T>> {
    let mut found = Found { kept: Vec::with_capacity(objects.len()), first_fault: None };
    for (object, described) in objects.iter().zip(org.describe_each(objects, keep).await) {
        match described {
            Ok(described) => found.kept.push(described),
            Err(fault) if is_of_org(&fault) => return Err(failed(fault)),
            Err(fault) => {
                tracing::warn!("{object} cannot be described, and is left out: {}", fault.message());
                found.first_fault.get_or_insert(fault);
            }
        }
    }
    Ok(found)
}

/// Whether every other object would fail in the same way, so that a catalog without them would be wrong.
fn is_of_org(fault: &Fault) -> bool {
    matches!(fault.kind(), FaultKind::LimitReached(_) | FaultKind::SignIn)
}

fn failed(fault: Fault) -> Error {
    fault.into_error("asking what fields the objects have")
}
