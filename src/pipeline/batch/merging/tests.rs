mod deletes;

use std::collections::HashMap;

use super::*;
use crate::budget::Budget;
use crate::config::NullHandling;
use crate::convert::{Column, Converted, Converter, Key, KeyComparison, Kind, OnDeleted, SourceColumn};
use crate::pipeline::batch::{Batch, Origin, RowOutcomes, SegmentId};
use airbyte::JsonTypes;
use airbyte::json::Cursor;
use serde_json::{Value, json};

/// Columns with these names. The key is `k`.
fn columns(names: &[&str]) -> Arc<Columns> {
    let column = |name: &str| {
        let kind = Kind::Text { longest: None };
        Column::new(SourceColumn::top(name), name, kind, JsonTypes::default())
    };
    let key = Key { field: "k".to_owned(), comparison: KeyComparison::IgnoreCase };
    Arc::new(Columns::new(names.iter().map(|name| column(name)).collect(), Some(key)))
}

/// An open batch with a row for each record in its segment.
fn open_batch(records: impl IntoIterator<Item = (SegmentId, Value)>) -> OpenBatch {
    open_batch_of(&columns(&["k", "a", "b"]), records)
}

fn open_batch_of(columns: &Arc<Columns>, records: impl IntoIterator<Item = (SegmentId, Value)>) -> OpenBatch {
    let mut converter = Converter::new(Arc::clone(columns), NullHandling::Clear).on_deleted(OnDeleted::Delete);
    converter.mark_deleted(&SourceColumn::top("gone"));
    let mut batch = OpenBatch::new(Arc::clone(columns), Budget::new(usize::MAX).lease());
    for (segment, record) in records {
        let data = record.to_string();
        assert!(matches!(converter.convert(&mut Cursor::new(&data)), Ok(Converted::Row)), "{data}");
        batch.add_types(converter.row().csv, converter.row_types());
        batch.push(converter.row(), Origin { segment, extracted_at_ms: 0 });
    }
    batch
}

fn lines(batch: &Batch) -> Vec<String> {
    let pieces: Vec<Bytes> = batch.csv().pieces().collect();
    let text = String::from_utf8(pieces.concat()).unwrap();
    assert_eq!(batch.csv().len(), text.len() as u64);
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    assert_eq!((lines[0].as_str(), lines.len() as u64), ("k,a,b", batch.rows() + 1));
    lines[1..].to_vec()
}

/// The rows of each batch that `records` become.
fn merged(records: &[Value]) -> Vec<Vec<String>> {
    open_batch(records.iter().map(|record| (0, record.clone()))).seal_merged().iter().map(lines).collect()
}

#[test]
fn rows_whose_keys_are_perhaps_one_need_a_hundred_jobs_at_most_and_wait_in_8_mib() {
    assert_eq!((MAX_JOBS, MAX_WAITING), (100, 8 << 20));
}

#[test]
fn each_record_ends_as_if_each_row_had_been_sent_alone() {
    let records = [
        json!({"k": "x", "a": "1", "b": "1"}),
        json!({"k": "y", "a": "2"}),
        json!({"k": "X ", "a": null}),
        json!({"k": "z", "b": "3"}),
        json!({"k": "x", "b": "4"}),
    ];
    assert_eq!(merged(&records), [["y,2,", "z,,3", "x,#N/A,4"]]);
}

#[test]
fn rows_that_may_mean_one_record_are_in_jobs_of_their_own_in_order() {
    let records = [
        json!({"k": "é", "a": "1"}),
        json!({"k": "e", "a": "2"}),
        json!({"k": "other", "a": "3"}),
        json!({"k": "é", "b": "4"}),
        json!({"k": "é", "a": "5"}),
    ];
    // The first row and the last ones are not merged: the one between them may be of the same record.
    assert_eq!(merged(&records), [vec!["other,3,", "é,1,"], vec!["e,2,"], vec!["é,5,4"]]);
}

/// Keys in turn that are perhaps one would need a job for each row.
#[test]
fn rows_that_would_need_too_many_jobs_are_rejected_once() {
    let alike =
        |row: u64| (row / 100, json!({"k": if row.is_multiple_of(2) { "\u{e9}" } else { "e" }, "a": row.to_string()}));
    // Groups that end before it take the memory, so the first reading gives it up.
    let others = |row: u64| (9, json!({"k": format!("key {}", row % 50), "b": "x".repeat(100)}));
    for max_waiting in [usize::MAX, 100_000, 1_000, 0] {
        let mut open = open_batch((0..250).map(alike).chain((0..100).map(others)).chain([alike(250)]));
        let groups = std::mem::take(&mut open.keys).groups(true).unwrap();
        let batches = open.into_rows_to_merge(groups).merge_within(max_waiting);
        let mut batches: Vec<Batch> = batches.into_iter().map(OpenBatch::seal).collect();
        assert_eq!(batches.iter().map(Batch::rows).collect::<Vec<_>>(), [vec![51], vec![1; MAX_JOBS - 1]].concat());
        assert_eq!(lines(&batches[MAX_JOBS - 1]), ["e,249,"], "merged into the last job");
        let rejected: Vec<_> =
            batches[MAX_JOBS - 1].local_rejections.iter().map(|it| it.data.get().to_owned()).collect();
        assert_eq!(rejected.len(), 76, "{max_waiting}");
        assert_eq!(rejected[0], "{\"k\":\"\u{e9}\",\"a\":\"100\",\"b\":null}");
        let mut settled = HashMap::new();
        for batch in &mut batches {
            for it in batch.settle(RowOutcomes::default(), None) {
                let (written, rejected) = settled.entry(it.segment).or_insert((0, 0));
                *written += it.written;
                *rejected += it.rejected;
            }
        }
        assert_eq!(settled, HashMap::from([(0, (100, 0)), (1, (50, 50)), (2, (25, 26)), (9, (100, 0))]));
    }
}

/// Whether blanks clear the field or leave it as it is, the record ends as if each row had been sent alone.
#[test]
fn blanks_over_a_value_are_in_the_next_job() {
    let records = [
        json!({"k": "1", "a": "Ann", "b": "1"}),
        json!({"k": "2", "b": " "}),
        json!({"k": "1", "a": " "}),
        json!({"k": "1", "b": "2"}),
        json!({"k": "2", "b": "3"}),
    ];
    assert_eq!(merged(&records), [vec!["1,Ann,1", "2,,3"], vec!["1, ,2"]]);
}

#[test]
fn rows_that_would_be_too_long_together_are_in_jobs_of_their_own() {
    let long = "x".repeat(131_000);
    let records = [
        json!({"k": "1", "a": long, "b": long}),
        json!({"k": "1", "a": long}),
        json!({"k": "1", "c": long, "d": long}),
        json!({"k": "1", "d": long}),
        json!({"k": "2", "b": "b"}),
    ];
    let columns = columns(&["k", "a", "b", "c", "d"]);
    let batches = open_batch_of(&columns, records.map(|record| (0, record))).seal_merged();
    assert_eq!(batches.iter().map(Batch::rows).collect::<Vec<_>>(), [2, 1]);
    let lengths: Vec<u64> = batches.iter().map(|batch| batch.csv().len()).collect();
    assert!(lengths[0] > 262_000 && lengths[1] > 262_000 && lengths[0] < 300_000, "{lengths:?}");
}

#[test]
fn local_rejections_stay_with_the_first_batch() {
    let mut batch = open_batch([(0, json!({"k": "é"})), (0, json!({"k": "e"}))]);
    let rejection =
        crate::convert::Rejection { code: crate::convert::RejectionCode::NoField, field: None, message: String::new() };
    let data = serde_json::value::to_raw_value(&json!({})).unwrap();
    let origin = Origin { segment: 0, extracted_at_ms: 0 };
    batch.reject(crate::pipeline::batch::LocalRejection { origin, data, rejection });
    let batches = batch.seal_merged();
    assert_eq!(batches.iter().map(|batch| batch.local_rejections.len()).collect::<Vec<_>>(), [1, 0]);
}

/// A rejected record of a key is stored before rows that came after it, and after rows that came before it.
#[test]
fn a_rejected_record_stays_in_the_order_of_its_key() {
    let rejected = |name: &str| {
        let rejection = crate::convert::Rejection {
            code: crate::convert::RejectionCode::NoField,
            field: None,
            message: String::new(),
        };
        let data = serde_json::value::to_raw_value(name).unwrap();
        crate::pipeline::batch::LocalRejection { origin: Origin { segment: 0, extracted_at_ms: 0 }, data, rejection }
    };
    let names = |rejections: &[crate::pipeline::batch::LocalRejection]| {
        rejections.iter().map(|it| it.data.get().trim_matches('"').to_owned()).collect::<Vec<_>>()
    };
    for others in [&[][..], &["x", "x"], &["\u{e9}", "e", "\u{e9}"]] {
        let mut batch = open_batch(others.iter().map(|key| (0, json!({"k": key}))));
        let key = |key: u128| key << 64;
        let row = |batch: &mut OpenBatch, number: u128| {
            let row = crate::convert::Row { csv: b"k,1,\n", key: Some(key(number)), kind: RowKind::Write };
            batch.push(row, Origin { segment: 0, extracted_at_ms: 0 });
        };
        batch.reject_keyed(rejected("before"), Some(key(1)));
        row(&mut batch, 1);
        row(&mut batch, 2);
        batch.reject_keyed(rejected("after"), Some(key(1)));
        batch.reject_keyed(rejected("between"), Some(key(2)));
        batch.reject_keyed(rejected("alone"), Some(key(3)));
        batch.reject_keyed(rejected("keyless"), None);
        row(&mut batch, 2);
        batch.reject_keyed(rejected("last"), Some(key(2)));
        let mut batches = batch.seal_merged();
        let divided = |batch: &Batch| {
            let (early, late) = batch.divided_rejections();
            (names(early), names(late))
        };
        let (first, last) = (divided(&batches[0]).0, divided(batches.last().unwrap()).1);
        assert_eq!(first, ["before", "between", "alone", "keyless"], "{others:?}");
        assert_eq!(last, ["after", "last"], "{others:?}");

        let judged = batches.last_mut().unwrap();
        let mut retry = OpenBatch::of_retries(judged, judged.another_lease()).seal();
        let held = judged.lease.bytes() + retry.lease.bytes();
        retry.take_late_rejections(judged);
        assert_eq!((divided(judged).1, divided(&retry).1), (Vec::new(), last), "{others:?}");
        assert_eq!(judged.lease.bytes() + retry.lease.bytes(), held, "{others:?}");
    }
}

/// Rows for which there are too many jobs come before a record that follows them, and so do their rejected records.
#[test]
fn a_rejected_record_is_stored_after_the_rows_of_its_key_that_would_need_too_many_jobs() {
    for max_waiting in [usize::MAX, 0] {
        let alike =
            |row: u64| (0, json!({"k": if row.is_multiple_of(2) { "\u{e9}" } else { "e" }, "a": row.to_string()}));
        let mut open = open_batch((0..103).map(alike));
        let rejection = crate::convert::Rejection::no_field();
        let data = serde_json::value::to_raw_value(&json!({"k": "e", "a": "newest"})).unwrap();
        let origin = Origin { segment: 0, extracted_at_ms: 0 };
        let key = KeyComparison::IgnoreCase.hash_of_alike("e");
        open.reject_keyed(crate::pipeline::batch::LocalRejection { origin, data, rejection }, Some(key));
        open.divide_rejections();
        let groups = std::mem::take(&mut open.keys).groups(false).unwrap();
        let last = open.into_rows_to_merge(groups).merge_within(max_waiting).pop().unwrap().seal();
        let rejected: Vec<Value> = last
            .local_rejections
            .iter()
            .map(|it| serde_json::from_str::<Value>(it.data.get()).unwrap()["a"].clone())
            .collect();
        assert_eq!(rejected, ["100", "102", "newest"], "{max_waiting}");
        assert_eq!(last.divided_rejections().1.len(), 3);
    }
}

/// However little memory there is for waiting rows, the rows and their order are the same, and every record counts in
/// its segment.
#[test]
fn little_memory_changes_nothing() {
    const KEYS: u64 = 700;
    let records = |row: u64| {
        let key = if row < KEYS { row } else { row * 7 % KEYS };
        let mut record = json!({"k": format!("key {key}"), "a": row.to_string()});
        if row < KEYS {
            record["b"] = json!("first");
        }
        (row / 1_000, record)
    };
    let once = |row: u64| (3, json!({"k": format!("once {row}")}));
    let mut expected: Option<Vec<Vec<String>>> = None;
    for max_waiting in [usize::MAX, 100_000, 10_000, 1_000, 0] {
        let mut open = open_batch((0..3_000).map(records).chain((3_000..3_010).map(once)));
        let groups = std::mem::take(&mut open.keys).groups(true).unwrap();
        let mut rows = open.into_rows_to_merge(groups);
        let batches: Vec<Batch> = rows.merge_within(max_waiting).into_iter().map(OpenBatch::seal).collect();
        let all: Vec<Vec<String>> = batches.iter().map(lines).collect();
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].len() as u64, KEYS + 10);
        assert!(all[0].iter().all(|line| line.ends_with(",first") || line.starts_with("once")));
        assert_eq!(*expected.get_or_insert_with(|| all.clone()), all, "{max_waiting}");
        assert_eq!(
            batches[0].origins.records_by_segment(),
            HashMap::from([(0, 1_000), (1, 1_000), (2, 1_000), (3, 10)])
        );
        let mut batch = batches.into_iter().next().unwrap();
        let settled: u64 = batch.settle(RowOutcomes::default(), None).iter().map(|it| it.written).sum();
        assert_eq!(settled, 3_010);
    }
}

fn sent(csv: &str) -> Sent<'_> {
    let origin = Origin { segment: 0, extracted_at_ms: 0 };
    Sent { csv: csv.as_bytes(), kind: RowKind::Write, types: Arc::default(), origin }
}

#[test]
fn waiting_rows_fit_into_their_memory() {
    const MAX: usize = 20_000;
    let budget = Budget::new(usize::MAX);
    let columns = columns(&["k", "a", "b"]);
    let mut waiting = WaitingGroups::new(MAX, JobKinds::Writes, budget.lease());
    // Each group ends before the ones that wait already, so these are given up.
    for last in (0..200).rev() {
        let csv = format!("{last},{},\n", "x".repeat(500));
        for _ in 0..2 {
            waiting.add(last, &sent(&csv), &columns);
            assert!(waiting.size <= MAX, "{}", waiting.size);
            assert_eq!(waiting.size, budget.used());
        }
    }
    assert!((20..60).contains(&waiting.limit), "{}", waiting.limit);
    for last in 0..waiting.limit {
        assert_eq!(waiting.remove(last).rows.len(), 1, "{last}");
    }
    assert_eq!(waiting.size, 0);
    let long = format!("1,{},\n", "x".repeat(2 * MAX));
    waiting.add(1, &sent(&long), &columns);
    assert!(budget.used() > 2 * MAX);
    assert_eq!(waiting.remove(1).rows.len(), 1, "one group stays, however large it is");
    assert_eq!(budget.used(), 0);
}

#[test]
fn each_value_of_a_merged_row_keeps_its_json_type() {
    let records = [json!({"k": "1", "a": 5, "b": "6"}), json!({"k": "2", "a": "x", "b": 7}), json!({"k": "1", "b": 8})];
    let batches = open_batch(records.map(|record| (0, record))).seal_merged();
    assert_eq!(lines(&batches[0]), ["2,x,7", "1,5,8"]);
    let values = |csv: &str| {
        let types = batches[0].types_of(csv.as_bytes()).map(|types| &**types);
        let record = crate::convert::restore(&batches[0].columns, csv.trim_end().split(','), types);
        record.iter().map(|(_, value)| value.get().to_owned()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(values("1,5,8\n"), r#""1" 5 8"#);
    assert_eq!(values("2,x,7\n"), r#""2" "x" 7"#);
}

/// A record of the key `k` that lives, with a value, or that the source has deleted.
fn living(key: &str, value: &str) -> Value {
    json!({"k": key, "a": value, "gone": null})
}

fn deleted(key: &str) -> Value {
    json!({"k": key, "a": null, "b": null, "gone": "2026-01-01"})
}

/// The rows of each job, those that delete with a `D`.
fn jobs(records: &[Value]) -> Vec<(char, Vec<String>)> {
    let batches = open_batch(records.iter().map(|record| (0, record.clone()))).seal_merged();
    let rows = |batch: &Batch| {
        let pieces: Vec<Bytes> = batch.csv().pieces().collect();
        let text = String::from_utf8(pieces.concat()).unwrap();
        let (header, rows) = text.split_once('\n').unwrap();
        let is_delete = batch.kind == RowKind::Delete;
        assert_eq!(header, if is_delete { "k" } else { "k,a,b" });
        (if is_delete { 'D' } else { 'W' }, rows.lines().map(str::to_owned).collect())
    };
    batches.iter().map(rows).collect()
}

/// The outcome for each key is as if each record had been sent alone.
#[test]
fn jobs_delete_and_write_in_turn() {
    let (u, d) = (|value| living("x", value), deleted("x"));
    for (records, expected) in [
        (vec![d.clone()], vec![('D', vec!["x"])]),
        (vec![u("1"), d.clone()], vec![('D', vec!["x"])]),
        (vec![d.clone(), u("1")], vec![('D', vec!["x"]), ('W', vec!["x,1,"])]),
        (vec![d.clone(), d.clone()], vec![('D', vec!["x"])]),
        (vec![u("1"), d.clone(), u("2")], vec![('D', vec!["x"]), ('W', vec!["x,2,"])]),
        (vec![d.clone(), u("1"), d.clone()], vec![('D', vec!["x"])]),
        (vec![d.clone(), u("1"), u("2"), d.clone(), u("3"), d.clone()], vec![('D', vec!["x"])]),
        // Other forms of the key are the same record.
        (vec![u("1"), deleted(" X")], vec![('D', vec![" X"])]),
        // Other keys.
        (
            vec![u("1"), deleted("y"), living("z", "2"), deleted("z"), living("y", "3"), u("4")],
            vec![('D', vec!["z", "y"]), ('W', vec!["y,3,", "x,4,"])],
        ),
        (vec![u("1"), living("y", "2")], vec![('W', vec!["x,1,", "y,2,"])]),
        // Keys that are perhaps one.
        (vec![living("\u{e9}", "1"), deleted("e")], vec![('W', vec!["\u{e9},1,"]), ('D', vec!["e"])]),
        (vec![deleted("e"), deleted("\u{e9}")], vec![('D', vec!["e"]), ('D', vec!["\u{e9}"])]),
        (vec![deleted("e"), living("\u{e9}", "1")], vec![('D', vec!["e"]), ('W', vec!["\u{e9},1,"])]),
        (
            vec![living("e", "1"), living("\u{e9}", "2"), deleted("\u{e9}"), living("e", "3"), d],
            vec![('D', vec!["x"]), ('W', vec!["e,1,"]), ('D', vec!["\u{e9}"]), ('W', vec!["e,3,"])],
        ),
    ] {
        let expected: Vec<(char, Vec<String>)> =
            expected.iter().map(|(kind, rows)| (*kind, rows.iter().map(|row| (*row).to_owned()).collect())).collect();
        assert_eq!(jobs(&records), expected, "{records:?}");
    }
}

#[test]
fn a_thousand_deletes_and_writes_of_one_key_in_turn_need_two_jobs() {
    let turns = |key: &'static str| (0..500).flat_map(move |row| [living(key, &row.to_string()), deleted(key)]);
    let records: Vec<Value> = turns("x").chain(turns("y")).chain([living("y", "last")]).collect();
    let expected = [('D', vec!["x".to_owned(), "y".to_owned()]), ('W', vec!["y,last,".to_owned()])];
    assert_eq!(jobs(&records), expected);
}

/// With deletes, half of the jobs delete.
#[test]
fn deletes_and_writes_of_keys_that_may_be_the_same_need_a_bounded_number_of_jobs() {
    let record = |row: u64| {
        let key = if row.is_multiple_of(4) || row % 4 == 1 { "e" } else { "\u{e9}" };
        (row / 100, if row.is_multiple_of(2) { deleted(key) } else { living(key, &row.to_string()) })
    };
    for max_waiting in [usize::MAX, 1_000, 0] {
        let mut open = open_batch((0..250).map(record));
        let groups = std::mem::take(&mut open.keys).groups(true).unwrap();
        let batches = open.into_rows_to_merge(groups).merge_within(max_waiting);
        let mut batches: Vec<Batch> = batches.into_iter().map(OpenBatch::seal).collect();
        assert_eq!(batches.len(), MAX_JOBS);
        assert!(batches.iter().all(|batch| batch.rows() == 1));
        let rejected: Vec<_> =
            batches[MAX_JOBS - 1].local_rejections.iter().map(|it| it.data.get().to_owned()).collect();
        assert_eq!(rejected[0], r#"{"k":"e","gone":"2026-01-01"}"#, "it is a delete when it comes again");
        let mut settled = HashMap::new();
        for it in batches.iter_mut().flat_map(|batch| batch.settle(RowOutcomes::default(), None)) {
            *settled.entry(it.segment).or_insert(0) += it.written + it.rejected;
        }
        assert_eq!(settled, HashMap::from([(0, 100), (1, 100), (2, 50)]));
    }
}

#[test]
fn each_record_counts_with_the_row_that_it_is_merged_into() {
    let records =
        [(0, living("x", "1")), (0, deleted("x")), (1, living("x", "2")), (2, deleted("x")), (2, living("y", "3"))];
    let batches = open_batch(records).seal_merged();
    let counts: Vec<_> = batches.iter().map(|batch| batch.origins.records_by_segment()).collect();
    assert_eq!(counts, [HashMap::from([(0, 2), (1, 1), (2, 1)]), HashMap::from([(2, 1)])]);
}
