//! Bugs of other loaders that this connector must not have.

use salesforce_sim::RowFault;
use serde_json::{Value, json};

use crate::protocol_model::Counts;
use crate::world::{World, catalog, complete, contact_catalog, keyed, record, state, stream};

fn upsert(name: &str, object: &str, fields: &[(&str, &str)]) -> Value {
    keyed(stream(name, object, fields), "append_dedup", "External_Id__c")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_column_does_not_clear_the_field() {
    let world = World::new().await;
    world.org.insert("Account", &[("Name", "n"), ("External_Id__c", "A"), ("Phone", "kept")]).unwrap();
    let fields = [("External_Id__c", "string"), ("Name", "string"), ("Phone", "string")];
    let lines = vec![
        record("a", json!({"External_Id__c": "A", "Name": "n"})),
        record("a", json!({"External_Id__c": "B", "Name": "n", "Phone": "new"})),
        complete("a"),
    ];
    let streams = [upsert("a", "Account", &fields)];
    world.write(json!({"null_handling": "clear"}), catalog(&streams), lines).await.assert_success();
    assert_eq!(world.values("Account", "Phone"), [Some("kept".to_owned()), Some("new".to_owned())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_first_seen_in_later_records_are_not_dropped_or_shifted() {
    let world = World::new().await;
    let lines = vec![
        record("c", json!({"LastName": "A"})),
        record("c", json!({"Title": "T", "LastName": "B"})),
        record("c", json!({"Department": "D", "Title": "T", "LastName": "C"})),
        record("c", json!({"LastName": "E"})),
        complete("c"),
    ];
    world.write(json!({}), contact_catalog(), lines).await.assert_success();
    let mut rows: Vec<_> = world
        .org
        .records("Contact")
        .into_iter()
        .map(|row| ["LastName", "Title", "Department"].map(|name| row[name].clone().unwrap_or_default()).join("|"))
        .collect();
    rows.sort();
    assert_eq!(rows, ["A||", "B|T|", "C|T|D", "E||"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_named_type_and_attributes_are_not_removed() {
    let world = World::new().await;
    let fields = [("Name", "string"), ("Type", "string")];
    let lines = vec![record("a", json!({"Name": "n", "Type": "Partner"})), complete("a")];
    world.write(json!({}), catalog(&[stream("a", "Account", &fields)]), lines).await.assert_success();
    assert_eq!(world.values("Account", "Type"), [Some("Partner".to_owned())]);
    let lines = vec![record("a", json!({"Name": "n", "attributes": {"type": "Account"}})), complete("a")];
    let run = world.write(json!({}), catalog(&[stream("a", "Account", &fields)]), lines).await;
    assert!(run.failure().1.contains("attributes"), "{}", run.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn non_latin_text_is_not_damaged_in_rejected_records() {
    let world = World::new().await;
    world.org.inject(RowFault::new("Contact", "FIELD_CUSTOM_VALIDATION_EXCEPTION:Grüße, 東京:--"));
    // Long enough for letters of several bytes to cross the end of every buffer.
    let description = "Zoë 東京 😀, \"quoted\"; ".repeat(700);
    let lines: Vec<String> = (0..40)
        .map(|number| record("c", json!({"LastName": format!("Ŀ{number}"), "Description": description})))
        .chain([state("c", 1), complete("c")])
        .collect();
    let fields = [("LastName", "string"), ("Description", "string")];
    let run = world.write(json!({}), catalog(&[stream("c", "Contact", &fields)]), lines).await;
    run.assert_success();
    let rejected = world.rejected();
    assert_eq!(rejected.len(), 40);
    for row in &rejected {
        assert_eq!(row["_airbyte_data"]["Description"], *description);
        assert_eq!(row["_airbyte_data"]["rejected_message"], "Grüße, 東京");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_carriage_return_in_a_value_does_not_fail_the_job() {
    let world = World::new().await;
    let lines = vec![
        record("c", json!({"LastName": "A", "Description": "one\rtwo\r\nthree\n"})),
        record("c", json!({"LastName": "\r"})),
        complete("c"),
    ];
    let fields = [("LastName", "string"), ("Description", "string")];
    world.write(json!({}), catalog(&[stream("c", "Contact", &fields)]), lines).await.assert_success();
    let descriptions = world.values("Contact", "Description");
    assert!(descriptions.contains(&Some("one\ntwo\nthree\n".to_owned())), "{descriptions:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_with_quotes_and_commas_is_not_written_unescaped() {
    let world = World::new().await;
    let fields = [("External_Id__c", "string"), ("Name", "string")];
    let keys = ["a,b", "say \"x\"", "two\nlines", "\"", "é;|\t"];
    let mut lines: Vec<String> =
        keys.iter().map(|key| record("a", json!({"External_Id__c": key, "Name": key}))).collect();
    lines.push(complete("a"));
    world.write(json!({}), catalog(&[upsert("a", "Account", &fields)]), lines).await.assert_success();
    let mut expected: Vec<_> = keys.iter().map(|key| Some((*key).to_owned())).collect();
    expected.sort();
    assert_eq!(world.values("Account", "External_Id__c"), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delete_ignores_every_field_but_the_id() {
    let world = World::new().await;
    let [one, other] = ["1", "2"].map(|name| world.org.insert("Account", &[("Name", name)]).unwrap());
    let mut accounts = stream("a", "Account", &[("Id", "string"), ("Name", "string"), ("shoe_size", "integer")]);
    accounts["destination_sync_mode"] = json!("soft_delete");
    let lines = vec![
        record("a", json!({"Id": one})),
        record("a", json!({"Id": other, "Name": "more", "shoe_size": 42, "hat": "x"})),
        complete("a"),
    ];
    world.write(json!({}), catalog(&[accounts]), lines).await.assert_success();
    assert_eq!(world.org.count("Account"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upsert_accepts_a_create_only_field() {
    let world = World::new().await;
    let invoice = world.org.insert("Invoice__c", &[("Amount__c", "1")]).unwrap();
    let fields = [("External_Id__c", "string"), ("Invoice__c", "string"), ("Quantity__c", "integer")];
    let lines =
        vec![record("l", json!({"External_Id__c": "L-1", "Invoice__c": invoice, "Quantity__c": 3})), complete("l")];
    world.write(json!({}), catalog(&[upsert("l", "Invoice_Line__c", &fields)]), lines).await.assert_success();
    assert_eq!(world.values("Invoice_Line__c", "Quantity__c"), [Some("3".to_owned())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn quotes_count_towards_the_batch_size() {
    let world = World::new().await;
    let fields = [("LastName", "string"), ("Description", "string")];
    let mut lines: Vec<String> = (0..30)
        .map(|number| record("c", json!({"LastName": format!("L{number}"), "Description": "\"".repeat(2_000)})))
        .collect();
    lines.push(complete("c"));
    let run = world.write(json!({"batch_size_mb": 0.01}), catalog(&[stream("c", "Contact", &fields)]), lines).await;
    run.assert_success();
    assert!(world.org.jobs().iter().all(|job| job.uploaded_bytes.unwrap() <= 10_000));
    assert_eq!(world.org.count("Contact"), 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_record_without_a_key_does_not_fail_the_others() {
    let world = World::new().await;
    let fields = [("External_Id__c", "string"), ("Name", "string")];
    let lines = vec![
        record("a", json!({"External_Id__c": "A", "Name": "a"})),
        record("a", json!({"Name": "without"})),
        record("a", json!({"External_Id__c": "B", "Name": "b"})),
        state("a", 1),
        complete("a"),
    ];
    let run = world.write(json!({}), catalog(&[upsert("a", "Account", &fields)]), lines).await;
    run.assert_success();
    assert_eq!(run.states()[0].counts(), Counts { written: 2, rejected: 1 });
    assert_eq!(world.org.count("Account"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn large_numbers_keep_every_digit() {
    let world = World::new().await;
    let fields = [("Subscription_Number__c", "number"), ("Starts_On__c", "string")];
    let line = r#"{"type":"RECORD","record":{"stream":"s","data":{"Subscription_Number__c":900719925474099317,"Starts_On__c":"2026-01-31"},"emitted_at":1}}"#;
    let refused = line.replace("2026-01-31", "#N/A");
    let run = world
        .write(
            json!({}),
            catalog(&[stream("s", "Subscription__c", &fields)]),
            vec![line.to_owned(), refused, complete("s")],
        )
        .await;
    run.assert_success();
    assert_eq!(world.values("Subscription__c", "Subscription_Number__c"), [Some("900719925474099317".to_owned())]);
    let objects = world.rejected_objects();
    let text = String::from_utf8(objects[0].1.clone()).unwrap();
    assert!(text.contains(r#""Subscription_Number__c":900719925474099317,"#), "{text}");
}
