//! Which jobs of earlier attempts a batch waits for.

use salesforce_sim::{Answer, Endpoint, RequestFault};

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
