//! Random sides, compared key by key and by a model of the differences.

use std::collections::BTreeMap;

use airbyte::{Output, StreamName};
use fastrand::Rng;
use salesforce::KeyComparison;
use serde_json::{Value, json};

use super::copies::{Copies, Keys, Repeats};
use super::differences::{Begin, Judgement};
use super::entry::{Entry, Identity};
use super::report::{Report, Summary};
use super::sorter::Sorter;

/// A record of a side: its key, and when it changed.
type Record = (Option<String>, Option<i64>);

const IDENTITY: Identity = Identity { own: Some(KeyComparison::IgnoreCase), there: KeyComparison::IgnoreCase };

fn random_side(random: &mut Rng) -> Vec<Record> {
    let records = random.usize(0..30);
    let record = |random: &mut Rng| {
        let key = format!("{}{}", random.choice(["E", "e"]).unwrap(), random.u8(0..20));
        let key = (random.u8(0..10) > 0).then_some(key);
        (key, (random.u8(0..10) > 0).then(|| random.i64(0..4)))
    };
    (0..records).map(|_| record(random)).collect()
}

/// The records of each key; an empty key for records without one.
fn by_key(side: &[Record]) -> BTreeMap<String, Vec<Option<i64>>> {
    let mut keys = BTreeMap::<String, Vec<Option<i64>>>::new();
    for (key, stamp) in side {
        keys.entry(key.as_deref().unwrap_or_default().to_ascii_lowercase()).or_default().push(*stamp);
    }
    keys
}

/// What a comparison is to count, made in memory.
fn expected(first: &[Record], second: &[Record]) -> Summary {
    let (one, other) = (by_key(first), by_key(second));
    let mut summary = Summary::default();
    let mut older = 0;
    let all: std::collections::BTreeSet<&String> = one.keys().chain(other.keys()).collect();
    for key in all {
        let (one, other) = (one.get(key), other.get(key));
        if key.is_empty() {
            summary.keyless += [one, other].into_iter().flatten().map(|records| records.len() as u64).sum::<u64>();
            continue;
        }
        summary.doubled += [one, other].into_iter().flatten().filter(|records| records.len() > 1).count() as u64;
        match (one, other) {
            (Some(_), None) => summary.missing += 1,
            (None, Some(_)) => summary.extra += 1,
            (Some(one), Some(other)) => {
                summary.in_both += 1;
                match (one.iter().flatten().max(), other.iter().flatten().min()) {
                    (Some(newest), Some(oldest)) => older += u64::from(oldest < newest),
                    _ => summary.undated += 1,
                }
            }
            (None, None) => {}
        }
    }
    let is_dated = summary.in_both > summary.undated || summary.undated == 0;
    summary.older = is_dated.then_some(older);
    summary
}

fn keys(side: &[Record], sorter: Sorter) -> Keys {
    let mut sorter = sorter;
    for (key, stamp) in side {
        sorter.add(&Entry::new(3, key.as_deref(), &IDENTITY, *stamp)).unwrap();
    }
    Keys::new(sorter.finish().unwrap())
}

fn compare(first: &[Record], second: &[Record], most: u64, random: &mut Rng) -> (Summary, Vec<Value>) {
    let (reader, writer) = std::io::pipe().unwrap();
    let output = Output::new(writer).unwrap();
    let stream = StreamName { namespace: None, name: "Account".into() };
    let mut report = Report::new(&output, &stream, "", most);
    let sorter = |random: &mut Rng| Sorter::of_size(random.usize(1..500), 2);
    let (mut first, mut second) = (keys(first, sorter(random)), keys(second, sorter(random)));
    let pair = super::Walk { number: 3, repeats: Repeats::Records, begin: Begin::default() };
    let reader = std::thread::spawn(|| std::io::read_to_string(reader).unwrap());
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(pair.compare(&mut first, &mut second, &mut report))
        .unwrap();
    let summary = report.end().unwrap();
    output.flush().unwrap();
    drop(output);
    let lines = reader.join().unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (summary, lines)
}

#[test]
fn random_sides_have_the_differences_of_a_model() {
    for seed in 0..500 {
        let mut random = Rng::with_seed(seed);
        let (first, second) = (random_side(&mut random), random_side(&mut random));
        let (found, lines) = compare(&first, &second, u64::MAX, &mut random);
        assert_eq!(found, expected(&first, &second), "{seed}");
        let told = |kind: &str| lines.iter().filter(|line| line["difference"] == kind).count() as u64;
        let counts = [found.missing, found.extra, found.older.unwrap_or_default(), found.doubled];
        assert_eq!(["missing", "extra", "older", "doubled"].map(told), counts, "{seed}");
        let (same, _) = compare(&first, &first, u64::MAX, &mut random);
        assert_eq!((same.missing, same.extra), (0, 0), "{seed}");
    }
}

#[test]
fn lines_have_a_bound_and_counts_have_none() {
    let first: Vec<Record> = (0..50).map(|number| (Some(format!("E-{number}")), Some(1))).collect();
    let (found, lines) = compare(&first, &[], 7, &mut Rng::with_seed(1));
    assert_eq!((found.missing, lines.len()), (50, 8));
    assert_eq!(lines[7]["summary"]["missing"], json!(50));
    let (_, lines) = compare(&[], &first, 0, &mut Rng::with_seed(1));
    assert_eq!(lines.len(), 1);
}

/// What a report writes that holds its lines, of keys and the sides that have them, where the sides have so many records.
fn held(keys: &[(&str, bool, bool)], records: (u64, u64)) -> Result<Vec<String>, String> {
    let (reader, writer) = std::io::pipe().unwrap();
    let output = Output::new(writer).unwrap();
    let stream = StreamName { namespace: Some("crm".into()), name: "Account".into() };
    let mut report = Report::new(&output, &stream, "Id", u64::MAX);
    report.hold();
    (report.summary.first, report.summary.second) = records;
    for (key, is_first, is_second) in keys {
        let bytes = key.as_bytes().to_vec();
        let copies = Copies { order: bytes.clone(), key: bytes, records: 1, oldest: Some(1), newest: Some(1) };
        let judgement = Begin::default().judge(is_first.then_some(&copies), is_second.then_some(&copies));
        report.tell(&judgement).unwrap();
    }
    let ended = report.end();
    output.flush().unwrap();
    drop(output);
    let lines = std::io::read_to_string(reader).unwrap();
    match ended {
        Ok(_) => Ok(lines.lines().map(str::to_owned).collect()),
        Err(error) => {
            assert_eq!(lines, "", "all of them would say nothing");
            Err(error.message().to_owned())
        }
    }
}

#[test]
fn ids_of_two_orgs_are_told_once_one_id_is_on_both_sides() {
    let line = |key: &str, difference: &str| {
        format!(r#"{{"stream":"Account","namespace":"crm","key":"{key}","difference":"{difference}"}}"#)
    };
    let mut told = held(&[("a", true, false), ("b", true, true), ("c", false, true)], (2, 2)).unwrap();
    assert!(told.pop().unwrap().contains(r#""summary":{"key":"Id","first":2,"second":2,"in_both":1,"missing":1"#));
    assert_eq!(told, [line("a", "missing"), line("c", "extra")]);
    // A side without a record has no id that could be the same.
    let told = held(&[("a", true, false)], (1, 0)).unwrap();
    assert_eq!((told.len(), &told[0]), (2, &line("a", "missing")));
    let told = held(&[("c", false, true)], (0, 1)).unwrap();
    assert_eq!((told.len(), &told[0]), (2, &line("c", "extra")));
    assert_eq!(held(&[], (0, 0)).unwrap().len(), 1);
    let refused = held(&[("a", true, false), ("c", false, true)], (1, 1)).unwrap_err();
    assert!(refused.contains("No record of") && refused.contains("--key Account=External_Id__c"), "{refused}");
}

/// The summary and the number of the lines of a report with so many lines of each difference.
fn reported(judgements: &[Judgement], most: u64) -> (Summary, usize) {
    let (reader, writer) = std::io::pipe().unwrap();
    let output = Output::new(writer).unwrap();
    let stream = StreamName { namespace: None, name: "Account".into() };
    let mut report = Report::new(&output, &stream, "", most);
    for judgement in judgements {
        assert_eq!(report.tell(judgement).unwrap(), !judgement.differences.is_empty());
    }
    let summary = report.end().unwrap();
    output.flush().unwrap();
    drop(output);
    let lines = std::io::read_to_string(reader).unwrap();
    assert_eq!(lines.contains(r#""changed_meanwhile":true"#), summary.changed_meanwhile > 0 && most > 0);
    (summary, lines.lines().count() - 1)
}

#[test]
fn records_without_a_key_are_a_line_of_each_side_and_counted_one_by_one() {
    let keyless = |records| Copies { records, ..Copies::default() };
    let both = Begin::default().judge(Some(&keyless(3)), Some(&keyless(2)));
    for (most, lines) in [(0, 0), (1, 1), (2, 2), (3, 2)] {
        let (summary, told) = reported(std::slice::from_ref(&both), most);
        assert_eq!((summary.keyless, told), (5, lines), "{most}");
        assert!(!summary.is_same());
    }
}

#[test]
fn differences_of_records_that_changed_meanwhile_are_counted() {
    let begin = Begin { first: Some(10), second: Some(10) };
    let copies = |key: &str, stamp: i64| {
        let key = key.as_bytes().to_vec();
        Copies { order: key.clone(), key, records: 1, oldest: Some(stamp), newest: Some(stamp) }
    };
    let judgements = [("a", 9), ("b", 10), ("c", 11)].map(|(key, stamp)| begin.judge(Some(&copies(key, stamp)), None));
    let (summary, lines) = reported(&judgements, 5);
    assert_eq!((summary.missing, summary.changed_meanwhile, lines), (3, 2, 3));
    // A record that is the same on both sides is no difference, whenever it changed.
    let same = begin.judge(Some(&copies("a", 11)), Some(&copies("a", 11)));
    let (summary, lines) = reported(&[same], 5);
    assert_eq!((summary.changed_meanwhile, summary.in_both, lines), (0, 1, 0));
    assert!(summary.is_same());
}
