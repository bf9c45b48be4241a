//! Finds the names of a stream in a key, for objects whose metadata do not have them.
//!
//! A key has the names in the form of [`safe_name`](super::safe_name), at the places of `{namespace}` and
//! `{stream_name}` in a format. The format that an object was written with is not known: it is the one of the settings,
//! or the one that Airbyte and this connector begin with. Where a key fits in several ways, all of them are returned.

use super::StorageSettings;
use super::name::is_safe;
use super::pattern::{self, Token, Variable};
use crate::rejected::settings::{DEFAULT_FILE_NAME_FORMAT, DEFAULT_PATH_FORMAT};

/// The most ways in which a key is taken apart. More than one is too many to know which is right.
const MOST_WAYS: usize = 8;

/// The number that tells two objects apart whose keys would be the same: a hyphen and digits.
const COPY_MARK: char = '-';

const EXTENSIONS: [&str; 4] = [".csv", ".csv.gz", ".jsonl", ".jsonl.gz"];

/// The names in a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::rejected) struct NamesInKey {
    pub(in crate::rejected) namespace: Option<String>,
    pub(in crate::rejected) name: String,
    /// The number of the sync, if the format has one: none in it if the sync had no number.
    pub(in crate::rejected) sync_id: Option<Option<i64>>,
}

/// The formats that keys may have.
#[derive(Debug)]
pub(in crate::rejected) struct KeyFormats(Vec<Format>);

/// A format, split at the slashes.
#[derive(Debug, PartialEq)]
struct Format {
    folders: Vec<Vec<Token>>,
    file: FileName,
}

#[derive(Debug, PartialEq)]
enum FileName {
    /// It has a name of the stream.
    Tokens(Vec<Vec<Token>>),
    /// It has none, and this many segments.
    Any(usize),
}

/// The values that the variables of a format have in a key.
#[derive(Debug, Clone, Default)]
struct Values {
    namespace: Option<Option<String>>,
    name: Option<String>,
    sync_id: Option<Option<i64>>,
}

impl KeyFormats {
    pub(in crate::rejected) fn new(settings: &StorageSettings) -> Self {
        let of_settings = Format::new(&settings.path_format, settings.file_name_format.as_str());
        let default = Format::new(DEFAULT_PATH_FORMAT, DEFAULT_FILE_NAME_FORMAT);
        let mut formats: Vec<Format> = of_settings.into_iter().collect();
        formats.extend(default.filter(|default| !formats.contains(default)));
        Self(formats)
    }

    /// The ways in which a key below `bucket_path` can be read, for each format: that of the settings first.
    pub(in crate::rejected) fn names_in(&self, key: &str) -> Vec<Vec<NamesInKey>> {
        let segments: Vec<&str> = key.split('/').collect();
        self.0.iter().map(|format| format.names_in(&segments)).collect()
    }
}

impl Format {
    /// None if the format does not have the name of the stream.
    fn new(path: &str, file_name: &str) -> Option<Self> {
        let folders = segments(pattern::parse_path(path));
        let file = segments(pattern::parse_file_name(file_name));
        let names_stream = |segments: &[Vec<Token>]| {
            segments.iter().flatten().any(|token| *token == Token::Variable(Variable::StreamName))
        };
        let has_name = |segments: &[Vec<Token>]| {
            let names = [Variable::StreamName, Variable::Namespace].map(Token::Variable);
            segments.iter().flatten().any(|token| names.contains(token))
        };
        if !names_stream(&folders) && !names_stream(&file) {
            return None;
        }
        let file = if has_name(&file) { FileName::Tokens(file) } else { FileName::Any(file.len()) };
        Some(Self { folders, file })
    }

    fn names_in(&self, key: &[&str]) -> Vec<NamesInKey> {
        let mut ways = Vec::new();
        let mut add = |values: &Values| {
            let Some(name) = values.name.clone() else { return };
            let way = NamesInKey { namespace: values.namespace.clone().flatten(), name, sync_id: values.sync_id };
            if ways.len() < MOST_WAYS && !ways.contains(&way) {
                ways.push(way);
            }
        };
        match &self.file {
            FileName::Any(count) if key.len() >= *count => {
                match_segments(&self.folders, &key[..key.len() - count], &Values::default(), &mut add);
            }
            FileName::Any(_) => {}
            FileName::Tokens(file) => {
                let all: Vec<Vec<Token>> = self.folders.iter().chain(file).cloned().collect();
                match_segments(&all, key, &Values::default(), &mut add);
            }
        }
        ways
    }
}

/// Splits tokens at the slashes. Empty segments are left out, as in a key.
fn segments(tokens: Vec<Token>) -> Vec<Vec<Token>> {
    let mut segments = vec![Vec::new()];
    let mut push = |token: Option<Token>| match token {
        None => segments.push(Vec::new()),
        Some(token) => segments.last_mut().map_or((), |segment: &mut Vec<Token>| segment.push(token)),
    };
    for token in tokens {
        let Token::Text(text) = token else {
            push(Some(token));
            continue;
        };
        for (index, part) in text.split('/').enumerate() {
            if index > 0 {
                push(None);
            }
            if !part.is_empty() {
                push(Some(Token::Text(part.to_owned())));
            }
        }
    }
    segments.retain(|segment| !segment.is_empty());
    segments
}

fn match_segments(format: &[Vec<Token>], key: &[&str], values: &Values, found: &mut dyn FnMut(&Values)) {
    let Some((first, rest)) = format.split_first() else {
        if key.is_empty() {
            found(values);
        }
        return;
    };
    // A segment without a value is not in the key.
    if let Some(values) = first.iter().try_fold(values.clone(), |values, token| values.without(token)) {
        match_segments(rest, key, &values, found);
    }
    if let Some((segment, after)) = key.split_first()
        && !segment.is_empty()
    {
        let is_last = rest.is_empty();
        match_tokens(first, segment, is_last, values, &mut |values| match_segments(rest, after, values, found));
    }
}

fn match_tokens(tokens: &[Token], text: &str, may_be_copy: bool, values: &Values, found: &mut dyn FnMut(&Values)) {
    let is_extension = |token: &Token| *token == Token::Variable(Variable::FormatExtension);
    if may_be_copy && tokens.first().is_none_or(is_extension) {
        let digits = text.strip_prefix(COPY_MARK).map_or(0, digits);
        if digits > 0 {
            match_tokens(tokens, &text[1 + digits..], false, values, found);
        }
    }
    let Some((first, rest)) = tokens.split_first() else {
        if text.is_empty() {
            found(values);
        }
        return;
    };
    match first {
        Token::Text(literal) => {
            if let Some(text) = text.strip_prefix(literal.as_str()) {
                match_tokens(rest, text, may_be_copy, values, found);
            }
        }
        Token::Variable(variable) => {
            for length in lengths(*variable, text) {
                let (value, after) = text.split_at(length);
                if let Some(values) = values.with(*variable, value) {
                    match_tokens(rest, after, may_be_copy, &values, found);
                }
            }
        }
    }
}

/// The number of digits that a text begins with.
fn digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

/// The lengths that the value of a variable may have at the beginning of a text.
fn lengths(variable: Variable, text: &str) -> Vec<usize> {
    let exactly = |length: usize, is_part: fn(u8) -> bool| {
        let fits = text.as_bytes().get(..length).is_some_and(|start| start.iter().all(|byte| is_part(*byte)));
        if fits { vec![length] } else { Vec::new() }
    };
    let is_digit = |byte: u8| byte.is_ascii_digit();
    let is_of_date = |byte: u8| byte.is_ascii_digit() || byte == b'_';
    match variable {
        Variable::Namespace => (0..=text.chars().take_while(|character| is_safe(*character)).count()).collect(),
        Variable::StreamName => (1..=text.chars().take_while(|character| is_safe(*character)).count()).collect(),
        Variable::SyncId => (0..=digits(text)).collect(),
        Variable::Year | Variable::Millisecond => exactly(4, is_digit),
        Variable::Month | Variable::Day | Variable::Hour | Variable::Minute | Variable::Second => exactly(2, is_digit),
        Variable::Epoch | Variable::Timestamp | Variable::PartNumber => (1..=digits(text)).collect(),
        Variable::Uuid => exactly(uuid::fmt::Hyphenated::LENGTH, |byte| byte.is_ascii_hexdigit() || byte == b'-'),
        Variable::Date => exactly("yyyy_MM_dd".len(), is_of_date),
        Variable::YearMonth => exactly("yyyy_MM".len(), is_of_date),
        Variable::FormatExtension => {
            EXTENSIONS.iter().filter(|extension| text.starts_with(**extension)).map(|it| it.len()).collect()
        }
    }
}

impl Values {
    /// The values if a token adds nothing to the key.
    fn without(&self, token: &Token) -> Option<Self> {
        match token {
            Token::Variable(variable @ (Variable::Namespace | Variable::SyncId)) => self.with(*variable, ""),
            _ => None,
        }
    }

    /// The values with one more. None if the variable has another value before.
    fn with(&self, variable: Variable, value: &str) -> Option<Self> {
        let mut values = self.clone();
        let text = Some(value.to_owned()).filter(|text| !text.is_empty());
        let is_same = match variable {
            Variable::Namespace => *values.namespace.get_or_insert_with(|| text.clone()) == text,
            Variable::StreamName => *values.name.get_or_insert_with(|| value.to_owned()) == value,
            Variable::SyncId => {
                let id = text.map(|text| text.parse::<i64>()).transpose().ok()?;
                *values.sync_id.get_or_insert(id) == id
            }
            _ => true,
        };
        is_same.then_some(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(path: &str, file_name: &str, key: &str) -> Vec<(Option<String>, String, Option<Option<i64>>)> {
        let format = Format::new(path, file_name).unwrap();
        let segments: Vec<&str> = key.split('/').collect();
        let ways = format.names_in(&segments);
        ways.into_iter().map(|way| (way.namespace, way.name, way.sync_id)).collect()
    }

    #[test]
    fn the_names_are_at_the_places_of_the_format() {
        let (default, file) = (DEFAULT_PATH_FORMAT, DEFAULT_FILE_NAME_FORMAT);
        type Names = &'static [(&'static str, &'static str)];
        let table: &[(&str, &str, &str, Names)] = &[
            (default, file, "4711/crm/contacts/2026_03_04_1772600767089_0.csv", &[("crm", "contacts")]),
            (default, file, "4711/crm/contacts/any-name", &[("crm", "contacts")]),
            (default, file, "4711/contacts/f.csv", &[("4711", "contacts"), ("", "contacts")]),
            (default, file, "contacts/f.csv", &[("", "contacts")]),
            (default, file, "2026/03/a/b/f.csv", &[]),
            (default, file, "4711//contacts/f.csv", &[]),
            (default, file, "f.csv", &[]),
            ("{stream_name}/{year}/{month}", "{part_number}", "contacts/2026/03/0", &[("", "contacts")]),
            ("{stream_name}/{year}/{month}", "{part_number}", "contacts/26/03/0", &[]),
            ("", "{stream_name}_{part_number}{format_extension}", "a_b_0.csv.gz", &[("", "a_b")]),
            ("", "{stream_name}_{part_number}{format_extension}", "a_b_0-2.csv.gz", &[("", "a_b")]),
            ("", "{stream_name}{format_extension}", "a.csv", &[("", "a")]),
            ("", "{stream_name}{format_extension}", "a-1.csv", &[("", "a"), ("", "a-1")]),
            ("x/{namespace}-{stream_name}", file, "x/a-b/f", &[("a", "b")]),
            ("x/{namespace}-{stream_name}", file, "x/a-b-c/f", &[("a", "b-c"), ("a-b", "c")]),
            ("{stream_name}/{year}/{month}", "{part_number}", "contacts/2O26/03/0", &[]),
            ("{stream_name}/{year}/{month}", "{part_number}", "contacts/2026/3/0", &[]),
            ("{stream_name}/{year}/{month}", "{part_number}", "contacts/2026/003/0", &[]),
            ("{stream_name}/{day}-{hour}", file, "a/04-05/f", &[("", "a")]),
            ("{stream_name}/{day}-{hour}", file, "a/4-05/f", &[]),
            ("{stream_name}/{minute}{second}.{millisecond}", file, "a/0607.0089/f", &[("", "a")]),
            ("{stream_name}/{minute}{second}.{millisecond}", file, "a/0607.089/f", &[]),
            ("{stream_name}/{epoch}", file, "a/1772600767089/f", &[("", "a")]),
            ("{stream_name}/{epoch}", file, "a/x/f", &[]),
            ("{stream_name}/{timestamp}x", file, "a/x/f", &[]),
            ("{stream_name}/{uuid}", file, "a/0198f0a2-0000-7000-8000-00000000000f/f", &[("", "a")]),
            ("{stream_name}/{uuid}", file, "a/0198f0a2-0000-7000-8000-00000000000/f", &[]),
            ("{stream_name}/{uuid}", file, "a/0198f0a2-0000-7000-8000-00000000000g/f", &[]),
            ("{stream_name}/{date}", file, "a/2026_03_04/f", &[("", "a")]),
            ("{stream_name}/{date}", file, "a/2026-03-04/f", &[]),
            ("{stream_name}/{date}", file, "a/2026_03_4/f", &[]),
            ("{stream_name}/{date:yyyy_MM}", file, "a/2026_03/f", &[("", "a")]),
            ("{stream_name}/{date:yyyy_MM}", file, "a/2026_3/f", &[]),
            ("{stream_name}/{epoch}{timestamp}", file, "a/123/f", &[("", "a")]),
            ("{namespace}-{stream_name}", file, "-a/f", &[("", "a")]),
            ("{sync_id}_{stream_name}", file, "_a/f", &[("", "a")]),
            ("/x//{stream_name}//", file, "x/a/f", &[("", "a")]),
            ("{stream_name}/x", file, "a/x/f", &[("", "a")]),
            ("{stream_name}/x", file, "a/y/f", &[]),
            ("{stream_name}", "a/{part_number}", "contacts/a/0", &[("", "contacts")]),
            ("{stream_name}", "a/{part_number}", "contacts/0", &[]),
            ("", "{stream_name}{format_extension}", "a.jsonl.gz", &[("", "a")]),
            ("", "{stream_name}{format_extension}", "a.jsonl", &[("", "a")]),
            ("", "{stream_name}{format_extension}", "a.txt", &[]),
            ("", "{stream_name}_{part_number}{format_extension}", "a_0-.csv", &[]),
            ("", "{stream_name}_{part_number}", "a_0-1", &[("", "a")]),
            ("", "{stream_name}_{part_number}/f", "a_0-1/f", &[]),
            ("{sync_id}-{stream_name}", file, "99999999999999999999-a/f", &[]),
            ("{stream_name}/{date}/{stream_name}", "{uuid}", "a/2026_03_04/a/f", &[("", "a")]),
            ("{stream_name}/{date}/{stream_name}", "{uuid}", "a/2026_03_04/b/f", &[]),
            ("{namespace}/{stream_name}/{namespace}", file, "a/b/a/f", &[("a", "b")]),
            ("{namespace}/{stream_name}/{namespace}", file, "a/b/c/f", &[]),
            ("{namespace}/{stream_name}/{namespace}", file, "a/f", &[("", "a")]),
            ("{namespace}/{stream_name}/{namespace}", file, "a/b/f", &[]),
            ("{sync_id}/{stream_name}/{sync_id}", file, "7/a/7/f", &[("", "a")]),
            ("{sync_id}/{stream_name}/{sync_id}", file, "7/a/8/f", &[]),
        ];
        for (path, file_name, key, expected) in table {
            let found = names(path, file_name, key);
            let found: Vec<(String, String)> =
                found.into_iter().map(|(namespace, name, _)| (namespace.unwrap_or_default(), name)).collect();
            let mut found: Vec<(&str, &str)> = found.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
            found.sort_unstable();
            let mut expected = expected.to_vec();
            expected.sort_unstable();
            assert_eq!(found, expected, "{path} {file_name} {key}");
        }
    }

    #[test]
    fn the_number_of_the_sync_is_found_too() {
        let found = names(DEFAULT_PATH_FORMAT, DEFAULT_FILE_NAME_FORMAT, "4711/contacts/f.csv");
        let (none, some) = (Some(None), Some(Some(4711)));
        let numbers: Vec<_> = found.iter().map(|(_, _, sync_id)| *sync_id).collect();
        assert!(numbers.contains(&none) && numbers.contains(&some), "{numbers:?}");
        let found = names("{stream_name}", DEFAULT_FILE_NAME_FORMAT, "contacts/f.csv");
        assert_eq!(found, [(None, "contacts".to_owned(), None)]);
    }

    /// More ways than these are not told apart.
    #[test]
    fn no_more_than_eight_ways_are_found() {
        let key = |dashes: usize| format!("x/{}/f", "a-".repeat(dashes) + "a");
        for (dashes, ways) in [(7, 7), (8, 8), (20, 8)] {
            let found = names("x/{namespace}-{stream_name}", DEFAULT_FILE_NAME_FORMAT, &key(dashes));
            assert_eq!(found.len(), ways, "{dashes}");
        }
    }

    #[test]
    fn a_format_without_a_stream_is_of_no_use() {
        assert_eq!(Format::new("{sync_id}/{namespace}", "{date}"), None);
    }
}
