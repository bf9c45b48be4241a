//! Objects that end early: in the download, which says nothing of them, or in the storage.

use super::super::pieces::{Piece, pieces};
use super::*;

#[test]
fn a_download_that_breaks_off_makes_an_object_neither_foreign_nor_damaged() {
    let of_ours = |compression| object((Format::Csv, Flattening::None, compression), 2);
    let (plain, packed) = (of_ours(Compression::None), of_ours(Compression::Gzip));
    let of_others = gzip(&b"something else".repeat(9));
    for (key, bytes) in [
        ("a.csv", &plain),
        ("a", &plain),
        ("a.csv.gz", &packed),
        ("a", &packed),
        ("a", &of_others),
        ("a.gz", &of_others),
    ] {
        for received in 0..bytes.len() {
            let (sender, reader) = pieces();
            sender.try_send(Piece::Bytes(bytes[..received].to_vec().into())).unwrap();
            drop(sender);
            let outcome = read(key, reader, &mut |_| Ok(true));
            assert!(matches!(outcome, Err(ReadError::DownloadEnded)), "{key}, {received} bytes: {outcome:?}");
        }
    }
}

/// What an upload that was cut off leaves in a folder.
#[test]
fn an_object_that_is_named_as_one_of_ours_and_has_no_beginning_is_damaged() {
    let starts: [&[u8]; 8] =
        [b"", b"_", b"_airbyte_raw_id", b"\"_airbyte_raw_id\"", b"{", b"{\"_airbyte_raw_id\"", b"\x1f", b"\x1f\x8b"];
    for start in starts {
        for extension in [".csv", ".jsonl", ".csv.gz", ".jsonl.gz"] {
            let outcome = read(&format!("a{extension}"), start, &mut |_| Ok(true));
            assert!(matches!(outcome, Err(ReadError::Defect(_))), "{extension} {start:?}: {outcome:?}");
        }
        for other in ["a", "a.txt", "a.json", "a.gz"] {
            let outcome = read(other, start, &mut |_| Ok(true));
            assert!(matches!(outcome, Ok(false)), "{other} {start:?}: {outcome:?}");
        }
    }
}
