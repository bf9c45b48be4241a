//! What goes wrong while records are read: it is healed, or told, and never an empty success.

use salesforce_sim::{Answer, Effect, Endpoint, Fault, Nature, QueryJobFault, RequestFault, Settings, Truncation};
use serde_json::json;

use crate::connector::Run;
use crate::world::{World, contacts, names, sorted};

const ROWS: usize = 25;
/// The rows are three pages.
const PAGES: usize = 10;

async fn read_with(fault: impl Into<Fault>, page: usize) -> Run {
    let world = World::kind().await;
    world.add_contacts(ROWS);
    world.org.inject(fault);
    world.read(json!({"api": "bulk", "max_page_rows": page}), &contacts()).await
}

/// Checks that every record is there, each once.
#[track_caller]
fn assert_whole(run: &Run, what: &str) {
    run.assert_success();
    assert_eq!(sorted(run.column("Contact", "LastName")), names(ROWS), "{what}");
    assert_eq!(run.statuses("Contact").last(), Some(&"COMPLETE"), "{what}");
}

/// Checks that the run says that the stream is not whole, and that the next attempt does not trust its job.
#[track_caller]
fn assert_told(run: &Run, kind: &str, part: &str) {
    let (failure, message) = run.failure();
    assert!(failure == kind && message.contains(part), "{failure}: {message}");
    assert_eq!(run.statuses("Contact").last(), Some(&"INCOMPLETE"));
    assert_eq!(run.states("Contact").last().unwrap().0, &json!({}), "the state is taken back");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_fails_or_counts_wrong_before_a_record_is_written_is_made_again() {
    for (what, fault) in [
        ("failed", QueryJobFault::failed("Contact", "InternalServerError : try again")),
        ("failed without a reason", QueryJobFault::failed("Contact", "")),
        ("uncounted", QueryJobFault::uncounted("Contact")),
        ("miscounted", QueryJobFault::miscounted("Contact", -1)),
        ("row repeated", QueryJobFault::row_repeated("Contact")),
        ("pages miscounted", QueryJobFault::miscounted_pages("Contact", -1)),
    ] {
        let run = read_with(fault, 100).await;
        assert_whole(&run, what);
        assert!(run.log().iter().any(|line| line.contains("is read again from its start")), "{what}");
    }
}

/// Its record was written already, so another reading would repeat it: the next attempt begins anew.
#[tokio::test(flavor = "multi_thread")]
async fn a_count_that_turns_out_wrong_after_records_are_written_is_told() {
    for fault in [QueryJobFault::row_left_out("Contact"), QueryJobFault::row_repeated("Contact")] {
        let run = read_with(fault, PAGES).await;
        assert_told(&run, "transient_error", "It is not proven that the stream Contact is whole");
    }
    // Without another count, only the end of the pages shows that the job counts wrong.
    for wrong in [-1, 1] {
        let world = World::kind().await;
        world.add_contacts(ROWS);
        let refusal = Answer::error(400, "MALFORMED_QUERY", "count() is not supported");
        world.org.inject(RequestFault::new(Endpoint::Query, refusal));
        world.org.inject(QueryJobFault::miscounted("Contact", wrong));
        let run = world.read(json!({"api": "bulk", "max_page_rows": PAGES}), &contacts()).await;
        assert_told(&run, "transient_error", "It is not proven that the stream Contact is whole");
        assert!(!run.records("Contact").is_empty(), "{wrong}");
    }
}

/// A job of several pages, of which none is written before its count is settled.
#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_counts_other_than_salesforce_is_made_again_before_its_first_page() {
    for wrong in [-1, 1] {
        assert_whole(&read_with(QueryJobFault::miscounted("Contact", wrong), PAGES).await, "miscounted");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_is_left_out_is_found_also_by_one_page() {
    let run = read_with(QueryJobFault::row_left_out("Contact"), 100).await;
    assert_told(&run, "transient_error", "It is not proven that the stream Contact is whole");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_someone_aborted_is_not_made_again() {
    let world = World::kind().await;
    world.add_contacts(ROWS);
    world.org.inject(QueryJobFault::aborted("Contact"));
    let run = world.read(json!({"api": "bulk"}), &contacts()).await;
    assert_told(&run, "transient_error", "someone aborted the query job");
    assert_eq!(world.org.query_jobs().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_is_removed_before_the_job_begins_is_told() {
    let run = read_with(QueryJobFault::field_removed("Contact", "LastName"), 100).await;
    assert!(run.records("Contact").is_empty());
    assert_eq!(run.statuses("Contact").last(), Some(&"INCOMPLETE"));
    assert!(run.failure().1.contains("LastName"), "{}", run.failure().1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_breaks_off_or_is_another_is_read_again() {
    let page = Endpoint::QueryJobResults;
    for (what, effect) in [
        ("cut", Effect::Cut),
        ("lost", Effect::LostAnswer),
        ("truncated", Effect::Truncated(60, Truncation::Chunked)),
        ("truncated by length", Effect::Truncated(60, Truncation::Length)),
        ("truncated unnoticed", Effect::Truncated(60, Truncation::Unnoticed)),
        ("html", Effect::Replaced(Answer::html(200))),
        ("503", Answer::status(503).into()),
        ("session", Effect::SessionsEnded),
        ("no count", Effect::Header("Sforce-NumberOfRecords".into(), None)),
        ("wrong count", Effect::Header("Sforce-NumberOfRecords".into(), Some("9".into()))),
    ] {
        for nth in 1..=3 {
            let run = read_with(RequestFault::new(page, effect.clone()).starting_at(nth), PAGES).await;
            assert_whole(&run, &format!("{what} at page {nth}"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_count_that_is_always_missing_is_an_error_and_not_a_zero() {
    let world = World::kind().await;
    world.add_contacts(ROWS);
    let header = Effect::Header("Sforce-NumberOfRecords".into(), None);
    world.org.inject(RequestFault::new(Endpoint::QueryJobResults, header).always());
    let run = world.read(json!({"api": "bulk"}), &contacts()).await;
    assert_told(&run, "transient_error", "It is not proven that the stream Contact is whole");
    assert!(run.records("Contact").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_around_the_pages_heal_too() {
    for endpoint in
        [Endpoint::QueryJobCreate, Endpoint::QueryJobInfo, Endpoint::Query, Endpoint::Describe, Endpoint::Token]
    {
        for effect in [Effect::Cut, Effect::LostAnswer, Answer::html(503).into(), Effect::Replaced(Answer::html(200))] {
            let run = read_with(RequestFault::new(endpoint, effect), PAGES).await;
            assert_whole(&run, &format!("{endpoint:?}"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_ends_the_stream_and_the_next_attempt_can_succeed() {
    let world = World::kind().await;
    world.add_contacts(ROWS);
    world.org.set_remaining_query_jobs(0);
    let run = world.read(json!({"api": "bulk"}), &contacts()).await;
    let (kind, message) = run.failure();
    assert!(kind == "transient_error" && message.contains("per 24 hrs has been reached"), "{message}");
    assert!(run.records("Contact").is_empty());
    assert_eq!(run.statuses("Contact").last(), Some(&"INCOMPLETE"));
    world.org.set_remaining_query_jobs(5);
    assert_whole(&world.read_on(json!({"api": "bulk"}), &contacts(), &run.last_states()).await, "after the limit");
    world.org.set_remaining_requests(0);
    let run = world.read(json!({"api": "rest"}), &contacts()).await;
    assert_eq!(run.failure().0, "transient_error", "{}", run.failure().1);
    assert!(run.records("Contact").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn rest_pages_that_break_off_are_read_again() {
    for (endpoint, effect) in [
        (Endpoint::QueryMore, Effect::Cut),
        (Endpoint::QueryMore, Effect::Truncated(60, Truncation::Unnoticed)),
        (Endpoint::QueryMore, Effect::Replaced(Answer::html(200))),
        (Endpoint::QueryMore, Effect::SessionsEnded),
    ] {
        let world = World::with(Settings { query_page: 10, ..Settings::default() }).await;
        world.add_contacts(ROWS);
        world.org.inject(RequestFault::new(endpoint, effect));
        assert_whole(&world.read(json!({"api": "rest"}), &contacts()).await, "rest");
    }
}

/// Its job counts as many rows as it has, so nothing but another count can show that one is missing.
#[tokio::test(flavor = "multi_thread")]
async fn a_count_that_always_disagrees_or_cannot_be_repeated_is_no_proof() {
    let more = || Answer::json(200, r#"{"totalSize": 26, "done": true, "records": []}"#);
    let count = |answer: Answer| RequestFault::new(Endpoint::Query, answer);
    for (what, faults, part) in [
        ("always", vec![count(more()).always()], "Salesforce counts 26 before and after"),
        (
            "after an outage",
            vec![count(Answer::status(503)), count(more()).starting_at(2).always()],
            "Salesforce counts 26 before and after",
        ),
        (
            "with an outage between",
            vec![count(more()), count(Answer::html(503)).starting_at(2), count(more()).starting_at(3).always()],
            "Salesforce counts 26 before and after",
        ),
        (
            "once",
            vec![count(more()), count(Answer::error(400, "MALFORMED_QUERY", "no count")).starting_at(2).always()],
            "does not count them again",
        ),
    ] {
        let world = World::kind().await;
        world.add_contacts(ROWS);
        faults.into_iter().for_each(|fault| world.org.inject(fault));
        let run = world.read(json!({"api": "bulk"}), &contacts()).await;
        assert_eq!(run.exit_code, 1, "{what}");
        assert_told(&run, "transient_error", part);
        assert!(run.records("Contact").is_empty(), "{what}: no record is written before the count is settled");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_count_that_a_limit_keeps_away_ends_the_sync_before_the_first_record() {
    let world = World::kind().await;
    world.add_contacts(ROWS);
    world.org.inject(RequestFault::new(Endpoint::Query, Answer::status(403)).always());
    let run = world.read(json!({"api": "bulk"}), &contacts()).await;
    let (kind, message) = run.failure();
    assert!(kind == "transient_error" && message.contains("counting the records of Contact"), "{message}");
    assert!(run.records("Contact").is_empty() && world.org.query_jobs().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_org_does_not_end_a_sync_by_its_counts() {
    let busy = Answer::error(403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentPerOrgLongTxn Limit exceeded.");
    assert_whole(&read_with(RequestFault::new(Endpoint::Query, busy), PAGES).await, "busy");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_whose_records_are_not_counted_is_read_all_the_same() {
    for settings in [json!({"stream": "Contact", "api": "bulk"}), json!({"stream": "Contact", "filter": "Id != null"})]
    {
        let world = World::kind().await;
        world.add_contacts(ROWS);
        let refusal = Answer::error(400, "MALFORMED_QUERY", "count() is not supported");
        world.org.inject(RequestFault::new(Endpoint::Query, refusal));
        let run = world.read(json!({"streams": [settings]}), &contacts()).await;
        assert_whole(&run, "not counted");
        assert!(run.log().iter().any(|line| line.starts_with("Salesforce does not count the records of Contact")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_of_the_bulk_api_that_comes_as_a_failed_job_is_read_by_rest() {
    let world = World::kind().await;
    world.add_contacts(ROWS);
    // Without a count, a job is tried first.
    let refusal = Answer::error(400, "MALFORMED_QUERY", "count() is not supported");
    world.org.inject(RequestFault::new(Endpoint::Query, refusal));
    world.org.inject(QueryJobFault::failed("Contact", "InvalidEntity : Entity 'Contact' is not known"));
    let run = world.read(json!({}), &contacts()).await;
    assert_whole(&run, "refused");
    assert_eq!(world.org.query_jobs().len(), 1);
    assert!(run.log().iter().any(|line| line.starts_with("Contact is read by REST")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_made_three_times_and_not_four() {
    for (failures, is_whole) in [(2, true), (3, false)] {
        let world = World::kind().await;
        world.add_contacts(ROWS);
        for _ in 0..failures {
            world.org.inject(QueryJobFault::failed("Contact", "InternalServerError : try again"));
        }
        let run = world.read(json!({"api": "bulk"}), &contacts()).await;
        assert_eq!(world.org.query_jobs().len(), 3);
        if is_whole {
            assert_whole(&run, "the third");
        } else {
            assert_told(&run, "transient_error", "InternalServerError");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_fails_for_a_lasting_reason_is_not_made_again() {
    for (fault, kind) in [
        (QueryJobFault::failed("Contact", "ExceededQuota : ApiBatchItems Limit exceeded"), "transient_error"),
        (QueryJobFault::field_removed("Contact", "LastName"), "config_error"),
    ] {
        let world = World::kind().await;
        world.add_contacts(ROWS);
        world.org.inject(fault);
        let run = world.read(json!({"api": "bulk"}), &contacts()).await;
        assert_eq!(run.failure().0, kind, "{}", run.failure().1);
        assert_eq!(world.org.query_jobs().len(), 1, "{kind}");
    }
}

/// The status of a job can be older than its results.
#[tokio::test(flavor = "multi_thread")]
async fn a_job_whose_count_is_late_is_not_made_again() {
    let nature = Nature { counts_lag: 2, ..Nature::kind() };
    let world = World::with(Settings { nature, ..Settings::default() }).await;
    world.add_contacts(ROWS);
    let run = world.read(json!({"api": "bulk", "max_page_rows": PAGES}), &contacts()).await;
    assert_whole(&run, "late");
    assert_eq!(world.org.query_jobs().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_count_that_salesforce_gives_up_does_not_end_a_sync() {
    let slow = Answer::error(400, "QUERY_TIMEOUT", "Your query request was running for too long.");
    let run = read_with(RequestFault::new(Endpoint::Query, slow).times(3), PAGES).await;
    assert_whole(&run, "given up");
    assert!(run.log().iter().any(|line| line.starts_with("Salesforce does not count the records of Contact")));
}
