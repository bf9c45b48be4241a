//! Jobs that end in an unexpected way.

use salesforce_sim::{JobFault, JobState, RowFault};

use super::{
    assert_all_in_org, assert_all_in_org_or_bucket, assert_nothing_acknowledged, insert_contacts, job_states, keys,
    keys_in_bucket, keys_in_org, reject_some_rows, upsert_contacts,
};
use crate::world::World;

/// The first job ends after 200 of 300 rows, and a second one has the rest.
async fn assert_second_job_has_the_rest(fault: JobFault, first_state: JobState) {
    let world = World::new().await;
    reject_some_rows(&world);
    world.org.inject(fault);
    let run = insert_contacts(&world, 300).await;
    assert_all_in_org_or_bucket(&world, &run, 300);
    let jobs: Vec<_> = world.org.jobs().iter().map(|job| (job.state, job.rows)).collect();
    assert_eq!(jobs, [(first_state, 300), (JobState::JobComplete, 100)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_fails_midway_neither_loses_nor_doubles_a_row() {
    let fault = JobFault::failed("Contact", 1, "Timeout : took too long");
    assert_second_job_has_the_rest(fault, JobState::Failed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_aborted_midway_neither_loses_nor_doubles_a_row() {
    assert_second_job_has_the_rest(JobFault::aborted("Contact", 1), JobState::Aborted).await;
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
    for (fault, written) in [
        (JobFault::completed("Contact", 0).omit_unprocessed_rows(), 0),
        (JobFault::completed("Contact", 1).omit_unprocessed_rows(), 200),
        (JobFault::aborted("Contact", 1).omit_unprocessed_rows(), 200),
        (JobFault::failed("Contact", 1, "Timeout : took too long").omit_unprocessed_rows(), 200),
    ] {
        let world = World::new().await;
        world.org.inject(fault);
        let run = insert_contacts(&world, 300).await;
        assert_nothing_acknowledged(&run, "do not add up");
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

#[tokio::test(flavor = "multi_thread")]
async fn running_out_of_batches_ends_the_sync_and_the_next_upsert_completes_it() {
    let world = World::new().await;
    world.org.inject(JobFault::out_of_batches("Contact", 1));
    let run = upsert_contacts(&world, 300).await;
    assert_nothing_acknowledged(&run, "batches that the org may use in 24 hours");
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
