//! Pages and their states.

use serde_json::json;

use crate::world::{World, catalog, contacts, names, sorted};

#[tokio::test(flavor = "multi_thread")]
async fn a_state_follows_each_page_with_the_number_of_its_records() {
    let world = World::kind().await;
    world.add_contacts(25);
    let run = world.read(json!({"api": "bulk", "max_page_rows": 10}), &contacts()).await;
    run.assert_success();
    assert_eq!(sorted(run.column("Contact", "LastName")), names(25));
    let states = run.states("Contact");
    let counts: Vec<f64> = states.iter().map(|(_, count)| *count).collect();
    assert_eq!(counts, [0.0, 10.0, 10.0, 5.0]);
    let job = world.org.query_jobs()[0].id.clone();
    for ((state, _), rows) in states.iter().zip([0, 10, 20]) {
        assert_eq!((&state["job"], &state["rows"]), (&json!(job), &json!(rows)), "{state}");
        assert_eq!(state["locator"].is_string(), rows > 0, "{state}");
    }
}

/// Without a number of its own a page has as many rows as about 8 MB hold.
#[tokio::test(flavor = "multi_thread")]
async fn wide_records_make_small_pages() {
    let world = World::kind().await;
    world.add_contacts(1);
    for (columns, smaller_than) in [(&["LastName"][..], 200_001), (&[][..], 5_001)] {
        world.read(json!({"api": "bulk"}), &catalog(&[("Contact", columns)])).await.assert_success();
        let requests = world.org.requests();
        let page = requests.iter().rev().find(|request| request.path.contains("maxRecords=")).unwrap();
        let rows: usize = page.path.split("maxRecords=").nth(1).unwrap().split('&').next().unwrap().parse().unwrap();
        assert!((200..smaller_than).contains(&rows), "{rows}");
    }
}
