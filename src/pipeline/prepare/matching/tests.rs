use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::pipeline::prepare::related::RelatedObject;

fn described(name: &str, fields: &[Value]) -> Describe {
    let all = [json!({"name": "Id", "type": "id", "filterable": true})].into_iter().chain(fields.iter().cloned());
    serde_json::from_value(json!({"name": name, "fields": all.collect::<Vec<_>>()})).unwrap()
}

fn field(name: &str, field_type: &str, changes: Value) -> Value {
    let mut field = json!({
        "name": name, "type": field_type, "length": 80, "filterable": true, "createable": true, "updateable": true,
    });
    field.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    field
}

fn contact() -> Describe {
    let fields = [
        field("Email", "email", json!({"idLookup": true})),
        field("Level__c", "double", json!({"scale": 2})),
        field("Born__c", "date", json!({})),
        field("Seen__c", "datetime", json!({})),
        field("Exact__c", "string", json!({"caseSensitive": true, "unique": true})),
        field("Number__c", "string", json!({"createable": false, "autoNumber": true})),
        field("Active__c", "boolean", json!({})),
        field("Notes__c", "textarea", json!({"filterable": false, "length": 32_000})),
        field("Long__c", "textarea", json!({"length": 32_000})),
        field("Tags__c", "multipicklist", json!({})),
        field("Where__c", "location", json!({})),
        field("Secret__c", "encryptedstring", json!({})),
        field("Clock__c", "time", json!({})),
        field("Photo__c", "base64", json!({})),
        field("Home__c", "address", json!({})),
        field("Whole__c", "complexvalue", json!({})),
        field("Any__c", "anyType", json!({})),
        field("Future__c", "hologram", json!({})),
        field("Rich__c", "textarea", json!({"length": 255, "htmlFormatted": true})),
        field("Long256__c", "textarea", json!({"length": 256})),
        field("Short__c", "textarea", json!({"length": 255})),
        field("Count__c", "int", json!({"scale": 2})),
        field("Size__c", "long", json!({})),
        field("Price__c", "currency", json!({"scale": 3})),
        field("Share__c", "percent", json!({"scale": 1})),
        field("AccountId", "reference", json!({"referenceTo": ["Account"], "relationshipName": "Account"})),
        field(
            "MainId",
            "reference",
            json!({"referenceTo": ["Account"], "relationshipName": "Main", "createable": false}),
        ),
        field(
            "OldId",
            "reference",
            json!({"referenceTo": ["Account"], "relationshipName": "Old", "filterable": false}),
        ),
        field("OwnerId", "reference", json!({"referenceTo": ["User", "Group"], "relationshipName": "Owner"})),
    ];
    described("Contact", &fields)
}

fn check(operation: Operation, columns: &[&str], on_missing: Option<OnMissing>) -> Result<MatchPlan, Vec<String>> {
    let account = described(
        "Account",
        &[
            field("External_Id__c", "string", json!({"externalId": true})),
            field("Name", "string", json!({})),
            field("Notes__c", "textarea", json!({"filterable": false})),
        ],
    );
    let mut related = RelatedObjects::default();
    let names = ["external_id__c", "name", "notes__c", "externalid__c"].map(str::to_owned).into();
    related.insert("Account", RelatedObject::of(&account).with_details(&account, &names));
    let columns = columns.iter().map(|name| (*name).to_owned()).collect();
    let request = MatchRequest { columns, on_missing, on_several: OnSeveral::Reject };
    let fields = ObjectFields::of_plan(Arc::new(contact()), request.operation(operation), true);
    request.check(operation, &fields, &related).map(|checked| checked.plan)
}

#[test]
fn each_type_of_field_is_compared_as_a_query_compares_it() {
    for (name, value_type, comparison, longest) in [
        ("id", ValueType::Id, KeyComparison::Id, None),
        ("email", ValueType::Text, KeyComparison::IgnoreCase, Some(80)),
        ("Level__c", ValueType::Number, KeyComparison::Number { scale: 2 }, None),
        ("Born__c", ValueType::Date, KeyComparison::Exact, None),
        ("Seen__c", ValueType::Moment, KeyComparison::Moment, None),
        ("Exact__c", ValueType::Text, KeyComparison::Exact, Some(80)),
        ("Short__c", ValueType::Text, KeyComparison::IgnoreCase, Some(255)),
        ("Count__c", ValueType::Int, KeyComparison::Number { scale: 0 }, None),
        ("Size__c", ValueType::Long, KeyComparison::Number { scale: 0 }, None),
        ("Price__c", ValueType::Number, KeyComparison::Number { scale: 3 }, None),
        ("Share__c", ValueType::Number, KeyComparison::Number { scale: 1 }, None),
        ("ACCOUNTID", ValueType::Id, KeyComparison::Id, None),
        ("account.external_id__c", ValueType::Text, KeyComparison::IgnoreCase, Some(80)),
        ("Account.Name", ValueType::Text, KeyComparison::IgnoreCase, Some(80)),
    ] {
        let plan = check(Operation::Update, &[name], None).unwrap();
        let key = &plan.keys[0];
        assert!(key.name.eq_ignore_ascii_case(name) && (key.name != name || name.starts_with(char::is_uppercase)));
        assert_eq!((key.value_type, key.comparison, key.longest), (value_type, comparison, longest), "{name}");
        assert_eq!((plan.on_missing, plan.on_several), (OnMissing::Reject, OnSeveral::Reject));
    }
    assert_eq!(check(Operation::Upsert, &["Email"], None).unwrap().on_missing, OnMissing::Insert);
    assert_eq!(check(Operation::Update, &["Active__c", "Email"], None).unwrap().keys.len(), 2);
}

#[test]
fn a_field_that_cannot_find_records_is_a_problem() {
    for (name, part) in [
        ("Emial", "its match field Emial is not a field of Contact that the user can see; the nearest name is Email"),
        ("Notes__c", "records of Contact cannot be found by Notes__c, because it cannot be filtered; match by another"),
        ("Long__c", "because it holds long text"),
        ("Tags__c", "because it holds several values"),
        ("Where__c", "because it is made of several fields"),
        ("Secret__c", "because it is encrypted"),
        ("Clock__c", "because it has a type that keys cannot have"),
        ("Any__c", "because it has a type that keys cannot have"),
        ("Future__c", "because it has a type that keys cannot have"),
        ("Photo__c", "because it holds a file"),
        ("Home__c", "because it is made of several fields"),
        ("Whole__c", "because it is made of several fields"),
        ("Rich__c", "because it holds text with markup"),
        ("Long256__c", "because it holds long text"),
        ("account.notes__c", "records of Contact cannot be found by Account.Notes__c, because it cannot be filtered"),
        ("Old.Name", "records of Contact cannot be found by Old.Name, because it cannot be filtered"),
        ("Account:Account.Name", "must go through one relationship to one object; match by AccountId instead"),
        ("Active__c", "its match by Active__c alone cannot name a record, because Active__c is true or false"),
        ("Acount.Name", "goes through Acount, which is not a relationship of Contact"),
        ("Owner.Email", "must go through one relationship to one object; match by OwnerId instead"),
        ("Account.Owner.Name", "must go through one relationship to one object; match by AccountId instead"),
        (
            "Account.Externl_Id__c",
            "is not a field of Account that the user can see; the nearest name is \
                                   External_Id__c",
        ),
    ] {
        let problems =
            check(Operation::Update, &["Born__c", name][usize::from(name == "Active__c")..], None).unwrap_err();
        assert!(problems.len() == 1 && problems[0].contains(part), "{problems:?}");
    }
    assert_eq!(check(Operation::Update, &["Emial", "Tags__c"], None).unwrap_err().len(), 2);
}

#[test]
fn a_new_record_must_get_its_key() {
    for name in ["Number__c", "Account.Name", "Main.External_Id__c", "Id"] {
        let problems = check(Operation::Upsert, &[name], None).unwrap_err();
        assert!(problems[0].contains("choose `reject` or `skip` for `match.on_missing`"), "{problems:?}");
        for on_missing in [OnMissing::Reject, OnMissing::Skip] {
            assert!(check(Operation::Upsert, &[name], Some(on_missing)).is_ok());
        }
    }
    assert!(check(Operation::Upsert, &["Account.External_Id__c"], None).is_ok());
}

#[test]
fn only_an_upsert_creates_records() {
    for operation in [Operation::Update, Operation::Delete, Operation::HardDelete] {
        let problems = check(operation, &["Email"], Some(OnMissing::Insert)).unwrap_err();
        let expected = format!(
            "`match.on_missing` is `insert`, and {operation} creates no record: set the operation `upsert`, or choose \
             `reject` or `skip`"
        );
        assert_eq!(problems, [expected]);
    }
    assert!(check(Operation::Insert, &["Email"], None).unwrap_err()[0].contains("an insert does not"));
}
