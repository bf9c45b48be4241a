//! Which jobs of earlier attempts a batch waits for.

use salesforce_sim::{Answer, Endpoint, RequestFault};

use super::lanes::planned;
use super::*;
use crate::pipeline::job::earlier::Which;

const OWN: &str = "750Sim000000001AAA";

/// The list of the jobs of an org: of this user and of another one.
fn list() -> Answer {
    let job = |id: &str, object: &str, operation: &str, user: &str, state: &str| json!({"id": id, "object": object, "operation": operation, "createdById": user, "state": state});
    let jobs = json!([
        job(OWN, "Contact", "upsert", "005A", "Open"),
        job("750-ended", "Contact", "upsert", "005A", "JobComplete"),
        job("750-own-upsert", "contact", "upsert", "005A", "InProgress"),
        job("750-own-insert", "Contact", "insert", "005A", "UploadComplete"),
        job("750-other-user", "Contact", "update", "005B", "InProgress"),
        job("750-other-insert", "Contact", "insert", "005B", "InProgress"),
        job("750-other-object", "Account", "upsert", "005A", "InProgress"),
    ]);
    Answer::json(200, &json!({"done": true, "records": jobs, "nextRecordsUrl": null}).to_string())
}

/// A job is closed after those of the same user; a search, which comes before the first job, cannot know the user.
#[tokio::test]
async fn a_job_waits_for_the_jobs_of_its_user_and_a_search_for_those_of_all() {
    let (job, search) = (Some(OWN), None);
    let own = ["750-own-upsert"];
    let own_with_inserts = ["750-own-upsert", "750-own-insert"];
    let all = ["750-own-upsert", "750-other-user"];
    let all_with_inserts = ["750-own-upsert", "750-own-insert", "750-other-user", "750-other-insert"];
    let cases: [(Option<&str>, bool, &[&str]); 4] =
        [(job, false, &own), (job, true, &own_with_inserts), (search, false, &all), (search, true, &all_with_inserts)];
    // Whichever comes first.
    for first in 0..cases.len() {
        let bench = Bench::new().await;
        bench.org.inject(RequestFault::new(Endpoint::JobList, list()).always());
        for (own, with_inserts, expected) in cases.iter().cycle().skip(first).take(cases.len()) {
            for object in ["Contact", "CONTACT"] {
                let which = Which { object, with_inserts: *with_inserts, own: *own };
                let found = bench.loader.earlier.of_object(which, &Claim::none()).await.unwrap();
                assert_eq!(found, *expected, "{which:?} from {first}");
            }
        }
        let lists = bench.org.requests().iter().filter(|request| request.endpoint == Endpoint::JobList).count();
        assert_eq!(lists, 2, "each list is read once");
    }
}

#[tokio::test]
async fn jobs_that_were_waited_for_are_not_listed_again() {
    for (waited_with_inserts, then) in [(false, [(false, true), (true, false)]), (true, [(false, true), (true, true)])]
    {
        let bench = Bench::new().await;
        bench.org.inject(RequestFault::new(Endpoint::JobList, list()).always());
        let which = |with_inserts| Which { object: "Contact", with_inserts, own: Some(OWN) };
        bench.loader.earlier.wait(which(waited_with_inserts), &[], &Claim::none()).await.unwrap();
        for (with_inserts, is_over) in then {
            let found = bench.loader.earlier.of_object(which(with_inserts), &Claim::none()).await.unwrap();
            assert_eq!(found.is_empty(), is_over, "{waited_with_inserts} {with_inserts}");
        }
        let other = Which { object: "Account", ..which(false) };
        assert_eq!(bench.loader.earlier.of_object(other, &Claim::none()).await.unwrap(), ["750-other-object"]);
    }
}

/// The user may read the own jobs, so one that cannot be read may still replace newer values.
#[tokio::test]
async fn an_own_job_that_cannot_be_read_is_an_error_and_one_of_another_user_is_not() {
    let jobs = ["750Sim000000001AAA".to_owned()];
    let refused = || Answer::error(403, "INSUFFICIENT_ACCESS", "insufficient access rights on this job");
    let broken = || Answer::error(400, "INVALID_FIELD", "no such field");
    for (answer, own, is_error) in [
        (refused(), Some(OWN), true),
        (refused(), None, false),
        (broken(), Some(OWN), true),
        (broken(), None, true),
        // The org does not know it.
        (Answer::status(404), Some(OWN), false),
        (Answer::status(404), None, false),
    ] {
        let bench = Bench::new().await;
        bench.org.inject(RequestFault::new(Endpoint::JobList, list()).always());
        bench.org.inject(RequestFault::new(Endpoint::JobInfo, answer.clone()).always());
        let which = Which { object: "Contact", with_inserts: false, own };
        let waited = bench.loader.earlier.wait(which, &jobs, &Claim::none()).await;
        assert_eq!(waited.is_err(), is_error, "{answer:?} {own:?} {waited:?}");
        let left = bench.loader.earlier.of_object(which, &Claim::none()).await.unwrap();
        assert_eq!(left.is_empty(), !is_error, "after an error they are still to be waited for: {answer:?} {own:?}");
    }
}

#[tokio::test]
async fn an_upsert_waits_for_jobs_of_an_earlier_sync_that_change_its_records_and_an_insert_for_none() {
    for (is_upsert, waits) in [(true, true), (false, false)] {
        let mut bench = Bench::new().await;
        if is_upsert {
            bench.upsert().await;
        }
        bench.org.inject(RequestFault::new(Endpoint::JobList, list()).always());
        bench.load(&["A"]).await.1.unwrap();
        let requests = bench.org.requests();
        let is_asked = |job: &str| requests.iter().any(|request| request.path.ends_with(job));
        assert_eq!(is_asked("750-own-upsert"), waits);
        for job in ["750-own-insert", "750-other-object", "750-ended"] {
            assert!(!is_asked(job), "{job}");
        }
    }
}

/// A stream of contacts with these columns.
fn stream_of(mode: &str, columns: &[&str]) -> serde_json::Value {
    let properties: serde_json::Map<String, serde_json::Value> =
        columns.iter().map(|name| ((*name).to_owned(), json!({"type": "string"}))).collect();
    json!({
        "stream": {"name": "Contact", "json_schema": {"properties": properties}},
        "destination_sync_mode": mode, "primary_key": [[columns[0]]],
    })
}

/// An older value must not replace a newer one. Inserts replace nothing.
#[tokio::test]
async fn each_job_that_changes_records_is_closed_after_those_of_an_earlier_sync() {
    let an_hour = Duration::from_secs(60 * 60);
    for (mode, columns, waits) in [
        ("append", &["LastName"][..], false),
        ("append_dedup", &["External_Id__c", "LastName"], true),
        ("update", &["Id", "LastName"], true),
        ("soft_delete", &["Id"], true),
    ] {
        let mut bench = Bench::with(Settings { time_per_batch: an_hour, ..Settings::default() }).await;
        bench.loader.waits.open_job = an_hour;
        let plan = planned(&bench, stream_of(mode, columns), json!({"stream": "Contact"})).await;
        let batch = || {
            let mut batch = OpenBatch::new(Arc::clone(&plan.columns), bench.loader.budget.lease());
            let csv = format!("{}\n", vec!["003000000000001AAA"; columns.len()].join(","));
            batch.push_again(csv.as_bytes(), Origin { segment: 0, extracted_at_ms: 0 }, &[]);
            batch.seal()
        };
        let (first, events) = (batch(), no_receiver());
        let earlier = bench.loader.upload(&plan, &first).await.ok().unwrap();
        bench.loader.close(&plan, &first, earlier, &events).await.ok().unwrap();
        let slots = Arc::new(Semaphore::new(1));
        let turn = Turn::new(None, Slot::new(Arc::clone(&slots)).await);
        let start = Start { turn, claim: Claim::new(None).await };
        let is_closed = async {
            let is_open = || bench.org.jobs().get(1).is_none_or(|job| job.state == salesforce_sim::JobState::Open);
            while is_open() {
                tokio::task::yield_now().await;
            }
        };
        // While it waits, another batch has its place.
        let found = tokio::select! {
            _ = bench.loader.load(&plan, batch(), start, &events) => panic!("{mode}: it has ended"),
            _place = Slot::new(slots) => true,
            () = is_closed => false,
        };
        assert_eq!(found, waits, "{mode}");
    }
}

#[tokio::test]
async fn a_search_waits_for_inserts_only_if_it_creates_what_it_does_not_find() {
    for (operation, with_inserts) in [("upsert", true), ("update", false)] {
        let bench = Bench::new().await;
        bench.org.inject(RequestFault::new(Endpoint::JobList, list()).always());
        bench.org.inject(RequestFault::new(Endpoint::JobInfo, Answer::status(404)).always());
        let entry = json!({"stream": "Contact", "operation": operation, "match": {"fields": ["Email"]}});
        let plan = planned(&bench, stream_of("append", &["Email", "LastName"]), entry).await;
        let Start { mut turn, claim } = start(None).await;
        bench.loader.wait_before_search(&plan, &mut turn, &claim).await.ok().unwrap();
        let requests = bench.org.requests();
        let is_asked = |job: &str| requests.iter().any(|request| request.path.contains(job));
        let asked = ["750-own-upsert", "750-other-user", "750-own-insert", "750-other-insert"].map(is_asked);
        assert_eq!(asked, [true, true, with_inserts, with_inserts], "{operation}");
    }
}
