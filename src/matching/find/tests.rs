use std::sync::Mutex;
use std::time::Duration;

use super::*;
use crate::budget::Budget;
use crate::convert::KeyComparison::IgnoreCase;
use crate::matching::plan::tests::plan;
use crate::matching::record_id::RecordId;
use crate::matching::wanted::Found;
use salesforce::FaultKind;

/// An org of records with an e-mail address each, which compares as SQL does: by the bytes of the text without case.
#[derive(Default)]
struct FakeOrg {
    records: Vec<(String, String)>,
    queries: Mutex<Vec<String>>,
    /// The faults of the next queries.
    faults: Mutex<Vec<FaultKind>>,
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
        for (id, email) in &self.records {
            if list.as_ref().is_none_or(|list| list.contains(&format!("'{}'", email.to_lowercase()))) {
                add.add(|name| Some(if name == "Id" { id } else { email }))?;
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
}

struct Emails(Vec<String>);

impl KeyRows for Emails {
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
async fn keys_of_several_rows_are_asked_for_once_and_blank_ones_never() {
    let org = FakeOrg::of(["a@example.com", ""]);
    let rows = ["a@example.com", "A@EXAMPLE.COM ", "", " "].map(str::to_owned);
    let matches = find(&org, &rows).await.unwrap();
    assert_eq!(org.queries.lock().unwrap()[..], ["SELECT Id,Email FROM Contact WHERE Email IN ('a@example.com')"]);
    assert_eq!(found(&matches, "a@example.com"), Found::One(id(0)));
    assert!(find(&FakeOrg::default(), &[String::new()]).await.is_ok());
}

#[tokio::test]
async fn a_key_that_a_record_has_only_perhaps_is_asked_for_alone() {
    let mut keys = emails(7_000);
    keys.extend(["M\u{fc}ller", "Muller", "G\u{f6}tz"].map(str::to_owned));
    let org = FakeOrg::of(["Muller", "GOTZ", "g\u{d6}TZ"]);
    let matches = find(&org, &keys).await.unwrap();
    // The fake org says that an umlaut is another letter, and that its case does not matter.
    assert_eq!(found(&matches, "M\u{fc}ller"), Found::Missing);
    assert_eq!(found(&matches, "Muller"), Found::One(id(0)));
    assert_eq!(found(&matches, "G\u{f6}tz"), Found::Uncertain);
    let queries = org.queries.lock().unwrap();
    assert_eq!(queries[1..], ["SELECT Id,Email FROM Contact WHERE Email IN ('M\u{fc}ller','G\u{f6}tz')"]);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_breaks_off_is_read_again_from_the_start() {
    let org = FakeOrg { faults: Mutex::new(vec![FaultKind::Transient; 3]), ..FakeOrg::of(["a@example.com"; 7]) };
    let matches = find(&org, &["a@example.com".to_owned()]).await.unwrap();
    let Found::Several { ids, count } = found(&matches, "a@example.com") else { panic!() };
    assert_eq!((ids.len(), count, org.queries()), (5, 7, 4));
}

#[tokio::test(start_paused = true)]
async fn an_org_that_refuses_is_not_asked_again() {
    for (kind, queries) in [(FaultKind::Configuration, 1), (FaultKind::Transient, 5)] {
        let org = FakeOrg { faults: Mutex::new(vec![kind; 9]), ..FakeOrg::of(["a@example.com"]) };
        let error = find(&org, &["a@example.com".to_owned()]).await.unwrap_err();
        assert_eq!(org.queries(), queries);
        assert!(error.message().contains("looking for records of Contact by Email"), "{error}");
    }
}
