//! Random sides, compared key by key and by a model of the differences.

use std::collections::BTreeMap;

use airbyte::{Output, StreamName};
use fastrand::Rng;
use salesforce::KeyComparison;
use serde_json::{Value, json};

use super::copies::{Keys, Repeats};
use super::differences::Begin;
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
