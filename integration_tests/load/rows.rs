//! Which records a file becomes.

use serde_json::json;

use super::{Folder, records};
use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn the_rows_of_a_csv_are_inserted() {
    let world = World::new().await;
    let folder = Folder::new(&world, json!({}));
    folder.write("people.csv", "LastName,Email\nExample,ann@example.com\nSample,\n");
    let load = folder.load("--object Contact --operation insert people.csv").await;
    load.assert_code(0);
    assert_eq!(
        records(&world, "Contact", &["LastName", "Email"]),
        [json!({"LastName": "Example", "Email": "ann@example.com"}), json!({"LastName": "Sample"})]
    );
    assert!(load.stderr.contains("Loading people.csv (CSV) into Contact: insert.\n"), "{}", load.stderr);
    assert!(load.stderr.contains("people.csv: 2 rows, 2 loaded, 0 rejected.\n"), "{}", load.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn quotes_line_breaks_byte_order_mark_and_crlf_are_read() {
    let world = World::new().await;
    let folder = Folder::new(&world, json!({}));
    let csv = "\u{feff}\"Name\",Description\r\n\"Example, \"\"Ltd\"\"\",\"two\r\nlines\"\r\nSample Zoë,5\" pipe\r\n";
    folder.write("a.csv", csv);
    folder.load("--object Account --operation insert a.csv").await.assert_code(0);
    assert_eq!(
        records(&world, "Account", &["Name", "Description"]),
        [
            json!({"Name": "Sample Zoë", "Description": "5\" pipe"}),
            json!({"Name": "Example, \"Ltd\"", "Description": "two\nlines"})
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_of_a_csv_become_values_of_the_types_of_their_fields() {
    let world = World::new().await;
    let folder = Folder::new(&world, json!({}));
    folder.write("o.csv", "Name,StageName,CloseDate,Amount\nExample,Prospecting,2026-03-04,1250.50\n");
    folder.load("--object Opportunity --operation insert o.csv").await.assert_code(0);
    assert_eq!(
        records(&world, "Opportunity", &["CloseDate", "Amount"]),
        [json!({"CloseDate": "2026-03-04", "Amount": "1250.50"})]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_cell_leaves_its_field_unless_nulls_clear() {
    for (null_handling, phone) in [("ignore", Some("+1 555 0100")), ("clear", None)] {
        let world = World::new().await;
        let id = world.org.insert("Account", &[("Name", "Example"), ("Phone", "+1 555 0100")]).unwrap();
        let folder = Folder::new(&world, json!({"null_handling": null_handling}));
        folder.write("a.csv", format!("ID,Name,Phone\n{id},Sample,\n"));
        folder.load("--object Account --operation update a.csv").await.assert_code(0);
        let expected = match phone {
            Some(phone) => json!({"Name": "Sample", "Phone": phone}),
            None => json!({"Name": "Sample"}),
        };
        assert_eq!(records(&world, "Account", &["Name", "Phone"]), [expected], "{null_handling}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upsert_finds_its_records_by_the_key() {
    let world = World::new().await;
    world.org.insert("Account", &[("Name", "Old"), ("External_Id__c", "A-1")]);
    let folder = Folder::new(&world, json!({}));
    folder.write("a.csv", "External_Id__c,Name\nA-1,New\nA-2,Other\n");
    folder.load("--object Account --operation upsert --key External_Id__c a.csv").await.assert_code(0);
    assert_eq!(world.values("Account", "Name"), [Some("New".to_owned()), Some("Other".to_owned())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_found_by_other_fields_and_what_is_missing_is_chosen() {
    let world = World::new().await;
    world.org.insert("Contact", &[("LastName", "Example"), ("Email", "ann@example.com")]);
    let folder = Folder::new(&world, json!({}));
    folder.write("c.csv", "mail,LastName,Phone\nann@example.com,Example,1\nbob@example.com,Sample,2\n");
    let by_mail = "--object Contact --rename mail=Email --key Email";
    let load = folder.load(&format!("{by_mail} --operation update c.csv")).await;
    load.assert_code(2);
    assert_eq!(world.values("Contact", "Phone"), [Some("1".to_owned())]);
    folder.load(&format!("{by_mail} --operation upsert --on-missing insert c.csv")).await.assert_code(0);
    assert_eq!(world.values("Contact", "Phone"), [Some("1".to_owned()), Some("2".to_owned())]);
    let by_both = "--object Contact --rename mail=Email --key email --key LastName --operation delete";
    folder.load(&format!("{by_both} c.csv")).await.assert_code(0);
    assert_eq!(world.org.count("Contact"), 0);
    let success = folder.read("c_success_3.csv");
    assert!(success.starts_with("source_row,mail,LastName,sf__Id,"), "a delete sends the keys alone: {success}");
    assert!(success.contains("\r\n1,ann@example.com,Example,003"), "{success}");
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_deleted_by_their_ids() {
    for (operation, id) in
        [("delete", "Id"), ("hard_delete", "Id"), ("delete", "ID"), ("delete --rename record=id", "record")]
    {
        let world = World::new().await;
        let ids = [1, 2].map(|number| world.org.insert("Account", &[("Name", &format!("Example {number}"))]).unwrap());
        let folder = Folder::new(&world, json!({}));
        folder.write("a.csv", format!("{id},Name\n{},x\n", ids[0]));
        folder.load(&format!("--object Account --operation {operation} a.csv")).await.assert_code(0);
        assert_eq!(world.values("Account", "Name"), [Some("Example 2".to_owned())], "{operation}");
        let success = folder.read("a_success.csv");
        assert!(
            success.starts_with(&format!("source_row,{id},sf__Id,sf__Created,written_records\r\n1,{},", ids[0])),
            "{operation}: {success}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn values_of_json_keep_their_types_and_a_nested_object_names_a_parent() {
    let world = World::new().await;
    world.org.insert("Account", &[("Name", "Example"), ("External_Id__c", "A-1")]);
    let folder = Folder::new(&world, json!({}));
    let line = r#"{"LastName":"Sample","HasOptedOutOfEmail":true,"Account":{"External_Id__c":"A-1"}}"#;
    folder.write("c.jsonl", format!("{line}\n\n{{\"LastName\":\"Test\"}}"));
    let load = folder.load("--object Contact --operation insert c.jsonl").await;
    load.assert_code(0);
    assert!(load.stderr.contains("Loading c.jsonl (JSONL) into Contact"), "{}", load.stderr);
    assert_eq!(world.values("Contact", "LastName"), [Some("Sample".to_owned()), Some("Test".to_owned())]);
    let account = &world.org.records("Account")[0]["Id"];
    assert!(world.values("Contact", "AccountId").contains(account));
}

#[tokio::test(flavor = "multi_thread")]
async fn standard_input_and_gzip_are_loaded_too() {
    let world = World::new().await;
    let folder = Folder::new(&world, json!({}));
    let load = folder.load_input("--object Account --operation insert -", b"Name\nExample\n".to_vec()).await;
    load.assert_code(0);
    assert!(load.stderr.contains("Loading standard input (CSV) into Account"), "{}", load.stderr);
    assert!(load.stderr.contains("standard input: 1 row, 1 loaded, 0 rejected."), "{}", load.stderr);
    let json = b"{\"Name\":\"Sample\"}\n".to_vec();
    folder.load_input("--object Account --operation insert -", json).await.assert_code(0);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut gzip, b"Name\nTest\n").unwrap();
    folder.write("a.csv.gz", gzip.finish().unwrap());
    folder.load("--object Account --operation insert a.csv.gz").await.assert_code(0);
    let names = ["Example", "Sample", "Test"].map(|name| Some(name.to_owned()));
    assert_eq!(world.values("Account", "Name"), names);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_counts_and_leaves_nothing() {
    for (config, options) in [
        (json!({}), "--dry-run --show 1 "),
        (json!({"dry_run": true}), ""),
        (json!({"dry_run": true}), "--dry-run --show 1 "),
    ] {
        let world = World::new().await;
        let folder = Folder::new(&world, config);
        folder.write("c.csv", "LastName\nExample\n\"#N/A\"\n");
        let load = folder.load(&format!("--object Contact --operation insert {options}c.csv")).await;
        // One that the configuration asks for has no success.
        assert_eq!(load.code == 0, !options.is_empty(), "{}", load.stderr);
        assert_eq!(load.stderr.contains("Example"), !options.is_empty(), "{}", load.stderr);
        world.assert_nothing_sent();
        assert_eq!(folder.names(), ["c.csv"]);
    }
}
