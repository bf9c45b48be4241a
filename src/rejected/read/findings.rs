//! What was found in the bucket, and the sentences about what was not.

use std::collections::BTreeSet;

use super::selection::Selection;
use crate::rejected::key::REPORT_EXTENSION;
use airbyte::Error;

/// How many names of streams and of reasons are kept, for the sentences that list them.
const MOST_NAMES: usize = 100;

/// How many damaged objects are named.
const MOST_DAMAGED: usize = 5;

/// How many objects of others are named.
const MOST_FOREIGN: usize = 10;

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// Objects with rejected records.
    pub(crate) objects: u64,
    /// Records that were taken.
    pub(crate) records: u64,
    /// Objects that have no rejected records.
    pub(crate) others: u64,
    /// The first of them that the connector did not write, and how many there are.
    foreign: Vec<String>,
    foreign_count: u64,
    /// Objects that were removed after they were listed.
    pub(super) removed: u64,
    /// Objects whose streams are named as in their keys, with characters that may stand for others.
    pub(super) named_by_key: u64,
    streams: BTreeSet<String>,
    reasons: BTreeSet<String>,
    /// Which of the wanted streams were found.
    found: BTreeSet<usize>,
    /// Whether a stream that was found is wanted.
    has_wanted_stream: bool,
    /// Objects that were left out because they are too old.
    pub(super) too_old: u64,
    /// The first object that does not say which stream its records are of, and how many there are.
    first_nameless: Option<String>,
    nameless: u64,
    /// Why objects cannot be read whole: the first of them.
    damaged: Vec<String>,
    damaged_count: u64,
}

impl Findings {
    pub(super) fn add_stream(&mut self, stream: &str) {
        keep(&mut self.streams, stream);
    }

    pub(super) fn add_reason(&mut self, reason: &str) {
        keep(&mut self.reasons, reason);
    }

    /// Notes a stream that is wanted, with the place of its name in the selection.
    pub(super) fn add_wanted(&mut self, place: Option<usize>) {
        self.found.extend(place);
        self.has_wanted_stream = true;
    }

    /// Notes an object that does not say which stream its records are of.
    pub(super) fn add_nameless(&mut self, key: &str) {
        self.nameless += 1;
        self.first_nameless.get_or_insert_with(|| key.to_owned());
    }

    /// Notes an object that has no rejected records. Reports are expected beside them, and nobody needs to know of them.
    pub(super) fn add_foreign(&mut self, key: &str) {
        self.others += 1;
        if key.ends_with(REPORT_EXTENSION) {
            return;
        }
        self.foreign_count += 1;
        if self.foreign.len() < MOST_FOREIGN {
            self.foreign.push(key.to_owned());
        }
    }

    pub(super) fn damage(&mut self, key: &str, why: &str) {
        self.damaged_count += 1;
        if self.damaged.len() < MOST_DAMAGED {
            self.damaged.push(format!("{key}: {why}"));
        }
    }

    /// Sentences about what was left out, for the user to know.
    pub(crate) fn notes(&self, selection: &Selection) -> Vec<String> {
        let mut notes = Vec::new();
        if self.foreign_count > 0 {
            let more = self.foreign_count - self.foreign.len() as u64;
            let more = if more == 0 { String::new() } else { format!(" and {more} more") };
            notes.push(format!(
                "{} objects are skipped, because their first lines are not those of rejected records: {}{more}.",
                self.foreign_count,
                self.foreign.join(", ")
            ));
        }
        if self.removed > 0 {
            notes.push(format!("{} objects were removed while the bucket was read.", self.removed));
        }
        if self.named_by_key > 0 {
            notes.push(format!(
                "{} objects have the name of their stream in their keys alone, where _ may stand for other characters. \
                 If it does, give the name with --stream (and --namespace).",
                self.named_by_key
            ));
        }
        if self.records == 0 && !selection.reasons.is_empty() && !self.reasons.is_empty() {
            notes.push(format!("No record has this reason. There are: {}.", listed(&self.reasons)));
        }
        if let (Some(stream), Some(since)) = (self.missing_stream(selection), selection.since)
            && self.too_old > 0
        {
            notes.push(format!(
                "There are none of the stream {stream} since {since}. Older objects ({}) were not read.",
                self.too_old
            ));
        }
        if let Some(namespace) = &selection.namespace
            && selection.streams.is_empty()
            && !self.has_wanted_stream
            && !self.streams.is_empty()
        {
            let namespace = if namespace.is_empty() { "without a namespace" } else { "in this namespace" };
            notes.push(format!(
                "No rejected records are of a stream {namespace}. There are: {}.",
                listed(&self.streams)
            ));
        }
        notes
    }

    /// What keeps the answer from being complete.
    pub(crate) fn problem(&self, selection: &Selection) -> Option<Error> {
        let mut errors =
            [self.damage_error(), self.nameless_error(), self.unknown_stream(selection)].into_iter().flatten();
        let first = errors.next()?;
        Some(errors.fold(first, |all, error| all.and(error.message())))
    }

    fn damage_error(&self) -> Option<Error> {
        let count = self.damaged_count;
        if count == 0 {
            return None;
        }
        let more = count - self.damaged.len() as u64;
        let more = if more == 0 { String::new() } else { format!("; and {more} more") };
        Some(Error::config(format!(
            "{count} of the objects with rejected records cannot be read whole, so records may be missing: {}{more}. \
             Restore each from a copy or an earlier version, or remove it, and run the command again.",
            self.damaged.join("; ")
        )))
    }

    fn nameless_error(&self) -> Option<Error> {
        let (first, count) = (self.first_nameless.as_ref()?, self.nameless);
        Some(Error::config(format!(
            "{count} objects do not say which stream their rejected records belong to, such as {first}. If all are \
             of one stream, name it with --nameless-are (and --namespace). If not, set bucket_path to a folder that has \
             only objects of one stream."
        )))
    }

    /// The first wanted stream that was not found.
    fn missing_stream<'a>(&self, selection: &'a Selection) -> Option<&'a str> {
        let mut wanted = selection.streams.iter().enumerate();
        wanted.find(|(place, _)| !self.found.contains(place)).map(|(_, stream)| stream.as_str())
    }

    fn unknown_stream(&self, selection: &Selection) -> Option<Error> {
        // An object that was left out because it is too old may be of this stream.
        if self.streams.is_empty() || self.too_old > 0 {
            return None;
        }
        let unknown = self.missing_stream(selection)?;
        Some(Error::config(format!(
            "There are no rejected records of the stream {unknown}. There are some of: {}.",
            listed(&self.streams)
        )))
    }
}

fn keep(names: &mut BTreeSet<String>, name: &str) {
    if names.len() < MOST_NAMES && !names.contains(name) {
        names.insert(name.to_owned());
    }
}

fn listed(names: &BTreeSet<String>) -> String {
    let mut text = names.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    if names.len() >= MOST_NAMES {
        text.push_str(" and perhaps others");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selection(streams: &[&str], namespace: Option<&str>) -> Selection {
        Selection {
            streams: streams.iter().map(|name| (*name).to_owned()).collect(),
            namespace: namespace.map(str::to_owned),
            since: Some("2026-03-04T00:00:00Z".parse().unwrap()),
            ..Selection::default()
        }
    }

    #[test]
    fn a_stream_is_unknown_only_if_no_object_was_left_out_as_too_old() {
        let mut findings = Findings::default();
        findings.add_stream("accounts");
        let contacts = selection(&["contacts"], None);
        let error = findings.problem(&contacts).unwrap();
        assert!(error.message().contains("no rejected records of the stream contacts"), "{error:?}");
        assert_eq!(findings.notes(&contacts), [""; 0]);
        findings.too_old = 3;
        assert!(findings.problem(&contacts).is_none());
        assert_eq!(
            findings.notes(&contacts),
            ["There are none of the stream contacts since 2026-03-04T00:00:00Z. Older objects (3) were not read."]
        );
        findings.add_wanted(Some(0));
        assert_eq!(findings.notes(&contacts), [""; 0]);
    }

    /// The notes with a selection of everything.
    fn notes(findings: &Findings) -> Vec<String> {
        findings.notes(&Selection::default())
    }

    #[test]
    fn what_was_left_out_is_counted_whole_and_named_in_part() {
        let mut findings = Findings::default();
        findings.add_foreign("7/report.html");
        assert_eq!((findings.others, notes(&findings)), (1, Vec::new()), "a report is expected");
        for (number, more) in [(10, ""), (12, " and 2 more")] {
            (findings.foreign_count + 1..=number).for_each(|number| findings.add_foreign(&format!("f{number}")));
            let names = (1..=10).map(|number| format!("f{number}")).collect::<Vec<_>>().join(", ");
            let why = "because their first lines are not those of rejected records";
            assert_eq!(notes(&findings), [format!("{number} objects are skipped, {why}: {names}{more}.")]);
        }
        assert_eq!(findings.others, 13);
        let mut findings = Findings { removed: 2, ..Findings::default() };
        assert_eq!(notes(&findings), ["2 objects were removed while the bucket was read."]);
        findings = Findings { named_by_key: 3, ..Findings::default() };
        assert!(notes(&findings)[0].starts_with("3 objects have the name of their stream in their keys alone"));
    }

    #[test]
    fn reasons_are_listed_if_none_of_those_that_are_wanted_is_there() {
        let mut findings = Findings::default();
        let wanted = Selection { reasons: vec!["NO_MATCH".to_owned()], ..Selection::default() };
        assert_eq!(findings.notes(&wanted), [""; 0], "there are no records at all");
        ["STRING_TOO_LONG", "FIELD_X", "FIELD_X"].into_iter().for_each(|reason| findings.add_reason(reason));
        assert_eq!(findings.notes(&wanted), ["No record has this reason. There are: FIELD_X, STRING_TOO_LONG."]);
        assert_eq!(notes(&findings), [""; 0], "no reason is wanted");
        findings.records = 1;
        assert_eq!(findings.notes(&wanted), [""; 0]);
    }

    #[test]
    fn a_list_of_a_hundred_names_says_that_there_may_be_others() {
        for (count, others) in [(99, ""), (100, " and perhaps others"), (120, " and perhaps others")] {
            let mut findings = Findings::default();
            (0..count).for_each(|number| findings.add_stream(&format!("s{number:03}")));
            let message = findings.problem(&selection(&["contacts"], None)).unwrap().message().to_owned();
            let last = format!("s{:03}{others}.", count.min(100) - 1);
            assert!(message.contains("There are some of: s000, s001, ") && message.ends_with(&last), "{message}");
        }
    }

    #[test]
    fn each_reason_why_records_may_be_missing_is_part_of_the_error() {
        let mut findings = Findings::default();
        assert!(findings.problem(&Selection::default()).is_none());
        (1..=5).for_each(|number| findings.damage(&format!("f{number}"), "it is cut off"));
        let message = findings.problem(&Selection::default()).unwrap().message().to_owned();
        assert!(
            message.starts_with(
                "5 of the objects with rejected records cannot be read whole, so records may be missing: f1: "
            ) && message.contains("; f5: it is cut off. Restore"),
            "{message}"
        );
        findings.damage("f6", "it is cut off");
        findings.add_nameless("f7");
        findings.add_nameless("f8");
        findings.add_stream("accounts");
        let message = findings.problem(&selection(&["contacts"], None)).unwrap().message().to_owned();
        for part in
            ["6 of the objects", "; and 1 more. Restore", "2 objects do not say", "such as f7.", "the stream contacts"]
        {
            assert!(message.contains(part), "{part}: {message}");
        }
        assert!(!message.contains("f6") && !message.contains("f8"), "{message}");
    }

    #[test]
    fn the_first_wanted_stream_that_is_missing_is_named() {
        let wanted = selection(&["accounts", "contacts", "leads"], None);
        for (found, expected) in [
            (&[][..], Some("stream accounts.")),
            (&[1], Some("stream accounts.")),
            (&[0], Some("stream contacts.")),
            (&[1, 0], Some("stream leads.")),
            (&[0, 1, 2], None),
        ] {
            let mut findings = Findings::default();
            findings.add_stream("crm.cases");
            found.iter().for_each(|place| findings.add_wanted(Some(*place)));
            let message = findings.problem(&wanted).map(|error| error.message().to_owned());
            assert_eq!(message.is_some(), expected.is_some(), "{found:?} {message:?}");
            assert!(message.unwrap_or_default().contains(expected.unwrap_or_default()), "{found:?}");
        }
        assert!(Findings::default().problem(&wanted).is_none(), "an empty bucket");
    }

    #[test]
    fn a_namespace_without_a_stream_is_noted() {
        let mut findings = Findings::default();
        let shop = selection(&[], Some("shop"));
        assert_eq!(findings.notes(&shop), [""; 0], "an empty bucket");
        findings.add_stream("crm.contacts");
        assert_eq!(
            findings.notes(&shop),
            ["No rejected records are of a stream in this namespace. There are: crm.contacts."]
        );
        let none = selection(&[], Some(""));
        assert_eq!(
            findings.notes(&none),
            ["No rejected records are of a stream without a namespace. There are: crm.contacts."]
        );
        assert_eq!(findings.notes(&selection(&["contacts"], Some("shop"))), [""; 0], "it is an error");
        assert_eq!(notes(&findings), [""; 0]);
        findings.add_wanted(None);
        assert_eq!(findings.notes(&shop), [""; 0]);
    }
}
