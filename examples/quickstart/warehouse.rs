//! The source: companies and customers of an invented shop, the same in every run.
//!
//! A few records have mistakes that are common in warehouses. Each of them names the reason for which it must be
//! rejected, so that the audit can compare.

use serde_json::{Value, json};

/// How many records are between two states. A source sends a state wherever it can continue after a failure.
const RECORDS_PER_STATE: usize = 400;

const COMPANIES: usize = 1_200;
const CUSTOMERS: usize = 3_600;

/// When the source read the records, in milliseconds since 1970.
const EXTRACTED_AT: u64 = 1_790_000_000_000;

const NAMESPACE: &str = "shop";

const FIRST_NAMES: [&str; 7] = ["Ann", "Bo", "Çela", "Dov", "Eun", "Fritz", "Gül"];
const LAST_NAMES: [&str; 6] = ["Example", "Sample", "Placeholder", "Testwell", "Mockley", "O'Fake"];
const TRADES: [&str; 5] = ["Lanterns", "Umbrellas", "Kites", "Teapots", "Buttons"];
const INDUSTRIES: [&str; 4] = ["Retail", "Manufacturing", "Agriculture", "Technology"];
const LEVELS: [&str; 3] = ["Primary", "Secondary", "Tertiary"];

/// A stream with all its records.
pub(crate) struct Stream {
    pub(crate) name: &'static str,
    /// The Salesforce object that the records are loaded into.
    pub(crate) object: &'static str,
    /// The source column with the number of a record.
    pub(crate) number_column: &'static str,
    pub(crate) records: Vec<Record>,
}

/// A record of the source.
pub(crate) struct Record {
    pub(crate) data: Value,
    /// The code with which the record must be rejected; none for a record that must be written.
    pub(crate) expected_rejection: Option<&'static str>,
}

/// What the platform sends to the connector on standard input.
pub(crate) struct Sync {
    pub(crate) messages: Vec<String>,
    /// The states among the messages, with the counts that each must come back with.
    pub(crate) states: Vec<StateCounts>,
}

/// A state of a stream, with the counts of the records since the stream's previous state.
#[derive(Clone)]
pub(crate) struct StateCounts {
    pub(crate) id: u64,
    pub(crate) stream: String,
    pub(crate) written: u64,
    pub(crate) rejected: u64,
}

/// The streams of the warehouse.
pub(crate) fn streams() -> [Stream; 2] {
    [
        Stream {
            name: "companies",
            object: "Account",
            number_column: "External_Id__c",
            records: (1..=COMPANIES).map(company).collect(),
        },
        Stream {
            name: "customers",
            object: "Contact",
            number_column: "customer_number",
            records: (1..=CUSTOMERS).map(customer).collect(),
        },
    ]
}

/// A company. The platform maps the source columns to the fields of the object, so they have Salesforce's names.
fn company(number: usize) -> Record {
    let mut data = json!({
        "External_Id__c": format!("C-{number:04}"),
        "Name": format!("Invented {} No. {number}", pick(&TRADES, number)),
        "Industry": pick(&INDUSTRIES, number),
        "NumberOfEmployees": number % 90 + 1,
        "Customer_Since__c": format!("20{:02}-{:02}-{:02}", number % 25, number % 12 + 1, number % 28 + 1),
        "Website": format!("https://shop-{number}.example.com"),
    });
    let expected_rejection = match number % 200 {
        60 => {
            // A phone number in the wrong column.
            data["NumberOfEmployees"] = json!(5_550_100_000_u64 + number as u64);
            Some("NUMBER_OUTSIDE_VALID_RANGE")
        }
        140 => {
            data["Customer_Since__c"] = json!("since ever");
            Some("INVALID_TYPE_ON_FIELD_IN_RECORD")
        }
        _ => None,
    };
    Record { data, expected_rejection }
}

/// A customer, with the warehouse's own column names. [`customer_settings`] maps them to fields.
fn customer(number: usize) -> Record {
    let mut data = json!({
        "customer_number": customer_number(number),
        "first_name": pick(&FIRST_NAMES, number),
        "last_name": pick(&LAST_NAMES, number),
        "email": format!("customer.{number}@example.com"),
        "level": pick(&LEVELS, number),
        "no_newsletter": number.is_multiple_of(5),
        "birthday": format!("19{:02}-{:02}-{:02}", number % 60 + 30, number % 12 + 1, number % 28 + 1),
    });
    let expected_rejection = match number % 200 {
        7 | 107 => {
            data["last_name"] = Value::Null;
            Some("REQUIRED_FIELD_MISSING")
        }
        31 | 91 | 151 => {
            data["email"] = json!("ask at the counter");
            Some("INVALID_EMAIL_ADDRESS")
        }
        50 => {
            data["customer_number"] = json!(customer_number(number - 1));
            Some("DUPLICATE_VALUE")
        }
        77 => {
            data["level"] = json!("Platinum");
            Some("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST")
        }
        120 => {
            data["first_name"] = json!("Ann, who likes to be called by all the names she was ever given");
            Some("STRING_TOO_LONG")
        }
        180 => {
            // An error value of a spreadsheet. Salesforce would clear the field.
            data["last_name"] = json!("#N/A");
            Some("NULL_MARKER_AS_TEXT")
        }
        _ => None,
    };
    Record { data, expected_rejection }
}

fn customer_number(number: usize) -> String {
    format!("K-{number:05}")
}

fn pick<'a>(choices: &[&'a str], number: usize) -> &'a str {
    choices[number % choices.len()]
}

/// The entry under `streams` in the configuration that maps the customers, for platforms that do not map columns.
pub(crate) fn customer_settings() -> Value {
    json!({
        "stream": "customers",
        "object": "Contact",
        "operation": "insert",
        "fields": [
            {"source": "customer_number", "target": "External_Id__c"},
            {"source": "first_name", "target": "FirstName"},
            {"source": "last_name", "target": "LastName"},
            {"source": "email", "target": "Email"},
            {"source": "level", "target": "Level__c"},
            {"source": "no_newsletter", "target": "HasOptedOutOfEmail"},
            {"source": "birthday", "target": "Birthdate"},
        ],
    })
}

/// The configured catalog: the streams, and what the user wants to do with them.
pub(crate) fn catalog(streams: &[Stream]) -> Value {
    let mut configured: Vec<Value> = streams.iter().map(configured_stream).collect();
    // On platforms that map columns, the user chooses the object, the mode and the key there.
    configured[0]["destination_object_name"] = json!("Account");
    configured[0]["destination_sync_mode"] = json!("append_dedup");
    configured[0]["primary_key"] = json!([["External_Id__c"]]);
    json!({"streams": configured})
}

fn configured_stream(stream: &Stream) -> Value {
    let columns = stream.records[0].data.as_object().into_iter().flatten();
    let json_type = |value: &Value| match value {
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        _ => "string",
    };
    let properties: serde_json::Map<String, Value> =
        columns.map(|(name, value)| (name.clone(), json!({"type": ["null", json_type(value)]}))).collect();
    json!({
        "stream": {
            "name": stream.name,
            "namespace": NAMESPACE,
            "json_schema": {"type": "object", "properties": properties},
            "supported_sync_modes": ["full_refresh", "incremental"],
        },
        "sync_mode": "incremental",
        "destination_sync_mode": "append",
        "generation_id": 1,
        "minimum_generation_id": 0,
        "sync_id": 1,
    })
}

/// The messages of a sync: the records, a state after every 400 of them, and the end of each stream.
pub(crate) fn sync(streams: &[Stream]) -> Sync {
    let mut sync = Sync { messages: Vec::new(), states: Vec::new() };
    for stream in streams {
        for records in stream.records.chunks(RECORDS_PER_STATE) {
            let rejected = records.iter().filter(|record| record.expected_rejection.is_some()).count();
            let state = StateCounts {
                id: sync.states.len() as u64 + 1,
                stream: stream.name.to_owned(),
                written: (records.len() - rejected) as u64,
                rejected: rejected as u64,
            };
            sync.messages.extend(records.iter().map(|record| record_message(stream, record)));
            sync.messages.push(state_message(&state));
            sync.states.push(state);
        }
        sync.messages.push(complete_message(stream));
    }
    sync
}

fn record_message(stream: &Stream, record: &Record) -> String {
    json!({"type": "RECORD", "record": {
        "namespace": NAMESPACE,
        "stream": stream.name,
        "data": record.data,
        "emitted_at": EXTRACTED_AT,
    }})
    .to_string()
}

/// Only the source reads what is in a state. The destination returns it unchanged.
fn state_message(state: &StateCounts) -> String {
    json!({"type": "STATE", "state": {
        "type": "STREAM",
        "stream": {
            "stream_descriptor": {"name": state.stream, "namespace": NAMESPACE},
            "stream_state": {"page": state.id},
        },
        "id": state.id,
        "sourceStats": {"recordCount": (state.written + state.rejected) as f64},
    }})
    .to_string()
}

/// Without this message the connector reports the stream as incomplete.
fn complete_message(stream: &Stream) -> String {
    json!({"type": "TRACE", "trace": {"type": "STREAM_STATUS", "emitted_at": EXTRACTED_AT, "stream_status": {
        "stream_descriptor": {"name": stream.name, "namespace": NAMESPACE},
        "status": "COMPLETE",
    }}})
    .to_string()
}
