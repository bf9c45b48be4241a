//! Which records are wanted, and what is counted of their objects.

use super::*;

/// A time, in seconds since 1970.
const SINCE: u64 = 1_600_000_000;

fn since() -> Selection {
    let since = jiff::Timestamp::from_second(i64::try_from(SINCE).unwrap()).unwrap();
    Selection { since: Some(since), ..Selection::default() }
}

/// Stores an object that was written at this time, in seconds since 1970.
fn store(folder: &TempDir, key: &str, text: &str, written_at: u64) {
    let path = folder.path().join(key);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, text).unwrap();
    let time = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(written_at);
    std::fs::File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
}

/// Where more objects wait than are held at once, they are listed several times.
#[tokio::test]
async fn objects_that_are_too_old_are_counted_once() {
    let folder = TempDir::new().unwrap();
    for number in 0..9 {
        store(&folder, &format!("7/contacts/f_{number}.jsonl"), &line(number), if number < 4 { 1 } else { SINCE + 1 });
    }
    let selection = since();
    for most_waiting_bytes in [usize::MAX, 0] {
        let reader = Box::pin(RejectedReader::open(&in_folder(&folder), "_journal/")).await.unwrap();
        let (reader, progress) = (reader.with_waiting_bytes(most_waiting_bytes), Arc::default());
        let (numbers, findings) = Box::pin(reader.read(&selection, Numbers(Vec::new()), &progress)).await.unwrap();
        assert_eq!((numbers.0, findings.too_old), (vec![4, 5, 6, 7, 8], 4), "{most_waiting_bytes}");
    }
}

/// The ids of these rows have no time, as those of another program.
#[tokio::test]
async fn a_record_without_a_time_is_as_old_as_its_object() {
    let folder = TempDir::new().unwrap();
    for (number, written_at) in [(1, SINCE - 3_600), (2, SINCE - 1), (3, SINCE), (4, SINCE + 3_600)] {
        store(&folder, &format!("7/contacts/f_{number}.jsonl"), &line(number), written_at);
    }
    let reader = Box::pin(RejectedReader::open(&in_folder(&folder), "_journal/")).await.unwrap();
    let (selection, progress) = (since(), Arc::default());
    let (numbers, findings) = Box::pin(reader.read(&selection, Numbers(Vec::new()), &progress)).await.unwrap();
    assert_eq!((numbers.0, findings.objects, findings.too_old), (vec![3, 4], 4, 0));
}

#[tokio::test]
async fn an_object_that_is_named_by_its_key_alone_is_counted_once() {
    let folder = TempDir::new().unwrap();
    store(&folder, "7/line_items/f.jsonl", &(line(1) + &line(2) + &line(3)), 1);
    store(&folder, "7/contacts/f.jsonl", &line(4), 1);
    let reader = Box::pin(RejectedReader::open(&in_folder(&folder), "_journal/")).await.unwrap();
    let (selection, progress) = (Selection::default(), Arc::default());
    let (numbers, findings) = Box::pin(reader.read(&selection, Numbers(Vec::new()), &progress)).await.unwrap();
    assert_eq!((numbers.0.len(), findings.named_by_key), (4, 1));
}

/// Counts records, with or without a stream.
struct Count(u64);

impl RecordSink for Count {
    const NEEDS_NAMES: bool = false;

    fn take(&mut self, _: &Found<'_>) -> airbyte::Result<()> {
        self.0 += 1;
        Ok(())
    }
}

#[tokio::test]
async fn records_without_a_stream_are_counted_unless_a_stream_or_a_namespace_is_wanted() {
    let folder = TempDir::new().unwrap();
    store(&folder, "f.jsonl", &line(1), 1);
    let named = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<String>>();
    for (streams, namespace, nameless_are, records) in [
        (&[][..], None, None, 1),
        (&["contacts"], None, None, 0),
        (&[], Some("crm"), None, 0),
        (&[], Some(""), None, 0),
        (&["contacts"], None, Some("contacts"), 1),
        (&[], Some("crm"), Some("contacts"), 1),
        (&["accounts"], None, Some("contacts"), 0),
    ] {
        let selection = Selection {
            streams: named(streams),
            namespace: namespace.map(str::to_owned),
            nameless_are: nameless_are.map(str::to_owned),
            ..Selection::default()
        };
        let reader = Box::pin(RejectedReader::open(&in_folder(&folder), "_journal/")).await.unwrap();
        let (count, findings) = Box::pin(reader.read(&selection, Count(0), &Arc::default())).await.unwrap();
        assert_eq!(count.0, records, "{selection:?}");
        assert_eq!(findings.problem(&selection).is_some(), records == 0, "{selection:?}");
    }
}
