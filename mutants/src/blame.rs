//! Finds the mutants that an error of the compiler is about.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::mutant::{Mutant, Number};
use crate::workspace::{list, text};
use crate::write::Region;

/// The mutants that have to go so that an error goes. It is a guess where the error is next to the mutant; a wrong one
/// costs a mutant and another try.
pub(crate) fn blame(
    error: &Value,
    regions: &BTreeMap<&str, Vec<Region>>,
    mutants: &[Mutant],
    dropped: &BTreeSet<Number>,
) -> BTreeSet<Number> {
    let places = places(error, regions);
    let around = places.iter().map(|place| around(place, regions)).find(|numbers| !numbers.is_empty());
    let blamed = around.unwrap_or_default();
    if !blamed.is_subset(dropped) {
        return blamed;
    }
    // A value that is moved or missing on a way that the compiler did not see before: a statement between the places
    // of the error can be left out.
    let Some(first) = places.first() else { return BTreeSet::new() };
    let same_file = || places.iter().filter(|place| place.file == first.file);
    let start = same_file().map(|place| place.start).min().unwrap_or(first.start);
    let end = same_file().map(|place| place.end).max().unwrap_or(first.end);
    let between = |is_one: fn(&str) -> bool| -> BTreeSet<Number> {
        let inside = regions[first.file].iter().filter(|region| start <= region.site.start && region.site.end <= end);
        let numbers = inside.map(|region| region.number);
        numbers.filter(|number| !dropped.contains(number) && is_one(&mutants[*number as usize].what)).collect()
    };
    let leaving = between(|what| {
        ["return", "break", "continue", "drop"]
            .iter()
            .any(|word| what.strip_prefix("without `").is_some_and(|statement| statement.starts_with(word)))
    });
    if leaving.is_empty() { between(|what| what.starts_with("without `") && what.contains(" = ")) } else { leaving }
}

/// A place in a file that has switches.
struct Place<'a> {
    file: &'a str,
    start: usize,
    end: usize,
}

/// The places of an error and of its notes, the most important first.
fn places<'a>(error: &'a Value, regions: &BTreeMap<&str, Vec<Region>>) -> Vec<Place<'a>> {
    let spans = list(&error["spans"]);
    let is_primary = |span: &&Value| span["is_primary"].as_bool() == Some(true);
    let notes = list(&error["children"]).iter().flat_map(|note| list(&note["spans"]));
    let ordered = spans.iter().filter(is_primary).chain(spans.iter().filter(|span| !is_primary(span))).chain(notes);
    ordered
        .filter_map(|span| {
            // Code of a macro stands where the macro is used.
            let mut span = span;
            while !regions.contains_key(text(&span["file_name"])) && span["expansion"].is_object() {
                span = &span["expansion"]["span"];
            }
            let file = text(&span["file_name"]);
            let byte = |name: &str| span[name].as_u64().map(|byte| byte as usize);
            regions.contains_key(file).then_some(())?;
            Some(Place { file, start: byte("byte_start")?, end: byte("byte_end")? })
        })
        .collect()
}

/// The mutant whose own code has the place, or the mutants of the smallest site around it.
fn around(place: &Place<'_>, regions: &BTreeMap<&str, Vec<Region>>) -> BTreeSet<Number> {
    let regions = &regions[place.file];
    let contains = |range: &std::ops::Range<usize>| range.start <= place.start && place.end <= range.end;
    if let Some(region) = regions.iter().find(|region| contains(&region.own)) {
        return BTreeSet::from([region.number]);
    }
    let sites = || regions.iter().filter(|region| contains(&region.site));
    let smallest = sites().map(|region| region.site.len()).min();
    sites().filter(|region| Some(region.site.len()) == smallest).map(|region| region.number).collect()
}
