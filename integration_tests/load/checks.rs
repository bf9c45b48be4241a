//! What is found before the first record is sent, and leaves no file.

use serde_json::json;

use super::Folder;
use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_does_not_fit_the_org_is_named_with_the_nearest_name() {
    let world = World::new().await;
    let folder = Folder::new(&world, json!({}));
    folder.write("a.csv", "Naem,Phome,External_Id__c\nExample,1,A-1\n");
    folder.write("a.jsonl", "{\"Naem\":\"Example\"}\n");
    for (arguments, words) in [
        ("--object Acount --operation insert a.csv", "the nearest name is Account. Correct --object."),
        ("--object Account --operation insert a.csv", "Name"),
        ("--object Account --operation insert a.csv", "Phone"),
        ("--object Account --operation upsert --key External_Id a.csv", "External_Id__c"),
        (
            "--object Account --operation upsert --key Phone a.csv",
            "File a.csv: its key Phone of Account is not an external id",
        ),
        ("--object Account --operation update a.csv", "Id"),
        ("--object Account --operation update --rename Phome=Naem a.csv", "Naem"),
        ("--object Account --operation insert a.jsonl", "Name"),
    ] {
        folder.load(arguments).await.assert_error(words);
    }
    world.assert_nothing_sent();
    assert_eq!(folder.names(), ["a.csv", "a.jsonl"], "nothing is left of a load that is refused");
}

/// The user has chosen the field, so it must be there, also for a column that a result file adds.
#[tokio::test(flavor = "multi_thread")]
async fn the_field_of_a_renamed_column_of_a_result_file_must_be_there() {
    let world = World::new().await;
    let folder = Folder::new(&world, json!({}));
    folder.write("a.csv", "Name,sf__Id\nExample,001000000000001AAA\n");
    let load = folder.load("--object Account --operation insert --rename sf__Id=Legacy__c a.csv").await;
    load.assert_error("Legacy__c");
    assert_eq!(world.org.count("Account"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_arguments_contradict_is_said_before_any_request() {
    let world = World::new().await;
    let folder = Folder::new(&world, json!({}));
    folder.write("a.csv", "Name\nExample\n");
    for (arguments, words) in [
        ("--operation insert --key Name", "--key is for an operation that finds records"),
        ("--operation upsert", "an upsert needs --key"),
        ("--operation update --key Name --on-missing insert", "--on-missing is insert, and update creates no record"),
        ("--operation update --key Name --key name", "--key names a field twice"),
        ("--operation insert --rename a=X --rename a=Y", "--rename names a column twice"),
        ("--operation insert --rename a=X --rename b=x", "--rename names a field twice"),
    ] {
        folder.load(&format!("--object Account {arguments} a.csv")).await.assert_error(words);
    }
    assert_eq!(world.org.requests().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_no_table_is_refused_with_what_to_do() {
    let world = World::new().await;
    let folder = Folder::new(&world, json!({}));
    for (content, words) in [
        (&b""[..], "it is empty"),
        (b"Name;Phone\nExample;1\n", "no comma but semicolons"),
        (b"Name,,Name\n", "column 2 of its header has no name, and column 3 of its header repeats the name Name"),
        (b"\xff\xfeN\0", "UTF-16"),
        (b"PK\x03\x04xxxx", "save the sheet as CSV UTF-8"),
    ] {
        folder.write("a.csv", content);
        folder.load("--object Account --operation insert a.csv").await.assert_error(words);
    }
    folder
        .load("--object Account --operation insert b.csv")
        .await
        .assert_error("The file to load, b.csv, cannot be read");
    folder.load("--object Account --operation insert .").await.assert_error("cannot be");
    folder.write("a.json", "[{\"Name\":\"Example\"}]");
    folder.load("--object Account --operation insert a.json").await.assert_error("one object a line");
    assert_eq!((world.org.requests().len(), folder.names()), (0, vec!["a.csv".to_owned(), "a.json".to_owned()]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_without_rows_is_checked_and_loads_nothing() {
    let world = World::new().await;
    let folder = Folder::new(&world, json!({}));
    folder.write("a.csv", "Name\n");
    let load = folder.load("--object Account --operation insert a.csv").await;
    load.assert_code(0);
    assert!(load.stderr.contains("a.csv: 0 rows, 0 loaded, 0 rejected."), "{}", load.stderr);
    folder.write("b.csv", "Naem\n");
    folder.load("--object Account --operation insert b.csv").await.assert_error("Naem");
    assert_eq!(folder.names(), ["a.csv", "b.csv"]);
    world.assert_nothing_sent();
}
