//! Records that come and go while a stream is read: no false alarm, and none that is missed.

use salesforce_sim::{Answer, Effect, Endpoint, Hold, Object, RequestFault, Settings};
use serde_json::{Value, json};

use crate::changes::{accounts, add, pass, world_with};
use crate::connector::Run;
use crate::world::{World, blocking, catalog, contacts, incremental, sorted};

const ROWS: usize = 25;

/// A page of either API has 10 records.
async fn world() -> World {
    let world = World::with(Settings { query_page: 10, ..Settings::default() }).await;
    world.add_contacts(ROWS);
    world
}

fn insert(world: &World) {
    world.org.insert("Contact", &[("LastName", "Latecomer")]).unwrap();
}

fn recycle(world: &World) {
    let first = world.org.records("Contact")[0]["Id"].clone().unwrap();
    assert!(world.org.recycle("Contact", &first));
}

fn hold(world: &World, endpoint: Endpoint, nth: usize) -> Hold {
    let hold = Hold::default();
    world.org.inject(RequestFault::new(endpoint, Effect::Held(hold.clone())).starting_at(nth));
    hold
}

fn count(number: usize) -> Answer {
    Answer::json(200, &format!(r#"{{"totalSize": {number}, "done": true, "records": []}}"#))
}

/// Reads contacts by query jobs. `after_count` happens after the first count, and `after_job` after the first job.
async fn read(world: &World, after_count: impl FnOnce(), after_job: impl FnOnce()) -> Run {
    let (counted, found) = (hold(world, Endpoint::Query, 1), hold(world, Endpoint::QueryJobInfo, 1));
    let connector = world.start_read(json!({"api": "bulk", "max_page_rows": 10}), &contacts(), &json!([]));
    let run = tokio::spawn(blocking(move || connector.wait()));
    counted.reached().await;
    after_count();
    counted.release();
    found.reached().await;
    assert_eq!(world.org.query_jobs()[0].rows, world.org.count("Contact"), "the job has found its records");
    after_job();
    found.release();
    run.await.unwrap()
}

#[track_caller]
fn assert_read(run: &Run, rows: usize) {
    run.assert_success();
    assert_eq!(run.records("Contact").len(), rows);
    assert_eq!(run.statuses("Contact").last(), Some(&"COMPLETE"));
}

/// Both counts are the same, and the job between them has another number.
#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_comes_before_the_query_and_another_that_goes_after_it_are_no_alarm() {
    let world = world().await;
    let run = read(&world, || insert(&world), || recycle(&world)).await;
    assert_read(&run, ROWS);
    assert_eq!(world.org.query_jobs().len(), 2, "another job finds what the counts say");
    let words = "the query finds 26 records, and Salesforce counts 25 before and after";
    assert!(
        run.log().iter().any(|line| line.starts_with("Contact is read again from its start") && line.contains(words))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_come_or_go_around_the_query_are_no_reason_for_another_one() {
    for (what, after_count, after_job, rows) in [
        ("come", 1, 0, ROWS + 1),
        ("come before and after", 1, 1, ROWS + 1),
        ("go", -1, 0, ROWS - 1),
        ("go before and after", -1, -1, ROWS - 1),
        ("go after", 0, -1, ROWS),
    ] {
        let world = world().await;
        let change = |by: i32| match by {
            1 => insert(&world),
            -1 => recycle(&world),
            _ => {}
        };
        let run = read(&world, || change(after_count), || change(after_job)).await;
        assert_read(&run, rows);
        assert_eq!(world.org.query_jobs().len(), 1, "{what}");
        let warns = run.messages.iter().filter(|message| message["log"]["level"] == "WARN").count();
        assert_eq!(warns, 0, "{what}");
    }
}

/// The two counts differ, so the org changes, and the job has a number that only more changes explain.
#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_is_not_between_two_counts_is_told() {
    let world = world().await;
    world.org.inject(RequestFault::new(Endpoint::Query, count(27)));
    world.org.inject(RequestFault::new(Endpoint::Query, count(26)).starting_at(2));
    let run = world.read(json!({"api": "bulk"}), &contacts()).await;
    assert_read(&run, ROWS);
    let warning = |message: &&Value| message["log"]["level"] == "WARN";
    let warnings: Vec<&str> =
        run.messages.iter().filter(warning).map(|message| message["log"]["message"].as_str().unwrap()).collect();
    assert!(warnings.iter().any(|line| line.contains("27 before, 26 now, 25 are read")), "{warnings:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_deleted_between_rest_pages_is_no_alarm_and_one_that_is_missing_is() {
    for (what, is_deleted, is_counted, whole) in
        [("deleted", true, true, true), ("missing", false, true, false), ("not counted", true, false, false)]
    {
        let world = world().await;
        if !is_counted {
            let refusal = Answer::error(400, "MALFORMED_QUERY", "count() is not supported");
            world.org.inject(RequestFault::new(Endpoint::Query, refusal.clone()));
            world.org.inject(RequestFault::new(Endpoint::Query, refusal).starting_at(3).always());
        }
        // The page after it does not have one of its records.
        world.org.inject(RequestFault::new(Endpoint::QueryMore, Effect::RecordLeftOut));
        let first_page = hold(&world, Endpoint::Query, 2);
        let connector = world.start_read(json!({"api": "rest"}), &contacts(), &json!([]));
        let run = tokio::spawn(blocking(move || connector.wait()));
        first_page.reached().await;
        if is_deleted {
            recycle(&world);
        }
        first_page.release();
        let run = run.await.unwrap();
        if whole {
            assert_read(&run, ROWS - 1);
            assert!(run.log().iter().any(|line| line.starts_with("1 records of Contact were deleted")), "{what}");
            continue;
        }
        let (kind, message) = run.failure();
        assert!(kind == "transient_error" && message.contains("24 records are read of 25"), "{what}: {message}");
        assert_eq!(run.statuses("Contact").last(), Some(&"INCOMPLETE"), "{what}");
        assert_eq!(run.states("Contact").last().unwrap().0, &json!({}), "{what}: the state is taken back");
    }
}

/// Nobody says that all of its changes are committed: a record that comes to it is no reason for another query.
#[tokio::test(flavor = "multi_thread")]
async fn a_record_may_come_to_a_window_for_which_the_org_does_not_vouch() {
    let plain = Object::custom("Plain__c").without_replication();
    let world = world_with(Settings { objects: vec![plain], ..Settings::default() }).await;
    (0..4).for_each(|_| drop(world.org.insert("Plain__c", &[("Name", "old")]).unwrap()));
    pass(&world, 12);
    // The first query tries the condition of the stream. Then the window is counted, and again because of the doubt.
    for (nth, number) in [(2, 3), (3, 6)] {
        world.org.inject(RequestFault::new(Endpoint::QueryAll, count(number)).starting_at(nth));
    }
    let plain = incremental(catalog(&[("Plain__c", &["Id", "Name", "SystemModstamp", "_ab_cdc_deleted_at"])]));
    let run = world.read(json!({"api": "bulk"}), &plain).await;
    run.assert_success();
    assert_eq!((run.records("Plain__c").len(), world.org.query_jobs().len()), (4, 1));
    let told = "records of Plain__c came or went: 3 before, 6 now";
    assert!(run.log().iter().any(|line| line.starts_with(told)), "{:?}", run.log());
}

/// What is left of its pages is that of another query.
#[tokio::test(flavor = "multi_thread")]
async fn a_window_that_was_begun_with_another_filter_is_read_from_its_start() {
    for (api, endpoint, nth) in [("rest", Endpoint::QueryMore, 1), ("bulk", Endpoint::QueryJobResults, 2)] {
        let world = world_with(Settings { query_page: 2, ..Settings::default() }).await;
        (0..5).for_each(|number| drop(add(&world, &format!("{number}"))));
        pass(&world, 5);
        let changes =
            |filter| json!({"api": api, "max_page_rows": 2, "streams": [{"stream": "Account", "filter": filter}]});
        let refusal = Answer::error(403, "INSUFFICIENT_ACCESS", "refused");
        world.org.inject(RequestFault::new(endpoint, refusal).starting_at(nth));
        let failed = world.read_on(changes("Name != '9'"), &accounts(), &json!([])).await;
        let state = failed.last_states()[0]["stream"]["stream_state"]["window"].clone();
        assert!(failed.exit_code == 1 && state.to_string().contains("locator"), "{api} {state}");
        let run = world.read_on(changes("Name < '4'"), &accounts(), &failed.last_states()).await;
        run.assert_success();
        assert_eq!(sorted(run.column("Account", "Name")), ["0", "1", "2", "3"], "{api}");
    }
}
