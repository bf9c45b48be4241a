//! What the source sends: the companies and customers of an invented shop, made up by number, the same in every run.
//!
//! A few records are wrong in ways that warehouses know. Each of those carries the reason for which it has to be
//! refused, so that the end of the sync can be held against it.

use serde_json::{Value, json};

/// How many records lie between two states. A source sends a state where it could go on after a failure.
const RECORDS_PER_STATE: usize = 400;

const COMPANIES: usize = 1_200;
const CUSTOMERS: usize = 3_600;

/// When the records were extracted, in milliseconds since 1970.
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
    /// The object that the records become.
    pub(crate) object: &'static str,
    /// The column that names a record.
    pub(crate) number_column: &'static str,
    pub(crate) records: Vec<Record>,
}

/// A record of the source.
pub(crate) struct Record {
    pub(crate) data: Value,
    /// The status code with which it has to be refused.
    pub(crate) flaw: Option<&'static str>,
}

/// Everything that the platform hands to the connector on its standard input.
pub(crate) struct Sync {
    pub(crate) messages: Vec<String>,
    pub(crate) checkpoints: Vec<Checkpoint>,
}

/// A state that has been sent, and the counts that it has to come back with.
#[derive(Clone)]
pub(crate) struct Checkpoint {
    pub(crate) id: u64,
    pub(crate) stream: String,
    pub(crate) written: u64,
    pub(crate) rejected: u64,
}

/// The warehouse.
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

/// A company. The platform has mapped its columns to the fields of the object, so they bear the names of Salesforce.
fn company(number: usize) -> Record {
    let mut data = json!({
        "External_Id__c": format!("C-{number:04}"),
        "Name": format!("Invented {} No. {number}", pick(&TRADES, number)),
        "Industry": pick(&INDUSTRIES, number),
        "NumberOfEmployees": number % 90 + 1,
        "Customer_Since__c": format!("20{:02}-{:02}-{:02}", number % 25, number % 12 + 1, number % 28 + 1),
        "Website": format!("https://shop-{number}.example.com"),
    });
    let flaw = match number % 200 {
        60 => {
            // A telephone number in the wrong column.
            data["NumberOfEmployees"] = json!(5_550_100_000_u64 + number as u64);
            Some("NUMBER_OUTSIDE_VALID_RANGE")
        }
        140 => {
            data["Customer_Since__c"] = json!("since ever");
            Some("INVALID_TYPE_ON_FIELD_IN_RECORD")
        }
        _ => None,
    };
    Record { data, flaw }
}

/// A customer, under the column names of the warehouse; [`customer_settings`] says which field each becomes.
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
    let flaw = match number % 200 {
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
            // What a spreadsheet leaves behind. Salesforce would take it for an order to clear the field.
            data["last_name"] = json!("#N/A");
            Some("NULL_MARKER_AS_TEXT")
        }
        _ => None,
    };
    Record { data, flaw }
}

fn customer_number(number: usize) -> String {
    format!("K-{number:05}")
}

fn pick<'a>(of: &[&'a str], number: usize) -> &'a str {
    of[number % of.len()]
}

/// The entry of the configuration that maps the customers, as one needs it where the platform does not map columns.
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

/// The configured catalog: which streams come, and what the user wants done with them.
pub(crate) fn catalog(streams: &[Stream]) -> Value {
    let mut configured: Vec<Value> = streams.iter().map(configured_stream).collect();
    // On platforms that map columns, the user has chosen the object, the mode and the key there.
    configured[0]["destination_object_name"] = json!("Account");
    configured[0]["destination_sync_mode"] = json!("append_dedup");
    configured[0]["primary_key"] = json!([["External_Id__c"]]);
    json!({"streams": configured})
}

fn configured_stream(stream: &Stream) -> Value {
    let columns = stream.records[0].data.as_object().into_iter().flatten();
    let kind = |value: &Value| match value {
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        _ => "string",
    };
    let properties: serde_json::Map<String, Value> =
        columns.map(|(name, value)| (name.clone(), json!({"type": ["null", kind(value)]}))).collect();
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

/// The messages of a sync: the records with a state after every few hundred, and the end of each stream.
pub(crate) fn sync(streams: &[Stream]) -> Sync {
    let mut sync = Sync { messages: Vec::new(), checkpoints: Vec::new() };
    for stream in streams {
        for records in stream.records.chunks(RECORDS_PER_STATE) {
            let rejected = records.iter().filter(|record| record.flaw.is_some()).count();
            let checkpoint = Checkpoint {
                id: sync.checkpoints.len() as u64 + 1,
                stream: stream.name.to_owned(),
                written: (records.len() - rejected) as u64,
                rejected: rejected as u64,
            };
            sync.messages.extend(records.iter().map(|record| record_message(stream, record)));
            sync.messages.push(state_message(&checkpoint));
            sync.checkpoints.push(checkpoint);
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

/// A state is the source's own affair; the destination gives it back as it came.
fn state_message(checkpoint: &Checkpoint) -> String {
    json!({"type": "STATE", "state": {
        "type": "STREAM",
        "stream": {
            "stream_descriptor": {"name": checkpoint.stream, "namespace": NAMESPACE},
            "stream_state": {"page": checkpoint.id},
        },
        "id": checkpoint.id,
        "sourceStats": {"recordCount": (checkpoint.written + checkpoint.rejected) as f64},
    }})
    .to_string()
}

/// Without it the connector takes the stream for cut off.
fn complete_message(stream: &Stream) -> String {
    json!({"type": "TRACE", "trace": {"type": "STREAM_STATUS", "emitted_at": EXTRACTED_AT, "stream_status": {
        "stream_descriptor": {"name": stream.name, "namespace": NAMESPACE},
        "status": "COMPLETE",
    }}})
    .to_string()
}
