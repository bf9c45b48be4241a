//! Keys of objects: `path_format` and `file_name_format`, filled in for a stream.
//!
//! Every time in a key is the start of the sync. So the key of an object depends only on that start, the stream and the
//! part number, and the same object stored again overwrites itself. Only `{uuid}` is different for every object.

mod name;
mod names;
mod pattern;

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use jiff::Zoned;
use jiff::tz::TimeZone;
use uuid::Uuid;

use super::identity::{StreamIdentity, SyncIdentity};
use super::settings::StorageSettings;
use airbyte::{Error, Result};
pub(super) use name::safe_name;
pub(super) use names::{KeyFormats, NamesInKey};
use pattern::{MAX_NUMBER_BYTES, Token, Variable};

/// The longest key that S3 accepts, in bytes of UTF-8 (Amazon S3 User Guide, "Naming Amazon S3 objects").
const MAX_KEY_BYTES: usize = 1024;

/// The most that `-N` adds to a key: the hyphen and the digits of a `u32`.
const MAX_SUFFIX_BYTES: usize = 11;

pub(super) const REPORT_EXTENSION: &str = ".html";

/// Hands out the keys of one sync.
#[derive(Debug)]
pub(super) struct Keys {
    prefix: String,
    path: Vec<Token>,
    file_name: Vec<Token>,
    extension: &'static str,
    sync: SyncIdentity,
    started: Zoned,
    used: Mutex<UsedKeys>,
}

#[derive(Debug, Default)]
struct UsedKeys {
    /// The next part number of each folder.
    next_parts: HashMap<String, u64>,
    keys: HashSet<String>,
}

/// A key that belongs to one writer of this sync.
#[derive(Debug, Clone)]
pub(super) struct Claim {
    stem: String,
    extension: &'static str,
    copy: u32,
}

/// What every key begins with: the folder `bucket_path`, or nothing.
pub(super) fn prefix(settings: &StorageSettings) -> String {
    let mut prefix = joined_segments(settings.bucket_path.as_deref().unwrap_or_default());
    if !prefix.is_empty() {
        prefix.push('/');
    }
    prefix
}

impl Keys {
    pub(super) fn new(settings: &StorageSettings, sync: SyncIdentity) -> Result<Self> {
        let path = pattern::parse_path(&settings.path_format);
        let file_name = pattern::parse_file_name(settings.file_name_format.as_str());
        let prefix = prefix(settings);
        let extension = settings.extension();
        let tokens: usize = path.iter().chain(&file_name).map(Token::max_bytes).sum();
        let longest = prefix.len() + tokens + "/".len() + MAX_NUMBER_BYTES + MAX_SUFFIX_BYTES;
        if longest > MAX_KEY_BYTES {
            return Err(Error::config(format!(
                "Object keys of rejected records could be {longest} bytes long, and S3 takes {MAX_KEY_BYTES}. \
                 Shorten `bucket_path`, `path_format` or `file_name_format`."
            )));
        }
        let started = sync.started.to_zoned(TimeZone::UTC);
        Ok(Self { prefix, path, file_name, extension, sync, started, used: Mutex::default() })
    }

    /// The folder of a stream's objects, with its slash at the end.
    pub(super) fn folder(&self, stream: &StreamIdentity) -> String {
        let path: String = self.path.iter().map(|token| self.render(token, stream, 0)).collect();
        let mut folder = format!("{}{}", self.prefix, joined_segments(&path));
        if folder.len() > self.prefix.len() {
            folder.push('/');
        }
        folder
    }

    /// A key that no other writer of this sync has, also where the disk does not tell upper from lower case. Part numbers
    /// count from 0 in each folder.
    pub(super) fn claim(&self, stream: &StreamIdentity) -> Claim {
        let folder = self.folder(stream);
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let counter = used.next_parts.entry(folder.to_lowercase()).or_default();
        let part = *counter;
        *counter += 1;

        let (stem, extension) = match self.file_name.split_last() {
            Some((Token::Variable(Variable::FormatExtension), stem)) => (stem, self.extension),
            _ => (self.file_name.as_slice(), ""),
        };
        let mut stem = joined_segments(&stem.iter().map(|token| self.render(token, stream, part)).collect::<String>());
        if stem.is_empty() {
            stem = part.to_string();
        }
        let mut claim = Claim { stem: format!("{folder}{stem}"), extension, copy: 0 };
        while !used.keys.insert(claim.key().to_lowercase()) {
            claim.copy += 1;
        }
        claim
    }

    /// Another key instead of one that an object in the bucket has.
    pub(super) fn claim_another(&self, mut taken: Claim) -> Claim {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        while !used.keys.insert(taken.key().to_lowercase()) {
            taken.copy += 1;
        }
        taken
    }

    /// The key of the sync's report, if the streams of this sync share a folder of their own.
    pub(super) fn report(&self) -> Option<String> {
        let (folder, is_of_sync) = self.shared_folder();
        is_of_sync.then(|| self.unused(Claim { stem: format!("{folder}report"), extension: REPORT_EXTENSION, copy: 0 }))
    }

    /// The key of the sync's report where other syncs may have theirs: with the start of the sync.
    pub(super) fn dated_report(&self) -> String {
        let (folder, _) = self.shared_folder();
        let stem = format!("{folder}report_{}", self.sync.started.as_millisecond());
        self.unused(Claim { stem, extension: REPORT_EXTENSION, copy: 0 })
    }

    /// The folder that all streams have in common, with its slash at the end, and whether it is one of this sync alone.
    fn shared_folder(&self) -> (String, bool) {
        let of_stream = [Variable::Namespace, Variable::StreamName, Variable::Uuid].map(Token::Variable);
        let no_stream =
            StreamIdentity { namespace: None, name: String::new(), generation_id: None, source_columns: Vec::new() };
        let (mut path, mut sync_at) = (String::new(), None);
        for token in &self.path {
            if of_stream.contains(token) {
                // The rest of a segment with the name of a stream is a folder of that stream.
                path.truncate(path.rfind('/').map_or(0, |slash| slash + 1));
                break;
            }
            if *token == Token::Variable(Variable::SyncId) && self.sync.sync_id.is_some() {
                sync_at = sync_at.or(Some(path.len()));
            }
            path.push_str(&self.render(token, &no_stream, 0));
        }
        let is_of_sync = sync_at.is_some_and(|at| at < path.len());
        let mut folder = joined_segments(&path);
        if !folder.is_empty() {
            folder.push('/');
        }
        (format!("{}{folder}", self.prefix), is_of_sync)
    }

    /// The key of a claim, another one if an object of this sync has it.
    fn unused(&self, claim: Claim) -> String {
        self.claim_another(claim).key()
    }

    /// Whether an earlier attempt of this sync may have used the same keys, because nothing in them differs between
    /// attempts.
    pub(super) fn may_be_taken(&self) -> bool {
        let unique = [Variable::Timestamp, Variable::Epoch, Variable::Uuid].map(Token::Variable);
        !self.path.iter().chain(&self.file_name).any(|token| unique.contains(token))
    }

    fn render(&self, token: &Token, stream: &StreamIdentity, part: u64) -> String {
        let started = &self.started;
        let milliseconds = self.sync.started.as_millisecond();
        let variable = match token {
            Token::Text(text) => return text.clone(),
            Token::Variable(variable) => variable,
        };
        match variable {
            Variable::Namespace => safe_name(stream.namespace.as_deref().unwrap_or_default()),
            Variable::StreamName => safe_name(&stream.name),
            Variable::SyncId => self.sync.sync_id.map(|id| id.to_string()).unwrap_or_default(),
            Variable::Year => format!("{:04}", started.year()),
            Variable::Month => format!("{:02}", started.month()),
            Variable::Day => format!("{:02}", started.day()),
            Variable::Hour => format!("{:02}", started.hour()),
            Variable::Minute => format!("{:02}", started.minute()),
            Variable::Second => format!("{:02}", started.second()),
            // Four digits, as Airbyte writes milliseconds.
            Variable::Millisecond => format!("{:04}", started.millisecond()),
            Variable::Epoch | Variable::Timestamp => milliseconds.to_string(),
            Variable::Uuid => Uuid::now_v7().to_string(),
            Variable::Date => format!("{:04}_{:02}_{:02}", started.year(), started.month(), started.day()),
            Variable::YearMonth => format!("{:04}_{:02}", started.year(), started.month()),
            Variable::PartNumber => part.to_string(),
            Variable::FormatExtension => self.extension.to_owned(),
        }
    }
}

impl Claim {
    pub(super) fn key(&self) -> String {
        match self.copy {
            0 => format!("{}{}", self.stem, self.extension),
            copy => format!("{}-{copy}{}", self.stem, self.extension),
        }
    }
}

/// Joins the segments of a path with single slashes. It leaves out empty segments, and puts underscores for `.` and
/// `..`, which some readers resolve as folders.
fn joined_segments(path: &str) -> String {
    let segments = path.split('/').filter(|segment| !segment.is_empty()).map(|segment| match segment {
        "." => "_".to_owned(),
        ".." => "__".to_owned(),
        other => other.replace(char::is_control, "_"),
    });
    segments.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests;
