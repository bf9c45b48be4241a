//! The store with an S3 server in the process.

mod fixed_answers;
mod folder;
mod objects;

use std::io::Read;

use flate2::read::GzDecoder;
use jiff::Timestamp;
use serde_json::value::RawValue;

use super::*;
use crate::rejected::settings::{
    AccessKey, BucketName, BucketSettings, Compression, DEFAULT_FILE_NAME_FORMAT, DEFAULT_PATH_FORMAT, FileNameFormat,
    Flattening, Format, Place,
};
use crate::rejected::{RejectedRecord, RejectionDetails, WrittenAs, WrittenRecord};

use object_store::ObjectStore;

const BUCKET: &str = "acme-rejects";

/// The smallest part that S3 accepts, and an object of two such parts.
const SMALL: Sizes = Sizes { part: 5 * 1024 * 1024, object: 10 * 1024 * 1024, placeless: 256 * 1024 };

fn settings(endpoint: &str, access_key: &str, secret: &str) -> StorageSettings {
    let bucket = BucketSettings {
        access_key: Some(AccessKey { id: access_key.to_owned(), secret: secret.to_owned().into() }),
        role_arn: None,
        bucket: BucketName::parse(BUCKET).unwrap(),
        region: None,
        endpoint: Some(endpoint.parse().unwrap()),
    };
    StorageSettings {
        place: Place::Bucket(bucket),
        bucket_path: Some("rejected".to_owned()),
        format: Format::Csv,
        flattening: Flattening::None,
        compression: Compression::None,
        path_format: DEFAULT_PATH_FORMAT.to_owned(),
        file_name_format: FileNameFormat::parse(DEFAULT_FILE_NAME_FORMAT).unwrap(),
    }
}

fn settings_of(server: &ObjectStore) -> StorageSettings {
    settings(&server.endpoint, &server.access_key, &server.secret_key)
}

/// With a random key, because no test contains one.
fn settings_for(endpoint: &str) -> StorageSettings {
    let key = || uuid::Uuid::now_v7().simple().to_string();
    settings(endpoint, &key(), &key())
}

fn sync() -> SyncIdentity {
    SyncIdentity { sync_id: Some(42), started: "2026-03-04T05:06:07.089Z".parse::<Timestamp>().unwrap() }
}

fn accounts() -> StreamIdentity {
    StreamIdentity {
        namespace: Some("crm".to_owned()),
        name: "accounts".to_owned(),
        generation_id: Some(3),
        source_columns: vec!["Name".to_owned()],
    }
}

fn record(name: &str) -> RejectedRecord {
    let name = RawValue::from_string(serde_json::to_string(name).unwrap()).unwrap();
    RejectedRecord::new(
        1,
        vec![("Name".to_owned(), name)],
        RejectionDetails::local("INVALID_FIELD", "not known", "Name"),
    )
}

async fn store_with(settings: &StorageSettings, sizes: Sizes) -> RejectedStore {
    store_in(settings, sizes, budget()).await
}

async fn store_in(settings: &StorageSettings, sizes: Sizes, budget: Arc<Budget>) -> RejectedStore {
    RejectedStore::open_with(settings, sync(), budget, sizes).await.unwrap()
}

/// A budget with one place for a part of `SMALL`.
fn budget() -> Arc<Budget> {
    Budget::new(40 * 1024 * 1024 - 1)
}

#[tokio::test]
async fn a_small_object_is_stored_when_the_writer_finishes() {
    let server = ObjectStore::start(&[BUCKET]).await.unwrap();
    let store = RejectedStore::open(&settings_of(&server), sync(), budget()).await.unwrap();
    let mut writer = store.writer(&accounts());
    let records = [record("Acme, Inc."), record("Example Ltd")];
    for record in &records {
        writer.write(record).await.unwrap();
    }
    assert!(server.objects(BUCKET).unwrap().is_empty(), "no object is visible before the end");

    let keys = writer.finish().await.unwrap();
    assert_eq!(keys, ["rejected/42/crm/accounts/2026_03_04_1772600767089_0.csv"]);
    let objects = server.objects(BUCKET).unwrap();
    assert_eq!(objects.len(), 1);
    assert_eq!(objects[0].0, keys[0]);
    let rows: Vec<::csv::StringRecord> =
        ::csv::Reader::from_reader(objects[0].1.as_slice()).records().collect::<Result<_, _>>().unwrap();
    let ids: Vec<&str> = rows.iter().map(|row| &row[0]).collect();
    assert_eq!(ids, records.each_ref().map(|record| record.raw_id().to_string()));
}

#[tokio::test]
async fn a_writer_without_records_writes_nothing() {
    let server = ObjectStore::start(&[BUCKET]).await.unwrap();
    let store = RejectedStore::open(&settings_of(&server), sync(), budget()).await.unwrap();
    assert!(store.writer(&accounts()).finish().await.unwrap().is_empty());
    assert!(server.objects(BUCKET).unwrap().is_empty());
}

#[tokio::test]
async fn writers_of_one_stream_get_their_own_parts() {
    let server = ObjectStore::start(&[BUCKET]).await.unwrap();
    let store = RejectedStore::open(&settings_of(&server), sync(), budget()).await.unwrap();
    let (mut one, mut other) = (store.writer(&accounts()), store.clone().writer(&accounts()));
    one.write(&record("one")).await.unwrap();
    other.write(&record("other")).await.unwrap();
    let keys = [other.finish().await.unwrap(), one.finish().await.unwrap()].concat();
    assert!(keys[0].ends_with("_1.csv") && keys[1].ends_with("_0.csv"), "{keys:?}");
    assert_eq!(server.objects(BUCKET).unwrap().len(), 2);
}

#[tokio::test]
async fn a_large_object_is_uploaded_in_parts_and_a_full_one_is_followed_by_another() {
    let server = ObjectStore::start(&[BUCKET]).await.unwrap();
    let settings = StorageSettings { flattening: Flattening::RootLevel, ..settings_of(&server) };
    let store = store_with(&settings, SMALL).await;
    let mut writer = store.writer(&accounts());
    let text = "x".repeat(1_000_000);
    for row in 0..14 {
        writer.write(&record(&format!("{row}{text}"))).await.unwrap();
    }
    assert_eq!(server.unfinished_parts().unwrap(), 3, "the first object is whole, the second one small");
    assert!(server.objects(BUCKET).unwrap().is_empty(), "no object is visible before the end");

    let keys = writer.finish().await.unwrap();
    assert_eq!(keys.len(), 2, "{keys:?}");
    let objects = server.objects(BUCKET).unwrap();
    assert_eq!(objects.iter().map(|(key, _)| key).collect::<Vec<_>>(), keys.iter().collect::<Vec<_>>());
    assert_eq!(server.unfinished_parts().unwrap(), 0);

    let mut rows = 0;
    for (key, bytes) in objects {
        let mut reader = ::csv::Reader::from_reader(bytes.as_slice());
        assert_eq!(reader.headers().unwrap().get(4), Some("Name"), "{key} has its own header");
        for row in reader.records() {
            assert!(row.unwrap()[4] == *format!("{rows}{text}"), "row {rows} of {key} is not in its place");
            rows += 1;
        }
    }
    assert_eq!(rows, 14);
}

#[tokio::test]
async fn writers_lease_what_they_hold_and_return_it() {
    for compression in [Compression::None, Compression::Gzip] {
        let server = ObjectStore::start(&[BUCKET]).await.unwrap();
        let settings = StorageSettings { compression, ..settings_of(&server) };
        let budget = budget();
        let store = store_in(&settings, SMALL, Arc::clone(&budget)).await;
        let mut writer = store.writer(&accounts());
        assert_eq!(budget.used(), 0);
        let mut random = fastrand::Rng::with_seed(7);
        let mut most = 0;
        for _ in 0..7_000 {
            let text: String = std::iter::repeat_with(|| random.alphanumeric()).take(1_000).collect();
            writer.write(&record(&text)).await.unwrap();
            most = most.max(budget.used());
        }
        assert!((SMALL.part..SMALL.part + 1024 * 1024).contains(&most), "{compression:?}: {most}");
        writer.finish().await.unwrap();
        assert_eq!(budget.used(), 0, "{compression:?}");
        assert_eq!(server.objects(BUCKET).unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_writer_waits_for_the_place_of_another_and_one_with_few_records_does_not() {
    let server = ObjectStore::start(&[BUCKET]).await.unwrap();
    let budget = budget();
    let store = store_in(&settings_of(&server), SMALL, Arc::clone(&budget)).await;
    let large = record(&"x".repeat(1_000_000));
    let (mut first, mut second, mut few) =
        (store.writer(&accounts()), store.writer(&accounts()), store.writer(&accounts()));
    first.write(&large).await.unwrap();
    let used = budget.used();
    let mut waiting = Box::pin(second.write(&large));
    assert!(futures_util::future::poll_immediate(&mut waiting).await.is_none(), "there is one place");
    few.write(&record("Acme")).await.unwrap();
    few.finish().await.unwrap();
    assert!(futures_util::future::poll_immediate(&mut waiting).await.is_none());
    assert!(budget.used() - used < 3_000_000, "the second one holds its row and little more: {}", budget.used());
    first.finish().await.unwrap();
    waiting.await.unwrap();
    drop(second);
    assert_eq!(budget.used(), 0);
    assert_eq!(server.objects(BUCKET).unwrap().len(), 2);
}

/// A job may hold a part of rejected records while it waits for memory for ids, so ids never wait for rejected records.
#[tokio::test]
async fn ids_of_written_records_have_places_of_their_own() {
    let server = ObjectStore::start(&[BUCKET]).await.unwrap();
    let (settings, budget) = (settings_of(&server), budget());
    let store = store_in(&settings, SMALL, Arc::clone(&budget)).await;
    let successes = store.for_successes(&settings, Arc::clone(&budget)).unwrap();
    let mut rejected = store.writer(&accounts());
    rejected.write(&record(&"x".repeat(1_000_000))).await.unwrap();
    let mut written = successes.writer(&accounts(), vec!["Name".to_owned()]);
    let name = RawValue::from_string(format!("\"{}\"", "x".repeat(1_000_000))).unwrap();
    let key = vec![("Name".to_owned(), name), ("sf__Error".to_owned(), RawValue::NULL.to_owned())];
    let as_written = WrittenAs { id: "003000000000001AAA", is_created: Some(true), records: 1 };
    written.write(&WrittenRecord::new(5, key, as_written)).await.unwrap();
    assert!(server.objects(BUCKET).unwrap().is_empty(), "nothing is visible before a writer finishes");
    written.finish().await.unwrap();
    let [(key, bytes)] = &server.objects(BUCKET).unwrap()[..] else { panic!() };
    assert!(key.contains("/_salesforce_successes/"), "{key}");
    let text = std::str::from_utf8(bytes).unwrap();
    assert!(!text.contains("sf__Error"), "no column of a rejection");
    let end = r#",""sf__Id"":""003000000000001AAA"",""sf__Created"":true,""written_records"":1}""#;
    assert!(text.trim_end().ends_with(end), "{}", &text[text.len() - 200..]);
    rejected.finish().await.unwrap();
    assert_eq!(budget.used(), 0);
}

#[tokio::test]
async fn a_gzip_object_has_the_extension_gz() {
    let server = ObjectStore::start(&[BUCKET]).await.unwrap();
    let settings = StorageSettings {
        format: Format::Jsonl,
        flattening: Flattening::RootLevel,
        compression: Compression::Gzip,
        ..settings_of(&server)
    };
    let mut writer = RejectedStore::open(&settings, sync(), budget()).await.unwrap().writer(&accounts());
    writer.write(&record("Acme")).await.unwrap();
    let keys = writer.finish().await.unwrap();
    assert!(keys[0].ends_with("_0.jsonl.gz"), "{keys:?}");
    let mut line = String::new();
    GzDecoder::new(server.objects(BUCKET).unwrap()[0].1.as_slice()).read_to_string(&mut line).unwrap();
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["Name"], "Acme");
}

#[tokio::test]
async fn a_dropped_writer_deletes_its_parts() {
    let server = ObjectStore::start(&[BUCKET]).await.unwrap();
    let store = store_with(&settings_of(&server), SMALL).await;
    let mut writer = store.writer(&accounts());
    let text = "x".repeat(6_000_000);
    writer.write(&record(&text)).await.unwrap();
    assert_eq!(server.unfinished_parts().unwrap(), 1);
    drop(writer);
    // The test cannot await the task that deletes them.
    let deleted = async {
        while server.unfinished_parts().unwrap() > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), deleted).await.unwrap();
    assert!(server.objects(BUCKET).unwrap().is_empty());
}

#[tokio::test]
async fn an_attempt_does_not_overwrite_the_objects_of_an_earlier_one() {
    let server = ObjectStore::start(&[BUCKET]).await.unwrap();
    let file_name_format = FileNameFormat::parse("{part_number}{format_extension}").unwrap();
    let settings = StorageSettings { file_name_format, ..settings_of(&server) };
    let mut keys = Vec::new();
    for attempt in ["first", "second"] {
        let mut writer = RejectedStore::open(&settings, sync(), budget()).await.unwrap().writer(&accounts());
        writer.write(&record(attempt)).await.unwrap();
        keys.extend(writer.finish().await.unwrap());
    }
    assert_eq!(keys, ["rejected/42/crm/accounts/0.csv", "rejected/42/crm/accounts/0-1.csv"]);
    let objects = server.objects(BUCKET).unwrap();
    assert!(objects.iter().any(|(_, bytes)| String::from_utf8_lossy(bytes).contains("first")));
}

#[tokio::test]
async fn the_probe_leaves_nothing_behind() {
    let server = ObjectStore::start(&[BUCKET]).await.unwrap();
    let store = RejectedStore::open(&settings_of(&server), sync(), budget()).await.unwrap();
    store.probe().await.unwrap();
    assert!(server.objects(BUCKET).unwrap().is_empty());
}

/// What the user can repair keeps a platform from trying again.
#[test]
fn two_errors_are_one_of_the_configuration_if_one_of_them_is() {
    let (config, transient) = (Error::config("Correct it."), Error::transient("It was away."));
    for (first, second, failure_type, message) in [
        (&config, &transient, FailureType::Config, "Correct it. It was away."),
        (&transient, &config, FailureType::Config, "It was away. Correct it."),
        (&transient, &transient, FailureType::Transient, "It was away. It was away."),
    ] {
        let error = both(first, second);
        assert_eq!((error.failure_type(), error.message()), (failure_type, message));
    }
}

#[tokio::test]
async fn a_wrong_secret_is_reported_under_its_key() {
    let server = ObjectStore::start(&[BUCKET]).await.unwrap();
    let secret = "not the secret of this key".to_owned();
    let wrong = settings(&server.endpoint, &server.access_key, &secret);
    let error = RejectedStore::open(&wrong, sync(), budget()).await.unwrap().probe().await.unwrap_err();
    assert_eq!(error.failure_type(), FailureType::Config);
    assert!(error.message().contains("`secret_access_key`"), "{error}");
    assert!(!format!("{error:?}").contains(&secret));
}

#[tokio::test]
async fn a_refused_connection_is_reported_soon() {
    // Bound, so that no server of another test gets the port, and nobody listens there.
    let reserved = tokio::net::TcpSocket::new_v4().unwrap();
    reserved.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let settings = settings_for(&format!("http://{}", reserved.local_addr().unwrap()));
    let store = RejectedStore::open(&settings, sync(), budget()).await.unwrap();
    let started = tokio::time::Instant::now();
    let error = store.probe().await.unwrap_err();
    assert_eq!(error.failure_type(), FailureType::Transient);
    assert!(error.message().contains("could not be reached"), "{error}");
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
}

/// The columns of an object are the same in every row.
#[tokio::test]
async fn a_flattened_record_keeps_its_mark_of_a_deletion_in_an_object_of_its_own() {
    let server = ObjectStore::start(&[BUCKET]).await.unwrap();
    let settings = StorageSettings { flattening: Flattening::RootLevel, ..settings_of(&server) };
    let store = RejectedStore::open(&settings, sync(), budget()).await.unwrap();
    let mut writer = store.writer(&accounts());
    let marked = |value: &str| {
        let mut record = record("Acme");
        record.stored.data.push(("_AB_cdc_deleted_at".to_owned(), RawValue::from_string(value.to_owned()).unwrap()));
        record
    };
    for record in [record("One"), marked("null"), marked("\"2026-01-01\""), marked("\"2026-01-02\""), record("Two")] {
        writer.write(&record).await.unwrap();
    }
    writer.finish().await.unwrap();
    let objects = server.objects(BUCKET).unwrap();
    let marks: Vec<Vec<String>> = objects
        .iter()
        .map(|(_, bytes)| {
            let mut reader = ::csv::Reader::from_reader(bytes.as_slice());
            let column = reader.headers().unwrap().iter().position(|name| name == "_AB_cdc_deleted_at");
            let cell =
                |row: ::csv::StringRecord| column.map_or("no column".to_owned(), |column| row[column].to_owned());
            reader.records().map(|row| cell(row.unwrap())).collect()
        })
        .collect();
    assert_eq!(marks, [vec!["no column", "no column"], vec!["2026-01-01", "2026-01-02", ""]]);
}
