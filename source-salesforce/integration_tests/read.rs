//! `read`: what is read, and how it is said.

use std::time::Duration;

use salesforce_sim::{Endpoint, Field, Object, Settings};
use serde_json::{Value, json};

use crate::world::{World, catalog, contacts, names, sorted};

#[tokio::test(flavor = "multi_thread")]
async fn an_object_is_read_whole_by_either_api() {
    let world = World::new().await;
    world.add_contacts(25);
    for api in ["bulk", "rest", "auto"] {
        let run = world.read(json!({"api": api}), &contacts()).await;
        run.assert_success();
        assert_eq!(sorted(run.column("Contact", "LastName")), names(25), "{api}");
        assert_eq!(run.statuses("Contact"), ["STARTED", "RUNNING", "COMPLETE"], "{api}");
        let states = run.states("Contact");
        let (last, _) = states.last().unwrap();
        assert_eq!((&last["__ab_full_refresh_sync_complete"], &last["rows"]), (&json!(true), &json!(25)), "{api}");
        assert_eq!(states.iter().map(|(_, count)| count).sum::<f64>(), 25.0, "{api}");
    }
    assert_eq!(world.org.query_jobs().len(), 1, "auto takes REST for few records");
}

#[tokio::test(flavor = "multi_thread")]
async fn auto_takes_a_query_job_for_many_records() {
    let world = World::kind().await;
    world.add_contacts(2_001);
    let run = world.read(json!({}), &contacts()).await;
    run.assert_success();
    assert_eq!(sorted(run.column("Contact", "LastName")), names(2_001));
    let jobs = world.org.query_jobs();
    assert_eq!(jobs.len(), 1);
    assert_eq!(jobs[0].query, "SELECT LastName FROM Contact");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_the_bulk_api_refuses_is_read_by_rest() {
    let world = World::with(Settings { query_page: 1_000, ..Settings::default() }).await;
    for number in 0..2_500 {
        world.org.insert("Attachment", &[("Name", &*format!("File {number}"))]).unwrap();
    }
    let run = world.read(json!({}), &catalog(&[("Attachment", &["Id", "Name"])])).await;
    run.assert_success();
    assert_eq!(run.records("Attachment").len(), 2_500);
    assert!(run.log().iter().any(|line| line.starts_with("Attachment is read by REST")));
    // With the setting for the Bulk API alone it is an error, and never an empty success.
    let run = world.read(json!({"force_use_bulk_api": true}), &catalog(&[("Attachment", &["Id"])])).await;
    assert!(run.failure().1.contains("not supported by the Bulk API"), "{}", run.failure().1);
    assert_eq!(run.statuses("Attachment").last(), Some(&"INCOMPLETE"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_object_is_a_success_without_records() {
    let world = World::new().await;
    for api in ["bulk", "rest"] {
        let run = world.read(json!({"api": api}), &contacts()).await;
        run.assert_success();
        assert!(run.records("Contact").is_empty());
        assert_eq!(run.statuses("Contact"), ["STARTED", "RUNNING", "COMPLETE"], "{api}: a state follows RUNNING");
        assert_eq!(run.states("Contact").last().unwrap().0["rows"], 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_selected_columns_are_asked_for_and_read() {
    let world = World::kind().await;
    world.org.insert("Account", &[("Name", "Example Ltd"), ("External_Id__c", "A-1")]).unwrap();
    let account = world.org.records("Account")[0]["Id"].clone().unwrap();
    let values = [
        ("LastName", "Lovelace"),
        ("AccountId", &*account),
        ("MailingCity", "Example"),
        ("MailingLatitude", "1.5"),
        ("Description", "not selected"),
    ];
    world.org.insert("Contact", &values).unwrap();
    let columns = ["LastName", "MailingAddress", "Account.External_Id__c", "_ab_cdc_deleted_at"];
    let expected = json!({
        "LastName": "Lovelace",
        "MailingAddress": {
            "street": null, "city": "Example", "state": null, "postalCode": null, "country": null, "latitude": 1.5,
            "longitude": null,
        },
        "Account.External_Id__c": "A-1",
        // A full refresh has no deleted record.
        "_ab_cdc_deleted_at": null,
    });
    for api in ["bulk", "rest"] {
        let run = world.read(json!({"api": api}), &catalog(&[("Contact", &columns)])).await;
        run.assert_success();
        assert_eq!(run.records("Contact"), [&expected], "{api}");
    }
    assert!(!world.org.query_jobs()[0].query.contains("Description"));
    assert!(!world.org.query_jobs()[0].query.contains("IsDeleted"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_without_selected_columns_has_all() {
    let world = World::kind().await;
    world.org.insert("Account", &[("Name", "Example Ltd"), ("Description", "A sample")]).unwrap();
    let run = world.read(json!({"api": "bulk"}), &catalog(&[("Account", &[])])).await;
    run.assert_success();
    let record = run.records("Account")[0];
    assert_eq!(
        (&record["Name"], &record["Description"], &record["Sic"]),
        (&json!("Example Ltd"), &json!("A sample"), &Value::Null)
    );
    assert!(record["SystemModstamp"].as_str().unwrap().ends_with(".000Z"));
    assert!(record.get("BillingAddress").is_some() && record.get("Parent.External_Id__c").is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_chooses_the_records() {
    let world = World::new().await;
    world.add_contacts(5);
    let filter =
        json!({"streams": [{"stream": "contact", "filter": "LastName = 'Person 1' OR LastName = 'Person 3'"}]});
    let run = world.read(filter, &contacts()).await;
    run.assert_success();
    assert_eq!(sorted(run.column("Contact", "LastName")), ["Person 1", "Person 3"]);
}

/// All problems at once, and nothing is read before all streams are sound.
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_filter_a_lost_column_and_a_lost_object_end_the_sync_before_the_first_record() {
    let world = World::new().await;
    world.add_contacts(5);
    world.org.remove_field("Account", "Sic");
    let filter = json!({"streams": [{"stream": "Contact", "filter": "Nothing__c = 1"}]});
    let streams =
        catalog(&[("Contact", &["LastName"]), ("Account", &["Sic"]), ("Gone__c", &["Id"]), ("Lead", &["Nmae"])]);
    let run = world.read(filter, &streams).await;
    let (kind, message) = run.failure();
    assert_eq!(kind, "config_error");
    for part in [
        "Salesforce refuses the query of the stream Contact",
        "The stream Account has no column Sic",
        "The object Gone__c of a stream cannot be described",
        "The stream Lead has no column Nmae; the nearest column is Name",
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
    assert!(run.records("Contact").is_empty() && run.statuses("Contact").is_empty());
    assert!(world.org.query_jobs().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn several_streams_are_read_and_one_that_fails_does_not_stop_the_others() {
    let world = World::kind().await;
    world.add_contacts(5);
    world.org.insert("Account", &[("Name", "Example Ltd")]).unwrap();
    world.org.inject(salesforce_sim::QueryJobFault::aborted("Account"));
    let streams = catalog(&[("Account", &["Name"]), ("Contact", &["LastName"]), ("Lead", &["Id"])]);
    let run = world.read(json!({"api": "bulk", "max_parallel_streams": 2}), &streams).await;
    let (kind, message) = run.failure();
    assert!(kind == "transient_error" && message.contains("aborted the query job"), "{message}");
    assert_eq!(run.statuses("Account").last(), Some(&"INCOMPLETE"));
    assert_eq!(run.statuses("Contact").last(), Some(&"COMPLETE"));
    assert_eq!(run.statuses("Lead").last(), Some(&"COMPLETE"));
    assert_eq!(run.states("Account").last().unwrap().0, &json!({}), "the aborted job is not read on");
}

/// PyAirbyte asks for an incremental sync of every stream, whatever the stream offers.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_offers_only_full_refreshes_is_read_whole_in_every_sync() {
    let world = World::kind().await;
    world.add_contacts(5);
    let mut catalog = contacts();
    catalog["streams"][0]["sync_mode"] = json!("incremental");
    let first = world.read(json!({}), &catalog).await;
    let second = world.read_on(json!({}), &catalog, &first.last_states()).await;
    for run in [first, second] {
        run.assert_success();
        assert_eq!(sorted(run.column("Contact", "LastName")), names(5));
        assert!(run.log().contains(&"Contact has only full refreshes, and is read whole"), "{:?}", run.log());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_leaves_streams_incomplete_and_their_states_usable() {
    let settings = Settings { time_per_query: Duration::from_secs(600), ..Settings::default() };
    let world = World::with(settings).await;
    world.add_contacts(5);
    let mut connector = world.start_read(json!({"api": "bulk"}), &contacts(), &json!([]));
    let run = crate::world::blocking(move || {
        connector.read_until(|message| message["type"] == "STATE");
        connector.terminate();
        connector.wait()
    })
    .await;
    let (kind, message) = run.failure();
    assert!(kind == "transient_error" && message.contains("was stopped"), "{message}");
    assert_eq!(run.statuses("Contact"), ["STARTED", "RUNNING", "INCOMPLETE"]);
    let states = run.states("Contact");
    assert!(states.last().unwrap().0["job"].is_string(), "{states:?}");
}

/// REST holds each record with the names of its fields, so wide records take much memory.
#[tokio::test(flavor = "multi_thread")]
async fn auto_takes_a_query_job_for_few_wide_records() {
    let long = |number: usize| Field::textarea(&format!("Text_{number}__c"), 32_000);
    let wide = (0..60).map(long).fold(Object::custom("Wide__c"), Object::field);
    let world = World::with(Settings { objects: vec![wide], ..Settings::default() }).await;
    for _ in 0..200 {
        world.org.insert("Wide__c", &[("Text_0__c", "A sample")]).unwrap();
    }
    for (columns, jobs) in [(&["Id", "Text_0__c"][..], 0), (&[][..], 1)] {
        let run = world.read(json!({}), &catalog(&[("Wide__c", columns)])).await;
        run.assert_success();
        assert_eq!((run.records("Wide__c").len(), world.org.query_jobs().len()), (200, jobs));
    }
}

/// Only `queryAll` finds activities that Salesforce has archived, and it finds deleted ones too.
#[tokio::test(flavor = "multi_thread")]
async fn activities_are_asked_for_with_archived_ones_and_without_deleted_ones() {
    let world = World::kind().await;
    world.org.insert("Task", &[("Subject", "Call")]).unwrap();
    let deleted = world.org.insert("Task", &[("Subject", "Deleted")]).unwrap();
    assert!(world.org.recycle("Task", &deleted));
    for api in ["bulk", "rest"] {
        let run = world.read(json!({"api": api}), &catalog(&[("Task", &["Subject"])])).await;
        run.assert_success();
        assert_eq!(run.column("Task", "Subject"), ["Call"], "{api}");
    }
    assert_eq!(world.org.query_jobs()[0].query, "SELECT Subject FROM Task WHERE (IsDeleted = false)");
    let requests = world.org.requests();
    assert!(requests.iter().any(|request| request.endpoint == Endpoint::QueryAll));
    assert!(requests.iter().all(|request| request.endpoint != Endpoint::Query), "neither records nor counts");
}

/// The query is a part of the address of a REST call.
#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_is_too_long_for_rest_is_read_by_a_job_or_refused() {
    let world = World::kind().await;
    world.add_contacts(5);
    let names: Vec<String> = (0..400).map(|number| format!("'Nobody at all {number:06}'")).collect();
    let filter = format!("LastName = 'Person 1' OR LastName IN ({})", names.join(","));
    let run = world.read(json!({"streams": [{"stream": "Contact", "filter": filter}]}), &contacts()).await;
    run.assert_success();
    assert_eq!(run.column("Contact", "LastName"), ["Person 1"]);
    assert_eq!(world.org.query_jobs().len(), 1, "REST would take few records");
    let changes = json!({"api": "rest", "streams": [{"stream": "Contact", "filter": filter}]});
    let run = world.read(changes, &contacts()).await;
    let (kind, message) = run.failure();
    assert!(kind == "config_error" && message.contains("Contact is too long for REST"), "{kind}: {message}");
    assert!(run.statuses("Contact").is_empty());
}
