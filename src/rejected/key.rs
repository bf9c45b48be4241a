//! Object keys: the two formats of the configuration, filled in for a stream.
//!
//! Every time in a key is the start of the sync, so that the key of an object depends on nothing but that start, the
//! stream and the number of the part: storing the same object again overwrites it. `{uuid}` alone is different for
//! every object.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use jiff::Zoned;
use jiff::tz::TimeZone;
use uuid::Uuid;

use super::identity::{StreamIdentity, SyncIdentity};
use super::name::safe_name;
use super::settings::{S3Settings, extension};
use airbyte::{Error, Result};

/// The longest key that S3 takes, in bytes of UTF-8 (Amazon S3 User Guide, "Naming Amazon S3 objects").
const MAX_KEY_BYTES: usize = 1024;

/// The longest form of a number in a key: the digits of an `i64` with its sign.
const MAX_NUMBER_BYTES: usize = 20;

/// What `-N` adds to a key at most: the sign and the digits of a `u32`.
const MAX_SUFFIX_BYTES: usize = 11;

/// Gives out the keys of one sync.
#[derive(Debug)]
pub(super) struct Keys {
    prefix: String,
    path: Vec<Token>,
    name: Vec<Token>,
    extension: &'static str,
    sync: SyncIdentity,
    started: Zoned,
    given: Mutex<Given>,
}

#[derive(Debug, Default)]
struct Given {
    parts: HashMap<String, u64>,
    keys: HashSet<String>,
}

/// A key that belongs to one writer of this sync.
#[derive(Debug, Clone)]
pub(super) struct Claim {
    stem: String,
    extension: &'static str,
    copy: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Text(String),
    Variable(Variable),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Variable {
    Namespace,
    StreamName,
    SyncId,
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
    Millisecond,
    Epoch,
    Uuid,
    Date,
    YearMonth,
    Timestamp,
    PartNumber,
    FormatExtension,
}

impl Keys {
    pub(super) fn new(settings: &S3Settings, sync: SyncIdentity) -> Result<Self> {
        let path = parse(&settings.path_format, Variable::of_path);
        let name = parse(settings.file_name_format.trim_start_matches('/'), Variable::of_name);
        if settings.file_name_format.ends_with('/') || name.is_empty() {
            return Err(Error::config(
                "`file_name_format` of the rejected-records storage must end in the name of a file.",
            ));
        }
        let mut prefix = joined_segments(settings.bucket_path.as_deref().unwrap_or_default());
        if !prefix.is_empty() {
            prefix.push('/');
        }
        let extension = extension(settings.format, settings.compression);
        let tokens: usize = path.iter().chain(&name).map(Token::longest).sum();
        let longest = prefix.len() + tokens + "/".len() + MAX_NUMBER_BYTES + MAX_SUFFIX_BYTES;
        if longest > MAX_KEY_BYTES {
            return Err(Error::config(format!(
                "Object keys of rejected records could be {longest} bytes long, and S3 takes {MAX_KEY_BYTES}. \
                 Shorten `bucket_path`, `path_format` or `file_name_format`."
            )));
        }
        let started = sync.started.to_zoned(TimeZone::UTC);
        Ok(Self { prefix, path, name, extension, sync, started, given: Mutex::default() })
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

    /// A key that nobody of this sync has: part numbers count from 0 in each folder.
    pub(super) fn claim(&self, stream: &StreamIdentity) -> Claim {
        let folder = self.folder(stream);
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        let counter = given.parts.entry(folder.clone()).or_default();
        let part = *counter;
        *counter += 1;

        let (stem, extension) = match self.name.split_last() {
            Some((Token::Variable(Variable::FormatExtension), stem)) => (stem, self.extension),
            _ => (self.name.as_slice(), ""),
        };
        let mut stem = joined_segments(&stem.iter().map(|token| self.render(token, stream, part)).collect::<String>());
        if stem.is_empty() {
            stem = part.to_string();
        }
        let mut claim = Claim { stem: format!("{folder}{stem}"), extension, copy: 0 };
        while !given.keys.insert(claim.key()) {
            claim.copy += 1;
        }
        claim
    }

    /// Another key in place of one that is taken in the bucket.
    pub(super) fn claim_another(&self, mut taken: Claim) -> Claim {
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        while !given.keys.insert(taken.key()) {
            taken.copy += 1;
        }
        taken
    }

    /// Whether an earlier attempt of this sync may have used the same keys: nothing in them tells the attempts apart.
    pub(super) fn may_be_taken(&self) -> bool {
        let unique = [Variable::Timestamp, Variable::Epoch, Variable::Uuid].map(Token::Variable);
        !self.path.iter().chain(&self.name).any(|token| unique.contains(token))
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
            // Four digits, as Airbyte writes it.
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

impl Variable {
    fn of_path(word: &str) -> Option<Self> {
        Self::of_name(word).filter(|found| !matches!(found, Self::PartNumber | Self::FormatExtension))
    }

    fn of_name(word: &str) -> Option<Self> {
        Some(match word {
            "namespace" => Self::Namespace,
            "stream_name" => Self::StreamName,
            "sync_id" => Self::SyncId,
            "year" => Self::Year,
            "month" => Self::Month,
            "day" => Self::Day,
            "hour" => Self::Hour,
            "minute" => Self::Minute,
            "second" => Self::Second,
            "millisecond" => Self::Millisecond,
            "epoch" => Self::Epoch,
            "uuid" => Self::Uuid,
            "date" => Self::Date,
            "date:yyyy_MM" => Self::YearMonth,
            "timestamp" => Self::Timestamp,
            "part_number" => Self::PartNumber,
            "format_extension" => Self::FormatExtension,
            _ => return None,
        })
    }
}

impl Token {
    fn longest(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Variable(Variable::Namespace | Variable::StreamName) => super::name::MAX_NAME_BYTES,
            Self::Variable(Variable::Uuid) => uuid::fmt::Hyphenated::LENGTH,
            Self::Variable(_) => MAX_NUMBER_BYTES,
        }
    }
}

/// Splits a format into text and variables; a word that is no variable stays as it stands, braces and all.
fn parse(format: &str, variable: fn(&str) -> Option<Variable>) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut text = String::new();
    let mut rest = format;
    while let Some(character) = rest.chars().next() {
        let braced = rest.strip_prefix('{').and_then(|inner| inner.split_once('}'));
        if let Some((word, after)) = braced
            && let Some(variable) = variable(word)
        {
            if !text.is_empty() {
                tokens.push(Token::Text(std::mem::take(&mut text)));
            }
            tokens.push(Token::Variable(variable));
            rest = after;
            continue;
        }
        text.push(if character.is_control() { '_' } else { character });
        rest = &rest[character.len_utf8()..];
    }
    if !text.is_empty() {
        tokens.push(Token::Text(text));
    }
    tokens
}

/// Joins the segments of a path with one slash each. Empty ones drop out, and those that mean another folder to some
/// readers (`.` and `..`) become underscores.
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
