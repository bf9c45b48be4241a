//! Reads the rows of a CSV that arrives in pieces.

use std::borrow::Cow;
use std::fmt;

use csv_core::{ReadRecordResult, Reader};

use super::whole_row::WholeRow;
use crate::fault::{Fault, FaultKind};

/// The most bytes that the cells of one row may have. A record has at most 400,000 characters (Limits Quick Reference,
/// "Bulk API"), which are 1.6 MB at four bytes each; the rest is for the error text that Salesforce adds.
const LONGEST_ROW: usize = 4 * 1024 * 1024;

/// One row of a result. Its debug output leaves the cells out, because they are the values of a record.
#[derive(Default)]
pub struct ResultRow {
    /// All cells, without separators.
    text: String,
    /// The end of each cell in `text`.
    ends: Vec<usize>,
    is_altered: bool,
}

impl ResultRow {
    /// The cell of a column; empty if the row has no such column.
    pub fn get(&self, column: usize) -> &str {
        let Some(end) = self.ends.get(column) else { return "" };
        let start = column.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[start..*end]
    }

    /// The number of cells.
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

    /// Whether the cells had bytes that are not UTF-8, and other characters are in their place.
    pub(crate) fn is_altered(&self) -> bool {
        self.is_altered
    }

    /// Adds a text to the last cell, which [`end_cell`](Self::end_cell) ends.
    pub(super) fn extend_cell(&mut self, text: &str) {
        self.text.push_str(text);
    }

    pub(super) fn end_cell(&mut self) {
        self.ends.push(self.text.len());
    }

    /// Removes the cells.
    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
        self.is_altered = false;
    }

    /// Replaces the cells by those with these lengths. Returns whether they are UTF-8.
    pub(crate) fn set(&mut self, text: &[u8], lengths: &[usize]) -> bool {
        self.clear();
        let Ok(text) = simdutf8::basic::from_utf8(text) else { return false };
        self.text.push_str(text);
        self.ends.extend(lengths.iter().scan(0, |end, length| {
            *end += length;
            Some(*end)
        }));
        true
    }

    /// The bytes held.
    pub(crate) fn size(&self) -> usize {
        self.text.capacity() + self.ends.capacity() * size_of::<usize>()
    }

    /// Adds a cell.
    fn push(&mut self, cell: &str) {
        self.text.push_str(cell);
        self.ends.push(self.text.len());
    }

    /// Replaces the cells. They are read as UTF-8, which Salesforce writes even if the header of the answer names
    /// another charset.
    fn fill(&mut self, bytes: &[u8], ends: &[usize]) {
        self.clear();
        let mut start = 0;
        for end in ends {
            let cell = String::from_utf8_lossy(&bytes[start..*end]);
            // A text that is UTF-8 is borrowed.
            self.is_altered |= matches!(cell, Cow::Owned(_));
            self.push(&cell);
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
///
/// A row that arrived as a whole and has the usual form is cut at its quotes. All others are read byte by byte.
pub struct RowReader {
    csv: Reader,
    whole: WholeRow,
    /// Whether the next byte begins a row.
    is_between_rows: bool,
    /// The cells of the unfinished row, in the first `filled` bytes.
    bytes: Vec<u8>,
    filled: usize,
    /// The ends of its cells, in the first `ended` entries.
    ends: Vec<usize>,
    ended: usize,
    /// The number of columns of the first row.
    columns: Option<usize>,
    /// The most bytes that the cells of a row may have.
    longest: usize,
}

impl Default for RowReader {
    fn default() -> Self {
        Self::new()
    }
}

impl RowReader {
    /// Starts at the beginning of a CSV.
    pub fn new() -> Self {
        Self::with_longest_row(LONGEST_ROW)
    }

    /// The same for a CSV whose rows may be longer than those of results: the cells of one have about `bytes` at most.
    pub fn with_longest_row(bytes: usize) -> Self {
        let (longest, bytes, ends) = (bytes, vec![0; 4096], vec![0; 64]);
        let (csv, whole) = (Reader::new(), WholeRow::default());
        Self { csv, whole, is_between_rows: false, bytes, filled: 0, ends, ended: 0, columns: None, longest }
    }

    /// Reads on, and removes from `input` what it has read. Returns true when `row` is complete, and false when all of
    /// `input` is read and the row goes on.
    ///
    /// # Errors
    /// The row is longer than any record can be.
    pub fn read(&mut self, input: &mut &[u8], row: &mut ResultRow) -> Result<bool, Fault> {
        if self.is_between_rows
            && let Some(length) = self.whole.read(input, self.longest, row)
        {
            *input = &input[length..];
            return Ok(true);
        }
        while !input.is_empty() {
            self.is_between_rows = false;
            let (result, consumed, written, ended) =
                self.csv.read_record(input, &mut self.bytes[self.filled..], &mut self.ends[self.ended..]);
            *input = &input[consumed..];
            self.filled += written;
            self.ended += ended;
            match result {
                ReadRecordResult::InputEmpty | ReadRecordResult::End => break,
                ReadRecordResult::OutputFull if self.bytes.len() >= self.longest => {
                    let text = "a row of the results is longer than any record can be";
                    return Err(Fault::new(FaultKind::Unexpected, text));
                }
                ReadRecordResult::OutputFull => self.bytes.resize(2 * self.bytes.len(), 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(2 * self.ends.len(), 0),
                ReadRecordResult::Record => {
                    self.complete(row);
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Ends the CSV. Returns whether `row` is one more row, which had no line end.
    ///
    /// # Errors
    /// The CSV ends inside of quotes, or its last row lacks columns. A cut inside of the last cell leaves no trace
    /// here; the length of the answer shows it.
    pub fn finish(&mut self, row: &mut ResultRow) -> Result<bool, Fault> {
        // A line end completes the row, if one is unfinished. Inside of quotes it is text.
        if self.read(&mut &b"\n"[..], row)? {
            let columns = self.columns.unwrap_or_default();
            return if row.len() < columns { Err(cut_off()) } else { Ok(true) };
        }
        // Outside of quotes this is a row of its own, so none was unfinished. Inside it is text again.
        let is_outside_of_quotes = self.read(&mut &b"x\n"[..], &mut ResultRow::default())?;
        if is_outside_of_quotes { Ok(false) } else { Err(cut_off()) }
    }

    /// The bytes held.
    pub(crate) fn size(&self) -> usize {
        self.bytes.capacity() + self.ends.capacity() * size_of::<usize>()
    }

    fn complete(&mut self, row: &mut ResultRow) {
        row.fill(&self.bytes[..self.filled], &self.ends[..self.ended]);
        self.columns.get_or_insert(row.len());
        // Only now is it known that no byte order mark is to come.
        self.is_between_rows = true;
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
            while reader.read(&mut piece, &mut row)? {
                rows.push(row.iter().map(str::to_owned).collect());
            }
        }
        if reader.finish(&mut row)? {
            rows.push(row.iter().map(str::to_owned).collect());
        }
        Ok(rows)
    }

    #[test]
    fn the_size_of_the_pieces_does_not_change_the_rows() {
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
                // The byte order mark is known only when it arrives whole, as it does from the network.
                if csv.starts_with('\u{feff}') && size < 3 {
                    continue;
                }
                assert_eq!(read(csv.as_bytes(), size).unwrap(), expected, "{csv:.40} {size}");
            }
        }
    }

    #[test]
    fn a_row_that_is_cut_off_is_a_fault() {
        for csv in ["\"", "\"a", "a,b\n1,\"2", "a,b\n1,\"2\n", "a,b\n1,\"2\"\"", "a,b\n1", "a,b\n\"1\"", "a,b\n1,\""] {
            for size in [1, 100] {
                let Err(fault) = read(csv.as_bytes(), size) else { panic!("{csv:?} in pieces of {size}") };
                assert_eq!(fault.kind(), FaultKind::Transient, "{csv:?}");
            }
        }
    }

    #[test]
    fn a_last_row_without_a_line_end_may_have_more_cells_than_the_header() {
        for size in [1, 100] {
            assert_eq!(read(b"a,b\n1,2,3", size).unwrap()[1], ["1", "2", "3"]);
        }
    }

    #[test]
    fn a_reader_takes_the_longest_row_that_it_is_made_for() {
        let row = "x".repeat(LONGEST_ROW + LONGEST_ROW / 2) + "\n";
        for (longest, is_read) in [(LONGEST_ROW, false), (2 * LONGEST_ROW, true)] {
            let mut reader = RowReader::with_longest_row(longest);
            let outcome = reader.read(&mut row.as_bytes(), &mut ResultRow::default());
            assert_eq!(outcome.is_ok(), is_read, "{longest}");
        }
    }

    /// A record has at most 1.6 MB, and its row has the text of an error too.
    #[test]
    fn a_row_of_a_result_may_have_four_mebibytes() {
        for (length, is_read) in [(4 * 1024 * 1024 - 1, true), (4 * 1024 * 1024 + 1, false)] {
            assert_eq!(read(&[&vec![b'x'; length][..], b"\n"].concat(), 65_536).is_ok(), is_read, "{length}");
        }
    }

    #[test]
    fn a_piece_without_bytes_ends_no_row() {
        let (mut reader, mut row) = (RowReader::new(), ResultRow::default());
        for piece in [&b""[..], b"a,b\n1,", b"", b"2"] {
            let mut piece = piece;
            while reader.read(&mut piece, &mut row).unwrap() {}
        }
        assert!(!reader.read(&mut &b""[..], &mut row).unwrap());
        assert!(reader.read(&mut &b"\n"[..], &mut row).unwrap());
        assert_eq!(row.iter().collect::<Vec<_>>(), ["1", "2"]);
    }

    #[test]
    fn a_row_is_set_to_cells_that_are_utf8_and_to_no_others() {
        let mut row = ResultRow::default();
        assert!(row.set("aë".as_bytes(), &[1, 0, 2]));
        assert_eq!(row.iter().collect::<Vec<_>>(), ["a", "", "ë"]);
        assert!(!row.set(b"a\xff", &[1, 1]));
    }

    #[test]
    fn the_memory_of_a_row_and_of_its_reader_is_counted() {
        let (mut row, mut reader) = (ResultRow::default(), RowReader::new());
        assert_eq!(row.size(), 0);
        let csv = [vec![b'x'; 10_000], vec![b','; 999], b"\n".to_vec()].concat();
        assert!(reader.read(&mut &csv[..], &mut row).unwrap());
        let ends = 1_000 * size_of::<usize>();
        for size in [row.size(), reader.size()] {
            assert!((10_000 + ends..3 * (10_000 + ends)).contains(&size), "{size}");
        }
    }

    #[test]
    fn a_row_without_an_end_is_refused() {
        let fault = read(&[b"a,b\n\"".as_slice(), &vec![b'x'; 2 * LONGEST_ROW]].concat(), 65_536).unwrap_err();
        assert_eq!(fault.kind(), FaultKind::Unexpected);
    }

    #[test]
    fn bytes_that_are_not_utf8_stay_in_their_cell() {
        let rows = read(b"a,b\n\xe2\x82,\xac\n", 100).unwrap();
        assert_eq!(rows[1], ["\u{fffd}", "\u{fffd}"]);
    }

    #[test]
    fn a_row_is_altered_by_any_cell_that_is_not_utf8_and_the_next_one_is_not() {
        let mut row = ResultRow::default();
        for (bytes, is_altered) in
            [(b"abc", false), (b"\xffbc", true), (b"a\xffc", true), (b"abc", false), (b"ab\xff", true), (b"abc", false)]
        {
            row.fill(bytes, &[1, 2, 3]);
            assert_eq!(row.is_altered(), is_altered, "{bytes:?}");
        }
    }

    #[test]
    fn a_missing_cell_is_empty() {
        let mut row = ResultRow::default();
        row.fill(b"ab", &[1, 2]);
        assert_eq!((row.get(0), row.get(1), row.get(2)), ("a", "b", ""));
        assert_eq!((row.len(), row.is_empty()), (2, false));
    }
}
