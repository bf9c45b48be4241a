//! Windows whose query Salesforce fails: they are read in shorter ones, down to a minute.

use salesforce_sim::{Answer, Effect, Endpoint, QueryJobFault, RequestFault, Settings};
use serde_json::{Value, json};

use crate::changes::{accounts, add, ago, pass, sync, world_with};
use crate::connector::Run;
use crate::world::{World, blocking, sorted};

/// The text of a query job that finds too many records.
const TOO_MANY: &str = "Retried more than fifteen times";

/// An org whose query jobs find four records at most, with an account every two minutes.
async fn busy(accounts: usize) -> World {
    let world = world_with(Settings { max_query_job_rows: 4, ..Settings::default() }).await;
    for number in 0..accounts {
        add(&world, &format!("account {number:02}"));
        pass(&world, 2);
    }
    world
}

fn bulk(world: &World) -> Value {
    json!({"api": "bulk", "start_date": ago(world, 60), "max_page_rows": 3})
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("account {number:02}")).collect()
}

fn is_shortened(run: &Run) -> bool {
    run.log().iter().any(|line| line.contains("is read in shorter windows"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_whose_job_fails_is_read_in_shorter_ones() {
    let world = busy(20).await;
    let changes = bulk(&world);
    let mut states = json!([]);
    let run = sync(&world, changes.clone(), &accounts(), &mut states).await;
    assert_eq!(sorted(run.column("Account", "Name")), names(20), "each once");
    assert!(is_shortened(&run) && run.statuses("Account").last() == Some(&"COMPLETE"));
    assert_eq!(states[0]["stream"]["stream_state"]["through"], json!(ago(&world, 1)));
    assert!(sync(&world, changes, &accounts(), &mut states).await.records("Account").is_empty());
}

/// A window without a beginning has a first half too.
#[tokio::test(flavor = "multi_thread")]
async fn the_first_window_is_halved_like_others() {
    let world = world_with(Settings { max_query_job_rows: 2, ..Settings::default() }).await;
    for year in [2004, 2011, 2017, 2025] {
        let stamp = format!("{year}-03-04T05:06:07Z");
        world.org.insert("Account", &[("Name", &format!("account {year}")), ("SystemModstamp", &stamp)]).unwrap();
    }
    let run = sync(&world, json!({"api": "bulk"}), &accounts(), &mut json!([])).await;
    let expected = [2004, 2011, 2017, 2025].map(|year| format!("account {year}"));
    assert_eq!(sorted(run.column("Account", "Name")), expected);
    assert!(is_shortened(&run));
    assert!(world.org.query_jobs().len() <= 5, "{:?}", world.org.query_jobs());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_half_that_is_read_is_not_read_again_after_a_kill() {
    let world = busy(12).await;
    let changes = bulk(&world);
    for nth_state in 2..=12 {
        let connector = world.start_read(changes.clone(), &accounts(), &json!([]));
        let killed = blocking(move || connector.kill_at_state(nth_state)).await;
        let mut states = killed.last_states();
        let resumed = sync(&world, changes.clone(), &accounts(), &mut states).await;
        let mut rows = killed.column("Account", "Name");
        rows.extend(resumed.column("Account", "Name"));
        assert!(rows.len() <= 12 + 3, "{nth_state}: {} rows", rows.len());
        assert_eq!(crate::world::distinct(rows), names(12), "{nth_state}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shortest_window_that_fails_is_an_error_that_names_the_object_the_span_and_the_reason() {
    let world = busy(3).await;
    let changes = bulk(&world);
    let begin = ago(&world, 0);
    (0..5).for_each(|number| drop(add(&world, &format!("same minute {number}"))));
    pass(&world, 1);
    let end = ago(&world, 0);
    pass(&world, 5);
    let run = world.read(changes.clone(), &accounts()).await;
    let (kind, message) = run.failure();
    assert_eq!(kind, "transient_error");
    for part in ["Account", TOO_MANY, &format!("between {begin} and {end}"), "cannot be shorter"] {
        assert!(message.contains(part), "{part}: {message}");
    }
    assert_eq!(run.statuses("Account").last(), Some(&"INCOMPLETE"));
    assert_eq!(sorted(run.column("Account", "Name")), names(3), "what is before it is read");
    assert_eq!(run.states("Account").last().unwrap().0["through"], json!(begin));
    let again = world.read_on(changes, &accounts(), &run.last_states()).await;
    assert!(again.failure().1.contains(TOO_MANY) && again.records("Account").is_empty());
}

/// Another job may do what no shorter window can.
#[tokio::test(flavor = "multi_thread")]
async fn the_shortest_window_whose_job_fails_once_is_read_by_another_job() {
    let world = world_with(Settings::default()).await;
    let mut states = json!([]);
    pass(&world, 5);
    add(&world, "a");
    pass(&world, 1);
    sync(&world, json!({"api": "bulk"}), &accounts(), &mut states).await;
    pass(&world, 1);
    let made = world.org.query_jobs().len();
    world.org.inject(QueryJobFault::failed("Account", ""));
    let run = sync(&world, json!({"api": "bulk"}), &accounts(), &mut states).await;
    assert_eq!(run.column("Account", "Name"), ["a"]);
    assert!(!is_shortened(&run) && world.org.query_jobs().len() == made + 2, "{:?}", run.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_is_aborted_and_a_query_that_is_given_up_are_halved_too() {
    let timeout = Answer::error(400, "QUERY_TIMEOUT", "Your query request was running for too long.");
    // The condition of the stream is tried, and the window is counted, before its query is made three times.
    let given_up = RequestFault::new(Endpoint::QueryAll, Effect::from(timeout)).starting_at(3).times(3);
    for api in ["bulk", "rest"] {
        let world = world_with(Settings::default()).await;
        (0..5).for_each(|number| drop(add(&world, &format!("account {number:02}"))));
        pass(&world, 20);
        match api {
            "bulk" => world.org.inject(QueryJobFault::aborted("Account")),
            _ => world.org.inject(given_up.clone()),
        }
        let run = sync(&world, json!({"api": api}), &accounts(), &mut json!([])).await;
        assert_eq!(sorted(run.column("Account", "Name")), names(5), "{api}");
        assert!(is_shortened(&run), "{api}");
    }
}

/// What is written is not written again by the same sync. The next one begins with a shorter window.
#[tokio::test(flavor = "multi_thread")]
async fn a_window_of_which_records_are_written_is_not_read_again_in_the_same_sync() {
    let world = world_with(Settings { query_page: 3, ..Settings::default() }).await;
    for number in 0..8 {
        add(&world, &format!("account {number:02}"));
        pass(&world, 10);
    }
    let timeout = Answer::error(400, "QUERY_TIMEOUT", "Your query request was running for too long.");
    world.org.inject(RequestFault::new(Endpoint::QueryMore, Effect::from(timeout)).times(3));
    let changes = json!({"api": "rest"});
    let run = world.read(changes.clone(), &accounts()).await;
    let first = sorted(run.column("Account", "Name"));
    assert!(!first.is_empty() && first == crate::world::distinct(first.clone()), "{first:?}");
    assert!(run.failure().1.contains("QUERY_TIMEOUT") && !is_shortened(&run), "{}", run.failure().1);
    let mut states = run.last_states();
    assert!(states[0]["stream"]["stream_state"]["longest"].is_number(), "{states}");
    let run = sync(&world, changes, &accounts(), &mut states).await;
    assert_eq!(sorted(run.column("Account", "Name")), names(8));
}

/// The lookback is that of the first window that is read.
#[tokio::test(flavor = "multi_thread")]
async fn a_window_that_becomes_shorter_keeps_its_lookback() {
    let world = busy(0).await;
    add(&world, "seen");
    pass(&world, 20);
    let mut states = json!([]);
    sync(&world, json!({"api": "bulk"}), &accounts(), &mut states).await;
    (0..6).for_each(|number| {
        add(&world, &format!("account {number:02}"));
        pass(&world, 3);
    });
    pass(&world, 5);
    let changes = json!({"api": "bulk", "lookback_window": "PT40M"});
    let run = sync(&world, changes, &accounts(), &mut states).await;
    assert!(is_shortened(&run));
    assert_eq!(sorted(run.column("Account", "Name")), [names(6), vec!["seen".to_owned()]].concat());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reason_that_a_shorter_window_does_not_heal_ends_the_stream() {
    for (message, kind) in [
        ("ExceededQuota : ApiBatchItems Limit exceeded", "transient_error"),
        ("INSUFFICIENT_ACCESS : no", "config_error"),
        ("InvalidBatch : Failed to process query: MALFORMED_QUERY: no", "config_error"),
    ] {
        let world = world_with(Settings::default()).await;
        add(&world, "a");
        pass(&world, 20);
        world.org.inject(QueryJobFault::failed("Account", message));
        let run = world.read(json!({"api": "bulk"}), &accounts()).await;
        assert_eq!(run.failure().0, kind, "{}", run.failure().1);
        assert_eq!((world.org.query_jobs().len(), is_shortened(&run)), (1, false), "{message}");
        assert!(run.records("Account").is_empty());
        assert_eq!(run.statuses("Account").last(), Some(&"INCOMPLETE"));
    }
}

/// A full refresh has no closed windows, so that nobody could prove that its parts are whole.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_refresh_whose_job_fails_says_what_to_do_instead() {
    let world = World::with(Settings { max_query_job_rows: 4, ..Settings::default() }).await;
    world.add_contacts(5);
    let run = world.read(json!({"api": "bulk"}), &crate::world::contacts()).await;
    let (kind, message) = run.failure();
    assert_eq!((kind, world.org.query_jobs().len()), ("transient_error", 3));
    assert!(message.contains(TOO_MANY) && message.contains("choose an incremental sync for the stream"), "{message}");
}
