use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::*;
use crate::budget::Budget;
use crate::convert::KeyComparison::{Exact, IgnoreCase, Text};
use crate::matching::plan::tests::plan;
use crate::matching::record_id::RecordId;
use crate::matching::wanted::Found;
use salesforce::{FaultKind, Soql};

mod doubts;

/// An org of records with an e-mail address each, which compares as SQL does: by the bytes of the text without case.
#[derive(Default)]
struct FakeOrg {
    records: Vec<(String, String)>,
    queries: Mutex<Vec<String>>,
    /// The faults of the next queries.
    faults: Mutex<Vec<FaultKind>>,
    /// A key, and another that the org takes for the same by a rule of its own.
    same: Option<(&'static str, &'static str)>,
    /// Salesforce's message for a query with a key that begins so.
    refused: Option<(&'static str, &'static str)>,
    /// Salesforce's message for a query job.
    refused_job: Option<&'static str>,
    /// Whether its answers have no ids.
    has_no_ids: bool,
    /// A key whose records are deleted after the first query.
    deleted: Option<&'static str>,
    /// How many records it says that there are.
    size: Option<u64>,
    /// How often it was asked for that.
    counted: AtomicUsize,
}

impl FakeOrg {
    fn of<'r>(emails: impl IntoIterator<Item = &'r str>) -> Self {
        let record = |(number, email): (usize, &str)| (format!("003{number:012}AAA"), email.to_owned());
        Self { records: emails.into_iter().enumerate().map(record).collect(), ..Self::default() }
    }

    fn answer(&self, soql: &Soql, add: &mut Adder<'_>) -> Result<(), FindError> {
        let soql = soql.to_string();
        self.queries.lock().unwrap().push(soql.clone());
        let list = soql.split_once(" IN (").map(|(_, list)| list.to_lowercase());
        let has = |key: &str| list.as_ref().is_none_or(|list| list.contains(&format!("'{}'", key.to_lowercase())));
        if let Some((key, message)) = self.refused
            && list.as_ref().is_some_and(|list| list.contains(&format!("'{}", key.to_lowercase())))
        {
            return Err(Fault::of_failed_job(message).into());
        }
        if let (Some(message), None) = (self.refused_job, &list) {
            assert!(self.queries() < 100, "it is asked again and again");
            return Err(Fault::of_failed_job(message).into());
        }
        for (id, email) in &self.records {
            if self.deleted.is_some_and(|deleted| deleted == email) && self.queries() > 1 {
                continue;
            }
            let is_same = self.same.is_some_and(|(key, other)| other == email && has(key));
            if has(&email.replace('\r', "\\r").replace('\n', "\\n")) || is_same {
                add.add(|name| if name == "Id" { Some(&**id).filter(|_| !self.has_no_ids) } else { Some(email) })?;
            }
        }
        // The fault comes after some records, as one of a page does.
        self.faults.lock().unwrap().pop().map_or(Ok(()), |kind| Err(Fault::new(kind, "not now").into()))
    }

    fn queries(&self) -> usize {
        self.queries.lock().unwrap().len()
    }
}

impl RecordSource for FakeOrg {
    async fn query(&self, soql: &Soql, add: &mut Adder<'_>) -> Result<(), FindError> {
        assert!(soql.to_string().contains(" IN ("));
        self.answer(soql, add)
    }

    async fn query_job(&self, soql: &Soql, add: &mut Adder<'_>) -> Result<(), FindError> {
        assert!(!soql.to_string().contains(" IN ("));
        self.answer(soql, add)
    }

    async fn size(&self, soql: &Soql) -> Option<u64> {
        assert_eq!(soql.to_string(), "SELECT Id,Email FROM Contact WHERE Email != null");
        self.counted.fetch_add(1, Ordering::Relaxed);
        self.size
    }
}

struct Emails(Vec<String>);

impl KeyRows for Emails {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn keys(&self) -> Box<dyn Iterator<Item = Vec<String>> + Send + '_> {
        Box::new(self.0.iter().map(|email| vec![email.clone()]))
    }
}

const PATIENCE: Policy = Policy {
    attempts: 5,
    first_wait: Duration::from_secs(1),
    longest_wait: Duration::from_secs(9),
    total: Duration::from_secs(99),
    jitter: || 0.0,
};

async fn find(org: &FakeOrg, emails: &[String]) -> Result<Matches> {
    let plan = plan(&[("Email", IgnoreCase)]);
    find_records(org, &plan, &Emails(emails.to_vec()), &PATIENCE, Budget::new(1_000).lease()).await
}

fn id(number: usize) -> RecordId {
    RecordId::of_number(RecordId::parse(&format!("003{number:012}AAA")).unwrap())
}

fn emails(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("person-{number}@example.com")).collect()
}

fn found(matches: &Matches, email: &str) -> Found {
    matches.of(plan(&[("Email", IgnoreCase)]).row_key([email]).unwrap())
}

#[tokio::test]
async fn few_keys_are_asked_for_in_lists_and_many_with_one_job() {
    for (count, queries) in [(1, 1), (100, 1), (401, 2), (2_500, 12), (7_000, 1), (100_000, 1)] {
        let emails = emails(count);
        let org = FakeOrg::of(emails.iter().map(String::as_str).chain(["other@example.com"]));
        let matches = find(&org, &emails).await.unwrap();
        assert_eq!(org.queries(), queries, "{count} keys");
        for (number, email) in emails.iter().enumerate().step_by(37) {
            assert_eq!(found(&matches, &email.to_uppercase()), Found::One(id(number)));
        }
        assert_eq!(found(&matches, "nobody@example.com"), Found::Missing);
    }
}

#[tokio::test]
async fn the_records_are_counted_where_their_number_decides_between_lists_and_a_job() {
    let asked = async |keys: usize, size: Option<u64>| {
        let org = FakeOrg { size, ..FakeOrg::default() };
        find(&org, &emails(keys)).await.unwrap();
        (org.queries(), org.counted.into_inner())
    };
    assert_eq!(asked(2_900, None).await, (14, 0), "no query job takes fewer requests");
    assert_eq!(asked(3_100, Some(0)).await, (1, 1));
    assert_eq!(asked(3_100, Some(100_000)).await, (1, 1));
    assert_eq!(asked(3_100, Some(100_001)).await, (15, 1), "the job has two pages");
    assert_eq!(asked(3_100, None).await, (15, 1));
    assert_eq!(asked(3_600, None).await, (1, 1), "nobody knows how many there are");
    let (lists, _) = asked(7_000, Some(u64::MAX)).await;
    let pages = lists as u64 - 13;
    assert_eq!(asked(7_000, Some(pages * 100_000)).await, (lists, 1));
    assert_eq!(asked(7_000, Some((pages - 1) * 100_000)).await, (1, 1));
    assert_eq!(asked(50_000, Some(u64::MAX)).await, (1, 1), "more lists than may be asked for");
}

#[tokio::test]
async fn where_case_counts_a_record_that_the_org_finds_by_a_rule_of_its_own_makes_its_key_uncertain() {
    for comparison in [Exact, Text] {
        let same = Some(("b\u{fc}cher", "buecher"));
        let org = FakeOrg { same, ..FakeOrg::of(["KEY", "buecher", "other"]) };
        let plan = plan(&[("Email", comparison)]);
        let rows = Emails(["b\u{fc}cher", "other", "none"].map(str::to_owned).into());
        let matches = find_records(&org, &plan, &rows, &PATIENCE, Budget::new(1_000).lease()).await.unwrap();
        let found = |key: &str| matches.of(plan.row_key([key]).unwrap());
        assert_eq!(found("b\u{fc}cher"), Found::Uncertain, "{comparison:?}");
        assert_eq!((found("other"), found("none")), (Found::One(id(2)), Found::Missing));
    }
}

#[tokio::test]
async fn keys_of_several_rows_are_asked_for_once_and_blank_ones_never() {
    let org = FakeOrg::of(["a@example.com", ""]);
    let rows = ["a@example.com", "A@EXAMPLE.COM ", "", " "].map(str::to_owned);
    let matches = find(&org, &rows).await.unwrap();
    assert_eq!(org.queries.lock().unwrap()[..], ["SELECT Id,Email FROM Contact WHERE Email IN ('a@example.com')"]);
    assert_eq!(found(&matches, "a@example.com"), Found::One(id(0)));
    assert!(find(&FakeOrg::default(), &[String::new()]).await.is_ok());
}

#[tokio::test]
async fn a_key_that_a_record_may_have_is_asked_for_alone() {
    let mut keys = emails(7_000);
    keys.extend(["M\u{fc}ller", "Muller", "G\u{f6}tz"].map(str::to_owned));
    let org = FakeOrg::of(["Muller", "GOTZ", "g\u{d6}TZ"]);
    let matches = find(&org, &keys).await.unwrap();
    // The fake org says that an umlaut is another letter, and that its case does not matter.
    assert_eq!(found(&matches, "M\u{fc}ller"), Found::Missing);
    assert_eq!(found(&matches, "Muller"), Found::One(id(0)));
    assert_eq!(found(&matches, "G\u{f6}tz"), Found::One(id(2)));
    let queries = org.queries.lock().unwrap();
    let lists = ["'M\u{fc}ller','G\u{f6}tz'", "'G\u{f6}tz'"];
    assert_eq!(queries[1..], lists.map(|list| format!("SELECT Id,Email FROM Contact WHERE Email IN ({list})")));
    assert!(matches.may_share_records());
}

#[tokio::test]
async fn keys_that_are_alike_are_asked_for_one_after_the_other() {
    let mut keys = emails(7_000);
    keys.extend(["G\u{f6}tz", "G\u{d6}TZ"].map(str::to_owned));
    let org = FakeOrg::of(["gotz"]);
    let matches = find(&org, &keys).await.unwrap();
    assert_eq!((found(&matches, "G\u{f6}tz"), found(&matches, "G\u{d6}TZ")), (Found::Missing, Found::Missing));
    assert_eq!(org.queries(), 3, "a job and two lists of one key");
}

#[tokio::test]
async fn a_record_that_the_org_finds_by_a_rule_of_its_own_belongs_to_the_key_that_finds_it_alone() {
    let mut keys = emails(100);
    keys.push("b\u{fc}cher".to_owned());
    let records = emails(50);
    let org = FakeOrg {
        same: Some(("b\u{fc}cher", "buecher")),
        ..FakeOrg::of(records.iter().map(String::as_str).chain(["buecher"]))
    };
    let matches = find(&org, &keys).await.unwrap();
    assert_eq!(found(&matches, "b\u{fc}cher"), Found::One(id(50)));
    assert_eq!(found(&matches, &keys[49]), Found::One(id(49)));
    assert_eq!(found(&matches, &keys[50]), Found::Missing);
    assert!((8..20).contains(&org.queries()), "{} queries", org.queries());
}

/// A list whose answer cannot be used is divided, and the answers for its parts count.
#[tokio::test]
async fn of_a_list_that_is_divided_only_the_answers_for_its_parts_count() {
    let mut keys = emails(10);
    keys.push("b\u{fc}cher".to_owned());
    let org = FakeOrg {
        same: Some(("b\u{fc}cher", "buecher")),
        deleted: Some("person-7@example.com"),
        ..FakeOrg::of(["person-7@example.com", "buecher", "person-3@example.com"])
    };
    let matches = find(&org, &keys).await.unwrap();
    assert_eq!(found(&matches, "person-7@example.com"), Found::Missing);
    assert_eq!(found(&matches, "person-3@example.com"), Found::One(id(2)));
    assert_eq!(found(&matches, "b\u{fc}cher"), Found::One(id(1)));
}

#[tokio::test]
async fn a_key_for_which_salesforce_refuses_a_list_is_uncertain_and_the_others_are_found() {
    for (message, is_of_a_value) in [
        ("INVALID_QUERY_FILTER_OPERATOR : invalid ID field: bad", true),
        ("INVALID_FIELD : value of filter criterion for field 'Email' must be of type int", true),
        ("INVALID_FIELD : No such column 'Email' on entity 'Contact'", false),
    ] {
        let mut keys = emails(100);
        keys.insert(30, "bad".to_owned());
        let org = FakeOrg { refused: Some(("bad", message)), ..FakeOrg::of(["person-7@example.com", "bad"]) };
        let matches = find(&org, &keys).await;
        assert_eq!(matches.is_ok(), is_of_a_value, "{message}");
        let matches = match matches {
            Ok(matches) => matches,
            // It may repeat the query, and with it values of records.
            Err(error) => {
                assert!(!format!("{error:?}").contains("No such column"), "{error:?}");
                continue;
            }
        };
        for key in &keys {
            let expected = match &**key {
                "bad" => Found::Uncertain,
                "person-7@example.com" => Found::One(id(0)),
                _ => Found::Missing,
            };
            assert_eq!(found(&matches, key), expected, "{key}");
        }
    }
}

#[tokio::test]
async fn where_every_key_is_refused_the_search_ends_with_uncertain_keys() {
    let keys = emails(3_000);
    let message = "INVALID_QUERY_FILTER_OPERATOR : invalid ID field";
    let org = FakeOrg { refused: Some(("person-0@example.com", message)), ..FakeOrg::default() };
    let rest: Vec<String> = keys.iter().skip(1).cloned().chain(["person-0@example.com".to_owned()]).collect();
    let matches = find(&org, &rest).await.unwrap();
    assert_eq!(found(&matches, "person-0@example.com"), Found::Uncertain);
    assert_eq!(found(&matches, "person-1@example.com"), Found::Missing);
}

#[tokio::test]
async fn a_line_end_of_another_kind_makes_a_key_uncertain_and_is_no_verdict() {
    for count in [0, 7_000] {
        let mut keys = emails(count);
        keys.extend(["a\nb", "c\nd", "e\nf"].map(str::to_owned));
        let org = FakeOrg::of(["a\r\nb", "c\nd"]);
        let matches = find(&org, &keys).await.unwrap();
        assert_eq!(found(&matches, "a\nb"), Found::Uncertain, "{count}");
        assert_eq!(found(&matches, "c\nd"), Found::One(id(1)));
        assert_eq!(found(&matches, "e\nf"), Found::Missing);
        assert_eq!(org.queries(), 1, "nothing that a record may have changed is asked for again");
    }
    let matches = find(&FakeOrg::of(["a\r\nb"]), &["a\nb".to_owned()]).await.unwrap();
    assert_eq!(found(&matches, "a\nb"), Found::Uncertain, "the answer for it alone is no verdict either");
}

#[tokio::test]
async fn an_uncertain_key_that_a_query_cannot_ask_for_stays_uncertain() {
    let mut keys = emails(7_000);
    let too_long = "\u{fc}".repeat(81);
    keys.push(too_long.clone());
    let org = FakeOrg::of([&*"u".repeat(81)]);
    let matches = find(&org, &keys).await.unwrap();
    assert_eq!((found(&matches, &too_long), org.queries()), (Found::Uncertain, 1));
}

#[tokio::test(start_paused = true)]
async fn lists_that_take_too_long_are_left_for_a_query_job_at_once() {
    let timeout = "QUERY_TIMEOUT : Your query request was running for too long.";
    let org = FakeOrg { refused: Some(("a@example.com", timeout)), ..FakeOrg::of(["a@example.com", "gotz"]) };
    let start = tokio::time::Instant::now();
    let matches = find(&org, &["a@example.com", "G\u{f6}tz"].map(str::to_owned)).await.unwrap();
    assert_eq!(found(&matches, "a@example.com"), Found::One(id(0)));
    assert_eq!(found(&matches, "G\u{f6}tz"), Found::Uncertain);
    assert_eq!((org.queries(), start.elapsed()), (2, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_breaks_off_is_read_again_from_the_start() {
    let org = FakeOrg { faults: Mutex::new(vec![FaultKind::Transient; 3]), ..FakeOrg::of(["a@example.com"; 7]) };
    let start = tokio::time::Instant::now();
    let matches = find(&org, &["a@example.com".to_owned()]).await.unwrap();
    assert!(start.elapsed() > Duration::from_secs(1), "it waits before it asks again");
    let Found::Several { ids, count } = found(&matches, "a@example.com") else { panic!() };
    assert_eq!((ids.len(), count, org.queries()), (5, 7, 4));
}

#[tokio::test(start_paused = true)]
async fn an_org_that_refuses_is_not_asked_again() {
    for (kind, queries) in [(FaultKind::Configuration, 1), (FaultKind::Transient, 5)] {
        let org = FakeOrg { faults: Mutex::new(vec![kind; 9]), ..FakeOrg::of(["a@example.com"]) };
        let error = find(&org, &["a@example.com".to_owned()]).await.unwrap_err();
        assert_eq!(org.queries(), queries);
        assert!(error.message().contains("looking up records of Contact by Email"), "{error}");
    }
}

#[tokio::test]
async fn where_case_counts_for_the_plan_and_not_for_a_query_the_answer_for_one_key_is_no_verdict() {
    for (comparison, expected) in [(Exact, Found::Missing), (Text, Found::Uncertain)] {
        let org = FakeOrg::of(["KEY"]);
        let plan = plan(&[("Email", comparison)]);
        let rows = Emails(vec!["key".to_owned()]);
        let matches = find_records(&org, &plan, &rows, &PATIENCE, Budget::new(1_000).lease()).await.unwrap();
        assert_eq!(matches.of(plan.row_key(["key"]).unwrap()), expected);
        assert!(org.queries() <= 2, "it is not asked for alone: {}", org.queries());
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_without_ids_is_no_answer() {
    let org = FakeOrg { has_no_ids: true, ..FakeOrg::of(["a@example.com"]) };
    let error = find(&org, &emails(3).into_iter().chain(["a@example.com".to_owned()]).collect::<Vec<_>>()).await;
    let error = error.unwrap_err();
    assert!(error.message().starts_with("Salesforce sent something other than a record id while"), "{error}");
    assert_eq!((error.failure_type(), org.queries()), (airbyte::FailureType::Transient, 5), "it may pass");
}

#[tokio::test(start_paused = true)]
async fn a_query_job_that_takes_too_long_as_well_is_an_error() {
    let timeout = "QUERY_TIMEOUT : Your query request was running for too long.";
    let org = FakeOrg {
        refused: Some(("a@example.com", timeout)),
        refused_job: Some(timeout),
        ..FakeOrg::of(["a@example.com"])
    };
    let error = find(&org, &["a@example.com".to_owned()]).await.unwrap_err();
    assert!(error.message().contains("looking up records of Contact by Email"), "{error}");
}

/// One more is known than may be written, so that too many are known to be too many.
#[tokio::test]
async fn all_records_of_a_key_are_kept_where_all_are_written_and_few_where_they_are_shown() {
    for (on_several, kept) in [(OnSeveral::Reject, 5), (OnSeveral::UpdateAll, 10_001)] {
        let org = FakeOrg::of(["a@example.com"; 10_003]);
        let plan = MatchPlan { on_several, ..plan(&[("Email", IgnoreCase)]) };
        let rows = Emails(vec!["a@example.com".to_owned()]);
        let matches = find_records(&org, &plan, &rows, &PATIENCE, Budget::new(1_000).lease()).await.unwrap();
        let Found::Several { ids, count } = found(&matches, "a@example.com") else { panic!("{on_several:?}") };
        assert_eq!((ids.len(), count), (kept, 10_003), "{on_several:?}");
    }
}
