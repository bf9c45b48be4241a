//! Every form in which records are stored, side by side in one bucket.

use std::io::Write;

use flate2::write::GzEncoder;
use serde_json::{Value, json};

use super::stored_line;
use crate::connector::RunningConnector;
use crate::world::{World, blocking, catalog, complete, record, state, stream};

const FIELDS: &[(&str, &str)] = &[
    ("LastName", "string"),
    ("Description", "string"),
    ("HasOptedOutOfEmail", "boolean"),
    ("Title", "string"),
    ("Department", "number"),
    ("Account", "object"),
];

/// A record that the connector rejects, and one that the org rejects.
fn records(number: usize) -> [Value; 2] {
    let local = json!({
        "LastName": "#N/A",
        "Description": format!("{number}: \"quoted\", a;b\r\nsecond line é 東 😀"),
        "HasOptedOutOfEmail": true,
        "Title": null,
        "Department": 12.5,
        "Account": {"External_Id__c": "A-1"},
    });
    let by_the_org = json!({
        "LastName": null,
        "Description": format!("{number}: plain"),
        "HasOptedOutOfEmail": false,
        "Title": "007",
        "Department": 7,
    });
    [local, by_the_org]
}

#[tokio::test(flavor = "multi_thread")]
async fn records_of_every_form_and_name_come_back_from_one_bucket() {
    let world = World::kind().await;
    let namings = [
        json!({}),
        json!({"path_format": "{stream_name}/{year}/{month}/{day}", "file_name_format": "{epoch}-{part_number}"}),
        json!({"path_format": "{sync_id}", "file_name_format": "{uuid}{format_extension}"}),
        json!({"path_format": "{namespace}/x-{stream_name}", "file_name_format": "{date}/{hour}_{part_number}.data"}),
    ];
    let name = "Line Items / Größe & 100%";
    let mut expected = Vec::new();
    for (number, naming) in namings.iter().enumerate() {
        for format in ["CSV", "JSONL"] {
            for flattening in ["No flattening", "Root level flattening"] {
                for compression in ["No Compression", "GZIP"] {
                    let mut storage = naming.clone();
                    storage["format"] = json!({"format_type": format, "flattening": flattening});
                    storage["compression"] = json!({"compression_type": compression});
                    let mut contacts = stream(name, "Contact", FIELDS);
                    contacts["stream"]["namespace"] = json!("crm/emea");
                    let is_text = format == "CSV" && flattening == "Root level flattening";
                    let lines = records(number).map(|mut data| {
                        let line = record(name, data.clone());
                        if is_text {
                            for value in data.as_object_mut().unwrap().values_mut() {
                                if value.is_number() || value.is_boolean() {
                                    *value = json!(value.to_string());
                                }
                            }
                        }
                        expected.push(data.to_string());
                        line.replacen("\"stream\"", "\"namespace\":\"crm/emea\",\"stream\"", 1)
                    });
                    let ends = [state(name, 1), complete(name)]
                        .map(|line| line.replacen("\"name\"", "\"namespace\":\"crm/emea\",\"name\"", 1));
                    let changes = json!({"object_storage_config": storage});
                    let run = world.write(changes, catalog(&[contacts]), [lines.as_slice(), &ends].concat()).await;
                    run.assert_success();
                    assert_eq!(run.counts()[0].rejected, 2);
                }
            }
        }
    }
    let before = world.org.requests().len();
    let records = world.rejected_records(json!({}), &[]).await.success();
    assert_eq!(world.org.requests().len(), before, "it signs in nowhere");
    let mut found = Vec::new();
    for mut record in records {
        assert_eq!((&record["namespace"], &record["stream"]), (&json!("crm/emea"), &json!(name)));
        assert_eq!(record["emitted_at"], 1_790_000_000_000_u64);
        let meta = record["meta"].take();
        let reason = meta["rejected_reason"].as_str().unwrap();
        assert!(["NULL_MARKER_AS_TEXT", "REQUIRED_FIELD_MISSING"].contains(&reason), "{meta}");
        assert_eq!((&meta["rejected_field"], &meta["sf__Id"]), (&json!("LastName"), &json!("")));
        let mut data = record["data"].take();
        // A row that came back from the org has a null for what was not sent.
        if reason == "REQUIRED_FIELD_MISSING" {
            data.as_object_mut().unwrap().retain(|name, _| name != "Account");
        }
        let data = data.as_object().unwrap();
        assert!(data.keys().all(|name| FIELDS.iter().any(|(field, _)| field == name)), "{data:?}");
        let ordered = FIELDS.iter().filter_map(|(name, _)| Some(((*name).to_owned(), data.get(*name)?.clone())));
        found.push(Value::Object(ordered.collect()).to_string());
    }
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_keep_every_digit_and_nested_values_their_text() {
    let world = World::kind().await;
    let line = stored_line(4711, "INVALID", json!({})).replace(
        "\"_airbyte_data\":{",
        r#""_airbyte_data":{"big":12345678901234567890.10,"exponent":1E+3,"nested":{"b":[1.0, {"c":null}],"a":2},"#,
    );
    world.put("4711/crm/contacts/2026_03_04_1772600767089_0.jsonl", &line);
    let printed = world.rejected_records(json!({}), &[]).await;
    assert_eq!(printed.success()[0]["stream"], "contacts");
    let expected = r#""data":{"big":12345678901234567890.10,"exponent":1E+3,"nested":{"b":[1.0, {"c":null}],"a":2}},"#;
    assert!(printed.stdout.contains(expected), "{}", printed.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_of_airbytes_own_layout_have_their_names_from_the_key() {
    let world = World::kind().await;
    let header = "_airbyte_raw_id,_airbyte_extracted_at,_airbyte_meta,_airbyte_generation_id,_airbyte_data\r\n";
    let row = "6f2b0a52-3c1f-4d3a-9b57-0d9f3f6b7a11,2026-03-04T05:06:00.123Z,\"{\"\"sync_id\"\":4711,\"\"changes\"\":[]}\",3,\
               \"{\"\"Id\"\":\"\"1\"\",\"\"sf__Id\"\":null,\"\"sf__Error\"\":\"\"DUPLICATE_VALUE:taken:--\"\"}\"\r\n";
    world.put("4711/crm/contacts/2026_03_04_1772600767089_0.csv", format!("{header}{row}"));
    world.put("4711/plain/2026_03_04_1772600767089_0.csv", format!("{header}{row}"));
    let records = world.rejected_records(json!({}), &[]).await.success();
    let expected = |namespace: Option<&str>, stream: &str| {
        let mut record = json!({
            "stream": stream,
            "data": {"Id": "1"},
            "emitted_at": 1_772_600_760_123_u64,
            "meta": {"sf__Id": "", "sf__Error": "DUPLICATE_VALUE:taken:--", "rejected_reason": "DUPLICATE_VALUE",
                     "rejected_field": "", "rejected_message": ""},
        });
        if let Some(namespace) = namespace {
            record["namespace"] = json!(namespace);
        }
        record
    };
    assert_eq!(records, [expected(Some("crm"), "contacts"), expected(None, "plain")]);
    // The key has the name with other characters.
    world.put("4711/Line_Items/f.csv", format!("{header}{row}"));
    let log = world.rejected_records(json!({}), &[]).await.log();
    assert!(log.contains("1 objects have the name of their stream in their keys alone"), "{log}");
    let records = world.rejected_records(json!({}), &["--stream", "Line Items"]).await.success();
    assert_eq!(records, [expected(None, "Line Items")]);
}

/// Objects are larger than the memory, and nobody takes the records for a while.
#[tokio::test(flavor = "multi_thread")]
async fn large_objects_need_little_memory() {
    const LIMIT: u64 = 60_000_000;
    const ROWS: usize = 600;
    let world = World::kind().await;
    let line = stored_line(4711, "INVALID", json!({"Description": "x".repeat(100_000)}));
    let mut gzip = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    for _ in 0..ROWS {
        gzip.write_all(line.as_bytes()).unwrap();
    }
    world.put("4711/contacts/a.jsonl.gz", gzip.finish().unwrap());
    world.put("4711/contacts/b.jsonl", line.repeat(ROWS));
    let mut connector = RunningConnector::start_rejected(&world.config(json!({})));
    let (records, peak) = blocking(move || {
        // A reader that pauses. What is printed meanwhile waits in the bucket.
        std::thread::sleep(std::time::Duration::from_secs(1));
        let (mut records, mut peak) = (0, 0);
        while let Some(line) = connector.next_line() {
            records += usize::from(line.starts_with("{\"type\":\"RECORD\""));
            peak = peak.max(connector.peak_memory().unwrap_or_default());
        }
        (records, peak)
    })
    .await;
    assert_eq!(records, 2 * ROWS);
    assert!((1..LIMIT).contains(&peak), "{peak} bytes were resident");
}
