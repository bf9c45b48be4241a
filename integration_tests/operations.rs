//! Each operation, from the sync mode or from the settings, leaves exactly the expected records in the org.

use std::time::Duration;

use salesforce_sim::{Field, Object, Operation, Settings};
use serde_json::json;

use crate::protocol_model::Counts;
use crate::world::{World, catalog, complete, keyed, record, state, stream};

/// The values of some fields in each record of an object, sorted.
pub(crate) fn values(world: &World, object: &str, fields: &[&str]) -> Vec<Vec<String>> {
    let mut rows: Vec<Vec<String>> = world
        .org
        .records(object)
        .iter()
        .map(|record| fields.iter().map(|field| record[*field].clone().unwrap_or_else(|| "null".to_owned())).collect())
        .collect();
    rows.sort();
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn each_operation_leaves_exactly_the_expected_records() {
    let world = World::new().await;
    let insert = |object, values: &[(&str, &str)]| world.org.insert(object, values).unwrap();
    insert("Account", &[("Name", "Old"), ("External_Id__c", "A-1")]);
    let updated = insert("Lead", &[("LastName", "Before"), ("Company", "Example Ltd")]);
    let deleted = insert("Campaign", &[("Name", "Gone")]);
    let kept = insert("Campaign", &[("Name", "Kept")]);
    let hard_deleted = insert("Case", &[("Subject", "Gone for good")]);
    let mut by_settings = stream("closed_cases", "Case", &[("case_id", "string"), ("note", "string")]);
    by_settings.as_object_mut().unwrap().remove("destination_object_name");
    let streams = [
        stream("contacts", "Contact", &[("LastName", "string")]),
        keyed(
            stream("accounts", "Account", &[("External_Id__c", "string"), ("Name", "string")]),
            "append_dedup",
            "External_Id__c",
        ),
        keyed(stream("leads", "Lead", &[("Id", "string"), ("LastName", "string")]), "update", "Id"),
        keyed(stream("campaigns", "Campaign", &[("Id", "string"), ("Name", "string")]), "soft_delete", "Id"),
        by_settings,
    ];
    let lines = vec![
        record("contacts", json!({"LastName": "New"})),
        record("accounts", json!({"External_Id__c": "A-1", "Name": "Changed"})),
        record("accounts", json!({"External_Id__c": "A-2", "Name": "Created"})),
        record("leads", json!({"Id": updated, "LastName": "After"})),
        record("campaigns", json!({"Id": deleted, "Name": "ignored"})),
        record("closed_cases", json!({"case_id": hard_deleted, "note": "ignored", "more": "ignored"})),
        state("closed_cases", 1),
        complete("contacts"),
        complete("accounts"),
        complete("leads"),
        complete("campaigns"),
        complete("closed_cases"),
    ];
    let config = json!({"streams": [{
        "stream": "closed_cases", "object": "Case", "operation": "hard_delete",
        "fields": [{"source": "case_id", "target": "Id"}],
    }]});
    let run = world.write(config, catalog(&streams), lines).await;
    run.assert_success();
    assert_eq!(values(&world, "Contact", &["LastName"]), [["New"]]);
    assert_eq!(values(&world, "Account", &["External_Id__c", "Name"]), [["A-1", "Changed"], ["A-2", "Created"]]);
    assert_eq!(values(&world, "Lead", &["Id", "LastName"]), [[updated, "After".to_owned()]]);
    assert_eq!(values(&world, "Campaign", &["Id"]), [[kept]]);
    assert_eq!(world.org.count("Case"), 0);
    assert_eq!(run.states()[0].counts(), Counts { written: 1, rejected: 0 });
    let mut operations: Vec<_> = world.org.jobs().iter().map(|job| (job.object.clone(), job.operation)).collect();
    operations.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(
        operations,
        [
            ("Account".to_owned(), Operation::Upsert),
            ("Campaign".to_owned(), Operation::Delete),
            ("Case".to_owned(), Operation::HardDelete),
            ("Contact".to_owned(), Operation::Insert),
            ("Lead".to_owned(), Operation::Update),
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_null_leaves_a_checkbox_as_it_is_and_clears_other_fields() {
    let object = Object::custom("Item__c")
        .field(Field::text("Key__c", 20).external_id().unique())
        .field(Field::text("Label__c", 20))
        .field(Field::boolean("Flag__c"));
    let world = World::with(Settings { objects: vec![object], ..Settings::default() }).await;
    world.org.insert("Item__c", &[("Key__c", "K-1"), ("Label__c", "Old"), ("Flag__c", "true")]).unwrap();
    let fields = [("Key__c", "string"), ("Label__c", "string"), ("Flag__c", "boolean")];
    let streams = [keyed(stream("i", "Item__c", &fields), "append_dedup", "Key__c")];
    let lines = vec![
        record("i", json!({"Key__c": "K-1", "Label__c": null, "Flag__c": null})),
        record("i", json!({"Key__c": "K-2", "Label__c": null, "Flag__c": ""})),
        state("i", 1),
        complete("i"),
    ];
    let run = world.write(json!({"null_handling": "clear"}), catalog(&streams), lines).await;
    run.assert_success();
    assert_eq!(run.counts(), [Counts { written: 2, rejected: 0 }]);
    assert_eq!(
        values(&world, "Item__c", &["Key__c", "Label__c", "Flag__c"]),
        [["K-1", "null", "true"], ["K-2", "null", "false"]]
    );
}

/// The places of the requests of a job among all requests.
struct JobTimes {
    upload: usize,
    close: usize,
    last_poll: usize,
}

/// Forty versions of three records in many small, slow batches. The last version wins, because no job is closed before
/// the previous one has ended.
#[tokio::test(flavor = "multi_thread")]
async fn upserts_of_one_object_take_effect_in_record_order() {
    let world = World::with(Settings { time_per_batch: Duration::from_millis(50), ..Settings::default() }).await;
    let fields = [("External_Id__c", "string"), ("Name", "string"), ("Description", "string")];
    // Two streams that write the same object share one order.
    let streams = ["a", "b"].map(|name| keyed(stream(name, "Account", &fields), "append_dedup", "External_Id__c"));
    let mut lines = Vec::new();
    for version in 0..40 {
        for key in 0..3 {
            let data = json!({"External_Id__c": format!("K-{key}"), "Name": format!("v{version:02}"), "Description": "x".repeat(1_000)});
            lines.push(record(["a", "b"][usize::from(key == 2)], data));
        }
    }
    lines.extend([complete("a"), complete("b")]);
    let run = world.write(json!({"batch_size_mb": 0.01}), catalog(&streams), lines).await;
    run.assert_success();
    assert!(world.org.jobs().len() > 5);
    let expected = ["K-0", "K-1", "K-2"].map(|key| [key, "v39"]);
    assert_eq!(values(&world, "Account", &["External_Id__c", "Name"]), expected);
    // The next job is uploaded while the previous one runs. Only its close waits.
    let requests = world.org.requests();
    let times = |id: &str| {
        let first = |method: &str| requests.iter().position(|it| it.method == method && it.path.contains(id)).unwrap();
        let last_poll = requests.iter().rposition(|it| it.method == "GET" && it.path.contains(id)).unwrap();
        JobTimes { upload: first("PUT"), close: first("PATCH"), last_poll }
    };
    let mut jobs: Vec<JobTimes> = world.org.jobs().iter().map(|job| times(&job.id)).collect();
    jobs.sort_unstable_by_key(|job| job.close);
    let neighbours = || jobs.iter().zip(&jobs[1..]);
    for (previous, next) in neighbours() {
        assert!(previous.last_poll < next.close, "a job was closed before the previous one had ended");
    }
    assert!(neighbours().any(|(previous, next)| next.upload < previous.last_poll), "no upload overlapped");
}

#[tokio::test(flavor = "multi_thread")]
async fn null_keeps_or_clears_a_field_and_a_missing_field_keeps_it() {
    for (setting, expected) in [("ignore", ["old", "old", "old"]), ("clear", ["null", "old", "null"])] {
        let world = World::new().await;
        let fields = [("External_Id__c", "string"), ("Phone", "string"), ("Name", "string")];
        for key in ["1-null", "2-missing", "3-empty"] {
            world.org.insert("Account", &[("Name", "n"), ("External_Id__c", key), ("Phone", "old")]).unwrap();
        }
        let streams = [keyed(stream("a", "Account", &fields), "append_dedup", "External_Id__c")];
        let lines = vec![
            record("a", json!({"External_Id__c": "1-null", "Name": "n", "Phone": null})),
            record("a", json!({"External_Id__c": "2-missing", "Name": "n"})),
            record("a", json!({"External_Id__c": "3-empty", "Name": "n", "Phone": ""})),
            complete("a"),
        ];
        let run = world.write(json!({"null_handling": setting}), catalog(&streams), lines).await;
        run.assert_success();
        let phones: Vec<String> =
            values(&world, "Account", &["External_Id__c", "Phone"]).into_iter().map(|mut row| row.remove(1)).collect();
        assert_eq!(phones, expected, "{setting}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn related_records_are_found_by_external_id_flat_or_nested() {
    let world = World::new().await;
    let account = world.org.insert("Account", &[("Name", "Example Ltd"), ("External_Id__c", "A-1")]).unwrap();
    let flat = stream("flat", "Contact", &[("LastName", "string"), ("Account.External_Id__c", "string")]);
    let nested = stream("nested", "Contact", &[("LastName", "string"), ("Account", "object")]);
    let polymorphic = stream("tasks", "Task", &[("Subject", "string"), ("Contact:Who.Email", "string")]);
    world.org.insert("Contact", &[("LastName", "Asked"), ("Email", "asked@example.com")]).unwrap();
    let lines = vec![
        record("flat", json!({"LastName": "F", "Account.External_Id__c": "A-1"})),
        record("nested", json!({"LastName": "N", "Account": {"External_Id__c": "A-1"}})),
        record("nested", json!({"LastName": "W", "Account": {"External_Id__c": "missing"}})),
        record("tasks", json!({"Subject": "call", "Contact:Who.Email": "asked@example.com"})),
        complete("flat"),
        complete("nested"),
        complete("tasks"),
    ];
    let run = world.write(json!({}), catalog(&[flat, nested, polymorphic]), lines).await;
    run.assert_success();
    let contacts = values(&world, "Contact", &["LastName", "AccountId"]);
    assert_eq!(contacts, [["Asked", "null"], ["F", &account], ["N", &account]]);
    assert_eq!(world.org.count("Task"), 1);
    let rejected = world.rejected();
    assert_eq!(rejected[0]["_airbyte_data"]["Account"], json!({"External_Id__c": "missing"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_key_is_reported_before_anything_is_sent() {
    let world = World::new().await;
    let fields = [("External_Id__c", "string"), ("Name", "string")];
    let mut without = keyed(stream("without", "Account", &fields), "append_dedup", "Name");
    without["primary_key"] = json!([]);
    let mut several = keyed(stream("several", "Account", &fields), "append_dedup", "Name");
    several["primary_key"] = json!([["Name"], ["External_Id__c"]]);
    let streams = [
        keyed(stream("plain", "Account", &[("Phone", "string"), ("Name", "string")]), "append_dedup", "Phone"),
        keyed(stream("absent", "Account", &[("Name", "string")]), "append_dedup", "External_Id__c"),
        keyed(stream("misspelt", "Account", &fields), "append_dedup", "ExternalId"),
        keyed(stream("no_id", "Lead", &[("LastName", "string")]), "update", "Id"),
        keyed(stream("by_name", "Lead", &[("LastName", "string"), ("Title", "string")]), "update", "LastName"),
        without,
        several,
    ];
    let run = world.write(json!({}), catalog(&streams), Vec::new()).await;
    let (failure_type, message) = run.failure();
    assert_eq!(failure_type, "config_error");
    for part in [
        "Stream plain: its key Phone of Account is not an external id; choose one of External_Id__c, Legacy_Key__c, \
         Segment_Key__c",
        "Stream absent: upsert needs the field External_Id__c in every record, and the stream has no such field.",
        "Stream misspelt: its key ExternalId is not a field of Account; the nearest name is External_Id__c",
        "Stream no_id: update needs the field Id in every record, and the stream has no such field.",
        "Stream by_name: update needs the field Id in every record, and the stream has no such field.",
        "Stream without: an upsert needs a key, and the stream has none",
        "Stream several: an upsert takes a single field of Account as its key",
    ] {
        assert!(message.contains(part), "{part}\n{message}");
    }
    assert!(world.org.jobs().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_without_a_schema_takes_its_key_from_the_records() {
    let world = World::new().await;
    let updated = world.org.insert("Lead", &[("LastName", "Before"), ("Company", "Example Ltd")]).unwrap();
    let deleted = world.org.insert("Campaign", &[("Name", "Gone")]).unwrap();
    let streams = [
        keyed(stream("accounts", "Account", &[]), "append_dedup", "External_Id__c"),
        keyed(stream("leads", "Lead", &[]), "update", "Id"),
        keyed(stream("campaigns", "Campaign", &[]), "soft_delete", "Id"),
    ];
    let lines = vec![
        record("accounts", json!({"Name": "without a key"})),
        record("accounts", json!({"External_Id__c": "A-1", "Name": "first"})),
        record("accounts", json!({"External_Id__c": "A-1", "Name": "last"})),
        record("leads", json!({"lead_id": updated, "LastName": "After"})),
        record("campaigns", json!({"Id": deleted, "Name": "ignored"})),
        complete("accounts"),
        complete("leads"),
        complete("campaigns"),
    ];
    let rename = json!({"streams": [{"stream": "leads", "fields": [{"source": "lead_id", "target": "Id"}]}]});
    let run = world.write(rename, catalog(&streams), lines).await;
    run.assert_success();
    assert_eq!(values(&world, "Account", &["Name"]), [["last"]]);
    assert_eq!(values(&world, "Lead", &["LastName"]), [["After"]]);
    assert_eq!(world.org.count("Campaign"), 0);
    let reasons: Vec<_> = world.rejected().iter().map(|row| row["_airbyte_data"]["rejected_reason"].clone()).collect();
    assert_eq!(reasons, ["MISSING_ARGUMENT"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_new_field_ends_the_sync_after_the_rows_before_it() {
    for (new, problem) in [
        (json!({"LastName": "B", "FirstName": "new", "shoe_size": 42}), "shoe_size is not a field of Contact"),
        (json!({"LastName": "B", "lastname": "b"}), "two of its fields would become LastName of Contact"),
    ] {
        let world = World::new().await;
        let streams = [stream("c", "Contact", &[("LastName", "string")])];
        let lines = vec![record("c", json!({"LastName": "A"})), state("c", 1), record("c", new)];
        let run = world.write(json!({}), catalog(&streams), lines).await;
        let (failure_type, message) = run.failure();
        assert_eq!(failure_type, "config_error", "{message}");
        assert!(message.contains(problem), "{message}");
        assert!(message.ends_with("Everything before it is loaded."), "{message}");
        assert_eq!(run.counts(), [Counts { written: 1, rejected: 0 }]);
        assert_eq!(values(&world, "Contact", &["LastName"]), [["A"]]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_never_truncated() {
    let world = World::new().await;
    let fields = [("External_Id__c", "string"), ("Name", "string")];
    let streams = [keyed(stream("a", "Account", &fields), "append_dedup", "External_Id__c")];
    let long = "x".repeat(64);
    world.org.insert("Account", &[("Name", "Another"), ("External_Id__c", &long)]).unwrap();
    let lines = vec![record("a", json!({"External_Id__c": format!("{long}-1"), "Name": "n"})), complete("a")];
    world.write(json!({"truncate_text": true}), catalog(&streams), lines).await.assert_success();
    assert_eq!(values(&world, "Account", &["Name"]), [["Another"]]);
    assert_eq!(world.rejected().len(), 1);
}
