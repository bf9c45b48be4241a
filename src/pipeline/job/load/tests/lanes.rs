//! Which batches may bring the parents of a row: those of other lanes.

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
