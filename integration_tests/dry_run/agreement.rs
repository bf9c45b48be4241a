//! A dry run and the sync of the same input agree in every count.

use std::collections::{BTreeMap, BTreeSet};

use salesforce_sim::Settings;
use serde_json::{Value, json};

use super::{StreamCounts, counts, field, number, reason};
use crate::connector::Run;
use crate::world::{World, catalog, complete, keyed, record, state, stream};

/// The ids of the live records of an object.
fn ids(world: &World, object: &str) -> BTreeSet<String> {
    world.values(object, "Id").into_iter().flatten().collect()
}

/// What a sync has done with the only stream of an object.
fn done(world: &World, run: &Run, (stream, object): (&str, &str), before: &BTreeSet<String>) -> StreamCounts {
    let after = ids(world, object);
    let jobs: Vec<_> = world.org.jobs().into_iter().filter(|job| job.object == object).collect();
    let created = after.difference(before).count() as u64;
    let deleted = before.difference(&after).count() as u64;
    let written: u64 = jobs.iter().map(|job| (job.processed - job.failed) as u64).sum();
    let log = run.log("INFO");
    let of_stream = |line: &&&str| field(line, "stream") == Some(stream);
    let ended = log.iter().filter(|line| line.starts_with("stream ended")).find(of_stream).unwrap();
    let refused: BTreeMap<_, _> =
        log.iter().filter(|line| line.starts_with("rejected ")).filter(of_stream).map(|line| reason(line)).collect();
    let (records, skipped) = (number(ended, "read"), number(ended, "skipped"));
    StreamCounts {
        records,
        created,
        deleted,
        updated: written - created - deleted,
        skipped,
        merged: records - written - skipped - refused.values().sum::<u64>(),
        jobs: jobs.len() as u64,
        bulk_batches: jobs.iter().map(|job| job.rows.div_ceil(10_000) as u64).sum(),
        refused,
    }
}

/// Runs a dry run and a sync against two orgs that `fill` makes equal, compares all counts, and returns them. `streams`
/// are the names of the streams and their objects. `fill` returns the lines of the source.
async fn agreed(
    config: Value,
    catalog: Value,
    streams: &[(&str, &str)],
    fill: impl Fn(&World) -> Vec<String>,
) -> Vec<StreamCounts> {
    let [dry, real] = [World::kind().await, World::kind().await];
    let lines = [&dry, &real].map(&fill);
    let before: Vec<_> = streams.iter().map(|(_, object)| ids(&real, object)).collect();
    let before_dry: Vec<_> = streams.iter().map(|(_, object)| dry.org.records(object)).collect();
    let [dry_lines, real_lines] = lines;
    let dry_run = dry.dry_run(config.clone(), catalog.clone(), dry_lines).await;
    dry_run.assert_success();
    for ((_, object), before) in streams.iter().zip(&before_dry) {
        assert_eq!(dry.org.records(object), *before, "nothing is changed");
    }
    let run = real.write(config, catalog, real_lines).await;
    run.assert_success();
    let told: Vec<_> = streams.iter().map(|(name, _)| counts(&dry_run, name)).collect();
    let done: Vec<_> = streams.iter().zip(&before).map(|(stream, before)| done(&real, &run, *stream, before)).collect();
    assert_eq!(told, done, "{}", dry_run.stdout);
    let log = dry_run.log("INFO");
    let taken = log.iter().find(|line| line.starts_with("dry run: what a sync would take")).unwrap();
    let (jobs, of_jobs) = (real.org.jobs().len() as u64, real.org.requests());
    let of_jobs = of_jobs.iter().filter(|request| request.path.contains("/jobs/ingest")).count() as u64;
    assert_eq!(number(taken, "jobs"), jobs);
    let least = number(taken, "requests_at_least");
    assert!(4 * jobs <= least && least <= of_jobs, "{least} of {of_jobs}");
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn inserts_create_a_record_each_but_those_that_are_refused() {
    let fields = [("LastName", "string"), ("HasOptedOutOfEmail", "boolean"), ("Description", "string")];
    let streams = [
        stream("people", "Contact", &fields),
        stream("leads", "Lead", &[("LastName", "string"), ("Company", "string")]),
    ];
    let told =
        agreed(json!({"batch_size_mb": 0.01}), catalog(&streams), &[("people", "Contact"), ("leads", "Lead")], |_| {
            let person =
                |number| record("people", json!({"LastName": format!("L{number}"), "Description": "x".repeat(990)}));
            let mut lines: Vec<String> = (0..40).map(person).collect();
            lines.extend([
                record("people", json!({"LastName": "#N/A"})),
                record("people", json!({"LastName": "a", "HasOptedOutOfEmail": "perhaps"})),
                record("people", json!({"LastName": "b", "HasOptedOutOfEmail": "no one knows"})),
                state("people", 1),
                record("leads", json!({"LastName": "Example", "Company": "Example Ltd"})),
                complete("people"),
                complete("leads"),
            ]);
            lines
        });
    let told = told.await;
    assert!(told[0].created == 40 && told[0].jobs > 3, "{:?}", told[0]);
    assert_eq!(told[1], StreamCounts { records: 1, created: 1, jobs: 1, bulk_batches: 1, ..StreamCounts::default() });
    let refused = [("INVALID_TYPE_ON_FIELD_IN_RECORD", 2), ("NULL_MARKER_AS_TEXT", 1)];
    assert_eq!(told[0].refused, refused.map(|(code, count)| (code.to_owned(), count)).into());
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_the_source_has_deleted_delete_or_are_skipped() {
    let fields = [("Id", "string"), ("LastName", "string"), ("_ab_cdc_deleted_at", "string")];
    let streams = ["deletes", "ignores"].map(|name| keyed(stream(name, object_of(name), &fields), "update", "Id"));
    fn object_of(name: &str) -> &'static str {
        if name == "deletes" { "Contact" } else { "Lead" }
    }
    let config = json!({"streams": [{"stream": "ignores", "deletes": "ignore"}]});
    let told = agreed(config, catalog(&streams), &[("deletes", "Contact"), ("ignores", "Lead")], |world| {
        let mut lines = Vec::new();
        for name in ["deletes", "ignores"] {
            let insert = |last_name: &str| {
                world.org.insert(object_of(name), &[("LastName", last_name), ("Company", "Example Ltd")]).unwrap()
            };
            let [one, two] = ["one", "two"].map(insert);
            lines.extend([
                record(name, json!({"Id": one, "LastName": "new"})),
                record(name, json!({"Id": two, "LastName": "new"})),
                record(name, json!({"Id": one, "_ab_cdc_deleted_at": "2026-01-01"})),
                record(name, json!({"Id": "", "_ab_cdc_deleted_at": "perhaps"})),
                complete(name),
            ]);
        }
        lines
    });
    let told = told.await;
    assert_eq!((told[0].deleted, told[0].updated, told[0].merged, told[0].skipped), (1, 1, 1, 0));
    assert_eq!((told[1].deleted, told[1].updated, told[1].merged, told[1].skipped), (0, 2, 0, 1));
    assert!(told.iter().all(|counts| counts.refused["UNCLEAR_DELETE_MARK"] == 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_allowances_that_do_not_suffice_are_named() {
    let world = World::with(Settings::default()).await;
    world.org.set_remaining_batches(1);
    let streams = [stream("c", "Contact", &[("LastName", "string"), ("Description", "string")])];
    let person = |number| record("c", json!({"LastName": format!("L{number}"), "Description": "x".repeat(990)}));
    let lines = (0..30).map(person).chain([complete("c")]).collect();
    let run = world.dry_run(json!({"batch_size_mb": 0.01}), catalog(&streams), lines).await;
    run.assert_success();
    let jobs = counts(&run, "c").jobs;
    assert!(jobs > 1, "{jobs}");
    let warning = format!("dry run: a sync would take {jobs} bulk batches, and the org has 1 left for today");
    assert!(run.warnings().contains(&warning.as_str()), "{:?}", run.warnings());
}
