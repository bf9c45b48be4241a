//! A sync follows one whose jobs still run.

use std::time::Duration;

use salesforce_sim::{Endpoint, JobState, Settings};
use serde_json::{Value, json};

use super::{job_states, key, request_count, upsert_catalog};
use crate::connector;
use crate::world::{World, blocking, complete, kill, record, state, wait_until};

/// Upserts of the records of a range. The title of each says which sync sent it.
fn upserts(numbers: std::ops::RangeInclusive<u64>, title: &str) -> Vec<String> {
    let last = *numbers.end();
    let row = |number| json!({"LastName": key(number), "External_Id__c": key(number), "Title": title});
    numbers.map(|number| record("s", row(number))).chain([state("s", last), complete("s")]).collect()
}

fn titled_catalog() -> Value {
    let mut catalog = upsert_catalog();
    catalog["streams"][0]["stream"]["json_schema"]["properties"]["Title"] = json!({"type": ["null", "string"]});
    catalog
}

/// Kills a sync whose job of 600 rows has processed a third, and returns the world while that job runs.
async fn kill_while_a_job_runs(settings: Settings, changes: &Value) -> World {
    let world = World::with(Settings { time_per_chunk: Duration::from_millis(400), ..settings }).await;
    let mut connector = world.start_write(changes.clone(), &titled_catalog());
    let writer = connector.send_in_background(upserts(1..=600, "older"));
    wait_until(|| world.org.jobs().iter().any(|job| job.processed == 200)).await;
    kill(connector, writer).await;
    assert_eq!(job_states(&world), [JobState::InProgress]);
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_a_killed_sync_left_does_not_overwrite_what_the_next_one_writes() {
    for storage in [json!({}), json!({"object_storage_config": null})] {
        let world = kill_while_a_job_runs(Settings::default(), &storage).await;
        let run = world.write(storage, titled_catalog(), upserts(551..=600, "newer")).await;
        run.assert_success();
        let titles = world.values("Contact", "Title");
        let of = |title: &str| titles.iter().filter(|it| it.as_deref() == Some(title)).count();
        assert_eq!((of("newer"), of("older")), (50, 550));
        assert!(run.log("INFO").iter().any(|line| line.contains("left")), "{}", run.stdout);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_of_jobs_is_read_once_and_not_beyond_ten_pages() {
    let world = kill_while_a_job_runs(Settings { jobs_per_page: 1, ..Settings::default() }, &json!({})).await;
    world.wait_for_jobs().await;
    let config = world.config(json!({"batch_size_mb": 0.01}));
    let lines = upserts(1..=1_500, "many");
    let run = blocking(move || connector::write(&config, &titled_catalog(), lines)).await;
    run.assert_success();
    assert!(job_states(&world).len() > 3);
    // The list has the job that was left, and up to two of this sync when its first job is about to be closed.
    assert!((2..=3).contains(&request_count(&world, Endpoint::JobList).checked_sub(1).unwrap()));
    let config = world.config(json!({}));
    let run = blocking(move || connector::write(&config, &titled_catalog(), upserts(1..=1, "last"))).await;
    run.assert_success();
    let is_reported = run.warnings().iter().any(|line| line.contains("more jobs than this sync lists"));
    assert_eq!(is_reported, world.org.jobs().len() > 10, "{}", run.stdout);
}
