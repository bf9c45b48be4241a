//! What is in the objects of a writer: each record once, in the order in which they came.

use tempfile::TempDir;

use super::*;
use crate::rejected::Storage;

/// The names of the records of an object, read by another reader than the connector's.
fn names(bytes: &[u8], settings: &StorageSettings) -> Vec<String> {
    let mut text = String::new();
    match settings.compression {
        Compression::None => text.push_str(std::str::from_utf8(bytes).unwrap()),
        Compression::Gzip => assert!(GzDecoder::new(bytes).read_to_string(&mut text).is_ok()),
    }
    match settings.format {
        Format::Csv => {
            let mut reader = ::csv::Reader::from_reader(text.as_bytes());
            assert_eq!(reader.headers().unwrap().get(4), Some("Name"), "an object begins with the header");
            reader.records().map(|row| row.unwrap()[4].to_owned()).collect()
        }
        Format::Jsonl => text
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["Name"].as_str().unwrap().to_owned())
            .collect(),
    }
}

fn settings_in(folder: &TempDir, format: Format, compression: Compression) -> StorageSettings {
    StorageSettings {
        place: Place::Folder(folder.path().to_owned()),
        bucket_path: None,
        format,
        flattening: Flattening::RootLevel,
        compression,
        ..settings_for("http://x.test")
    }
}

/// Records of many lengths, with every order of small and large ones, fill objects of any size.
#[tokio::test]
async fn each_record_is_once_and_in_order_in_the_objects_however_large_they_are() {
    for (format, compression) in [
        (Format::Csv, Compression::None),
        (Format::Csv, Compression::Gzip),
        (Format::Jsonl, Compression::None),
        (Format::Jsonl, Compression::Gzip),
    ] {
        for (part, object, placeless) in
            [(1, 1, 1), (1_000, 4_000, 1_000), (40_000, 100_000, 3_000), (50_000, 20_000, 100)]
        {
            let folder = TempDir::new().unwrap();
            let settings = settings_in(&folder, format, compression);
            let (budget, sizes) = (budget(), Sizes { part, object, placeless });
            let store = store_in(&settings, sizes, Arc::clone(&budget)).await;
            let mut writer = store.writer(&accounts());
            let mut random = fastrand::Rng::with_seed(7);
            let mut expected = Vec::new();
            for number in 0..40 {
                let length = [3, 30, 300, 3_000, 17_000][random.usize(..5)];
                let text: String = std::iter::repeat_with(|| random.alphanumeric()).take(length).collect();
                let name = format!("{number} {text}");
                writer.write(&record(&name)).await.unwrap();
                expected.push((writer.object().map(str::to_owned), name));
            }
            let keys = writer.finish().await.unwrap();
            assert_eq!(budget.used(), 0);
            let case = format!("{format:?} {compression:?} {sizes:?}");
            let mut found = Vec::new();
            for (index, key) in keys.iter().enumerate() {
                let bytes = store.shared.storage.get(key).await.unwrap().unwrap();
                let is_last = index + 1 == keys.len();
                assert!(bytes.len() >= object || is_last, "{case}: {key} has {} bytes", bytes.len());
                let overhang = 18_000 + if compression == Compression::Gzip { 100_000 } else { 0 };
                assert!(bytes.len() < object + overhang, "{case}: {key} has {} bytes", bytes.len());
                // The key that a log names for a record is the one of its object.
                found.extend(names(&bytes, &settings).into_iter().map(|name| (Some(key.clone()), name)));
            }
            assert!(found == expected, "{case}: {} records in {} objects", found.len(), keys.len());
            let listed = Storage::list(&store.shared.storage, "", 1).await.unwrap();
            assert_eq!(listed.len(), keys.len(), "{case}");
        }
    }
}

/// A writer that keeps the place of a part that is stored keeps the others waiting, perhaps for good.
#[tokio::test]
async fn the_place_of_a_part_is_free_when_it_is_stored() {
    let folder = TempDir::new().unwrap();
    let settings = settings_in(&folder, Format::Csv, Compression::None);
    for (part, object, is_marked) in [
        // The part is full, or the object, or the next record needs another object.
        (500_000, 10_000_000, false),
        (5_000_000, 500_000, false),
        (5_000_000, 10_000_000, true),
    ] {
        let sizes = Sizes { part, object, placeless: 100_000 };
        let store = store_in(&settings, sizes, Budget::new(4 * part)).await;
        let large = record(&"x".repeat(600_000));
        let (mut first, mut second) = (store.writer(&accounts()), store.writer(&accounts()));
        first.write(&large).await.unwrap();
        if is_marked {
            let mut marked = record("Acme");
            let mark = RawValue::from_string("1".to_owned()).unwrap();
            marked.stored.data.push(("_ab_cdc_deleted_at".to_owned(), mark));
            first.write(&marked).await.unwrap();
        }
        let second = tokio::time::timeout(std::time::Duration::from_secs(20), second.write(&large)).await;
        second.expect("there is a place").unwrap();
    }
}

/// As large as the size at which an object ends, and one byte smaller.
#[tokio::test]
async fn an_object_ends_with_the_record_that_fills_it() {
    let folder = TempDir::new().unwrap();
    let settings = settings_in(&folder, Format::Jsonl, Compression::None);
    let store = store_with(&settings, SMALL).await;
    let mut writer = store.writer(&accounts());
    writer.write(&record("A")).await.unwrap();
    let keys = writer.finish().await.unwrap();
    let row = store.shared.storage.get(&keys[0]).await.unwrap().unwrap().len();
    for (object, part, objects) in [
        (row, 10 * row, 4),
        (row + 1, 10 * row, 2),
        (2 * row, row, 2),
        (2 * row + 1, row, 2),
        (2 * row + 1, 2 * row, 2),
    ] {
        let sizes = Sizes { part, object, placeless: 1 };
        let mut writer = store_with(&settings, sizes).await.writer(&accounts());
        for name in ["A", "B", "C", "D"] {
            writer.write(&record(name)).await.unwrap();
        }
        assert_eq!(writer.finish().await.unwrap().len(), objects, "{object} {part}, a row has {row} bytes");
    }
}
