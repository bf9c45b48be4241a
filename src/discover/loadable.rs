//! Which objects records can be loaded into.

use salesforce::ObjectSummary;

/// Objects that a user may write, but not through the Bulk API. Salesforce publishes no list: for these, orgs answer
/// "is not supported by the Bulk API" when a job is created.
const NOT_IN_BULK: [&str; 24] = [
    "AcceptedEventRelation",
    "AttachedContentNote",
    "Attachment",
    "CaseStatus",
    "CaseTeamMember",
    "CaseTeamRole",
    "CaseTeamTemplate",
    "CaseTeamTemplateMember",
    "CaseTeamTemplateRecord",
    "ContentFolderItem",
    "ContractStatus",
    "DeclinedEventRelation",
    "EventWhoRelation",
    "FieldSecurityClassification",
    "OrderStatus",
    "PartnerRole",
    "QuoteTemplateRichTextData",
    "RecentlyViewed",
    "SolutionStatus",
    "TaskPriority",
    "TaskStatus",
    "TaskWhoRelation",
    "UndecidedEventRelation",
    "UserRecordAccess",
];

/// The ends of the names of objects that belong to another object, and that the Bulk API does not support either: its
/// feed, history, change events and tags. Nobody may write most of them; some may be deleted.
const NOT_IN_BULK_BY_SUFFIX: [&str; 4] = ["Feed", "History", "ChangeEvent", "__Tag"];

/// Whether records of the object can be loaded: the user may create, change or delete them, and the Bulk API supports
/// the object.
pub(super) fn is_loadable(object: &ObjectSummary) -> bool {
    let is_writable = object.createable || object.updateable || object.deletable;
    let name = object.name.as_str();
    is_writable && !NOT_IN_BULK.contains(&name) && !NOT_IN_BULK_BY_SUFFIX.iter().any(|suffix| name.ends_with(suffix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_that_cannot_be_loaded_are_left_out() {
        let object = |name: &str, rights: [bool; 3]| {
            let [createable, updateable, deletable] = rights;
            ObjectSummary { name: name.to_owned(), createable, updateable, deletable, queryable: true }
        };
        for (name, rights, expected) in [
            ("Account", [true, true, true], true),
            ("Account", [true, false, false], true),
            ("Account", [false, true, false], true),
            ("Account", [false, false, true], true),
            ("Account", [false, false, false], false),
            ("AccountShare", [true, true, true], true),
            ("Odd__Share", [true, true, true], true),
            ("Feed__c", [true, true, true], true),
            ("Sales_History__c", [true, true, true], true),
            ("FeedItem", [true, true, true], true),
            ("AccountFeed", [false, false, true], false),
            ("Odd__Feed", [false, false, true], false),
            ("AccountHistory", [false, false, true], false),
            ("Odd__History", [false, false, true], false),
            ("AccountChangeEvent", [true, false, false], false),
            ("Odd__ChangeEvent", [true, false, false], false),
            ("Odd__Tag", [true, false, true], false),
            ("Attachment", [true, true, true], false),
            ("CaseTeamMember", [true, true, true], false),
            ("CaseStatus", [true, true, true], false),
        ] {
            assert_eq!(is_loadable(&object(name, rights)), expected, "{name} {rights:?}");
        }
    }

    #[test]
    fn no_object_is_offered_that_the_bulk_api_does_not_support() {
        for name in [
            "AcceptedEventRelation",
            "AttachedContentNote",
            "Attachment",
            "CaseStatus",
            "CaseTeamMember",
            "CaseTeamRole",
            "CaseTeamTemplate",
            "CaseTeamTemplateMember",
            "CaseTeamTemplateRecord",
            "ContentFolderItem",
            "ContractStatus",
            "DeclinedEventRelation",
            "EventWhoRelation",
            "FieldSecurityClassification",
            "OrderStatus",
            "PartnerRole",
            "QuoteTemplateRichTextData",
            "RecentlyViewed",
            "SolutionStatus",
            "TaskPriority",
            "TaskStatus",
            "TaskWhoRelation",
            "UndecidedEventRelation",
            "UserRecordAccess",
        ] {
            let named = |name: &str| ObjectSummary {
                queryable: true,
                name: name.to_owned(),
                createable: true,
                updateable: true,
                deletable: true,
            };
            assert!(!is_loadable(&named(name)), "{name}");
            assert!(is_loadable(&named(&format!("{name}__c"))), "{name}__c");
        }
    }
}
