//! Which records are printed, and the table of them.

use serde_json::{Value, json};

use super::{Printed, stored_line};
use crate::world::World;

/// A bucket with five records of two streams, by their `Id`.
async fn world_with_records() -> World {
    let world = World::kind().await;
    let line = |reason: &str, id: u64| stored_line(7, reason, json!({"Id": id}));
    world.put("7/crm/contacts/a.jsonl", line("INVALID_EMAIL_ADDRESS", 1) + &line("DUPLICATE_VALUE", 2));
    world.put("7/crm/accounts/a.jsonl", line("DUPLICATE_VALUE", 3));
    world.put("7/erp/contacts/a.jsonl", line("DUPLICATE_VALUE", 4) + &line("INVALID_EMAIL_ADDRESS", 5));
    world
}

fn ids(printed: &Printed) -> Vec<u64> {
    let mut ids: Vec<u64> = printed.success().iter().map(|record| record["data"]["Id"].as_u64().unwrap()).collect();
    ids.sort_unstable();
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_chosen_by_stream_namespace_and_reason() {
    let world = world_with_records().await;
    let cases: &[(&[&str], &[u64])] = &[
        (&[], &[1, 2, 3, 4, 5]),
        (&["--stream", "contacts"], &[1, 2, 4, 5]),
        (&["--stream", "crm.contacts"], &[1, 2]),
        (&["--stream", "contacts", "--namespace", "erp"], &[4, 5]),
        (&["--stream=accounts", "--stream=erp.contacts"], &[3, 4, 5]),
        (&["--namespace", "crm"], &[1, 2, 3]),
        (&["--reason", "DUPLICATE_VALUE"], &[2, 3, 4]),
        (&["--reason=duplicate_value", "--stream", "crm.contacts"], &[2]),
        (&["--reason=DUPLICATE_VALUE", "--reason=INVALID_EMAIL_ADDRESS"], &[1, 2, 3, 4, 5]),
        (&["--reason", "NO_SUCH_REASON"], &[]),
    ];
    for (options, expected) in cases {
        assert_eq!(ids(&world.rejected_records(json!({}), options).await), *expected, "{options:?}");
    }
    let log = world.rejected_records(json!({}), &["--reason", "NO_SUCH_REASON"]).await.log();
    let other_namespace = world.rejected_records(json!({}), &["--namespace", "shop"]).await.log();
    assert!(other_namespace.contains("There are: crm.accounts, crm.contacts, erp.contacts."), "{other_namespace}");
    assert!(log.contains("No record has this reason. There are: DUPLICATE_VALUE, INVALID_EMAIL_ADDRESS."), "{log}");
    assert!(world.is_untouched(), "it signs in nowhere");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_stream_is_an_error_that_lists_those_that_there_are() {
    let world = world_with_records().await;
    let printed = world.rejected_records(json!({}), &["--stream", "contacts", "--stream", "Contact"]).await;
    let (failure_type, message) = printed.failure();
    assert_eq!(failure_type, "config_error");
    assert_eq!(
        message,
        "There are no rejected records of the stream Contact. There are some of: crm.accounts, crm.contacts, \
         erp.contacts."
    );
    assert_eq!(printed.records().len(), 4, "the others are printed");
}

/// The id of a row says when its record was rejected. Without such an id it is the time of the object.
#[tokio::test(flavor = "multi_thread")]
async fn since_compares_the_time_of_the_rejection() {
    let world = World::kind().await;
    let at = |id: &str, number: u64| {
        stored_line(7, "X", json!({"Id": number})).replace("6f2b0a52-3c1f-4d3a-9b57-0d9f3f6b7a11", id)
    };
    // 2026-03-04T05:06:07.089Z and 2026-03-05T00:00:00.000Z in the first 48 bits.
    let rows = [
        at("019cb73d-3271-7000-8000-000000000001", 1),
        at("019cbb4b-4c00-7000-8000-000000000002", 2),
        stored_line(7, "X", json!({"Id": 3})),
    ];
    world.put("7/contacts/a.jsonl", rows.concat());
    let [early, late] = [&rows[0], &rows[1]].map(|row| {
        let row: Value = serde_json::from_str(row).unwrap();
        uuid_time(row["_airbyte_raw_id"].as_str().unwrap())
    });
    let cases = [
        ("2020-01-01".to_owned(), vec![1, 2, 3]),
        (early.to_string(), vec![1, 2, 3]),
        ((early + std::time::Duration::from_millis(1)).to_string(), vec![2, 3]),
        (late.to_string(), vec![2, 3]),
        ((late + std::time::Duration::from_millis(1)).to_string(), vec![3]),
        ("2199-01-01".to_owned(), vec![]),
    ];
    for (since, expected) in cases {
        assert_eq!(ids(&world.rejected_records(json!({}), &["--since", &since]).await), expected, "{since}");
    }
    let (failure_type, message) = world.rejected_records(json!({}), &["--since", "March"]).await.failure();
    assert_eq!(failure_type, "config_error");
    assert!(message.contains("--since") && message.contains("a day such as 2026-03-04"), "{message}");
}

fn uuid_time(id: &str) -> jiff::Timestamp {
    let milliseconds = i64::from_str_radix(&id.replace('-', "")[..12], 16).unwrap();
    jiff::Timestamp::from_millisecond(milliseconds).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_summary_counts_by_stream_reason_and_field() {
    let world = world_with_records().await;
    world.put("notes.txt", "not rejected records");
    let printed = world.rejected_records(json!({}), &["--summary"]).await;
    assert_eq!(printed.exit_code, 0);
    let cells = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let lines: Vec<Vec<String>> = printed.stdout.lines().map(cells).collect();
    let first: Vec<[&str; 4]> =
        lines[..6].iter().map(|line| std::array::from_fn(|column| line[column].as_str())).collect();
    let expected = [
        ["stream", "reason", "field", "records"],
        ["crm.accounts", "DUPLICATE_VALUE", "Email", "1"],
        ["crm.contacts", "DUPLICATE_VALUE", "Email", "1"],
        ["crm.contacts", "INVALID_EMAIL_ADDRESS", "Email", "1"],
        ["erp.contacts", "DUPLICATE_VALUE", "Email", "1"],
        ["erp.contacts", "INVALID_EMAIL_ADDRESS", "Email", "1"],
    ];
    assert_eq!(first, expected, "{}", printed.stdout);
    assert!(printed.stdout.contains("rejected_records/7/crm/accounts/a.jsonl  a message\n"), "{}", printed.stdout);
    assert!(
        printed
            .stdout
            .ends_with("\n5 records in 3 objects; skipped, because they are not rejected records: 1 other file\n"),
        "{}",
        printed.stdout
    );
    let chosen = world.rejected_records(json!({}), &["--summary", "--stream", "accounts"]).await;
    assert!(chosen.stdout.contains("crm.accounts") && !chosen.stdout.contains("crm.contacts"), "{}", chosen.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn records_without_a_stream_need_its_name_and_get_no_wrong_one() {
    let world = World::kind().await;
    let line = |id: u64| stored_line(7, "X", json!({"Id": id}));
    world.put("a.jsonl", line(1));
    world.put("b.jsonl", line(2));
    let (failure_type, message) = world.rejected_records(json!({}), &[]).await.failure();
    assert_eq!(failure_type, "config_error");
    assert!(
        message.starts_with("2 objects do not say which stream their rejected records belong to, such as")
            && message.contains("rejected_records/a.jsonl")
            && message.contains("--nameless-are"),
        "{message}"
    );
    for name in ["contacts", "crm.contacts"] {
        let printed = world.rejected_records(json!({}), &["--stream", name]).await;
        assert!(printed.failure().1.contains("--nameless-are") && printed.records().is_empty(), "{}", printed.stdout);
    }
    let printed = world.rejected_records(json!({}), &["--nameless-are", "contacts", "--namespace", "crm"]).await;
    assert_eq!(ids(&printed), [1, 2]);
    assert!(printed.log().contains("records=2 objects=2 other_files=0"), "{}", printed.log());
    for record in printed.records() {
        assert_eq!((&record["namespace"], &record["stream"]), (&json!("crm"), &json!("contacts")));
    }
    let summary = world.rejected_records(json!({}), &["--summary"]).await;
    assert!(summary.exit_code == 0 && summary.stdout.contains("(not known)"), "{}", summary.stdout);

    // Now there are other streams too, and each record has its own.
    world.put("7/accounts/a.jsonl", line(3));
    world.put("7/contacts/a.jsonl", line(4));
    let printed = world.rejected_records(json!({}), &["--stream", "contacts"]).await;
    assert!(printed.failure().1.contains("--nameless-are"), "{}", printed.stdout);
    assert_eq!(printed.records().len(), 1, "{}", printed.stdout);
    let options = ["--stream", "contacts", "--nameless-are"];
    assert_eq!(ids(&world.rejected_records(json!({}), &[&options[..], &["contacts"]].concat()).await), [1, 2, 4]);
    assert_eq!(ids(&world.rejected_records(json!({}), &[&options[..], &["leads"]].concat()).await), [4]);
}

/// `write` merges the records of one key, and the last one wins: so a later version comes later.
#[tokio::test(flavor = "multi_thread")]
async fn records_come_back_in_the_order_in_which_they_were_rejected() {
    let world = World::kind().await;
    let mut expected = Vec::new();
    for (sync, parts) in [(999, 0..11), (1000, 0..2)] {
        for part in parts {
            let id = sync * 100 + part;
            let key = format!("{sync}/contacts/2026_03_04_1772600767089_{part}.jsonl");
            world.put(&key, stored_line(sync, "X", json!({"Id": id})));
            expected.push(id);
        }
    }
    let records = world.rejected_records(json!({}), &[]).await.success();
    let found: Vec<u64> = records.iter().map(|record| record["data"]["Id"].as_u64().unwrap()).collect();
    assert_eq!(found, expected);
}

/// A page of the list has a thousand objects.
#[tokio::test(flavor = "multi_thread")]
async fn every_page_of_the_list_is_read() {
    let world = World::kind().await;
    for number in 0..1_005 {
        world.put(&format!("7/contacts/{number:04}.jsonl"), stored_line(7, "X", json!({"Id": number})));
    }
    assert_eq!(ids(&world.rejected_records(json!({}), &[]).await), (0..1_005).collect::<Vec<u64>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_bucket_is_a_success_and_no_bucket_an_error() {
    let world = World::kind().await;
    for options in [&[][..], &["--stream", "contacts"], &["--summary"]] {
        let printed = world.rejected_records(json!({}), options).await;
        assert_eq!(printed.exit_code, 0, "{}", printed.stdout);
        assert!(!printed.stdout.contains("\"RECORD\""), "{}", printed.stdout);
    }
    for storage in [Value::Null, json!({"storage_type": "None"})] {
        let printed = world.rejected_records(json!({"object_storage_config": storage}), &[]).await;
        let (failure_type, message) = printed.failure();
        assert_eq!(failure_type, "config_error");
        assert!(message.starts_with("No bucket and no folder is configured"), "{message}");
    }
}
