//! Why records were rejected, in the log: for a user who has no bucket too. No line holds a value of a record.

use jiff::Timestamp;

use super::job::{Example, Place, Reason, RejectionReasons};
use super::report::EndedStream;
use airbyte::StreamName;
use salesforce::RowError;

/// The most characters of a reason of the connector. The first sentence of a longer one says enough.
const LONGEST_REASON: usize = 250;

/// Logs the reasons of one stream, the most frequent one first. `names_example` says where an example of each is stored.
pub(super) fn log(stream: &StreamName, reasons: &RejectionReasons, names_example: bool) {
    for (code, field, reason) in reasons.by_count() {
        let example = reason.examples.first().filter(|_| names_example);
        let Labels { row, object, job, record, extracted_at } = Labels::of(example);
        let field_at_fault = Some(field).filter(|field| !field.is_empty());
        tracing::warn!(
            %stream,
            reason = code,
            field = field_at_fault,
            count = reason.count,
            row,
            object,
            job,
            record,
            extracted_at,
            "{}",
            sentence(stream, (code, field), reason)
        );
    }
}

/// What names an example. At most a few of them are known.
#[derive(Debug, Default, PartialEq, Eq)]
struct Labels<'e> {
    /// Its `_airbyte_raw_id` in the bucket, and the key of its object there.
    row: Option<&'e str>,
    object: Option<&'e str>,
    job: Option<&'e str>,
    /// Its id in Salesforce.
    record: Option<&'e str>,
    extracted_at: Option<String>,
}

impl<'e> Labels<'e> {
    fn of(example: Option<&'e Example>) -> Self {
        let Some(Example { place, salesforce_id }) = example else { return Self::default() };
        let record = Some(salesforce_id.as_str()).filter(|id| !id.is_empty());
        match place {
            Place::Bucket { row, object } => {
                Self { row: Some(row), object: object.as_deref(), record, ..Self::default() }
            }
            Place::Job(job) => Self { job: Some(job), record, ..Self::default() },
            Place::Source { extracted_at_ms } => {
                let time = Timestamp::from_millisecond(*extracted_at_ms).ok().filter(|_| *extracted_at_ms != 0);
                Self { record, extracted_at: time.map(|time| time.to_string()), ..Self::default() }
            }
        }
    }
}

/// Who rejected how many records, and why.
fn sentence(stream: &StreamName, (code, field): (&str, &str), reason: &Reason) -> String {
    let records = records(reason.count);
    let meaning = RowError::meaning(code);
    let place = if field.is_empty() { String::new() } else { format!(" at {field}") };
    match (&reason.message, meaning) {
        (Some(message), _) if reason.by_connector == reason.count => {
            let are = if reason.count == 1 { "is" } else { "are" };
            format!("{records} of {stream} cannot be sent and {are} rejected: {}", short(message))
        }
        (Some(_), Some(meaning)) => format!("{records} of {stream} are rejected{place}: {meaning}"),
        (None, Some(meaning)) => format!("Salesforce rejected {records} of {stream}{place}: {meaning}"),
        _ if code.is_empty() => format!("Salesforce rejected {records} of {stream}{place} without a code"),
        _ => format!("Salesforce rejected {records} of {stream}{place} with the code {code}"),
    }
}

/// A reason, or its first sentence.
fn short(message: &str) -> &str {
    if message.chars().count() <= LONGEST_REASON {
        return message;
    }
    message.find(". ").map_or(message, |end| &message[..=end])
}

fn records(count: u64) -> String {
    if count == 1 { "1 record".to_owned() } else { format!("{count} records") }
}

/// The last words about a sync that wrote nothing because all its records are rejected, or about each such stream.
pub(super) fn last_words(streams: &[EndedStream]) -> Vec<String> {
    let with_records: Vec<_> = streams.iter().filter(|stream| stream.counts.read > 0).collect();
    let rejected: Vec<_> =
        with_records.iter().filter(|it| it.counts.rejected == it.counts.read).map(|it| (&it.name, it)).collect();
    if !rejected.is_empty() && rejected.len() == with_records.len() {
        let total: u64 = rejected.iter().map(|(_, stream)| stream.counts.rejected).sum();
        let mut reasons = RejectionReasons::default();
        rejected.iter().for_each(|(_, stream)| reasons.merge(&stream.reasons));
        return vec![format!(
            "Nothing was written: all records are rejected ({total} of {total}){}.",
            most_frequent(&reasons)
        )];
    }
    let words = rejected.into_iter().map(|(name, stream)| {
        let EndedStream { counts, reasons, .. } = stream;
        let total = counts.rejected;
        format!(
            "Nothing of the stream {name} was written: all its records are rejected ({total} of {total}){}.",
            most_frequent(reasons)
        )
    });
    words.collect()
}

fn most_frequent(reasons: &RejectionReasons) -> String {
    let Some((code, field, reason)) = reasons.by_count().into_iter().next() else { return String::new() };
    let place = if field.is_empty() { String::new() } else { format!(" at {field}") };
    let code = if code.is_empty() { "no code" } else { code };
    format!(", mostly with {code}{place} ({})", records(reason.count))
}

#[cfg(test)]
mod tests;
