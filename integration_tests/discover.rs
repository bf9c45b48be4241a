//! `discover`: a catalog of what the signed-in user may load.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use salesforce_sim::{Field, Object, Settings};
use serde_json::{Value, json};

use crate::connector::{self, Run, RunningConnector};
use crate::protocol_model::{DestinationOperation, PropertySchema, SyncMode};
use crate::world::{World, blocking, catalog, complete};

async fn discover(world: &World, changes: Value) -> Run {
    let config = world.config(changes);
    blocking(move || connector::discover(&config)).await
}

/// The operations in the answer as JSON, not parsed by the model of the protocol.
fn operations_as_json(run: &Run) -> Vec<Value> {
    let line = run.stdout.lines().find(|line| line.contains("DESTINATION_CATALOG")).unwrap();
    let message: Value = serde_json::from_str(line).unwrap();
    message["destination_catalog"]["operations"].as_array().unwrap().clone()
}

async fn operations_of(settings: Settings) -> Vec<DestinationOperation> {
    let world = World::with(settings).await;
    discover(&world, json!({})).await.operations().to_vec()
}

#[track_caller]
fn operation<'o>(operations: &'o [DestinationOperation], object: &str, mode: SyncMode) -> &'o DestinationOperation {
    let found = operations.iter().find(|it| it.object_name == object && it.sync_mode == mode);
    found.unwrap_or_else(|| panic!("{object} {mode:?} is not offered"))
}

fn field_names(operation: &DestinationOperation) -> Vec<&str> {
    operation.json_schema.properties.keys().map(String::as_str).collect()
}

fn text(max_length: u32) -> PropertySchema {
    PropertySchema { kind: json!("string"), max_length: Some(max_length), ..PropertySchema::default() }
}

fn described(schema: PropertySchema, description: &str) -> PropertySchema {
    PropertySchema { description: Some(description.to_owned()), ..schema }
}

fn plain(kind: &str) -> PropertySchema {
    PropertySchema { kind: json!(kind), ..PropertySchema::default() }
}

fn format(format: &str, airbyte_type: Option<&str>) -> PropertySchema {
    let airbyte_type = airbyte_type.map(str::to_owned);
    PropertySchema { format: Some(format.to_owned()), airbyte_type, ..plain("string") }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_custom_object_is_offered_with_every_writable_field() {
    let operations = operations_of(Settings::default()).await;
    let invoice = |mode| operation(&operations, "Invoice__c", mode);
    let relationship = |text: PropertySchema, field: &str, to: &str, by: &str| {
        described(text, &format!("Sets {field} to the {to} that has this {by}."))
    };
    let properties = BTreeMap::from(
        [
            ("OwnerId", text(18)),
            ("User:Owner.Employee_Number__c", relationship(text(20), "OwnerId", "User", "Employee_Number__c")),
            ("Group:Owner.DeveloperName", relationship(text(80), "OwnerId", "Group", "DeveloperName")),
            ("User:Owner.Username", relationship(text(80), "OwnerId", "User", "Username")),
            ("User:Owner.Email", relationship(text(80), "OwnerId", "User", "Email")),
            ("Account__c", text(18)),
            ("Account__r.External_Id__c", relationship(text(64), "Account__c", "Account", "External_Id__c")),
            ("Account__r.Legacy_Key__c", relationship(text(64), "Account__c", "Account", "Legacy_Key__c")),
            ("Account__r.Segment_Key__c", relationship(text(64), "Account__c", "Account", "Segment_Key__c")),
            ("External_Id__c", text(40)),
            ("Amount__c", plain("number")),
            ("Due_Date__c", format("date", None)),
            ("Status__c", described(text(255), "One of: Draft; Sent; Paid")),
            ("Notes__c", text(131_072)),
        ]
        .map(|(name, schema)| (name.to_owned(), schema)),
    );
    assert_eq!(invoice(SyncMode::Append).json_schema.properties, properties);
    assert_eq!(invoice(SyncMode::Append).json_schema.required, ["Amount__c"]);
    assert!(invoice(SyncMode::Append).matching_keys.is_empty());

    assert_eq!(invoice(SyncMode::AppendDedup).json_schema.properties, properties);
    assert!(invoice(SyncMode::AppendDedup).json_schema.required.is_empty());
    assert_eq!(invoice(SyncMode::AppendDedup).matching_keys, [["External_Id__c"]]);

    let mut with_id = properties;
    with_id.insert("Id".to_owned(), text(18));
    assert_eq!(invoice(SyncMode::Update).json_schema.properties, with_id);

    let keys = BTreeMap::from([("Id".to_owned(), text(18)), ("External_Id__c".to_owned(), text(40))]);
    assert_eq!(invoice(SyncMode::SoftDelete).json_schema.properties, keys);
    for mode in [SyncMode::Update, SyncMode::SoftDelete] {
        assert!(invoice(mode).json_schema.required.is_empty(), "one of the keys is enough");
        assert_eq!(invoice(mode).matching_keys, [["Id"], ["External_Id__c"]]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_fields_the_user_may_write_are_offered() {
    let operations = operations_of(Settings::default()).await;
    let contact = operation(&operations, "Contact", SyncMode::AppendDedup);
    assert_eq!(contact.matching_keys, [["External_Id__c"], ["Email"]]);
    assert_eq!(operation(&operations, "Contact", SyncMode::Append).json_schema.required, ["LastName"]);
    let contact = field_names(contact);
    // A compound field and its parts, a reference to the same object, and fields that nobody may write.
    for (name, offered) in [
        ("MailingAddress", false),
        ("MailingCity", true),
        ("ReportsTo.External_Id__c", true),
        ("ReportsTo.Email", true),
        ("Contact:ReportsTo.Email", false),
        ("Account.Id", false),
        ("Name", false),
        ("CreatedDate", false),
        ("CreatedBy.Email", false),
        ("Id", false),
    ] {
        assert_eq!(contact.contains(&name), offered, "{name}");
    }

    let task = field_names(operation(&operations, "Task", SyncMode::Update));
    for name in ["Contact:Who.Email", "Lead:Who.External_Id__c", "Invoice__c:What.External_Id__c", "Owner.Email"] {
        assert!(task.contains(&name), "{name}: {task:?}");
    }

    let account = &operation(&operations, "Account", SyncMode::Append).json_schema.properties;
    for (name, schema) in [
        ("NumberOfEmployees", plain("integer")),
        ("AnnualRevenue", plain("number")),
        ("Discount__c", plain("number")),
        ("Is_Key_Account__c", plain("boolean")),
        ("Last_Order_At__c", format("date-time", Some("timestamp_with_timezone"))),
        ("Opens_At__c", format("time", Some("time_without_timezone"))),
        ("Website", text(255)),
        ("Rating", described(text(255), "Any value, such as: Hot; Warm; Cold")),
    ] {
        assert_eq!(account[name], schema, "{name}");
    }
    let channels = &account["Channels__c"];
    assert_eq!((&channels.kind, &channels.items), (&json!(["string", "array"]), &Some(json!({"type": "string"}))));
    assert!(!account.contains_key("Open_Amount__c"), "a formula");

    // A master-detail reference can only be set on creation, also by a relationship column.
    let line = operation(&operations, "Invoice_Line__c", SyncMode::Append);
    assert_eq!(line.json_schema.required, ["Quantity__c"]);
    assert!(field_names(line).contains(&"Invoice__r.External_Id__c"));
    let line = field_names(operation(&operations, "Invoice_Line__c", SyncMode::Update));
    assert!(!line.iter().any(|name| name.starts_with("Invoice__")), "{line:?}");

    assert!(field_names(operation(&operations, "ContentVersion", SyncMode::Append)).contains(&"Title"));
    assert!(
        !field_names(operation(&operations, "ContentVersion", SyncMode::Append)).contains(&"VersionData"),
        "a file"
    );
    for (object, mode) in [("Case", SyncMode::Update), ("Case", SyncMode::AppendDedup)] {
        assert!(!field_names(operation(&operations, object, mode)).contains(&"CaseNumber"), "numbered by Salesforce");
    }
    let without_keys = operations.iter().filter(|it| it.object_name == "ContentVersion").map(|it| it.sync_mode);
    assert_eq!(without_keys.collect::<Vec<_>>(), [SyncMode::Append, SyncMode::Update, SyncMode::SoftDelete]);
    for object in ["LoginHistory", "Attachment"] {
        assert!(operations.iter().all(|it| it.object_name != object), "{object}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_is_consistent_and_unique() {
    let operations = operations_of(Settings::default()).await;
    let mut pairs = HashSet::new();
    for DestinationOperation { object_name, sync_mode, json_schema, matching_keys } in &operations {
        assert!(pairs.insert((object_name, sync_mode)), "{object_name} {sync_mode:?} twice");
        assert_eq!(json_schema.kind, "object");
        assert!(!json_schema.additional_properties);
        let known: BTreeSet<&str> = json_schema.properties.keys().map(String::as_str).collect();
        let keys = matching_keys.iter().flatten();
        for name in json_schema.required.iter().chain(keys) {
            assert!(known.contains(name.as_str()), "{object_name} {sync_mode:?}: {name}");
        }
        assert!(matching_keys.iter().all(|key| key.len() == 1));
        assert_eq!(matching_keys.is_empty(), *sync_mode == SyncMode::Append, "{object_name}");
    }
    assert_eq!(pairs.iter().filter(|(name, _)| *name == "Account").count(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_schema_is_a_valid_json_schema() {
    let world = World::new().await;
    let run = discover(&world, json!({})).await;
    let operations = operations_as_json(&run);
    assert_eq!(operations.len(), run.operations().len());
    for operation in &operations {
        let schema = &operation["json_schema"];
        assert!(jsonschema::meta::is_valid(schema), "{schema}");
        let schema = jsonschema::validator_for(schema).unwrap();
        assert!(!schema.is_valid(&json!({"No_Such_Field__c": 1})));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn write_accepts_everything_discover_offers() {
    let world = World::new().await;
    let run = discover(&world, json!({})).await;
    let mut streams = Vec::new();
    for operation in operations_as_json(&run) {
        let mut keys = operation["matching_keys"].as_array().unwrap().clone();
        if keys.is_empty() {
            keys.push(json!([]));
        }
        for key in keys {
            streams.push(json!({
                "stream": {
                    "name": format!("stream_{}", streams.len()),
                    "json_schema": operation["json_schema"],
                    "supported_sync_modes": ["full_refresh"],
                },
                "sync_mode": "full_refresh",
                "destination_sync_mode": operation["sync_mode"],
                "destination_object_name": operation["object_name"],
                "primary_key": key.as_array().unwrap().iter().map(|field| json!([field])).collect::<Vec<_>>(),
                "generation_id": 1,
                "minimum_generation_id": 0,
                "sync_id": 1,
            }));
        }
    }
    assert!(streams.len() > 50, "{}", streams.len());
    let lines = (0..streams.len()).map(|number| complete(&format!("stream_{number}"))).collect();
    world.write(json!({}), catalog(&streams), lines).await.assert_success();
}

#[tokio::test(flavor = "multi_thread")]
async fn external_ids_of_read_only_objects_are_offered() {
    let region = Object::custom("Region__c").field(Field::text("Code__c", 8).external_id()).read_only();
    let store = Object::custom("Store__c").field(Field::reference("Region__c", &["Region__c"]));
    let operations = operations_of(Settings { objects: vec![region, store], ..Settings::default() }).await;
    assert!(operations.iter().all(|it| it.object_name != "Region__c"));
    assert!(field_names(operation(&operations, "Store__c", SyncMode::Append)).contains(&"Region__r.Code__c"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_cannot_be_described_is_left_out() {
    let objects = vec![Object::custom("Closed__c").without_describe(), Object::custom("Open__c")];
    let world = World::with(Settings { objects, ..Settings::default() }).await;
    let run = discover(&world, json!({})).await;
    let operations = run.operations();
    assert!(operations.iter().any(|it| it.object_name == "Open__c"));
    assert!(operations.iter().all(|it| it.object_name != "Closed__c"));
    assert_eq!(
        run.warnings(),
        ["Closed__c cannot be described, and is left out: insufficient access rights on cross-reference id"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_used_up_limit_fails_discover_instead_of_cutting_the_catalog() {
    let world = World::new().await;
    // Enough for the list of objects and some of the describes.
    world.org.set_remaining_requests(3);
    let run = discover(&world, json!({})).await;
    let (failure_type, message) = run.failure();
    assert_eq!(failure_type, "transient_error");
    assert!(message.contains("asking which fields the objects have"), "{message}");
    assert!(!run.stdout.contains("DESTINATION_CATALOG"));
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_are_reported() {
    let world = World::new().await;
    for (changes, part) in
        [(json!({"client_id": null}), "client_id"), (json!({"client_secret": "of-another-app"}), "client_secret")]
    {
        let run = discover(&world, changes).await;
        let (failure_type, message) = run.failure();
        assert_eq!(failure_type, "config_error", "{message}");
        assert!(message.contains(part), "{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn discover_does_not_send_a_new_refresh_token_to_the_platform() {
    let world = World::with(Settings { rotate_refresh_tokens: true, ..Settings::default() }).await;
    let run = discover(&world, json!({})).await;
    assert!(!run.operations().is_empty());
    assert!(run.configs().is_empty());
    assert!(
        run.stdout.contains("so the stored one no longer works. Connect the Salesforce account again"),
        "{}",
        run.stdout
    );
}

/// A run of `discover` with the most memory that it had resident, in bytes.
struct MeasuredDiscover {
    run: Run,
    peak_at_sign_in: u64,
    peak: u64,
}

/// Runs `discover` and measures its memory. The catalog does not fit into the pipe, so the process lives until it is
/// read.
async fn measured_discover(world: &World) -> MeasuredDiscover {
    let config = world.config(json!({}));
    blocking(move || {
        let mut connector = RunningConnector::start_discover(&config);
        assert!(connector.read_available(), "the first line says that it signed in");
        let peak_at_sign_in = connector.peak_memory().unwrap();
        let mut peak = peak_at_sign_in;
        while connector.read_available() {
            peak = connector.peak_memory().unwrap_or(peak);
        }
        MeasuredDiscover { run: connector.wait(), peak_at_sign_in, peak }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_org_takes_few_requests_and_little_memory() {
    let standard = operations_of(Settings::default()).await.len();
    let world = World::with(Settings { extra_objects: 1_500, ..Settings::default() }).await;
    let MeasuredDiscover { run, peak_at_sign_in, peak } = measured_discover(&world).await;
    assert_eq!(run.operations().len(), standard + 4 * 1_500);
    let requests = world.org.requests().len();
    assert!(requests <= 170, "{requests} requests");
    assert!(peak <= peak_at_sign_in + 30_000 * 1024, "{peak} bytes, and {peak_at_sign_in} at sign-in");
}

#[tokio::test(flavor = "multi_thread")]
async fn large_describes_are_not_kept_in_memory() {
    let values: Vec<String> = (0..3_000).map(|number| format!("Value {number}")).collect();
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    let object = |number| Object::custom(&format!("Large_{number}__c")).field(Field::picklist("Value__c", &values));
    let world = World::with(Settings { objects: (0..100).map(object).collect(), ..Settings::default() }).await;
    let MeasuredDiscover { run, peak_at_sign_in, peak } = measured_discover(&world).await;
    assert_eq!(run.operations().iter().filter(|it| it.object_name.starts_with("Large_")).count(), 4 * 100);
    // The answers have 30 MB, those of one request 3 MB.
    assert!(peak <= peak_at_sign_in + 10_000 * 1024, "{peak} bytes, and {peak_at_sign_in} at sign-in");
}
