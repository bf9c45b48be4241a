//! Compares the table of `docs/values.md` with the code.

use super::{DecodedText, Kind, convert};
use crate::config::NullHandling;
use airbyte::json::Cursor;

const KINDS: [(&str, Kind); 7] = [
    ("text", Kind::Text { longest: None }),
    ("number", Kind::Number),
    ("boolean", Kind::Boolean),
    ("date", Kind::Date),
    ("datetime", Kind::DateTime),
    ("time", Kind::Time),
    ("multipicklist", Kind::MultiPicklist),
];

/// A cell as the page shows it.
fn shown(kind: Kind, json: &str) -> String {
    let mut text = String::new();
    let (value, outcome) = Cursor::new(json).value_decoded(&mut text).unwrap();
    match convert(kind, value, DecodedText { text: &text, outcome }, NullHandling::Ignore) {
        Err(_) => "rejected".to_owned(),
        Ok(cell) if cell.text.is_empty() => "empty".to_owned(),
        Ok(cell) => format!("`{}`", cell.text.replace('\n', "↵").replace('\r', "␍")),
    }
}

#[test]
fn the_page_shows_the_cells_of_the_code() {
    let page = include_str!("../../../docs/values.md");
    let table: Vec<Vec<&str>> = page
        .lines()
        .skip_while(|line| !line.starts_with("| JSON value"))
        .take_while(|line| line.starts_with('|'))
        .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
        .collect();
    assert_eq!(table[0][1..], KINDS.map(|(name, _)| name));
    let rows = &table[2..];
    assert!(rows.len() >= 13);
    for row in rows {
        let json = row[0].trim_matches('`');
        let expected: Vec<String> = KINDS.iter().map(|(_, kind)| shown(*kind, json)).collect();
        assert_eq!(row[1..], expected, "{json}");
    }
}
