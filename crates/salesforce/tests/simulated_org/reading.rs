//! Query jobs and REST queries, read page by page, with all that can go wrong on the way.

use std::collections::BTreeSet;
use std::time::Duration;

use salesforce::{
    CompleteQueryJob, Condition, FaultKind, JobPages, Limit, Literal, Org, PagePoint, QueryPage, QueryScope,
    ReadFailure, Soql,
};
use salesforce_sim::{
    Answer, Effect, Endpoint, Hold, Nature, QueryJobFault, RequestFault, Settings, SimulatedOrg, Truncation,
};

use crate::{signed_in, start};

const CONTACTS: usize = 1_000;

fn soql() -> Soql {
    Soql::select("Contact", ["Id", "Email", "Account.External_Id__c"])
}

async fn with_contacts(settings: Settings) -> (SimulatedOrg, Org) {
    let (sim, org) = start(settings).await;
    let account = sim.insert("Account", &[("Name", "Example Ltd"), ("External_Id__c", "A-1")]).unwrap();
    for number in 0..CONTACTS {
        let email = format!("person{number:05}@example.com");
        sim.insert("Contact", &[("LastName", "x"), ("Email", &email), ("AccountId", &account)]);
    }
    (sim, org)
}

async fn complete(org: &Org) -> Result<CompleteQueryJob, ReadFailure> {
    let running = org.create_query_job(&soql(), QueryScope::Live).await.unwrap();
    running.wait(&|_: u64| {}).await.map_err(|fault| fault.reason())
}

fn emails(mut page: QueryPage) -> Vec<String> {
    let mut emails = Vec::new();
    while let Some(row) = page.next_row() {
        assert_eq!(row.at(2), Some("A-1"));
        emails.push(row.at(1).unwrap().to_owned());
    }
    emails
}

/// All values, or the reason that there are not all.
async fn all(mut pages: JobPages) -> Result<Vec<String>, ReadFailure> {
    let mut all = Vec::new();
    while let Some(page) = pages.next().await.map_err(|fault| fault.reason())? {
        all.extend(emails(page));
    }
    Ok(all)
}

fn assert_each_once(read: &[String], case: &str) {
    let different: BTreeSet<_> = read.iter().collect();
    assert_eq!((read.len(), different.len()), (CONTACTS, CONTACTS), "{case}");
}

fn requests(sim: &SimulatedOrg, endpoint: Endpoint) -> usize {
    sim.requests().iter().filter(|request| request.endpoint == endpoint).count()
}

#[tokio::test]
async fn whatever_passes_gives_each_row_once() {
    let truncated = |bytes, how| Effect::Truncated(bytes, how);
    let header = |name: &str, value: Option<&str>| Effect::Header(name.to_owned(), value.map(str::to_owned));
    for (effect, is_packed) in [
        (truncated(5_000, Truncation::Chunked), false),
        (truncated(5_000, Truncation::Length), false),
        (truncated(5_000, Truncation::Unnoticed), false),
        (truncated(0, Truncation::Unnoticed), false),
        (truncated(500, Truncation::Unnoticed), true),
        (truncated(500, Truncation::Length), true),
        (header("Sforce-NumberOfRecords", None), false),
        (header("Sforce-NumberOfRecords", Some("299")), false),
        (Effect::SessionsEnded, false),
        (Effect::LostAnswer, false),
        (Answer::html(200).into(), false),
        (Answer::html(404).into(), false),
        (Answer::status(404).into(), false),
        (Answer::empty(200).into(), false),
        (Answer::status(503).into(), true),
    ] {
        let nature = Nature { compresses_results: is_packed, ..Nature::kind() };
        let (sim, org) = with_contacts(Settings { nature, ..Settings::default() }).await;
        sim.inject(RequestFault::new(Endpoint::QueryJobResults, effect.clone()).starting_at(2));
        let read = all(complete(&org).await.unwrap().pages(None).rows_per_page(300)).await.unwrap();
        assert_each_once(&read, &format!("{effect:?}"));
        assert!(
            matches!(requests(&sim, Endpoint::QueryJobResults), 5 | 6),
            "{effect:?}: four pages, one of them twice"
        );
    }
}

#[tokio::test]
async fn rows_without_proof_are_a_fault_and_never_the_end() {
    let count = |value: Option<&str>| Effect::Header("Sforce-NumberOfRecords".to_owned(), value.map(str::to_owned));
    let no_count = RequestFault::new(Endpoint::QueryJobResults, count(None)).always();
    let faults: [(&str, salesforce_sim::Fault); 8] = [
        ("no count on a page", no_count.into()),
        ("a page counts one too many", QueryJobFault::miscounted_pages("Contact", 1).into()),
        ("a page counts one too few", QueryJobFault::miscounted_pages("Contact", -1).into()),
        ("the job counts one too many", QueryJobFault::miscounted("Contact", 1).into()),
        ("the job counts one too few", QueryJobFault::miscounted("Contact", -1).into()),
        ("the job counts nothing", QueryJobFault::uncounted("Contact").into()),
        ("a row twice", QueryJobFault::row_repeated("Contact").into()),
        ("a row missing", QueryJobFault::row_left_out("Contact").into()),
    ];
    let checks = faults.map(|(case, fault)| async move {
        let (sim, org) = with_contacts(Settings::default()).await;
        sim.inject(fault);
        let read = all(complete(&org).await.unwrap().pages(None).rows_per_page(400)).await;
        assert_eq!(read, Err(ReadFailure::Unproven), "{case}");
    });
    let checks: Vec<_> = checks.into_iter().map(tokio::spawn).collect();
    for check in checks {
        check.await.unwrap();
    }
}

#[tokio::test]
async fn a_row_in_the_place_of_another_is_seen_by_its_key_alone() {
    let (sim, org) = with_contacts(Settings::default()).await;
    sim.inject(QueryJobFault::row_exchanged("Contact"));
    let read = all(complete(&org).await.unwrap().pages(None)).await.unwrap();
    assert_eq!((read.len(), read.iter().collect::<BTreeSet<_>>().len()), (CONTACTS, CONTACTS - 1));
}

#[tokio::test]
async fn a_job_that_does_not_complete_says_how_it_ended() {
    let (sim, org) = with_contacts(Settings::default()).await;
    for (fault, reason, part) in [
        (QueryJobFault::failed("Contact", "").after_rows(7), ReadFailure::JobFailed, "Salesforce does not say why"),
        (QueryJobFault::failed("Contact", "Timeout : too long"), ReadFailure::JobFailed, "too long"),
        (QueryJobFault::aborted("Contact").after_rows(7), ReadFailure::JobAborted, "someone aborted"),
        (QueryJobFault::field_removed("Contact", "Email"), ReadFailure::JobFailed, "No such column 'Email'"),
    ] {
        sim.inject(fault);
        let running = org.create_query_job(&soql(), QueryScope::Live).await.unwrap();
        let fault = running.wait(&|_: u64| {}).await.err().unwrap();
        assert_eq!(fault.reason(), reason, "{fault}");
        assert!(fault.fault().message().contains(part), "{fault}");
    }
}

#[tokio::test]
async fn a_job_that_no_one_can_create_is_refused_at_once() {
    let (sim, org) = with_contacts(Settings::default()).await;
    let address = Soql::select("Contact", ["Id", "MailingAddress"]);
    let fault = org.create_query_job(&address, QueryScope::Live).await.err().unwrap();
    assert_eq!(fault.kind(), FaultKind::Configuration, "{fault}");
    for leave in [SimulatedOrg::set_remaining_query_jobs, SimulatedOrg::set_remaining_query_kilobytes] {
        leave(&sim, 0);
        let fault = org.create_query_job(&soql(), QueryScope::Live).await.err().unwrap();
        assert_eq!(fault.kind(), FaultKind::LimitReached(Limit::Other), "{fault}");
        leave(&sim, 100);
    }
}

#[tokio::test]
async fn a_job_that_is_deleted_and_a_locator_that_expired_end_the_pages() {
    let (sim, org) = with_contacts(Settings::default()).await;
    let mut pages = complete(&org).await.unwrap().pages(None).rows_per_page(300);
    pages.next().await.unwrap();
    sim.expire_locators();
    assert_eq!(pages.next().await.unwrap_err().reason(), ReadFailure::LocatorExpired);
    let again = org.resume_query_job(pages.id(), &soql()).unwrap().wait(&|_: u64| {}).await.unwrap();
    assert_each_once(&all(again.pages(None)).await.unwrap(), "the job is read from its beginning");

    let mut pages = complete(&org).await.unwrap().pages(None).rows_per_page(300);
    pages.next().await.unwrap();
    org.resume_query_job(pages.id(), &soql()).unwrap().wait(&|_: u64| {}).await.unwrap().delete().await;
    assert_eq!(pages.next().await.unwrap_err().reason(), ReadFailure::JobGone);
    let gone = org.resume_query_job(pages.id(), &soql()).unwrap();
    assert_eq!(gone.wait(&|_: u64| {}).await.err().unwrap().reason(), ReadFailure::JobGone);
}

#[tokio::test]
async fn another_run_reads_on_after_any_page_with_the_job_and_a_point() {
    let (sim, org) = with_contacts(Settings { nature: Nature::harsh(), ..Settings::default() }).await;
    let running = org.create_query_job(&soql(), QueryScope::Live).await.unwrap();
    let id = running.id().to_owned();
    drop((running, org));
    let (mut read, mut point): (Vec<String>, Option<PagePoint>) = (Vec::new(), None);
    loop {
        // Each page is read by a client of its own.
        let org = signed_in(&sim).await;
        let complete = org.resume_query_job(&id, &soql()).unwrap().wait(&|_: u64| {}).await.unwrap();
        let mut pages = complete.pages(point.take()).rows_per_page(150);
        let page = pages.next().await.unwrap().unwrap();
        point = page.point().cloned();
        read.extend(emails(page));
        if point.is_none() {
            break assert!(pages.next().await.unwrap().is_none(), "the last page is proven");
        }
    }
    assert_each_once(&read, "seven runs");
    assert_eq!(requests(&sim, Endpoint::QueryJobCreate), 1);
}

#[tokio::test]
async fn pages_are_read_at_the_same_time_and_given_in_their_order() {
    let (sim, org) = with_contacts(Settings { query_job_page: 100, ..Settings::default() }).await;
    let one_by_one = all(complete(&org).await.unwrap().pages(None)).await.unwrap();
    let hold = Hold::default();
    let before = requests(&sim, Endpoint::QueryJobResults);
    sim.inject(RequestFault::new(Endpoint::QueryJobResults, Effect::Held(hold.clone())).starting_at(2));
    sim.inject(
        RequestFault::new(Endpoint::QueryJobResults, Effect::Truncated(900, Truncation::Unnoticed)).starting_at(4),
    );
    let pages = complete(&org).await.unwrap().pages(None).at_once(4);
    let release = async {
        hold.reached().await;
        while requests(&sim, Endpoint::QueryJobResults) < before + 5 {
            tokio::task::yield_now().await;
        }
        hold.release();
    };
    let (read, ()) = tokio::join!(all(pages), release);
    assert_eq!(read.unwrap(), one_by_one, "four pages are on the way while the second is held back");
    assert_eq!(requests(&sim, Endpoint::QueryJobPages), 2);
    assert_eq!(requests(&sim, Endpoint::QueryJobResults), before + 11, "ten pages, one of them twice");
}

#[tokio::test]
async fn pages_that_cannot_be_read_at_the_same_time_are_read_one_after_another() {
    let (gone, page) = (Effect::Answer(Answer::status(404)), Effect::Answer(Answer::json(200, "{}")));
    // The last reader takes fewer rows on a page than Salesforce puts on one, which it sees at the first.
    for (effect, rows, pages) in [(Some(gone), 100, 10), (Some(page), 1_000, 10), (None, 30, 35)] {
        let (sim, org) = with_contacts(Settings { query_job_page: 100, ..Settings::default() }).await;
        effect.into_iter().for_each(|effect| sim.inject(RequestFault::new(Endpoint::QueryJobPages, effect)));
        let read = complete(&org).await.unwrap().pages(None).rows_per_page(rows).at_once(4);
        assert_each_once(&all(read).await.unwrap(), "all");
        assert_eq!(requests(&sim, Endpoint::QueryJobResults), pages);
    }
}

#[tokio::test]
async fn a_resumed_job_is_read_at_the_same_time_too() {
    let (sim, org) = with_contacts(Settings { query_job_page: 100, ..Settings::default() }).await;
    let mut pages = complete(&org).await.unwrap().pages(None).rows_per_page(100).at_once(3);
    let (id, mut read) = (pages.id().to_owned(), Vec::new());
    let mut point = None;
    for _ in 0..4 {
        let page = pages.next().await.unwrap().unwrap();
        point = page.point().cloned();
        read.extend(emails(page));
    }
    let again = org.resume_query_job(&id, &soql()).unwrap().wait(&|_: u64| {}).await.unwrap();
    let rest = all(again.pages(point).rows_per_page(100).at_once(3)).await.unwrap();
    assert_eq!((read.len(), rest.len()), (400, 600));
    read.extend(rest);
    assert_each_once(&read, "two runs");
    assert!(requests(&sim, Endpoint::QueryJobPages) >= 3);
}

#[tokio::test]
async fn rest_pages_are_proven_and_read_on() {
    let (sim, org) = with_contacts(Settings { query_page: 300, ..Settings::default() }).await;
    sim.recycle("Contact", sim.records("Contact")[0]["Id"].as_ref().unwrap());
    let scope = QueryScope::WithDeleted;
    assert_eq!(org.count_in(&soql(), scope).await.unwrap(), CONTACTS as u64);
    assert_eq!(org.count(&soql()).await.unwrap(), CONTACTS as u64 - 1);
    let mut first = org.read_query(&soql(), scope).await.unwrap();
    assert_eq!(first.total(), Some(CONTACTS as u64));
    let page = first.next().await.unwrap().unwrap();
    let point = page.point().unwrap().clone();
    let mut read = emails(page);
    sim.inject(RequestFault::new(Endpoint::QueryMore, Effect::Truncated(900, Truncation::Unnoticed)));
    sim.inject(RequestFault::new(Endpoint::QueryMore, Effect::SessionsEnded).starting_at(3));
    let mut rest = org.resume_query(&soql(), &point).unwrap();
    while let Some(page) = rest.next().await.unwrap() {
        read.extend(emails(page));
    }
    assert_each_once(&read, "two runs");
    sim.expire_locators();
    let expired = org.resume_query(&soql(), &point).unwrap().next().await.unwrap_err();
    assert_eq!(expired.reason(), ReadFailure::LocatorExpired);
}

#[tokio::test]
async fn a_window_has_the_records_of_its_time_and_what_a_user_wrote() {
    let (sim, org) = start(Settings::default()).await;
    for (name, stamp) in [
        ("a", "2026-01-02T00:00:00Z"),
        ("b", "2026-01-02T23:59:59Z"),
        ("c", "2026-01-03T00:00:00Z"),
        ("other", "2026-01-02T12:00:00Z"),
    ] {
        sim.insert("Account", &[("Name", name), ("SystemModstamp", stamp)]);
    }
    let moment = |text| Literal::datetime(text).unwrap();
    let window = Soql::select("Account", ["Name", "SystemModstamp"])
        .filtered(Condition::written("Name = 'a' OR Name LIKE '_'"))
        .filtered(Condition::at_least("SystemModstamp", moment("2026-01-02T00:00:00Z")))
        .filtered(Condition::before("SystemModstamp", moment("2026-01-03T00:00:00Z")));
    assert_eq!(org.count(&window).await.unwrap(), 2);
    let running = org.create_query_job(&window, QueryScope::Live).await.unwrap();
    let mut pages = running.wait(&|_: u64| {}).await.unwrap().pages(None);
    let mut page = pages.next().await.unwrap().unwrap();
    let mut read = Vec::new();
    while let Some(row) = page.next_row() {
        read.push((row.at(0).unwrap().to_owned(), row.get("systemmodstamp").unwrap().to_owned()));
    }
    read.sort_unstable();
    let expected = [("a", "2026-01-02T00:00:00.000Z"), ("b", "2026-01-02T23:59:59.000Z")];
    assert_eq!(read, expected.map(|(name, stamp)| (name.to_owned(), stamp.to_owned())));
}

#[tokio::test]
async fn a_job_that_still_runs_is_waited_for_by_another_run() {
    let time_per_query = Duration::from_millis(300);
    let (sim, org) = with_contacts(Settings { time_per_query, ..Settings::default() }).await;
    let id = org.create_query_job(&soql(), QueryScope::Live).await.unwrap().id().to_owned();
    let other = signed_in(&sim).await;
    let complete = other.resume_query_job(&id, &soql()).unwrap().wait(&|_: u64| {}).await.unwrap();
    assert_eq!((complete.id(), complete.rows()), (id.as_str(), Some(CONTACTS as u64)));
    assert_each_once(&all(complete.pages(None)).await.unwrap(), "all");
}
