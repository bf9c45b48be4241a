//! The preflight: `write` checks every stream against the org before it sends a record.

use salesforce_sim::{Field, Object, Settings};
use serde_json::{Value, json};

use crate::connector::Run;
use crate::protocol_model::Counts;
use crate::world::{World, catalog, complete, keyed, record, state, stream};

/// A write that the preflight ends with a configuration error.
async fn failed_preflight(world: &World, config: Value, streams: &[Value]) -> Run {
    let run = world.write(config, catalog(streams), Vec::new()).await;
    let (failure_type, message) = run.failure();
    assert_eq!(failure_type, "config_error", "{message}");
    assert!(message.starts_with("Nothing has been sent"), "{message}");
    assert!(world.org.jobs().is_empty());
    run
}

#[tokio::test(flavor = "multi_thread")]
async fn all_problems_are_reported_at_once_with_the_nearest_name() {
    let world = World::new().await;
    let streams = [
        stream("people", "Contcat", &[("LastName", "string")]),
        stream("contacts", "Contact", &[("last_name", "string"), ("Id", "string"), ("MailingAddress", "object")]),
        stream("accounts", "Account", &[("Name", "string"), ("Open_Amount__c", "number"), ("shoe_size", "integer")]),
        stream("logins", "LoginHistory", &[("Status", "string")]),
        stream("invoices", "Invoice__c", &[("Due_Date__c", "string")]),
        stream("twice", "Lead", &[("LastName", "string"), ("lastname", "string"), ("Company", "string")]),
    ];
    let run = failed_preflight(&world, json!({}), &streams).await;
    let (_, message) = run.failure();
    for part in [
        "Stream people: there is no object Contcat that the signed-in user can see; the nearest name is Contact",
        "Stream contacts: its field last_name is not a field of Contact that the user can see; the nearest name is \
         LastName",
        "Stream contacts: its field Id cannot be written by insert, because Id of Contact is set by Salesforce",
        "Stream contacts: its field MailingAddress cannot be written by insert, because MailingAddress of Contact \
         consists of other fields",
        "Stream accounts: its field Open_Amount__c cannot be written by insert, because Open_Amount__c of Account is a formula",
        "Stream accounts: its field shoe_size is not a field of Account that the user can see.",
        "Stream logins: the signed-in user is not allowed to create records of LoginHistory",
        "Stream invoices: Amount__c of Invoice__c is required to create a record, and the stream has no such field.",
        "Stream twice: two of its fields would become LastName of Lead.",
    ] {
        assert!(message.contains(part), "{part}\n{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_problem_of_a_stream_is_reported_at_once() {
    let world = World::new().await;
    let fields = [("LastName", "string"), ("lastname", "string"), ("Emial", "string"), ("Id", "string")];
    let run = failed_preflight(&world, json!({}), &[stream("leads", "Lead", &fields)]).await;
    let (_, message) = run.failure();
    for part in [
        "Nothing has been sent, for 4 reasons.",
        "Stream leads: its field Emial is not a field of Lead that the user can see; the nearest name is Email.",
        "Stream leads: its field Id cannot be written by insert",
        "Stream leads: two of its fields would become LastName of Lead.",
        "Stream leads: Company of Lead is required to create a record, and the stream has no such field.",
    ] {
        assert!(message.contains(part), "{part}\n{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_key_is_reported_together_with_an_unknown_field() {
    let world = World::new().await;
    let keyless = keyed(stream("a", "Account", &[("Nmae", "string")]), "append_dedup", "External_Id__c");
    let run = failed_preflight(&world, json!({}), &[keyless]).await;
    let (_, message) = run.failure();
    for part in [
        "Stream a: its field Nmae is not a field of Account that the user can see; the nearest name is Name.",
        "Stream a: upsert needs the field External_Id__c in every record, and the stream has no such field.",
    ] {
        assert!(message.contains(part), "{part}\n{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_misspelt_required_field_is_one_problem() {
    let world = World::new().await;
    let people = stream("people", "Contact", &[("last_name", "string")]);
    let run = failed_preflight(&world, json!({}), &[people]).await;
    assert_eq!(
        run.failure().1,
        "Nothing has been sent. Stream people: its field last_name is not a field of Contact that the user can see; \
         the nearest name is LastName, and LastName of Contact is required to create a record."
    );
    let accounts = keyed(stream("a", "Account", &[("external_id", "string")]), "append_dedup", "External_Id__c");
    let run = failed_preflight(&world, json!({}), &[accounts]).await;
    assert_eq!(
        run.failure().1,
        "Nothing has been sent. Stream a: its field external_id is not a field of Account that the user can see; the \
         nearest name is External_Id__c, and upsert needs the field External_Id__c in every record."
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_nearest_name_is_one_that_can_be_written() {
    let object = Object::custom("Order__c").field(Field::double("Amount__c", 18, 2).formula()).field(Field::double(
        "Amounts_Due__c",
        18,
        2,
    ));
    let world = World::with(Settings { objects: vec![object], ..Settings::default() }).await;
    let run = failed_preflight(&world, json!({}), &[stream("o", "Order__c", &[("amout", "number")])]).await;
    let (_, message) = run.failure();
    assert!(!message.contains("the nearest name is Amount__c"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relationship_that_is_written_wrongly_is_not_reported_as_missing_too() {
    let world = World::new().await;
    let lines = stream(
        "l",
        "Invoice_Line__c",
        &[("Quantity__c", "integer"), ("Invoice__c:Invoice__r.External_Id__c", "string")],
    );
    let run = failed_preflight(&world, json!({}), &[lines]).await;
    let (_, message) = run.failure();
    assert!(message.contains("must not name an object; write Invoice__r.External_Id__c"), "{message}");
    assert!(!message.contains("is required"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_misspelt_entry_for_a_stream_without_one_is_an_error() {
    let world = World::new().await;
    let fields = [("Name", "string"), ("External_Id__c", "string")];
    let config =
        json!({"streams": [{"stream": "Acount", "operation": "upsert", "external_id_field": "External_Id__c"}]});
    let run = failed_preflight(&world, config, &[stream("Account", "Account", &fields)]).await;
    assert_eq!(
        run.failure().1,
        "Nothing has been sent. The entry under `streams` for Acount matches no stream; the nearest name is Account, \
         which has no entry. Correct the name, remove the entry, or add an entry for Account."
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_for_the_same_name_in_another_namespace_is_only_logged() {
    let world = World::new().await;
    let config = json!({"streams": [{"stream": "Account", "namespace": "crm", "operation": "upsert"}]});
    let catalog = catalog(&[stream("Account", "Account", &[("Name", "string")])]);
    let run = world.write(config, catalog, vec![complete("Account")]).await;
    run.assert_success();
    assert!(run.warnings().iter().any(|line| line.contains("crm.Account")), "{:?}", run.warnings());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_or_a_rename_that_matches_nothing_is_logged_with_the_nearest_name() {
    let world = World::new().await;
    let streams = [
        stream("Contact", "Contact", &[("LastName", "string"), ("mail", "string"), ("Account", "object")]),
        stream("Lead", "Lead", &[("LastName", "string"), ("Company", "string")]),
        stream("Account", "Account", &[("Name", "string")]),
    ];
    let config = json!({"unknown_fields": "ignore", "streams": [
        {"stream": "Contact", "fields": [
            {"source": "phone", "target": "Phone"}, {"source": "Account.key", "target": "Account.External_Id__c"},
        ]},
        {"stream": "invoices"},
    ]});
    let lines = vec![complete("Contact"), complete("Lead"), complete("Account")];
    let run = world.write(config, catalog(&streams), lines).await;
    run.assert_success();
    let warnings = run.warnings();
    for line in [
        "The entry under `streams` for invoices matches no stream.",
        "Stream Contact: an entry of its `fields` renames phone, which its schema lacks.",
    ] {
        assert_eq!(warnings.iter().filter(|warning| **warning == line).count(), 1, "{line} {warnings:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_misspelt_entry_or_rename_is_an_error_where_it_changes_what_is_written() {
    let world = World::new().await;
    let streams = [
        stream("Contact", "Contact", &[("LastName", "string"), ("mail", "string")]),
        stream("Lead", "Lead", &[("LastName", "string"), ("Company", "string")]),
        stream("Account", "Account", &[("Name", "string")]),
    ];
    let config = json!({"unknown_fields": "ignore", "streams": [
        {"stream": "Contact", "fields": [{"source": "mial", "target": "Email"}, {"source": "x", "target": "Tilte"}]},
        {"stream": "Laed", "operation": "upsert"},
    ]});
    let run = failed_preflight(&world, config, &streams).await;
    let (_, message) = run.failure();
    for part in [
        "Nothing has been sent, for 2 reasons.",
        "Stream Contact: an entry of its `fields` renames mial, which its schema lacks; the nearest name is mail.",
        "The entry under `streams` for Laed matches no stream; the nearest name is Lead, which has no entry.",
    ] {
        assert!(message.contains(part), "{part}\n{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_that_the_user_names_must_be_a_field_also_where_unknown_fields_are_ignored() {
    let world = World::new().await;
    let config = json!({"unknown_fields": "ignore", "streams": [
        {"stream": "c", "fields": [{"source": "mail", "target": "Emial"}]},
    ]});
    let contacts = stream("c", "Contact", &[("LastName", "string"), ("mail", "string"), ("shoe_size", "string")]);
    let run = failed_preflight(&world, config, &[contacts]).await;
    assert_eq!(
        run.failure().1,
        "Nothing has been sent. Stream c: its field mail is renamed to Emial, which is not a field of Contact that the \
         user can see; the nearest name is Email."
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_nearest_object_is_one_that_can_be_written() {
    let world = World::new().await;
    let run = failed_preflight(&world, json!({}), &[stream("l", "LoginHistori", &[("Status", "string")])]).await;
    let (_, message) = run.failure();
    assert!(message.contains("there is no object LoginHistori") && !message.contains("is LoginHistory"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_key_is_logged_and_a_misspelt_limit_ends_the_sync_before_it_begins() {
    let world = World::new().await;
    let contacts = || catalog(&[stream("c", "Contact", &[("LastName", "string")])]);
    let lines = || vec![record("c", json!({"LastName": "A"})), complete("c")];
    let run = world.write(json!({"colour": "red", "batch_size": 5}), contacts(), lines()).await;
    run.assert_success();
    let warnings = run.warnings();
    for line in [
        "`colour` is not a key of this connector. It is ignored.",
        "`batch_size` is not a key of this connector; the nearest key is `batch_size_mb`. It is ignored.",
    ] {
        assert!(warnings.contains(&line), "{line} {warnings:?}");
    }
    let run = world.write(json!({"max_rejected_record": 0}), contacts(), lines()).await;
    assert_eq!(
        run.failure(),
        (
            "config_error",
            "The configuration is not valid. `max_rejected_record` is not a key of this connector; the nearest key is \
             `max_rejected_records`."
        )
    );
    assert_eq!(world.org.count("Contact"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_account_needs_a_last_name_and_no_name() {
    let world = World::with(Settings { person_accounts: true, ..Settings::default() }).await;
    let run = failed_preflight(&world, json!({}), &[stream("a", "Account", &[("PersonEmail", "string")])]).await;
    assert!(run.failure().1.contains("Name of Account is required to create a record"));

    let fields = [("LastName", "string"), ("FirstName", "string"), ("PersonEmail", "string")];
    let lines = vec![
        record("a", json!({"LastName": "Example", "FirstName": "Ada", "PersonEmail": "ada@example.com"})),
        record("a", json!({"FirstName": "Nobody"})),
        state("a", 1),
        complete("a"),
    ];
    let run = world.write(json!({}), catalog(&[stream("a", "Account", &fields)]), lines).await;
    run.assert_success();
    assert_eq!(run.counts(), [Counts { written: 1, rejected: 1 }], "the org judges each row");
    assert_eq!(world.values("Account", "Name"), [Some("Ada Example".to_owned())]);
    assert!(run.stdout.contains("accounts with a LastName are persons"));

    let person = ("LastName", "string");
    let strict = World::with(Settings { person_accounts: true, ..Settings::default() }).await;
    strict.org.add_field("Account", Field::text("Region__c", 10).required());
    let run = failed_preflight(&strict, json!({}), &[stream("a", "Account", &[person])]).await;
    let message = run.failure().1;
    assert!(message.contains("Region__c of Account is required to create a record"), "{message}");
    assert!(!message.contains(" Name of Account is required"), "{message}");

    let business = World::new().await;
    let run = failed_preflight(&business, json!({}), &[stream("a", "Account", &[("LastName", "string")])]).await;
    assert!(run.failure().1.contains("Name of Account is required to create a record"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_to_remove_earlier_records_is_logged_once_and_removes_nothing() {
    for (minimum, warnings) in [(json!(5), 1), (json!(0), 0), (Value::Null, 0)] {
        let world = World::new().await;
        world.org.insert("Contact", &[("LastName", "Earlier")]).unwrap();
        let mut contacts = stream("c", "Contact", &[("LastName", "string")]);
        contacts["generation_id"] = json!(5);
        contacts["minimum_generation_id"] = minimum;
        let lines = vec![record("c", json!({"LastName": "Earlier"})), complete("c")];
        let run = world.write(json!({}), catalog(&[contacts]), lines).await;
        run.assert_success();
        let found = run.warnings().iter().filter(|line| line.contains("asks to remove earlier records")).count();
        assert_eq!(found, warnings, "{}", run.stdout);
        assert_eq!(world.org.count("Contact"), 2);
    }
}

/// A full refresh of a stream without a key, which an entry makes an insert, brings every record again each time.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_refresh_that_is_made_an_insert_is_warned_of() {
    for (mode, operation, warnings) in [("overwrite", "insert", 1), ("overwrite", "upsert", 0), ("append", "insert", 0)]
    {
        let world = World::kind().await;
        let fields = [("LastName", "string"), ("External_Id__c", "string")];
        let mut contacts = stream("c", "Contact", &fields);
        contacts["destination_sync_mode"] = json!(mode);
        let entry = json!({"stream": "c", "operation": operation, "external_id_field": "External_Id__c"});
        let entry = if operation == "upsert" { entry } else { json!({"stream": "c", "operation": operation}) };
        let lines = vec![record("c", json!({"LastName": "A", "External_Id__c": "1"})), complete("c")];
        let run = world.write(json!({"streams": [entry]}), catalog(&[contacts]), lines).await;
        run.assert_success();
        let found = run.warnings().iter().filter(|line| line.contains("inserts every record again")).count();
        assert_eq!(found, warnings, "{mode} {operation}: {}", run.stdout);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_fields_are_left_out_when_configured() {
    let world = World::new().await;
    let streams = [stream("c", "Contact", &[("LastName", "string"), ("shoe_size", "integer")])];
    let lines = vec![
        record("c", json!({"LastName": "A", "shoe_size": 42, "hat_size": 7, "x".repeat(40_000): 1})),
        complete("c"),
    ];
    let run = world.write(json!({"unknown_fields": "ignore"}), catalog(&streams), lines).await;
    run.assert_success();
    assert_eq!(world.org.count("Contact"), 1, "{}", run.stdout);
    assert!(run.stdout.contains("hat_size"), "the log names the field that is left out");
    assert!(run.stdout.contains("fields=0 values=1"), "it counts a value whose name is too long");
}

/// A source that makes names of values has a new field in each record.
#[tokio::test(flavor = "multi_thread")]
async fn unknown_fields_have_a_bound_in_the_log_however_many_there_are() {
    let world = World::new().await;
    let mut many = json!({"LastName": "Many"});
    (0..20_000).for_each(|number| many[format!("many_{number}")] = json!(number));
    let mut lines = vec![record("c", many)];
    lines.extend((0..2_000).map(|number| {
        record(
            "c",
            json!({format!("one_{number}"): 1, "LastName": "One", format!("_airbyte_{number}"): 1, "Title": "Dr"}),
        )
    }));
    lines.push(complete("c"));
    let streams = [stream("c", "Contact", &[("LastName", "string")])];
    let run = world.write(json!({"unknown_fields": "ignore"}), catalog(&streams), lines).await;
    run.assert_success();
    assert_eq!(world.org.count("Contact"), 2_001);
    assert_eq!(world.values("Contact", "Title").iter().flatten().count(), 2_000, "a field of the object is a column");
    let warnings: Vec<_> = run.warnings().into_iter().filter(|warning| warning.contains("ignored")).collect();
    assert_eq!(warnings.len(), 51, "{warnings:?}");
    assert!(warnings[50].contains("fields=950 values=21000"), "{warnings:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_has_a_part_of_a_long_name_and_a_part_of_many_problems() {
    let world = World::new().await;
    let streams = [stream("c", "Contact", &[("LastName", "string")])];
    let lines = vec![record("c", json!({"LastName": "A", "x".repeat(1_000_000): 1})), complete("c")];
    let run = world.write(json!({}), catalog(&streams), lines).await;
    let (_, message) = run.failure();
    assert!(message.len() < 1_000 && message.contains("xxx..."), "{message}");

    let names: Vec<String> = (0..1_000).map(|number| format!("unknown_{number}")).collect();
    let fields: Vec<(&str, &str)> = names.iter().map(|name| (&**name, "string")).collect();
    let run = world.write(json!({}), catalog(&[stream("c", "Contact", &fields)]), vec![]).await;
    let (_, message) = run.failure();
    assert!(message.contains("for 1001 reasons") && message.contains("and 801 more"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_missing_from_the_schema_becomes_a_column() {
    let world = World::new().await;
    let streams = [stream("c", "Contact", &[("LastName", "string")])];
    let lines = vec![
        record("c", json!({"LastName": "A"})),
        record("c", json!({"LastName": "B", "Title": "Dr"})),
        record("c", json!({"LastName": "C", "_airbyte_raw_id": "x"})),
        complete("c"),
    ];
    let run = world.write(json!({}), catalog(&streams), lines).await;
    run.assert_success();
    assert_eq!(world.values("Contact", "LastName").len(), 3);
    assert_eq!(world.values("Contact", "Title"), [None, None, Some("Dr".to_owned())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_streams_setting_names_the_object_and_the_fields() {
    let world = World::new().await;
    let mut plain = stream("crm_people", "ignored", &[("surname", "string"), ("mail", "string")]);
    plain.as_object_mut().unwrap().remove("destination_object_name");
    let config = json!({"streams": [{"stream": "crm_people", "object": "Contact", "fields": [
        {"source": "surname", "target": "LastName"}, {"source": "mail", "target": "Email"},
    ]}]});
    let lines = vec![
        record("crm_people", json!({"surname": "Example", "mail": "a@example.com"})),
        record("crm_people", json!({"surname": "Wrong", "mail": "nowhere"})),
        complete("crm_people"),
    ];
    let run = world.write(config, catalog(&[plain]), lines).await;
    run.assert_success();
    assert_eq!(world.values("Contact", "Email"), [Some("a@example.com".to_owned())]);
    let rejected = world.rejected();
    assert_eq!(
        rejected[0]["_airbyte_data"]["mail"], "nowhere",
        "a rejected record has the names of its source columns"
    );
    assert_eq!(rejected[0]["_airbyte_data"]["rejected_field"], "Email");
}

#[tokio::test(flavor = "multi_thread")]
async fn values_are_converted_to_the_field_type() {
    let object = Object::custom("Typed__c")
        .field(Field::double("Number__c", 18, 2))
        .field(Field::date("Date__c"))
        .field(Field::datetime("Moment__c"))
        .field(Field::time("Time__c"))
        .field(Field::boolean("Flag__c"))
        .field(Field::multipicklist("Many__c", &["A", "B"]))
        .field(Field::text("Text__c", 5));
    let world = World::with(Settings { objects: vec![object], ..Settings::default() }).await;
    let streams = [stream(
        "t",
        "Typed__c",
        &[
            ("Number__c", "number"),
            ("Date__c", "string"),
            ("Moment__c", "string"),
            ("Time__c", "string"),
            ("Flag__c", "integer"),
            ("Many__c", "array"),
            ("Text__c", "string"),
        ],
    )];
    let lines = vec![
        record(
            "t",
            json!({"Number__c": 12.5, "Date__c": "2026-01-31T00:00:00", "Moment__c": "2026-01-31 09:30:00.123456+02",
                   "Time__c": "09:30", "Flag__c": 1, "Many__c": ["A", "B"], "Text__c": "longer than five"}),
        ),
        complete("t"),
    ];
    let run = world.write(json!({"truncate_text": true}), catalog(&streams), lines).await;
    run.assert_success();
    let records = world.org.records("Typed__c");
    let value = |name: &str| records[0][name].as_deref().unwrap_or("null").to_owned();
    assert_eq!(value("Date__c"), "2026-01-31");
    assert_eq!(value("Flag__c"), "true");
    assert_eq!(value("Many__c"), "A;B");
    assert_eq!(value("Text__c"), "longe");
    assert!(value("Moment__c").starts_with("2026-01-31T09:30:00.123+02:00"), "{}", value("Moment__c"));
    assert!(value("Time__c").starts_with("09:30:00"), "{}", value("Time__c"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nested_object_fills_a_required_relationship() {
    let world = World::new().await;
    world.org.insert("Invoice__c", &[("External_Id__c", "I-1"), ("Amount__c", "1")]).unwrap();
    let streams = [stream("l", "Invoice_Line__c", &[("Quantity__c", "integer"), ("Invoice__r", "object")])];
    let lines = vec![record("l", json!({"Quantity__c": 2, "Invoice__r": {"External_Id__c": "I-1"}})), complete("l")];
    world.write(json!({}), catalog(&streams), lines).await.assert_success();
    assert_eq!(world.org.count("Invoice_Line__c"), 1);
}
