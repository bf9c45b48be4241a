//! Tests of the columns of an object.

use serde_json::json;

use super::*;

fn describe(fields: serde_json::Value) -> Describe {
    serde_json::from_value(json!({"name": "Site__c", "fields": fields})).unwrap()
}

#[test]
fn a_column_is_a_field_or_made_of_parts_and_a_body_is_left_out() {
    let describe = describe(json!([
        {"name": "Id", "type": "id"},
        {"name": "Rooms__c", "type": "int"},
        {"name": "Map__c", "type": "base64"},
        {"name": "Rules__c", "type": "complexvalue"},
        {"name": "Photo__c", "type": "base64"},
        {"name": "Home__c", "type": "address"},
        {"name": "Home__City__s", "type": "string", "compoundFieldName": "Home__c"},
        {"name": "Home__Latitude__s", "type": "double", "compoundFieldName": "Home__c"},
        {"name": "Hidden__c", "type": "location"},
        {"name": "New__c", "type": "somethingnew"},
    ]));
    let names: Vec<String> = columns(&describe).into_iter().map(|column| column.name).collect();
    assert_eq!(names, ["Id", "Rooms__c", "Home__c", "Home__City__s", "Home__Latitude__s", "New__c"]);
    let expected = [
        "Map__c, Photo__c: a query has no place for the body of a file",
        "Rules__c: a query job has no place for a value that is a structure",
    ];
    assert_eq!(by_reason(&left_out(&describe)), expected);
    let ColumnValue::Compound(parts) = &columns(&describe)[2].value else { panic!("an object") };
    let parts: Vec<_> = parts.iter().map(|part| (&*part.member, &*part.path, part.value_type)).collect();
    assert_eq!(
        parts,
        [("city", "Home__City__s", ValueType::Text), ("latitude", "Home__Latitude__s", ValueType::Number)]
    );
}

#[test]
fn a_parent_is_named_by_each_of_its_external_ids() {
    let account = describe(json!([
        {"name": "Id", "type": "id"},
        {"name": "Key__c", "type": "string", "externalId": true},
        {"name": "Number__c", "type": "double", "externalId": true},
        {"name": "Name", "type": "string"},
    ]));
    let site = describe(json!([
        {"name": "Account__c", "type": "reference", "referenceTo": ["Account"], "relationshipName": "Account__r"},
        {"name": "Order__c", "type": "reference", "referenceTo": ["Order__x"], "relationshipName": "Order__r"},
        {"name": "Odd__c", "type": "reference", "referenceTo": ["Account"], "relationshipName": null},
        {"name": "Mixed__c", "type": "reference", "referenceTo": ["Account", "Order__x"], "relationshipName": "Mixed__r",
            "polymorphicForeignKey": true},
        {"name": "Other__c", "type": "reference", "referenceTo": ["Unknown"], "relationshipName": "Other__r"},
    ]));
    let keys = ExternalIds::from([
        ("Account".to_owned(), external_ids(&account)),
        ("Order__x".to_owned(), external_ids(&account)),
        (NAME.to_owned(), external_ids(&account)),
    ]);
    let columns = parent_columns(&references(&site), &keys);
    let names: Vec<&str> = columns.iter().map(|column| &*column.name).collect();
    assert_eq!(names, ["Account__r.Key__c", "Account__r.Number__c"]);
    assert_eq!(
        columns[1].value,
        ColumnValue::Field { path: "Account__r.Number__c".into(), value_type: ValueType::Number }
    );
}

/// A query knows of several objects only what the object `Name` has, and no external id.
#[test]
fn a_reference_to_several_objects_is_named_by_the_fields_of_name() {
    let name: Describe = serde_json::from_value(json!({"name": "Name", "fields": [
        {"name": "Id", "type": "id"},
        {"name": "Name", "type": "string"},
        {"name": "Type", "type": "picklist"},
        {"name": "Username", "type": "string"},
        {"name": "Alias", "type": "string"},
        {"name": "Key__c", "type": "string", "externalId": true},
    ]}))
    .unwrap();
    let site = describe(json!([
        {"name": "OwnerId", "type": "reference", "referenceTo": ["Group", "User"], "relationshipName": "Owner"},
        {"name": "WhoId", "type": "reference", "referenceTo": ["Contact", "Lead"], "relationshipName": "Who"},
        {"name": "OneId", "type": "reference", "referenceTo": ["Account"], "relationshipName": "One",
            "polymorphicForeignKey": true},
    ]));
    let names = |keys: &ExternalIds| -> Vec<String> {
        parent_columns(&references(&site), keys).into_iter().map(|column| column.name).collect()
    };
    let keys = ExternalIds::from([(NAME.to_owned(), external_ids(&name))]);
    let expected = ["Owner.Name", "Owner.Type", "Owner.Username", "Who.Name", "Who.Type", "One.Name", "One.Type"];
    assert_eq!(names(&keys), expected);
    assert!(names(&ExternalIds::new()).is_empty(), "an org that does not describe it");
}

#[test]
fn the_id_of_a_big_object_is_no_column() {
    let fields = json!([{"name": "Id", "type": "id"}, {"name": "Meter__c", "type": "string"}]);
    let describe: Describe = serde_json::from_value(json!({"name": "Reading__b", "fields": fields})).unwrap();
    let names: Vec<String> = columns(&describe).into_iter().map(|column| column.name).collect();
    assert_eq!(names, ["Meter__c"]);
    assert_eq!(by_reason(&left_out(&describe)), ["Id: the records of a big object have no id"]);
}

#[test]
fn an_object_of_parts_has_no_object_as_a_part_and_is_no_formula() {
    let describe = describe(json!([
        {"name": "Home__c", "type": "address"},
        {"name": "Home__City__s", "type": "string", "compoundFieldName": "home__C"},
        {"name": "Home__Place__s", "type": "location", "compoundFieldName": "Home__c"},
        {"name": "Home__Other__s", "type": "address", "compoundFieldName": "Home__c"},
        {"name": "Total__c", "type": "double", "calculated": true},
    ]));
    let columns = columns(&describe);
    let names: Vec<(&str, bool)> = columns.iter().map(|column| (&*column.name, column.is_calculated)).collect();
    assert_eq!(names, [("Home__c", false), ("Home__City__s", false), ("Total__c", true)]);
    let ColumnValue::Compound(parts) = &columns[0].value else { panic!("an object") };
    assert_eq!(parts.iter().map(|part| &*part.path).collect::<Vec<_>>(), ["Home__City__s"]);
}

#[test]
fn a_parent_may_have_an_email_as_its_key_and_an_external_object_has_no_parent() {
    let field = json!({"name": "Lead__c", "type": "reference", "referenceTo": ["Lead"], "relationshipName": "Lead__r"});
    let lead = describe(json!([{"name": "Email", "type": "email", "externalId": true}]));
    let keys = ExternalIds::from([("Lead".to_owned(), external_ids(&lead))]);
    for (object, expected) in [("Site__c", &["Lead__r.Email"][..]), ("Site__x", &[])] {
        let site: Describe = serde_json::from_value(json!({"name": object, "fields": [field]})).unwrap();
        let columns = parent_columns(&references(&site), &keys);
        assert_eq!(columns.iter().map(|column| &*column.name).collect::<Vec<_>>(), expected, "{object}");
        assert!(columns.iter().all(|column| !column.is_calculated));
    }
}

/// A deletion does not move the time of the creation or of a login, so their value is not its time.
#[test]
fn the_time_of_a_deletion_is_the_stamp_where_a_deletion_moves_it() {
    for (cursor, has_bin, expected) in [
        ("SystemModstamp", true, Some("SystemModstamp")),
        ("LastModifiedDate", true, Some("LastModifiedDate")),
        ("CreatedDate", true, None),
        ("LoginTime", true, None),
        ("SystemModstamp", false, None),
    ] {
        let changes = Changes { cursor: cursor.into(), is_replicateable: true, has_bin };
        let column = Column::deleted_at(&changes);
        assert_eq!(column.value, ColumnValue::DeletedAt(expected.map(str::to_owned)), "{cursor} {has_bin}");
        assert_eq!((&*column.name, column.is_calculated), ("_ab_cdc_deleted_at", false));
    }
    assert_eq!(Column::never_deleted().value, ColumnValue::DeletedAt(None));
}
