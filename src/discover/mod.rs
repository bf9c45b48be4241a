//! The objects that records can be loaded into, as the operations of a destination catalog.
//!
//! The describes of all objects of a large org do not fit into memory, and the columns of one object depend on the
//! lookup fields of others. So each describe is reduced to a [`LoadableObject`] as it arrives, and the catalog is
//! written once all are there.

mod loadable;
mod object;
mod property;
mod relationship;

use std::collections::{HashMap, HashSet};

use serde::Serialize;

use crate::user_error::IntoUserError;
use airbyte::{Error, Result};
use loadable::is_loadable;
use object::LoadableObject;
use relationship::{Lookups, lookups};
use salesforce::{Describe, Fault, FaultKind, ObjectSummary, Org};

/// The most objects that are described only for their lookup fields. These are objects that the user may refer to but
/// not write, such as `User` and `Group`. A hundred describes take ten requests, and few orgs refer to more objects.
const MOST_REFERENCED: usize = 100;

/// The objects that records can be loaded into.
#[derive(Debug, Default)]
pub(crate) struct Catalog {
    objects: Vec<LoadableObject>,
    lookups: Lookups,
}

impl Catalog {
    /// The operations of the catalog, one for each object and sync mode. Each is made when it is asked for: together
    /// they are far larger than the objects.
    pub(crate) fn operations(&self) -> impl Iterator<Item: Serialize> {
        self.objects.iter().flat_map(|object| object.operations(&self.lookups))
    }

    /// Each object with its operations and the fields that find its records, for a person.
    pub(crate) fn overview(&self) -> impl Iterator<Item = (&str, String, String)> {
        self.objects.iter().map(LoadableObject::overview)
    }

    /// The objects that references point to and that are not `described` yet, the most referenced first.
    fn referenced(&self, visible: &[ObjectSummary], described: &[String]) -> Vec<String> {
        let described: HashSet<&str> = described.iter().map(String::as_str).collect();
        let visible: HashSet<&str> = visible.iter().map(|object| object.name.as_str()).collect();
        let mut references: HashMap<&str, usize> = HashMap::new();
        for object in self.objects.iter().flat_map(LoadableObject::referenced_objects) {
            if visible.contains(object) && !described.contains(object) {
                *references.entry(object).or_default() += 1;
            }
        }
        let mut referenced: Vec<_> = references.into_iter().collect();
        referenced.sort_by(|(one, one_count), (other, other_count)| other_count.cmp(one_count).then(one.cmp(other)));
        referenced.into_iter().take(MOST_REFERENCED).map(|(name, _)| name.to_owned()).collect()
    }
}

/// Asks an org what the signed-in user may write. Leaves out objects that the org does not describe.
///
/// # Errors
/// The org does not list its objects or describes none of them, the user may write no object, or a limit is reached.
pub(crate) async fn discover(org: &Org) -> Result<Catalog> {
    let visible = org.describe_global().await.map_err(|fault| fault.into_error("asking which objects the org has"))?;
    let loadable: Vec<String> =
        visible.iter().filter(|object| is_loadable(object)).map(|object| object.name.clone()).collect();
    if loadable.is_empty() {
        return Err(no_writable_object());
    }
    tracing::info!("{} of {} objects can be loaded", loadable.len(), visible.len());
    let mut catalog = Catalog::default();
    let described = describe(org, &loadable, |it| (LoadableObject::of(&it), it.name.clone(), lookups(&it))).await?;
    match described.first_fault {
        Some(fault) if described.kept.is_empty() => return Err(describe_failed(fault)),
        _ => {}
    }
    for (object, name, lookups) in described.kept {
        catalog.objects.push(object);
        catalog.lookups.insert(name, lookups);
    }
    let referenced = catalog.referenced(&visible, &loadable);
    catalog.lookups.extend(describe(org, &referenced, |it| (it.name.clone(), lookups(&it))).await?.kept);
    Ok(catalog)
}

/// The error for a user who may write no object.
pub(crate) fn no_writable_object() -> Error {
    Error::config(
        "The signed-in user cannot write to any object. Give the user a permission set with Create, Edit or Delete on \
         the objects that you want to load.",
    )
}

/// What is kept of many describes.
struct Described<T> {
    kept: Vec<T>,
    first_fault: Option<Fault>,
}

/// Describes `objects` and keeps what `keep` makes of each describe. Leaves out objects that cannot be described.
async fn describe<T>(org: &Org, objects: &[String], keep: impl Fn(Describe) -> T) -> Result<Described<T>> {
    let mut described = Described { kept: Vec::with_capacity(objects.len()), first_fault: None };
    for (object, result) in objects.iter().zip(org.describe_each(objects, keep).await) {
        match result {
            Ok(kept) => described.kept.push(kept),
            Err(fault) if concerns_all_objects(&fault) => return Err(describe_failed(fault)),
            Err(fault) => {
                tracing::warn!("{object} cannot be described, and is left out: {}", fault.message());
                described.first_fault.get_or_insert(fault);
            }
        }
    }
    Ok(described)
}

/// Whether every other object would fail in the same way, so that a catalog without them would be wrong.
fn concerns_all_objects(fault: &Fault) -> bool {
    matches!(fault.kind(), FaultKind::LimitReached(_) | FaultKind::SignIn)
}

fn describe_failed(fault: Fault) -> Error {
    fault.into_error("asking which fields the objects have")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use salesforce_sim::{Answer, Credentials, Effect, Endpoint, RequestFault, Settings, SignInRefusal, SimulatedOrg};
    use serde_json::json;

    use super::*;
    use salesforce::{LoginUrl, OAuthFlow, SignIn};

    /// A catalog of objects with references to others.
    fn catalog(objects: &[(&str, &[&str])]) -> Catalog {
        let object = |(name, targets): &(&str, &[&str])| {
            let fields: Vec<_> = targets
                .iter()
                .map(|target| {
                    json!({
                        "name": format!("{target}Id"), "type": "reference", "createable": true, "updateable": true,
                        "relationshipName": target, "referenceTo": [target],
                    })
                })
                .collect();
            LoadableObject::of(&serde_json::from_value(json!({"name": name, "fields": fields})).unwrap())
        };
        Catalog { objects: objects.iter().map(object).collect(), lookups: Lookups::default() }
    }

    fn visible(names: &[&str]) -> Vec<ObjectSummary> {
        let summary = |name: &&str| ObjectSummary {
            queryable: true,
            name: (*name).to_owned(),
            createable: false,
            updateable: false,
            deletable: false,
        };
        names.iter().map(summary).collect()
    }

    #[test]
    fn what_references_point_to_is_described_if_the_user_sees_it_and_it_is_not_described_yet() {
        let catalog = catalog(&[
            ("A", &["User", "Hidden", "B", "Profile"]),
            ("B", &["Group", "User", "Hidden"]),
            ("C", &["User", "Hidden", "Zone"]),
            ("D", &["Zone"]),
        ]);
        let seen = visible(&["A", "B", "C", "D", "Group", "Profile", "User", "Zone", "Other"]);
        let described = ["A", "B", "C", "D"].map(str::to_owned);
        assert_eq!(
            catalog.referenced(&seen, &described),
            ["User", "Zone", "Group", "Profile"],
            "the most referenced first, then by name"
        );
        assert_eq!(catalog.referenced(&visible(&["Hidden"]), &described), ["Hidden"]);
        assert!(catalog.referenced(&seen, &seen.iter().map(|it| it.name.clone()).collect::<Vec<_>>()).is_empty());
    }

    #[test]
    fn a_hundred_objects_are_described_for_their_lookup_fields_alone() {
        let names: Vec<String> = (0..101).map(|number| format!("O{number:03}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let referenced = catalog(&[("A", &names)]).referenced(&visible(&names), &[]);
        assert_eq!(referenced, names[..100]);
    }

    /// A simulated org, and the client that has signed in to it.
    async fn signed_in() -> (SimulatedOrg, Org) {
        let sim = SimulatedOrg::start(Settings::default()).await.unwrap();
        let Credentials { client_id, client_secret, .. } = Credentials::default();
        let sign_in = SignIn {
            login_url: LoginUrl::parse(&sim.url()).unwrap(),
            flow: OAuthFlow::ClientCredentials { client_id, client_secret: client_secret.into() },
        };
        let org = Org::sign_in(sign_in, "loader/1.0", Arc::new(|_| {})).await.unwrap();
        // So each object is described alone.
        sim.inject(RequestFault::new(Endpoint::Composite, Answer::status(404)).always());
        (sim, org)
    }

    /// What is discovered of an org that does not describe so many objects, for this reason.
    async fn discovered(without_describe: usize, code: &str) -> Result<Catalog> {
        let (sim, org) = signed_in().await;
        let refusal = Answer::error(403, code, "not allowed");
        sim.inject(RequestFault::new(Endpoint::Describe, refusal).times(without_describe));
        discover(&org).await
    }

    #[tokio::test]
    async fn an_object_that_cannot_be_described_is_left_out_unless_none_can() {
        let all = discovered(0, "").await.unwrap().objects.len();
        assert_eq!(discovered(all - 1, "INSUFFICIENT_ACCESS").await.unwrap().objects.len(), 1);
        let error = discovered(usize::MAX, "INSUFFICIENT_ACCESS").await.unwrap_err();
        assert!(error.message().contains("asking which fields the objects have"), "{error}");
    }

    #[tokio::test]
    async fn what_every_object_would_fail_for_fails_discover() {
        assert!(discovered(1, "REQUEST_LIMIT_EXCEEDED").await.is_err());
        let (sim, org) = signed_in().await;
        // Some are described before.
        sim.inject(RequestFault::new(Endpoint::Describe, Effect::SessionsEnded).starting_at(6).times(1));
        sim.refuse_sign_in(Some(SignInRefusal::InactiveUser));
        assert!(discover(&org).await.is_err());
    }

    #[tokio::test]
    async fn a_user_who_may_write_nothing_is_told_so() {
        let (sim, org) = signed_in().await;
        let object = json!({"name": "Account", "createable": false, "updateable": false, "deletable": false});
        let objects = json!({"sobjects": [object]}).to_string();
        sim.inject(RequestFault::new(Endpoint::Objects, Answer::json(200, &objects)).always());
        let error = discover(&org).await.unwrap_err();
        assert!(error.message().starts_with("The signed-in user cannot write to any object."), "{error}");
    }

    #[tokio::test]
    async fn what_the_user_may_write_is_offered_with_its_lookup_fields() {
        let (_sim, org) = signed_in().await;
        let catalog = discover(&org).await.unwrap();
        assert!(catalog.objects.len() > 5);
        let names: Vec<&str> = catalog.overview().map(|(name, _, _)| name).collect();
        assert!(names.contains(&"Contact") && names.iter().all(|name| catalog.lookups.contains_key(*name)));
    }
}
