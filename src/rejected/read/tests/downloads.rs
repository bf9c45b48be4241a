//! A download that ends early says nothing of its object.

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
