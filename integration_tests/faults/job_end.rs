//! Jobs that end in an unexpected way.

use std::time::Duration;

use salesforce_sim::{JobFault, JobState, RowFault};
use serde_json::json;

use super::{
    assert_all_in_org, assert_all_in_org_or_bucket, assert_nothing_acknowledged, insert_catalog, insert_contacts,
    job_states, keys, keys_in_bucket, keys_in_org, reject_some_rows, upsert_contacts,
};
use crate::protocol_model::Counts;
use crate::world::{World, complete, record, state};

/// The first job ends after 200 of 500 rows, the org saves 200 more, and a second job has the rest.
async fn assert_second_job_has_the_rest(fault: JobFault, first_state: JobState) {
    let world = World::new().await;
    reject_some_rows(&world);
    world.org.inject(fault);
    let run = insert_contacts(&world, 500).await;
    assert_all_in_org_or_bucket(&world, &run, 500);
    let jobs: Vec<_> = world.org.jobs().iter().map(|job| (job.state, job.rows)).collect();
    assert_eq!(jobs, [(first_state, 500), (JobState::JobComplete, 100)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_fails_midway_neither_loses_nor_doubles_a_row() {
    let fault = JobFault::failed("Contact", 1, "Timeout : took too long");
    assert_second_job_has_the_rest(fault, JobState::Failed).await;
}

/// The org lists 400 rows as unprocessed, and saves them later. Between two chunks, two readings of the results agree.
#[tokio::test(flavor = "multi_thread")]
async fn rows_that_are_saved_after_the_end_of_their_job_are_not_sent_again() {
    let world = World::new().await;
    let fault = JobFault::failed("Contact", 1, "Timeout : took too long");
    world.org.inject(fault.saves_late(2, Duration::from_millis(400)));
    let run = insert_contacts(&world, 1_000).await;
    assert_all_in_org(&world, &run, 1_000);
    assert_eq!(world.org.jobs().iter().map(|job| job.rows).collect::<Vec<_>>(), [1_000, 400]);
}

/// The org saves 200 rows more after the abort. The first state is proven then, the second is not.
#[tokio::test(flavor = "multi_thread")]
async fn an_abort_settles_what_is_proven_and_ends_the_sync() {
    let world = World::new().await;
    world.org.inject(JobFault::aborted("Contact", 1).saves_late(1, Duration::from_millis(100)));
    let run = insert_contacts(&world, 600).await;
    let (failure_type, message) = run.failure();
    assert_eq!(failure_type, "transient_error", "{message}");
    assert!(message.starts_with("Someone aborted job 750") && message.contains("200 of its 600 rows"), "{message}");
    assert_eq!(run.ids_and_counts(), [(300, Counts { written: 300, rejected: 0 })]);
    assert_eq!(keys_in_org(&world), keys(1..=400));
    assert_eq!(job_states(&world), [JobState::Aborted], "nothing is sent again in this sync");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_complete_job_that_processed_nothing_is_sent_again() {
    let world = World::new().await;
    world.org.inject(JobFault::completed("Contact", 0));
    let run = insert_contacts(&world, 20).await;
    assert_all_in_org(&world, &run, 20);
    assert_eq!(job_states(&world), [JobState::JobComplete; 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_missing_from_the_results_are_not_acknowledged() {
    let gaps = "do not add up";
    for (fault, written, reason) in [
        (JobFault::completed("Contact", 0).omit_unprocessed_rows(), 0, gaps),
        (JobFault::completed("Contact", 1).omit_unprocessed_rows(), 200, gaps),
        (JobFault::aborted("Contact", 1).omit_unprocessed_rows(), 200, "Someone aborted"),
        (JobFault::failed("Contact", 1, "Timeout : took too long").omit_unprocessed_rows(), 200, gaps),
    ] {
        let world = World::new().await;
        world.org.inject(fault);
        let run = insert_contacts(&world, 300).await;
        let (failure_type, message) = run.failure();
        assert_eq!(failure_type, "transient_error", "{message}");
        let unsettled = format!("{} of ", 300 - written);
        assert!(message.contains(reason) && message.contains(&unsettled), "{message}");
        // The results prove the first state, where they have rows at all.
        let proven = (150, Counts { written: 150, rejected: 0 });
        assert_eq!(run.ids_and_counts(), if written > 0 { vec![proven] } else { vec![] });
        assert_eq!(keys_in_org(&world), keys(1..=written), "nothing is sent again in this sync");
        assert_eq!(keys_in_bucket(&world), Vec::<String>::new());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn results_settle_a_job_whose_processed_count_is_wrong() {
    for processed in [-1, 1] {
        let world = World::new().await;
        reject_some_rows(&world);
        world.org.inject(JobFault::miscounted("Contact", processed, 0));
        let run = insert_contacts(&world, 20).await;
        assert_all_in_org_or_bucket(&world, &run, 20);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_whose_failed_count_is_wrong_is_not_acknowledged() {
    for failed in [-1, 1] {
        let world = World::new().await;
        reject_some_rows(&world);
        world.org.inject(JobFault::miscounted("Contact", 0, failed));
        let run = insert_contacts(&world, 20).await;
        assert_nothing_acknowledged(&run, "do not add up");
        assert_eq!(keys_in_bucket(&world), Vec::<String>::new());
    }
}

/// Three inserts are in doubt. The error of the sync names one of them.
#[tokio::test(flavor = "multi_thread")]
async fn every_closed_job_and_every_failure_is_in_the_log() {
    let world = World::new().await;
    for _ in 0..3 {
        world.org.inject(JobFault::miscounted("Contact", 0, 1));
    }
    let config = json!({"batch_size_mb": 0.01, "max_parallel_jobs": 3});
    let name = "n".repeat(70);
    let records = (0..400).map(|_| record("s", json!({"LastName": name})));
    let run = world.write(config, insert_catalog(), records.chain([state("s", 1), complete("s")]).collect()).await;
    assert_nothing_acknowledged(&run, "do not add up");
    let jobs = world.org.jobs();
    let closed: Vec<_> = jobs.iter().filter(|job| job.state.is_final() && job.processed > 0).collect();
    assert_eq!(closed.len(), 3, "{jobs:?}");
    for job in closed {
        let names_job = |line: &&str| line.contains(&job.id);
        assert!(run.log("INFO").iter().any(|line| line.starts_with("closed a job") && names_job(line)), "{}", job.id);
        assert!(run.log("ERROR").iter().any(|line| line.contains("do not add up") && names_job(line)), "{}", job.id);
    }
}

/// Of 300 rows, 200 are processed, and no result has the others. The first state is proven, the second is not.
#[tokio::test(flavor = "multi_thread")]
async fn running_out_of_batches_midway_acknowledges_what_the_results_prove() {
    let world = World::new().await;
    reject_some_rows(&world);
    world.org.inject(JobFault::out_of_batches("Contact", 1));
    let run = insert_contacts(&world, 300).await;
    let (failure_type, message) = run.failure();
    assert_eq!(failure_type, "transient_error", "{message}");
    assert!(message.contains("batches that the org may use in 24 hours"), "{message}");
    assert!(message.contains("100 rows were not written, or their outcome is unknown"), "{message}");
    assert_eq!(run.ids_and_counts(), [(150, Counts { written: 135, rejected: 15 })]);
    assert_eq!((keys_in_org(&world).len(), keys_in_bucket(&world).len()), (180, 20));
    assert_eq!(job_states(&world), [JobState::Failed], "nothing is sent again in this sync");
}

#[tokio::test(flavor = "multi_thread")]
async fn running_out_of_batches_ends_the_sync_and_the_next_upsert_completes_it() {
    let world = World::new().await;
    world.org.inject(JobFault::out_of_batches("Contact", 1));
    let run = upsert_contacts(&world, 300).await;
    assert_eq!(run.failure().0, "transient_error");
    assert_eq!(run.ids_and_counts(), [(150, Counts { written: 150, rejected: 0 })]);
    assert_eq!(keys_in_org(&world), keys(1..=200));
    let run = upsert_contacts(&world, 300).await;
    assert_all_in_org(&world, &run, 300);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_row_is_retried_alone_and_written_once() {
    let world = World::new().await;
    let lock = "UNABLE_TO_LOCK_ROW:unable to obtain exclusive access to this record:--";
    world.org.inject(RowFault::new("Contact", lock).when(|row| row.get("LastName") == Some("L0003")).times(1));
    let run = insert_contacts(&world, 20).await;
    assert_all_in_org(&world, &run, 20);
    assert_eq!(world.org.jobs().iter().map(|job| job.rows).collect::<Vec<_>>(), [20, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_is_locked_inside_a_flow_or_a_trigger_is_retried_and_written_once() {
    let faults: [fn(&str) -> RowFault; 2] = [RowFault::locked_in_flow, RowFault::locked_in_trigger];
    for locked in faults {
        let world = World::new().await;
        world.org.inject(locked("Contact").when(|row| row.get("LastName") == Some("L0003")).times(1));
        let run = insert_contacts(&world, 20).await;
        assert_all_in_org(&world, &run, 20);
        assert_eq!(world.org.jobs().iter().map(|job| job.rows).collect::<Vec<_>>(), [20, 1]);
    }
}

/// The name of a lock in a text that an admin wrote is no lock.
#[tokio::test(flavor = "multi_thread")]
async fn a_validation_rule_that_names_a_lock_rejects_at_once_with_its_whole_message() {
    let world = World::new().await;
    let message = "Status -- CLOSED: after UNABLE_TO_LOCK_ROW -- ASK_IT: call the help desk";
    let error = format!("FIELD_CUSTOM_VALIDATION_EXCEPTION:{message}:--");
    world.org.inject(RowFault::new("Contact", &error).when(|row| row.get("LastName") == Some("L0003")));
    insert_contacts(&world, 20).await.assert_success();
    assert_eq!(world.org.jobs().len(), 1);
    let data = &world.rejected()[0]["_airbyte_data"];
    assert_eq!((&data["rejected_message"], &data["rejected_field"]), (&json!(message), &json!("")));
}
