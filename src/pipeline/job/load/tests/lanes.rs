//! The order of batches and their places, and which batches may bring the parents of a row: those of other lanes.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::BoxFuture;
use salesforce_sim::JobState::{Aborted, JobComplete};

use super::*;
use crate::pipeline::job::batch_loader::BatchLoader;
use crate::pipeline::job::lane::{Jobs, StreamBatch};

/// How a batch of a lane ends.
#[derive(Debug, Clone, Copy)]
enum End {
    Loaded,
    Failed,
    Halted,
    Panic,
}

/// Lets batches end as is given, and notes whether the turn of each came.
struct Scripted {
    ends: Mutex<VecDeque<End>>,
    turns: Mutex<Vec<TurnOutcome>>,
    halt: CancellationToken,
}

impl BatchLoader for Scripted {
    fn claim(&self) -> BoxFuture<'_, Claim> {
        Box::pin(std::future::ready(Claim::none()))
    }

    fn load<'a>(
        &'a self,
        _: &'a StreamPlan,
        _: Batch,
        mut start: Start,
        _: &'a EventSender,
    ) -> BoxFuture<'a, Result<(), LoadError>> {
        Box::pin(async move {
            let turn = start.turn.wait(Duration::MAX, None, &self.halt).await;
            self.turns.lock().unwrap().push(turn);
            if turn != TurnOutcome::Come {
                return Err(LoadError::Halted);
            }
            let end = self.ends.lock().unwrap().pop_front();
            match end {
                None | Some(End::Loaded) => Ok(()),
                Some(End::Failed) => Err(Error::transient("it failed").into()),
                Some(End::Halted) => Err(LoadError::Halted),
                Some(End::Panic) => panic!("the batch of a test"),
            }
        })
    }

    fn halt(&self) -> &CancellationToken {
        &self.halt
    }
}

/// A later batch would replace the values of one that is sent again.
#[tokio::test]
async fn after_a_batch_that_was_not_loaded_no_later_one_of_its_lane_takes_effect() {
    use TurnOutcome::{Come, Never};
    for end in [End::Loaded, End::Failed, End::Halted, End::Panic] {
        let after = if matches!(end, End::Loaded) { Come } else { Never };
        // An object has one lane, whoever writes it and however its name is spelled; inserts have one for each stream.
        for (is_upsert, second, expected) in [
            (true, (0, "Contact"), [Come, after, after]),
            (true, (1, "CONTACT"), [Come, after, after]),
            (false, (0, "Contact"), [Come, Come, Come]),
        ] {
            let mut bench = Bench::new().await;
            if is_upsert {
                bench.upsert().await;
            }
            let (ends, turns, halt) = (Mutex::new([end].into()), Mutex::default(), CancellationToken::new());
            let loader = Arc::new(Scripted { ends, turns, halt });
            let (mut jobs, mut events) = Jobs::new(Arc::clone(&loader) as Arc<dyn BatchLoader>, 1);
            for (stream, object) in [(0, "Contact"), second, (0, "Contact")] {
                let mut plan = bench.plan.clone();
                plan.job.object = object.to_owned();
                let (batch, on_its_way) = (bench.batch(&["A"]), plan.begin_batch());
                jobs.add(StreamBatch { stream, plan: Arc::new(plan), batch, on_its_way });
            }
            jobs.finish();
            let (mut loaded, mut failed) = (0, 0);
            while let Some(event) = events.recv().await {
                match event.kind {
                    EventKind::BatchEnded(Ok(())) => loaded += 1,
                    EventKind::BatchEnded(Err(LoadError::Failed(_))) => failed += 1,
                    EventKind::BatchEnded(Err(LoadError::Halted)) => {}
                    other => panic!("{other:?}"),
                }
            }
            assert_eq!(*loader.turns.lock().unwrap(), expected, "{end:?} {is_upsert} {second:?}");
            let come = expected.iter().filter(|turn| **turn == Come).count();
            assert_eq!(loaded, come - usize::from(!matches!(end, End::Loaded)), "{end:?} {is_upsert} {second:?}");
            assert_eq!(failed, usize::from(matches!(end, End::Failed | End::Panic)), "{end:?} {is_upsert} {second:?}");
        }
    }
}

/// Notes how many batches have a place at one time.
#[derive(Default)]
struct Counted {
    now: AtomicUsize,
    most: AtomicUsize,
    halt: CancellationToken,
}

impl BatchLoader for Counted {
    fn claim(&self) -> BoxFuture<'_, Claim> {
        Box::pin(std::future::ready(Claim::none()))
    }

    fn load<'a>(
        &'a self,
        _: &'a StreamPlan,
        _: Batch,
        start: Start,
        _: &'a EventSender,
    ) -> BoxFuture<'a, Result<(), LoadError>> {
        Box::pin(async move {
            let now = self.now.fetch_add(1, Ordering::Relaxed) + 1;
            self.most.fetch_max(now, Ordering::Relaxed);
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            self.now.fetch_sub(1, Ordering::Relaxed);
            drop(start);
            Ok(())
        })
    }

    fn halt(&self) -> &CancellationToken {
        &self.halt
    }
}

#[tokio::test]
async fn all_streams_together_have_no_more_jobs_than_are_allowed() {
    let bench = Bench::new().await;
    for most in 1..4 {
        let loader = Arc::new(Counted::default());
        let (mut jobs, mut events) = Jobs::new(Arc::clone(&loader) as Arc<dyn BatchLoader>, most);
        for stream in 0..6 {
            let (plan, batch, on_its_way) = (bench.plan.clone(), bench.batch(&["A"]), bench.plan.begin_batch());
            jobs.add(StreamBatch { stream, plan: Arc::new(plan), batch, on_its_way });
        }
        jobs.finish();
        while events.recv().await.is_some() {}
        assert_eq!(loader.most.load(Ordering::Relaxed), most);
    }
}

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

/// The plan of the only stream of a catalog, with an entry in the configuration.
pub(super) async fn planned(bench: &Bench, stream: serde_json::Value, entry: serde_json::Value) -> StreamPlan {
    let credentials = Credentials::default();
    let config = json!({
        "client_id": credentials.client_id,
        "client_secret": credentials.client_secret,
        "refresh_token": credentials.refresh_token,
        "domain_url": bench.org.url(),
        "streams": [entry],
    });
    let config = Config::parse(&config.to_string()).unwrap();
    let streams = parse_catalog(&json!({"streams": [stream]}).to_string()).unwrap();
    let requests = [StreamRequest::new(&streams[0], &config)];
    plan_streams(&bench.loader.org, &requests, &config).await.unwrap().remove(0).plan.unwrap()
}

/// What a search creates is found by the next one.
#[tokio::test]
async fn the_inserts_of_a_search_are_in_order_with_the_other_jobs_of_the_object() {
    let mut bench = Bench::new().await;
    let inserts = bench.plan.clone();
    bench.upsert().await;
    let text = json!({"type": "string"});
    let stream = json!({
        "stream": {"name": "Contact", "json_schema": {"properties": {"LastName": text, "Email": text}}},
        "destination_sync_mode": "append",
    });
    let entry = json!({"stream": "Contact", "operation": "upsert", "match": {"fields": ["Email"]}});
    let search = planned(&bench, stream, entry).await;
    for (plan, is_ordered) in [
        (&inserts, false),
        (&bench.plan, true),
        (&search, true),
        (&search.of_found(), true),
        (&search.of_missing(), true),
    ] {
        assert_eq!(plan.is_ordered(), is_ordered, "{:?}", plan.job);
    }
    // Its own batches bring it no parent.
    let missing = search.of_missing();
    let before = missing.progress_of_others("Contact").unwrap();
    drop(search.begin_batch());
    assert!(!missing.is_written_since("Contact", before));
}

#[tokio::test]
async fn a_parent_may_come_from_the_own_batch_however_its_object_is_spelled() {
    let bench = Bench::new().await;
    let text = json!({"type": "string"});
    let properties = json!({"External_Id__c": text, "Name": text, "Parent.External_Id__c": text});
    let stream = json!({
        "stream": {"name": "Account", "json_schema": {"properties": properties}},
        "destination_sync_mode": "append",
    });
    let plan = planned(&bench, stream, json!({"stream": "Account"})).await;
    for (object, is_own) in [("Account", true), ("ACCOUNT", true), ("account", true), ("Contact", false)] {
        let mut plan = plan.clone();
        plan.job.object = object.to_owned();
        let parents = ParentColumns::new(&plan, &plan.columns);
        let of = |parent: &'static str| {
            let cells = plan.columns.iter().map(move |column| if column.header().contains('.') { parent } else { "x" });
            parents.sources(cells).batch
        };
        assert_eq!((of("P-1"), of(""), of("#N/A")), (is_own, false, false), "{object}");
    }
}
