//! The same trouble at each call of a sync, one after the other. `docs/delivery.md` has a table of it.

use std::time::Duration;

use salesforce_sim::{Answer, Effect, Endpoint, JobFault, RequestFault};
use tokio::task::JoinSet;

use super::{assert_all_in_org_or_bucket, insert_contacts, keys_in_bucket, keys_in_org, reject_some_rows};
use crate::connector::Run;
use crate::world::World;

/// The calls of a sync whose first job ends early: it reads all results.
const CALLS: [Endpoint; 10] = [
    Endpoint::Token,
    Endpoint::Limits,
    Endpoint::Describe,
    Endpoint::JobCreate,
    Endpoint::JobUpload,
    Endpoint::JobPatch,
    Endpoint::JobInfo,
    Endpoint::SuccessfulResults,
    Endpoint::FailedResults,
    Endpoint::UnprocessedRecords,
];

fn is_after_the_close(call: Endpoint) -> bool {
    use Endpoint::{FailedResults, JobInfo, SuccessfulResults, UnprocessedRecords};
    matches!(call, JobInfo | SuccessfulResults | FailedResults | UnprocessedRecords)
}

/// Of 500 rows the job processes 200 and saves 200 more after its end. The others are sent again.
const ROWS: u64 = 500;

async fn world() -> World {
    let world = World::new().await;
    reject_some_rows(&world);
    world.org.inject(JobFault::failed("Contact", 1, "Timeout : took too long"));
    world
}

/// Runs a sync for each of the calls and effects, all at once, and checks the end of each.
async fn each(
    cases: Vec<(Endpoint, Effect, usize)>,
    check: impl Fn(Endpoint, &str, &World, &Run) + Send + Copy + 'static,
) {
    let mut syncs = JoinSet::new();
    for (call, effect, times) in cases {
        syncs.spawn(async move {
            let label = format!("{call:?} {effect:?}");
            let world = world().await;
            world.org.inject(RequestFault::new(call, effect).times(times));
            let run = insert_contacts(&world, ROWS).await;
            check(call, &label, &world, &run);
        });
    }
    let mut failed = 0;
    while let Some(sync) = syncs.join_next().await {
        // The message of a panic is printed already.
        failed += usize::from(sync.is_err());
    }
    assert_eq!(failed, 0, "syncs failed");
}

fn at_each_call(effects: &[Effect], times: usize) -> Vec<(Endpoint, Effect, usize)> {
    let effects = effects.iter();
    effects.flat_map(|effect| CALLS.map(|call| (call, effect.clone(), times))).collect()
}

fn all_is_there(_: Endpoint, label: &str, world: &World, run: &Run) {
    assert_eq!(run.exit_code, 0, "{label}: {:?}", run.error());
    assert_all_in_org_or_bucket(world, run, ROWS);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_answer_at_any_call_is_waited_for() {
    let world = world().await;
    for call in CALLS {
        world.org.inject(RequestFault::new(call, Effect::Delayed(Duration::from_millis(700))));
    }
    let run = insert_contacts(&world, ROWS).await;
    assert_all_in_org_or_bucket(&world, &run, ROWS);
    assert_eq!(world.org.jobs().len(), 2, "nothing is sent twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_something_else_at_any_call_is_not_believed() {
    let answers = [Answer::html(200).into(), Answer::empty(200).into(), Effect::Replaced(Answer::html(200))];
    each(at_each_call(&answers, 1), all_is_there).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_about_something_else_at_any_call_is_not_believed() {
    let another_job = r#"{"id":"750Sim000000009AAA","state":"Aborted"}"#;
    let answers = [Answer::json(200, another_job).into(), Answer::json(200, "[]").into()];
    each(at_each_call(&answers, 1), all_is_there).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_that_passes_at_any_call_is_waited_out() {
    let refusal = Answer::error(503, "SERVER_UNAVAILABLE", "The server is temporarily unavailable");
    each(at_each_call(&[refusal.into()], 3), all_is_there).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_that_stays_at_any_call_ends_the_sync_and_acknowledges_nothing_unproven() {
    const CODE: &str = "API_CURRENTLY_DISABLED";
    const TEXT: &str = "API is currently disabled for this user";
    let cases = CALLS.map(|call| {
        // A token host answers with an error of OAuth.
        let is_sign_in = call == Endpoint::Token;
        let refusal = if is_sign_in { Answer::oauth_error(400, CODE, TEXT) } else { Answer::error(400, CODE, TEXT) };
        (call, refusal.into(), usize::MAX)
    });
    each(cases.into(), |call, label, world, run| {
        if call == Endpoint::Limits {
            // A user who may not see the limits can still load.
            return all_is_there(call, label, world, run);
        }
        let (failure_type, message) = run.failure();
        assert_eq!(failure_type, "config_error", "{label}: {message}");
        assert!(message.contains(CODE), "{label}: {message}");
        assert_eq!(run.ids_and_counts(), [], "{label}");
        assert_eq!(keys_in_bucket(world), Vec::<String>::new(), "{label}");
        assert_eq!(keys_in_org(world).is_empty(), !is_after_the_close(call), "{label}");
        assert!(world.org.jobs().len() <= 1, "{label}: nothing is sent again in this sync");
    })
    .await;
}
