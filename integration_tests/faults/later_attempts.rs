//! What later attempts take from the journal, and what they must not.

use salesforce_sim::{Effect, Endpoint, Hold, RequestFault};
use serde_json::{Value, json};

use super::{input_range, insert_catalog, insert_record, job_states, key, keys, keys_in_org};
use crate::connector::Run;
use crate::protocol_model::Counts;
use crate::world::{World, blocking, catalog, complete, kill, record, state, stream, wait_until};

/// Kills a sync of these lines when its jobs have ended, before it learns of that.
async fn kill_after_the_jobs(world: &World, catalog: &Value, lines: Vec<String>) {
    let hold = Hold::default();
    world.org.inject(RequestFault::new(Endpoint::JobInfo, Effect::Held(hold.clone())));
    let mut connector = world.start_write(json!({}), catalog);
    let writer = connector.send_in_background(lines);
    wait_until(|| !job_states(world).is_empty() && job_states(world).iter().all(|state| state.is_final())).await;
    kill(connector, writer).await;
    hold.release();
}

/// The second attempt acknowledges rows of the first one and is killed too. A new record that is the same as one of these
/// rows comes to the third attempt.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_was_acknowledged_is_not_taken_for_a_new_record_of_a_third_attempt() {
    let world = World::new().await;
    kill_after_the_jobs(&world, &insert_catalog(), input_range(1..=20, insert_record)).await;
    let mut connector = world.start_write(json!({}), &insert_catalog());
    let killed = blocking(move || {
        (1..=10).for_each(|number| connector.send(&insert_record(number)));
        connector.send(&state("s", 10));
        assert_eq!(connector.next_state().counts(), Counts { written: 10, rejected: 0 });
        connector.kill()
    })
    .await;
    assert_eq!(killed.ids_and_counts().len(), 1);
    assert_eq!((job_states(&world).len(), world.journal().len()), (1, 1));

    let lines = (11..=20).chain([1]).map(insert_record).chain([state("s", 21), complete("s")]).collect();
    let run = world.write(json!({}), insert_catalog(), lines).await;
    run.assert_success();
    assert_eq!(run.ids_and_counts(), [(21, Counts { written: 11, rejected: 0 })]);
    let mut expected = keys(1..=20);
    expected.insert(0, key(1));
    assert_eq!(keys_in_org(&world), expected);
    assert_eq!(world.org.jobs().iter().map(|job| job.rows).collect::<Vec<_>>(), [20, 1]);
    assert!(world.journal().is_empty());
}

/// Two streams that insert contacts, each with changes in the catalog.
fn two_streams(changes: [Value; 2]) -> Value {
    let mut streams = ["a", "b"].map(|name| stream(name, "Contact", &[("LastName", "string")]));
    for (stream, changes) in streams.iter_mut().zip(changes) {
        *stream = crate::world::merge(stream.take(), changes);
    }
    catalog(&streams)
}

fn lines_of(name: &str) -> Vec<String> {
    let records = (1..=5).map(|number| record(name, json!({"LastName": key(number)})));
    records.chain([state(name, 5), complete(name)]).collect()
}

fn written(run: &Run, name: &str) -> Vec<(u64, Counts)> {
    run.assert_success();
    run.ids_and_counts_of(name)
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_one_stream_are_not_taken_for_equal_records_of_another() {
    for order in [["a", "b"], ["b", "a"]] {
        let world = World::new().await;
        let catalog = || two_streams([json!({}), json!({})]);
        kill_after_the_jobs(&world, &catalog(), lines_of("a")).await;
        assert_eq!(world.org.count("Contact"), 5);
        let run = world.write(json!({}), catalog(), order.map(lines_of).concat()).await;
        for name in order {
            assert_eq!(written(&run, name), [(5, Counts { written: 5, rejected: 0 })], "{order:?}");
        }
        let rows: Vec<usize> = world.org.jobs().iter().map(|job| job.rows).collect();
        assert_eq!((world.org.count("Contact"), rows), (10, vec![5, 5]), "{order:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_number_of_the_sync_may_stand_at_any_stream() {
    let without = || json!({"sync_id": null});
    for changes in [[json!({}), without()], [without(), json!({})]] {
        let world = World::new().await;
        let catalog = || two_streams(changes.clone());
        kill_after_the_jobs(&world, &catalog(), lines_of("a")).await;
        let run = world.write(json!({}), catalog(), [lines_of("a"), lines_of("b")].concat()).await;
        assert_eq!(written(&run, "a"), [(5, Counts { written: 5, rejected: 0 })]);
        assert_eq!(world.org.count("Contact"), 10, "the first rows are not sent again: {changes:?}");
        let reports: Vec<String> = world.reports().into_iter().map(|(key, _)| key).collect();
        assert_eq!(reports, ["rejected_records/42/report.html"], "{changes:?}");
    }
}
