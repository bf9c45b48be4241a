use super::*;
use crate::convert::{Column, Kind, SourceColumn};
use crate::journal::Target;
use airbyte::{JsonTypes, StreamName};
use salesforce::{JobSpec, Operation};

fn columns(names: &[&str]) -> Arc<Columns> {
    let column =
        |name: &&str| Column::new(SourceColumn::top(*name), *name, Kind::Text { longest: None }, JsonTypes::default());
    Arc::new(Columns::new(names.iter().map(column).collect(), None))
}

fn csv(cells: &[&str]) -> Vec<u8> {
    let mut csv = Vec::new();
    write_row(&mut csv, cells.iter().copied());
    csv
}

/// The rows of a job with the columns `A` and `B`.
fn earlier(sent: &[[&str; 2]], written: &[[&str; 2]]) -> EarlierRows {
    let spec = JobSpec {
        object: "Contact".into(),
        operation: Operation::Insert,
        external_id_field: None,
        assignment_rule_id: None,
    };
    let target = Target::new(&StreamName { namespace: None, name: "s".into() }, Some(1), &spec);
    let mut entry = Entry::new("750Sim000000001AAA", target, vec!["A".into(), "B".into()], sent.len() as u64);
    entry.set_rows(sent.iter().map(|row| (0, row_hash(&csv(row)))));
    let mut rows = EarlierRows::new(entry);
    rows.begin();
    for row in written {
        rows.written(&csv(row));
    }
    rows
}

fn rewritten(removal: Option<Removal>) -> usize {
    let Some(Removal::Rewritten(entry)) = removal else { panic!("{removal:?}") };
    entry.hashes.len()
}

#[test]
fn each_written_row_is_taken_once() {
    let mut rows = earlier(&[["1", "x"], ["2", ""], ["2", ""], ["3", ""]], &[["1", "x"], ["2", ""], ["2", ""]]);
    let columns = columns(&["A", "B"]);
    assert_eq!(rows.free(), 3);
    let has = |row: &[&str]| rows.has(&csv(row));
    assert!(has(&["1", "x"]) && has(&["3", ""]) && !has(&["4", ""]), "whatever was written");
    let mut take = |row: &[&str]| rows.take(&csv(row), &columns, 0);
    assert!(take(&["1", "x"]) && take(&["2", ""]) && take(&["2", ""]));
    assert!(!take(&["2", ""]) && !take(&["1", "x"]), "written once");
    assert!(!take(&["3", ""]), "not written");
    assert!(!take(&["4", ""]), "not sent");
    assert_eq!((rows.records, rows.free()), (3, 0));
}

#[test]
fn a_row_that_came_back_in_another_form_is_not_taken_for_another_row() {
    let mut rows = earlier(&[["1", "x"]], &[["1", ""]]);
    assert_eq!(rows.free(), 0);
    assert!(!rows.take(&csv(&["1", ""]), &columns(&["A", "B"]), 0));
}

#[test]
fn no_more_rows_are_known_than_were_sent() {
    for sent in 1..4 {
        let rows = earlier(&vec![["1", ""]; sent], &[["1", ""]; 4]);
        assert_eq!((rows.free(), rows.not_written()), (sent as u64, 0));
    }
}

#[test]
fn columns_without_a_value_make_no_difference() {
    let mut rows = earlier(&[["1", "x"], ["2", ""]], &[["1", "x"], ["2", ""]]);
    let other_order = columns(&["b", "New", "A"]);
    assert!(!rows.take(&csv(&["x", "y", "1"]), &other_order, 0), "the earlier job had no column for y");
    assert!(rows.take(&csv(&["x", "", "1"]), &other_order, 0));
    assert!(rows.take(&csv(&["2"]), &columns(&["A"]), 0));
}

#[test]
fn acknowledged_rows_leave_the_entry() {
    let sent = [["1", ""], ["2", ""], ["2", ""], ["3", ""]];
    let mut rows = earlier(&sent, &sent[..3]);
    let columns = columns(&["A", "B"]);
    assert!(rows.take(&csv(&["2", ""]), &columns, 0));
    assert!(rows.take(&csv(&["1", ""]), &columns, 1));
    assert_eq!(rewritten(rows.acknowledge(0)), 2, "3 was not written, so the entry needs it no more");
    assert!(rows.acknowledge(0).is_none(), "nothing new");
    assert_eq!(rewritten(rows.acknowledge(1)), 1);
    assert!(rows.take(&csv(&["2", ""]), &columns, 2));
    assert_eq!(rewritten(rows.acknowledge(2)), 0);
}

/// A state covers the stream up to its segment, and the states of earlier segments may never come.
#[test]
fn rows_of_all_segments_up_to_the_acknowledged_one_leave_the_entry() {
    let sent = [["1", ""], ["2", ""], ["3", ""], ["4", ""]];
    let mut rows = earlier(&sent, &sent);
    let columns = columns(&["A", "B"]);
    for (row, segment) in [("1", 0), ("2", 1), ("3", 3), ("4", 4)] {
        assert!(rows.take(&csv(&[row, ""]), &columns, segment));
    }
    assert_eq!(rewritten(rows.acknowledge(2)), 2);
    assert!(rows.acknowledge(2).is_none(), "nothing new");
    assert_eq!(rewritten(rows.acknowledge(9)), 0);
}

#[test]
fn another_reading_of_the_results_begins_anew() {
    let mut rows = earlier(&[["1", ""], ["2", ""]], &[["1", ""], ["2", ""]]);
    assert_eq!((rows.free(), rows.not_written()), (2, 0));
    rows.begin();
    assert_eq!((rows.free(), rows.not_written()), (0, 2));
    assert!(rows.written(&csv(&["2", ""])));
    assert!(!rows.written(&csv(&["2", ""])), "it was sent once");
    assert!(!rows.written(&csv(&["3", ""])), "it was not sent");
    assert_eq!((rows.free(), rows.not_written()), (1, 1));
}

/// With each row: its hash as it is read and as it is sorted, its counts, and that it is taken.
#[test]
fn a_row_takes_52_bytes() {
    assert_eq!((EarlierRows::size_of(0), EarlierRows::size_of(1), EarlierRows::size_of(1_000)), (0, 52, 52_000));
}
