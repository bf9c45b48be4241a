//! `path_format` and `file_name_format`, split into text and variables.

use super::name::MAX_NAME_BYTES;

/// The longest form of a number in a key: the digits of an `i64` with its sign.
pub(super) const MAX_NUMBER_BYTES: usize = 20;

/// A piece of a format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    Text(String),
    Variable(Variable),
}

/// A word in braces that stands for a value. `docs/rejected-records.md` says for which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Variable {
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

impl Variable {
    fn in_path(word: &str) -> Option<Self> {
        Self::in_file_name(word).filter(|variable| !matches!(variable, Self::PartNumber | Self::FormatExtension))
    }

    fn in_file_name(word: &str) -> Option<Self> {
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
    /// The most bytes that this adds to a key.
    pub(super) fn max_bytes(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Variable(Variable::Namespace | Variable::StreamName) => MAX_NAME_BYTES,
            Self::Variable(Variable::Uuid) => uuid::fmt::Hyphenated::LENGTH,
            Self::Variable(_) => MAX_NUMBER_BYTES,
        }
    }
}

/// Splits a `path_format`, which knows neither `{part_number}` nor `{format_extension}`.
pub(super) fn parse_path(format: &str) -> Vec<Token> {
    parse(format, Variable::in_path)
}

/// Splits a `file_name_format`.
pub(super) fn parse_file_name(format: &str) -> Vec<Token> {
    parse(format.trim_start_matches('/'), Variable::in_file_name)
}

/// A word in braces that is not a variable stays as it is, with its braces.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_in_braces_become_variables_where_they_are_allowed() {
        let text = |text: &str| Token::Text(text.to_owned());
        let cases = [
            ("{year}-{month}", vec![Token::Variable(Variable::Year), text("-"), Token::Variable(Variable::Month)]),
            ("{date:yyyy_MM}", vec![Token::Variable(Variable::YearMonth)]),
            ("{part_number}", vec![text("{part_number}")]),
            ("{format_extension}/x", vec![text("{format_extension}/x")]),
            ("a{unknown}\n", vec![text("a{unknown}_")]),
            ("", vec![]),
        ];
        for (format, expected) in cases {
            assert_eq!(parse_path(format), expected, "{format}");
        }
        assert_eq!(parse_file_name("//{part_number}"), [Token::Variable(Variable::PartNumber)]);
    }
}
