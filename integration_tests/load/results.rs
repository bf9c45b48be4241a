//! The success and error files.

use salesforce_sim::RowFault;
use serde_json::{Value, json};

use super::Folder;
use crate::world::World;

/// The rows of a CSV with its header.
fn table(csv: &str) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(csv.as_bytes());
    reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn rejected_rows_are_in_the_error_file_with_their_reasons_and_load_as_they_are_after_repair() {
    let world = World::new().await;
    let folder = Folder::new(&world, json!({}));
    folder.write(
        "people.csv",
        "Email,LastName,Description\nann@example.com,Example,one\nno address,\"Sample, \"\"B\"\"\",\"two\nlines\"\n",
    );
    let load = folder.load("--object Contact --operation insert people.csv").await;
    load.assert_code(2);
    assert!(load.stderr.contains("people.csv: 2 rows, 1 loaded, 1 rejected."), "{}", load.stderr);
    assert!(load.stderr.contains("Rejected rows: 1. ./people_error.csv has them"), "{}", load.stderr);

    let error = folder.read("people_error.csv");
    let rows = table(&error);
    assert_eq!(rows.len(), 2);
    assert_eq!(
        rows[0],
        [
            "Email",
            "LastName",
            "Description",
            "sf__Id",
            "sf__Error",
            "rejected_reason",
            "rejected_field",
            "rejected_message",
            "source_row"
        ]
    );
    assert_eq!(rows[1][..4], ["no address", "Sample, \"B\"", "two\nlines", ""]);
    assert_eq!((&*rows[1][5], &*rows[1][6], &*rows[1][8]), ("INVALID_EMAIL_ADDRESS", "Email", "2"));

    folder.write("people_error.csv", error.replace("no address", "bob@example.com"));
    folder.load("--object Contact --operation insert people_error.csv").await.assert_code(0);
    assert!(folder.path("people_error_success.csv").exists(), "{:?}", folder.names());
    let emails = ["ann@example.com", "bob@example.com"].map(|email| Some(email.to_owned()));
    assert_eq!(world.values("Contact", "Email"), emails);
    let descriptions = ["one", "two\nlines"].map(|text| Some(text.to_owned()));
    assert_eq!(world.values("Contact", "Description"), descriptions);
    assert!(!folder.names().iter().any(|name| name.ends_with(".load")), "{:?}", folder.names());
}

/// A delete of what a success file lists keeps the ids of the rows that are rejected.
#[tokio::test(flavor = "multi_thread")]
async fn rejected_rows_of_a_result_file_keep_the_ids_that_a_rename_takes_from_it() {
    for format in ["csv", "jsonl"] {
        let world = World::new().await;
        let folder = Folder::new(&world, json!({}));
        let rows = match format {
            "csv" => "LastName\nExample\nSample\n",
            _ => "{\"LastName\":\"Example\"}\n{\"LastName\":\"Sample\"}\n",
        };
        folder.write(&format!("c.{format}"), rows);
        folder.load(&format!("--object Contact --operation insert c.{format}")).await.assert_code(0);
        let ids: Vec<String> = world.org.records("Contact").iter().map(|it| it["Id"].clone().unwrap()).collect();
        let kept = ids[1].clone();
        let fault = RowFault::new("Contact", "DELETE_FAILED:No:--").times(1);
        world.org.inject(fault.when(move |row| row.get("Id") == Some(&kept)));

        let undo = format!("--object Contact --operation delete --rename sf__Id=Id c_success.{format}");
        let load = folder.load(&undo).await;
        load.assert_code(2);
        assert!(!load.stderr.contains("is ignored"), "a delete needs the ids alone: {}", load.stderr);
        assert_eq!(world.org.count("Contact"), 1);
        let error = folder.read(&format!("c_success_error.{format}"));
        if format == "csv" {
            let rows = table(&error);
            assert_eq!(
                (rows.len(), &rows[0][..4]),
                (2, &["LastName", "Id", "sf__Id", "sf__Error"].map(str::to_owned)[..])
            );
            assert_eq!(rows[1][1], ids[1]);
        } else {
            let row: Value = serde_json::from_str(&error).unwrap();
            assert_eq!((&row["Id"], &row["source_row"]), (&json!(ids[1]), &json!(2)));
        }
        // It has both names: which of them has the id is for the user to say.
        let load = folder.load(&undo.replace("c_success.", "c_success_error.")).await;
        load.assert_error("--rename takes its column sf__Id to Id, and it has a column Id");
        let again = folder.load(&format!("--object Contact --operation delete c_success_error.{format}")).await;
        again.assert_code(0);
        assert_eq!(world.org.count("Contact"), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rejected_objects_keep_the_types_of_their_values() {
    let world = World::new().await;
    let folder = Folder::new(&world, json!({}));
    folder.write(
        "people.jsonl",
        "{\"LastName\":\"Example\",\"Email\":\"no address\",\"HasOptedOutOfEmail\":true,\"Description\":\"#N/A\"}\n\
         {\"LastName\":\"Sample\",\"Email\":\"no address\",\"HasOptedOutOfEmail\":true}\n",
    );
    folder.load("--object Contact --operation insert people.jsonl").await.assert_code(2);
    let error = folder.read("people_error.jsonl");
    let mut rows: Vec<Value> = error.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    rows.sort_by_key(|row| row["source_row"].as_u64());
    assert_eq!(rows.len(), 2, "{error}");
    assert_eq!(
        (&rows[0]["HasOptedOutOfEmail"], &rows[0]["source_row"]),
        (&json!(true), &json!(1)),
        "the connector rejects it"
    );
    assert_eq!((&rows[1]["HasOptedOutOfEmail"], &rows[1]["rejected_field"]), (&json!(true), &json!("Email")));
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_an_earlier_load_are_kept() {
    let world = World::new().await;
    world.org.inject(RowFault::new("Account", "FIELD_CUSTOM_VALIDATION_EXCEPTION:No:--"));
    let folder = Folder::new(&world, json!({}));
    folder.write("a.csv", "Name\nExample\n");
    for _ in 0..2 {
        folder.load("--object Account --operation insert a.csv").await.assert_code(2);
    }
    std::fs::create_dir(folder.path("results")).unwrap();
    folder.load("--object Account --operation insert --results results a.csv").await.assert_code(2);
    let names = folder.names();
    for name in ["a_error.csv", "a_error_2.csv"] {
        assert!(names.contains(&name.to_owned()), "{names:?}");
    }
    assert!(folder.path("results/a_error.csv").exists());
    folder.load_input("--object Account --operation insert -", b"Name\nSample\n".to_vec()).await.assert_code(2);
    assert!(folder.read("stdin_error.csv").starts_with("Name,sf__Id"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_byte_order_mark_that_a_spreadsheet_needs_is_in_the_error_file_too() {
    let world = World::new().await;
    let folder = Folder::new(&world, json!({}));
    folder.write("c.csv", "\u{feff}LastName,Email\nZoë Example,no address\n");
    folder.load("--object Contact --operation insert c.csv").await.assert_code(2);
    assert!(folder.read("c_error.csv").starts_with("\u{feff}LastName,"));
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_rejected_rows_end_the_load_and_are_in_the_error_file() {
    let world = World::new().await;
    let folder = Folder::new(&world, json!({"max_rejected_records": 1}));
    folder.write("c.csv", "LastName,Email\nExample,none\nSample,none\nTest,none\n");
    let load = folder.load("--object Contact --operation insert c.csv").await;
    load.assert_error(
        "The number of rejected records is 3, and `max_rejected_records` allows 1. The error file has them",
    );
    load.assert_error("The first 3 rows are done. Give the same command again to continue.");
    assert_eq!(table(&folder.read("c_error.csv")).len(), 4);
}

/// The rows of a CSV without what differs from one run to the next: the ids.
fn without_ids(mut rows: Vec<Vec<String>>) -> Vec<Vec<String>> {
    let id = rows[0].iter().position(|name| name == "sf__Id").unwrap();
    rows.iter_mut().skip(1).for_each(|row| assert_eq!(row[id].len(), 18));
    rows.iter_mut().for_each(|row| drop(row.remove(id)));
    rows[1..].sort();
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn the_success_file_has_the_rows_with_their_ids_and_says_which_are_new() {
    let world = World::new().await;
    let id = world.org.insert("Account", &[("Name", "Old"), ("External_Id__c", "A-1")]).unwrap();
    let folder = Folder::new(&world, json!({}));
    folder.write("a.csv", "External_Id__c,Name\nA-1,\"New, old\"\nA-2,Other\n");
    let load = folder.load("--object Account --operation upsert --key External_Id__c a.csv").await;
    load.assert_code(0);
    assert!(load.stderr.contains("The ids of the loaded rows are in ./a_success.csv."), "{}", load.stderr);
    let success = folder.read("a_success.csv");
    assert!(success.contains(&id), "{success}");
    assert_eq!(
        without_ids(table(&success)),
        [
            ["source_row", "External_Id__c", "Name", "sf__Created", "written_records"],
            ["1", "A-1", "New, old", "false", "1"],
            ["2", "A-2", "Other", "true", "1"],
        ]
    );

    // What was loaded is deleted by the ids of its success file.
    folder.load("--object Account --operation delete --rename sf__Id=Id a_success.csv").await.assert_code(0);
    assert_eq!(world.org.count("Account"), 0);
    assert_eq!(table(&folder.read("a_success_success.csv")).len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rows_that_the_success_file_lacks_are_counted() {
    let world = World::new().await;
    world.org.insert("Contact", &[("LastName", "Example"), ("Email", "ann@example.com")]);
    let folder = Folder::new(&world, json!({}));
    for (skipped, said) in [(0, None), (1, Some("1 row without an id there")), (2, Some("2 rows without an id there"))]
    {
        let others: String = (0..skipped).map(|number| format!("nobody-{number}@example.com,1\n")).collect();
        folder.write("c.csv", format!("Email,Phone\nann@example.com,1\n{others}"));
        let update = "--object Contact --operation update --key Email --on-missing skip c.csv";
        let load = folder.load(update).await;
        load.assert_code(0);
        assert_eq!(load.stderr.contains("without an id"), said.is_some(), "{}", load.stderr);
        assert!(load.stderr.contains(said.unwrap_or_default()), "{}", load.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_rows_have_their_own_numbers_in_the_success_file() {
    let world = World::new().await;
    let folder = Folder::new(&world, json!({}));
    folder.write("a.csv", "Name\nExample\nExample\nSample\nExample\n");
    folder.load("--object Account --operation insert a.csv").await.assert_code(0);
    let mut numbers: Vec<String> =
        table(&folder.read("a_success.csv"))[1..].iter().map(|row| format!("{} {}", row[0], row[1])).collect();
    numbers.sort();
    assert_eq!(numbers, ["1 Example", "2 Example", "3 Sample", "4 Example"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_success_file_of_an_insert_of_objects_keeps_their_types() {
    let world = World::new().await;
    let folder = Folder::new(&world, json!({}));
    folder.write("c.jsonl", "{\"LastName\":\"Example\",\"HasOptedOutOfEmail\":true}\n");
    folder.load("--object Contact --operation insert c.jsonl").await.assert_code(0);
    let row: Value = serde_json::from_str(&folder.read("c_success.jsonl")).unwrap();
    let id = world.org.records("Contact")[0]["Id"].clone().unwrap();
    assert_eq!(
        row,
        json!({
            "source_row": 1, "LastName": "Example", "HasOptedOutOfEmail": true, "sf__Id": id, "sf__Created": true,
            "written_records": 1,
        })
    );
}
