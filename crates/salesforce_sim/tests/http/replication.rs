//! `/updated` and `/deleted`.

use std::time::Duration;

use salesforce_sim::{Object, Settings};
use serde_json::{Value, json};

use crate::client::Client;

const MINUTE: i64 = 60;
const DAY: i64 = 24 * 60 * MINUTE;

/// A call for a span of time, in seconds since 1970.
fn call(object: &str, what: &str, start: i64, end: i64) -> String {
    let moment = |second: i64| jiff::Timestamp::from_second(second).unwrap().to_string().replace(':', "%3A");
    format!("sobjects/{object}/{what}/?start={}&end={}", moment(start), moment(end))
}

fn json_moment(second: i64) -> Value {
    json!(jiff::Timestamp::from_second(second).unwrap().strftime("%Y-%m-%dT%H:%M:%S.000+0000").to_string())
}

/// An org whose clock stands at the beginning of a minute.
async fn start(settings: Settings) -> (Client, i64) {
    let client = Client::start(settings).await;
    client.org.stop_clock();
    let now = client.org.now();
    (client, now)
}

fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes * 60)
}

#[tokio::test]
async fn the_changed_and_the_deleted_records_of_a_span_are_named() {
    let (client, t) = start(Settings::default()).await;
    let org = &client.org;
    let [a, b, c] = ["a", "b", "c"].map(|name| org.insert("Account", &[("Name", name)]).unwrap());
    org.advance_clock(minutes(5));
    org.update("Account", &a, &[("Name", "a2")]);
    org.recycle("Account", &b);
    org.erase("Account", &c);
    org.advance_clock(minutes(5));

    let updated = client.get(&call("Account", "updated", t, t + 2 * MINUTE)).await.json();
    assert_eq!(updated, json!({"ids": [], "latestDateCovered": json_moment(t + 2 * MINUTE)}), "it was changed since");
    // Seconds do not count, so the change of the fifth minute is before the end.
    let updated = client.get(&call("Account", "updated", t + 5 * MINUTE + 59, t + 9 * MINUTE + 59)).await.json();
    assert_eq!(updated, json!({"ids": [a], "latestDateCovered": json_moment(t + 9 * MINUTE)}));
    let updated = client.get(&call("Account", "updated", t, t + 5 * MINUTE + 59)).await.json();
    assert_eq!(updated["ids"], json!([]), "the end is not in the span");

    let deleted = client.get(&call("account", "deleted", t, t + 20 * MINUTE)).await.json();
    let records = deleted["deletedRecords"].as_array().unwrap();
    assert_eq!(records.iter().map(|record| record["id"].as_str().unwrap()).collect::<Vec<_>>(), [&b, &c]);
    let at = records[0]["deletedDate"].as_str().unwrap();
    assert!((at[..16]) == json_moment(t + 5 * MINUTE).as_str().unwrap()[..16], "{at}");
    assert_eq!(deleted["latestDateCovered"], json_moment(t + 10 * MINUTE), "the end is in the future");
    assert_eq!(deleted["earliestDateAvailable"], json_moment(t + 10 * MINUTE - 15 * DAY));
    org.undelete("Account", &b);
    org.empty_recycle_bin("Account");
    let deleted = client.get(&call("Account", "deleted", t, t + 20 * MINUTE)).await.json();
    assert_eq!(deleted["deletedRecords"].as_array().unwrap().len(), 1, "one is back");
}

#[tokio::test]
async fn an_open_transaction_ends_what_is_covered_until_it_commits() {
    let (client, t) = start(Settings::default()).await;
    let org = &client.org;
    let transaction = org.begin_transaction();
    let began = org.now();
    org.advance_clock(minutes(3));
    let late = transaction.insert("Account", &[("Name", "late")]).unwrap();
    org.advance_clock(minutes(7));
    for what in ["updated", "deleted"] {
        // The record is an account, and the transaction counts for every object.
        let answer = client.get(&call("Contact", what, t, t + 10 * MINUTE)).await.json();
        assert_eq!(answer["latestDateCovered"], json_moment(began), "{what}");
    }
    let answer = client.get(&call("Account", "updated", t, t + 10 * MINUTE)).await.json();
    assert_eq!(answer["ids"], json!([]));
    transaction.commit();
    let answer = client.get(&call("Account", "updated", t, t + 10 * MINUTE)).await.json();
    assert_eq!(answer, json!({"ids": [late], "latestDateCovered": json_moment(t + 10 * MINUTE)}));
}

#[tokio::test]
async fn wrong_spans_and_too_many_ids_are_refused() {
    let plain = Object::custom("Plain__c").without_replication();
    let stampless = Object::custom("Old__c").without("SystemModstamp");
    let settings = Settings { objects: vec![plain, stampless], max_replicated_ids: 2, ..Settings::default() };
    let (client, t) = start(settings).await;
    let org = &client.org;
    for (object, what, start, end, code) in [
        ("Account", "updated", t - MINUTE, t, "INVALID_REPLICATION_DATE"),
        ("Account", "deleted", t - MINUTE, t + 59, "INVALID_REPLICATION_DATE"),
        ("Account", "updated", t, t - 5 * MINUTE, "INVALID_REPLICATION_DATE"),
        ("Account", "updated", t - 30 * DAY - MINUTE, t, "INVALID_REPLICATION_DATE"),
        ("Account", "deleted", t - 15 * DAY - MINUTE, t, "INVALID_REPLICATION_DATE"),
        ("Plain__c", "updated", t - 5 * MINUTE, t, "INVALID_TYPE_FOR_OPERATION"),
        ("Nothing__c", "deleted", t - 5 * MINUTE, t, "NOT_FOUND"),
    ] {
        let error = client.get(&call(object, what, start, end)).await.api_error();
        assert_eq!(error.1, code, "{object} {what}: {error:?}");
    }
    for what in ["updated", "deleted"] {
        let error = client.get(&format!("sobjects/Account/{what}?start=yesterday&end=now")).await.api_error();
        assert_eq!((error.0, &*error.1), (400, "INVALID_FIELD"));
    }
    let old = org.insert("Old__c", &[("Name", "x")]).unwrap();
    org.advance_clock(minutes(2));
    let answer = client.get(&call("Old__c", "updated", t, t + 2 * MINUTE)).await.json();
    assert_eq!(answer["ids"], json!([old]), "by LastModifiedDate");

    let ids = ["a", "b", "c"].map(|name| org.insert("Account", &[("Name", name)]).unwrap());
    org.advance_clock(minutes(2));
    let error = client.get(&call("Account", "updated", t, t + 5 * MINUTE)).await.api_error();
    assert_eq!((error.0, &*error.1), (400, "EXCEEDED_ID_LIMIT"));
    assert!(ids.iter().all(|id| org.recycle("Account", id)));
    let error = client.get(&call("Account", "deleted", t, t + 5 * MINUTE)).await.api_error();
    assert_eq!(error.1, "EXCEEDED_ID_LIMIT");
    org.purge_deletions("Account");
    let error = client.get(&call("Account", "deleted", t, t + 9 * MINUTE)).await.api_error();
    assert_eq!(error.1, "INVALID_REPLICATION_DATE", "{}", error.2);
    let answer = client.get(&call("Account", "deleted", t + 5 * MINUTE, t + 9 * MINUTE)).await.json();
    assert_eq!(answer["deletedRecords"], json!([]));
}
