//! Opens the file, and says what it is.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Chain, Cursor, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use serde::{Deserialize, Serialize};

use super::error::{not_loadable, unreadable};
use airbyte::{Error, Result};

/// How much of a JSONL file shows its columns before the first record is sent.
const HEAD_BYTES: usize = 1024 * 1024;

/// How much of the content says what it is.
const MAGIC_BYTES: usize = 4;

const BUFFER_BYTES: usize = 256 * 1024;
const BOM: &[u8] = b"\xef\xbb\xbf";
const GZIP: &[u8] = b"\x1f\x8b";

/// What the rows of a file are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
pub(crate) enum FileFormat {
    /// Comma-separated values with a header.
    Csv,
    /// One JSON object a line.
    Jsonl,
}

/// Where a file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum InputFile {
    Path(PathBuf),
    Stdin,
}

/// The content of a file, behind its byte order mark.
pub(super) struct Content {
    pub(super) format: FileFormat,
    pub(super) has_bom: bool,
    /// What is read already: at least a few bytes, and of JSONL up to a MiB.
    pub(super) head: Vec<u8>,
    rest: Box<dyn Read + Send>,
}

impl FileFormat {
    /// The name for a person.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Csv => "CSV",
            Self::Jsonl => "JSONL",
        }
    }

    /// The extension of the result files.
    pub(super) fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Jsonl => "jsonl",
        }
    }

    /// What the extension of a file says, if it is one of these.
    fn of_name(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?.to_ascii_lowercase();
        let name = name.strip_suffix(".gz").unwrap_or(&name);
        match name.rsplit_once('.')?.1 {
            "csv" => Some(Self::Csv),
            "jsonl" | "ndjson" | "json" => Some(Self::Jsonl),
            _ => None,
        }
    }

    fn of_content(head: &[u8]) -> Self {
        if head.trim_ascii_start().first() == Some(&b'{') { Self::Jsonl } else { Self::Csv }
    }
}

impl InputFile {
    /// `-` is standard input.
    pub(crate) fn new(path: PathBuf) -> Self {
        if path.as_os_str() == "-" { Self::Stdin } else { Self::Path(path) }
    }

    /// The name for a person, and of the stream.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Path(path) => path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned(),
            Self::Stdin => "standard input".to_owned(),
        }
    }

    /// Whether the file can be read again from its beginning.
    pub(crate) fn is_lasting(&self) -> bool {
        matches!(self, Self::Path(_))
    }

    /// Opens the file, or takes `stdin`. Without `format`, the extension says what it is, or else its first byte.
    pub(super) fn open(&self, format: Option<FileFormat>, stdin: impl Read + Send + 'static) -> Result<Content> {
        let name = self.name();
        let (file, of_name): (Box<dyn Read + Send>, _) = match self {
            Self::Path(path) => {
                let file = File::open(path).map_err(|error| unreadable(&name, &error))?;
                if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
                    return Err(not_loadable(&name, "it is a folder"));
                }
                (Box::new(file), FileFormat::of_name(path))
            }
            Self::Stdin => (Box::new(stdin), None),
        };
        open(file, format.or(of_name), &name)
    }
}

fn open(mut file: Box<dyn Read + Send>, format: Option<FileFormat>, name: &str) -> Result<Content> {
    let failed = |error: io::Error| unreadable(name, &error);
    let mut head = Vec::new();
    fill(&mut file, &mut head, MAGIC_BYTES).map_err(failed)?;
    if head.starts_with(GZIP) {
        file = Box::new(MultiGzDecoder::new(BufReader::with_capacity(BUFFER_BYTES, Cursor::new(head).chain(file))));
        head = Vec::new();
        fill(&mut file, &mut head, MAGIC_BYTES).map_err(failed)?;
    }
    if let Some(why) = refusal(&head) {
        return Err(not_loadable(name, why));
    }
    let has_bom = head.starts_with(BOM);
    if has_bom {
        head.drain(..BOM.len());
        fill(&mut file, &mut head, MAGIC_BYTES).map_err(failed)?;
    }
    let format = format.unwrap_or_else(|| FileFormat::of_content(&head));
    if format == FileFormat::Jsonl {
        fill(&mut file, &mut head, HEAD_BYTES).map_err(failed)?;
        if head.trim_ascii_start().first() == Some(&b'[') {
            return Err(not_loadable(
                name,
                "it is a JSON list, and it must have one object a line; `jq -c '.[]'` makes it so",
            ));
        }
    }
    Ok(Content { format, has_bom, head, rest: file })
}

/// Why content that begins like this is never loaded.
fn refusal(head: &[u8]) -> Option<&'static str> {
    match head {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some("it is UTF-16; save it as UTF-8 (in Excel: CSV UTF-8)"),
        [b'P', b'K', 3, 4, ..] => Some("it is a workbook or a ZIP; save the sheet as CSV UTF-8"),
        b"PAR1" => Some("it is Parquet; write it as CSV or as JSONL first"),
        _ => None,
    }
}

/// Reads until `head` has `bytes` bytes, or to the end.
fn fill(file: &mut dyn Read, head: &mut Vec<u8>, bytes: usize) -> io::Result<()> {
    let missing = bytes.saturating_sub(head.len());
    file.take(missing as u64).read_to_end(head).map(drop)
}

impl Content {
    /// The bytes from the beginning.
    pub(super) fn bytes(self) -> Box<dyn BufRead + Send> {
        let all: Chain<Cursor<Vec<u8>>, Box<dyn Read + Send>> = Cursor::new(self.head).chain(self.rest);
        Box::new(BufReader::with_capacity(BUFFER_BYTES, all))
    }

    /// The bytes of the byte order mark.
    pub(super) fn bom(&self) -> &'static [u8] {
        if self.has_bom { BOM } else { &[] }
    }
}

/// The error of a file without a header or a row.
pub(super) fn empty(name: &str) -> Error {
    not_loadable(name, "it is empty; a CSV begins with the names of its columns")
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn content(bytes: &[u8]) -> Result<Content> {
        open(Box::new(Cursor::new(bytes.to_vec())), None, "f")
    }

    fn text(content: Content) -> String {
        io::read_to_string(content.bytes()).unwrap()
    }

    #[test]
    fn the_extension_says_what_a_file_is_and_else_its_first_byte() {
        for (name, format) in [
            ("a.csv", Some(FileFormat::Csv)),
            ("a.CSV", Some(FileFormat::Csv)),
            ("a.jsonl", Some(FileFormat::Jsonl)),
            ("a.b.ndjson", Some(FileFormat::Jsonl)),
            ("a.json", Some(FileFormat::Jsonl)),
            ("a.csv.gz", Some(FileFormat::Csv)),
            ("a.JSONL.GZ", Some(FileFormat::Jsonl)),
            ("a.gz", None),
            ("a.txt", None),
            ("csv", None),
        ] {
            assert_eq!(FileFormat::of_name(Path::new(name)), format, "{name}");
        }
        for (head, format) in [
            ("{\"a\":1}", FileFormat::Jsonl),
            ("\n {}", FileFormat::Jsonl),
            ("\u{feff}\n {}", FileFormat::Jsonl),
            ("\u{feff}a,{", FileFormat::Csv),
            ("a,b", FileFormat::Csv),
            ("", FileFormat::Csv),
        ] {
            assert_eq!(content(head.as_bytes()).unwrap().format, format, "{head}");
        }
    }

    #[test]
    fn a_format_that_is_asked_for_goes_before_the_extension_and_that_before_the_content() {
        let folder = tempfile::tempdir().unwrap();
        for (name, asked, expected) in [
            ("a.csv", None, FileFormat::Csv),
            ("a.csv", Some(FileFormat::Jsonl), FileFormat::Jsonl),
            ("a.jsonl", Some(FileFormat::Csv), FileFormat::Csv),
            ("a.txt", None, FileFormat::Jsonl),
        ] {
            let path = folder.path().join(name);
            std::fs::write(&path, "{\"a\":1}\n").unwrap();
            let (file, stdin) = (InputFile::new(path), Cursor::new(Vec::new()));
            assert!(file.is_lasting() && file.name() == name);
            assert_eq!(file.open(asked, stdin).unwrap().format, expected, "{name} {asked:?}");
        }
        let Err(error) = InputFile::new(folder.path().to_owned()).open(None, io::empty()) else { panic!("a folder") };
        assert!(error.message().contains("it is a folder"), "{error}");
    }

    #[test]
    fn a_hyphen_is_standard_input_which_cannot_be_read_again() {
        let stdin = InputFile::new(PathBuf::from("-"));
        assert_eq!(stdin, InputFile::Stdin);
        assert!(!stdin.is_lasting());
        assert_eq!(text(stdin.open(None, Cursor::new(b"a\n1\n".to_vec())).unwrap()), "a\n1\n");
    }

    #[test]
    fn a_byte_order_mark_and_gzip_are_taken_off() {
        let marked = [BOM, b"a\n1\n"].concat();
        for bytes in [marked.clone(), gzip(&marked)] {
            let content = content(&bytes).unwrap();
            assert!(content.has_bom);
            assert_eq!(text(content), "a\n1\n");
        }
        assert_eq!(text(content(b"a\n").unwrap()), "a\n");
        assert_eq!(text(content(b"").unwrap()), "");
    }

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(text).unwrap();
        gzip.finish().unwrap()
    }

    /// Programs write large files in several parts, or append one gzip file to another.
    #[test]
    fn all_parts_of_a_gzip_file_are_read_and_one_that_is_cut_off_has_no_end() {
        let whole = [gzip(b"a\n1\n"), gzip(b""), gzip(b"2\n3\n")].concat();
        assert_eq!(text(content(&whole).unwrap()), "a\n1\n2\n3\n");
        for missing in 1..=8 {
            let cut = content(&whole[..whole.len() - missing]).unwrap();
            assert!(io::read_to_string(cut.bytes()).is_err(), "{missing} bytes are missing");
        }
    }

    /// The first MiB shows the columns, and everything is read.
    #[test]
    fn the_head_of_json_lines_is_a_mib() {
        let line = format!("{{\"a\":\"{}\"}}\n", "x".repeat(1_000));
        let lines = line.repeat(2_000);
        for (marked, has_bom) in [(lines.clone(), false), (format!("\u{feff}{lines}"), true)] {
            let content = open(Box::new(Cursor::new(marked.into_bytes())), Some(FileFormat::Jsonl), "f").unwrap();
            assert_eq!((content.has_bom, content.head.len()), (has_bom, 1024 * 1024));
            assert!(text(content) == lines);
        }
        let csv = open(Box::new(Cursor::new(lines.clone().into_bytes())), Some(FileFormat::Csv), "f").unwrap();
        assert!(csv.head.len() < 100 && text(csv) == lines);
    }

    #[test]
    fn what_is_no_text_of_rows_is_refused_with_what_to_do() {
        for (bytes, why) in [
            (&b"\xff\xfea\0"[..], "UTF-16"),
            (b"\xfe\xff\0a", "UTF-16"),
            (b"PK\x03\x04....", "save the sheet as CSV UTF-8"),
            (b"PAR1....", "Parquet"),
        ] {
            let Err(error) = content(bytes) else { panic!("{why}") };
            assert!(error.message().contains(why), "{error}");
        }
        let Err(error) = content(&gzip(b"\xff\xfea\0")) else { panic!("compressed UTF-16") };
        assert!(error.message().contains("UTF-16"), "{error}");
        let Err(error) = open(Box::new(&b" [{}]"[..]), Some(FileFormat::Jsonl), "f") else { panic!("a list") };
        assert!(error.message().contains("one object a line"), "{error}");
    }
}
