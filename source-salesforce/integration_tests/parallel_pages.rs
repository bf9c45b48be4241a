//! Pages of one query job that are read at the same time, from the list that Salesforce gives.

use salesforce_sim::{Answer, Effect, Endpoint, RequestFault, Settings, Truncation};
use serde_json::{Value, json};

use crate::connector::Run;
use crate::world::{World, blocking, contacts, distinct, in_sync, names, sorted};

const ROWS: usize = 95;
/// The rows of a page, as the org and the reader choose them.
const PAGE: usize = 10;
const PAGES: usize = 10;

/// An org that lists pages of this size.
async fn world() -> World {
    let world = World::with(Settings { query_job_page: PAGE, ..Settings::default() }).await;
    world.add_contacts(ROWS);
    world
}

fn at_once(pages: usize) -> Value {
    json!({"api": "bulk", "max_page_rows": PAGE, "max_parallel_pages": pages})
}

fn requests(world: &World, endpoint: Endpoint) -> usize {
    world.org.requests().iter().filter(|request| request.endpoint == endpoint).count()
}

/// The records and states in their order, without the id of the job.
fn flow(run: &Run) -> Vec<Value> {
    let of_flow = |message: &&Value| message["type"] == "RECORD" || message["type"] == "STATE";
    let without_chance = |message: &Value| {
        let mut message = message.clone();
        message["record"]["emitted_at"] = json!(null);
        message["state"]["stream"]["stream_state"]["job"] = json!(null);
        message
    };
    run.messages.iter().filter(of_flow).map(without_chance).collect()
}

#[track_caller]
fn assert_whole(run: &Run, what: &str) {
    run.assert_success();
    assert_eq!(sorted(run.column("Contact", "LastName")), names(ROWS), "{what}");
    assert_eq!(run.statuses("Contact").last(), Some(&"COMPLETE"), "{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_read_at_the_same_time_are_written_in_their_order_with_the_same_states() {
    let world = world().await;
    let singly = world.read(at_once(1), &contacts()).await;
    assert_whole(&singly, "one after another");
    assert_eq!(requests(&world, Endpoint::QueryJobPages), 0);
    for pages in [2, 3, 5] {
        let (lists, before) = (requests(&world, Endpoint::QueryJobPages), requests(&world, Endpoint::QueryJobResults));
        let run = world.read(at_once(pages), &contacts()).await;
        assert_eq!(flow(&run), flow(&singly), "{pages}");
        assert_eq!(run.states("Contact").len(), PAGES + 1);
        assert_eq!(requests(&world, Endpoint::QueryJobPages) - lists, 2, "five addresses are in an answer");
        assert_eq!(requests(&world, Endpoint::QueryJobResults) - before, PAGES, "no page is read twice");
    }
}

/// Salesforce chooses the size of the pages that it lists, and for one page the list tells nothing.
#[tokio::test(flavor = "multi_thread")]
async fn pages_of_a_chosen_size_and_a_single_page_are_not_listed() {
    let world = world().await;
    assert_whole(&world.read(json!({"api": "bulk", "max_page_rows": PAGE}), &contacts()).await, "a chosen size");
    assert_whole(&world.read(json!({"api": "bulk", "max_parallel_pages": 3}), &contacts()).await, "one page");
    assert_eq!(requests(&world, Endpoint::QueryJobPages), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_repeats_at_most_one_page_also_with_pages_read_ahead() {
    let world = world().await;
    for nth_state in [1, 2, 3, 6] {
        let sync = in_sync(contacts(), 7, nth_state as u64);
        let connector = world.start_read(at_once(4), &sync, &json!([]));
        let killed = blocking(move || connector.kill_at_state(nth_state)).await;
        let stored: usize = killed.states("Contact").iter().map(|(_, count)| *count as usize).sum();
        let resumed = world.read_on(at_once(4), &sync, &killed.last_states()).await;
        resumed.assert_success();
        assert_eq!(resumed.records("Contact").len(), ROWS - stored, "{nth_state}");
        let mut all = killed.column("Contact", "LastName");
        all.extend(resumed.column("Contact", "LastName"));
        assert!(all.len() <= ROWS + PAGE, "{nth_state}: {}", all.len());
        assert_eq!(distinct(all), names(ROWS), "{nth_state}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_pages_that_is_refused_or_wrong_changes_nothing() {
    let url = |job: &str, locator: &str| json!({"resultUrl": format!("/services/data/v62.0/jobs/query/{job}/results?locator={locator}")});
    let list = |pages: Value| {
        Answer::json(200, &json!({"resultPages": pages, "nextRecordsUrl": null, "done": true}).to_string())
    };
    let other = "7503h00000CV7GpAAL";
    let faults: Vec<(&str, Effect)> = vec![
        ("not found", Answer::status(404).into()),
        ("refused", Answer::error(400, "FUNCTIONALITY_NOT_ENABLED", "no list").into()),
        ("away", Answer::status(503).into()),
        ("html", Effect::Replaced(Answer::html(200))),
        ("empty", Effect::Replaced(list(json!([])))),
        ("no list", Effect::Replaced(Answer::json(200, "{}"))),
        ("another job", Effect::Replaced(list(json!([url(other, "MDow"), url(other, "MDoxMA")])))),
        ("another host", Effect::Replaced(list(json!([{"resultUrl": "https://evil.example.com/x?locator=MDow"}])))),
        ("cut", Effect::Cut),
    ];
    for (what, effect) in faults {
        for nth in 1..=2 {
            let world = world().await;
            world.org.inject(RequestFault::new(Endpoint::QueryJobPages, effect.clone()).starting_at(nth).always());
            let run = world.read(at_once(3), &contacts()).await;
            assert_whole(&run, what);
            assert_eq!(run.records("Contact").len(), ROWS, "{what}");
        }
    }
}

/// The list leaves a page out, has one twice, or has them in another order: the page before says which is next.
#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_is_not_that_of_the_pages_leaves_no_page_out() {
    // The jobs of orgs that are alike have the same ids and locators.
    let run = world().await.read(at_once(1), &contacts()).await;
    let states = run.states("Contact");
    let job = states[0].0["job"].as_str().unwrap();
    let locators: Vec<&str> = states.iter().filter_map(|(state, _)| state["locator"].as_str()).collect();
    assert_eq!(locators.len(), PAGES - 1);
    for pages in [[1, 2, 3, 4], [0, 2, 3, 4], [0, 1, 1, 2], [0, 3, 2, 1], [0, 1, 2, 9], [9, 9, 9, 9], [0, 1, 2, 7]] {
        let world = world().await;
        let address = |page: &usize| {
            let locator = match page.checked_sub(1) {
                None => "MDow",
                Some(before) => locators.get(before).copied().unwrap_or("MDo5MDA"),
            };
            json!({"resultUrl": format!("/services/data/v62.0/jobs/query/{job}/results?locator={locator}")})
        };
        let addresses: Vec<Value> = pages.iter().map(address).collect();
        let body = json!({"resultPages": addresses, "nextRecordsUrl": null, "done": true}).to_string();
        world.org.inject(RequestFault::new(Endpoint::QueryJobPages, Answer::json(200, &body)).always());
        let run = world.read(at_once(3), &contacts()).await;
        assert_eq!(run.states("Contact")[0].0["job"], job, "the list is one of this job");
        assert_whole(&run, &format!("{pages:?}"));
        assert_eq!(run.records("Contact").len(), ROWS, "{pages:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_in_a_page_that_is_read_ahead_repeats_that_page_alone() {
    let wrong_count = Effect::Header("Sforce-NumberOfRecords".into(), Some("9".into()));
    for effect in [
        Effect::Cut,
        Effect::LostAnswer,
        Effect::Truncated(60, Truncation::Chunked),
        Effect::Truncated(60, Truncation::Unnoticed),
        Effect::Replaced(Answer::html(200)),
        Answer::status(503).into(),
        wrong_count,
    ] {
        for nth in [2, 3, 4, 7] {
            let world = world().await;
            world.org.inject(RequestFault::new(Endpoint::QueryJobResults, effect.clone()).starting_at(nth));
            let run = world.read(at_once(4), &contacts()).await;
            assert_whole(&run, &format!("{effect:?} {nth}"));
            assert_eq!(run.records("Contact").len(), ROWS);
            assert_eq!(requests(&world, Endpoint::QueryJobResults), PAGES + 1, "{effect:?} {nth}");
        }
    }
}

/// A state names the page that is written, not one that is read ahead.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_cannot_be_read_ends_the_stream_at_the_page_before_it() {
    let world = world().await;
    let limit = Answer::error(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.");
    world.org.inject(RequestFault::new(Endpoint::QueryJobResults, limit).starting_at(3).always());
    let sync = in_sync(contacts(), 7, 3);
    let run = world.read(at_once(4), &sync).await;
    assert_eq!(run.failure().0, "transient_error");
    let stored: usize = run.states("Contact").iter().map(|(_, count)| *count as usize).sum();
    assert!(stored == run.records("Contact").len() && stored.is_multiple_of(PAGE) && stored > 0, "{stored}");
    world.org.clear_faults();
    let rest = world.read_on(at_once(4), &sync, &run.last_states()).await;
    rest.assert_success();
    assert_eq!(rest.records("Contact").len(), ROWS - stored);
}

/// The value of a field of the type `complexvalue` is an object, which no query job returns.
#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_is_an_object_is_read_by_rest_as_its_json() {
    let world = World::kind().await;
    world.add_contacts(1);
    let body = r#"{"totalSize":1,"done":true,"records":[{"attributes":{},"LastName":{"a": [1, "b"]}}]}"#;
    world.org.inject(RequestFault::new(Endpoint::Query, Answer::json(200, body)).starting_at(2));
    let run = world.read(json!({"api": "rest"}), &contacts()).await;
    run.assert_success();
    assert_eq!(run.column("Contact", "LastName"), [r#"{"a": [1, "b"]}"#]);
}
