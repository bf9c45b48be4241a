//! What the pipeline stored, in the result files.

use std::fs;
use std::path::PathBuf;

use serde_json::{Map, Value, json};
use tempfile::TempDir;

use super::super::work_folder::Identity;
use super::*;
use crate::rejected::of_several_records;

/// A load of a file with the columns `Name` and `Key__c`.
pub(in super::super) struct Load {
    folder: TempDir,
    format: FileFormat,
}

impl Load {
    pub(in super::super) fn new(format: FileFormat) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), format }
    }

    pub(in super::super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Stores an object with these lines.
    pub(in super::super) fn store(&self, key: &str, lines: &[Value]) {
        let path = self.path("f.load/objects").join(key);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, lines.iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
    }

    pub(in super::super) async fn open(&self) -> (WorkFolder, Results) {
        let columns = ["Name", "Key__c"].map(str::to_owned).to_vec();
        let layout = Layout { format: self.format, has_bom: false, shown: columns.clone(), columns };
        let identity = Identity { name: "f".to_owned(), target: Map::new(), layout: layout.clone() };
        let names = || Ok(ResultNames { success: "success".into(), error: "error".into() });
        let folder = WorkFolder::open(&self.path("f.load"), identity, names).unwrap();
        let folders = Folders { journal: "journal/", successes: "successes/" };
        let storage = Storage::in_folder(&folder.objects());
        let results = Results::open(storage, folders, layout, &folder).await.unwrap();
        (folder, results)
    }

    pub(in super::super) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }
}

fn row(number: u64, data: Value) -> Value {
    let time = if number == 0 { 0 } else { 1_000_000_000_000 + number };
    json!({"_airbyte_extracted_at": time, "_airbyte_data": data})
}

fn written(number: u64, id: &str) -> Value {
    let name = format!("Example {number}");
    row(number, json!({"Name": name, "sf__Id": id, "sf__Created": true, "written_records": 1}))
}

fn rejected(number: u64, message: &str) -> Value {
    row(number, json!({"Name": format!("Example {number}"), "rejected_message": message}))
}

/// The names of the rows of a CSV.
fn names(csv: &str) -> Vec<String> {
    csv.lines().skip(1).map(|row| row.split(',').find(|cell| cell.starts_with("Example")).unwrap().to_owned()).collect()
}

#[tokio::test]
async fn rows_that_a_failed_move_left_are_not_there_twice() {
    let load = Load::new(FileFormat::Csv);
    let (mut folder, mut results) = load.open().await;
    let rows = [written(1, "001A"), written(2, "001B")];
    load.store("successes/a", &[&rows[..], &[json!("no row")]].concat());
    results.add(0, 2).await.unwrap_err();
    load.store("successes/a", &rows);
    results.add(0, 2).await.unwrap();
    folder.save(|checkpoint| results.note(checkpoint)).unwrap();
    assert_eq!(folder.checkpoint().records_with_id, 2);
    results.close().unwrap();
    assert_eq!(names(&load.read("success")), ["Example 1", "Example 2"]);
    drop(folder);
    load.open().await;
}

/// The values of row 5 are in row 2500, whose state has not left when that of row 5 has.
#[tokio::test]
async fn rejected_rows_that_nobody_rejects_again_are_kept_when_a_load_goes_on() {
    let load = Load::new(FileFormat::Csv);
    let (_folder, mut results) = load.open().await;
    let merged = of_several_records("No.", 2);
    load.store("a", &[rejected(1_999, &merged), rejected(2_500, &merged), rejected(2_600, "No."), rejected(0, "No.")]);
    load.store("b", &[rejected(1_000, "No."), rejected(0, "No.")]);
    load.store("c", &[rejected(0, "No.")]);
    load.store("d", &[rejected(2_000, &merged), rejected(0, "No.")]);
    assert!(results.keep_unsettled(2_000).await.unwrap());
    results.forget_unsettled().await.unwrap();
    assert!(!results.has_unsettled().await.unwrap());
    let mut names = names(&load.read("error"));
    names.sort();
    assert_eq!(names, ["Example 0", "Example 0", "Example 2500"]);
    assert!(!results.keep_unsettled(2_000).await.unwrap());
}

/// A row that was written is not always written again, so its object stays, and gives its rows when they are settled.
#[tokio::test]
async fn written_rows_wait_for_their_state_when_a_load_goes_on() {
    let load = Load::new(FileFormat::Csv);
    load.store("successes/a", &[written(0, "001A"), written(7, "001B")]);
    let (_folder, mut results) = load.open().await;
    assert!(!results.keep_unsettled(5).await.unwrap());
    results.forget_unsettled().await.unwrap();
    assert_eq!(load.read("success"), "");
    results.add(5, 7).await.unwrap();
    assert_eq!(names(&load.read("success")), ["Example 7", "Example 0"]);
}

#[tokio::test]
async fn rejected_rows_without_a_number_are_added_once_at_the_end() {
    let load = Load::new(FileFormat::Csv);
    let (mut folder, mut results) = load.open().await;
    load.store("a", &[rejected(0, "No.")]);
    results.add(0, 2_000).await.unwrap();
    folder.save(|checkpoint| results.note(checkpoint)).unwrap();
    results.forget(2_000).await.unwrap();
    assert_eq!(results.have_rows(), [false, false], "nobody knows whether the row is settled");
    results.add(2_000, u64::MAX).await.unwrap();
    let error = load.read("error");
    assert_eq!(names(&error), ["Example 0"]);
    assert!(error.ends_with(",\r\n"), "it has no number: {error}");
}

#[tokio::test]
async fn a_load_that_goes_on_keeps_each_id_of_a_row_that_wrote_several_records() {
    let load = Load::new(FileFormat::Csv);
    load.store("successes/a", &[written(1, "001A"), written(1, "001B")]);
    let (_folder, mut results) = load.open().await;
    load.store("successes/b", &[written(1, "001B"), written(1, "001C")]);
    results.add(0, 1).await.unwrap();
    let success = load.read("success");
    let ids: Vec<&str> = success.lines().skip(1).map(|row| row.split(',').nth(3).unwrap()).collect();
    assert_eq!(ids, ["001A", "001B", "001C"]);
}

/// Rows of one object may be settled at different times.
#[tokio::test]
async fn each_row_of_an_object_is_added_when_it_is_due_and_the_object_goes_with_the_last() {
    let load = Load::new(FileFormat::Csv);
    let (mut folder, mut results) = load.open().await;
    load.store("successes/a", &[written(5, "001C"), written(1, "001A"), written(3, "001B")]);
    load.store("b", &[rejected(2, "No."), rejected(6, "No."), rejected(0, "No.")]);
    let object = |key: &str| load.path("f.load/objects").join(key).exists();
    for (after, up_to, written, rejected, is_left) in [
        (0, 1, &["Example 1"][..], &[][..], [true, true]),
        (1, 2, &["Example 1"], &["Example 2"], [true, true]),
        (2, 4, &["Example 1", "Example 3"], &["Example 2"], [true, true]),
        (4, 5, &["Example 1", "Example 3", "Example 5"], &["Example 2"], [false, true]),
        (5, 6, &["Example 1", "Example 3", "Example 5"], &["Example 2", "Example 6", "Example 0"], [false, false]),
    ] {
        results.add(after, up_to).await.unwrap();
        folder.save(|checkpoint| results.note(checkpoint)).unwrap();
        results.forget(up_to).await.unwrap();
        assert_eq!(names(&load.read("success")), written, "{up_to}");
        assert_eq!(names(&load.read("error")), rejected, "{up_to}");
        assert_eq!(["successes/a", "b"].map(object), is_left, "{up_to}");
    }
    assert_eq!(folder.checkpoint().records_with_id, 3);
}

#[tokio::test]
async fn a_file_may_have_the_name_of_a_folder_of_the_load() {
    let load = Load::new(FileFormat::Csv);
    let (_folder, mut results) = load.open().await;
    load.store("7/journal/a", &[rejected(1, "No.")]);
    load.store("7/successes/a", &[rejected(2, "No.")]);
    load.store("journal/1/750.entry", &[json!("no row")]);
    results.add(0, 2).await.unwrap();
    assert_eq!(names(&load.read("error")), ["Example 1", "Example 2"]);
    assert_eq!(load.read("success"), "");
}

/// One row of the file may stand for several records.
#[tokio::test]
async fn each_rejection_of_a_row_is_kept_when_a_load_goes_on() {
    let load = Load::new(FileFormat::Csv);
    load.store("successes/a", &[written(1, "001A")]);
    let (_folder, mut results) = load.open().await;
    load.store("b", &[rejected(1, "No."), rejected(1, "No.")]);
    load.store("c", &[rejected(1, "No.")]);
    results.add(0, 1).await.unwrap();
    assert_eq!(names(&load.read("error")), ["Example 1"; 3]);
}

/// Salesforce gives no id for a record that it left as it was.
#[tokio::test]
async fn rows_that_one_run_wrote_with_one_number_and_id_are_all_there() {
    let load = Load::new(FileFormat::Csv);
    load.store("a", &[rejected(3, "No.")]);
    let (_folder, mut results) = load.open().await;
    load.store("successes/a", &[written(1, ""), written(1, ""), written(2, "001A"), written(2, "001A")]);
    results.add(0, 2).await.unwrap();
    assert_eq!(names(&load.read("success")), ["Example 1", "Example 1", "Example 2", "Example 2"]);
}

/// The rows of a job are stored a second time, without their numbers, by the run after a kill.
#[tokio::test]
async fn written_rows_without_a_number_are_added_unless_their_job_is_known() {
    for (in_file, in_object, is_added) in [(false, false, true), (true, false, false), (false, true, false)] {
        let id_of_rejected = row(9, json!({"Name": "Example 9", "sf__Id": "001A", "rejected_message": "No."}));
        let load = Load::new(FileFormat::Csv);
        let (mut folder, mut results) = load.open().await;
        if in_file {
            load.store("successes/a", &[written(1, "001A")]);
            results.add(0, 1).await.unwrap();
            folder.save(|checkpoint| results.note(checkpoint)).unwrap();
            results.forget(1).await.unwrap();
        }
        if in_object {
            load.store("successes/a", &[written(9, "001X"), written(9, "001A")]);
        }
        load.store("b", &[id_of_rejected]);
        load.store("successes/b", &[written(0, "001A"), written(0, "001B")]);
        results.add(1, 5).await.unwrap();
        let success = load.read("success");
        let count = success.lines().filter(|line| line.contains("Example 0")).count();
        assert_eq!(count, if is_added { 2 } else { 0 }, "{in_file} {in_object}: {success}");
    }
}

/// A record may be written by one row and refused by another.
#[tokio::test]
async fn rejected_rows_without_a_number_are_added_although_their_record_was_written() {
    let load = Load::new(FileFormat::Csv);
    let (_folder, mut results) = load.open().await;
    load.store("successes/a", &[written(1, "001A")]);
    let data = json!({"Name": "Example 0", "sf__Id": "001A", "rejected_message": "No."});
    load.store("b", &[row(0, data)]);
    results.add(0, u64::MAX).await.unwrap();
    assert_eq!(names(&load.read("success")), ["Example 1"]);
    assert_eq!(names(&load.read("error")), ["Example 0"]);
}

#[tokio::test]
async fn an_error_file_has_the_input_and_the_reasons_once_each() {
    let data = json!({
        "Key__c": 1.50, "sf__Id": "", "sf__Error": "X:no:Name --", "rejected_reason": "X", "rejected_field": "Name",
        "rejected_message": "no, \"never\"", "Name": ["a"], "source_row": 9, "written_records": 4, "sf__Created": true,
    });
    for (format, expected) in [
        (
            FileFormat::Csv,
            "Name,Key__c,sf__Id,sf__Error,rejected_reason,rejected_field,rejected_message,source_row\r\n\
             \"[\"\"a\"\"]\",1.5,,X:no:Name --,X,Name,\"no, \"\"never\"\"\",2\r\n",
        ),
        (
            FileFormat::Jsonl,
            "{\"Key__c\":1.5,\"Name\":[\"a\"],\"sf__Id\":\"\",\"sf__Error\":\"X:no:Name --\",\
             \"rejected_reason\":\"X\",\"rejected_field\":\"Name\",\
             \"rejected_message\":\"no, \\\"never\\\"\",\"source_row\":2}\n",
        ),
    ] {
        let load = Load::new(format);
        let (_folder, mut results) = load.open().await;
        load.store("a", &[row(2, data.clone())]);
        results.add(0, 2).await.unwrap();
        assert_eq!(load.read("error"), expected);
    }
}

#[test]
fn a_cell_is_quoted_if_it_would_end_early_without() {
    for (cell, expected) in [
        ("plain text; 'x'", "plain text; 'x'"),
        ("a,b", "\"a,b\""),
        ("a\"b", "\"a\"\"b\""),
        ("a\rb", "\"a\rb\""),
        ("a\nb", "\"a\nb\""),
        ("", ""),
    ] {
        let mut line = Vec::new();
        csv_line([cell, cell].map(str::to_owned).into_iter(), &mut line);
        assert_eq!(String::from_utf8(line).unwrap(), format!("{expected},{expected}\r\n"));
    }
}

#[tokio::test]
async fn the_first_row_of_a_success_file_does_not_choose_its_columns() {
    let rows = [
        row(1, json!({"Key__c": "A-1", "sf__Id": "001A", "sf__Created": null, "written_records": 2})),
        row(
            2,
            json!({"Name": "Example", "Key__c": "A-2", "sf__Id": "001B", "sf__Created": true, "written_records": 1}),
        ),
    ];
    for (format, expected) in [
        (
            FileFormat::Csv,
            "source_row,Name,Key__c,sf__Id,sf__Created,written_records\r\n1,,A-1,001A,,2\r\n\
             2,Example,A-2,001B,true,1\r\n",
        ),
        (
            FileFormat::Jsonl,
            "{\"source_row\":1,\"Key__c\":\"A-1\",\"sf__Id\":\"001A\",\"sf__Created\":null,\"written_records\":2}\n\
             {\"source_row\":2,\"Name\":\"Example\",\"Key__c\":\"A-2\",\"sf__Id\":\"001B\",\"sf__Created\":true,\
             \"written_records\":1}\n",
        ),
    ] {
        let load = Load::new(format);
        load.store("successes/a", &rows);
        let (_folder, mut results) = load.open().await;
        results.add(0, 2).await.unwrap();
        assert_eq!(load.read("success"), expected);
    }
}

#[tokio::test]
async fn a_load_whose_files_have_rows_is_used() {
    for (key, rows, have_rows) in
        [("successes/a", written(1, "001A"), [true, false]), ("a", rejected(1, "No."), [false, true])]
    {
        let load = Load::new(FileFormat::Csv);
        let (_folder, mut results) = load.open().await;
        load.store(key, &[rows]);
        results.add(0, 1).await.unwrap();
        results.forget(1).await.unwrap();
        assert_eq!((results.have_rows(), results.is_unused().await.unwrap()), (have_rows, false), "{key}");
    }
}

#[tokio::test]
async fn a_job_in_the_journal_may_have_loaded_rows() {
    for (key, may_have) in [
        ("journal/1/750.entry", true),
        ("successes/a", true),
        ("a", false),
        ("7/journal/a", false),
        ("7/successes/a", false),
    ] {
        let load = Load::new(FileFormat::Csv);
        let (_folder, results) = load.open().await;
        assert!(!results.has_unsettled().await.unwrap() && results.is_unused().await.unwrap());
        load.store(key, &[]);
        assert_eq!(results.has_unsettled().await.unwrap(), may_have, "{key}");
        assert!(!results.is_unused().await.unwrap(), "{key}");
    }
}
