//! What the rows of a batch have besides their upload, such as the mark of a deletion: a rejected record gets it back.

use serde_json::value::RawValue;

use super::compressed_csv::CompressedCsv;
use crate::convert::source_columns;

/// The rows that are compressed together. One row is read with few others.
const BLOCK_ROWS: usize = 256;

/// For each row, a JSON object on one line.
#[derive(Debug, Default)]
pub(super) struct Unsent {
    blocks: CompressedCsv,
    /// The rows of the last block.
    tail: String,
    rows: usize,
}

impl Unsent {
    /// Adds what the next row has: source columns with their values, as a JSON object on one line.
    pub(super) fn push(&mut self, json: &str) {
        self.tail.push_str(json);
        self.tail.push('\n');
        self.rows += 1;
        if self.rows.is_multiple_of(BLOCK_ROWS) {
            self.blocks.push(self.tail.as_bytes());
            self.tail.clear();
        }
    }

    /// What a row has.
    pub(super) fn json(&self, row: usize) -> String {
        let line = |block: &str| block.lines().nth(row % BLOCK_ROWS).unwrap_or_default().to_owned();
        match self.blocks.piece(row / BLOCK_ROWS) {
            Some(block) => line(&String::from_utf8_lossy(&block)),
            None => line(&self.tail),
        }
    }

    /// What each row has, in their order.
    pub(super) fn rows(&self) -> impl Iterator<Item = String> {
        let blocks =
            (0..).map_while(|block| self.blocks.piece(block)).map(|it| String::from_utf8_lossy(&it).into_owned());
        let lines = |block: String| block.lines().map(str::to_owned).collect::<Vec<_>>();
        blocks.chain(std::iter::once(self.tail.clone())).flat_map(lines)
    }

    /// The bytes held.
    pub(super) fn size(&self) -> usize {
        self.blocks.size() + self.tail.capacity()
    }
}

/// The source columns of such an object with their values.
pub(crate) fn columns_of(json: String) -> Vec<(String, Box<RawValue>)> {
    RawValue::from_string(json).map_or_else(|_| Vec::new(), |data| source_columns(&data))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_has_its_own() {
        let mut unsent = Unsent::default();
        let json = |row: usize| format!(r#"{{"_ab_cdc_deleted_at":"2026-01-01T00:00:00.{row:06}Z"}}"#);
        for rows in [1, 2, BLOCK_ROWS, BLOCK_ROWS + 1, 5 * BLOCK_ROWS + 7] {
            (unsent.rows..rows).for_each(|row| unsent.push(&json(row)));
            for row in 0..rows {
                assert_eq!(unsent.json(row), json(row), "{rows}");
            }
        }
        assert!(unsent.rows().eq((0..unsent.rows).map(json)));
        assert!(unsent.size() < 5 * BLOCK_ROWS * json(0).len(), "it is held compressed");
        let columns = columns_of(json(3));
        let shown: Vec<_> = columns.iter().map(|(name, value)| (name.as_str(), value.get())).collect();
        assert_eq!(shown, [("_ab_cdc_deleted_at", r#""2026-01-01T00:00:00.000003Z""#)]);
    }
}
