//! What becomes of records that are there, missing or there several times, with each operation.

use salesforce_sim::{Endpoint, RowFault};
use serde_json::{Value, json};

use super::{contact, contacts, lines, logs, reasons, settings};
use crate::operations::values;
use crate::protocol_model::Counts;
use crate::world::{World, catalog, keyed, stream};

/// What became of a record of the stream.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Written,
    Rejected(&'static str),
}

use Outcome::{Rejected, Written};

/// Writes one record each for a contact that is there once, one that is missing and one that is there twice, and returns
/// what became of them and the contacts that are left.
async fn write(operation: &str, on_missing: Option<&str>, on_several: &str) -> (Vec<Outcome>, Vec<Vec<String>>) {
    let world = World::new().await;
    for (name, email) in [("once", "one@example.com"), ("twice", "two@example.com"), ("twice", "TWO@example.com")] {
        contact(&world, &[("LastName", name), ("Email", email)]);
    }
    let mut matching = json!({"fields": ["Email"], "on_several": on_several});
    if let Some(on_missing) = on_missing {
        matching["on_missing"] = json!(on_missing);
    }
    let records = ["ONE@example.com", "none@example.com", "two@example.com"]
        .map(|email| json!({"Email": email, "LastName": "written", "Title": email}));
    let run =
        world.write(settings(operation, matching), contacts(&["Email", "LastName", "Title"]), lines(&records)).await;
    run.assert_success();
    let rejected = world.rejected();
    let outcome = |record: &Value| {
        let mut of_record =
            rejected.iter().map(|row| &row["_airbyte_data"]).filter(|row| row["Email"] == record["Email"]);
        of_record.next().map_or(Written, |row| {
            let known = ["NO_MATCH", "SEVERAL_MATCHES"].into_iter().find(|code| row["rejected_reason"] == *code);
            if !operation.ends_with("delete") {
                assert_eq!(row["LastName"], record["LastName"], "a rejected record is as the source sent it");
            }
            Rejected(known.unwrap())
        })
    };
    let outcomes: Vec<Outcome> = records.iter().map(outcome).collect();
    let written = outcomes.iter().filter(|outcome| **outcome == Written).count() as u64;
    assert_eq!(run.counts(), [Counts { written, rejected: 3 - written }]);
    (outcomes, values(&world, "Contact", &["LastName", "Email"]))
}

#[tokio::test(flavor = "multi_thread")]
async fn each_operation_does_with_found_and_missing_records_what_is_chosen() {
    let is_update = |operation: &str| matches!(operation, "update" | "upsert");
    for operation in ["update", "upsert", "delete", "hard_delete"] {
        for on_missing in [None, Some("insert"), Some("reject"), Some("skip")] {
            let creates = operation == "upsert" && matches!(on_missing, None | Some("insert"));
            if on_missing == Some("insert") && !creates {
                continue;
            }
            for on_several in ["reject", "update_all"] {
                let (outcomes, left) = write(operation, on_missing, on_several).await;
                let missing = if creates || on_missing == Some("skip") { Written } else { Rejected("NO_MATCH") };
                let several = if on_several == "update_all" { Written } else { Rejected("SEVERAL_MATCHES") };
                let case = format!("{operation} {on_missing:?} {on_several}");
                assert_eq!(outcomes, [Written, missing, several], "{case}");
                let mut expected = Vec::new();
                if is_update(operation) {
                    expected.push(["written", "one@example.com"]);
                }
                if creates {
                    expected.push(["written", "none@example.com"]);
                }
                let name = if on_several == "update_all" { "written" } else { "twice" };
                if is_update(operation) || on_several == "reject" {
                    expected.extend([[name, "TWO@example.com"], [name, "two@example.com"]]);
                }
                expected.sort_unstable();
                assert_eq!(left, expected, "{case}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_an_update_is_not_sent_and_keeps_its_spelling() {
    let (_, left) = write("update", None, "reject").await;
    assert!(left.contains(&vec!["written".to_owned(), "one@example.com".to_owned()]), "{left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn several_matches_name_some_ids_and_say_how_many_there_are() {
    let world = World::new().await;
    let ids: Vec<String> =
        (0..9).map(|_| contact(&world, &[("LastName", "same"), ("Email", "same@example.com")])).collect();
    let catalog = contacts(&["Email", "Title"]);
    let run = world
        .write(
            settings("update", json!({"fields": ["Email"]})),
            catalog,
            lines(&[json!({"Email": "same@example.com", "Title": "x"})]),
        )
        .await;
    run.assert_success();
    let data = &world.rejected()[0]["_airbyte_data"];
    let message = data["rejected_message"].as_str().unwrap();
    assert!(
        message.starts_with("9 records of Contact have this Email: ") && message.ends_with(" and more."),
        "{message}"
    );
    assert_eq!(ids.iter().filter(|id| message.contains(id.as_str())).count(), 5);
    assert_eq!((data["rejected_field"].as_str(), data["Title"].as_str()), (Some("Email"), Some("x")));
    assert!(world.org.jobs().is_empty(), "nothing is sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_more_records_than_may_be_written_is_rejected() {
    let world = World::kind().await;
    for (count, email) in [(10_001, "many@example.com"), (10_000, "most@example.com")] {
        for _ in 0..count {
            contact(&world, &[("LastName", email), ("Email", email)]);
        }
    }
    let matching = json!({"fields": ["Email"], "on_several": "update_all"});
    let records = ["many@example.com", "most@example.com"].map(|email| json!({"Email": email, "Title": "new"}));
    let run = world.write(settings("update", matching), contacts(&["Email", "Title"]), lines(&records)).await;
    run.assert_success();
    assert_eq!(run.counts(), [Counts { written: 1, rejected: 1 }]);
    assert_eq!(reasons(&world), ["SEVERAL_MATCHES"]);
    assert_eq!(world.org.jobs().iter().map(|job| job.rows).sum::<usize>(), 10_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_whose_rows_need_several_jobs_counts_once() {
    for failing in [None, Some(45)] {
        let world = World::new().await;
        let ids: Vec<String> =
            (0..60).map(|_| contact(&world, &[("LastName", "same"), ("Email", "same@example.com")])).collect();
        if let Some(failing) = failing {
            let id = ids[failing].clone();
            let fault = RowFault::new("Contact", "FIELD_CUSTOM_VALIDATION_EXCEPTION:no:Title --");
            world.org.inject(fault.when(move |row| row.get("Id") == Some(id.as_str())));
        }
        let mut config = settings("update", json!({"fields": ["Email"], "on_several": "update_all"}));
        config["batch_size_mb"] = json!(0.01);
        let records = [json!({"Email": "same@example.com", "Description": "x".repeat(400)})];
        let run = world.write(config, contacts(&["Email", "Description"]), lines(&records)).await;
        run.assert_success();
        let rejected = u64::from(failing.is_some());
        assert_eq!(run.counts(), [Counts { written: 1 - rejected, rejected }]);
        let jobs: Vec<usize> = world.org.jobs().iter().map(|job| job.rows).collect();
        assert_eq!((jobs.len(), jobs.iter().sum::<usize>()), (3, 60), "{jobs:?}");
        let rejected: Vec<_> = world.rejected().iter().map(|row| row["_airbyte_data"]["Email"].clone()).collect();
        assert_eq!(rejected, vec![json!("same@example.com"); usize::from(failing.is_some())]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn skipped_records_count_as_written_and_are_reported() {
    let world = World::new().await;
    let matching = json!({"fields": ["Email"], "on_missing": "skip"});
    let records = ["a@example.com", "b@example.com"].map(|email| json!({"Email": email, "Title": "x"}));
    let run = world.write(settings("update", matching), contacts(&["Email", "Title"]), lines(&records)).await;
    run.assert_success();
    assert_eq!(run.counts(), [Counts { written: 2, rejected: 0 }]);
    assert!(logs(&run, "INFO", &["looked up records", "found=0", "skipped=2"]), "{}", run.stdout);
    assert!(logs(&run, "INFO", &["stream ended", "committed=0", "skipped=2"]), "{}", run.stdout);
    assert!(world.org.jobs().is_empty());
}

/// An upsert creates what is missing, so a record that is there has what was asked for.
#[tokio::test(flavor = "multi_thread")]
async fn a_record_with_its_key_alone_is_rejected_by_an_update_and_skipped_by_an_upsert() {
    for (operation, written, left) in [("update", 0, 1), ("upsert", 1, 1), ("delete", 1, 0)] {
        let world = World::new().await;
        contact(&world, &[("LastName", "Example"), ("Email", "ann@example.com")]);
        let mut streams = stream("a", "Contact", &[]);
        streams["stream"]["json_schema"] = json!({});
        let (matching, records) = (json!({"fields": ["Email"]}), [json!({"Email": "ann@example.com"})]);
        let run = world.write(settings(operation, matching), catalog(&[streams]), lines(&records)).await;
        run.assert_success();
        assert_eq!(run.counts(), [Counts { written, rejected: 1 - written }], "{operation}");
        assert_eq!(reasons(&world).len() as u64, 1 - written, "{operation}");
        assert_eq!(world.org.count("Contact"), left, "{operation}");
        assert_eq!(world.org.jobs().len(), usize::from(operation == "delete"), "{operation}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_whose_key_is_empty_is_rejected() {
    let world = World::new().await;
    contact(&world, &[("LastName", "Example"), ("FirstName", "Ann")]);
    let matching = json!({"fields": ["LastName", "FirstName"]});
    let records = [
        json!({"LastName": "Example", "FirstName": "Ann", "Title": "found"}),
        json!({"LastName": "Example", "FirstName": null, "Title": "no first name"}),
        json!({"LastName": " ", "FirstName": "Ann", "Title": "blank"}),
        json!({"FirstName": "Ann", "Title": "no last name"}),
    ];
    for operation in ["update", "upsert"] {
        let catalog = contacts(&["LastName", "FirstName", "Title"]);
        let run = world.write(settings(operation, matching.clone()), catalog, lines(&records)).await;
        run.assert_success();
        assert_eq!(run.counts(), [Counts { written: 1, rejected: 3 }]);
    }
    assert_eq!(reasons(&world), ["MISSING_ARGUMENT"; 6]);
    assert_eq!(values(&world, "Contact", &["Title"]), [["found"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_several_rows_is_rejected_when_one_of_them_is() {
    let world = World::new().await;
    for title in ["1", "2", "3"] {
        contact(&world, &[("LastName", "same"), ("Email", "same@example.com"), ("Department", title)]);
    }
    let other = contact(&world, &[("LastName", "other"), ("Email", "other@example.com")]);
    let failing = world.org.records("Contact")[1]["Id"].clone().unwrap();
    world.org.inject(
        RowFault::new("Contact", "FIELD_CUSTOM_VALIDATION_EXCEPTION:no:Title --")
            .when(move |row| row.get("Id") == Some(failing.as_str())),
    );
    let matching = json!({"fields": ["Email"], "on_several": "update_all"});
    let records = ["same@example.com", "other@example.com"].map(|email| json!({"Email": email, "Title": "new"}));
    let run = world.write(settings("update", matching), contacts(&["Email", "Title"]), lines(&records)).await;
    run.assert_success();
    assert_eq!(run.counts(), [Counts { written: 1, rejected: 1 }]);
    assert_eq!(values(&world, "Contact", &["Title"]), [["new"], ["new"], ["new"], ["null"]]);
    let rejected = world.rejected();
    assert_eq!((rejected.len(), &rejected[0]["_airbyte_data"]["Email"]), (1, &json!("same@example.com")));
    assert!(!rejected[0]["_airbyte_data"].as_object().unwrap().contains_key("Id"), "the source has no such column");
    drop(other);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_row_is_sent_again_and_keeps_its_key_when_it_is_rejected() {
    let world = World::new().await;
    contact(&world, &[("LastName", "Example"), ("Email", "ann@example.com")]);
    world.org.inject(RowFault::new("Contact", "UNABLE_TO_LOCK_ROW:locked:--").times(2));
    world.org.inject(RowFault::new("Contact", "FIELD_CUSTOM_VALIDATION_EXCEPTION:no:Title --"));
    let records = [json!({"Email": "ann@example.com", "Title": 5})];
    let run = world
        .write(settings("update", json!({"fields": ["Email"]})), contacts(&["Email", "Title"]), lines(&records))
        .await;
    run.assert_success();
    let data = &world.rejected()[0]["_airbyte_data"];
    assert_eq!((&data["Email"], &data["Title"]), (&json!("ann@example.com"), &json!(5)));
    assert_eq!(world.org.jobs().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn found_and_missing_records_keep_the_json_types_of_their_values_when_they_are_rejected() {
    let world = World::new().await;
    contact(&world, &[("LastName", "Example"), ("Email", "ann@example.com")]);
    // Each row is sent twice.
    world.org.inject(RowFault::new("Contact", "UNABLE_TO_LOCK_ROW:locked:--").times(1));
    world.org.inject(RowFault::new("Contact", "FIELD_CUSTOM_VALIDATION_EXCEPTION:no:Title --"));
    let records = [
        json!({"Email": "ann@example.com", "LastName": "7", "Title": 5}),
        json!({"Email": "bob@example.com", "LastName": 7, "Title": "5"}),
        json!({"Email": "cid@example.com", "LastName": "7", "Title": 5}),
    ];
    let contacts = contacts(&["Email", "LastName", "Title"]);
    let run = world.write(settings("upsert", json!({"fields": ["Email"]})), contacts, lines(&records)).await;
    run.assert_success();
    assert_eq!(run.counts(), [Counts { written: 0, rejected: 3 }]);
    let mut rejected: Vec<Value> = world
        .rejected()
        .iter()
        .map(|row| &row["_airbyte_data"])
        .map(|data| json!({"Email": data["Email"], "LastName": data["LastName"], "Title": data["Title"]}))
        .collect();
    rejected.sort_by_key(|data| data["Email"].to_string());
    assert_eq!(rejected, records);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_or_delete_whose_primary_key_is_an_external_id_works_without_an_entry() {
    for (mode, left) in [("update", vec![["X-1", "new"], ["X-2", "old"]]), ("soft_delete", vec![["X-2", "old"]])] {
        let world = World::new().await;
        for key in ["X-1", "X-2"] {
            world.org.insert("Account", &[("Name", "old"), ("External_Id__c", key)]).unwrap();
        }
        let fields = [("External_Id__c", "string"), ("Name", "string")];
        let catalog = catalog(&[keyed(stream("a", "Account", &fields), mode, "External_Id__c")]);
        let records = ["x-1", "X-9"].map(|key| json!({"External_Id__c": key, "Name": "new"}));
        let run = world.write(json!({}), catalog, lines(&records)).await;
        run.assert_success();
        assert_eq!(run.counts(), [Counts { written: 1, rejected: 1 }]);
        assert_eq!(values(&world, "Account", &["External_Id__c", "Name"]), left);
        assert_eq!(reasons(&world), ["NO_MATCH"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_as_the_primary_key_is_not_looked_for() {
    let world = World::new().await;
    let id = contact(&world, &[("LastName", "old")]);
    let fields = [("Id", "string"), ("LastName", "string")];
    let catalog = catalog(&[keyed(stream("a", "Contact", &fields), "update", "Id")]);
    let run = world.write(json!({}), catalog, lines(&[json!({"Id": id, "LastName": "new"})])).await;
    run.assert_success();
    assert_eq!(values(&world, "Contact", &["LastName"]), [["new"]]);
    assert!(!world.org.requests().iter().any(|request| request.endpoint == Endpoint::Query));
}

#[tokio::test(flavor = "multi_thread")]
async fn external_id_field_is_for_updates_and_deletes_too() {
    let world = World::new().await;
    contact(&world, &[("LastName", "old"), ("External_Id__c", "C-1")]);
    let config = json!({"streams": [{"stream": "a", "operation": "update", "external_id_field": "External_Id__c"}]});
    let records = [json!({"External_Id__c": "c-1", "LastName": "new"})];
    let run = world.write(config, contacts(&["External_Id__c", "LastName"]), lines(&records)).await;
    run.assert_success();
    assert_eq!(values(&world, "Contact", &["LastName", "External_Id__c"]), [["new", "C-1"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_with_too_many_jobs_before_it_keeps_its_key_and_gets_no_id() {
    let world = World::new().await;
    contact(&world, &[("LastName", "One"), ("Email", "one@example.com")]);
    // No document says what a text of a space does to a value, so it is not merged.
    let records: Vec<Value> = (0..210)
        .map(|number| json!({"Email": "one@example.com", "Title": if number % 2 == 0 { "x" } else { " " }}))
        .collect();
    let run = world
        .write(settings("update", json!({"fields": ["Email"]})), contacts(&["Email", "Title"]), lines(&records))
        .await;
    run.assert_success();
    let rejected = world.rejected();
    assert!(!rejected.is_empty());
    for row in &rejected {
        let data = &row["_airbyte_data"];
        assert_eq!(data["rejected_reason"], "TOO_MANY_JOBS_FOR_KEY");
        assert_eq!((&data["Email"], data.get("Id")), (&json!("one@example.com"), None), "{data}");
    }
    let written = 210 - rejected.len() as u64;
    assert_eq!(run.counts(), [Counts { written, rejected: rejected.len() as u64 }]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_rejected_under_its_id_gets_all_its_keys_back() {
    let world = World::new().await;
    let keys = ["ann@example.com", "Sales, \"East\"", "+1 555 0100"];
    contact(&world, &[("LastName", "Example"), ("Email", keys[0]), ("Department", keys[1]), ("Phone", keys[2])]);
    world.org.inject(RowFault::new("Contact", "FIELD_CUSTOM_VALIDATION_EXCEPTION:no:Title --"));
    let names = ["Email", "Department", "Phone"];
    for count in 1..=3 {
        let mut record = json!({"Title": "new"});
        names.iter().zip(keys).take(count).for_each(|(name, key)| record[name] = json!(key));
        let columns = [&names[..count], &["Title"]].concat();
        let settings = settings("update", json!({"fields": names[..count]}));
        let run = world.write(settings, contacts(&columns), lines(&[record])).await;
        run.assert_success();
        assert_eq!(run.counts(), [Counts { written: 0, rejected: 1 }]);
        let rejected = world.rejected();
        let is_of_run = |it: &&serde_json::Map<String, Value>| {
            names.iter().filter(|name| it["_airbyte_data"].get(**name).is_some()).count() == count
        };
        let found: Vec<_> = rejected.iter().filter(is_of_run).map(|it| &it["_airbyte_data"]).collect();
        assert_eq!(found.len(), 1, "{rejected:?}");
        for (name, key) in names.iter().zip(keys).take(count) {
            assert_eq!(found[0][name], key, "{count} keys");
        }
    }
}
