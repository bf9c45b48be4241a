//! What the destination wrote, the source reads back equal.

use std::collections::BTreeSet;
use std::io::Cursor;
use std::process::ExitCode;

use destination_salesforce::Display;
use salesforce_sim::{Field, Nature, Object, Settings};
use serde_json::{Map, Value, json};

use crate::world::{World, blocking, catalog};

/// An object with types that no standard object of the org has.
pub(crate) fn example_object() -> Object {
    Object::custom("Example__c")
        .field(Field::text("External_Id__c", 40).external_id().unique())
        .field(Field::rich_text("Page__c", 32_000))
        .field(Field::email("Email__c"))
        .field(Field::double("Exact__c", 18, 15))
        .field(Field::currency("Price__c", 18, 2))
}

/// Records of several objects with values of every type of field, in the form in which a record has them. Each object
/// comes after those that it refers to.
pub(crate) fn records() -> Vec<(&'static str, Vec<Value>)> {
    let accounts = [
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
    let contacts = [
        json!({"Email": "person.0@example.com", "MobilePhone": "+1 (555) 0000000", "Title": "\"Dr.\", retired"}),
        json!({"Account.External_Id__c": "E-3", "Birthdate": "1900-02-28", "HasOptedOutOfEmail": true}),
        json!({"MailingStreet": "1 Example Street\nBack yard", "MailingCity": "Köln", "MailingPostalCode": "01234"}),
        json!({"MailingLatitude": 52.520_006_6, "MailingLongitude": -0.000_1, "LeadSource": "Phone Inquiry"}),
    ];
    let examples = [
        json!({"Page__c": "<p>R&amp;D, \"quoted\"</p>\n<p>Zoë 😀</p>", "Email__c": "a.b+c@example.com"}),
        json!({"Exact__c": 0.123_456_789_012_345, "Price__c": 1_234_567_890_123.45}),
        json!({"Exact__c": -1e-7, "Price__c": -0.01}),
    ];
    let named = |name: &str, records: &[Value]| -> Vec<Value> {
        let named = records.iter().enumerate().map(|(number, record)| {
            let mut named = record.clone();
            named[name] = json!(format!("Example {number}"));
            named["External_Id__c"] = json!(format!("E-{number}"));
            named
        });
        named.collect()
    };
    vec![
        ("Account", named("Name", &accounts)),
        ("Contact", named("LastName", &contacts)),
        ("Example__c", named("Name", &examples)),
    ]
}

/// Records of accounts, the first of these objects.
pub(crate) fn accounts() -> Vec<Value> {
    records().swap_remove(0).1
}

/// The columns of records, in the order in which they appear.
pub(crate) fn columns(records: &[Value]) -> Vec<&str> {
    let mut columns: Vec<&str> = Vec::new();
    for key in records.iter().flat_map(|record| record.as_object().unwrap().keys()) {
        if !columns.contains(&key.as_str()) {
            columns.push(key);
        }
    }
    columns
}

/// Loads records with the destination, within this process.
pub(crate) fn load(config: &Value, stream: &str, records: &[Value]) {
    let folder = tempfile::tempdir().unwrap();
    let properties: Map<String, Value> =
        columns(records).into_iter().map(|column| (column.to_owned(), json!({}))).collect();
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
    assert_eq!(exit_code, ExitCode::SUCCESS, "{stream}");
}

async fn world() -> World {
    World::with(Settings { nature: Nature::harsh(), objects: vec![example_object()], ..Settings::default() }).await
}

/// Loads records of an object, and reads these columns of them again, in the order of their external ids.
async fn load_and_read(world: &World, stream: &'static str, sent: &[Value], columns: &[&str], api: &str) -> Vec<Value> {
    let (config, sent) = (world.config(json!({})), sent.to_vec());
    if world.org.count(stream) == 0 {
        blocking(move || load(&config, stream, &sent)).await;
    }
    let run = world.read(json!({"api": api}), &catalog(&[(stream, columns)])).await;
    run.assert_success();
    let mut read: Vec<Value> = run.records(stream).into_iter().cloned().collect();
    read.sort_by_key(|record| record["External_Id__c"].as_str().unwrap()[2..].parse::<usize>().unwrap());
    read
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_destination_wrote_is_read_back_equal() {
    let world = world().await;
    for api in ["bulk", "rest"] {
        for (stream, sent) in &records() {
            let columns = columns(sent);
            let read = load_and_read(&world, stream, sent, &columns, api).await;
            assert_eq!(read.len(), sent.len(), "{api} {stream}");
            for (read, sent) in read.iter().zip(sent) {
                for column in &columns {
                    // A missing value is null, and a checkbox has its default.
                    let is_checkbox = ["Is_Key_Account__c", "HasOptedOutOfEmail"].contains(column);
                    let missing = if is_checkbox { json!(false) } else { Value::Null };
                    let expected = sent.get(*column).unwrap_or(&missing);
                    assert!(is_equal(&read[*column], expected), "{api} {column}: {} of {expected}", read[*column]);
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_round_trip_has_every_type_of_field_that_can_be_written() {
    let world = world().await;
    let records = records();
    let has = |object: &str, field: &str| {
        let sent = records.iter().find(|(stream, _)| *stream == object).map(|(_, sent)| columns(sent));
        let parent = field.strip_suffix("Id").map(|relationship| format!("{relationship}.External_Id__c"));
        sent.is_some_and(|columns| columns.contains(&field) || parent.is_some_and(|name| columns.contains(&&*name)))
    };
    let fields = world.org.writable_fields();
    let all: BTreeSet<&str> = fields.iter().map(|(_, _, kind)| *kind).collect();
    let sent = fields.iter().filter(|(object, field, _)| has(object, field)).map(|(_, _, kind)| *kind).collect();
    // The Bulk API loads no files.
    assert_eq!(all.difference(&sent).copied().collect::<Vec<_>>(), ["base64"]);
    assert!(sent.len() > 15, "{sent:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_read_as_the_parts_that_were_written() {
    let world = world().await;
    let sent = [
        json!({"LastName": "A", "External_Id__c": "E-0", "MailingStreet": "1 Example Street", "MailingCity": "Köln"}),
        json!({"LastName": "B", "External_Id__c": "E-1", "MailingLatitude": 52.5, "MailingLongitude": -0.25}),
        json!({"LastName": "C", "External_Id__c": "E-2"}),
    ];
    for api in ["bulk", "rest"] {
        let read = load_and_read(&world, "Contact", &sent, &["External_Id__c", "MailingAddress"], api).await;
        let address = |number: usize, part: &str| read[number]["MailingAddress"][part].clone();
        assert_eq!((address(0, "street"), address(0, "city")), (json!("1 Example Street"), json!("Köln")), "{api}");
        assert_eq!((address(0, "postalCode"), address(0, "latitude")), (Value::Null, Value::Null), "{api}");
        assert_eq!((address(1, "latitude"), address(1, "longitude")), (json!(52.5), json!(-0.25)), "{api}");
        assert_eq!(read[2]["MailingAddress"], Value::Null, "{api}");
    }
}

/// What `docs/values.md` of the destination says of other forms.
#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_is_loaded_in_another_form_is_read_in_that_form() {
    let world = world().await;
    let forms = [
        ("Description", json!("a\r\nb\rc"), json!("a\nb\nc")),
        ("Description", json!(""), Value::Null),
        ("Sic", json!(1.5), json!("1.5")),
        ("Channels__c", json!(["Web", "Store"]), json!("Web;Store")),
        ("Channels__c", json!([]), Value::Null),
        ("Is_Key_Account__c", json!(1), json!(true)),
        ("Is_Key_Account__c", json!("FALSE"), json!(false)),
        ("Is_Key_Account__c", Value::Null, json!(false)),
        ("Score__c", json!("1.50"), json!(1.5)),
        ("Customer_Since__c", json!("2026-01-31T00:00:00Z"), json!("2026-01-31")),
        ("Last_Order_At__c", json!("2026-01-31"), json!("2026-01-31T00:00:00.000Z")),
        ("Last_Order_At__c", json!("2026-01-31 09:30:00.123456+02"), json!("2026-01-31T07:30:00.123Z")),
        ("Last_Order_At__c", json!("2026-12-31T23:30:00-01:00"), json!("2027-01-01T00:30:00.000Z")),
        ("Opens_At__c", json!("09:30"), json!("09:30:00.000")),
    ];
    let record = |(number, (column, sent, _)): (usize, &(&str, Value, Value))| {
        let mut record = json!({"Name": "Example", "External_Id__c": format!("E-{number}")});
        record[*column] = sent.clone();
        record
    };
    let sent: Vec<Value> = forms.iter().enumerate().map(record).collect();
    for api in ["bulk", "rest"] {
        let read = load_and_read(&world, "Account", &sent, &columns(&sent), api).await;
        for (read, (column, sent, expected)) in read.iter().zip(&forms) {
            assert_eq!(&read[*column], expected, "{api} {column}: {sent}");
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
