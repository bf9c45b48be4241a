//! The entry of one job: a line of JSON, then the hashes of its rows. It has no value of a record.

use serde::{Deserialize, Serialize};

use airbyte::StreamName;
use salesforce::{JobSpec, Operation};

/// The bits of a hash. A later version may use others, and does not compare them with these.
const HASH_BITS: u32 = u64::BITS;

/// The operation of an insert of records that were looked for and are not there.
const CREATE_MISSING: &str = "create_missing";

/// What the rows of a job are and where they go. Only jobs with the same target write the same records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Target {
    namespace: Option<String>,
    stream: String,
    generation_id: Option<i64>,
    object: String,
    operation: String,
    assignment_rule_id: Option<String>,
}

impl Target {
    pub(crate) fn new(stream: &StreamName, generation_id: Option<i64>, job: &JobSpec) -> Self {
        Self {
            namespace: stream.namespace.clone(),
            stream: stream.name.clone(),
            generation_id,
            object: job.object.clone(),
            operation: job.operation.api_name().to_owned(),
            assignment_rule_id: job.assignment_rule_id.clone(),
        }
    }

    /// The same for a job whose records were looked for. An insert of such a job is not an insert for a later attempt:
    /// that one waits for the job, and its own search finds what the job has created.
    #[must_use]
    pub(crate) fn of_search(mut self) -> Self {
        if self.is_insert() {
            CREATE_MISSING.clone_into(&mut self.operation);
        }
        self
    }

    pub(crate) fn stream(&self) -> StreamName {
        StreamName { namespace: self.namespace.clone(), name: self.stream.clone() }
    }

    pub(crate) fn object(&self) -> &str {
        &self.object
    }

    pub(crate) fn is_insert(&self) -> bool {
        self.operation == Operation::Insert.api_name()
    }

    pub(crate) fn is_delete(&self) -> bool {
        [Operation::Delete, Operation::HardDelete].iter().any(|delete| self.operation == delete.api_name())
    }

    /// Whether a later attempt needs to know the rows: to not insert them again, or to know that they are deleted. For
    /// an upsert or an update it is enough to wait for the job.
    pub(crate) fn needs_rows(&self) -> bool {
        self.is_insert() || self.is_delete()
    }
}

/// One job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) job: String,
    #[serde(flatten)]
    pub(crate) target: Target,
    /// The header of the upload.
    pub(crate) columns: Vec<String>,
    /// How many rows the job has.
    pub(crate) rows: u64,
    hash_bits: u32,
    /// How many of the rows, in their order, belong to each segment of the attempt. Rows that are acknowledged are not
    /// in it any more.
    pub(crate) segments: Vec<(u64, u64)>,
    /// The hash of each row, in the same order, if the target needs the rows.
    #[serde(skip)]
    pub(crate) hashes: Vec<u64>,
}

impl Entry {
    pub(crate) fn new(job: &str, target: Target, columns: Vec<String>, rows: u64) -> Self {
        let (job, segments, hashes) = (job.to_owned(), Vec::new(), Vec::new());
        Self { job, target, columns, rows, hash_bits: HASH_BITS, segments, hashes }
    }

    /// The bytes of the object in the bucket.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes.extend(self.hashes.iter().flat_map(|hash| hash.to_le_bytes()));
        bytes
    }

    /// Reads an object; none if it is not an entry, or one of another version.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let end = memchr::memchr(b'\n', bytes)?;
        let mut entry: Self = serde_json::from_slice(&bytes[..end]).ok()?;
        let (hashes, []) = bytes[end + 1..].as_chunks::<8>() else { return None };
        let rows = entry.segments.iter().try_fold(0_u64, |sum, (_, rows)| sum.checked_add(*rows))?;
        let expected = if entry.target.needs_rows() { rows } else { 0 };
        if entry.hash_bits != HASH_BITS || hashes.len() as u64 != expected {
            return None;
        }
        entry.hashes = hashes.iter().map(|hash| u64::from_le_bytes(*hash)).collect();
        Some(entry)
    }

    /// The last segment of the rows.
    pub(crate) fn last_segment(&self) -> u64 {
        self.segments.iter().map(|(segment, _)| *segment).max().unwrap_or_default()
    }

    /// Removes the rows of all segments up to `last`, which are acknowledged. Of equal rows nobody knows which one was
    /// written, unless all were. So without `all_written`, rows that equal an acknowledged one go too: a later attempt
    /// sends them again rather than lose one.
    pub(crate) fn forget_segments(&mut self, last: u64, all_written: bool) {
        let of_row = self
            .segments
            .iter()
            .flat_map(|(segment, rows)| std::iter::repeat_n(*segment, usize::try_from(*rows).unwrap_or(usize::MAX)));
        let rows: Vec<(u64, u64)> = of_row.zip(self.hashes.iter().copied()).collect();
        let mut acknowledged: Vec<u64> = rows.iter().filter(|row| row.0 <= last).map(|row| row.1).collect();
        acknowledged.sort_unstable();
        let is_kept = |(segment, hash): &(u64, u64)| {
            *segment > last && (all_written || acknowledged.binary_search(hash).is_err())
        };
        let kept: Vec<(u64, u64)> = rows.into_iter().filter(is_kept).collect();
        self.set_rows(kept);
    }

    /// Replaces the rows: the segment and the hash of each.
    pub(crate) fn set_rows(&mut self, rows: impl IntoIterator<Item = (u64, u64)>) {
        self.segments.clear();
        self.hashes.clear();
        for (segment, hash) in rows {
            self.hashes.push(hash);
            match self.segments.last_mut() {
                Some((last, rows)) if *last == segment => *rows += 1,
                _ => self.segments.push((segment, 1)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(operation: Operation, rows: &[(u64, u64)]) -> Entry {
        let job = JobSpec { object: "Contact".into(), operation, external_id_field: None, assignment_rule_id: None };
        let stream = StreamName { namespace: None, name: "s".into() };
        let target = Target::new(&stream, Some(3), &job);
        let mut entry = Entry::new("750Sim000000001AAA", target, vec!["LastName".to_owned()], rows.len() as u64);
        entry.set_rows(rows.iter().copied());
        entry
    }

    #[test]
    fn an_entry_is_read_as_it_was_written() {
        let written = entry(Operation::Insert, &[(0, 7), (0, 10), (2, u64::MAX)]);
        assert_eq!(written.segments, [(0, 2), (2, 1)]);
        assert_eq!(Entry::decode(&written.encode()), Some(written));
    }

    #[test]
    fn what_is_not_a_whole_entry_of_this_version_is_not_read() {
        let bytes = entry(Operation::Insert, &[(0, 7), (1, 8)]).encode();
        for end in 0..bytes.len() {
            assert_eq!(Entry::decode(&bytes[..end]), None, "{end} bytes");
        }
        let text = String::from_utf8_lossy(&bytes[..bytes.len() - 16]).replace("\"hash_bits\":64", "\"hash_bits\":32");
        assert_eq!(Entry::decode(&[text.as_bytes(), &[0; 16]].concat()), None);
        assert_eq!(Entry::decode(b"_airbyte_raw_id,_airbyte_data\n1,2\n"), None);
    }

    #[test]
    fn acknowledged_rows_leave_the_entry() {
        let mut all_written = entry(Operation::Insert, &[(0, 7), (1, 8), (1, 7), (2, 9)]);
        all_written.forget_segments(0, true);
        assert_eq!((all_written.segments.clone(), all_written.hashes.clone()), (vec![(1, 2), (2, 1)], vec![8, 7, 9]));
        let mut some_failed = entry(Operation::Insert, &[(0, 7), (1, 8), (1, 7), (2, 9)]);
        some_failed.forget_segments(0, false);
        assert_eq!(some_failed.hashes, [8, 9], "nobody knows which of the equal rows was written");
        let mut in_any_order =
            entry(Operation::Insert, &[(0, 9), (0, 7), (0, 8), (0, 1), (1, 9), (1, 2), (2, 1), (2, 8)]);
        in_any_order.forget_segments(0, false);
        assert_eq!((in_any_order.segments, in_any_order.hashes), (vec![(1, 1)], vec![2]));
    }

    #[test]
    fn the_rows_of_inserts_and_deletes_are_needed_and_those_of_a_search_only_if_it_deletes() {
        use Operation::{Delete, HardDelete, Insert, Update, Upsert};
        for (operation, is_insert, is_delete) in [
            (Insert, true, false),
            (Update, false, false),
            (Upsert, false, false),
            (Delete, false, true),
            (HardDelete, false, true),
        ] {
            let target = entry(operation, &[]).target;
            let shown = |target: &Target| (target.is_insert(), target.is_delete(), target.needs_rows());
            assert_eq!(shown(&target), (is_insert, is_delete, is_insert || is_delete), "{operation}");
            let searched = target.clone().of_search();
            assert_eq!(shown(&searched), (false, is_delete, is_delete), "{operation}");
            assert_eq!(searched == target, !is_insert, "an insert of what was not found is no other insert");
        }
    }

    #[test]
    fn an_entry_has_the_hashes_that_its_operation_needs_and_no_others() {
        let with = |operation, hashes: &[u64]| {
            let mut entry = entry(operation, &[(0, 1), (3, 2)]);
            entry.hashes = hashes.to_vec();
            Entry::decode(&entry.encode()).map(|entry| entry.hashes)
        };
        for operation in [Operation::Insert, Operation::Delete, Operation::HardDelete] {
            assert_eq!(with(operation, &[1, 2]), Some(vec![1, 2]), "{operation}");
            assert_eq!((with(operation, &[1]), with(operation, &[])), (None, None), "{operation}");
        }
        for operation in [Operation::Update, Operation::Upsert] {
            assert_eq!((with(operation, &[]), with(operation, &[1, 2])), (Some(vec![]), None), "{operation}");
        }
        assert_eq!(entry(Operation::Insert, &[(2, 1), (7, 1), (3, 1)]).last_segment(), 7);
    }

    #[test]
    fn only_jobs_of_one_stream_generation_object_operation_and_rule_have_one_target() {
        let spec = |object: &str, rule: Option<&str>| JobSpec {
            object: object.into(),
            operation: Operation::Insert,
            external_id_field: None,
            assignment_rule_id: rule.map(str::to_owned),
        };
        let stream = |namespace: Option<&str>, name: &str| StreamName {
            namespace: namespace.map(str::to_owned),
            name: name.to_owned(),
        };
        let one = || Target::new(&stream(None, "s"), Some(1), &spec("Lead", None));
        assert_eq!(one(), one());
        for other in [
            Target::new(&stream(Some("n"), "s"), Some(1), &spec("Lead", None)),
            Target::new(&stream(None, "t"), Some(1), &spec("Lead", None)),
            Target::new(&stream(None, "s"), Some(2), &spec("Lead", None)),
            Target::new(&stream(None, "s"), None, &spec("Lead", None)),
            Target::new(&stream(None, "s"), Some(1), &spec("Case", None)),
            Target::new(&stream(None, "s"), Some(1), &spec("Lead", Some("01Q000000000001"))),
        ] {
            assert_ne!(one(), other);
        }
    }
}
