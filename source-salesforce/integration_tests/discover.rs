//! `discover`.

use std::collections::BTreeMap;

use salesforce_sim::{Answer, Endpoint, Field, Object, RequestFault, Settings};
use serde_json::{Value, json};

use crate::connector::Run;
use crate::world::World;

fn streams(run: &Run) -> BTreeMap<&str, &Value> {
    run.assert_success();
    let streams = run.only("CATALOG")["catalog"]["streams"].as_array().unwrap();
    streams.iter().map(|stream| (stream["name"].as_str().unwrap(), stream)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_object_is_a_stream_by_the_rules_of_the_protocol() {
    let world = World::new().await;
    let run = world.discover(json!({})).await;
    let streams = streams(&run);
    for name in ["Account", "Contact", "Lead", "LoginHistory", "Attachment", "Invoice__c"] {
        assert!(streams.contains_key(name), "{name}");
    }
    for (name, stream) in &streams {
        assert!(jsonschema::meta::is_valid(&stream["json_schema"]), "{name}");
        let modes = stream["supported_sync_modes"].clone();
        // Custom metadata and objects without a stamp have no changes.
        let field = if *name == "LoginHistory" { "LoginTime" } else { "SystemModstamp" };
        let cursor = &stream["json_schema"]["properties"][field];
        match cursor.is_object() {
            true => {
                assert_eq!(modes, json!(["full_refresh", "incremental"]), "{name}");
                assert_eq!(stream["default_cursor_field"], json!([field]), "{name}");
                assert_eq!(stream["json_schema"]["properties"]["_ab_cdc_deleted_at"], *cursor, "{name}");
            }
            false => assert_eq!(modes, json!(["full_refresh"]), "{name}"),
        }
        assert_eq!(stream["is_resumable"], true, "{name}");
        assert_eq!(stream["source_defined_cursor"], true, "is_resumable needs a cursor of the source: {name}");
        assert_eq!(stream["source_defined_primary_key"], json!([["Id"]]), "{name}");
        assert!(stream["json_schema"]["properties"]["Id"].is_object(), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_type_of_field_has_its_type_in_json() {
    let world = World::new().await;
    let run = world.discover(json!({})).await;
    let streams = streams(&run);
    let property = |stream: &str, name: &str| streams[stream]["json_schema"]["properties"][name].clone();
    let nullable = |kind: &str| json!({"type": ["null", kind]});
    for (name, expected) in [
        ("Name", nullable("string")),
        ("NumberOfEmployees", nullable("integer")),
        ("AnnualRevenue", nullable("number")),
        ("Discount__c", nullable("number")),
        ("Is_Key_Account__c", nullable("boolean")),
        ("Customer_Since__c", json!({"type": ["null", "string"], "format": "date"})),
        (
            "Last_Order_At__c",
            json!({"type": ["null", "string"], "format": "date-time", "airbyte_type": "timestamp_with_timezone"}),
        ),
        ("Opens_At__c", json!({"type": ["null", "string"], "format": "time", "airbyte_type": "time_without_timezone"})),
        ("Channels__c", nullable("string")),
        ("ParentId", nullable("string")),
        ("Parent.External_Id__c", nullable("string")),
    ] {
        assert_eq!(property("Account", name), expected, "{name}");
    }
    let address = property("Contact", "MailingAddress");
    assert_eq!(address["type"], json!(["null", "object"]));
    assert_eq!(address["properties"]["postalCode"], nullable("string"));
    assert_eq!(address["properties"]["latitude"], nullable("number"));
    assert_eq!(property("Contact", "Account.External_Id__c"), nullable("string"));
    // External ids of several objects are unknown to a query, and a body in base64 is too.
    assert_eq!(property("Case", "Owner.Employee_Number__c"), Value::Null);
    assert_eq!(property("ContentVersion", "VersionData"), Value::Null);
    assert!(run.log().iter().any(|line| line.contains("ContentVersion is offered without VersionData")));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_odd_object_does_not_keep_others_from_being_offered() {
    let odd = Object::custom("Odd__c").without_describe();
    let bare = Object::custom("Bare__c").field(Field::reference("Odd__c", &["Odd__c"]));
    let world = World::with(Settings { objects: vec![odd, bare], ..Settings::default() }).await;
    let run = world.discover(json!({})).await;
    let streams = streams(&run);
    assert!(!streams.contains_key("Odd__c") && streams.contains_key("Bare__c") && streams.contains_key("Account"));
    assert!(run.log().iter().any(|line| line.starts_with("Odd__c cannot be described, and is left out")));
}

#[tokio::test(flavor = "multi_thread")]
async fn criteria_choose_the_streams_and_not_the_parents() {
    let world = World::new().await;
    let run = world.discover(json!({"streams_criteria": [{"criteria": "exacts", "value": "contact"}]})).await;
    let streams = streams(&run);
    assert_eq!(streams.keys().copied().collect::<Vec<_>>(), ["Contact"]);
    assert!(streams["Contact"]["json_schema"]["properties"]["Account.External_Id__c"].is_object());
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_that_fail_together_are_described_alone() {
    let world = World::kind().await;
    let whole = world.discover(json!({})).await;
    // A refusal that passes by itself costs no patience.
    let html = Answer::html(404);
    world.org.inject(RequestFault::new(Endpoint::Composite, html).starting_at(2).always());
    let run = world.discover(json!({})).await;
    assert_eq!(streams(&run).len(), streams(&whole).len());
}

/// A catalog without what an outage hides would be one without columns.
#[tokio::test(flavor = "multi_thread")]
async fn names_of_several_objects_are_left_out_only_where_the_org_does_not_have_them() {
    let world = World::kind().await;
    let owner = "Owner.Name";
    let whole = world.discover(json!({})).await;
    assert!(streams(&whole)["Case"]["json_schema"]["properties"][owner].is_object());
    // What several objects share is described after all objects.
    let last = streams(&whole).len() + 1;
    let refusal = Answer::error(404, "NOT_FOUND", "The requested resource does not exist");
    world.org.inject(RequestFault::new(Endpoint::Describe, refusal).starting_at(last).always());
    let without = world.discover(json!({})).await;
    assert!(streams(&without)["Case"]["json_schema"]["properties"][owner].is_null());
    assert_eq!(streams(&without).len(), streams(&whole).len());
    world.org.clear_faults();
    world.org.inject(RequestFault::new(Endpoint::Describe, Answer::status(503)).starting_at(last).always());
    let run = world.discover(json!({})).await;
    assert_eq!(run.failure().0, "transient_error");
    assert!(run.messages.iter().all(|message| message["type"] != "CATALOG"));
}
