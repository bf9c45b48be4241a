//! The kinds of keys, and what a value may contain.

use serde_json::{Value, json};

use super::{contact, contacts, lines, reasons, settings};
use crate::operations::values;
use crate::protocol_model::Counts;
use crate::world::{World, catalog, complete, record, state, stream};

/// Updates the one account whose `field` has `stored`, by the key `sent`. Returns the reason of the rejection, if it is
/// not found.
async fn find_account(field: &str, stored: &str, sent: &Value) -> Option<String> {
    let world = World::new().await;
    world.org.insert("Account", &[("Name", "old"), (field, stored)]).unwrap();
    world.org.insert("Account", &[("Name", "other")]).unwrap();
    let json_type = if sent.is_number() { "number" } else { "string" };
    let catalog = catalog(&[stream("a", "Account", &[(field, json_type), ("Fax", "string")])]);
    let records = lines(&[json!({field: sent, "Fax": "found"})]);
    let run = world.write(settings("update", json!({"fields": [field]})), catalog, records).await;
    run.assert_success();
    let rejected = reasons(&world).first().cloned();
    let left = values(&world, "Account", &["Name", "Fax"]);
    let fax = if rejected.is_none() { "found" } else { "null" };
    assert_eq!(left, [["old", fax], ["other", "null"]], "{field} {sent}");
    rejected
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_each_type_find_their_records() {
    for (field, stored, sent) in [
        ("External_Id__c", "A-1", json!("a-1")),
        ("Name", "old", json!("OLD ")),
        ("Phone", "+49 30 1234", json!("+49 30 1234")),
        ("Legacy_Key__c", "Exact", json!("Exact")),
        ("Score__c", "12.5", json!(12.50)),
        ("AnnualRevenue", "12000000", json!(1.2e7)),
        ("NumberOfEmployees", "7", json!(7)),
        ("Customer_Since__c", "2026-01-31", json!("2026-01-31T00:00:00Z")),
        ("Last_Order_At__c", "2026-01-31T07:30:00Z", json!("2026-01-31T09:30:00+02:00")),
        ("Industry", "Banking", json!("Banking")),
    ] {
        assert_eq!(find_account(field, stored, &sent).await, None, "{field}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_each_type_do_not_find_what_differs() {
    for (field, stored, sent) in [
        ("Legacy_Key__c", "Exact", json!("exact")),
        ("Score__c", "12.5", json!(12.6)),
        ("Score__c", "12.5", json!("n/a")),
        ("Customer_Since__c", "2026-01-31", json!("2026-02-01")),
        ("Last_Order_At__c", "2026-01-31T07:30:00Z", json!("2026-01-31T07:30:01Z")),
        ("External_Id__c", "A-1", json!("x".repeat(5_000))),
    ] {
        let reason = find_account(field, stored, &sent).await.unwrap();
        // A number that is none is refused when it is converted.
        assert!(["NO_MATCH", "INVALID_TYPE_ON_FIELD_IN_RECORD"].contains(&reason.as_str()), "{field}: {reason}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_and_references_find_records_in_either_form() {
    let world = World::new().await;
    let account = world.org.insert("Account", &[("Name", "Example Ltd")]).unwrap();
    let id = contact(&world, &[("LastName", "child"), ("AccountId", &account)]);
    contact(&world, &[("LastName", "other")]);
    for (field, value) in [("AccountId", &account[..]), ("AccountId", &account[..15]), ("Id", &id), ("Id", &id[..15])] {
        let records = lines(&[json!({field: value, "Title": format!("by {field} {}", value.len())})]);
        let run =
            world.write(settings("update", json!({"fields": [field]})), contacts(&[field, "Title"]), records).await;
        run.assert_success();
        let found = format!("by {field} {}", value.len());
        assert_eq!(values(&world, "Contact", &["LastName", "Title"]), [["child", found.as_str()], ["other", "null"]]);
    }
    let not_ids = ["x' OR Id != null OR Id = '", "003", ""].map(|value| json!({"Id": value, "Title": "wrong"}));
    let run =
        world.write(settings("update", json!({"fields": ["Id"]})), contacts(&["Id", "Title"]), lines(&not_ids)).await;
    run.assert_success();
    assert_eq!(reasons(&world), ["MISSING_ARGUMENT", "NO_MATCH", "NO_MATCH"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_can_be_a_field_of_a_related_record_together_with_others() {
    let world = World::new().await;
    for (key, name) in [("A-1", "Example Ltd"), ("A-2", "Sample Ltd")] {
        world.org.insert("Account", &[("Name", name), ("External_Id__c", key)]).unwrap();
    }
    let accounts = world.org.records("Account");
    for account in &accounts {
        for name in ["Ann", "Bo"] {
            contact(&world, &[("LastName", name), ("AccountId", account["Id"].as_deref().unwrap())]);
        }
    }
    let matching = json!({"fields": ["Account.External_Id__c", "LastName"]});
    let columns = ["Account.External_Id__c", "LastName", "Title"];
    let of = |key: &str, name: &str| json!({"Account.External_Id__c": key, "LastName": name, "Title": format!("{key} {name}")});
    let records = [of("a-1", "ann"), of("A-2", "Bo"), of("A-9", "Ann"), of("A-2", "Cy")];
    let run = world.write(settings("update", matching.clone()), contacts(&columns), lines(&records)).await;
    run.assert_success();
    assert_eq!(run.counts(), [Counts { written: 2, rejected: 2 }]);
    let titles = [["Ann", "a-1 ann"], ["Ann", "null"], ["Bo", "A-2 Bo"], ["Bo", "null"]];
    assert_eq!(values(&world, "Contact", &["LastName", "Title"]), titles);
    // A nested object is the same.
    let nested =
        catalog(&[stream("a", "Contact", &[("Account", "object"), ("LastName", "string"), ("Title", "string")])]);
    let records = [json!({"Account": {"External_Id__c": "A-1"}, "LastName": "Bo", "Title": "nested"})];
    let run = world.write(settings("update", matching.clone()), nested, lines(&records)).await;
    run.assert_success();
    assert_eq!(run.counts(), [Counts { written: 1, rejected: 0 }]);
    // Created records get their parent by the key.
    let run = world.write(settings("upsert", matching), contacts(&columns), lines(&[of("A-2", "Cy")])).await;
    run.assert_success();
    let created = world.org.records("Contact").into_iter().find(|it| it["LastName"].as_deref() == Some("Cy")).unwrap();
    assert_eq!(created["AccountId"], accounts[1]["Id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_may_contain_any_character() {
    let names = [
        "O'Neil",
        "back\\slash",
        "\\'",
        "a, b",
        "50% _off_",
        "say \"x\"",
        "two\nlines",
        "tab\there",
        "' OR Name != '",
        "M\u{fc}ller \u{6771}\u{4eac} \u{1f600}",
        "null",
        "true",
        "a&b=c#d+e%20f",
        "{json}",
        "-- comment",
        "\u{2028}line",
    ];
    let world = World::new().await;
    for name in names {
        contact(&world, &[("LastName", name), ("Department", name)]);
    }
    let records: Vec<Value> = names.iter().map(|name| json!({"LastName": name, "Title": name})).collect();
    let run = world
        .write(settings("update", json!({"fields": ["LastName"]})), contacts(&["LastName", "Title"]), lines(&records))
        .await;
    run.assert_success();
    assert_eq!(run.counts(), [Counts { written: names.len() as u64, rejected: 0 }], "{:?}", world.rejected());
    for row in values(&world, "Contact", &["Department", "Title"]) {
        assert_eq!(row[0], row[1]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_org_says_whether_a_record_that_may_have_a_key_is_meant() {
    let world = World::new().await;
    contact(&world, &[("LastName", "m\u{fc}ller")]);
    let records =
        [json!({"LastName": "M\u{dc}LLER", "Title": "the same"}), json!({"LastName": "Muller", "Title": "another"})];
    let run = world
        .write(settings("upsert", json!({"fields": ["LastName"]})), contacts(&["LastName", "Title"]), lines(&records))
        .await;
    run.assert_success();
    // The org of the tests compares the lower case of letters, with their accents.
    assert_eq!(reasons(&world), [""; 0]);
    assert_eq!(values(&world, "Contact", &["LastName", "Title"]), [["Muller", "another"], ["m\u{fc}ller", "the same"]]);
}

/// Rows of a checkbox and a name, of which the first names a contact with the checkbox off.
async fn find_by_checkbox(rows: usize) {
    let world = World::kind().await;
    for number in 0..rows {
        contact(&world, &[("LastName", &format!("N{number}")), ("HasOptedOutOfEmail", "false")]);
    }
    let records: Vec<Value> = (0..rows)
        .map(|number| json!({"LastName": format!("N{number}"), "HasOptedOutOfEmail": false, "Title": "found"}))
        .collect();
    let streams = catalog(&[stream(
        "a",
        "Contact",
        &[("LastName", "string"), ("HasOptedOutOfEmail", "boolean"), ("Title", "string")],
    )]);
    let matching = json!({"fields": ["LastName", "HasOptedOutOfEmail"]});
    let run = world.write(settings("upsert", matching), streams, lines(&records)).await;
    run.assert_success();
    assert_eq!(run.counts(), [Counts { written: rows as u64, rejected: 0 }]);
    assert_eq!(world.org.count("Contact"), rows, "no contact is there twice");
    assert!(values(&world, "Contact", &["Title"]).iter().all(|row| row[0] == "found"));
    let jobs = world.org.requests().iter().filter(|it| it.endpoint == salesforce_sim::Endpoint::QueryJobCreate).count();
    assert_eq!(jobs, usize::from(rows > 1_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkbox_that_is_off_finds_its_record_in_lists() {
    find_by_checkbox(3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkbox_that_is_off_finds_its_record_by_a_query_job() {
    find_by_checkbox(2_000).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_created_or_skipped_that_may_be_in_the_org() {
    for on_missing in ["insert", "skip"] {
        for (field, json_type, value, keeps) in [
            ("AnnualRevenue", "string", json!("12,000"), false),
            ("AnnualRevenue", "number", json!(12_345_678_901_234_567_u64), false),
            ("AnnualRevenue", "number", json!(12_000), true),
            ("NumberOfEmployees", "number", json!(7.5), false),
            ("NumberOfEmployees", "number", json!(99_999_999_999_u64), false),
            ("Last_Order_At__c", "string", json!("2026-01-31T07:30:00.250Z"), false),
            ("Last_Order_At__c", "string", json!("2026-01-31T07:30:00Z"), true),
            ("Fax", "string", json!("1 Example Street\r\nBack"), false),
            ("Fax", "string", json!("1 Example Street"), true),
            ("External_Id__c", "string", json!("x".repeat(5_000)), false),
        ] {
            let world = World::new().await;
            let streams = catalog(&[stream("a", "Account", &[(field, json_type), ("Name", "string")])]);
            let matching = json!({"fields": [field], "on_missing": on_missing});
            let records = lines(&[json!({field: value, "Name": "new"})]);
            let run = world.write(settings("upsert", matching), streams, records).await;
            run.assert_success();
            let expected: &[&str] = if keeps { &[] } else { &["UNCERTAIN_MATCH"] };
            assert_eq!(reasons(&world), expected, "{on_missing} {field} {value}");
            let created = usize::from(keeps && on_missing == "insert");
            assert_eq!(world.org.count("Account"), created, "{on_missing} {field} {value}");
        }
    }
}

/// Salesforce may save an accent with its letter, and no document says so. A query job, which the many keys need, finds the record.
#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_may_have_the_key_is_neither_written_nor_taken_for_missing() {
    let world = World::kind().await;
    contact(&world, &[("LastName", "M\u{fc}ller"), ("Title", "old")]);
    let keys = (0..2_000).map(|number| format!("{number:0>80}")).chain(["Mu\u{308}ller".to_owned()]);
    let records: Vec<Value> = keys.map(|key| json!({"LastName": key, "Title": "new"})).collect();
    let matching = json!({"fields": ["LastName"], "on_missing": "reject"});
    let run = world.write(settings("upsert", matching), contacts(&["LastName", "Title"]), lines(&records)).await;
    run.assert_success();
    let reasons = reasons(&world);
    assert_eq!(reasons.len(), 2_001);
    assert_eq!(reasons[1_999..], ["NO_MATCH", "UNCERTAIN_MATCH"]);
    assert_eq!(values(&world, "Contact", &["LastName", "Title"]), [["M\u{fc}ller", "old"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_may_be_named_as_the_source_names_its_columns() {
    let world = World::new().await;
    contact(&world, &[("LastName", "Example"), ("Email", "ann@example.com")]);
    let config = json!({"streams": [{
        "stream": "a", "object": "Contact", "operation": "update", "match": {"fields": ["mail"]},
        "fields": [{"source": "mail", "target": "Email"}, {"source": "job", "target": "Title"}],
    }]});
    let streams = catalog(&[stream("a", "Contact", &[("mail", "string"), ("job", "string")])]);
    let run = world
        .write(
            config,
            streams,
            lines(&[json!({"mail": "ANN@example.com", "job": "Dr."}), json!({"mail": "x@example.com", "job": "no"})]),
        )
        .await;
    run.assert_success();
    assert_eq!(values(&world, "Contact", &["Email", "Title"]), [["ann@example.com", "Dr."]]);
    let data = &world.rejected()[0]["_airbyte_data"];
    assert_eq!((&data["mail"], &data["job"]), (&json!("x@example.com"), &json!("no")), "under the names of the source");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_without_a_schema_shows_its_keys_in_its_records() {
    let world = World::new().await;
    contact(&world, &[("LastName", "Example"), ("Email", "ann@example.com")]);
    let mut streams = stream("a", "Contact", &[]);
    streams["stream"]["json_schema"] = json!({});
    let lines = vec![
        record("a", json!({"Title": "no key"})),
        record("a", json!({"Email": "ann@example.com", "Title": "found"})),
        state("a", 1),
        complete("a"),
    ];
    let run = world.write(settings("update", json!({"fields": ["Email"]})), catalog(&[streams]), lines).await;
    run.assert_success();
    assert_eq!(reasons(&world), ["MISSING_ARGUMENT"]);
    assert_eq!(values(&world, "Contact", &["Title"]), [["found"]]);
}
