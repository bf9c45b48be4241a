//! What is kept of a row that deletes.

use super::*;

/// The columns of the row with its mark, as they are restored when the row is rejected.
fn restored(batch: &Batch, row: usize, csv: &str) -> String {
    let types = batch.types_of(csv.as_bytes()).map(|types| &**types);
    let mut record = crate::convert::restore(&batch.columns, csv.trim_end().split(','), types);
    record.extend(batch.unsent_columns(row));
    record.iter().map(|(name, value)| format!("{name}={}", value.get())).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_delete_keeps_the_type_of_its_key_and_its_mark() {
    // The key is found wherever its column is.
    for names in [["k", "a", "b"], ["a", "k", "b"], ["b", "a", "k"]] {
        let numbers = json!({"k": 7, "a": "1", "gone": 1});
        let records = [json!({"k": "5", "a": 1, "gone": "2026-01-01"}), numbers, json!({"k": "x", "a": "1"})];
        let batches = open_batch_of(&columns(&names), records.map(|record| (0, record))).seal_merged();
        assert_eq!(batches.iter().map(Batch::rows).collect::<Vec<_>>(), [2, 1], "{names:?}");
        assert_eq!(restored(&batches[0], 0, "5\n"), r#"k="5" gone="2026-01-01""#, "{names:?}");
        assert_eq!(restored(&batches[0], 1, "7\n"), "k=7 gone=1", "{names:?}");
    }
}
