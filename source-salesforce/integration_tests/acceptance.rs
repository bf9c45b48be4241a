//! The rules of Airbyte's acceptance suite for sources, with the configurations that `acceptance-test-config.yml` names.
//! Rules of the specification are in the tests of the destination (`spec`), those of the image in the tests of the image.

use std::collections::{BTreeMap, BTreeSet};

use salesforce_sim::{Nature, Settings};
use serde_json::{Map, Value, json};

use crate::connector::{self, Run};
use crate::repository;
use crate::round_trip;
use crate::sign_in::{credentials, flows};
use crate::world::{World, blocking};

/// A harsh org with records of several objects, and values of every type of field.
async fn world() -> World {
    let settings = Settings { nature: Nature::harsh(), credentials: credentials(), ..Settings::default() };
    let world = World::with(settings).await;
    let config = world.config(json!({}));
    blocking(move || round_trip::load(&config, "Account", &round_trip::accounts())).await;
    let account = world.org.records("Account")[0]["Id"].clone().unwrap();
    let address = [("MailingCity", "Example"), ("MailingLatitude", "1.5"), ("MailingLongitude", "-2.25")];
    let contact = [&[("LastName", "Example"), ("Email", "ann@example.com"), ("AccountId", &*account)][..], &address];
    world.org.insert("Contact", &contact.concat()).unwrap();
    world.org.insert("Lead", &[("LastName", "Sample"), ("Company", "Example Ltd")]).unwrap();
    world.org.insert("Task", &[("Subject", "Call")]).unwrap();
    world.org.insert("Attachment", &[("Name", "File")]).unwrap();
    world
}

/// The configurations, by the paths that the file names.
fn configurations(world: &World) -> BTreeMap<&'static str, Value> {
    // The keys of a flow are in one object, as a form writes them.
    let [_, client_credentials, jwt_bearer, password] = flows().map(|flow| {
        let mut keys = world.config(flow);
        keys.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        json!({"credentials": keys})
    });
    let filter = json!({"streams": [{"stream": "Contact", "filter": "Nothing__c = 1"}]});
    BTreeMap::from([
        ("secrets/config.json", world.config(json!({}))),
        ("secrets/config_client_credentials.json", client_credentials),
        ("secrets/config_jwt_bearer.json", jwt_bearer),
        ("secrets/config_password.json", password),
        ("secrets/invalid_client_secret.json", world.config(json!({"client_secret": "another one"}))),
        ("secrets/invalid_domain_url.json", world.config(json!({"domain_url": "https://salesforce.example.com"}))),
        ("secrets/invalid_filter.json", world.config(filter)),
    ])
}

fn entries(section: &str) -> Vec<Value> {
    let file = repository::yaml("acceptance-test-config.yml");
    file["acceptance_tests"][section]["tests"].as_array().unwrap().clone()
}

fn keys(value: &Value) -> BTreeSet<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

/// The one configuration and the one catalog of a section.
fn read_entry(section: &str) -> (String, Value) {
    let [entry] = &entries(section)[..] else { panic!("{section}") };
    let catalog = repository::text(entry["configured_catalog_path"].as_str().unwrap());
    (entry["config_path"].as_str().unwrap().to_owned(), serde_json::from_str(&catalog).unwrap())
}

/// The streams of the catalog that `discover` answers with.
async fn discover(world: &World) -> Vec<Value> {
    let run = world.discover(json!({})).await;
    run.assert_success();
    run.only("CATALOG")["catalog"]["streams"].as_array().unwrap().clone()
}

/// A catalog with whole streams, as the suite makes it from that of `discover`.
fn configured(streams: &[Value]) -> Value {
    let stream =
        |stream: &Value| json!({"stream": stream, "sync_mode": "full_refresh", "destination_sync_mode": "overwrite"});
    json!({"streams": streams.iter().map(stream).collect::<Vec<_>>()})
}

fn schemas(streams: &[Value]) -> BTreeMap<&str, &Value> {
    streams.iter().map(|stream| (stream["name"].as_str().unwrap(), &stream["json_schema"])).collect()
}

#[test]
fn the_acceptance_file_has_only_keys_the_suite_knows() {
    let file = repository::yaml("acceptance-test-config.yml");
    assert_eq!(keys(&file), BTreeSet::from(["acceptance_tests", "connector_image", "test_strictness_level"]));
    let repository = repository::yaml("metadata.yaml")["data"]["dockerRepository"].as_str().unwrap().to_owned();
    assert_eq!(file["connector_image"], format!("{repository}:dev"));
    let sections = ["spec", "connection", "discovery", "basic_read", "full_refresh", "incremental"];
    assert_eq!(keys(&file["acceptance_tests"]), BTreeSet::from(sections));
    for (section, known) in [
        ("spec", &["spec_path", "config_path", "backward_compatibility_tests_config"][..]),
        ("connection", &["config_path", "status"]),
        ("discovery", &["config_path", "backward_compatibility_tests_config"]),
        ("basic_read", &["config_path", "configured_catalog_path", "expect_trace_message_on_failure"]),
        ("full_refresh", &["config_path", "configured_catalog_path"]),
    ] {
        for entry in entries(section) {
            assert!(keys(&entry).iter().all(|key| known.contains(key)), "{section}: {entry}");
            // Someone who runs the suite has real secrets in that folder.
            assert!(entry["config_path"].as_str().unwrap().starts_with("secrets/"), "{entry}");
        }
    }
    assert!(include_str!("../../.gitignore").lines().any(|line| line == "/source-salesforce/secrets"));
}

/// The suite wants records of a second sync without a change, and this boundary is exact. Its other rules hold.
#[tokio::test(flavor = "multi_thread")]
async fn the_incremental_section_is_left_out_because_a_second_sync_without_a_change_has_no_record() {
    let file = repository::yaml("acceptance-test-config.yml");
    let reason = file["acceptance_tests"]["incremental"]["bypass_reason"].as_str().unwrap();
    assert!(reason.starts_with("A second sync without a change has no record"), "{reason}");
    let world = world().await;
    world.org.stop_clock();
    world.org.advance_clock(std::time::Duration::from_secs(120));
    let streams = discover(&world).await;
    let catalog = crate::world::incremental(configured(&streams[..]));
    let names: Vec<&str> = streams.iter().map(|stream| stream["name"].as_str().unwrap()).collect();
    let first = world.read(json!({}), &catalog).await;
    first.assert_success();
    assert_eq!(problems_of_records(&first, &schemas(&streams)), Vec::<String>::new());
    assert!(["Account", "Contact", "Lead", "Task"].iter().all(|name| !first.records(name).is_empty()));
    let second = world.read_on(json!({}), &catalog, &first.last_states()).await;
    second.assert_success();
    assert!(names.iter().all(|name| second.records(name).is_empty() && !second.states(name).is_empty()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_specification_is_spec_json_and_accepts_each_configuration_that_works() {
    let world = world().await;
    let run = blocking(|| connector::run("spec", &[])).await;
    let printed = run.only("SPEC")["spec"].clone();
    for entry in entries("spec") {
        let file = repository::text(entry["spec_path"].as_str().unwrap());
        assert_eq!(printed, serde_json::from_str::<Value>(&file).unwrap());
    }
    let configurations = configurations(&world);
    for entry in entries("connection").iter().filter(|entry| entry["status"] == "succeed") {
        let path = entry["config_path"].as_str().unwrap();
        let checked = jsonschema::validate(&printed["connectionSpecification"], &configurations[path]);
        checked.unwrap_or_else(|error| panic!("{path}: {error}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn check_returns_the_status_in_the_acceptance_file() {
    let world = world().await;
    let mut configurations = configurations(&world);
    for entry in entries("connection") {
        let path = entry["config_path"].as_str().unwrap();
        let config = configurations.remove(path).unwrap_or_else(|| panic!("no configuration for {path}"));
        let run = blocking(move || connector::run("check", &[("--config", &config)])).await;
        // There is one answer, and it is not an error of the program.
        let status = &run.only("CONNECTION_STATUS")["connectionStatus"];
        let expected = if entry["status"] == "succeed" { "SUCCEEDED" } else { "FAILED" };
        assert_eq!((status["status"].as_str(), run.exit_code), (Some(expected), 0), "{path}: {status}");
        run.assert_success();
    }
    assert!(configurations.is_empty(), "the file does not name {:?}", configurations.keys());
}

/// All keywords of a schema, those of its members included.
fn keywords<'a>(schema: &'a Value, found: &mut BTreeMap<&'a str, Vec<&'a Value>>) {
    for (keyword, value) in schema.as_object().unwrap() {
        found.entry(keyword).or_default().push(value);
        if keyword == "properties" {
            value.as_object().unwrap().values().for_each(|member| keywords(member, found));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_catalog_has_only_schemas_that_the_suite_accepts() {
    let streams = discover(&world().await).await;
    let names: BTreeSet<_> = streams.iter().map(|stream| stream["name"].as_str().unwrap()).collect();
    assert_eq!(names.len(), streams.len(), "each stream is there once");
    for stream in &streams {
        let (name, schema) = (&stream["name"], &stream["json_schema"]);
        jsonschema::meta::validate(schema).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut found = BTreeMap::new();
        keywords(schema, &mut found);
        // Neither references, nor what the suite refuses, nor anything that a destination may not know.
        let known = ["$schema", "additionalProperties", "airbyte_type", "format", "properties", "type"];
        assert!(found.keys().all(|keyword| known.contains(keyword)), "{name}: {:?}", found.keys());
        assert!(found["additionalProperties"].iter().all(|value| **value == true), "{name}");
        let modes = stream["supported_sync_modes"].as_array().unwrap();
        assert!(!modes.is_empty(), "{name}");
        let property = |path: &Value| schema["properties"][path.as_str().unwrap()].clone();
        for path in stream["source_defined_primary_key"].as_array().into_iter().flatten() {
            let [key] = &path.as_array().unwrap()[..] else { panic!("{name}: {path}") };
            assert!(property(key).is_object(), "{name}: {key}");
        }
        for column in stream["default_cursor_field"].as_array().into_iter().flatten() {
            assert!(property(column).is_object(), "{name}: {column}");
        }
    }
}

/// The problems of a value that the schema of its property has. A number such as `1.0` is no integer for the suite.
fn problems(value: &Value, schema: &Value) -> Vec<String> {
    let mut problems: Vec<String> =
        jsonschema::validator_for(schema).unwrap().iter_errors(value).map(|error| error.to_string()).collect();
    let types = schema["type"].as_array().unwrap();
    if value.is_number() && types.contains(&json!("integer")) && !value.is_i64() && !value.is_u64() {
        problems.push(format!("{value} is no integer"));
    }
    let text = value.as_str();
    let has_form = match (schema["format"].as_str(), text) {
        (Some("date"), Some(text)) => text.parse::<jiff::civil::Date>().is_ok() && text.len() == "2026-01-31".len(),
        (Some("date-time"), Some(text)) => text.parse::<jiff::Timestamp>().is_ok(),
        (Some("time"), Some(text)) => text.parse::<jiff::civil::Time>().is_ok() && text.matches(':').count() == 2,
        _ => true,
    };
    if !has_form {
        problems.push(format!("{value} has not the form {}", schema["format"]));
    }
    if let (Some(members), Some(schemas)) = (value.as_object(), schema["properties"].as_object()) {
        problems.extend(of_members(members, schemas));
    }
    problems
}

/// The problems of the members of an object. It may have no others than those of its schema.
fn of_members(members: &Map<String, Value>, schemas: &Map<String, Value>) -> Vec<String> {
    let problems = members.iter().flat_map(|(name, value)| match schemas.get(name) {
        Some(schema) => problems(value, schema).into_iter().map(|problem| format!("{name}: {problem}")).collect(),
        None => vec![format!("{name} is not in the schema")],
    });
    problems.collect()
}

#[test]
fn a_value_that_breaks_its_schema_is_found() {
    let member = json!({"type": ["null", "number"]});
    let address = json!({"type": ["null", "object"], "properties": {"latitude": member}});
    let text = json!({"type": ["null", "string"]});
    let of_form = |form: &str| json!({"type": ["null", "string"], "format": form});
    for (schema, good, bad) in [
        (text, json!("N/A"), json!(1)),
        (json!({"type": ["null", "integer"]}), json!(47), json!(47.0)),
        (json!({"type": ["null", "boolean"]}), json!(false), json!("false")),
        (member, json!(-1.5), json!("-1.5")),
        (of_form("date"), json!("2026-01-31"), json!("2026-01-31T00:00:00Z")),
        (of_form("date-time"), json!("2026-01-31T09:30:00.123Z"), json!("2026-01-31 09:30")),
        (of_form("time"), json!("09:30:00.000"), json!("9 o'clock")),
        (address.clone(), json!({"latitude": null}), json!({"latitude": "1.5"})),
        (address, Value::Null, json!({"altitude": 1})),
    ] {
        assert_eq!(problems(&good, &schema), Vec::<String>::new());
        assert_ne!(problems(&bad, &schema), Vec::<String>::new(), "{bad} for {schema}");
    }
}

/// The problems of all records, each with its stream.
fn problems_of_records(run: &Run, schemas: &BTreeMap<&str, &Value>) -> Vec<String> {
    let mut found = Vec::new();
    for (stream, schema) in schemas {
        let schemas = schema["properties"].as_object().unwrap();
        for record in run.records(stream) {
            found.extend(of_members(record.as_object().unwrap(), schemas).iter().map(|it| format!("{stream}: {it}")));
            // A record without a column is one with null.
            let missing = schemas.keys().filter(|name| record.get(*name).is_none());
            found.extend(missing.map(|name| format!("{stream}: a record has no {name}")));
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn every_record_of_every_stream_obeys_its_schema_and_has_its_key() {
    let world = world().await;
    let streams = discover(&world).await;
    let catalog = configured(&streams);
    for api in ["auto", "bulk", "rest"] {
        let run = world.read(json!({"api": api}), &catalog).await;
        // Bulk refuses some objects.
        if api != "bulk" {
            run.assert_success();
        }
        assert_eq!(problems_of_records(&run, &schemas(&streams)), Vec::<String>::new(), "{api}");
        for name in ["Account", "Contact", "Lead", "Task"] {
            let ids = run.column(name, "Id");
            assert!(!ids.is_empty() && ids.iter().all(|id| id.len() == 18), "{api} {name}: {ids:?}");
            assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "{api} {name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_selected_streams_are_read_and_have_records() {
    let world = world().await;
    let (path, mut catalog) = read_entry("basic_read");
    let discovered = discover(&world).await;
    let schemas = schemas(&discovered);
    // As in the suite, the file selects streams, and `discover` says what they are.
    for stream in catalog["streams"].as_array_mut().unwrap() {
        let name = stream["stream"]["name"].as_str().unwrap().to_owned();
        let selected = keys(&stream["stream"]["json_schema"]["properties"]);
        assert!(selected.iter().all(|column| schemas[&*name]["properties"].get(column).is_some()), "{name}");
        stream["stream"] = discovered.iter().find(|stream| stream["name"] == name).unwrap().clone();
    }
    let config = configurations(&world).remove(&*path).unwrap();
    let streams = catalog["streams"].as_array().unwrap().clone();
    let run = blocking(move || connector::run("read", &[("--config", &config), ("--catalog", &catalog)])).await;
    run.assert_success();
    for stream in &streams {
        assert!(!run.records(stream["stream"]["name"].as_str().unwrap()).is_empty(), "{stream}");
    }
    assert_eq!(problems_of_records(&run, &schemas), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_stream_ends_a_read_with_an_error_message() {
    let world = world().await;
    let stream = json!({
        "name": "stream_that_does_not_exist",
        "json_schema": {"type": "object", "properties": {"f1": {"type": "string"}}},
        "supported_sync_modes": ["full_refresh"],
    });
    for sync_mode in ["full_refresh", "INVALID"] {
        let mut catalog = configured(std::slice::from_ref(&stream));
        catalog["streams"][0]["sync_mode"] = json!(sync_mode);
        let run = world.read(json!({}), &catalog).await;
        assert_eq!(run.failure().0, "config_error", "{sync_mode}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_full_refreshes_read_the_same_records() {
    let world = world().await;
    let (_, catalog) = read_entry("full_refresh");
    let first = world.read(json!({}), &catalog).await;
    let second = world.read(json!({}), &catalog).await;
    let records = |run: &Run| -> BTreeSet<String> {
        run.assert_success();
        ["Account", "Contact"].iter().flat_map(|name| run.records(name)).map(Value::to_string).collect()
    };
    assert!(records(&first).len() > 10);
    assert_eq!(records(&first), records(&second));
    assert!(first.emitted_at().max() <= second.emitted_at().min());
}
