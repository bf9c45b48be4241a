//! What an object may be, by how it begins. Its first line decides: `jsonl` and `csv` read it whole.

use std::io::{self, BufRead, BufReader, Cursor, Read};

use flate2::bufread::MultiGzDecoder;

use super::pieces::DownloadEnded;

/// How much of an object is looked at before its first line is read.
const START_BYTES: usize = 64 * 1024;

const GZIP: [u8; 2] = [0x1f, 0x8b];
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The extensions of objects of rejected records. A name may also have none.
const EXTENSIONS: [&str; 4] = [".csv", ".jsonl", ".csv.gz", ".jsonl.gz"];

/// How the objects that the connector writes begin, and those that other programs have put quotes into.
const BEGINNINGS: [&[u8]; 3] = [b"_airbyte_raw_id,", b"\"_airbyte_raw_id\",", b"{\"_airbyte_raw_id\":"];

/// The content of an object.
pub(super) enum Content<'a> {
    /// Perhaps rows as lines of JSON.
    Lines(Box<dyn BufRead + 'a>),
    /// Perhaps rows as CSV.
    Csv(Box<dyn BufRead + 'a>),
    /// Something else.
    Foreign,
    /// An object of rejected records that has no beginning.
    Cut,
}

/// Looks at the beginning of an object, and decompresses it if it is compressed. No more of it is held than the
/// beginning.
///
/// # Errors
/// It cannot be read or decompressed.
pub(super) fn open<'a>(key: &str, reader: impl Read + 'a) -> io::Result<Content<'a>> {
    let has_extension = EXTENSIONS.iter().any(|extension| key.ends_with(extension));
    let mut reader = BufReader::with_capacity(START_BYTES, reader);
    let (start, end) = beginning(&mut reader, GZIP.len());
    end?;
    let is_gzip = start == GZIP;
    let whole = Cursor::new(start).chain(reader);
    let mut text: Box<dyn BufRead + 'a> = if is_gzip {
        Box::new(BufReader::with_capacity(START_BYTES, MultiGzDecoder::new(whole)))
    } else {
        Box::new(whole)
    };
    let (start, end) = beginning(&mut text, START_BYTES);
    let start = start.strip_prefix(BYTE_ORDER_MARK).map(<[u8]>::to_vec).unwrap_or(start);
    let has_beginning = BEGINNINGS.iter().any(|beginning| start.starts_with(beginning));
    match end {
        Ok(()) => {}
        // Something compressed of someone else.
        Err(error) if is_gzip && !has_beginning && !has_extension && !is_end_of_download(&error) => {
            return Ok(Content::Foreign);
        }
        Err(error) => return Err(error),
    }
    let is_cut =
        BEGINNINGS.into_iter().chain([&GZIP[..]]).any(|whole| whole.len() > start.len() && whole.starts_with(&start));
    if is_cut {
        return Ok(if has_extension { Content::Cut } else { Content::Foreign });
    }
    let is_json = start.trim_ascii_start().first() == Some(&b'{');
    let whole = Box::new(Cursor::new(start).chain(text));
    Ok(if is_json { Content::Lines(whole) } else { Content::Csv(whole) })
}

/// The first bytes: as many as asked for, or those before the end or a failure.
fn beginning(reader: &mut impl Read, length: usize) -> (Vec<u8>, io::Result<()>) {
    let mut start = Vec::new();
    let end = reader.take(length as u64).read_to_end(&mut start).map(drop);
    (start, end)
}

/// Whether a failure is that of the download, and not of what was downloaded.
pub(super) fn is_end_of_download(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|cause| cause.is::<DownloadEnded>())
}
