//! Outages and stops in the middle of a stream: the source waits for what ends in time, and reports what does not.

use salesforce_sim::{Answer, Effect, Endpoint, Hold, QueryJobFault, RequestFault, Settings};
use serde_json::{Value, json};

use crate::connector::{Run, Signal};
use crate::world::{World, blocking, catalog, contacts, distinct, in_sync, names, sorted};

const ROWS: usize = 25;

/// The rows of a page, of either API.
const PAGE: usize = 10;

async fn world() -> World {
    let world = World::with(Settings { query_page: PAGE, ..Settings::default() }).await;
    world.add_contacts(ROWS);
    world
}

fn pages(api: &str) -> Value {
    json!({"api": api, "max_page_rows": PAGE})
}

/// The calls for pages after the first one, by API.
const NEXT_PAGES: [(&str, Endpoint, usize); 2] =
    [("bulk", Endpoint::QueryJobResults, 2), ("rest", Endpoint::QueryMore, 1)];

/// The waits before so many calls are a quarter of an hour.
const CALLS_OF_OUTAGE: usize = 40;

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_a_quarter_of_an_hour_amid_pages_is_waited_out() {
    for (api, endpoint, nth) in NEXT_PAGES {
        for effect in [Effect::from(Answer::html(503)), Effect::Cut] {
            let world = world().await.hastened(200);
            world.org.inject(RequestFault::new(endpoint, effect).starting_at(nth).times(CALLS_OF_OUTAGE));
            let run = world.read(pages(api), &contacts()).await;
            run.assert_success();
            assert_eq!(sorted(run.column("Contact", "LastName")), names(ROWS), "{api}");
            assert!(run.log().iter().any(|line| line.contains("trying again for up to")), "{api}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_that_does_not_end_is_a_transient_error_and_the_next_attempt_reads_on() {
    for (api, endpoint, nth) in NEXT_PAGES {
        let world = world().await.hastened(1_000);
        let one_sync = in_sync(contacts(), 7, 3);
        world.org.inject(RequestFault::new(endpoint, Answer::html(503)).starting_at(nth).always());
        let run = world.read(pages(api), &one_sync).await;
        let (kind, message) = run.failure();
        assert_eq!(kind, "transient_error");
        assert!(message.contains("gave no usable answer while reading Contact (HTTP 503"), "{message}");
        assert_eq!(run.statuses("Contact"), ["STARTED", "RUNNING", "INCOMPLETE"], "{api}");
        assert_eq!(run.records("Contact").len(), PAGE, "{api}");
        assert_eq!(run.last_states()[0]["stream"]["stream_state"]["rows"], PAGE, "{api}");
        world.org.clear_faults();
        let next = world.read_on(pages(api), &one_sync, &run.last_states()).await;
        next.assert_success();
        assert_eq!(next.records("Contact").len(), ROWS - PAGE, "{api}");
        let mut all = run.column("Contact", "LastName");
        all.extend(next.column("Contact", "LastName"));
        assert_eq!(distinct(all), names(ROWS), "{api}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_that_an_outage_keeps_away_is_waited_out_or_is_a_transient_error() {
    let world = world().await.hastened(200);
    world.org.inject(RequestFault::new(Endpoint::Token, Answer::html(503)).times(CALLS_OF_OUTAGE));
    world.read(pages("bulk"), &contacts()).await.assert_success();
    let world = world.hastened(1_000);
    world.org.inject(RequestFault::new(Endpoint::Token, Answer::html(503)).always());
    let run = world.read(pages("bulk"), &contacts()).await;
    assert_eq!(run.failure().0, "transient_error", "{}", run.failure().1);
    assert!(run.statuses("Contact").is_empty() && run.last_states() == json!([]));
}

/// It says nothing of the objects, so the schema need not be refreshed.
#[tokio::test(flavor = "multi_thread")]
async fn streams_that_an_outage_keeps_from_being_described_are_a_transient_error() {
    let world = world().await.hastened(1_000);
    for endpoint in [Endpoint::Composite, Endpoint::Describe] {
        world.org.inject(RequestFault::new(endpoint, Answer::html(503)).always());
    }
    let run = world.read(pages("bulk"), &contacts()).await;
    assert_eq!(run.failure().0, "transient_error", "{}", run.failure().1);
    assert!(run.statuses("Contact").is_empty() && world.org.query_jobs().is_empty());
}

/// A catalog without some objects would take streams from the connection.
#[tokio::test(flavor = "multi_thread")]
async fn discover_fails_during_an_outage_and_gives_no_smaller_catalog() {
    for (endpoints, first) in [
        (&[Endpoint::Objects][..], 1),
        (&[Endpoint::Composite, Endpoint::Describe], 1),
        (&[Endpoint::Composite, Endpoint::Describe], 2),
    ] {
        for answer in [Answer::html(503), Answer::status(503), Answer::status(500), Answer::empty(502)] {
            let world = World::kind().await.hastened(1_000);
            for endpoint in endpoints {
                let first = if *endpoint == Endpoint::Describe { 1 } else { first };
                world.org.inject(RequestFault::new(*endpoint, answer.clone()).starting_at(first).always());
            }
            let run = world.discover(json!({})).await;
            assert_eq!(run.failure().0, "transient_error", "{}", run.failure().1);
            assert!(run.messages.iter().all(|message| message["type"] != "CATALOG"));
        }
    }
}

/// What one object is refused by, the others are refused by too.
#[tokio::test(flavor = "multi_thread")]
async fn discover_fails_at_a_limit_or_without_a_session_and_gives_no_smaller_catalog() {
    let daily = Answer::error(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.");
    // The first objects are described.
    for (fault, failure_type) in [
        (RequestFault::new(Endpoint::Describe, Effect::Answer(daily)).starting_at(5), "transient_error"),
        (RequestFault::new(Endpoint::Composite, Effect::ConnectionRevoked).starting_at(2), "config_error"),
    ] {
        let world = World::kind().await;
        world.org.inject(fault.always());
        let run = world.discover(json!({})).await;
        assert_eq!(run.failure().0, failure_type, "{}", run.failure().1);
        assert!(run.messages.iter().all(|message| message["type"] != "CATALOG"));
    }
}

/// Two streams of which each holds its second page, and one that waits for its turn.
async fn held_run(signal: Signal) -> (World, Run) {
    let world = world().await;
    for number in 0..ROWS {
        let name = format!("Person {number}");
        world.org.insert("Lead", &[("LastName", &*name), ("Company", "Example Ltd")]).unwrap();
    }
    let hold = Hold::default();
    for nth in 3..=4 {
        world.org.inject(RequestFault::new(Endpoint::QueryJobResults, Effect::Held(hold.clone())).starting_at(nth));
    }
    let streams = in_sync(catalog(&[("Contact", &["LastName"]), ("Lead", &["LastName"]), ("Account", &["Id"])]), 7, 3);
    let changes = json!({"api": "bulk", "max_page_rows": PAGE, "max_parallel_streams": 2});
    let mut connector = world.start_read(changes, &streams, &json!([]));
    let run = blocking(move || {
        let mut pages = 0;
        connector.read_until(|message| {
            pages += usize::from(message["state"]["stream"]["stream_state"]["locator"].is_string());
            pages == 2
        });
        connector.end(signal)
    })
    .await;
    hold.release();
    (world, run)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_asked_to_stop_amid_pages_says_which_streams_are_not_whole() {
    let (world, run) = held_run(Signal::Terminate).await;
    let (kind, message) = run.failure();
    assert!(kind == "transient_error" && message.starts_with("The run was stopped"), "{kind}: {message}");
    assert_eq!(run.exit_code, 1);
    for stream in ["Contact", "Lead"] {
        assert_eq!(run.statuses(stream), ["STARTED", "RUNNING", "INCOMPLETE"], "{stream}");
    }
    assert!(run.statuses("Account").is_empty(), "it has not begun");
    // The last states are valid: the next attempt reads on from them.
    let streams = in_sync(catalog(&[("Contact", &["LastName"]), ("Lead", &["LastName"]), ("Account", &["Id"])]), 7, 3);
    let next = world.read_on(pages("bulk"), &streams, &run.last_states()).await;
    next.assert_success();
    for stream in ["Contact", "Lead"] {
        let states = run.states(stream);
        let stored: f64 = states.iter().map(|(_, count)| count).sum();
        assert_eq!(states.last().unwrap().0["rows"].as_f64(), Some(stored), "{stream}");
        assert_eq!(next.records(stream).len(), ROWS - stored as usize, "{stream}");
        let mut all = run.column(stream, "LastName");
        all.extend(next.column(stream, "LastName"));
        assert_eq!(distinct(all), names(ROWS), "{stream}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_output_nobody_reads_fails_and_says_nothing_on_standard_error() {
    let world = world().await;
    let hold = Hold::default();
    world.org.inject(RequestFault::new(Endpoint::QueryJobResults, Effect::Held(hold.clone())).starting_at(2));
    let mut connector = world.start_read(pages("bulk"), &contacts(), &json!([]));
    let ended = tokio::task::spawn_blocking(move || {
        connector.read_until(|message| message["state"]["stream"]["stream_state"]["locator"].is_string());
        connector.close_stdout()
    });
    hold.reached().await;
    hold.release();
    assert_eq!(ended.await.unwrap(), (1, String::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_stream_that_fails_has_an_error_of_its_own_before_its_status() {
    let world = world().await;
    world.org.insert("Lead", &[("LastName", "Example"), ("Company", "Example Ltd")]).unwrap();
    world.org.insert("Account", &[("Name", "Example Ltd")]).unwrap();
    world.org.inject(QueryJobFault::aborted("Contact"));
    world.org.inject(QueryJobFault::field_removed("Lead", "Title"));
    let streams = catalog(&[("Contact", &["LastName"]), ("Lead", &["Title"]), ("Account", &["Name"])]);
    let run = world.read(json!({"api": "bulk"}), &streams).await;
    assert_eq!(run.exit_code, 1);
    assert_eq!(run.statuses("Account").last(), Some(&"COMPLETE"));
    assert_eq!(run.errors().count(), 2, "none for the run as a whole");
    for (stream, failure_type) in [("Contact", "transient_error"), ("Lead", "config_error")] {
        let own = |message: &&Value| {
            let (error, status) = (&message["trace"]["error"], &message["trace"]["stream_status"]);
            [error, status].iter().any(|part| part["stream_descriptor"] == json!({"name": stream}))
        };
        let traces: Vec<&Value> = run.messages.iter().filter(own).map(|message| &message["trace"]).collect();
        let [.., error, status] = traces[..] else { panic!("{traces:?}") };
        assert_eq!(error["error"]["failure_type"], failure_type, "{error}");
        assert!(error["error"]["message"].as_str().unwrap().contains(stream), "{error}");
        assert_eq!(status["stream_status"]["status"], "INCOMPLETE");
        assert!(status["stream_status"]["reasons"].is_null(), "no limit is reached");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_failure_of_any_stream_fails_the_run_whichever_ends_last() {
    for (first, last) in [("Contact", "Account"), ("Account", "Contact")] {
        let world = world().await;
        world.org.insert("Account", &[("Name", "Example Ltd")]).unwrap();
        world.org.inject(QueryJobFault::aborted("Contact"));
        let streams = catalog(&[(first, &["Id"]), (last, &["Id"])]);
        let run = world.read(json!({"api": "bulk", "max_parallel_streams": 1}), &streams).await;
        assert_eq!((run.exit_code, run.errors().count()), (1, 1), "{last}");
        assert_eq!(run.statuses("Contact").last(), Some(&"INCOMPLETE"));
        assert_eq!(run.statuses("Account").last(), Some(&"COMPLETE"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_that_is_reached_is_the_reason_of_the_status() {
    let world = world().await;
    world.org.set_remaining_query_jobs(0);
    let job = world.read(pages("bulk"), &contacts()).await;
    let world = self::world().await;
    let used_up = Answer::error(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.");
    world.org.inject(RequestFault::new(Endpoint::QueryMore, used_up).always());
    let page = world.read(pages("rest"), &contacts()).await;
    for run in [job, page] {
        assert_eq!(run.failure().0, "transient_error", "{}", run.failure().1);
        let last = run.messages.iter().rfind(|message| message["trace"]["type"] == "STREAM_STATUS").unwrap();
        let status = &last["trace"]["stream_status"];
        assert_eq!((&status["status"], &status["reasons"]), (&json!("INCOMPLETE"), &json!([{"type": "RATE_LIMITED"}])));
    }
}
