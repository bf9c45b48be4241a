//! One row out of the bytes of a CSV.

use std::fmt;

use csv_core::{ReadRecordResult, Reader};

use crate::fault::{Fault, FaultKind};

/// The largest row that is held. Salesforce takes 400,000 characters a record (Limits Quick Reference, "Bulk API"),
/// each of four bytes at most, and repeats the record with an error text of its own.
const LONGEST_ROW: usize = 4 * 1024 * 1024;

/// One row of a result. Its cells are a record's values, so its debug output leaves them out.
#[derive(Default)]
pub struct ResultRow {
    /// The cells, one behind the other.
    text: String,
    /// Where each ends.
    ends: Vec<usize>,
}

impl ResultRow {
    /// A cell; empty where the row has no such column.
    pub fn get(&self, column: usize) -> &str {
        let Some(end) = self.ends.get(column) else { return "" };
        let start = column.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[start..*end]
    }

    /// How many cells the row has.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether the row has no cell.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The cells from the first to the last.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|column| self.get(column))
    }

    /// Takes the cells over as UTF-8, which Salesforce writes whatever the header of the answer says.
    fn fill(&mut self, bytes: &[u8], ends: &[usize]) {
        self.text.clear();
        self.ends.clear();
        let mut start = 0;
        for end in ends {
            self.text.push_str(&String::from_utf8_lossy(&bytes[start..*end]));
            self.ends.push(self.text.len());
            start = *end;
        }
    }
}

impl fmt::Debug for ResultRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResultRow").field("cells", &self.len()).finish_non_exhaustive()
    }
}

/// Reads rows from a CSV that arrives in pieces.
pub struct RowReader {
    csv: Reader,
    /// The cells of the unfinished row.
    bytes: Vec<u8>,
    filled: usize,
    ends: Vec<usize>,
    ended: usize,
    columns: Option<usize>,
}

impl Default for RowReader {
    fn default() -> Self {
        Self::new()
    }
}

impl RowReader {
    /// A reader at the beginning of a CSV.
    pub fn new() -> Self {
        let (bytes, ends) = (vec![0; 4096], vec![0; 64]);
        Self { csv: Reader::new(), bytes, filled: 0, ends, ended: 0, columns: None }
    }

    /// Reads on in `input`, which is not the end; tells how much of it was read, and whether `row` is complete.
    pub fn read(&mut self, input: &[u8], row: &mut ResultRow) -> Result<(usize, bool), Fault> {
        let mut read = 0;
        while read < input.len() {
            let (result, consumed, written, ended) =
                self.csv.read_record(&input[read..], &mut self.bytes[self.filled..], &mut self.ends[self.ended..]);
            read += consumed;
            self.filled += written;
            self.ended += ended;
            match result {
                ReadRecordResult::InputEmpty | ReadRecordResult::End => break,
                ReadRecordResult::OutputFull if self.bytes.len() >= LONGEST_ROW => {
                    let text = "a row of the results is longer than any record can be";
                    return Err(Fault::new(FaultKind::Unexpected, text));
                }
                ReadRecordResult::OutputFull => self.bytes.resize(2 * self.bytes.len(), 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(2 * self.ends.len(), 0),
                ReadRecordResult::Record => {
                    self.complete(row);
                    return Ok((read, true));
                }
            }
        }
        Ok((read, false))
    }

    /// Ends the CSV; tells whether `row` is one more row. A row that was cut off is a fault.
    pub fn finish(&mut self, row: &mut ResultRow) -> Result<bool, Fault> {
        // A line end ends the row, if there is one. Inside of quotes it is text, and so is whatever follows.
        let (_, complete) = self.read(b"\n", row)?;
        if !complete {
            let (_, outside_of_quotes) = self.read(b"x\n", &mut ResultRow::default())?;
            return if outside_of_quotes { Ok(false) } else { Err(cut_off()) };
        }
        let columns = self.columns.unwrap_or_default();
        if row.len() < columns { Err(cut_off()) } else { Ok(true) }
    }

    fn complete(&mut self, row: &mut ResultRow) {
        row.fill(&self.bytes[..self.filled], &self.ends[..self.ended]);
        self.columns.get_or_insert(row.len());
        self.filled = 0;
        self.ended = 0;
    }
}

fn cut_off() -> Fault {
    Fault::new(FaultKind::Transient, "the results end in the middle of a row")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a CSV that arrives in pieces of the given size.
    fn read(csv: &[u8], size: usize) -> Result<Vec<Vec<String>>, Fault> {
        let (mut reader, mut row, mut rows) = (RowReader::new(), ResultRow::default(), Vec::new());
        for mut piece in csv.chunks(size) {
            while !piece.is_empty() {
                let (read, complete) = reader.read(piece, &mut row)?;
                piece = &piece[read..];
                if complete {
                    rows.push(row.iter().map(str::to_owned).collect());
                }
            }
        }
        if reader.finish(&mut row)? {
            rows.push(row.iter().map(str::to_owned).collect());
        }
        Ok(rows)
    }

    #[test]
    fn rows_are_the_same_however_they_arrive() {
        let long = "x".repeat(20_000);
        let many = vec!["c"; 300].join(",");
        let cases: Vec<(String, Vec<Vec<&str>>)> = vec![
            (String::new(), vec![]),
            ("\n".into(), vec![]),
            ("\"sf__Id\",\"sf__Error\",Name\n".into(), vec![vec!["sf__Id", "sf__Error", "Name"]]),
            ("a,b".into(), vec![vec!["a", "b"]]),
            ("a,b\n\n".into(), vec![vec!["a", "b"]]),
            ("a,b\r\n1,2\r\n".into(), vec![vec!["a", "b"], vec!["1", "2"]]),
            ("a,b\n1,2".into(), vec![vec!["a", "b"], vec!["1", "2"]]),
            ("a,b\n1,\"2\"".into(), vec![vec!["a", "b"], vec!["1", "2"]]),
            ("a,b\n,\n".into(), vec![vec!["a", "b"], vec!["", ""]]),
            ("a,b\n\"\",\"\"".into(), vec![vec!["a", "b"], vec!["", ""]]),
            ("a\n\"say \"\"hi\"\", you\"\n".into(), vec![vec!["a"], vec!["say \"hi\", you"]]),
            ("a,b\n\"two\nlines\",\"Zoë 東京 😀\"\n".into(), vec![vec!["a", "b"], vec!["two\nlines", "Zoë 東京 😀"]]),
            ("\u{feff}\"sf__Id\",b\n".into(), vec![vec!["sf__Id", "b"]]),
            (format!("a,b\n{long},2\n3,4\n"), vec![vec!["a", "b"], vec![&long, "2"], vec!["3", "4"]]),
            (format!("{many}\n"), vec![vec!["c"; 300]]),
            ("a,b\n1,2,3\n".into(), vec![vec!["a", "b"], vec!["1", "2", "3"]]),
            ("a,b\n1\n2,3\n".into(), vec![vec!["a", "b"], vec!["1"], vec!["2", "3"]]),
        ];
        for (csv, expected) in cases {
            for size in [1, 2, 3, 7, 4096, 1 << 20] {
                // The mark at the beginning is known only when it comes whole, which it does: a piece is a read.
                if csv.starts_with('\u{feff}') && size < 3 {
                    continue;
                }
                assert_eq!(read(csv.as_bytes(), size).unwrap(), expected, "{csv:.40} {size}");
            }
        }
    }

    #[test]
    fn a_row_that_was_cut_off_is_no_row() {
        for csv in ["\"", "\"a", "a,b\n1,\"2", "a,b\n1,\"2\n", "a,b\n1,\"2\"\"", "a,b\n1", "a,b\n\"1\"", "a,b\n1,\""] {
            for size in [1, 100] {
                let Err(fault) = read(csv.as_bytes(), size) else { panic!("{csv:?} in pieces of {size}") };
                assert_eq!(fault.kind(), FaultKind::Transient, "{csv:?}");
            }
        }
    }

    #[test]
    fn a_row_without_end_is_not_held() {
        let fault = read(&[b"a,b\n\"".as_slice(), &vec![b'x'; 2 * LONGEST_ROW]].concat(), 65_536).unwrap_err();
        assert_eq!(fault.kind(), FaultKind::Unexpected);
    }

    #[test]
    fn bytes_that_are_not_text_stay_in_their_cell() {
        let rows = read(b"a,b\n\xe2\x82,\xac\n", 100).unwrap();
        assert_eq!(rows[1], ["\u{fffd}", "\u{fffd}"]);
    }

    #[test]
    fn a_missing_cell_is_empty() {
        let mut row = ResultRow::default();
        row.fill(b"ab", &[1, 2]);
        assert_eq!((row.get(0), row.get(1), row.get(2)), ("a", "b", ""));
        assert_eq!((row.len(), row.is_empty()), (2, false));
    }
}
