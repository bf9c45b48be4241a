//! One stream of contacts of a simulated org.

use serde_json::{Value, json};

use super::super::tests::{earlier_rows, planned};
use super::*;

/// The stream `a` with an entry in the configuration.
async fn stream(entry: Value, fields: &[&str], mode: &str) -> Stream {
    let kind = |name: &str| if name == "Account" { "object" } else { "string" };
    let properties: serde_json::Map<String, Value> =
        fields.iter().map(|name| ((*name).to_owned(), json!({"type": ["null", kind(name)]}))).collect();
    let key = if mode == "append" { json!([]) } else { json!([["External_Id__c"]]) };
    let stream = json!({
        "stream": {"name": "a", "json_schema": {"properties": properties}},
        "destination_sync_mode": mode, "destination_object_name": "Contact", "primary_key": key,
    });
    let (mut planned, config) = planned(json!({"null_handling": "clear", "streams": [entry]}), &[stream]).await;
    let planned = planned.remove(0);
    Stream::new(planned, config.null_handling(), Vec::new())
}

fn limits() -> BatchLimits {
    BatchLimits { batch_size: 100_000_000, budget: Budget::new(usize::MAX) }
}

fn add(stream: &mut Stream, data: &str) -> Result<Added, LineError> {
    add_within(stream, data, &limits())
}

fn add_within(stream: &mut Stream, data: &str, limits: &BatchLimits) -> Result<Added, LineError> {
    let data = RawValue::from_string(data.to_owned()).unwrap();
    stream.add(0, &data, Origin { segment: 0, extracted_at_ms: 1 }, limits)
}

/// The CSV of each batch, and how many records it rejects.
fn shown(batches: &[StreamBatch]) -> Vec<(String, usize)> {
    let csv = |batch: &Batch| String::from_utf8(batch.csv().pieces().collect::<Vec<_>>().concat()).unwrap();
    batches.iter().map(|it| (csv(&it.batch), it.batch.local_rejections.len())).collect()
}

/// A new column ends the batch of the rows before it. Whatever follows in the same record, these rows are loaded.
#[tokio::test(flavor = "multi_thread")]
async fn rows_before_a_new_column_are_loaded_whatever_else_the_record_has() {
    let first = "LastName\nA\n";
    for (data, completed, open) in [
        (r#"{"LastName":"B"}"#, None, Some(("LastName\nA\nB\n", 0))),
        (r#"{"Title":"T","LastName":"B"}"#, Some(first), Some(("LastName,Title\nB,T\n", 0))),
        (
            r#"{"Title":"T","Department":"D","LastName":"B"}"#,
            Some(first),
            Some(("LastName,Title,Department\nB,T,D\n", 0)),
        ),
        (r#"{"Account":null,"LastName":"B"}"#, Some(first), Some(("LastName,AccountId\nB,#N/A\n", 0))),
        (
            r#"{"Title":"T","Account":null,"LastName":"B"}"#,
            Some(first),
            Some(("LastName,Title,AccountId\nB,T,#N/A\n", 0)),
        ),
        (
            r#"{"Account":null,"Title":"T","LastName":"B"}"#,
            Some(first),
            Some(("LastName,AccountId,Title\nB,#N/A,T\n", 0)),
        ),
        (r##"{"Title":"T","LastName":"#N/A"}"##, Some(first), Some(("LastName,Title\n", 1))),
        (r##"{"Account":null,"LastName":"#N/A"}"##, Some(first), Some(("LastName,AccountId\n", 1))),
        (r##"{"Title":"T","Account":null,"LastName":"#N/A"}"##, Some(first), Some(("LastName,Title,AccountId\n", 1))),
        (r##"{"LastName":"#N/A"}"##, None, Some(("LastName\nA\n", 1))),
        (r#"{"Title":"T","LastName":"Earlier"}"#, Some(first), None),
        // The record is wrong, and the rows before it are not.
        (r#"{"Title":"T","LastName":"B","Shoe__c":1}"#, None, Some((first, 0))),
        (r#"{"Account":null,"LastName":"B","Shoe__c":1}"#, None, Some((first, 0))),
        (r#"{"Shoe__c":1,"LastName":"B"}"#, None, Some((first, 0))),
    ] {
        let mut stream = stream(json!({"stream": "a", "deletes": "refuse"}), &["LastName", "Account"], "append").await;
        stream.earlier.push(earlier_rows(&["LastName", "Title"], &["Earlier,T\n"]));
        assert!(add(&mut stream, r#"{"LastName":"A"}"#).unwrap().full.is_empty());
        let (full, is_written) = match add(&mut stream, data) {
            Ok(added) => (added.full, added.settled.is_some()),
            Err(_) => (Vec::new(), false),
        };
        let expected = |batch: Option<(&str, usize)>| batch.map(|(csv, rejected)| (csv.to_owned(), rejected));
        assert_eq!(shown(&full), Vec::from_iter(expected(completed.map(|csv| (csv, 0)))), "{data}");
        assert_eq!(shown(&stream.seal_batch(0)), Vec::from_iter(expected(open)), "{data}");
        assert_eq!(is_written, open.is_none(), "{data}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_skipped_record_completes_no_batch_and_is_settled() {
    let entry = json!({"stream": "a", "deletes": "ignore"});
    let mut stream = stream(entry, &["LastName", "_ab_cdc_deleted_at"], "append").await;
    add(&mut stream, r#"{"LastName":"A"}"#).unwrap();
    for data in [
        r#"{"LastName":"B","_ab_cdc_deleted_at":"2026-01-01"}"#,
        r#"{"Title":"T","LastName":"B","_ab_cdc_deleted_at":"2026-01-01"}"#,
    ] {
        let added = add(&mut stream, data).unwrap();
        let completed: u64 = added.full.iter().map(|it| it.batch.rows()).sum();
        let open = stream.open_batch().map_or(0, OpenBatch::rows);
        assert_eq!((added.settled, added.is_skipped, completed + open as u64), (Some(0), true, 1), "{data}");
    }
    assert_eq!(stream.counts.read, 3);
}

/// Adds a row for each of so many records that are converted alike. Returns the batch that the last one completed.
fn push(stream: &mut Stream, data: &Value, count: usize) -> Option<OpenBatch> {
    push_within(stream, data, count, &limits())
}

fn push_within(stream: &mut Stream, data: &Value, count: usize, limits: &BatchLimits) -> Option<OpenBatch> {
    let loading = stream.loading.as_mut().unwrap();
    let data = data.to_string();
    assert!(matches!(loading.converter.convert(&mut Cursor::new(&data)), Ok(Converted::Row)));
    let mut full = None;
    for number in 0..count {
        assert!(full.is_none(), "{number}");
        full = loading.push_row(Origin { segment: 0, extracted_at_ms: 1 }, limits);
    }
    full
}

/// The memory of one stream takes no more while their records are looked for.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_looks_for_the_records_of_at_most_120000_deletes() {
    let delete = json!({"External_Id__c": "E1", "_ab_cdc_deleted_at": "2026-01-01"});
    let write = json!({"External_Id__c": "E1", "LastName": "A"});
    let fields = ["External_Id__c", "LastName", "_ab_cdc_deleted_at"];
    for last in [&delete, &write] {
        let mut stream = stream(json!({"stream": "a"}), &fields, "append_dedup").await;
        // An upsert needs no search.
        assert!(push(&mut stream, &write, 1_000).is_none());
        assert!(push(&mut stream, &delete, 120_000).is_none());
        let full = push(&mut stream, last, 1).unwrap();
        assert_eq!((full.deletes(), full.rows()), (120_000, 121_000));
        assert_eq!(stream.open_batch().map(OpenBatch::rows), Some(1));
    }
    let mut stream = stream(json!({"stream": "a"}), &fields, "append_dedup").await;
    assert!(push(&mut stream, &write, 121_000).is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_looks_for_the_records_of_at_most_120000_rows() {
    let entry = json!({"stream": "a", "operation": "upsert", "match": {"fields": ["LastName", "External_Id__c"]}});
    let mut stream = stream(entry, &["External_Id__c", "LastName", "Title"], "append").await;
    let write = json!({"External_Id__c": "E1", "LastName": "A", "Title": "T"});
    assert!(push(&mut stream, &write, 120_000).is_none());
    assert_eq!(push(&mut stream, &write, 1).map(|full| full.rows()), Some(120_000));
}

/// Of bulk batches, which have 10,000 rows, an org has few a day.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_is_nearly_full_ends_with_its_last_whole_bulk_batch() {
    let limits = BatchLimits { batch_size: 999_000, ..limits() };
    let mut stream = stream(json!({"stream": "a"}), &["LastName"], "append").await;
    // Rows of ten bytes.
    let row = json!({"LastName": "Ada Sampl"});
    assert!(push_within(&mut stream, &row, 90_000, &limits).is_none());
    assert_eq!(push_within(&mut stream, &row, 1, &limits).map(|full| full.rows()), Some(90_000));
    assert_eq!(stream.open_batch().map(OpenBatch::rows), Some(1));
}

/// They are held until they are stored.
#[tokio::test(flavor = "multi_thread")]
async fn records_that_are_only_rejected_fill_a_batch_too() {
    let limits = BatchLimits { batch_size: 3_500, ..limits() };
    let mut stream = stream(json!({"stream": "a"}), &["LastName", "Description"], "append").await;
    let rejected = json!({"LastName": "#N/A", "Description": "x".repeat(1_000)}).to_string();
    let mut batches = Vec::new();
    for _ in 0..10 {
        batches.extend(add_within(&mut stream, &rejected, &limits).unwrap().full);
    }
    batches.extend(stream.seal_batch(0));
    let rejections = batches.iter().map(|it| it.batch.local_rejections.len());
    assert_eq!(rejections.collect::<Vec<_>>(), [3, 3, 3, 1]);
    assert!(batches.iter().all(|it| it.batch.rows() == 0));
}

/// A mark that is not known yet ends the batch of the rows before it, if records are looked for.
#[tokio::test(flavor = "multi_thread")]
async fn a_marker_that_the_schema_lacks_is_known_before_the_first_record_has_it() {
    for (marker, mark, completed) in [("gone", "gone", 0), ("gone", "_ab_cdc_deleted_at", 1)] {
        let entry = json!({
            "stream": "a", "operation": "upsert", "match": {"fields": ["External_Id__c"]}, "delete_marker": marker,
        });
        let mut stream = stream(entry, &["External_Id__c", "LastName"], "append").await;
        add(&mut stream, r#"{"External_Id__c":"E1","LastName":"A"}"#).unwrap();
        let added = add(&mut stream, &json!({"External_Id__c": "E2", mark: "2026-01-01"}).to_string()).unwrap();
        assert_eq!(added.full.len(), completed, "{mark}");
        assert_eq!(stream.open_batch().map(OpenBatch::deletes), Some(1), "{mark}");
    }
}
