//! Fields that go while a stream is read: the stream is read without them, and says so.

use salesforce_sim::{Answer, Effect, Endpoint, Field, Hold, QueryJobFault, RequestFault, Settings};
use serde_json::{Value, json};

use crate::changes::{add, pass, sync, world};
use crate::connector::Run;
use crate::world::{World, blocking, catalog, incremental, names, sorted};

/// A catalog of contacts with a column that goes.
fn contacts() -> Value {
    catalog(&[("Contact", &["LastName", "Email"])])
}

fn accounts() -> Value {
    incremental(catalog(&[("Account", &["Id", "Name", "Industry", "SystemModstamp", "_ab_cdc_deleted_at"])]))
}

/// The names that records give of columns that could not be read.
fn nulled(run: &Run, stream: &str) -> Vec<(Value, Value)> {
    let records = run.messages.iter().map(|message| &message["record"]).filter(|record| record["stream"] == stream);
    let changes = records.flat_map(|record| record["meta"]["changes"].as_array().cloned().unwrap_or_default());
    changes.map(|change| (change["field"].clone(), change["reason"].clone())).collect()
}

fn warns(run: &Run, part: &str) -> bool {
    run.messages.iter().any(|message| {
        message["log"]["level"] == "WARN" && message["log"]["message"].as_str().unwrap_or_default().contains(part)
    })
}

/// Reads while a field goes after the describe: at the count before the query.
async fn read_losing(world: &World, (object, field): (&str, &str), changes: Value, catalog: &Value) -> Run {
    let hold = Hold::default();
    world.org.inject(RequestFault::new(Endpoint::Query, Effect::Held(hold.clone())));
    let connector = world.start_read(changes, catalog, &json!([]));
    let reading = tokio::spawn(blocking(move || connector.wait()));
    hold.reached().await;
    world.org.remove_field(object, field);
    hold.release();
    reading.await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_goes_after_the_describe_is_left_out_and_each_record_says_so() {
    for (api, is_of_job) in [("bulk", false), ("rest", false), ("bulk", true)] {
        let world = World::kind().await;
        for number in 0..5 {
            let values = [("LastName", &*format!("Person {number}")), ("Email", "person@example.com")];
            world.org.insert("Contact", &values).unwrap();
        }
        let changes = json!({"api": api});
        let run = if is_of_job {
            world.org.inject(QueryJobFault::field_removed("Contact", "Email"));
            world.read(changes, &contacts()).await
        } else {
            read_losing(&world, ("Contact", "Email"), changes, &contacts()).await
        };
        run.assert_success();
        assert_eq!(sorted(run.column("Contact", "LastName")), names(5), "{api}");
        assert!(run.records("Contact").iter().all(|record| record["Email"].is_null()), "{api}");
        let expected = (json!("Email"), json!("SOURCE_RETRIEVAL_ERROR"));
        assert_eq!(nulled(&run, "Contact"), vec![expected; 5], "{api}");
        let counted: Vec<f64> = run.states("Contact").into_iter().map(|(_, records)| records).collect();
        assert!((counted.iter().sum::<f64>() - 5.0).abs() < 0.1, "each record counts in a state: {counted:?}");
        assert!(warns(&run, "Contact is read without the selected columns Email"), "{api}");
        // Before the first record it is an error, as ever.
        let next = world.read(json!({}), &contacts()).await;
        assert!(next.failure().1.contains("The stream Contact has no column Email"), "{}", next.failure().1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parent_column_and_a_part_of_an_address_can_go_too() {
    for (column, lost) in [
        ("Account.External_Id__c", ("Contact", "AccountId")),
        ("Account.External_Id__c", ("Account", "External_Id__c")),
        ("MailingAddress", ("Contact", "MailingCity")),
    ] {
        let world = World::kind().await;
        world.org.insert("Contact", &[("LastName", "Person 0"), ("MailingCity", "Example")]).unwrap();
        let catalog = catalog(&[("Contact", &["LastName", column])]);
        let run = read_losing(&world, lost, json!({"api": "bulk"}), &catalog).await;
        run.assert_success();
        assert_eq!(run.column("Contact", "LastName"), ["Person 0"], "{column} {lost:?}");
        assert_eq!(nulled(&run, "Contact"), [(json!(column), json!("SOURCE_RETRIEVAL_ERROR"))], "{lost:?}");
    }
}

/// Nothing of the stream can be read without the field, or the query names it itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_is_not_a_column_alone_ends_the_stream() {
    for (columns, settings) in [
        (&["Email"][..], json!({"api": "bulk"})),
        (&["LastName"], json!({"api": "bulk", "streams": [{"stream": "Contact", "filter": "Email = null"}]})),
    ] {
        let world = World::kind().await;
        world.add_contacts(3);
        let catalog = catalog(&[("Contact", columns)]);
        let run = read_losing(&world, ("Contact", "Email"), settings.clone(), &catalog).await;
        let (kind, message) = run.failure();
        assert!(kind == "config_error" && message.contains("Email"), "{settings}: {message}");
        assert!(run.records("Contact").is_empty() && run.statuses("Contact").last() == Some(&"INCOMPLETE"));
        // The failed job is not read on.
        assert_eq!(run.states("Contact").last().unwrap().0, &json!({}), "{settings}");
    }
}

/// An incremental sync that has read records without a column.
async fn synced_without_a_column() -> (World, Value) {
    let world = world().await;
    let mut states = json!([]);
    world.org.insert("Account", &[("Name", "old"), ("Industry", "Energy")]).unwrap();
    pass(&world, 5);
    sync(&world, json!({}), &accounts(), &mut states).await;
    let gone = add(&world, "gone");
    world.org.insert("Account", &[("Name", "a"), ("Industry", "Energy")]).unwrap();
    pass(&world, 5);
    world.org.inject(QueryJobFault::field_removed("Account", "Industry"));
    let run = sync(&world, json!({"api": "bulk"}), &accounts(), &mut states).await;
    assert_eq!(sorted(run.column("Account", "Name")), ["a", "gone"]);
    assert_eq!(nulled(&run, "Account").len(), 2);
    world.org.erase("Account", &gone);
    add(&world, "b");
    pass(&world, 5);
    (world, states)
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_were_read_without_a_column_are_read_again_when_it_comes_back() {
    let (world, mut states) = synced_without_a_column().await;
    let run = world.read_on(json!({}), &accounts(), &states).await;
    assert!(run.failure().1.contains("The stream Account has no column Industry"), "{}", run.failure().1);
    world.org.restore_field("Account", "Industry");
    let run = sync(&world, json!({}), &accounts(), &mut states).await;
    assert_eq!(sorted(run.column("Account", "Name")), ["", "a", "b"], "one is gone for good since");
    let read_again = run.records("Account").into_iter().find(|record| record["Name"] == "a").unwrap();
    assert_eq!(read_again["Industry"], "Energy");
    assert!(sync(&world, json!({}), &accounts(), &mut states).await.records("Account").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_column_that_is_no_longer_selected_is_forgotten() {
    let (world, mut states) = synced_without_a_column().await;
    let without = incremental(catalog(&[("Account", &["Id", "Name", "SystemModstamp", "_ab_cdc_deleted_at"])]));
    let run = sync(&world, json!({}), &without, &mut states).await;
    assert_eq!(sorted(run.column("Account", "Name")), ["", "b"], "nothing is read again");
    assert!(states[0]["stream"]["stream_state"].get("lost").is_none());
}

/// The job of the window that an attempt has begun has other columns than the next attempt asks for.
#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_goes_between_attempts_does_not_lose_the_window() {
    let world = world().await;
    (0..5).for_each(|number| drop(add(&world, &format!("{number}"))));
    pass(&world, 5);
    let changes = json!({"api": "bulk", "max_page_rows": 2});
    let connector = world.start_read(changes.clone(), &accounts(), &json!([]));
    let killed = blocking(move || connector.kill_at_state(2)).await;
    world.org.remove_field("Account", "Industry");
    let run = world.read_on(changes.clone(), &accounts(), &killed.last_states()).await;
    assert!(run.failure().1.contains("The stream Account has no column Industry"), "{}", run.failure().1);
    let without = incremental(catalog(&[("Account", &["Id", "Name", "SystemModstamp", "_ab_cdc_deleted_at"])]));
    let mut states = killed.last_states();
    let run = sync(&world, changes, &without, &mut states).await;
    assert_eq!(sorted(run.column("Account", "Name")), ["0", "1", "2", "3", "4"], "the window is read from its start");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_field_is_named_once() {
    let world = World::with(Settings::default()).await;
    world.org.stop_clock();
    add(&world, "a");
    pass(&world, 5);
    let mut states = json!([]);
    let is_new = |run: &Run| run.log().iter().any(|line| line.contains("Account has new fields: Region__c"));
    assert!(!is_new(&sync(&world, json!({}), &accounts(), &mut states).await));
    world.org.add_field("Account", Field::text("Region__c", 20));
    pass(&world, 5);
    assert!(is_new(&sync(&world, json!({}), &accounts(), &mut states).await));
    assert!(!is_new(&sync(&world, json!({}), &accounts(), &mut states).await));
    let all = incremental(catalog(&[("Account", &["Id", "Region__c", "SystemModstamp", "_ab_cdc_deleted_at"])]));
    assert!(!is_new(&sync(&world, json!({}), &all, &mut states).await));
}

/// What is behind a reference is gone with its object; an answer that says nothing of it is no loss.
#[tokio::test(flavor = "multi_thread")]
async fn a_parent_whose_object_is_gone_is_lost_and_one_that_is_not_described_is_not() {
    for (answer, is_lost) in [
        (Answer::error(404, "NOT_FOUND", "The requested resource does not exist"), true),
        (Answer::error(403, "INSUFFICIENT_ACCESS", "no"), true),
        (Answer::error(400, "SOMETHING_NEW", "odd"), false),
    ] {
        let world = World::kind().await;
        world.org.insert("Contact", &[("LastName", "Person 0"), ("Email", "person@example.com")]).unwrap();
        let catalog = catalog(&[("Contact", &["LastName", "Email", "Account.External_Id__c"])]);
        let hold = Hold::default();
        world.org.inject(RequestFault::new(Endpoint::Query, Effect::Held(hold.clone())));
        let connector = world.start_read(json!({"api": "bulk"}), &catalog, &json!([]));
        let reading = tokio::spawn(blocking(move || connector.wait()));
        hold.reached().await;
        world.org.remove_field("Contact", "Email");
        // The object itself is described first.
        world.org.inject(RequestFault::new(Endpoint::Describe, answer).starting_at(2).always());
        hold.release();
        let run = reading.await.unwrap();
        if is_lost {
            run.assert_success();
            assert_eq!(run.column("Contact", "LastName"), ["Person 0"]);
            let lost: Vec<Value> = nulled(&run, "Contact").into_iter().map(|(field, _)| field).collect();
            assert_eq!(lost, ["Email", "Account.External_Id__c"]);
        } else {
            assert!(run.failure().1.contains("asking which columns of Contact are left"), "{}", run.failure().1);
            assert!(run.records("Contact").is_empty() && run.statuses("Contact").last() == Some(&"INCOMPLETE"));
        }
    }
}

/// Each kind of reference has another object behind it.
#[tokio::test(flavor = "multi_thread")]
async fn a_parent_column_that_is_still_there_keeps_its_values() {
    let world = World::kind().await;
    let account = world.org.insert("Account", &[("Name", "Example Ltd"), ("External_Id__c", "A-1")]).unwrap();
    let owner = world.org.records("User")[0]["Id"].clone().unwrap();
    let values = [("Subject", "One"), ("Priority", "High"), ("AccountId", &*account), ("OwnerId", &*owner)];
    world.org.insert("Case", &values).unwrap();
    let columns = ["Subject", "Priority", "Account.External_Id__c", "Owner.Type", "Owner.Username"];
    let all = world.read(json!({"api": "bulk"}), &catalog(&[("Case", &columns)])).await;
    all.assert_success();
    let mut expected = all.records("Case")[0].clone();
    assert!(columns.iter().all(|column| !expected[column].is_null()), "{expected}");

    let run = read_losing(&world, ("Case", "Priority"), json!({"api": "bulk"}), &catalog(&[("Case", &columns)])).await;
    run.assert_success();
    expected["Priority"] = Value::Null;
    assert_eq!(*run.records("Case")[0], expected);
    assert_eq!(nulled(&run, "Case"), [(json!("Priority"), json!("SOURCE_RETRIEVAL_ERROR"))]);
}

/// Without its external ids the columns would be unknown, or missing where all are selected.
#[tokio::test(flavor = "multi_thread")]
async fn a_parent_that_the_org_does_not_describe_now_ends_the_sync_before_the_first_record() {
    let daily = || Answer::error(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.");
    for (answer, columns, kind, part) in [
        (daily(), &["LastName", "Account.External_Id__c"][..], "transient_error", "describing the parents"),
        (daily(), &[], "transient_error", "describing the parents"),
        (Answer::html(503), &["LastName", "Account.External_Id__c"], "transient_error", "describing the parents"),
        (Answer::error(404, "NOT_FOUND", "no"), &["Account.External_Id__c"], "config_error", "has no column Account."),
    ] {
        let world = World::kind().await.hastened(1_000);
        world.add_contacts(1);
        // The object itself is described first.
        world.org.inject(RequestFault::new(Endpoint::Describe, answer.clone()).starting_at(2).always());
        world.org.inject(RequestFault::new(Endpoint::Composite, answer).always());
        let run = world.read(json!({"api": "bulk"}), &catalog(&[("Contact", columns)])).await;
        let (found, message) = run.failure();
        assert!(found == kind && message.contains(part), "{columns:?}: {found} {message}");
        assert!(run.records("Contact").is_empty() && world.org.query_jobs().is_empty(), "{columns:?}");
    }
}
