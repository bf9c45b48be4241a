//! The order of batches and their places, and which batches may bring the parents of a row: those of other lanes.

use salesforce_sim::JobState::{Aborted, JobComplete};

use super::*;

#[tokio::test]
async fn batches_of_the_own_lane_bring_no_parent() {
    let bench = Bench::new().await;
    let text = json!({"type": "string"});
    let stream = |(name, mode): (&str, &str)| {
        json!({
            "stream": {"name": name, "json_schema": {"properties": {"LastName": text, "External_Id__c": text}}},
            "destination_sync_mode": mode, "destination_object_name": "Contact", "primary_key": [["External_Id__c"]],
        })
    };
    let streams = [("a", "append"), ("b", "append"), ("c", "append_dedup"), ("d", "append_dedup")].map(stream);
    let catalog = parse_catalog(&json!({ "streams": Vec::from(streams) }).to_string()).unwrap();
    let requests: Vec<_> = catalog.iter().map(|stream| StreamRequest::new(stream, &bench.config)).collect();
    let planned = plan_streams(&bench.loader.org, &requests, &bench.config).await.unwrap();
    let plans: Vec<StreamPlan> = planned.into_iter().map(|planned| planned.plan.unwrap()).collect();
    // Inserts have a lane for each stream, and all upserts of an object share one.
    for (row, others) in [[false, true, true, true], [true, false, true, true], [true, true, false, false]]
        .into_iter()
        .chain([[true, true, false, false]])
        .enumerate()
    {
        for (other, expected) in others.into_iter().enumerate() {
            let before = plans[row].progress_of_others("CONTACT").unwrap();
            drop(plans[other].begin_batch());
            assert_eq!(plans[row].is_written_since("contact", before), expected, "{row} {other}");
        }
    }
    assert!(plans[0].progress_of_others("Account").is_none(), "no stream writes it");
}

#[tokio::test]
async fn a_job_whose_place_another_batch_has_is_not_closed_after_the_job_of_an_earlier_sync() {
    let settings = Settings { time_per_batch: Duration::from_millis(20), ..Settings::default() };
    let mut bench = Bench::with(settings).await;
    bench.loader.waits.open_job = Duration::from_secs(1);
    let (slots, start) = bench.behind_an_earlier_job().await;
    let events = no_receiver();
    let load = bench.loader.load(&bench.plan, bench.batch(&["B"]), start, &events);
    let other = async {
        let place = Slot::new(slots).await;
        tokio::time::sleep(bench.loader.waits.open_job).await;
        drop(place);
    };
    let (outcome, ()) = tokio::join!(load, other);
    outcome.unwrap();
    let states: Vec<_> = bench.org.jobs().iter().map(|job| job.state).collect();
    assert_eq!(states, [JobComplete, Aborted, JobComplete], "the first job has waited too long for its place");
    assert_eq!(bench.org.count("Contact"), 2);
}
