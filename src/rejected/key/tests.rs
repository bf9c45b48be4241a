use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::rejected::settings::{
    Compression, DEFAULT_FILE_NAME_FORMAT, DEFAULT_PATH_FORMAT, FileNameFormat, Flattening, Format, Place,
};

fn settings(bucket_path: Option<&str>, path_format: &str, file_name_format: &str) -> StorageSettings {
    StorageSettings {
        place: Place::Folder("/data".into()),
        bucket_path: bucket_path.map(str::to_owned),
        format: Format::Csv,
        flattening: Flattening::None,
        compression: Compression::Gzip,
        path_format: path_format.to_owned(),
        file_name_format: FileNameFormat::parse(file_name_format).unwrap(),
    }
}

fn sync() -> SyncIdentity {
    let started: Timestamp = "2026-03-04T05:06:07.089Z".parse().unwrap();
    SyncIdentity { sync_id: Some(42), started }
}

fn stream(namespace: Option<&str>, name: &str) -> StreamIdentity {
    StreamIdentity {
        namespace: namespace.map(str::to_owned),
        name: name.to_owned(),
        generation_id: None,
        source_columns: Vec::new(),
    }
}

fn first_key(bucket_path: Option<&str>, path: &str, file: &str, stream: &StreamIdentity) -> String {
    Keys::new(&settings(bucket_path, path, file), sync()).unwrap().claim(stream).key()
}

#[test]
fn by_default_folders_name_sync_namespace_and_stream() {
    let keys = Keys::new(&settings(Some("rejected"), DEFAULT_PATH_FORMAT, DEFAULT_FILE_NAME_FORMAT), sync()).unwrap();
    let accounts = stream(Some("crm"), "accounts");
    assert_eq!(keys.claim(&accounts).key(), "rejected/42/crm/accounts/2026_03_04_1772600767089_0.csv.gz");
    assert_eq!(keys.claim(&accounts).key(), "rejected/42/crm/accounts/2026_03_04_1772600767089_1.csv.gz");
    assert_eq!(
        keys.claim(&stream(None, "accounts")).key(),
        "rejected/42/accounts/2026_03_04_1772600767089_0.csv.gz",
        "every folder counts its own parts"
    );
}

#[test]
fn variables_are_filled_in() {
    let cases = [
        ("{year}/{month}/{day}", "{hour}{minute}{second}{millisecond}", "p/2026/03/04/0506070089"),
        ("{epoch}", "{timestamp}{format_extension}", "p/1772600767089/1772600767089.csv.gz"),
        ("{date:yyyy_MM}/", "{date}_{date:yyyy_MM}", "p/2026_03/2026_03_04_2026_03"),
        ("{sync_id}", "{sync_id}-{part_number}", "p/42/42-0"),
        ("{stream_name}", "{stream_name}.{namespace}", "p/accounts/accounts.crm"),
        ("{NAMESPACE}/{part_number}", "{unknown}{format_extension}", "p/{NAMESPACE}/{part_number}/{unknown}.csv.gz"),
        ("", "a", "p/a"),
        ("//a///b//", "/c", "p/a/b/c"),
        ("a/../b/.", "..", "p/a/__/b/_/__"),
        ("a\nb", "c\0{", "p/a_b/c_{"),
        ("{{sync_id}}", "{part_number", "p/{42}/{part_number"),
    ];
    for (path, file, expected) in cases {
        assert_eq!(first_key(Some("p"), path, file, &stream(Some("crm"), "accounts")), expected, "{path} {file}");
    }
}

#[test]
fn the_bucket_path_is_joined_with_one_slash() {
    let cases = [
        (None, "s/f"),
        (Some(""), "s/f"),
        (Some("/"), "s/f"),
        (Some("a"), "a/s/f"),
        (Some("/a/b/"), "a/b/s/f"),
        (Some("a//b///"), "a/b/s/f"),
        (Some("../a"), "__/a/s/f"),
    ];
    for (bucket_path, expected) in cases {
        assert_eq!(first_key(bucket_path, "{stream_name}", "f", &stream(None, "s")), expected, "{bucket_path:?}");
    }
}

#[test]
fn a_variable_without_a_value_drops_its_segment() {
    let unnumbered = SyncIdentity { sync_id: None, ..sync() };
    let keys = Keys::new(&settings(Some("p"), DEFAULT_PATH_FORMAT, "{sync_id}{part_number}"), unnumbered).unwrap();
    assert_eq!(keys.claim(&stream(None, "accounts")).key(), "p/accounts/0");
    assert_eq!(keys.claim(&stream(Some("crm"), "")).key(), "p/crm/0");
    let keys = Keys::new(&settings(None, "{stream_name}", "{sync_id}{format_extension}"), unnumbered).unwrap();
    let claims = [(); 2].map(|()| keys.claim(&stream(None, "a")).key());
    assert_eq!(claims, ["a/0.csv.gz", "a/1.csv.gz"], "an object has a name");
}

#[test]
fn equal_keys_are_numbered_before_the_extension() {
    let keys = Keys::new(&settings(None, "", "{date}{format_extension}"), sync()).unwrap();
    let (one, other) = (stream(None, "one"), stream(None, "other"));
    assert_eq!(keys.claim(&one).key(), "2026_03_04.csv.gz");
    assert_eq!(keys.claim(&other).key(), "2026_03_04-1.csv.gz");
    let third = keys.claim(&one);
    assert_eq!(third.key(), "2026_03_04-2.csv.gz");
    assert_eq!(keys.claim_another(third).key(), "2026_03_04-3.csv.gz");
}

#[test]
fn names_that_become_equal_share_part_numbers() {
    let keys = Keys::new(&settings(None, "{stream_name}", "{part_number}"), sync()).unwrap();
    assert_eq!(keys.claim(&stream(None, "a b")).key(), "a_b/0");
    assert_eq!(keys.claim(&stream(None, "a/b")).key(), "a_b/1");
}

#[test]
fn equal_starts_make_equal_keys() {
    let claims = || {
        let keys = Keys::new(&settings(Some("p"), DEFAULT_PATH_FORMAT, DEFAULT_FILE_NAME_FORMAT), sync()).unwrap();
        ["a", "b", "a"].map(|name| keys.claim(&stream(None, name)).key())
    };
    assert_eq!(claims(), claims());
}

#[test]
fn a_uuid_is_new_for_every_object() {
    let keys = Keys::new(&settings(None, "{uuid}", "{uuid}"), sync()).unwrap();
    assert_ne!(keys.claim(&stream(None, "a")).key(), keys.claim(&stream(None, "a")).key());
}

#[test]
fn a_key_without_a_time_and_a_uuid_may_be_taken() {
    let cases = [
        (DEFAULT_PATH_FORMAT, DEFAULT_FILE_NAME_FORMAT, false),
        ("{epoch}", "{part_number}", false),
        ("{uuid}", "{part_number}", false),
        (DEFAULT_PATH_FORMAT, "{part_number}{format_extension}", true),
        ("{year}", "{date}", true),
    ];
    for (path, file, expected) in cases {
        assert_eq!(Keys::new(&settings(None, path, file), sync()).unwrap().may_be_taken(), expected, "{path} {file}");
    }
}

#[test]
fn formats_that_can_make_too_long_a_key_are_an_error() {
    let long = "a".repeat(600);
    let error = Keys::new(&settings(Some(&long), DEFAULT_PATH_FORMAT, DEFAULT_FILE_NAME_FORMAT), sync()).unwrap_err();
    assert!(error.message().contains("`bucket_path`"), "{error}");
}

fn check_key(key: &str, prefix: &str) {
    assert!(key.len() <= MAX_KEY_BYTES, "{} bytes", key.len());
    let below = key.strip_prefix(prefix).unwrap_or_else(|| panic!("{key:?} is not under {prefix:?}"));
    assert!(!below.is_empty());
    for segment in key.split('/') {
        assert!(!["", ".", ".."].contains(&segment), "{key:?}");
        assert!(!segment.contains(char::is_control), "{key:?}");
    }
}

#[test]
fn hostile_names_stay_under_the_prefix() {
    let long = "长".repeat(4000);
    let names =
        ["..", ".", "../../other", "/", "//", "\0", "\u{7f}\u{85}", "a/../../b", "😀", "{sync_id}", "%2e%2e", &long];
    for name in names {
        for namespace in [None, Some(name)] {
            let key = first_key(Some("p"), DEFAULT_PATH_FORMAT, DEFAULT_FILE_NAME_FORMAT, &stream(namespace, name));
            check_key(&key, "p/42/");
        }
    }
}

proptest! {
    #[test]
    fn no_name_leaves_the_prefix(namespace in proptest::option::of("\\PC{0,40}|.{0,600}"), name in "(?s).{0,600}") {
        let key = first_key(
            Some("tenant"), DEFAULT_PATH_FORMAT, DEFAULT_FILE_NAME_FORMAT, &stream(namespace.as_deref(), &name));
        check_key(&key, "tenant/42/");
    }

    #[test]
    fn no_format_leaves_the_prefix(
        path in "([./]{1,3}|\\{[a-z_:M]{1,12}\\}|\\{stream_name\\}|\\{uuid\\}|(?s).){0,40}",
        file in "([./]{1,3}|\\{part_number\\}|\\{format_extension\\}|(?s).){0,40}",
        name in "(?s).{0,300}",
        claims in 1_usize..4,
    ) {
        prop_assume!(FileNameFormat::parse(&file).is_some());
        let Ok(keys) = Keys::new(&settings(Some("tenant"), &path, &file), sync()) else { return Ok(()) };
        let mut seen = HashSet::new();
        for _ in 0..claims {
            let key = keys.claim(&stream(Some(&name), &name)).key();
            check_key(&key, "tenant/");
            prop_assert!(seen.insert(key));
        }
    }
}

#[test]
fn a_report_is_above_the_folders_of_streams_and_has_the_start_where_syncs_share_a_folder() {
    let dated = "report_1772600767089.html";
    for (path_format, report, dated_report) in [
        (DEFAULT_PATH_FORMAT, Some("p/42/report.html"), format!("p/42/{dated}")),
        ("{sync_id}", Some("p/42/report.html"), format!("p/42/{dated}")),
        ("/a//sync-{sync_id}/{stream_name}", Some("p/a/sync-42/report.html"), format!("p/a/sync-42/{dated}")),
        ("{sync_id}/{year}/{uuid}", Some("p/42/2026/report.html"), format!("p/42/2026/{dated}")),
        ("{sync_id}/x-{stream_name}", Some("p/42/report.html"), format!("p/42/{dated}")),
        ("{sync_id}_{stream_name}/", None, format!("p/{dated}")),
        ("{namespace}/{stream_name}/{sync_id}/", None, format!("p/{dated}")),
        ("{date}/{stream_name}", None, format!("p/2026_03_04/{dated}")),
        ("", None, format!("p/{dated}")),
    ] {
        let keys = Keys::new(&settings(Some("p"), path_format, DEFAULT_FILE_NAME_FORMAT), sync()).unwrap();
        assert_eq!((keys.report().as_deref(), keys.dated_report()), (report, dated_report), "{path_format}");
    }
    let no_number = SyncIdentity { sync_id: None, ..sync() };
    let keys = Keys::new(&settings(None, DEFAULT_PATH_FORMAT, DEFAULT_FILE_NAME_FORMAT), no_number).unwrap();
    assert_eq!((keys.report(), keys.dated_report()), (None, dated.to_owned()));
}

#[test]
fn a_report_has_no_key_of_rejected_records() {
    let keys = Keys::new(&settings(Some("p"), "{sync_id}", "report.html"), sync()).unwrap();
    assert_eq!(keys.claim(&stream(None, "a")).key(), "p/42/report.html");
    assert_eq!(keys.report().as_deref(), Some("p/42/report-1.html"));
}

/// The longest key has 1024 bytes, with the number that tells it from an object that has its key.
#[test]
fn formats_may_make_a_key_as_long_as_s3_takes_and_no_longer() {
    let long = |bytes: usize| {
        let settings = settings(Some(&"a".repeat(bytes)), DEFAULT_PATH_FORMAT, DEFAULT_FILE_NAME_FORMAT);
        Keys::new(&settings, SyncIdentity { sync_id: Some(i64::MIN), ..sync() })
    };
    let keys = long(486).unwrap();
    let mut claim = keys.claim(&stream(Some(&"n".repeat(300)), &"s".repeat(300)));
    claim.copy = u32::MAX;
    assert!(claim.key().len() <= 1024, "{}", claim.key().len());
    let error = long(487).unwrap_err();
    assert!(error.message().contains("could be 1025 bytes long, and S3 takes 1024"), "{error}");
    let uuid = settings(Some(&"a".repeat(1024 - 1 - 37 - 36 - 32)), "{uuid}/", "{uuid}");
    assert!(Keys::new(&uuid, sync()).is_ok());
    let uuid = settings(Some(&"a".repeat(1024 - 37 - 36 - 32)), "{uuid}/", "{uuid}");
    assert!(Keys::new(&uuid, sync()).is_err());
}

/// A disk may take two names for one that differ in the case of letters alone.
#[test]
fn keys_of_one_sync_differ_in_more_than_the_case_of_letters() {
    let keys = Keys::new(&settings(None, "{stream_name}", "{part_number}"), sync()).unwrap();
    assert_eq!(keys.claim(&stream(None, "Contact")).key(), "Contact/0");
    assert_eq!(keys.claim(&stream(None, "contact")).key(), "contact/1");
    let keys = Keys::new(&settings(None, "", "{stream_name}{format_extension}"), sync()).unwrap();
    assert_eq!(keys.claim(&stream(None, "Contact")).key(), "Contact.csv.gz");
    let second = keys.claim(&stream(None, "CONTACT"));
    assert_eq!(second.key(), "CONTACT-1.csv.gz");
    assert_eq!(keys.claim(&stream(None, "contact-2")).key(), "contact-2.csv.gz");
    assert_eq!(keys.claim_another(second).key(), "CONTACT-3.csv.gz");
}

#[test]
fn the_names_in_a_key_are_found_by_the_format_that_made_it() {
    for (path, file) in [
        (DEFAULT_PATH_FORMAT, DEFAULT_FILE_NAME_FORMAT),
        ("{namespace}/{stream_name}/{year}/{month}/{day}", "{hour}{minute}{second}{millisecond}"),
        ("{year}{month}{day}/{hour}-{minute}-{second}-{millisecond}/{namespace}/{stream_name}/", "{part_number}"),
        ("{epoch}/{namespace}/{stream_name}", "{uuid}"),
        ("{uuid}/{namespace}/{stream_name}", "{timestamp}{format_extension}"),
        ("{date}/{date:yyyy_MM}/{namespace}/{stream_name}", "{part_number}{format_extension}"),
        ("{sync_id}", "{namespace}/{stream_name}/{epoch}_{date}_{date:yyyy_MM}{format_extension}"),
    ] {
        for (format, compression) in [
            (Format::Csv, Compression::None),
            (Format::Csv, Compression::Gzip),
            (Format::Jsonl, Compression::None),
            (Format::Jsonl, Compression::Gzip),
        ] {
            let settings = StorageSettings { format, compression, ..settings(None, path, file) };
            let keys = Keys::new(&settings, sync()).unwrap();
            for _ in 0..2 {
                let key = keys.claim(&stream(Some("crm"), "Accounts")).key();
                let ways = KeyFormats::new(&settings).names_in(&key);
                let is_found = ways[0].iter().any(|way| {
                    way.name == "Accounts"
                        && way.namespace.as_deref() == Some("crm")
                        && way.sync_id.is_none_or(|sync_id| sync_id == Some(42))
                });
                assert!(is_found, "{path} {file} {key} {ways:?}");
            }
        }
    }
}
