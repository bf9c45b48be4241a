//! One page of a result: an answer in CSV with its own header row, its own row count, and the locator of the next page.

use std::time::Duration;

use bytes::{Buf, Bytes};
use reqwest::Response;

use super::row::{ResultRow, RowReader};
use crate::fault::{Fault, FaultKind};
use crate::headers;
use crate::http::{Call, Http};
use crate::transport;

/// A page, read row by row as it arrives.
pub(crate) struct Page {
    response: Response,
    /// How long the download may stand still.
    stall: Duration,
    piece: Bytes,
    reader: RowReader,
    row: ResultRow,
    header: Vec<String>,
    rows_read: u64,
    row_count: Option<u64>,
    next_locator: Option<String>,
    is_miscounted: bool,
}

impl Page {
    /// Requests a page and reads its header row. `header` is that of the page before: each page begins with the same
    /// one (Bulk API 2.0 guide, "Get Results for a Query Job"). Otherwise the page may come from something else than
    /// Salesforce, and its lines are not rows.
    pub(crate) async fn open(http: &Http, call: &Call, header: Option<&[String]>) -> Result<Self, Fault> {
        let response = http.response(call).await?;
        let mut page = Self {
            stall: http.timing().stall,
            piece: Bytes::new(),
            reader: RowReader::new(),
            row: ResultRow::default(),
            header: header.unwrap_or_default().to_vec(),
            rows_read: 0,
            row_count: headers::row_count(response.headers()),
            next_locator: headers::next_locator(response.headers()),
            is_miscounted: false,
            response,
        };
        let has_row = page.read_row().await?;
        match header {
            None if has_row => page.header = page.row.iter().map(str::to_owned).collect(),
            Some(header) if !has_row || !page.row.iter().eq(header.iter().map(String::as_str)) => {
                let text = "a page of results does not begin with the header of the page before";
                return Err(Fault::new(FaultKind::Transient, text));
            }
            _ => {}
        }
        Ok(page)
    }

    /// The names of the columns; empty if the answer is.
    pub(crate) fn header(&self) -> &[String] {
        &self.header
    }

    /// The locator of the next page, if there is one.
    pub(crate) fn next_locator(&self) -> Option<&str> {
        self.next_locator.as_deref()
    }

    /// The number of rows that the org says the page has, if it says one.
    pub(crate) fn row_count(&self) -> Option<u64> {
        self.row_count
    }

    /// Whether the page came to its end with another number of rows than the org says.
    pub(crate) fn is_miscounted(&self) -> bool {
        self.is_miscounted
    }

    /// Reads the next row into [`row`](Self::row). Returns whether there is one.
    ///
    /// # Errors
    /// The download broke off, or the page does not have as many rows as the org says.
    pub(crate) async fn advance(&mut self) -> Result<bool, Fault> {
        let has_row = self.read_row().await?;
        if has_row {
            self.rows_read += 1;
            return Ok(true);
        }
        match self.row_count {
            Some(count) if count != self.rows_read => {
                self.is_miscounted = true;
                let text = format!("a page of results has {} rows, and Salesforce says {count}", self.rows_read);
                Err(Fault::new(FaultKind::Transient, text))
            }
            _ => Ok(false),
        }
    }

    /// The row that [`advance`](Self::advance) read last.
    pub(crate) fn row(&self) -> &ResultRow {
        &self.row
    }

    /// The bytes that reading takes: of the row, and of what has arrived after it.
    pub(crate) fn size(&self) -> usize {
        self.row.size() + self.reader.size() + self.piece.len()
    }

    async fn read_row(&mut self) -> Result<bool, Fault> {
        loop {
            let mut rest = &self.piece[..];
            let is_complete = self.reader.read(&mut rest, &mut self.row)?;
            let read = self.piece.len() - rest.len();
            self.piece.advance(read);
            if is_complete {
                return Ok(true);
            }
            match transport::piece(&mut self.response, self.stall).await? {
                Some(piece) => self.piece = piece,
                None => return self.reader.finish(&mut self.row),
            }
        }
    }
}
