use serde_json::{Value, json};

use super::*;
use crate::config::test_configs::{client, valid};
use salesforce::{Describe, Operation};

/// The rules of a stream with these renames and this marker, whose key is the `Id`.
fn rules(renames: &[(&str, &str)], marker: Option<&str>) -> ColumnRules {
    let fields: Vec<Value> =
        renames.iter().map(|(source, target)| json!({"source": source, "target": target})).collect();
    let config = valid(&client(json!({"unknown_fields": "ignore", "streams": [{"stream": "a", "fields": fields}]})));
    let renames = config.stream(None, "a").unwrap().renames().clone();
    ColumnRules::new(Arc::default(), renames, KeyColumns::sent(Some("Id".to_owned())), &config).with_marker(marker)
}

fn path(text: &str) -> SourceColumn {
    match text.split_once('.') {
        Some((parent, name)) => SourceColumn::nested(parent, name),
        None => SourceColumn::top(text),
    }
}

#[test]
fn a_mark_is_a_column_of_the_record_itself_that_is_not_renamed() {
    let renamed = [("_ab_cdc_deleted_at", "Deleted__c")];
    for (renames, marker, source, is_mark) in [
        (&[][..], None, "_ab_cdc_deleted_at", true),
        (&[], None, "_AB_CDC_DELETED_AT", true),
        (&[], None, "Account._ab_cdc_deleted_at", false),
        (&[], None, "gone", false),
        (&renamed, None, "_ab_cdc_deleted_at", false),
        (&[], Some("gone"), "gone", true),
        (&[], Some("gone"), "GONE", false),
        (&[], Some("gone"), "Account.gone", false),
        (&[], Some("gone"), "gone.at", false),
        (&[], Some("gone"), "_ab_cdc_deleted_at", true),
        (&renamed, Some("gone"), "_ab_cdc_deleted_at", false),
        (&renamed, Some("gone"), "gone", true),
    ] {
        assert_eq!(rules(renames, marker).is_mark(&path(source)), is_mark, "{renames:?} {marker:?} {source}");
    }
}

fn contact(operation: Operation) -> ObjectFields {
    let describe: Describe = serde_json::from_value(json!({"name": "Contact", "fields": [
        {"name": "Id", "type": "id"},
        {"name": "Title", "type": "string", "length": 80, "createable": true, "updateable": true},
    ]}))
    .unwrap();
    ObjectFields::of_plan(Arc::new(describe), operation, false)
}

/// What becomes of a source column: its header, or why it has none.
fn resolved(rules: &ColumnRules, operation: Operation, source: &str) -> String {
    match rules.resolve(&contact(operation), path(source), JsonTypes::default()) {
        Ok(ResolvedField::Column(column)) => column.header().to_owned(),
        Ok(other) => format!("{other:?}").to_lowercase(),
        Err(problem) => format!("problem: {}", problem.sentence),
    }
}

#[test]
fn columns_of_the_platform_are_metadata_unless_they_are_renamed() {
    use Operation::{Delete, Update};
    let renames = [("_airbyte_raw_id", "Title"), ("_ab_cdc_deleted_at", "Title"), ("Data._ab_cdc_lsn", "Title")];
    for source in renames.map(|(source, _)| source) {
        let renames: Vec<_> = renames.into_iter().filter(|(renamed, _)| *renamed == source).collect();
        assert_eq!(resolved(&rules(&renames, None), Update, source), "Title", "{source}");
        let plain = if source == "_ab_cdc_deleted_at" { "deletionmark" } else { "metadata" };
        assert_eq!(resolved(&rules(&[], None), Update, source), plain, "{source}");
        assert_eq!(resolved(&rules(&[], None), Delete, source), "metadata", "{source}");
    }
    assert_eq!(resolved(&rules(&[], None), Update, "Shoe__c"), "ignored");
}

/// Of all columns a delete sends the key alone.
#[test]
fn a_key_is_known_in_any_case() {
    for source in ["Id", "ID", "id"] {
        for operation in [Operation::Update, Operation::Delete, Operation::HardDelete] {
            assert_eq!(resolved(&rules(&[], None), operation, source), "Id", "{source} {operation}");
        }
    }
    assert_eq!(resolved(&rules(&[], None), Operation::Delete, "Title"), "metadata");
    assert_eq!(resolved(&rules(&[], None), Operation::Update, "title"), "Title");
}
