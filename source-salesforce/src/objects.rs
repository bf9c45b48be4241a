//! What Salesforce's documents say of single objects, and of kinds of them.

use salesforce::{Fault, QueryScope};

/// The objects with archived records.
const ARCHIVED: [&str; 2] = ["Task", "Event"];

/// Objects about the schema, for which `count()` "returns errors or incorrect results" (Tooling API guide, "SOQL Operation
/// Limitations").
const OF_SCHEMA: [&str; 16] = [
    "CompactLayoutInfo",
    "CompactLayoutItemInfo",
    "DataType",
    "EntityDefinition",
    "EntityLimit",
    "EntityParticle",
    "FieldDefinition",
    "Publisher",
    "RelationshipDomain",
    "RelationshipInfo",
    "SearchLayout",
    "ServiceFieldDataType",
    "StandardAction",
    "TimeSheetTemplate",
    "UserEntityAccess",
    "UserFieldAccess",
];

/// What Salesforce says, as people report it, to a query that has to name a record or a parent.
const FILTER_WANTED: [&str; 4] = [
    "a filter on a reified column is required",
    "requires a filter by",
    "you must filter",
    "Where clauses should contain",
];

/// The records that belong to an object. Only a query that also finds deleted records finds archived activities (REST API
/// guide, "QueryAll").
pub(crate) fn scope(object: &str) -> QueryScope {
    if is_one_of(object, &ARCHIVED) { QueryScope::WithDeleted } else { QueryScope::Live }
}

/// Whether the records of an object describe the org itself. They are few, and the rules of their queries are their own.
pub(crate) fn is_of_schema(object: &str) -> bool {
    is_one_of(object, &OF_SCHEMA) || has_end(object, "__mdt")
}

/// Whether Salesforce counts the records of an object. Of big objects, "aggregate functions are not valid in any query"
/// (SOQL and SOSL Reference, "SOQL with Big Objects").
pub(crate) fn is_counted(object: &str) -> bool {
    !is_of_schema(object) && !is_big(object)
}

/// Whether an object is a big object. A query for its `Id` "returns only results that have an empty ID" (the same page).
pub(crate) fn is_big(object: &str) -> bool {
    has_end(object, "__b")
}

/// Whether the records of an object are in another system. Each object that a query joins to it is a call to that system,
/// and more than four are refused ("SOQL Limits on Objects").
pub(crate) fn is_external(object: &str) -> bool {
    has_end(object, "__x")
}

/// Whether a fault says that the object is read only with a filter.
pub(crate) fn wants_filter(fault: &Fault) -> bool {
    FILTER_WANTED.iter().any(|text| fault.message().contains(text))
}

fn is_one_of(object: &str, names: &[&str]) -> bool {
    names.iter().any(|name| name.eq_ignore_ascii_case(object))
}

fn has_end(object: &str, end: &str) -> bool {
    object.len().checked_sub(end.len()).and_then(|at| object.get(at..)).is_some_and(|it| it.eq_ignore_ascii_case(end))
}

#[cfg(test)]
mod tests {
    use salesforce::FaultKind;

    use super::*;

    #[test]
    fn names_say_what_documents_know_of_an_object() {
        // Of each object: archived, about the schema, counted, big, external.
        for (object, expected) in [
            ("Task", [true, false, true, false, false]),
            ("event", [true, false, true, false, false]),
            ("Event__c", [false, false, true, false, false]),
            ("Task__c", [false, false, true, false, false]),
            ("Account", [false, false, true, false, false]),
            ("EntityDefinition", [false, true, false, false, false]),
            ("entityparticle", [false, true, false, false, false]),
            ("Setting__mdt", [false, true, false, false, false]),
            ("acme__Reading__b", [false, false, false, true, false]),
            ("Order__x", [false, false, true, false, true]),
            ("é", [false, false, true, false, false]),
        ] {
            let is_archived = scope(object) == QueryScope::WithDeleted;
            let found = [is_archived, is_of_schema(object), is_counted(object), is_big(object), is_external(object)];
            assert_eq!(found, expected, "{object}");
        }
    }

    /// Of each the count of Salesforce is wrong, so that a proof by it would be none.
    #[test]
    fn every_object_about_the_schema_that_documents_name_is_known() {
        let names = "CompactLayoutInfo CompactLayoutItemInfo DataType EntityDefinition EntityLimit EntityParticle \
                     FieldDefinition Publisher RelationshipDomain RelationshipInfo SearchLayout ServiceFieldDataType \
                     StandardAction TimeSheetTemplate UserEntityAccess UserFieldAccess";
        let names: Vec<&str> = names.split_whitespace().collect();
        assert_eq!(OF_SCHEMA[..], names[..]);
        assert!(names.iter().all(|name| is_of_schema(name) && !is_counted(name)));
        assert_eq!((ARCHIVED, scope("TASK")), (["Task", "Event"], QueryScope::WithDeleted));
    }

    #[test]
    fn a_refusal_can_ask_for_a_filter() {
        for (text, expected) in [
            ("EntityParticle: a filter on a reified column is required [EntityDefinitionId,DurableId]", true),
            (
                "Implementation restriction: ContentDocumentLink requires a filter by a single Id on ContentDocumentId",
                true,
            ),
            (
                "Implementation restriction: When querying the Vote object, you must filter using the following syntax",
                true,
            ),
            ("Where clauses should contain UserId", true),
            ("No such column 'Filter__c' on entity 'Account'", false),
        ] {
            assert_eq!(wants_filter(&Fault::new(FaultKind::Configuration, text)), expected, "{text}");
        }
    }
}
