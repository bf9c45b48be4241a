//! What an object is, by how it begins.

use std::io::{self, BufRead, BufReader, Cursor, Read};

use flate2::bufread::MultiGzDecoder;

use super::pieces::DownloadEnded;

/// How much of an object is looked at. The columns of Airbyte are the first ones.
const START_BYTES: usize = 64 * 1024;

const GZIP: [u8; 2] = [0x1f, 0x8b];
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The extensions of objects of rejected records. A name may also have none.
const EXTENSIONS: [&str; 4] = [".csv", ".jsonl", ".csv.gz", ".jsonl.gz"];

/// How objects of rejected records begin, as far as all of them do.
const BEGINNINGS: [&[u8]; 2] = [b"_airbyte_raw_id,", b"{\"_airbyte_raw_id\":"];

/// What every row or header has.
const MARK: &[u8] = b"_airbyte_raw_id";

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

/// Looks at the beginning of an object, and decompresses it if it is compressed.
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
    let is_ours = BEGINNINGS.iter().any(|beginning| start.starts_with(beginning))
        || has_extension && memchr::memmem::find(&start, MARK).is_some();
    match end {
        Ok(()) => {}
        // Something compressed of someone else.
        Err(error) if is_gzip && !is_ours && !has_extension && !is_end_of_download(&error) => {
            return Ok(Content::Foreign);
        }
        Err(error) => return Err(error),
    }
    if !is_ours {
        let is_beginning = BEGINNINGS.into_iter().chain([&GZIP[..]]).any(|whole| whole.starts_with(&start));
        let is_cut = has_extension && is_beginning;
        return Ok(if is_cut { Content::Cut } else { Content::Foreign });
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
