//! What the destination wrote, the source reads back equal.

use std::io::Cursor;
use std::process::ExitCode;

use destination_salesforce::Display;
use serde_json::{Map, Value, json};

use crate::world::{World, blocking, catalog};

/// Values of every type of field, in the form in which a record has them. Where `docs/values.md` of the destination says
/// that another form is loaded, it is the form that is loaded.
pub(crate) fn records() -> Vec<Value> {
    let record = |number: usize, changes: Value| {
        let mut record = json!({"Name": format!("Example {number}"), "External_Id__c": format!("E-{number}")});
        for (key, value) in changes.as_object().unwrap() {
            record[key] = value.clone();
        }
        record
    };
    let changes = [
        json!({"Description": "two\nlines, \"quotes\" and ; , \\ '", "Sic": "0123"}),
        json!({"Description": " blanks at both ends ", "Sic": "N/A", "Tax_Number__c": "null"}),
        json!({"Description": "Zoë 東京 😀 \u{1}\u{7f}", "Sic": "None", "AccountNumber": "1e3"}),
        json!({"NumberOfEmployees": 12345678, "AnnualRevenue": 821580693639061174_u64}),
        json!({"NumberOfEmployees": 0, "AnnualRevenue": -1, "Score__c": 0.5, "Discount__c": 12.25}),
        json!({"Is_Key_Account__c": true, "Customer_Since__c": "1999-12-31"}),
        json!({"Is_Key_Account__c": false, "Customer_Since__c": "2400-02-29"}),
        json!({"Last_Order_At__c": "2026-01-31T09:30:00.123Z", "Opens_At__c": "09:30:00.000"}),
        json!({"Last_Order_At__c": "1700-01-01T00:00:00.000Z", "Opens_At__c": "23:59:59.999"}),
        json!({"Channels__c": "Web;Store", "Industry": "Energy", "Website": "https://example.com/?a=1&b=2"}),
        json!({"Phone": "+49 30 000000-0", "Type": "Partner", "BillingStreet": "1 Example Street\nBack yard"}),
        json!({"Description": "x".repeat(32_000)}),
        json!({"Sic": "0", "Fax": "-", "Ownership": "something else"}),
    ];
    changes.into_iter().enumerate().map(|(number, changes)| record(number, changes)).collect()
}

/// The columns of the records with their types, in the order in which they appear.
fn columns() -> Vec<String> {
    let mut columns: Vec<String> = Vec::new();
    for record in records() {
        for key in record.as_object().unwrap().keys() {
            if !columns.contains(key) {
                columns.push(key.clone());
            }
        }
    }
    columns
}

/// Loads records with the destination, within this process.
pub(crate) fn load(config: &Value, stream: &str, records: &[Value]) {
    let folder = tempfile::tempdir().unwrap();
    let properties: Map<String, Value> = columns().into_iter().map(|column| (column, json!({}))).collect();
    let catalog = json!({"streams": [{
        "stream": {"name": stream, "json_schema": {"type": "object", "properties": properties}},
        "destination_sync_mode": "append",
    }]});
    let path = |name: &str, content: &Value| {
        let path = folder.path().join(name);
        std::fs::write(&path, content.to_string()).unwrap();
        path.into_os_string()
    };
    let (config, catalog) = (path("config", config), path("catalog", &catalog));
    let input: String = records
        .iter()
        .map(|data| {
            json!({"type": "RECORD", "record": {"stream": stream, "data": data, "emitted_at": 1}}).to_string() + "\n"
        })
        .collect();
    let arguments =
        ["destination-salesforce".into(), "write".into(), "--config".into(), config, "--catalog".into(), catalog];
    let exit_code = destination_salesforce::run(arguments, Cursor::new(input), std::io::sink(), &Display::hidden());
    assert_eq!(exit_code, ExitCode::SUCCESS);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_destination_wrote_is_read_back_equal() {
    let world = World::new().await;
    let config = world.config(json!({}));
    blocking(move || load(&config, "Account", &records())).await;
    let columns = columns();
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    for api in ["bulk", "rest"] {
        let run = world.read(json!({"api": api}), &catalog(&[("Account", &columns)])).await;
        run.assert_success();
        let mut read: Vec<Value> = run.records("Account").into_iter().cloned().collect();
        read.sort_by_key(|record| record["External_Id__c"].as_str().unwrap()[2..].parse::<usize>().unwrap());
        assert_eq!(read.len(), records().len(), "{api}");
        for (read, written) in read.iter().zip(records()) {
            for column in &columns {
                // A missing value is null, and a checkbox has its default.
                let missing = if *column == "Is_Key_Account__c" { json!(false) } else { Value::Null };
                let expected = written.get(*column).unwrap_or(&missing);
                assert!(is_equal(&read[*column], expected), "{api} {column}: {} of {expected}", read[*column]);
            }
        }
    }
}

/// A number may have another text, such as `8.21E17`, and is the same number.
fn is_equal(read: &Value, written: &Value) -> bool {
    match (read.as_f64(), written.as_f64()) {
        (Some(read), Some(written)) => (read - written).abs() <= f64::EPSILON * written.abs(),
        _ => read == written,
    }
}
