//! Which objects are offered as streams.

use serde::Deserialize;

use connector::config::non_blank;
use connector::config::violations::Violations;

/// One entry of `streams_criteria`, as it is.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct RawCriterion {
    criteria: Option<Relation>,
    value: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
enum Relation {
    #[serde(rename = "starts with")]
    StartsWith,
    #[serde(rename = "ends with")]
    EndsWith,
    #[default]
    #[serde(rename = "contains")]
    Contains,
    #[serde(rename = "exacts")]
    Is,
    #[serde(rename = "starts not with")]
    StartsNotWith,
    #[serde(rename = "ends not with")]
    EndsNotWith,
    #[serde(rename = "not contains")]
    ContainsNot,
    #[serde(rename = "not exacts")]
    IsNot,
}

/// A rule for the name of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Criterion {
    relation: Relation,
    /// In lower case.
    value: String,
}

/// All rules for the name of an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Criteria(Vec<Criterion>);

impl Criterion {
    /// Whether it says what an object must not be.
    fn excludes(&self) -> bool {
        use Relation::{ContainsNot, EndsNotWith, IsNot, StartsNotWith};
        matches!(self.relation, ContainsNot | EndsNotWith | IsNot | StartsNotWith)
    }

    fn holds(&self, name: &str) -> bool {
        let is_related = match self.relation {
            Relation::StartsWith | Relation::StartsNotWith => name.starts_with(&self.value),
            Relation::EndsWith | Relation::EndsNotWith => name.ends_with(&self.value),
            Relation::Contains | Relation::ContainsNot => name.contains(&self.value),
            Relation::Is | Relation::IsNot => name == self.value,
        };
        is_related != self.excludes()
    }
}

impl Criteria {
    /// Whether an object is offered: it fits one of the rules that say what it is, or there is none, and all that say
    /// what it is not.
    pub(crate) fn offer(&self, object: &str) -> bool {
        let name = object.to_ascii_lowercase();
        let (excluding, including): (Vec<&Criterion>, Vec<&Criterion>) =
            self.0.iter().partition(|criterion| criterion.excludes());
        (including.is_empty() || including.iter().any(|criterion| criterion.holds(&name)))
            && excluding.iter().all(|criterion| criterion.holds(&name))
    }
}

/// Returns the criteria, or adds the violations of their rules.
pub(super) fn validate(entries: Vec<Option<RawCriterion>>, violations: &mut Violations) -> Criteria {
    let mut criteria = Vec::new();
    for (index, entry) in entries.into_iter().enumerate() {
        // The schema has a violation for an entry that is no object.
        let Some(entry) = entry else { continue };
        match non_blank(entry.value) {
            Some(value) => criteria
                .push(Criterion { relation: entry.criteria.unwrap_or_default(), value: value.to_ascii_lowercase() }),
            None => violations.add(format!("streams_criteria[{index}].value"), "is missing"),
        }
    }
    Criteria(criteria)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn offered(criteria: Value) -> Vec<&'static str> {
        let entries: Vec<Option<RawCriterion>> = serde_json::from_value(criteria).unwrap();
        let criteria = validate(entries, &mut Violations::default());
        ["Account", "AccountHistory", "Contact", "Invoice__c"].into_iter().filter(|name| criteria.offer(name)).collect()
    }

    #[test]
    fn an_object_fits_one_criterion_and_no_excluding_one() {
        for (criteria, expected) in [
            (json!([]), &["Account", "AccountHistory", "Contact", "Invoice__c"][..]),
            (json!([{"criteria": "starts with", "value": "account"}]), &["Account", "AccountHistory"]),
            (
                json!([{"criteria": "exacts", "value": "Account"}, {"criteria": "ends with", "value": "__c"}]),
                &["Account", "Invoice__c"],
            ),
            (json!([{"criteria": "not contains", "value": "History"}]), &["Account", "Contact", "Invoice__c"]),
            (
                json!([{"criteria": "contains", "value": "a"}, {"criteria": "ends not with", "value": "history"}]),
                &["Account", "Contact"],
            ),
            (json!([{"value": "voice"}]), &["Invoice__c"]),
            (json!([{"criteria": "ends with", "value": "COUNT"}]), &["Account"]),
            (json!([{"criteria": "starts with", "value": "history"}]), &[]),
            (json!([{"criteria": "exacts", "value": "Accoun"}]), &[]),
            (json!([{"criteria": "ends not with", "value": "account"}]), &["AccountHistory", "Contact", "Invoice__c"]),
            (
                json!([{"criteria": "starts not with", "value": "history"}, {"criteria": "contains", "value": "acc"}]),
                &["Account", "AccountHistory"],
            ),
            (
                json!([null, {"criteria": "contains", "value": " "}]),
                &["Account", "AccountHistory", "Contact", "Invoice__c"],
            ),
            (
                json!([{"criteria": "not exacts", "value": "Account"}, {"criteria": "starts not with", "value": "c"}]),
                &["AccountHistory", "Invoice__c"],
            ),
        ] {
            assert_eq!(offered(criteria.clone()), expected, "{criteria}");
        }
    }
}
