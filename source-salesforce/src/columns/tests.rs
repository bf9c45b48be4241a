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
        {"name": "Home__c", "type": "address"},
        {"name": "Home__City__s", "type": "string", "compoundFieldName": "Home__c"},
        {"name": "Home__Latitude__s", "type": "double", "compoundFieldName": "Home__c"},
        {"name": "Hidden__c", "type": "location"},
        {"name": "New__c", "type": "somethingnew"},
    ]));
    let names: Vec<String> = columns(&describe).into_iter().map(|column| column.name).collect();
    assert_eq!(names, ["Id", "Rooms__c", "Home__c", "Home__City__s", "Home__Latitude__s", "New__c"]);
    assert_eq!(left_out(&describe).collect::<Vec<_>>(), ["Map__c"]);
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
        {"name": "OwnerId", "type": "reference", "referenceTo": ["Group", "User"], "relationshipName": "Owner"},
        {"name": "Odd__c", "type": "reference", "referenceTo": ["Account"], "relationshipName": null},
        {"name": "Other__c", "type": "reference", "referenceTo": ["Unknown"], "relationshipName": "Other__r"},
    ]));
    let keys = ExternalIds::from([("Account".to_owned(), external_ids(&account))]);
    let columns = parent_columns(&references(&site), &keys);
    let names: Vec<&str> = columns.iter().map(|column| &*column.name).collect();
    assert_eq!(names, ["Account__r.Key__c", "Account__r.Number__c"]);
    assert_eq!(
        columns[1].value,
        ColumnValue::Field { path: "Account__r.Number__c".into(), value_type: ValueType::Number }
    );
}
