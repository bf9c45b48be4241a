//! Related records: columns and nested objects that name them, and what is wrong with them.

mod second_references;
mod spellings;

use salesforce_sim::{Answer, Effect, Endpoint, RequestFault};
use serde_json::{Value, json};

use crate::connector::Run;
use crate::protocol_model::Counts;
use crate::world::{World, catalog, complete, keyed, record, state, stream};

/// An org with the accounts `root` and `leaf`; `root` is the parent of `leaf`.
async fn world() -> World {
    let world = World::new().await;
    let root = world.org.insert("Account", &[("Name", "root"), ("External_Id__c", "root")]).unwrap();
    world.org.insert("Account", &[("Name", "leaf"), ("External_Id__c", "leaf"), ("ParentId", &root)]).unwrap();
    world
}

/// A stream of contacts whose nested object `Account` has these members in the schema.
fn contacts_with_account(members: &[&str]) -> Value {
    let mut contacts = stream("c", "Contact", &[("LastName", "string"), ("Account", "object")]);
    let members: serde_json::Map<String, Value> =
        members.iter().map(|name| ((*name).to_owned(), json!({"type": "string"}))).collect();
    contacts["stream"]["json_schema"]["properties"]["Account"]["properties"] = json!(members);
    contacts
}

fn warnings_with(run: &Run, part: &str) -> usize {
    run.warnings().iter().filter(|line| line.contains(part)).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_field_of_a_related_object_is_reported_before_any_record_is_sent() {
    let of_account = "write Parent.External_Id__c, Parent.Legacy_Key__c, Parent.Segment_Key__c or Parent.Id instead";
    for (object, column, parts) in [
        (
            "Account",
            "Parent.Nonexistent__c",
            &[
                "Parent.Nonexistent__c cannot name a record of Account, because Nonexistent__c is not a field of \
                 Account",
                of_account,
            ][..],
        ),
        ("Account", "Parent.Phone", &["because Phone is not an external id of Account", of_account]),
        ("Account", "Parent.legacy_ky", &["write Parent.Legacy_Key__c, Parent.External_Id__c"]),
        ("Account", "Parent.Owner.Email", &["a column can go through only one relationship"]),
        ("Account", "CreatedBy.Email", &["its field CreatedById cannot be written by insert"]),
        (
            "Task",
            "What.External_Id__c",
            &["What.External_Id__c must name the object that it refers to, such as Account:What"],
        ),
        ("Task", "Lead:What.Email", &["names Lead, which WhatId does not refer to; write Account:What.Email"]),
        (
            "Task",
            "Contact:Who.LastName",
            &["because LastName is not an external id of Contact; write \
                                            Contact:Who.Email"],
        ),
    ] {
        let world = world().await;
        let streams = [
            stream("bad", object, &[("Name", "string"), ("Subject", "string"), (column, "string")]),
            stream("c", "Contact", &[("LastName", "string")]),
        ];
        let lines = vec![record("c", json!({"LastName": "first"})), state("c", 1)];
        let run = world.write(json!({}), catalog(&streams), lines).await;
        let (failure_type, message) = run.failure();
        assert_eq!(failure_type, "config_error", "{message}");
        assert!(message.starts_with("Nothing has been sent"), "{message}");
        for part in parts {
            assert!(message.contains(part), "{column}: {part}\n{message}");
        }
        assert!(world.org.jobs().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_field_of_a_related_object_is_left_out_when_configured() {
    let world = world().await;
    let accounts = stream("a", "Account", &[("Name", "string"), ("Parent.Nonexistent__c", "string")]);
    let lines = vec![record("a", json!({"Name": "x", "Parent.Nonexistent__c": "y"})), complete("a")];
    let run = world.write(json!({"unknown_fields": "ignore"}), catalog(&[accounts]), lines).await;
    run.assert_success();
    assert_eq!(world.org.count("Account"), 3);
    assert_eq!(warnings_with(&run, "Parent.Nonexistent__c"), 1, "{}", run.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nested_object_needs_one_field_that_names_the_related_record() {
    for members in [&[][..], &["External_Id__c", "Name", "Phone"]] {
        let world = world().await;
        let lines = vec![
            record("c", json!({"LastName": "1", "Account": {"External_Id__c": "root", "Name": "root", "Phone": null}})),
            record("c", json!({"LastName": "2", "Account": {"Phone": "1", "External_Id__c": "root"}})),
            record("c", json!({"LastName": "3", "Account": {"Name": "root"}})),
            state("c", 1),
            complete("c"),
        ];
        let run = world.write(json!({}), catalog(&[contacts_with_account(members)]), lines).await;
        run.assert_success();
        assert_eq!(run.counts(), [Counts { written: 2, rejected: 1 }]);
        assert!(world.values("Contact", "AccountId").iter().all(Option::is_some));
        assert_eq!(world.rejected()[0]["_airbyte_data"]["rejected_reason"], "MISSING_ARGUMENT");
        assert_eq!(warnings_with(&run, "cannot name the related record"), 2, "{}", run.stdout);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_members_of_a_nested_object_are_reported_before_any_record_is_sent() {
    for (members, part) in [
        (&["External_Id__c", "shoe_size"][..], "its field Account.shoe_size cannot name a record of Account"),
        (&["Name", "Phone"], "none of the fields in its Account can name a record of Account; add Account."),
        (
            &["External_Id__c", "Id"],
            "its fields Account.External_Id__c and Account.Id both name the record of AccountId, and Salesforce \
             accepts only one",
        ),
    ] {
        let world = world().await;
        let run = world.write(json!({}), catalog(&[contacts_with_account(members)]), Vec::new()).await;
        let (failure_type, message) = run.failure();
        assert_eq!(failure_type, "config_error", "{message}");
        assert!(message.contains(part), "{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_chooses_which_member_of_a_nested_object_names_the_related_record() {
    let world = world().await;
    let config = json!({"streams": [{"stream": "c", "fields": [
        {"source": "Account.External_Id__c", "target": "Account.External_Id__c"},
    ]}]});
    let data = json!({"LastName": "1", "Account": {"Id": "of another org", "External_Id__c": "root"}});
    let lines = vec![record("c", data), state("c", 1), complete("c")];
    let run = world.write(config, catalog(&[contacts_with_account(&["Id", "External_Id__c"])]), lines).await;
    run.assert_success();
    assert_eq!(run.counts(), [Counts { written: 1, rejected: 0 }]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_takes_a_member_to_another_field_leaves_the_key_of_the_related_record() {
    for members in [&[][..], &["Name", "Phone", "External_Id__c"]] {
        let world = world().await;
        let config =
            json!({"streams": [{"stream": "c", "fields": [{"source": "Account.Name", "target": "Department"}]}]});
        let lines = vec![
            record("c", json!({"LastName": "1", "Account": {"Name": "root", "Phone": "1", "External_Id__c": "root"}})),
            record("c", json!({"LastName": "2", "Account": {"Name": "root", "Phone": "1"}})),
            state("c", 1),
            complete("c"),
        ];
        let run = world.write(config, catalog(&[contacts_with_account(members)]), lines).await;
        run.assert_success();
        assert_eq!(run.counts(), [Counts { written: 1, rejected: 1 }]);
        assert_eq!(world.values("Contact", "Department"), [Some("root".to_owned())]);
        assert!(world.values("Contact", "AccountId").iter().all(Option::is_some));
        assert_eq!(world.rejected()[0]["_airbyte_data"]["rejected_reason"], "MISSING_ARGUMENT");
    }
    let world = world().await;
    let config = json!({"streams": [{"stream": "c", "fields": [{"source": "Account.Name", "target": "Department"}]}]});
    let run = world.write(config, catalog(&[contacts_with_account(&["Name", "Phone"])]), Vec::new()).await;
    assert!(run.failure().1.contains("none of the fields in its Account can name a record of Account"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_id_of_a_related_record_goes_to_the_reference_itself() {
    let world = world().await;
    let root = world.org.records("Account")[0]["Id"].clone().unwrap();
    let flat = stream("flat", "Contact", &[("LastName", "string"), ("account.id", "string")]);
    let nested = stream("nested", "Contact", &[("LastName", "string"), ("Account", "object")]);
    let tasks = stream("tasks", "Task", &[("Subject", "string"), ("Account:What.Id", "string"), ("Who", "object")]);
    let lines = vec![
        record("flat", json!({"LastName": "1", "account.id": root})),
        record("nested", json!({"LastName": "2", "Account": {"Id": root}})),
        record("tasks", json!({"Subject": "call", "Account:What.Id": root, "Who": {"Id": null}})),
        complete("flat"),
        complete("nested"),
        complete("tasks"),
    ];
    let run = world.write(json!({}), catalog(&[flat, nested, tasks]), lines).await;
    run.assert_success();
    assert_eq!(world.values("Contact", "AccountId"), [Some(root.clone()), Some(root.clone())]);
    assert_eq!(world.values("Task", "WhatId"), [Some(root)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_columns_of_one_reference_are_logged_and_the_org_judges_each_record() {
    let world = world().await;
    let root = world.org.records("Account")[0]["Id"].clone().unwrap();
    let fields = [("LastName", "string"), ("AccountId", "string"), ("Account.External_Id__c", "string")];
    let lines = vec![
        record("c", json!({"LastName": "1", "AccountId": root})),
        record("c", json!({"LastName": "2", "Account.External_Id__c": "root"})),
        record("c", json!({"LastName": "3", "AccountId": root, "Account.External_Id__c": "root"})),
        state("c", 1),
        complete("c"),
    ];
    let run = world.write(json!({}), catalog(&[stream("c", "Contact", &fields)]), lines).await;
    run.assert_success();
    assert_eq!(run.counts(), [Counts { written: 2, rejected: 1 }]);
    assert_eq!(warnings_with(&run, "two columns fill one field"), 1, "{}", run.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_null_object_clears_the_reference() {
    let key = ("External_Id__c", "string");
    let first_null = record("a", json!({"External_Id__c": "leaf", "Parent": null}));
    let named = record("a", json!({"External_Id__c": "other", "Name": "o", "Parent": {"External_Id__c": "root"}}));
    for (lines, expected) in [
        (vec![first_null.clone()], [None, None, None]),
        // The key of the relationship is known before or after the null.
        (vec![first_null.clone(), named.clone()], [None, None, Some(())]),
        (vec![named.clone(), first_null.clone()], [None, None, Some(())]),
    ] {
        let world = world().await;
        let accounts = keyed(
            stream("a", "Account", &[key, ("Name", "string"), ("Parent", "object")]),
            "append_dedup",
            "External_Id__c",
        );
        let count = lines.len();
        let lines = lines.into_iter().chain([state("a", 1), complete("a")]).collect();
        let run = world.write(json!({"null_handling": "clear"}), catalog(&[accounts]), lines).await;
        run.assert_success();
        assert_eq!(run.counts(), [Counts { written: count as u64, rejected: 0 }]);
        let parents = world.values("Account", "ParentId");
        let found: Vec<Option<()>> = parents.iter().map(|parent| parent.as_ref().map(|_| ())).collect();
        assert_eq!(found, expected[3 - found.len()..], "{}", run.stdout);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_null_object_of_several_types_clears_the_reference() {
    let world = world().await;
    let root = world.org.records("Account")[0]["Id"].clone().unwrap();
    let task = world.org.insert("Task", &[("Subject", "call"), ("WhatId", &root)]).unwrap();
    let mut tasks = stream("t", "Task", &[("Id", "string"), ("What", "object")]);
    tasks["destination_sync_mode"] = json!("update");
    let lines = vec![record("t", json!({"Id": task, "What": null})), complete("t")];
    let run = world.write(json!({"null_handling": "clear"}), catalog(&[tasks]), lines).await;
    run.assert_success();
    assert_eq!(world.values("Task", "WhatId"), [None]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_null_object_beside_another_column_of_its_reference_is_logged() {
    let world = world().await;
    let root = world.org.records("Account")[0]["Id"].clone().unwrap();
    let fields = [("External_Id__c", "string"), ("ParentId", "string"), ("Parent", "object")];
    let accounts = keyed(stream("a", "Account", &fields), "append_dedup", "External_Id__c");
    let lines = vec![record("a", json!({"External_Id__c": "leaf", "ParentId": root, "Parent": null})), complete("a")];
    let run = world.write(json!({"null_handling": "clear"}), catalog(&[accounts]), lines).await;
    run.assert_success();
    assert_eq!(world.values("Account", "ParentId"), [None, Some(root)]);
    assert_eq!(warnings_with(&run, "a null changes nothing"), 1, "{}", run.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_null_in_one_of_two_columns_of_a_reference_leaves_the_value_of_the_other() {
    let world = world().await;
    let root = world.org.records("Account")[0]["Id"].clone().unwrap();
    let fields = [("External_Id__c", "string"), ("ParentId", "string"), ("Parent.External_Id__c", "string")];
    let accounts = keyed(stream("a", "Account", &fields), "append_dedup", "External_Id__c");
    for (id, key, expected) in
        [(json!(root), json!(null), true), (json!(null), json!("root"), true), (json!(null), json!(null), false)]
    {
        let data = json!({"External_Id__c": "leaf", "ParentId": id, "Parent.External_Id__c": key});
        let lines = vec![record("a", data), state("a", 1), complete("a")];
        let run = world.write(json!({"null_handling": "clear"}), catalog(std::slice::from_ref(&accounts)), lines).await;
        run.assert_success();
        assert_eq!(run.counts(), [Counts { written: 1, rejected: 0 }]);
        assert_eq!(world.values("Account", "ParentId"), [None, expected.then(|| root.clone())]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_parent_of_detail_records_is_named_before_an_upsert_is_rejected() {
    let world = World::new().await;
    world.org.insert("Invoice__c", &[("External_Id__c", "I-1"), ("Amount__c", "1")]).unwrap();
    let fields = [("External_Id__c", "string"), ("Quantity__c", "integer"), ("Invoice__r.External_Id__c", "string")];
    let lines = keyed(stream("l", "Invoice_Line__c", &fields), "append_dedup", "External_Id__c");
    let line = json!({"External_Id__c": "L-1", "Quantity__c": 1, "Invoice__r.External_Id__c": "I-1"});
    for counts in [Counts { written: 1, rejected: 0 }, Counts { written: 0, rejected: 1 }] {
        let messages = vec![record("l", line.clone()), state("l", 1), complete("l")];
        let run = world.write(json!({}), catalog(std::slice::from_ref(&lines)), messages).await;
        run.assert_success();
        assert_eq!(run.counts(), [counts]);
        let warning =
            run.warnings().into_iter().find(|line| line.contains("Salesforce rejects each record that exists"));
        assert!(warning.is_some_and(|line| line.contains("Invoice__c")), "{}", run.stdout);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_can_only_be_set_in_new_records_is_refused_for_an_update() {
    let world = World::new().await;
    let mut lines = stream("l", "Invoice_Line__c", &[("Id", "string"), ("Invoice__c", "string")]);
    lines["destination_sync_mode"] = json!("update");
    for unknown_fields in ["fail", "ignore"] {
        let settings = json!({"unknown_fields": unknown_fields});
        let run = world.write(settings, catalog(std::slice::from_ref(&lines)), Vec::new()).await;
        let (_, message) = run.failure();
        let expected = "Invoice__c of Invoice_Line__c can only be set when a record is created";
        assert!(message.contains(expected), "{unknown_fields}: {message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_that_salesforce_fills_can_be_left_out() {
    for mode in ["append", "append_dedup"] {
        let world = World::new().await;
        let fields = [
            ("id", "integer"),
            ("External_Id__c", "string"),
            ("Name", "string"),
            ("CreatedDate", "string"),
            ("Open_Amount__c", "number"),
        ];
        let accounts = keyed(stream("a", "Account", &fields), mode, "External_Id__c");
        let data =
            json!({"id": 7, "External_Id__c": "A-1", "Name": "x", "CreatedDate": "2026-01-01", "Open_Amount__c": 1});
        let lines = || vec![record("a", data.clone()), state("a", 1), complete("a")];
        let run =
            world.write(json!({"unknown_fields": "ignore"}), catalog(std::slice::from_ref(&accounts)), lines()).await;
        run.assert_success();
        assert_eq!(run.counts(), [Counts { written: 1, rejected: 0 }]);
        assert_eq!(warnings_with(&run, "a field of the records is ignored"), 3, "{}", run.stdout);
        let run = world.write(json!({}), catalog(&[accounts]), lines()).await;
        assert!(run.failure().1.contains("its field Id cannot be written by"), "{}", run.failure().1);
        assert!(run.failure().1.contains("or set `unknown_fields` to `ignore`"), "{}", run.failure().1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn describes_that_answer_for_each_other_are_asked_for_alone() {
    let world = World::new().await;
    let answer = |position: usize, name: &str| {
        let body = json!({"name": name, "createable": true, "fields": []});
        json!({"referenceId": format!("object{position}"), "httpStatusCode": 200, "httpHeaders": {}, "body": body})
    };
    let swapped = json!({"compositeResponse": [answer(0, "Contact"), answer(1, "Account")]}).to_string();
    let fault = Effect::Replaced(Answer::json(200, &swapped));
    world.org.inject(RequestFault::new(Endpoint::Composite, fault));
    let streams = [stream("a", "Account", &[("Name", "string")]), stream("c", "Contact", &[("LastName", "string")])];
    let lines =
        vec![record("a", json!({"Name": "x"})), record("c", json!({"LastName": "y"})), complete("a"), complete("c")];
    world.write(json!({}), catalog(&streams), lines).await.assert_success();
    assert_eq!((world.org.count("Account"), world.org.count("Contact")), (1, 1));
}

/// A stream of contacts, and the lines of one record.
fn one_contact(fields: &[(&str, &str)], data: Value) -> (Value, Vec<String>) {
    let lines = vec![record("c", data), state("c", 1), complete("c")];
    (catalog(&[stream("c", "Contact", fields)]), lines)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_that_only_records_show_is_checked_with_the_related_object() {
    let fields = [("LastName", "string"), ("Account", "object")];
    for (data, part) in [
        (
            json!({"LastName": "1", "Account.Nonexistent__c": "x"}),
            "its field Account.Nonexistent__c cannot name a record",
        ),
        (json!({"LastName": "1", "Account": {"shoe_size": "x"}}), "its field Account.shoe_size cannot name a record"),
        (
            json!({"LastName": "1", "Account": {"External_Id__c": "root", "Legacy_Key__c": "x"}}),
            "its fields Account.External_Id__c and Account.Legacy_Key__c both name the record of AccountId",
        ),
        (json!({"LastName": "1", "Tilte": "x"}), "the nearest name is Title"),
    ] {
        let world = world().await;
        let (catalog, lines) = one_contact(&fields, data);
        let run = world.write(json!({}), catalog, lines).await;
        let (failure_type, message) = run.failure();
        assert_eq!(failure_type, "config_error", "{message}");
        assert!(message.contains(part), "{part}\n{message}");
        assert!(world.org.jobs().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_without_a_schema_is_checked_with_its_related_objects() {
    let world = world().await;
    let (catalog, lines) = one_contact(&[], json!({"LastName": "1", "Account.Nonexistent__c": "x"}));
    let run = world.write(json!({}), catalog, lines).await;
    let message = run.failure().1;
    assert!(message.contains("its field Account.Nonexistent__c cannot name a record of Account"), "{message}");
    assert!(world.org.jobs().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_column_of_a_reference_that_only_records_show_is_logged_once() {
    let world = world().await;
    let root = world.org.records("Account")[0]["Id"].clone().unwrap();
    let fields = [("LastName", "string"), ("Account.External_Id__c", "string")];
    let (catalog, lines) = one_contact(&fields, json!({"LastName": "1", "AccountId": root}));
    let run = world.write(json!({}), catalog, lines).await;
    run.assert_success();
    assert_eq!(world.values("Contact", "AccountId"), [Some(root)]);
    assert_eq!(warnings_with(&run, "two columns fill one field"), 1, "{}", run.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nested_object_that_names_no_record_is_left_out_when_configured() {
    let world = world().await;
    let fields = [("LastName", "string"), ("Account", "object"), ("CreatedBy", "object")];
    let data = json!({"LastName": "1", "Account": {"Name": "root"}, "CreatedBy": {"Email": "ada@example.com"}});
    let (catalog, lines) = one_contact(&fields, data);
    let run = world.write(json!({"unknown_fields": "ignore"}), catalog.clone(), lines.clone()).await;
    run.assert_success();
    assert_eq!(run.counts(), [Counts { written: 1, rejected: 0 }]);
    assert_eq!(warnings_with(&run, "a field of the records is ignored"), 2, "{}", run.stdout);
    let run = world.write(json!({}), catalog, lines).await;
    assert!(run.failure().1.contains("its field CreatedById cannot be written by insert"), "{}", run.failure().1);
}

#[tokio::test(flavor = "multi_thread")]
async fn both_keys_of_a_nested_object_are_sent_when_entries_name_both() {
    let world = world().await;
    let entry = |member: &str| json!({"source": format!("Account.{member}"), "target": format!("Account.{member}")});
    let config = json!({"streams": [{"stream": "c", "fields": [entry("External_Id__c"), entry("Legacy_Key__c")]}]});
    let lines = vec![
        record("c", json!({"LastName": "1", "Account": {"External_Id__c": "root"}})),
        record("c", json!({"LastName": "2", "Account": {"External_Id__c": "root", "Legacy_Key__c": "x"}})),
        state("c", 1),
        complete("c"),
    ];
    let contacts = contacts_with_account(&["External_Id__c", "Legacy_Key__c"]);
    let run = world.write(config, catalog(&[contacts]), lines).await;
    run.assert_success();
    assert_eq!(run.counts(), [Counts { written: 1, rejected: 1 }], "the org judges each record");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_related_object_that_cannot_be_described_is_left_to_the_org() {
    let world = world().await;
    world.org.inject(RequestFault::new(Endpoint::Describe, Answer::status(404)).starting_at(2));
    let fields = [("LastName", "string"), ("Account.External_Id__c", "string")];
    let (catalog, lines) = one_contact(&fields, json!({"LastName": "1", "Account.External_Id__c": "root"}));
    let run = world.write(json!({}), catalog, lines).await;
    run.assert_success();
    assert_eq!(run.counts(), [Counts { written: 1, rejected: 0 }]);
    assert_eq!(warnings_with(&run, "the fields of a related object are unknown"), 1, "{}", run.stdout);
}
