//! The plan of one stream, made of a describe.

use serde_json::{Value, json};

use super::*;
use crate::config::test_configs::{client, valid};
use airbyte::parse_catalog;
use salesforce::Field;

/// A person with a reference to an object that cannot be described.
fn person() -> Describe {
    let field = |name: &str, changes: Value| {
        let mut field = json!({
            "name": name, "type": "string", "length": 80, "filterable": true, "createable": true, "updateable": true,
            "nillable": true,
        });
        field.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        field
    };
    let reference = json!({"type": "reference", "referenceTo": ["Team__c"], "relationshipName": "Team__r"});
    serde_json::from_value(json!({
        "name": "Person__c", "createable": true, "updateable": true, "deletable": true, "queryable": true,
        "fields": [
            {"name": "Id", "type": "id", "filterable": true},
            field("Name", json!({})), field("Code__c", json!({"externalId": true, "idLookup": true})),
            field("Team__c", reference),
        ],
    }))
    .unwrap()
}

/// The plan of a stream with these columns and this entry. It has `Code__c` as its primary key.
fn plan(mode: &str, columns: &[&str], entry: Value, describe: Describe) -> Result<StreamPlan, Vec<String>> {
    let properties: serde_json::Map<String, Value> =
        columns.iter().map(|name| ((*name).to_owned(), json!({"type": "string"}))).collect();
    let catalog = json!({"streams": [{
        "stream": {"name": "s", "json_schema": {"properties": properties}},
        "destination_sync_mode": mode, "destination_object_name": "Person__c", "primary_key": [["Code__c"]],
    }]});
    let catalog = parse_catalog(&catalog.to_string()).unwrap();
    let mut with_name = json!({"stream": "s"});
    with_name.as_object_mut().unwrap().extend(entry.as_object().unwrap().clone());
    let config = valid(&client(json!({"streams": [with_name]})));
    let request = StreamRequest::new(&catalog[0], &config);
    let (operation, packed) = (request.operation.unwrap(), Arc::new(PackedObject::of(&describe)));
    request.plan(operation, Arc::new(describe), packed, &Arc::default(), &config)
}

#[test]
fn the_object_is_that_of_the_entry_or_else_of_the_catalog_or_else_the_name_of_the_stream() {
    for (entry, catalog, expected) in [
        (Some("Entry__c"), Some("Catalog__c"), "Entry__c"),
        (Some("Entry__c"), None, "Entry__c"),
        (None, Some("Catalog__c"), "Catalog__c"),
        (None, None, "s"),
    ] {
        let catalog = json!({"streams": [{
            "stream": {"name": "s", "json_schema": {}}, "destination_sync_mode": "append",
            "destination_object_name": catalog,
        }]});
        let catalog = parse_catalog(&catalog.to_string()).unwrap();
        let config = valid(&client(json!({"streams": [{"stream": "s", "object": entry}]})));
        assert_eq!(StreamRequest::new(&catalog[0], &config).object, expected, "{entry:?}");
    }
}

#[test]
fn an_assignment_rule_is_for_each_operation_that_writes() {
    const RULE: &str = "01Q000000000001AAA";
    for (operation, columns) in
        [("insert", &["Name"][..]), ("upsert", &["Code__c", "Name"]), ("update", &["Id", "Name"])]
    {
        let entry = json!({"operation": operation, "assignment_rule_id": RULE});
        let plan = plan("append_dedup", columns, entry, person()).unwrap();
        assert_eq!(plan.job.assignment_rule_id.as_deref(), Some(RULE), "{operation}");
        // A delete assigns nothing.
        assert!(plan.of_deletes().is_none_or(|deletes| deletes.job.assignment_rule_id.is_none()), "{operation}");
    }
}

/// A later attempt waits for them, and finds by its own search what they have created.
#[test]
fn the_inserts_of_a_search_are_no_inserts_for_a_later_attempt() {
    let by_match = json!({"operation": "upsert", "match": {"fields": ["Name"]}});
    let search = plan("append", &["Name", "Code__c"], by_match, person()).unwrap();
    let insert = plan("append", &["Name"], json!({}), person()).unwrap();
    assert_eq!(search.of_missing().job.operation, insert.job.operation);
    for (plan, is_insert) in [(insert, true), (search.of_missing(), false), (search.of_found(), false)] {
        assert_eq!(plan.target().is_insert(), is_insert, "{:?}", plan.job);
    }
}

#[test]
fn a_stream_deletes_what_its_source_has_deleted_unless_it_deletes_all_or_refuses() {
    let by_match = json!({"operation": "update", "match": {"fields": ["Name"]}});
    let delete_by_match = json!({"operation": "delete", "match": {"fields": ["Name"]}});
    for (mode, entry, deletes) in [
        ("append", json!({}), false),
        ("append_dedup", json!({}), true),
        ("append_dedup", by_match, true),
        ("append_dedup", json!({"deletes": "ignore"}), false),
        ("append_dedup", json!({"deletes": "refuse"}), false),
        ("soft_delete", json!({}), false),
        ("soft_delete", delete_by_match, false),
    ] {
        let plan = plan(mode, &["Code__c", "Name"], entry.clone(), person()).unwrap();
        let operation = plan.of_deletes().map(|plan| plan.job.operation);
        assert_eq!(operation, deletes.then_some(Operation::Delete), "{mode} {entry}");
    }
}

#[test]
fn the_jobs_of_found_records_delete_or_update_them() {
    for (operation, of_found) in [
        ("upsert", Operation::Update),
        ("update", Operation::Update),
        ("delete", Operation::Delete),
        ("hard_delete", Operation::HardDelete),
    ] {
        let entry = json!({"operation": operation, "match": {"fields": ["Name"]}});
        let plan = plan("append", &["Name", "Code__c"], entry, person()).unwrap();
        assert_eq!(plan.of_found().job.operation, of_found, "{operation}");
    }
}

/// A column that only a record has.
fn late(plan: &StreamPlan, source: &str) -> Result<ResolvedField, String> {
    plan.resolve_field(SourceColumn::top(source), &plan.columns)
}

#[test]
fn a_second_column_of_a_field_is_a_problem_also_where_only_records_show_it() {
    let plan = plan("append", &["Name", "Team__r.Key__c"], json!({}), person()).unwrap();
    for (source, is_problem) in [
        ("NAME", true),
        ("Team__r.KEY__C", true),
        ("team__R.Key__c", true),
        ("Code__c", false),
        ("Team__r.Other__c", false),
    ] {
        let found = late(&plan, source);
        let is_said = found.as_ref().is_err_and(|problem| problem.contains("two of its fields would become"));
        assert_eq!((is_said, found.is_err()), (is_problem, is_problem), "{source} {found:?}");
    }
}

#[test]
fn columns_that_only_records_show_count_for_the_limit_of_salesforce() {
    // 780 names of 40 characters with a comma each have 31,980.
    let name = |number: usize| format!("F{number:0>36}__c");
    let mut describe = person();
    let text = describe.fields[1].clone();
    describe.fields.extend((0..781).map(|number| Field { name: name(number), ..text.clone() }));
    for (fields, last, is_problem) in [(780, "Name".to_owned(), false), (780, name(780), true), (779, name(780), false)]
    {
        let names: Vec<String> = (0..fields).map(name).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let plan = plan("append", &names, json!({}), describe.clone()).unwrap();
        let found = late(&plan, &last);
        let is_said = found.as_ref().is_err_and(|problem| problem.contains("Salesforce takes at most"));
        assert_eq!((is_said, found.is_err()), (is_problem, is_problem), "{fields} {last} {found:?}");
    }
}

#[test]
fn rejected_records_have_the_columns_of_the_schema_and_the_mark() {
    for (entry, expected) in
        [(json!({}), &["Code__c", "Name"][..]), (json!({"delete_marker": "gone"}), &["Code__c", "Name", "gone"])]
    {
        let plan = plan("append_dedup", &["Code__c", "Name"], entry, person()).unwrap();
        let mut columns = plan.identity.source_columns.clone();
        columns.sort();
        assert_eq!(columns, expected);
    }
}
