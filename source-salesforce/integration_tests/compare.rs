//! `compare`: what an org, or what was sent, has and another org lacks.

use salesforce_sim::{Answer, Endpoint, Field, Object, QueryJobFault, RequestFault, Settings, SimulatedOrg};
use serde_json::{Value, json};

use crate::compared::{Compared, compare, config_of};
use crate::round_trip::load;
use crate::world::{World, blocking, catalog};

const EARLY: &str = "2026-01-02T03:04:05Z";
const LATE: &str = "2026-02-03T04:05:06Z";
const KEY: &str = "Account=External_Id__c";

/// Adds an account that was made and changed at these times.
fn add(org: &SimulatedOrg, key: Option<&str>, stamp: &str) {
    let values = [("Name", "Secret Example Ltd"), ("CreatedDate", EARLY), ("SystemModstamp", stamp)];
    let key = key.map(|key| ("External_Id__c", key));
    org.insert("Account", &values.into_iter().chain(key).collect::<Vec<_>>()).unwrap();
}

async fn orgs() -> (World, World) {
    (World::new().await, World::new().await)
}

fn accounts() -> Value {
    catalog(&[("Account", &["External_Id__c"])])
}

/// Compares the accounts of two orgs by their external ids, or as `more` says.
async fn compare_orgs(first: &World, second: &World, more: &[&str]) -> Compared {
    compare_as(&first.config(json!({})), &second.config(json!({})), more).await
}

async fn compare_as(first: &Value, second: &Value, more: &[&str]) -> Compared {
    let files = [("--config", first), ("--with", second), ("--catalog", &accounts())]
        .map(|(option, content)| (option, content.to_string()));
    compare(files.into(), [&["--key", KEY], more].concat(), "").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_an_extra_an_older_a_doubled_and_a_keyless_record_are_each_found() {
    for api in ["bulk", "rest"] {
        let (first, second) = orgs().await;
        for key in ["E-1", "E-2", "missing", "older", "doubled"] {
            add(&first.org, Some(key), if key == "older" { LATE } else { EARLY });
        }
        add(&first.org, None, EARLY);
        for key in ["e-1", "E-2", "extra", "older", "doubled", "Doubled"] {
            add(&second.org, Some(key), if key == "e-1" { LATE } else { EARLY });
        }
        let changes = json!({"api": api});
        let run = compare_as(&first.config(changes.clone()), &second.config(changes), &[]).await;
        let line = |more: Value| {
            let mut line = json!({"stream": "Account"});
            more.as_object().unwrap().iter().for_each(|(key, value)| line[key] = value.clone());
            line
        };
        let expected = [
            line(json!({"key": null, "difference": "keyless", "side": "first", "records": 1})),
            line(json!({"key": "Doubled", "difference": "doubled", "side": "second", "records": 2})),
            line(json!({"key": "extra", "difference": "extra"})),
            line(json!({"key": "missing", "difference": "missing"})),
            line(json!({"key": "older", "difference": "older", "first": LATE, "second": EARLY})),
        ];
        let mut told = run.differences();
        // Which of the two comes last is the order of the org.
        told.iter_mut().filter(|line| line["difference"] == "doubled").for_each(|line| line["key"] = json!("Doubled"));
        assert_eq!(told, expected, "{api}");
        let summary = json!({
            "key": "External_Id__c", "first": 6, "second": 6, "in_both": 4, "missing": 1, "extra": 1, "older": 1,
            "doubled": 1, "keyless": 1, "changed_meanwhile": 0, "undated": 0,
        });
        assert_eq!((run.code, run.summaries()), (1, vec![line(json!({"summary": summary}))]), "{api}");
        for secret in ["Secret Example", "consumer-secret", "refresh-token"] {
            assert!(!run.stdout.contains(secret) && !run.stderr.contains(secret), "{secret}");
        }
        for key in ["E-1", "missing", "extra", "doubled"] {
            assert!(!run.stderr.contains(key), "a key is in the log: {}", run.stderr);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_differences_are_written_than_are_asked_for_and_all_are_counted() {
    let (first, second) = orgs().await;
    for key in ["E-1", "E-2", "E-3", "both"] {
        add(&first.org, Some(key), EARLY);
    }
    add(&second.org, Some("both"), EARLY);
    for (most, written) in [("0", 0), ("2", 2), ("3", 3)] {
        let run = compare_orgs(&first, &second, &["--differences", most]).await;
        assert_eq!((run.code, run.differences().len()), (1, written), "{most}: {}", run.stderr);
        assert_eq!(run.summaries()[0]["summary"]["missing"], 3, "{most}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn orgs_with_the_same_records_exit_with_0_and_so_do_empty_ones() {
    let (first, second) = orgs().await;
    let run = compare_orgs(&first, &second, &[]).await;
    assert_eq!((run.code, run.differences().len()), (0, 0), "{}", run.stderr);
    for number in 0..30 {
        add(&first.org, Some(&format!("E-{number}")), EARLY);
        add(&second.org, Some(&format!("E-{}", 29 - number)), LATE);
    }
    let run = compare_orgs(&first, &second, &[]).await;
    assert_eq!((run.code, run.differences().len()), (0, 0), "{}", run.stderr);
    assert_eq!(run.summaries()[0]["summary"]["in_both"], 30);
    // A record in the recycle bin is not there.
    let id = second.org.records("Account")[0]["Id"].clone().unwrap();
    assert!(second.org.recycle("Account", &id));
    let run = compare_orgs(&first, &second, &[]).await;
    assert_eq!((run.code, &run.differences()[0]["difference"]), (1, &json!("missing")));
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_compared_as_the_second_org_does() {
    let object = |case: bool| {
        let key = Field::text("Key__c", 40).external_id().unique();
        Object::custom("Thing__c")
            .field(if case { key.case_sensitive() } else { key })
            .field(Field::double("Number__c", 10, 2).external_id())
    };
    let world = async |case| World::with(Settings { objects: vec![object(case)], ..Settings::default() }).await;
    let catalog = catalog(&[("Thing__c", &["Key__c"])]).to_string();
    for (first_case, second_case, expected) in [(true, false, 0), (false, true, 1), (true, true, 1)] {
        let (first, second) = (world(first_case).await, world(second_case).await);
        first.org.insert("Thing__c", &[("Key__c", "ab"), ("Number__c", "12.0")]).unwrap();
        second.org.insert("Thing__c", &[("Key__c", "AB"), ("Number__c", "12")]).unwrap();
        for (key, expected) in [("Thing__c=Key__c", expected), ("Thing__c=number__C", 0)] {
            let files = vec![
                ("--config", first.config(json!({})).to_string()),
                ("--with", second.config(json!({})).to_string()),
                ("--catalog", catalog.clone()),
            ];
            let run = compare(files, vec!["--key", key], "").await;
            assert_eq!(run.code, expected, "{first_case} {second_case} {key}: {} {}", run.stdout, run.stderr);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ids_of_two_orgs_say_nothing_and_a_key_is_asked_for() {
    let (first, second) = orgs().await;
    add(&first.org, Some("E-1"), EARLY);
    add(&second.org, Some("E-0"), EARLY);
    add(&second.org, Some("E-1"), EARLY);
    // The orgs give the same ids to the first records of an object.
    let id = second.org.records("Account")[0]["Id"].clone().unwrap();
    second.org.erase("Account", &id);
    let files = |with: &World| {
        vec![
            ("--config", first.config(json!({})).to_string()),
            ("--with", with.config(json!({})).to_string()),
            ("--catalog", accounts().to_string()),
        ]
    };
    let run = compare(files(&second), vec![], "").await;
    assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{}", run.stderr);
    assert!(run.stderr.contains("--key Account=External_Id__c"), "{}", run.stderr);
    // The same org has the same ids.
    let run = compare(files(&first), vec![], "").await;
    assert_eq!((run.code, &run.summaries()[0]["summary"]["key"]), (0, &json!("Id")), "{}", run.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_records_of_the_same_org_are_differences_and_no_wrong_key() {
    let world = World::new().await;
    for key in ["E-1", "E-2"] {
        add(&world.org, Some(key), EARLY);
    }
    let of = |key: &str| {
        let filter = format!("External_Id__c = '{key}'");
        world.config(json!({"streams": [{"stream": "Account", "filter": filter}]})).to_string()
    };
    let files = vec![("--config", of("E-1")), ("--with", of("E-2")), ("--catalog", accounts().to_string())];
    let run = compare(files, vec![], "").await;
    let mut told: Vec<Value> = run.differences().iter().map(|line| line["difference"].clone()).collect();
    told.sort_by_key(Value::to_string);
    assert_eq!((run.code, told), (1, vec![json!("extra"), json!("missing")]), "{}", run.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_side_that_is_not_proven_to_be_whole_is_never_the_same() {
    for is_first in [true, false] {
        let (first, second) = orgs().await;
        for org in [&first.org, &second.org] {
            (0..5).for_each(|number| add(org, Some(&format!("E-{number}")), EARLY));
        }
        let org = if is_first { &first.org } else { &second.org };
        for _ in 0..3 {
            org.inject(QueryJobFault::row_left_out("Account"));
        }
        let bulk = |world: &World| world.config(json!({"api": "bulk"}));
        let run = compare_as(&bulk(&first), &bulk(&second), &[]).await;
        assert_eq!((run.code, run.summaries().len()), (2, 0), "{} {}", run.stdout, run.stderr);
        assert!(run.stderr.contains("It is not proven that the stream Account is whole"), "{}", run.stderr);
        // One wrong job is made again, also after its records were read.
        org.inject(QueryJobFault::row_left_out("Account"));
        let run = compare_as(&bulk(&first), &bulk(&second), &[]).await;
        assert_eq!((run.code, &run.summaries()[0]["summary"]["in_both"]), (0, &json!(5)), "{}", run.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_compared_is_told_before_a_record_is_read() {
    let (first, second) = orgs().await;
    add(&first.org, Some("E-1"), EARLY);
    for (arguments, part) in [
        (&["--key", "Account=Extrnal_Id__c"][..], "the nearest column is External_Id__c"),
        (&["--key", "Acount=Id"], "the nearest name is Account"),
        (&["--object", "Account=Acount"], "the nearest object is Account"),
        (&["--sent", "-"], "cannot be used with"),
    ] {
        let files = vec![
            ("--config", first.config(json!({})).to_string()),
            ("--with", second.config(json!({})).to_string()),
            ("--catalog", accounts().to_string()),
        ];
        let run = compare(files, arguments.to_vec(), "").await;
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{arguments:?}: {}", run.stderr);
        assert!(run.stderr.contains(part), "{arguments:?}: {}", run.stderr);
    }
    let refusal = Answer::error(403, "API_DISABLED_FOR_ORG", "The REST API is not enabled for this Organization");
    second.org.inject(RequestFault::new(Endpoint::Describe, refusal));
    let run = compare_orgs(&first, &second, &[]).await;
    assert_eq!(run.code, 2, "{}", run.stdout);
    assert!(first.org.query_jobs().is_empty(), "nothing was read");
}

/// Exit code 0 would say that both are equal.
#[tokio::test(flavor = "multi_thread")]
async fn without_another_side_that_can_be_read_nothing_is_compared() {
    let world = World::kind().await;
    for (arguments, part) in [
        (&[][..], "--sent"),
        (&["--sent", "no/such/file"], "no/such/file, cannot be read"),
        (&["--with", "no/such/file"], "no/such/file"),
    ] {
        let files = vec![("--config", world.config(json!({})).to_string()), ("--catalog", accounts().to_string())];
        let run = compare(files, arguments.to_vec(), "").await;
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{arguments:?}: {}", run.stderr);
        assert!(run.stderr.contains(part), "{arguments:?}: {}", run.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_made_in_the_first_org_meanwhile_is_not_missing() {
    let (first, second) = (World::kind().await, World::kind().await);
    add(&first.org, Some("E-1"), EARLY);
    add(&second.org, Some("E-1"), EARLY);
    // The comparison begins before this record is made, although it is there while the records are read.
    let future = "2999-01-01T00:00:00Z";
    let made = [("Name", "New"), ("External_Id__c", "new"), ("CreatedDate", future), ("SystemModstamp", future)];
    first.org.insert("Account", &made).unwrap();
    let run = compare_orgs(&first, &second, &[]).await;
    assert_eq!((run.code, &run.summaries()[0]["summary"]["first"]), (0, &json!(1)), "{} {}", run.stdout, run.stderr);
    // One that changed meanwhile is told, and so is that it did.
    add(&first.org, Some("changed"), future);
    let run = compare_orgs(&first, &second, &[]).await;
    assert_eq!((run.code, &run.differences()[0]["changed_meanwhile"]), (1, &json!(true)), "{}", run.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_source_read_is_compared_with_the_org_that_it_was_sent_to() {
    let (first, second) = orgs().await;
    for key in ["E-1", "E-2", "E-3"] {
        add(&first.org, Some(key), if key == "E-3" { LATE } else { EARLY });
        add(&second.org, Some(key), EARLY);
    }
    let catalog = catalog(&[("Account", &["Id", "External_Id__c", "Name", "SystemModstamp"])]);
    let read = first.read(json!({}), &catalog).await;
    let messages: String = read.messages.iter().map(|message| message.to_string() + "\n").collect();
    let sent = async |world: &World, input: &str| {
        let files = vec![("--config", world.config(json!({})).to_string()), ("--catalog", catalog.to_string())];
        compare(files, vec!["--sent", "-", "--key", KEY], input).await
    };
    assert_eq!(sent(&first, &messages).await.code, 0);
    let run = sent(&second, &messages).await;
    let older = json!({"stream": "Account", "key": "E-3", "difference": "older", "first": LATE, "second": EARLY});
    assert_eq!((run.code, run.differences()), (1, vec![older]), "{}", run.stderr);
    // What is not whole proves nothing: a record that is gone, the end of a line, the end of all, a failure.
    let lines: Vec<&str> = messages.lines().collect();
    let record = lines.iter().position(|line| line.contains("\"RECORD\"")).unwrap();
    let without_record = [&lines[..record], &lines[record + 1..]].concat().join("\n");
    for (input, part) in [
        (&*without_record, "a state of Account says"),
        (&messages[..messages.find("\"RECORD\"").unwrap() + 30], "is cut off"),
        (&lines[..lines.len() - 1].join("\n"), "did not say that it came to the end of Account"),
        (&messages.replace("\"status\"", "\"said\""), "is no message"),
        ("", "has no record, no state and no status of Account"),
        (&messages.replace("\"RECORD\"", "\"record\""), "is no message"),
        (&messages.replace("COMPLETE", "INCOMPLETE"), "did not say that it came to the end of Account"),
    ] {
        let run = sent(&first, input).await;
        assert!(run.code == 2 && run.stderr.contains(part), "{part}: {} {}", run.code, run.stderr);
        assert!(!run.stderr.contains("Secret Example"), "{}", run.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_warehouse_sent_to_the_destination_is_compared_with_the_org() {
    let world = World::new().await;
    let config = world.config(json!({}));
    let data: Vec<Value> =
        (0..5).map(|number| json!({"Name": "Example", "External_Id__c": format!("E-{number}")})).collect();
    let loaded = data[..4].to_vec();
    blocking(move || load(&config, "Account", &loaded)).await;
    let message =
        |data: &Value| json!({"type": "RECORD", "record": {"stream": "customers", "data": data, "emitted_at": 1}});
    let mut catalog = catalog(&[("customers", &["number"])]);
    let mut records: Vec<Value> =
        (0..5).map(|number| json!({"name": "Example", "number": format!("e-{number}")})).collect();
    let other = json!({"type": "RECORD", "record": {"stream": "orders", "data": {}, "emitted_at": 1}});
    for (mode, more, expected) in [
        ("append", vec![], vec![("e-4", "missing")]),
        ("append", vec![records[0].clone()], vec![("e-0", "doubled"), ("e-4", "missing")]),
        ("append_dedup", vec![records[0].clone()], vec![("e-4", "missing")]),
        (
            "append_dedup",
            vec![json!({"number": "E-0", "_ab_cdc_deleted_at": EARLY}), json!({"number": " ", "name": "?"})],
            vec![("", "keyless"), ("E-0", "extra"), ("e-4", "missing")],
        ),
    ] {
        catalog["streams"][0]["destination_sync_mode"] = json!(mode);
        catalog["streams"][0]["primary_key"] = json!([["number"]]);
        let sent = records.iter().chain(&more).map(message).chain([other.clone()]);
        let input: String = sent.map(|message| message.to_string() + "\n").collect();
        let files = vec![("--config", world.config(json!({})).to_string()), ("--catalog", catalog.to_string())];
        let arguments = vec!["--sent", "-", "--object=customers=Account", "--key=customers=number:External_Id__c"];
        let run = compare(files, arguments, &input).await;
        let told = run.differences();
        let told: Vec<(&str, &str)> = told
            .iter()
            .map(|line| (line["key"].as_str().unwrap_or_default(), line["difference"].as_str().unwrap()))
            .map(|(key, difference)| (if difference == "extra" { "E-0" } else { key }, difference))
            .collect();
        assert_eq!((run.code, told), (1, expected), "{mode}: {}", run.stderr);
        let summary = &run.summaries()[0]["summary"];
        assert_eq!(summary["older"], Value::Null, "the time of a message is not that of a change: {summary}");
        assert!(run.stderr.contains("1 records that were sent are not compared"), "{}", run.stderr);
    }
    records.truncate(1);
    // A mark that says that the record lives.
    for (mark, code, part) in [(json!(""), 1, ""), (json!("deleted"), 2, "does not say clearly")] {
        let marked = message(&json!({"number": "e-9", "_AB_CDC_DELETED_AT": mark})).to_string();
        let files = vec![("--config", config_of(&world)), ("--catalog", catalog.to_string())];
        let arguments = vec!["--sent=-", "--object=customers=Account", "--key=customers=number:External_Id__c"];
        let run = compare(files, arguments, &marked).await;
        assert!(run.code == code && run.stderr.contains(part), "{mark}: {} {}", run.code, run.stderr);
        assert_eq!(run.stdout.contains(r#""key":"e-9","difference":"missing""#), code == 1, "{}", run.stdout);
    }
    let input = message(&records[0]).to_string();
    let files = vec![("--config", config_of(&world)), ("--catalog", catalog.to_string())];
    let run =
        compare(files, vec!["--sent=-", "--object=customers=Account", "--key=customers=nr:External_Id__c"], &input)
            .await;
    assert!(run.code == 2 && run.stderr.contains("has the column nr"), "{}", run.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_for_temporary_files_that_cannot_be_used_is_an_error() {
    let (first, second) = orgs().await;
    add(&first.org, Some("E-1"), EARLY);
    let files = vec![
        ("--config", config_of(&first)),
        ("--with", config_of(&second)),
        ("--catalog", accounts().to_string()),
        ("TMPDIR", "/nowhere".to_owned()),
    ];
    let run = compare(files.clone(), vec!["--key", KEY], "").await;
    assert_eq!((run.code, run.differences().len()), (1, 1), "few records need no folder: {}", run.stderr);
    let object = |number: usize| format!("{:0>60}", number);
    for number in 0..60_000 {
        first.org.insert("Account", &[("External_Id__c", &*object(number))]).unwrap();
    }
    let run = compare(files, vec!["--key", KEY], "").await;
    assert!(run.code == 2 && run.stderr.contains("/nowhere, cannot be used"), "{} {}", run.code, run.stderr);
}

/// Stamps have whole seconds: what was made in the second of the beginning was there before it.
#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_made_right_before_the_comparison_is_compared() {
    let (first, second) = orgs().await;
    first.org.stop_clock();
    first.org.insert("Account", &[("Name", "New"), ("External_Id__c", "new")]).unwrap();
    let run = compare_orgs(&first, &second, &[]).await;
    assert_eq!((run.code, &run.differences()[0]["difference"]), (1, &json!("missing")), "{}", run.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_come_and_go_so_much_that_counts_prove_nothing_are_a_failure() {
    let (first, second) = (World::kind().await, World::kind().await);
    for org in [&first.org, &second.org] {
        (0..5).for_each(|number| add(org, Some(&format!("E-{number}")), EARLY));
    }
    // Each reading counts before, and again because another number is found. The first count is that of the plan.
    let count = |count: u64| Answer::json(200, &json!({"totalSize": count, "done": true, "records": []}).to_string());
    for (asked, counted) in [(2, 7), (3, 6), (4, 6), (5, 6)] {
        second.org.inject(RequestFault::new(Endpoint::Query, count(counted)).starting_at(asked));
    }
    let bulk = |world: &World| world.config(json!({"api": "bulk"}));
    let run = compare_as(&bulk(&first), &bulk(&second), &[]).await;
    assert_eq!(run.code, 2, "{} {}", run.stdout, run.stderr);
    assert!(run.stderr.contains("It is not proven that the stream Account is whole"), "{}", run.stderr);
    assert_eq!(compare_as(&bulk(&first), &bulk(&second), &[]).await.code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_difference_of_any_stream_is_one_of_the_comparison() {
    let catalog = catalog(&[("Account", &["External_Id__c"]), ("Contact", &["LastName"])]).to_string();
    for different in ["Account", "Contact", ""] {
        let (first, second) = orgs().await;
        for (org, is_first) in [(&first.org, true), (&second.org, false)] {
            if is_first || different != "Account" {
                add(org, Some("E-1"), EARLY);
            }
            for name in ["Example", "Sample"] {
                if is_first || different != "Contact" || name == "Example" {
                    org.insert("Contact", &[("LastName", name), ("SystemModstamp", EARLY)]).unwrap();
                }
            }
        }
        let files =
            vec![("--config", config_of(&first)), ("--with", config_of(&second)), ("--catalog", catalog.clone())];
        let run = compare(files, vec!["--key", KEY, "--key", "Contact=LastName"], "").await;
        let told = run.differences();
        let streams: Vec<&str> = told.iter().map(|line| line["stream"].as_str().unwrap()).collect();
        let expected: &[&str] = if different.is_empty() { &[] } else { &[different] };
        assert_eq!((run.code, &*streams), (i32::from(!different.is_empty()), expected), "{}", run.stderr);
        let summaries = run.summaries();
        let firsts: Vec<_> = summaries.iter().map(|line| (&line["stream"], &line["summary"]["first"])).collect();
        assert_eq!(firsts, [(&json!("Account"), &json!(1)), (&json!("Contact"), &json!(2))]);
    }
}
