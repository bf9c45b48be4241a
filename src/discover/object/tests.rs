use serde_json::{Value, json};

use super::*;
use crate::discover::relationship;

fn operations_of(body: Value) -> Vec<Value> {
    let describe: Describe = serde_json::from_value(body).unwrap();
    let lookups = Lookups::from([("Account".to_owned(), relationship::lookups(&account()))]);
    LoadableObject::of(&describe).operations(&lookups).map(|it| serde_json::to_value(it).unwrap()).collect()
}

fn account() -> Describe {
    let key = json!({"name": "Ext__c", "type": "string", "length": 20, "externalId": true});
    serde_json::from_value(json!({"name": "Account", "fields": [key]})).unwrap()
}

/// A field that may be written, with `changes` over it.
fn field(name: &str, changes: Value) -> Value {
    let mut field = json!({"name": name, "type": "string", "createable": true, "updateable": true, "nillable": true});
    field.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    field
}

fn object(rights: [bool; 3], fields: Value) -> Value {
    let [createable, updateable, deletable] = rights;
    json!({
        "name": "Odd__c", "createable": createable, "updateable": updateable, "deletable": deletable,
        "fields": fields,
    })
}

fn modes(operations: &[Value]) -> Vec<&str> {
    operations.iter().map(|operation| operation["sync_mode"].as_str().unwrap()).collect()
}

fn names(operation: &Value) -> Vec<&str> {
    operation["json_schema"]["properties"].as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn an_operation_is_offered_where_it_can_succeed() {
    let plain = field("A__c", json!({}));
    let key = field("Ext__c", json!({"externalId": true}));
    let numbered = json!({"name": "No__c", "type": "string", "externalId": true, "autoNumber": true});
    let lookup = field("Email", json!({"idLookup": true}));
    let read_only_lookup = json!({"name": "Name", "type": "string", "idLookup": true});
    let file = field("Body", json!({"type": "base64", "nillable": false}));
    let id = json!({"name": "Id", "type": "id", "idLookup": true});
    for (rights, fields, expected) in [
        ([true, true, true], json!([plain, key]), &["append", "append_dedup", "update", "soft_delete"][..]),
        ([true, true, true], json!([plain, lookup]), &["append", "append_dedup", "update", "soft_delete"]),
        ([true, true, true], json!([plain, numbered]), &["append", "update", "soft_delete"]),
        ([true, true, true], json!([id, plain]), &["append", "update", "soft_delete"]),
        ([true, true, true], json!([plain, read_only_lookup]), &["append", "update", "soft_delete"]),
        ([true, true, true], json!([key, file]), &["update", "soft_delete"]),
        ([true, false, false], json!([key]), &["append"]),
        ([false, true, false], json!([key]), &["update"]),
        ([false, false, true], json!([id]), &["soft_delete"]),
        ([true, true, false], json!([field("A__c", json!({"createable": false}))]), &["update"]),
        ([true, true, false], json!([field("A__c", json!({"updateable": false}))]), &["append"]),
        ([true, true, false], json!([id]), &[]),
        ([false, false, false], json!([key]), &[]),
    ] {
        let described = object(rights, fields);
        assert_eq!(modes(&operations_of(described.clone())), expected, "{described}");
    }
}

#[test]
fn each_operation_has_the_fields_that_it_may_write() {
    let operations = operations_of(object(
        [true, true, true],
        json!([
            {"name": "Id", "type": "id", "idLookup": true, "defaultedOnCreate": true},
            field("Name", json!({"nillable": false})),
            field("Parent__c", json!({"nillable": false, "updateable": false, "type": "reference"})),
            field("Stage__c", json!({"createable": false})),
            field("Active__c", json!({"type": "boolean", "nillable": false})),
            field("Owner", json!({"nillable": false, "defaultedOnCreate": true})),
            field("Key__c", json!({"externalId": true})),
            {"name": "No__c", "type": "string", "externalId": true, "autoNumber": true},
            {"name": "Total__c", "type": "currency", "calculated": true},
            field("Address__c", json!({"type": "address"})),
        ]),
    ));
    let shown: Vec<_> = operations
        .iter()
        .map(|operation| (names(operation), &operation["json_schema"]["required"], &operation["matching_keys"]))
        .collect();
    assert_eq!(
        shown,
        [
            (vec!["Name", "Parent__c", "Active__c", "Owner", "Key__c"], &json!(["Name", "Parent__c"]), &json!([])),
            (vec!["Name", "Parent__c", "Stage__c", "Active__c", "Owner", "Key__c"], &json!([]), &json!([["Key__c"]])),
            (vec!["Id", "Name", "Stage__c", "Active__c", "Owner", "Key__c"], &json!([]), &json!([["Id"], ["Key__c"]])),
            (vec!["Id", "Key__c"], &json!([]), &json!([["Id"], ["Key__c"]])),
        ]
    );
    for operation in &operations {
        assert_eq!(operation["object_name"], "Odd__c");
        assert_eq!(operation["json_schema"]["additionalProperties"], false);
        assert_eq!(operation["json_schema"]["type"], "object");
    }
}

#[test]
fn an_id_has_18_characters() {
    let operations = operations_of(object([true, true, true], json!([field("A__c", json!({}))])));
    let id = |operation: usize| &operations[operation]["json_schema"]["properties"]["Id"];
    assert_eq!(modes(&operations), ["append", "update", "soft_delete"]);
    let text = json!({"type": "string", "maxLength": 18});
    assert_eq!([id(0), id(1), id(2)], [&Value::Null, &text, &text]);
}

#[test]
fn a_reference_that_only_one_operation_may_write_has_relationship_columns_there() {
    for (changes, in_insert, in_update) in
        [(json!({"createable": false}), false, true), (json!({"updateable": false}), true, false)]
    {
        let mut reference = field(
            "Account__c",
            json!({"type": "reference", "relationshipName": "Account__r", "referenceTo": ["Account"]}),
        );
        reference.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        let operations = operations_of(object([true, true, false], json!([field("A__c", json!({})), reference])));
        let has_column = |operation: usize| names(&operations[operation]).contains(&"Account__r.Ext__c");
        assert_eq!([has_column(0), has_column(1)], [in_insert, in_update], "{changes}");
    }
}

#[test]
fn external_ids_are_the_first_keys() {
    let operations = operations_of(object(
        [true, true, false],
        json!([
            field("Email", json!({"idLookup": true})),
            field("B__c", json!({"externalId": true, "idLookup": true})),
            field("A__c", json!({"externalId": true})),
        ]),
    ));
    assert_eq!(operations[1]["matching_keys"], json!([["B__c"], ["A__c"], ["Email"]]));
    assert_eq!(operations[2]["matching_keys"], json!([["Id"], ["B__c"], ["A__c"], ["Email"]]));
}

#[test]
fn a_field_that_cannot_be_filtered_is_no_key_of_an_update() {
    let fields = json!([
        field("A__c", json!({"externalId": true, "filterable": false})),
        field("B__c", json!({"idLookup": true, "filterable": true})),
    ]);
    let operations = operations_of(object([true, true, true], fields));
    let keys = |operation: usize| &operations[operation]["matching_keys"];
    assert_eq!(
        [keys(1), keys(2), keys(3)],
        [&json!([["A__c"], ["B__c"]]), &json!([["Id"], ["B__c"]]), &json!([["Id"], ["B__c"]])]
    );
}

#[test]
fn a_field_that_no_update_may_write_is_no_key_of_one() {
    let fields = json!([
        field("A__c", json!({})),
        field("New__c", json!({"externalId": true, "updateable": false})),
        field("Old__c", json!({"externalId": true, "createable": false})),
    ]);
    let operations = operations_of(object([true, true, true], fields));
    assert_eq!(modes(&operations), ["append", "append_dedup", "update", "soft_delete"]);
    let keys = |operation: usize| &operations[operation]["matching_keys"];
    assert_eq!([keys(2), keys(3)], [&json!([["Id"], ["Old__c"]]), &json!([["Id"], ["Old__c"]])]);
    assert_eq!(names(&operations[0]), ["A__c", "New__c"]);
    assert_eq!(names(&operations[3]), ["Id", "Old__c"]);
}

#[test]
fn a_reference_that_finds_records_to_delete_has_no_relationship_columns() {
    let reference = json!({
        "type": "reference", "relationshipName": "Account__r", "referenceTo": ["Account"], "idLookup": true,
    });
    let operations = operations_of(object([false, true, true], json!([field("Account__c", reference)])));
    assert_eq!(modes(&operations), ["update", "soft_delete"]);
    assert_eq!(names(&operations[0]), ["Id", "Account__c", "Account__r.Ext__c"]);
    assert_eq!(names(&operations[1]), ["Id", "Account__c"]);
}

#[test]
fn relationship_columns_follow_their_field_and_can_stand_in_for_it() {
    let required = |name: &str, target: &str| {
        let reference = json!({
            "type": "reference", "nillable": false, "relationshipName": name.replace("__c", "__r"),
            "referenceTo": [target],
        });
        field(name, reference)
    };
    let fields =
        json!([required("Account__c", "Account"), required("Hidden__c", "Hidden__c"), field("Z__c", json!({}))]);
    let operations = operations_of(object([true, true, false], fields));
    for (operation, expected, required) in [
        (0, vec!["Account__c", "Account__r.Ext__c", "Hidden__c", "Z__c"], json!(["Hidden__c"])),
        (1, vec!["Id", "Account__c", "Account__r.Ext__c", "Hidden__c", "Z__c"], json!(["Id"])),
    ] {
        assert_eq!(names(&operations[operation]), expected);
        assert_eq!(operations[operation]["json_schema"]["required"], required);
    }
}

#[test]
fn a_relationship_with_more_columns_than_shown_leaves_the_schema_open() {
    let fields: Vec<Value> =
        (0..200).map(|n| json!({"name": format!("K{n}__c"), "type": "string", "externalId": true})).collect();
    let target: Describe = serde_json::from_value(json!({"fields": fields})).unwrap();
    let lookups = Lookups::from([
        ("Large__c".to_owned(), relationship::lookups(&target)),
        ("Account".to_owned(), relationship::lookups(&account())),
    ]);
    let reference = |name: &str, to: &str| {
        let changes = json!({"type": "reference", "relationshipName": name, "referenceTo": [to]});
        field(&format!("{name}Id"), changes)
    };
    let (large, small) = (reference("L", "Large__c"), reference("S", "Account"));
    for (fields, is_open) in [
        (json!([large]), true),
        (json!([large, small]), true),
        (json!([small, large, field("A__c", json!({}))]), true),
        (json!([small, field("A__c", json!({}))]), false),
    ] {
        let described = object([true, true, true], fields.clone());
        let object = LoadableObject::of(&serde_json::from_value(described).unwrap());
        let open: Vec<bool> =
            object.operations(&lookups).map(|operation| operation.json_schema.additional_properties).collect();
        assert_eq!(open, [is_open, is_open, false], "{fields}");
    }
}

#[test]
fn the_overview_names_each_operation_and_each_key_once() {
    for (rights, fields, operations, keys) in [
        (
            [true, true, true],
            json!([field("A__c", json!({})), field("Ext__c", json!({"externalId": true}))]),
            "insert, upsert, update, delete",
            "Ext__c, Id",
        ),
        ([true, false, false], json!([field("A__c", json!({}))]), "insert", ""),
        ([false, false, true], json!([field("Email", json!({"idLookup": true}))]), "delete", "Id, Email"),
    ] {
        let object = LoadableObject::of(&serde_json::from_value(object(rights, fields)).unwrap());
        assert_eq!(object.overview(), ("Odd__c", operations.to_owned(), keys.to_owned()));
    }
}
