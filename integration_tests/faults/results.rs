//! Faults while the connector reads the results of a job.

use salesforce_sim::{Answer, Effect, Endpoint, JobFault, JobState, RequestFault, RowFault, Truncation};
use serde_json::json;

use super::{
    assert_all_in_org, assert_all_in_org_or_bucket, assert_nothing_acknowledged, insert_contacts, job_states,
    keys_in_bucket, reject_some_rows,
};
use crate::protocol_model::Counts;
use crate::world::{World, catalog, complete, keyed, record, state, stream};

/// Faults of one answer. It is cut off in the header, in a quoted cell, and between two rows.
fn answer_faults() -> Vec<Effect> {
    let mut effects = vec![
        Effect::Cut,
        Effect::LostAnswer,
        Answer::status(503).into(),
        Answer::html(503).into(),
        Answer::html(200).into(),
        Answer::empty(200).into(),
    ];
    for bytes in [0, 10, 60, 128] {
        for ending in [Truncation::Chunked, Truncation::Length, Truncation::Unnoticed] {
            effects.push(Effect::Truncated(bytes, ending));
        }
    }
    effects
}

#[tokio::test(flavor = "multi_thread")]
async fn rejected_records_are_kept_once_after_the_results_break_off() {
    for effect in answer_faults() {
        // One page of results, and two.
        for world in [World::kind().await, World::new().await] {
            reject_some_rows(&world);
            world.org.inject(RequestFault::new(Endpoint::FailedResults, effect.clone()));
            let run = insert_contacts(&world, 20).await;
            assert_all_in_org_or_bucket(&world, &run, 20);
            assert_eq!(job_states(&world), [JobState::JobComplete]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unprocessed_rows_are_sent_again_once_after_the_results_break_off() {
    for (endpoint, effect) in [
        (Endpoint::SuccessfulResults, Effect::Truncated(60, Truncation::Chunked)),
        (Endpoint::SuccessfulResults, Effect::Truncated(60, Truncation::Unnoticed)),
        (Endpoint::UnprocessedRecords, Effect::Truncated(30, Truncation::Length)),
        (Endpoint::UnprocessedRecords, Answer::html(200).into()),
    ] {
        let world = World::new().await;
        world.org.inject(JobFault::failed("Contact", 1, "TooManyLockFailure : Too many lock failures"));
        world.org.inject(RequestFault::new(endpoint, effect.clone()));
        let run = insert_contacts(&world, 500).await;
        assert_all_in_org(&world, &run, 500);
        assert_eq!(job_states(&world), [JobState::Failed, JobState::JobComplete]);
    }
}

/// Salesforce says that the job has ended, and its results come later.
#[tokio::test(flavor = "multi_thread")]
async fn results_that_come_late_are_waited_for() {
    for effect in [Answer::status(404).into(), Answer::empty(200).into(), Effect::Truncated(40, Truncation::Unnoticed)]
    {
        let world = World::new().await;
        reject_some_rows(&world);
        world.org.inject(RequestFault::new(Endpoint::FailedResults, effect).times(5));
        let run = insert_contacts(&world, 20).await;
        assert_all_in_org_or_bucket(&world, &run, 20);
        assert_eq!(job_states(&world), [JobState::JobComplete], "nothing is sent again in this sync");
    }
}

/// One row is rejected. The page that replaces the results also has one line after its first.
#[tokio::test(flavor = "multi_thread")]
async fn an_html_page_is_not_read_as_a_rejected_record() {
    let world = World::new().await;
    reject_some_rows(&world);
    world.org.inject(RequestFault::new(Endpoint::FailedResults, Answer::html(200)));
    let run = insert_contacts(&world, 10).await;
    assert_all_in_org_or_bucket(&world, &run, 10);
}

/// Four rows are rejected. The HTML page that replaces the second page of the results has two lines, as the page has rows.
#[tokio::test(flavor = "multi_thread")]
async fn an_html_page_is_not_read_as_the_second_page_of_the_results() {
    let world = World::new().await;
    reject_some_rows(&world);
    // The first request comes too early, and the second one gets the first page.
    world.org.inject(RequestFault::new(Endpoint::FailedResults, Answer::html(200)).starting_at(3));
    let run = insert_contacts(&world, 40).await;
    assert_all_in_org_or_bucket(&world, &run, 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn results_that_always_break_off_acknowledge_nothing_and_store_nothing() {
    for ending in [Truncation::Chunked, Truncation::Length, Truncation::Unnoticed] {
        let world = World::new().await;
        reject_some_rows(&world);
        world.org.inject(RequestFault::new(Endpoint::FailedResults, Effect::Truncated(60, ending)).always());
        let run = insert_contacts(&world, 20).await;
        assert_nothing_acknowledged(&run, "results of job");
        assert_eq!(keys_in_bucket(&world), Vec::<String>::new());
        assert_eq!(job_states(&world), [JobState::JobComplete], "nothing is sent again in this sync");
    }
}

/// A proxy that leaves out a column would leave out the values of rejected records.
#[tokio::test(flavor = "multi_thread")]
async fn results_that_lack_a_column_prove_nothing() {
    let world = World::kind().await;
    reject_some_rows(&world);
    let page = Answer::csv("sf__Id,sf__Error,Email\n,INVALID_EMAIL_ADDRESS:invalid:Email --,no address\n", 1);
    world.org.inject(RequestFault::new(Endpoint::FailedResults, page).always());
    let run = insert_contacts(&world, 10).await;
    assert_nothing_acknowledged(&run, "for Contact lack the column LastName");
    assert_eq!(keys_in_bucket(&world), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delete_that_failed_without_a_reason_is_rejected() {
    let world = World::new().await;
    let id = world.org.insert("Contact", &[("LastName", "Example")]).unwrap();
    world.org.inject(RowFault::new("Contact", ""));
    let fields = [("Id", "string"), ("LastName", "string"), ("_ab_cdc_deleted_at", "string")];
    let catalog = catalog(&[keyed(stream("s", "Contact", &fields), "update", "Id")]);
    let deleted = json!({"Id": id, "_ab_cdc_deleted_at": "2026-01-01T00:00:00Z"});
    let run = world.write(json!({}), catalog, vec![record("s", deleted), state("s", 1), complete("s")]).await;
    run.assert_success();
    assert_eq!(run.counts(), [Counts { written: 0, rejected: 1 }]);
    assert_eq!((world.rejected().len(), world.org.count("Contact")), (1, 1));
}
