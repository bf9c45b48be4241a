//! What a load says, and how much it holds.

use serde_json::json;

use super::Folder;
use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_quiet_load_says_only_what_went_wrong() {
    let world = World::kind().await;
    let folder = Folder::new(&world, json!({}));
    folder.write("a.csv", "Name\nExample\n");
    let load = folder.load("-q --object Account --operation insert a.csv").await;
    load.assert_code(0);
    assert_eq!(load.stderr, "");
    folder.write("c.csv", "LastName,Email\nExample,none\n");
    let load = folder.load("-q --object Contact --operation insert c.csv").await;
    load.assert_code(2);
    assert!(load.stderr.contains("c_error.csv has them with the reasons"), "{}", load.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_written_where_they_are_asked_for() {
    let world = World::new().await;
    let folder = Folder::new(&world, json!({}));
    folder.write("a.csv", "Naem\nExample\n");
    let load = folder.load("--log-format json --object Account --operation insert a.csv").await;
    assert_eq!((load.code, &*load.stderr), (1, ""));
    let messages: Vec<serde_json::Value> =
        load.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let error = messages.iter().find(|message| message["type"] == "TRACE").unwrap();
    assert_eq!(error["trace"]["error"]["failure_type"], "config_error");
}

/// A bucket of the configuration is for syncs: what a load rejects is beside its file.
#[tokio::test(flavor = "multi_thread")]
async fn a_load_uses_no_bucket() {
    let world = World::new().await;
    let folder = Folder::new(&world, json!({}));
    folder.write("config.json", world.config(json!({})).to_string());
    folder.write("c.csv", "LastName,Email\nExample,none\n");
    folder.load("--object Contact --operation insert c.csv").await.assert_code(2);
    assert!(world.rejected_objects().is_empty() && world.reports().is_empty() && world.journal().is_empty());
    assert_eq!(folder.names(), ["c.csv", "c_error.csv"]);
}
