//! What a comparison says: a line for each difference, and a summary of each stream.

use jiff::Timestamp;
use serde::Serialize;

use airbyte::{Error, Output, Result, StreamName};

use super::differences::{Difference, Judgement, Kind, Side};
use crate::user_error::stdout_closed;

/// A difference as a line.
#[derive(Serialize)]
struct Line<'a> {
    stream: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<&'a str>,
    key: Option<&'a str>,
    difference: Kind,
    #[serde(skip_serializing_if = "Option::is_none")]
    side: Option<Side>,
    #[serde(skip_serializing_if = "Option::is_none")]
    records: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    second: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    changed_meanwhile: bool,
}

#[derive(Serialize)]
struct SummaryLine<'a> {
    stream: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<&'a str>,
    summary: &'a Summary,
}

/// What was found of a stream.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(super) struct Summary {
    /// The field of the second side by which records were compared.
    pub(super) key: String,
    /// The records of each side.
    pub(super) first: u64,
    pub(super) second: u64,
    /// The keys that both sides have.
    pub(super) in_both: u64,
    /// The keys with each difference; None if nothing can be said of it.
    pub(super) missing: u64,
    pub(super) extra: u64,
    pub(super) older: Option<u64>,
    pub(super) doubled: u64,
    /// The records without a key.
    pub(super) keyless: u64,
    /// The differences of records that changed while they were compared.
    pub(super) changed_meanwhile: u64,
    /// The keys that both sides have, without a time of a change on one of them.
    pub(super) undated: u64,
}

impl Summary {
    pub(super) fn is_same(&self) -> bool {
        self.missing + self.extra + self.older.unwrap_or_default() + self.doubled + self.keyless == 0
    }

    fn count(&mut self, difference: &Difference) -> &mut u64 {
        match difference.kind {
            Kind::Missing => &mut self.missing,
            Kind::Extra => &mut self.extra,
            Kind::Older => self.older.get_or_insert_default(),
            Kind::Doubled => &mut self.doubled,
            Kind::Keyless => &mut self.keyless,
        }
    }

    /// The summary as a sentence.
    pub(super) fn sentence(&self, stream: &StreamName) -> String {
        let mut parts: Vec<String> = [
            (self.missing, "missing"),
            (self.extra, "extra"),
            (self.older.unwrap_or_default(), "older"),
            (self.doubled, "doubled"),
            (self.keyless, "without a key"),
        ]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
        if parts.is_empty() {
            parts.push("no difference".to_owned());
        }
        let mut sentence = format!(
            "{stream}: {} ({} records on the first side, {} on the second, compared by {}).",
            parts.join(", "),
            self.first,
            self.second,
            self.key
        );
        if self.changed_meanwhile > 0 {
            sentence += &format!(
                " {} of the differences are of records that changed meanwhile: compare again.",
                self.changed_meanwhile
            );
        }
        if self.undated > 0 {
            sentence += &format!(" It is not known of {} records whether they are older.", self.undated);
        }
        sentence
    }
}

/// Writes the lines of a stream.
pub(super) struct Report<'a> {
    output: &'a Output,
    stream: &'a StreamName,
    /// The most lines of each difference.
    most: u64,
    keyless_lines: u64,
    pub(super) summary: Summary,
    /// The lines that wait until a key is found on both sides: without one, all of them would say nothing.
    held: Option<Vec<String>>,
}

impl<'a> Report<'a> {
    pub(super) fn new(output: &'a Output, stream: &'a StreamName, key: &str, most: u64) -> Self {
        let summary = Summary { key: key.to_owned(), ..Summary::default() };
        Self { output, stream, most, keyless_lines: 0, summary, held: None }
    }

    /// Holds all lines until a key is found on both sides.
    pub(super) fn hold(&mut self) {
        self.held = Some(Vec::new());
    }

    /// Counts what is known of a key, and tells its differences. Returns whether there is one.
    ///
    /// # Errors
    /// Standard output is closed.
    pub(super) fn tell(&mut self, judgement: &Judgement) -> Result<bool> {
        if judgement.is_in_both {
            self.summary.in_both += 1;
            self.release()?;
        }
        self.summary.undated += u64::from(judgement.is_undated);
        if judgement.is_in_both && !judgement.is_undated {
            self.summary.older.get_or_insert_default();
        }
        for difference in &judgement.differences {
            self.summary.changed_meanwhile += u64::from(difference.is_recent);
            let added = match difference.records {
                Some((_, records)) if difference.kind == Kind::Keyless => records,
                _ => 1,
            };
            let count = self.summary.count(difference);
            // The records without a key of a side have one line.
            let is_told = if difference.kind == Kind::Keyless { self.keyless_lines } else { *count } < self.most;
            *count += added;
            self.keyless_lines += u64::from(difference.kind == Kind::Keyless);
            if is_told {
                self.write(difference)?;
            }
        }
        Ok(!judgement.differences.is_empty())
    }

    /// Waits until there is room for more lines.
    pub(super) async fn room(&self) {
        self.output.room().await;
    }

    /// Tells the summary, after all lines.
    ///
    /// # Errors
    /// The ids of two orgs were compared in vain, or standard output is closed.
    pub(super) fn end(mut self) -> Result<Summary> {
        if self.held.is_some() && self.summary.first > 0 && self.summary.second > 0 {
            return Err(Error::config(format!(
                "No record of {} has the same Id on both sides. Each org gives its records ids of its own, unless one is a \
                 sandbox made from the other. Name a field that has the same value on both sides, such as an external id: \
                 --key {}=External_Id__c.",
                self.stream, self.stream.name
            )));
        }
        self.release()?;
        if self.summary.undated == 0 {
            self.summary.older.get_or_insert_default();
        }
        let StreamName { name: stream, namespace } = self.stream;
        let line = SummaryLine { stream, namespace: namespace.as_deref(), summary: &self.summary };
        self.output.text(&json(&line)?).map_err(stdout_closed)?;
        Ok(self.summary)
    }

    fn release(&mut self) -> Result<()> {
        for line in self.held.take().into_iter().flatten() {
            self.output.text(&line).map_err(stdout_closed)?;
        }
        Ok(())
    }

    fn write(&mut self, difference: &Difference) -> Result<()> {
        let moment = |stamp: i64| Timestamp::from_second(stamp).map(|stamp| stamp.to_string()).ok();
        let line = json(&Line {
            stream: &self.stream.name,
            namespace: self.stream.namespace.as_deref(),
            key: difference.key.as_deref(),
            difference: difference.kind,
            side: difference.records.map(|(side, _)| side),
            records: difference.records.map(|(_, records)| records),
            first: difference.stamps.0.and_then(moment),
            second: difference.stamps.1.and_then(moment),
            changed_meanwhile: difference.is_recent,
        })?;
        match &mut self.held {
            Some(held) => held.push(line),
            None => self.output.text(&line).map_err(stdout_closed)?,
        }
        Ok(())
    }
}

fn json(line: &impl Serialize) -> Result<String> {
    serde_json::to_string(line).map_err(|error| Error::system("A difference cannot be written.").internal(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn without_a_difference() -> Summary {
        Summary { key: "Key__c".into(), first: 4, second: 5, in_both: 4, older: Some(0), ..Summary::default() }
    }

    #[test]
    fn a_summary_with_any_difference_is_not_the_same() {
        let same = without_a_difference();
        assert!(same.is_same() && Summary { older: None, undated: 3, ..same.clone() }.is_same());
        let sentence = |summary: &Summary| summary.sentence(&StreamName { namespace: None, name: "Account".into() });
        let end = "(4 records on the first side, 5 on the second, compared by Key__c).";
        assert_eq!(sentence(&same), format!("Account: no difference {end}"));
        for (different, told) in [
            (Summary { missing: 1, ..same.clone() }, "1 missing"),
            (Summary { extra: 1, ..same.clone() }, "1 extra"),
            (Summary { older: Some(1), ..same.clone() }, "1 older"),
            (Summary { doubled: 1, ..same.clone() }, "1 doubled"),
            (Summary { keyless: 1, ..same.clone() }, "1 without a key"),
            (Summary { missing: 2, keyless: 1, ..same.clone() }, "2 missing, 1 without a key"),
        ] {
            assert!(!different.is_same(), "{told}");
            assert_eq!(sentence(&different), format!("Account: {told} {end}"));
        }
        let one = sentence(&Summary { changed_meanwhile: 1, undated: 1, ..same.clone() });
        assert!(one.contains("changed meanwhile") && one.contains("whether they are older"), "{one}");
        let more = sentence(&Summary { changed_meanwhile: 2, undated: 3, ..same });
        for part in
            [" 2 of the differences are of records that changed meanwhile", " of 3 records whether they are older"]
        {
            assert!(more.contains(part), "{more}");
        }
    }
}
