//! Pages whose memory comes from one budget.

use std::sync::Arc;
use std::time::Duration;

use memory::Budget;
use wiremock::matchers::{method, path};
use wiremock::{Mock, Request};

use super::tests::{RESULTS, STATUS, list, page, pages, stub};
use crate::query::JobPages;
use crate::stub_org::{StubOrg, noise};

/// A stub whose pages have as many rows as they are asked for, with texts of so many bytes. `least` is the fewest rows
/// that it puts on a page.
async fn org_with(rows: usize, length: usize, least: usize) -> StubOrg {
    let stub = stub(rows as u64).await;
    let answer = move |request: &Request| {
        let parameter = |name: &str| {
            let found = request.url.query_pairs().find(|(key, _)| key == name)?;
            found.1.trim_start_matches('L').parse::<usize>().ok()
        };
        let start = parameter("locator").unwrap_or_default();
        let end = rows.min(start + parameter("maxRecords").unwrap_or(least).max(least));
        let lines: String = (start..end).map(|row| format!("\"{row}\",\"{}\"\n", noise(row, length))).collect();
        let next = if end < rows { format!("L{end}") } else { "null".to_owned() };
        page(&lines, (end - start) as u64, &next)
    };
    let mock = Mock::given(method("GET")).and(path(format!("/services/data{RESULTS}")));
    mock.respond_with(answer).mount(&stub.server).await;
    stub
}

/// Reads all pages, and checks each row. Returns the most bytes that pages held.
async fn read_all(mut pages: JobPages, budget: &Budget, rows: usize, length: usize) -> usize {
    let (mut row, mut most) = (0, 0);
    while let Some(mut page) = pages.next().await.unwrap() {
        most = most.max(budget.used());
        while let Some(read) = page.next_row() {
            assert_eq!((read.at(0), read.at(1)), (Some(&*row.to_string()), Some(&*noise(row, length))));
            row += 1;
        }
        drop(page);
    }
    assert_eq!(row, rows);
    most
}

/// The numbers of rows that were asked for.
async fn asked(stub: &StubOrg) -> Vec<usize> {
    let number = |request: &Request| request.url.query_pairs().find(|(key, _)| key == "maxRecords")?.1.parse().ok();
    stub.requests("GET", RESULTS).await.iter().filter_map(number).collect()
}

#[tokio::test]
async fn a_page_that_takes_too_much_is_asked_for_again_with_fewer_rows() {
    const LENGTH: usize = 20_000;
    let stub = org_with(40, LENGTH, 1).await;
    let budget = Budget::new(400_000);
    let read = pages(&stub, None).await.within(Arc::clone(&budget)).rows_per_page(1_000);
    let most = read_all(read, &budget, 40, LENGTH).await;
    assert!(most < 500_000, "{most}");
    let asked = asked(&stub).await;
    assert!(asked[0] == 1_000 && asked[1] < 100, "{asked:?}");
    assert_eq!(budget.used(), 0);
}

#[tokio::test]
async fn after_a_small_first_page_each_page_has_up_to_four_times_as_many_rows() {
    let stub = org_with(300, 20, 1).await;
    let budget = Budget::new(10_000_000);
    let read = pages(&stub, None).await.within(Arc::clone(&budget)).rows_per_page(200).beginning_with(10);
    read_all(read, &budget, 300, 20).await;
    assert_eq!(asked(&stub).await, [10, 40, 160, 200]);
}

#[tokio::test]
async fn without_a_budget_each_page_has_as_many_rows_as_the_first() {
    let stub = org_with(30, 20, 1).await;
    let read = pages(&stub, None).await.rows_per_page(200).beginning_with(10);
    assert_eq!(read_all(read, &Budget::new(1), 30, 20).await, 0);
    assert_eq!(asked(&stub).await, [10, 10, 10]);
}

/// Fewer rows are asked for, and the org does not care.
#[tokio::test]
async fn a_page_larger_than_the_budget_is_read_alone() {
    const LENGTH: usize = 60_000;
    for (rows_per_page, budget) in [(1, 50_000), (1_000, 290_000)] {
        let stub = org_with(30, LENGTH, 10).await;
        let budget = Budget::new(budget);
        let read = pages(&stub, None).await.within(Arc::clone(&budget)).rows_per_page(rows_per_page);
        let most = read_all(read, &budget, 30, LENGTH).await;
        assert!(most > 290_000, "{most}");
        assert!(asked(&stub).await.len() < 30);
        assert_eq!(budget.used(), 0);
    }
}

#[tokio::test]
async fn many_streams_share_a_small_budget_and_all_end() {
    const LENGTH: usize = 10_000;
    let stub = org_with(30, LENGTH, 1).await;
    let budget = Budget::new(600_000);
    let mut streams = Vec::new();
    for stream in 0..12 {
        let read = pages(&stub, None).await.within(Arc::clone(&budget)).rows_per_page(10 + stream);
        streams.push(read_all(read, &budget, 30, LENGTH));
    }
    let most = futures_util::future::join_all(streams).await.into_iter().max().unwrap();
    assert!(most < 900_000, "{most}");
    assert_eq!(budget.used(), 0);
}

#[tokio::test]
async fn a_page_that_breaks_off_gives_its_lease_back() {
    let stub = stub(2).await;
    for _ in 0..3 {
        stub.answer_once("GET", RESULTS, page("\"1\",\"a\"\n\"2\",\"b", 2, "null")).await;
    }
    stub.answer("GET", RESULTS, page("\"1\",\"a\"\n\"2\",\"b\"\n", 2, "null")).await;
    // Room for one page.
    let budget = Budget::new(300_000);
    let mut read = pages(&stub, None).await.within(Arc::clone(&budget));
    let page = tokio::time::timeout(Duration::from_secs(120), read.next()).await;
    assert_eq!(page.expect("it waits for itself").unwrap().unwrap().rows(), 2);
    assert_eq!(budget.used(), 0);
}

#[tokio::test]
async fn a_page_is_read_ahead_only_while_there_is_room_and_given_in_its_turn() {
    const LENGTH: usize = 40_000;
    for (capacity, is_ahead) in [(2_000_000, true), (300_000, false)] {
        let stub = org_with(12, LENGTH, 2).await;
        let locators = ["L0", "L2", "L4", "L6", "L8", "L10"];
        stub.answer("GET", &format!("{STATUS}/resultPages"), list(&locators)).await;
        let budget = Budget::new(capacity);
        let mut read = pages(&stub, None).await.within(Arc::clone(&budget)).at_once(4);
        for _ in 0..2 {
            assert_eq!(read.next().await.unwrap().unwrap().rows(), 2);
        }
        if is_ahead {
            while stub.requests("GET", RESULTS).await.len() < 4 {
                tokio::task::yield_now().await;
            }
            assert!(budget.used() > 0);
        } else {
            assert_eq!(stub.requests("GET", RESULTS).await.len(), 2);
        }
        let mut row = 4;
        while let Some(mut page) = read.next().await.unwrap() {
            while let Some(read) = page.next_row() {
                assert_eq!(read.at(0), Some(&*row.to_string()));
                row += 1;
            }
        }
        assert_eq!((row, budget.used()), (12, 0));
        assert!(asked(&stub).await.is_empty(), "all pages are those of the list");
    }
}

/// Who waits holds nothing: otherwise two streams would wait for each other's pages.
#[tokio::test]
async fn streams_that_read_ahead_in_a_small_budget_do_not_wait_for_each_other() {
    const LENGTH: usize = 30_000;
    let stub = org_with(24, LENGTH, 2).await;
    let locators: Vec<String> = (0..24).step_by(2).map(|row| format!("L{row}")).collect();
    let locators: Vec<&str> = locators.iter().map(String::as_str).collect();
    stub.answer("GET", &format!("{STATUS}/resultPages"), list(&locators)).await;
    let budget = Budget::new(900_000);
    let mut streams = Vec::new();
    for _ in 0..6 {
        let read = pages(&stub, None).await.within(Arc::clone(&budget)).at_once(4);
        streams.push(read_all(read, &budget, 24, LENGTH));
    }
    futures_util::future::join_all(streams).await;
    assert_eq!(budget.used(), 0);
}
