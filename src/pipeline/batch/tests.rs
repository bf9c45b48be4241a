use std::collections::HashMap;

use bytes::Bytes;

use super::origin::MergedRecords;
use super::*;
use crate::budget::Budget;
use crate::convert::{Column, Kind, Rejection, RejectionCode, Row, RowKind, SourceColumn};
use airbyte::JsonTypes;

fn columns() -> Arc<Columns> {
    let kind = Kind::Text { longest: None };
    Arc::new(Columns::new(vec![Column::new(SourceColumn::top("a"), "A__c", kind, JsonTypes::default())], None))
}

#[test]
fn a_batch_knows_how_many_of_its_rows_delete() {
    let mut batch = OpenBatch::new(columns(), Budget::new(usize::MAX).lease());
    for kind in [RowKind::Delete, RowKind::Write, RowKind::Delete] {
        batch.push(Row { csv: b"1\n", key: None, kind }, Origin { segment: 1, extracted_at_ms: 0 });
    }
    assert_eq!((batch.rows(), batch.deletes()), (3, 2));
}

/// Rows of 10 bytes, with a header of 5.
#[test]
fn a_batch_that_is_nearly_full_ends_with_a_whole_bulk_batch() {
    // The limit in bytes, and how many rows the batch takes.
    let cases = [
        (99_999, 9_999),   // less than one bulk batch
        (190_000, 18_999), // ending at 10,000 would nearly double the jobs
        (890_000, 88_999), // at 80,000 the batch is not nearly full
        (999_000, 90_000),
        (1_000_000, 90_000), // a tenth one would be one row short, because of the header
        (1_000_005, 100_000),
        (1_059_000, 100_000),
        (3_705_000, 370_000),
    ];
    for (limit, expected) in cases {
        let mut batch = OpenBatch::new(columns(), Budget::new(usize::MAX).lease());
        while batch.has_room(10, limit) && !batch.fills_bulk_batches(limit) {
            batch.push(
                Row { csv: b"123456789\n", key: None, kind: RowKind::Write },
                Origin { segment: 1, extracted_at_ms: 0 },
            );
        }
        assert_eq!(batch.rows(), expected, "{limit}");
    }
}

/// The settled segments in order: segment, records written, records rejected.
fn sorted(segments: Vec<SettledSegment>) -> Vec<(SegmentId, u64, u64)> {
    let mut segments: Vec<_> = segments.iter().map(|it| (it.segment, it.written, it.rejected)).collect();
    segments.sort_unstable();
    segments
}

/// Rejected rows of one segment.
fn rejected(segment: SegmentId, rows: u64) -> RowOutcomes {
    RowOutcomes { rejected: HashMap::from([(segment, rows)]), ..RowOutcomes::default() }
}

fn text(batch: &Batch) -> String {
    let pieces: Vec<Bytes> = batch.csv().pieces().collect();
    String::from_utf8(pieces.concat()).unwrap()
}

#[test]
fn the_csv_can_be_read_more_than_once() {
    let budget = Budget::new(usize::MAX);
    let mut batch = OpenBatch::new(columns(), budget.lease());
    let mut expected = String::from("A__c\n");
    for number in 0..40_000_i64 {
        let row = format!("row {number} of a batch that repeats itself\n");
        batch.push(
            Row { csv: row.as_bytes(), key: None, kind: RowKind::Write },
            Origin { segment: 1, extracted_at_ms: number },
        );
        expected.push_str(&row);
    }
    assert!(batch.held() < expected.len(), "it is held compressed");
    let mut batch = batch.seal();
    assert_eq!(batch.csv().len(), expected.len() as u64);
    assert_eq!(batch.rows(), 40_000);
    assert!(text(&batch) == expected && text(&batch) == expected);
    let before = budget.used();
    batch.drop_csv();
    assert!(budget.used() < before);
    drop(batch);
    assert_eq!(budget.used(), 0);
}

#[test]
fn merged_records_are_settled_with_their_row() {
    let budget = Budget::new(usize::MAX);
    let rows = |rows: &[(SegmentId, Option<SegmentId>)]| {
        let mut batch = OpenBatch::new(columns(), budget.lease());
        for (number, (segment, merged)) in rows.iter().enumerate() {
            let merged: Vec<_> = merged.iter().map(|segment| MergedRecords { segment: *segment, records: 1 }).collect();
            let csv = format!("row {number}\n");
            batch.push_again(csv.as_bytes(), Origin { segment: *segment, extracted_at_ms: 0 }, &merged);
        }
        batch.seal()
    };
    // The first row stands for a record of segment 0 and one of segment 1.
    let mut batch = rows(&[(1, Some(0)), (1, None), (2, None)]);
    let mut retry = rows(&[(1, Some(0)), (2, None)]);
    let first = batch.settle(RowOutcomes::default(), Some(&mut retry));
    assert_eq!(sorted(first), [(1, 1, 0)], "neither record of the first row is settled");
    let last = retry.settle(rejected(2, 1), None);
    assert_eq!(sorted(last), [(0, 1, 0), (1, 1, 0), (2, 0, 1)]);
}

#[test]
fn held_rows_are_settled_with_the_last_retry() {
    let budget = Budget::new(usize::MAX);
    let rows = |segments: &[SegmentId]| {
        let mut batch = OpenBatch::new(columns(), budget.lease());
        for segment in segments {
            batch.push(
                Row { csv: b"row\n", key: None, kind: RowKind::Write },
                Origin { segment: *segment, extracted_at_ms: 0 },
            );
        }
        batch.seal()
    };
    // Of three equal rows one is rejected, and one is retried twice.
    let mut batch = rows(&[0, 1, 2]);
    let mut index = RowIndex::new(&batch.origins);
    let hash = crate::convert::row_hash(b"row\n");
    index.find_and_mark(hash, RowFate::Rejected).unwrap();
    index.find_and_mark(hash, RowFate::Retried).unwrap();
    let outcomes = index.outcomes(0);
    let (mut first, mut second) = (rows(&[1]), rows(&[1]));
    assert_eq!(sorted(batch.settle(outcomes, Some(&mut first))), []);
    assert_eq!(sorted(first.settle(RowOutcomes::default(), Some(&mut second))), []);
    assert_eq!(sorted(second.settle(RowOutcomes::default(), None)), [(0, 0, 1), (1, 1, 0), (2, 1, 0)]);
}

#[test]
fn a_batch_has_no_room_for_a_row_that_would_exceed_the_limit() {
    let budget = Budget::new(usize::MAX);
    let mut batch = OpenBatch::new(columns(), budget.lease());
    let limit = "A__c\n12345\n12345\n".len();
    assert!(batch.has_room(1_000, limit), "a row over the limit is uploaded alone");
    let origin = Origin { segment: 1, extracted_at_ms: 0 };
    batch.push(Row { csv: b"12345\n", key: None, kind: RowKind::Write }, origin);
    assert!(batch.has_room(6, limit));
    assert!(!batch.has_room(7, limit));
    batch.push(Row { csv: b"12345\n", key: None, kind: RowKind::Write }, origin);
    assert_eq!(batch.seal().csv().len(), limit as u64);
}

#[test]
fn local_rejections_stay_in_memory_after_the_upload() {
    let budget = Budget::new(usize::MAX);
    let mut batch = OpenBatch::new(columns(), budget.lease());
    let origin = Origin { segment: 1, extracted_at_ms: 0 };
    batch.push(Row { csv: b"12345\n", key: None, kind: RowKind::Write }, origin);
    let data = serde_json::value::to_raw_value(&"x".repeat(100_000)).unwrap();
    let rejection = Rejection { code: RejectionCode::NoField, field: None, message: String::new() };
    batch.reject(LocalRejection { origin, data, rejection });
    let mut batch = batch.seal();
    batch.drop_csv();
    assert!(budget.used() > 100_000, "{}", budget.used());
}

/// What comes after a batch is complete takes memory too.
#[test]
fn a_batch_leases_ahead_for_its_rows_that_write_and_for_those_that_delete() {
    use RowKind::{Delete, Write};
    let reserve = Reserve { writes: 1_000, deletes: 30 };
    for (kind, rows, ahead) in [
        (Write, &[][..], 0),
        (Write, &[Write, Write], 2_000),
        (Write, &[Delete], 30),
        (Write, &[Write, Delete, Delete, Write], 2_060),
        // A batch of deletes alone.
        (Delete, &[Write, Write], 60),
    ] {
        let budget = Budget::new(usize::MAX);
        let held = |reserve| {
            let mut batch = OpenBatch::of_kind(kind, columns(), budget.lease()).reserving(reserve);
            for kind in rows {
                batch.push(Row { csv: b"1\n", key: None, kind: *kind }, Origin { segment: 1, extracted_at_ms: 0 });
            }
            (batch.held(), batch.seal().lease.bytes())
        };
        let ((open, sealed), (open_ahead, sealed_ahead)) = (held(Reserve::default()), held(reserve));
        assert_eq!((open_ahead - open, sealed_ahead - sealed), (ahead, ahead), "{kind:?} {rows:?}");
    }
}
