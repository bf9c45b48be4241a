//! Keys: which rows mean the same record, and what becomes of several rows of one record.

use salesforce_sim::{Field, Object, RowFault, Settings};
use serde_json::{Value, json};

use crate::operations::values;
use crate::protocol_model::Counts;
use crate::world::{World, catalog, complete, keyed, record, state, stream};

/// A catalog with one stream `a`, which upserts by a key.
fn upsert(object: &str, key: &str, fields: &[&str]) -> Value {
    let fields: Vec<(&str, &str)> = fields.iter().map(|field| (*field, "string")).collect();
    catalog(&[keyed(stream("a", object, &fields), "append_dedup", key)])
}

/// Writes accounts with these keys and names, and returns the keys and names in the org.
async fn accounts_by(key: &str, rows: &[(&str, &str)]) -> (World, Vec<Vec<String>>) {
    let world = World::new().await;
    let rows_of = |(value, name): &(&str, &str)| record("a", json!({key: value, "Name": name}));
    let mut lines: Vec<String> = rows.iter().map(rows_of).collect();
    lines.extend([state("a", 1), complete("a")]);
    let run = world.write(json!({}), upsert("Account", key, &[key, "Name"]), lines).await;
    run.assert_success();
    assert_eq!(run.counts(), [Counts { written: rows.len() as u64, rejected: 0 }]);
    let values = values(&world, "Account", &[key, "Name"]);
    (world, values)
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_one_key_are_merged_and_all_count_as_written() {
    let world = World::new().await;
    let lines = vec![
        record("a", json!({"External_Id__c": "x-1", "Name": "first", "Phone": "1", "Fax": "1"})),
        record("a", json!({"External_Id__c": "x-2", "Name": "other"})),
        state("a", 1),
        record("a", json!({"External_Id__c": "X-1", "Phone": "2", "Fax": null})),
        record("a", json!({"External_Id__c": null, "Name": "without a key"})),
        record("a", json!({"External_Id__c": " ", "Name": "with a blank key"})),
        state("a", 2),
        complete("a"),
    ];
    let catalog = upsert("Account", "External_Id__c", &["External_Id__c", "Name", "Phone", "Fax"]);
    let run = world.write(json!({}), catalog, lines).await;
    run.assert_success();
    assert_eq!(
        values(&world, "Account", &["External_Id__c", "Name", "Phone", "Fax"]),
        [["X-1", "first", "2", "1"], ["x-2", "other", "null", "null"]]
    );
    assert_eq!(world.org.jobs()[0].rows, 2);
    assert_eq!(run.counts(), [Counts { written: 2, rejected: 0 }, Counts { written: 1, rejected: 2 }]);
    let reasons: Vec<_> = world.rejected().iter().map(|row| row["_airbyte_data"]["rejected_reason"].clone()).collect();
    assert_eq!(reasons, ["MISSING_ARGUMENT", "MISSING_ARGUMENT"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_clear_a_null_among_merged_rows_is_a_value() {
    let world = World::new().await;
    for key in ["1", "2"] {
        world.org.insert("Account", &[("Name", "n"), ("External_Id__c", key), ("Phone", "old")]).unwrap();
    }
    let lines = vec![
        record("a", json!({"External_Id__c": "1", "Phone": "new"})),
        record("a", json!({"External_Id__c": "2", "Phone": null})),
        record("a", json!({"External_Id__c": "1", "Phone": null})),
        record("a", json!({"External_Id__c": "2", "Phone": "new"})),
        record("a", json!({"External_Id__c": "1", "Name": "m"})),
        state("a", 1),
        complete("a"),
    ];
    let catalog = upsert("Account", "External_Id__c", &["External_Id__c", "Name", "Phone"]);
    let run = world.write(json!({"null_handling": "clear"}), catalog, lines).await;
    run.assert_success();
    let expected = [["1", "m", "null"], ["2", "n", "new"]];
    assert_eq!(values(&world, "Account", &["External_Id__c", "Name", "Phone"]), expected);
    assert_eq!(world.org.jobs()[0].rows, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_one_id_are_merged_in_either_form_of_the_id() {
    let world = World::new().await;
    let id = world.org.insert("Account", &[("Name", "old")]).unwrap();
    let fields = [("Id", "string"), ("Name", "string"), ("Phone", "string")];
    let streams = [keyed(stream("a", "Account", &fields), "update", "Id")];
    let lines = vec![
        record("a", json!({"Id": id, "Name": "new", "Phone": "1"})),
        record("a", json!({"Id": &id[..15], "Phone": "2"})),
        state("a", 1),
        complete("a"),
    ];
    let run = world.write(json!({}), catalog(&streams), lines).await;
    run.assert_success();
    assert_eq!(run.counts(), [Counts { written: 2, rejected: 0 }]);
    assert_eq!(values(&world, "Account", &["Name", "Phone"]), [["new", "2"]]);
    assert_eq!(world.org.jobs()[0].rows, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_merged_row_rejects_each_of_its_records_and_says_how_many() {
    let world = World::new().await;
    let lines = vec![
        record("a", json!({"External_Id__c": "C-1", "LastName": "Example", "Email": "ann@example.com"})),
        state("a", 1),
        record("a", json!({"External_Id__c": "C-2", "LastName": "Sample"})),
        record("a", json!({"External_Id__c": "C-1", "Title": "Dr."})),
        record("a", json!({"External_Id__c": "C-1", "Email": "no address"})),
        state("a", 2),
        complete("a"),
    ];
    let catalog = upsert("Contact", "External_Id__c", &["External_Id__c", "LastName", "Email", "Title"]);
    let run = world.write(json!({}), catalog, lines).await;
    run.assert_success();
    assert_eq!(run.counts(), [Counts { written: 0, rejected: 1 }, Counts { written: 1, rejected: 2 }]);
    let rejected = world.rejected();
    assert_eq!(rejected.len(), 1);
    let data = &rejected[0]["_airbyte_data"];
    assert_eq!(data["rejected_reason"], "INVALID_EMAIL_ADDRESS");
    assert_eq!(
        data["rejected_message"],
        "Email: invalid email address: no address (The row stands for 3 records with one key.)"
    );
    assert_eq!([&data["LastName"], &data["Title"], &data["Email"]], ["Example", "Dr.", "no address"]);
    assert_eq!(values(&world, "Contact", &["LastName"]), [["Sample"]]);
    let reason = run.log("WARN").into_iter().find(|log| log.contains("INVALID_EMAIL_ADDRESS")).unwrap();
    assert!(reason.contains("count=3"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_merged_row_is_sent_again_as_it_is_for_all_its_records() {
    let world = World::new().await;
    let lock = "UNABLE_TO_LOCK_ROW:unable to obtain exclusive access to this record:--";
    world.org.inject(RowFault::new("Contact", lock).when(|row| row.get("External_Id__c") == Some("C-1")).times(1));
    let lines = vec![
        record("a", json!({"External_Id__c": "C-1", "LastName": "Example"})),
        state("a", 1),
        record("a", json!({"External_Id__c": "C-2", "LastName": "Sample"})),
        record("a", json!({"External_Id__c": "C-1", "Title": "Dr."})),
        state("a", 2),
        complete("a"),
    ];
    let catalog = upsert("Contact", "External_Id__c", &["External_Id__c", "LastName", "Title"]);
    let run = world.write(json!({}), catalog, lines).await;
    run.assert_success();
    assert_eq!(run.counts(), [Counts { written: 1, rejected: 0 }, Counts { written: 2, rejected: 0 }]);
    assert_eq!(values(&world, "Contact", &["LastName", "Title"]), [["Example", "Dr."], ["Sample", "null"]]);
    assert_eq!(world.org.jobs().iter().map(|job| job.rows).sum::<usize>(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_compared_as_the_org_compares_them() {
    for (key, rows, expected) in [
        // Not unique, so case counts.
        ("Segment_Key__c", &[("ab-1", "lower"), ("AB-1", "UPPER")][..], &[["AB-1", "UPPER"], ["ab-1", "lower"]][..]),
        // Unique and case-sensitive.
        ("Legacy_Key__c", &[("k", "small"), ("K", "large")], &[["K", "large"], ["k", "small"]]),
        // Unique, and not case-sensitive.
        ("External_Id__c", &[("k", "small"), ("K", "large")], &[["K", "large"]]),
        // Spaces at the ends do not count.
        ("External_Id__c", &[("T-1", "one"), ("T-1 ", "two"), (" T-1", "three"), ("T-1 ", "four")], &[["T-1", "four"]]),
    ] {
        let (world, values) = accounts_by(key, rows).await;
        assert_eq!(values, expected, "{key}");
        assert_eq!(world.org.jobs().len(), 1, "{key}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_each_type_are_merged_only_if_they_are_certainly_the_same() {
    let contact = json!({"LastName": "Example"});
    let subscription = json!({"Starts_On__c": "2026-01-31"});
    for (object, key, values, others, rows) in [
        // Case in a standard field, and in a type other than text.
        ("Contact", "Email", [json!("Ann@example.com"), json!("ann@example.com")], &contact, &[1, 1][..]),
        ("Contact", "Email", [json!("ann@example.com"), json!(" ann@example.com ")], &contact, &[1]),
        (
            "Subscription__c",
            "Billing_Email__c",
            [json!("Ann@example.com"), json!("ann@example.com")],
            &subscription,
            &[1, 1],
        ),
        // A number without decimal places.
        ("Subscription__c", "Subscription_Number__c", [json!(7), json!("07.0")], &subscription, &[1]),
        ("Subscription__c", "Subscription_Number__c", [json!(7), json!(6.7)], &subscription, &[1, 1]),
        ("Subscription__c", "Subscription_Number__c", [json!(7), json!(7.5)], &subscription, &[2]),
    ] {
        let world = World::new().await;
        let mut fields = vec![key];
        fields.extend(others.as_object().unwrap().keys().map(String::as_str));
        let row = |value: &Value| {
            let mut data = others.clone();
            data[key] = value.clone();
            record("a", data)
        };
        let mut lines: Vec<String> = values.iter().map(row).collect();
        lines.extend([state("a", 1), complete("a")]);
        let run = world.write(json!({}), upsert(object, key, &fields), lines).await;
        run.assert_success();
        assert_eq!(run.counts(), [Counts { written: 2, rejected: 0 }], "{key} {values:?}");
        assert_eq!(world.org.jobs().iter().map(|job| job.rows).collect::<Vec<_>>(), rows, "{key} {values:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn merged_rows_name_one_related_record() {
    let world = World::new().await;
    world.org.insert("Account", &[("Name", "one"), ("External_Id__c", "A-1")]).unwrap();
    let other = world.org.insert("Account", &[("Name", "other")]).unwrap();
    let lines = vec![
        record("a", json!({"External_Id__c": "C-1", "LastName": "Example", "Account.External_Id__c": "A-1"})),
        record("a", json!({"External_Id__c": "C-1", "AccountId": other})),
        record("a", json!({"External_Id__c": "C-1", "LastName": "Sample"})),
        state("a", 1),
        complete("a"),
    ];
    let fields = ["External_Id__c", "LastName", "AccountId", "Account.External_Id__c"];
    let run = world.write(json!({}), upsert("Contact", "External_Id__c", &fields), lines).await;
    run.assert_success();
    assert_eq!(run.counts(), [Counts { written: 3, rejected: 0 }]);
    assert_eq!(values(&world, "Contact", &["LastName", "AccountId"]), [["Sample", &other]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_may_be_the_same_are_written_by_jobs_one_after_the_other() {
    let rows = [("\u{e9}-1", "first"), ("e-1", "second"), ("other", "third"), ("\u{e9}-1", "last")];
    let (world, values) = accounts_by("External_Id__c", &rows).await;
    assert_eq!(values, [["e-1", "second"], ["other", "third"], ["\u{e9}-1", "last"]]);
    let requests = world.org.requests();
    let place = |id: &str, method: &str| requests.iter().rposition(|it| it.method == method && it.path.contains(id));
    let mut jobs = world.org.jobs();
    jobs.sort_by_key(|job| place(&job.id, "PATCH"));
    assert_eq!(jobs.iter().map(|job| job.rows).collect::<Vec<_>>(), [2, 1, 1]);
    for pair in jobs.windows(2) {
        assert!(place(&pair[0].id, "GET") < place(&pair[1].id, "PATCH"), "closed before the one before it had ended");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_nobody_may_write_is_reported_before_anything_is_sent() {
    let object = Object::custom("Item__c")
        .field(Field::text("Label__c", 20))
        .field(Field::text("Key__c", 20).external_id().unique())
        .field(Field::auto_number("Number__c", "{0000}").external_id())
        .field(Field::text("Computed__c", 20).formula().external_id())
        .field(Field::text("Locked__c", 20).read_only().external_id());
    let world = World::with(Settings { objects: vec![object], ..Settings::default() }).await;
    let of_item = |name: &str, key: &str| {
        keyed(stream(name, "Item__c", &[(key, "string"), ("Label__c", "string")]), "append_dedup", key)
    };
    let streams = [
        of_item("numbered", "Number__c"),
        of_item("computed", "Computed__c"),
        of_item("locked", "Locked__c"),
        keyed(
            stream("cases", "Case", &[("CaseNumber", "string"), ("Subject", "string")]),
            "append_dedup",
            "CaseNumber",
        ),
        // A standard field with idLookup is a key.
        keyed(stream("contacts", "Contact", &[("Email", "string"), ("LastName", "string")]), "append_dedup", "Email"),
    ];
    let run = world.write(json!({}), catalog(&streams), Vec::new()).await;
    let (failure_type, message) = run.failure();
    assert_eq!(failure_type, "config_error");
    for (stream, key, object, why) in [
        ("numbered", "Number__c", "Item__c", "is numbered by Salesforce"),
        ("computed", "Computed__c", "Item__c", "is a formula"),
        ("locked", "Locked__c", "Item__c", "cannot be written by the signed-in user"),
        ("cases", "CaseNumber", "Case", "is numbered by Salesforce"),
    ] {
        let other = if object == "Case" { "Ticket_Number__c" } else { "Key__c" };
        let sentence = format!(
            "Stream {stream}: its key {key} of {object} cannot be the key of an upsert, because it {why}, so no record can \
             be created with it; choose one of {other}, or set the operation `update` with `Id` for records that exist."
        );
        assert!(message.contains(&sentence), "{sentence}\n{message}");
    }
    assert!(!message.contains("contacts"), "{message}");
    assert!(world.org.jobs().is_empty());
}
