//! The part of SOQL that the org knows, as text and as data. It knows nothing of objects and records.

mod lexer;
mod parser;
mod pattern;

pub(crate) use parser::parse;
pub(crate) use pattern::Pattern;

/// A query.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Query {
    pub(crate) selection: Selection,
    pub(crate) object: String,
    pub(crate) condition: Option<Condition>,
    /// The fields that the records are sorted by, the most important first.
    pub(crate) order: Vec<SortKey>,
    pub(crate) limit: Option<usize>,
}

/// What a query returns.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Selection {
    /// `count()`
    Count,
    /// Fields, each as the query spells it.
    Fields(Vec<String>),
}

/// A field that records are sorted by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SortKey {
    pub(crate) field: String,
    pub(crate) is_descending: bool,
    pub(crate) has_nulls_last: bool,
}

/// Which records a query returns.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Condition {
    Compare {
        field: String,
        operator: Operator,
        value: Value,
    },
    In {
        field: String,
        values: Vec<Value>,
        is_negated: bool,
    },
    Like {
        field: String,
        pattern: Pattern,
    },
    /// `INCLUDES`, or `EXCLUDES` if it is negated. Each choice has the values that are selected together.
    Includes {
        field: String,
        choices: Vec<Vec<String>>,
        is_negated: bool,
    },
    Not(Box<Condition>),
    All(Vec<Condition>),
    Any(Vec<Condition>),
}

/// How a field is compared with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// A value in a condition.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Text(String),
    /// As the query spells it: digits with or without a sign and a point.
    Number(String),
    Boolean(bool),
    Date(String),
    DateTime(String),
    Null,
}

/// Why a text is not a query that the org knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SyntaxError {
    /// The position in the query, in characters from 1.
    pub(crate) column: usize,
    pub(crate) message: String,
}
