//! What is in the way of reading: other objects, damaged ones, and a bucket that fails.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

use super::stored_line;
use crate::connector::{RunningConnector, Signal};
use crate::world::{BUCKET, World, blocking, catalog, complete, record, state, stream};

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn other_files_are_skipped_and_counted() {
    let world = World::kind().await;
    world.put("7/contacts/a.jsonl", stored_line(7, "X", json!({"Id": 1})));
    for (key, bytes) in [
        ("7/report.html", "<!doctype html><title>Sync 7</title>"),
        ("_salesforce_journal/7/750000000000001AAA.entry", "\u{1}\u{2}"),
        ("7/contacts/_check_test_1", "{\"data\":1}"),
        ("7/contacts/table.csv", "Id,Name\r\n1,Acme\r\n"),
    ] {
        world.put(key, bytes);
    }
    // Beside the folder, and with the same beginning.
    let beside = stored_line(7, "X", json!({"Id": 2}));
    world.store.put(BUCKET, "rejected_records_of_others/7/contacts/a.jsonl", beside.as_bytes()).unwrap();
    let printed = world.rejected_records(json!({}), &[]).await;
    assert_eq!(printed.success().len(), 1);
    let log = printed.log();
    assert!(log.contains("records=1") && log.contains("objects=1") && log.contains("other_files=4"), "{log}");
}

/// Whoever copied a file to the wrong place, or changed its header, is to know that it is not read.
#[tokio::test(flavor = "multi_thread")]
async fn the_log_warns_of_objects_of_others_by_their_keys() {
    let world = World::kind().await;
    let row = stored_line(7, "X", json!({"Id": 1}));
    world.put("7/contacts/a.jsonl", &row);
    world.put("7/report.html", "<!doctype html><title>Sync 7</title>");
    world.put("_salesforce_journal/7/750000000000001AAA.entry", "\u{1}\u{2}");
    let semicolons = "_airbyte_raw_id;_airbyte_extracted_at;_airbyte_data\r\n1;1;{}\r\n";
    world.put("7/contacts/semicolons.csv", semicolons);
    world.put("7/contacts/pretty.json", row.replacen('{', "{\n", 1));
    for number in 0..10 {
        world.put(&format!("7/z/{number}"), "no rows");
    }
    let printed = world.rejected_records(json!({}), &[]).await;
    assert_eq!(printed.success().len(), 1);
    let messages = printed.messages();
    let warnings: Vec<_> = messages.iter().filter(|message| message["log"]["level"] == "WARN").collect();
    let [warning] = &warnings[..] else { panic!("{}", printed.stdout) };
    let text = warning["log"]["message"].as_str().unwrap();
    assert!(text.starts_with("12 objects are skipped") && text.ends_with("/7/z/7 and 2 more."), "{text}");
    for key in ["semicolons.csv", "pretty.json", "z/0"] {
        assert!(text.contains(key), "{text}");
    }
    let summary = world.rejected_records(json!({}), &["--summary"]).await;
    assert!(summary.stdout.contains("semicolons.csv"), "{}", summary.stdout);
}

/// Another program may remove objects while they are read.
#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_is_removed_after_the_list_is_counted_and_no_error() {
    let world = World::kind().await;
    // More than the pipe and what waits for it hold, so that nothing more is read until someone takes it.
    world.put("6/contacts/a.jsonl", stored_line(6, "X", json!({"Id": 1})).repeat(5_000));
    world.put("7/contacts/b.jsonl", stored_line(7, "X", json!({"Id": 2})));
    world.put("8/contacts/c.jsonl", stored_line(8, "X", json!({"Id": 3})));
    let mut connector = RunningConnector::start_rejected(&world.config(json!({})));
    let (mut connector, first) = blocking(move || {
        let first = connector.next_line();
        (connector, first)
    })
    .await;
    assert!(first.unwrap().contains("\"RECORD\""));
    world.store.remove(BUCKET, "rejected_records/7/contacts/b.jsonl").unwrap();
    let (exit_code, rest) = blocking(move || {
        let rest: Vec<String> = std::iter::from_fn(|| connector.next_line()).collect();
        (connector.wait_for_exit_code(), rest.concat())
    })
    .await;
    assert_eq!(exit_code, 0);
    assert!(rest.contains("1 objects were removed while the bucket was read."), "{}", &rest[rest.len() - 2_000..]);
    let count = |id: u64| rest.matches(&format!("{{\"Id\":{id}}}")).count();
    assert_eq!((count(1), count(2), count(3)), (4_999, 0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_cannot_be_read_whole_is_an_error_after_the_others_are_printed() {
    let good = stored_line(7, "X", json!({"Id": 1}));
    let whole = gzip(&good.repeat(2_000));
    let header = "_airbyte_raw_id,_airbyte_extracted_at,_airbyte_meta,_airbyte_generation_id,_airbyte_data\r\n";
    let cut_csv = format!("{header}1,1,,3,\"{{\"\"Id\"\":1,\"\"rejected_rea");
    let cases: [(&str, Vec<u8>, &str); 5] = [
        ("cut.jsonl.gz", whole[..whole.len() - 20].to_vec(), "its gzip data are damaged or cut off"),
        (
            "damaged.jsonl.gz",
            [&whole[..200], b"damage", &whole[206..]].concat(),
            // What comes out may be no JSON before it is known that it is not what went in.
            "",
        ),
        ("cut.csv", cut_csv.into_bytes(), "it ends in the middle of row 1"),
        ("cut.jsonl", good.as_bytes()[..good.len() - 10].to_vec(), "line 1 cannot be read: it is not a JSON object"),
        ("empty.csv", Vec::new(), "it is empty"),
    ];
    for (name, bytes, why) in cases {
        let world = World::kind().await;
        world.put(&format!("7/contacts/{name}"), bytes);
        world.put("7/contacts/z.jsonl", &good);
        let printed = world.rejected_records(json!({}), &[]).await;
        let (failure_type, message) = printed.failure();
        assert_eq!(failure_type, "config_error", "{message}");
        assert!(
            message.starts_with("1 of the objects with rejected records cannot be read whole")
                && message.contains(&format!("rejected_records/7/contacts/{name}: {why}")),
            "{message}"
        );
        assert!(!printed.records().is_empty(), "{name}: the whole object is printed");
        let summary = world.rejected_records(json!({}), &["--summary"]).await;
        assert!(summary.failure().1.contains(why), "{}", summary.stdout);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_damaged_objects_the_first_are_named_and_all_are_counted() {
    let world = World::kind().await;
    for number in 0..7 {
        world.put(&format!("7/contacts/{number}.csv"), "");
    }
    let (_, message) = world.rejected_records(json!({}), &[]).await.failure();
    assert!(message.starts_with("7 of the objects") && message.contains("/4.csv: "), "{message}");
    assert!(!message.contains("/5.csv") && message.contains("; and 2 more."), "{message}");
}

/// As `head` does.
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_takes_one_record_ends_the_run() {
    let world = World::kind().await;
    world.put("7/contacts/a.jsonl", stored_line(7, "X", json!({"Id": 1})).repeat(20_000));
    let config = world.config(json!({}));
    let run = blocking(move || {
        let mut connector = RunningConnector::start_rejected(&config);
        assert!(connector.next_line().is_some());
        connector.close_stdout();
        connector.wait_for_exit_code()
    });
    assert_ne!(run.await, 0);
}

/// The connection breaks in the middle of an object, more than once, and in the list.
#[tokio::test(flavor = "multi_thread")]
async fn an_object_is_read_on_where_the_connection_broke() {
    for compress in [false, true] {
        let world = World::kind().await;
        let noise = |id: usize| {
            let mut random = fastrand::Rng::with_seed(id as u64);
            (0..1_000).map(|_| random.alphanumeric()).collect::<String>()
        };
        let text: String =
            (0..500).map(|id| stored_line(7, "X", json!({"Id": id, "Description": noise(id)}))).collect();
        world.put("7/contacts/a.jsonl", if compress { gzip(&text) } else { text.into_bytes() });
        let cuts = [100, 1_000, 70_000, 100_000, 50_000];
        world.store.cut_answers(&cuts);
        let printed = world.rejected_records(json!({}), &[]).await;
        let ids: Vec<_> = printed.success().iter().map(|record| record["data"]["Id"].as_u64().unwrap()).collect();
        assert_eq!(ids, (0..500).collect::<Vec<u64>>());
        assert_eq!(world.store.cuts_left(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_always_breaks_is_an_error_and_no_end() {
    let world = World::kind().await;
    let text: String = (0..2_000).map(|id| stored_line(7, "X", json!({"Id": id}))).collect();
    world.put("7/contacts/a.jsonl", &text);
    world.store.cut_answers(&[10_000; 100]);
    let printed = world.rejected_records(json!({}), &[]).await;
    let (failure_type, message) = printed.failure();
    assert_eq!(failure_type, "transient_error");
    assert!(message.contains("Reading an object in the rejected-records bucket"), "{message}");
    assert!(message.contains("rejected_records/7/contacts/a.jsonl"), "{message}");
    let ids: Vec<u64> = printed.records().iter().map(|record| record["data"]["Id"].as_u64().unwrap()).collect();
    assert_eq!(ids, (0..ids.len() as u64).collect::<Vec<_>>(), "what came before is printed once");
    assert!(!ids.is_empty());
}

/// Nobody takes the records, and the run is asked to stop.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_nobody_reads_from_stops_when_it_is_asked_to() {
    let world = World::kind().await;
    world.put("7/contacts/a.jsonl", stored_line(7, "X", json!({"Id": 1})).repeat(20_000));
    let config = world.config(json!({}));
    let run = blocking(move || {
        let mut connector = RunningConnector::start_rejected(&config);
        // A record is there, so the pipe is filling.
        assert!(connector.read_available());
        connector.signal(Signal::Terminate);
        connector.wait_for_exit_code()
    });
    assert_ne!(run.await, 0);
}

/// A proxy answers with a page in the place of the list. That is no empty bucket.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_something_else_is_no_empty_bucket() {
    for (body, content_type) in
        [("<html></html>", "text/html"), ("", "text/plain"), ("<ListBucketResult/>", "text/xml")]
    {
        let world = World::kind().await;
        world.put("7/contacts/a.jsonl", stored_line(7, "X", json!({"Id": 1})));
        world.store.answer_next(1, 200, content_type, body);
        let printed = world.rejected_records(json!({}), &[]).await;
        let (failure_type, message) = printed.failure();
        assert_eq!(failure_type, "transient_error", "{message}");
        assert!(message.contains("did not answer as an S3 store does"), "{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_refuses_is_named_with_the_permission() {
    let world = World::kind().await;
    let body = "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code><Message>no</Message></Error>";
    world.store.answer_next(100, 403, "application/xml", body);
    let (failure_type, message) = world.rejected_records(json!({}), &[]).await.failure();
    assert_eq!(failure_type, "config_error");
    assert!(message.contains("s3:ListBucket"), "{message}");
}

/// What the connector stores names its stream where the key has none, also in parts.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_without_a_stream_is_no_obstacle_for_what_the_connector_stores() {
    let world = World::kind().await;
    let names = ["Line Items", "Line_Items"];
    let streams = names.map(|name| stream(name, "Contact", &[("LastName", "string"), ("Description", "string")]));
    let large = "x".repeat(120_000);
    let rejected = |name: &str| record(name, json!({"LastName": "#N/A", "Description": large}));
    let mut lines: Vec<String> = (0..60).map(|_| rejected(names[0])).collect();
    lines.push(rejected(names[1]));
    lines.extend(names.iter().flat_map(|name| [state(name, 1), complete(name)]));
    let storage = json!({"path_format": "all/", "format": {"format_type": "CSV"}});
    world.write(json!({"object_storage_config": storage}), catalog(&streams), lines).await.assert_success();
    for (name, count) in [(names[0], 60), (names[1], 1)] {
        let records = world.rejected_records(json!({}), &["--stream", name]).await.success();
        assert_eq!(records.len(), count, "{name}");
    }
}

/// The way to the bucket leads through the proxy of the environment, unless the host is one of `NO_PROXY`.
#[tokio::test(flavor = "multi_thread")]
async fn requests_to_the_bucket_follow_the_proxy_of_the_environment() {
    let world = World::kind().await;
    world.put("7/contacts/a.jsonl", stored_line(7, "X", json!({"Id": 1})));
    // A host that does not exist: only the proxy, which is the store here, can answer for it.
    let storage = json!({"object_storage_config": {"s3_endpoint": "http://store.invalid:9000"}});
    let proxy = [("HTTP_PROXY", world.store.endpoint.as_str())];
    assert_eq!(world.rejected_records_in(&proxy, storage.clone(), &[]).await.success().len(), 1);
    let direct = [proxy[0], ("NO_PROXY", "store.invalid")];
    let (failure_type, message) = world.rejected_records_in(&direct, storage, &[]).await.failure();
    assert_eq!(failure_type, "transient_error");
    assert!(message.contains("http://store.invalid:9000 could not be reached"), "{message}");
}
