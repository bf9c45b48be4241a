use super::*;
use crate::find::constants::Constants;
use crate::find::{Found, find};

const TEXT: &str = r#"
//! A comment.
const A: usize = 3;
/// Another.
pub fn f(x: usize, y: &str) -> Option<bool> {
    let (a, b) = (x + A * 2, !y.is_empty()); // and a third
    if let Some(c) = y.chars().next() && c != 'q' || b { g(a); }
    while a < A { h(); break; }
    match a { 0 => return None, 1 | 2 if b => {} other => g(other) }
    Some(matches!(y, "a" | "b") && y.starts_with("ab"))
}
"#;

fn found() -> (Vec<Site>, Found) {
    let text = TEXT.replace("&& c != 'q' || b", "&& (c != 'q' || b)");
    let tree = syn::parse_file(&text).unwrap();
    let mut constants = Constants::default();
    constants.add("a.rs", &tree);
    let mut found = Found::default();
    let sites = find("a.rs", &text, &tree, &constants, &mut found);
    (sites, found)
}

/// The text without the switches: each is taken out with the code that only a mutant runs.
fn without_switches(written: &Written, sites: &[Site]) -> String {
    let mut text = written.text.clone();
    let mut own: Vec<_> = written.regions.iter().map(|region| region.own.clone()).collect();
    own.sort_by_key(|own| Reverse(own.start));
    for own in own {
        text.replace_range(own, "");
    }
    assert!(!text.contains("mutant_switch"), "{text}");
    assert!(!sites.is_empty());
    text
}

#[test]
fn the_text_with_switches_is_rust_and_keeps_the_original_in_order() {
    let original = TEXT.replace("&& c != 'q' || b", "&& (c != 'q' || b)");
    let (sites, found) = found();
    let written = write(&original, &sites, &BTreeSet::new());
    syn::parse_file(&written.text).unwrap_or_else(|error| panic!("{error}: {}", written.text));
    for number in 0..found.mutants.len() {
        let switch = format!("is_on({number})");
        assert!(written.text.contains(&switch), "{switch}");
    }
    // What is left besides the original are the brackets around it.
    let mut rest = original.chars().filter(|letter| !letter.is_whitespace()).peekable();
    for letter in without_switches(&written, &sites).chars().filter(|letter| !letter.is_whitespace()) {
        if rest.peek() == Some(&letter) {
            rest.next();
        } else {
            assert!("(){}".contains(letter), "{letter}");
        }
    }
    assert_eq!(rest.collect::<String>(), "");
}

#[test]
fn without_mutants_the_text_is_the_same() {
    let original = TEXT.replace("&& c != 'q' || b", "&& (c != 'q' || b)");
    let (sites, found) = found();
    let all = (0..found.mutants.len() as Number).collect();
    let written = write(&original, &sites, &all);
    assert_eq!(written.text, original);
    assert!(written.regions.is_empty());
}

#[test]
fn a_region_is_where_its_mutant_is() {
    let (sites, found) = found();
    let written = write(&TEXT.replace("&& c != 'q' || b", "&& (c != 'q' || b)"), &sites, &BTreeSet::new());
    for region in &written.regions {
        assert!(written.text[region.own.clone()].contains(&format!("is_on({})", region.number)));
        assert!(region.site.start <= region.own.start && region.own.end <= region.site.end);
    }
    let region = |what: &str| {
        let number = found.mutants.iter().position(|mutant| mutant.what == what).unwrap() as Number;
        let region = written.regions.iter().find(|region| region.number == number).unwrap();
        (&written.text[region.own.clone()], &written.text[region.site.clone()])
    };
    let (own, site) = region("without `h();`");
    assert!(own.starts_with("if !::mutant_switch::is_on(") && own.ends_with(") { "), "{own}");
    assert!(site.ends_with("h(); }"), "{site}");
}
