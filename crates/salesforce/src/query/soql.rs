//! Queries in SOQL, made of parts.

use std::fmt;

use super::Literal;
use crate::fault::{Fault, FaultKind};

/// The most characters of a query (Limits Quick Reference, "SOQL and SOSL Limits").
pub(super) const LONGEST_QUERY: usize = 100_000;

/// A query for fields of the records of an object.
///
/// ```
/// use salesforce::{Condition, Literal, Soql};
///
/// let name = Condition::equals("LastName", Literal::text("O'Hara"));
/// let query = Soql::select("Contact", ["Id", "Account.Name"]).filtered(name);
/// assert_eq!(query.to_string(), r"SELECT Id,Account.Name FROM Contact WHERE LastName = 'O\'Hara'");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Soql {
    object: String,
    fields: Vec<String>,
    condition: Option<Condition>,
}

/// Which records a query returns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// The field has this value.
    Equals(String, Literal),
    /// The field has one of these values.
    In(String, Vec<Literal>),
    /// The field has a value.
    NotNull(String),
    /// The field has this value or one after it.
    AtLeast(String, Literal),
    /// The field has a value before this one.
    Before(String, Literal),
    /// A condition as someone has written it.
    Written(String),
    /// All of these are true.
    All(Vec<Condition>),
    /// At least one of these is true.
    Any(Vec<Condition>),
}

impl Condition {
    /// The field has this value.
    pub fn equals(field: impl Into<String>, literal: Literal) -> Self {
        Self::Equals(field.into(), literal)
    }

    /// The field has one of these values. There must be one at least.
    pub fn is_in(field: impl Into<String>, literals: impl IntoIterator<Item = Literal>) -> Self {
        Self::In(field.into(), literals.into_iter().collect())
    }

    /// The field has a value.
    pub fn not_null(field: impl Into<String>) -> Self {
        Self::NotNull(field.into())
    }

    /// The field has this value or one after it.
    pub fn at_least(field: impl Into<String>, literal: Literal) -> Self {
        Self::AtLeast(field.into(), literal)
    }

    /// The field has a value before this one.
    pub fn before(field: impl Into<String>, literal: Literal) -> Self {
        Self::Before(field.into(), literal)
    }

    /// A condition as someone has written it, without `WHERE`. It stays one condition, whatever others there are.
    pub fn written(text: impl Into<String>) -> Self {
        Self::Written(text.into())
    }

    fn check(&self) -> Result<(), Fault> {
        match self {
            Self::Equals(field, _) | Self::NotNull(field) | Self::AtLeast(field, _) | Self::Before(field, _) => {
                check_name(field)
            }
            Self::Written(text) => check_written(text),
            Self::In(_, literals) if literals.is_empty() => Err(empty("a list of values")),
            Self::In(field, _) => check_name(field),
            Self::All(conditions) | Self::Any(conditions) if conditions.is_empty() => Err(empty("a condition")),
            Self::All(conditions) | Self::Any(conditions) => conditions.iter().try_for_each(Self::check),
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Equals(field, literal) => write!(f, "{field} = {literal}"),
            Self::In(field, literals) => {
                write!(f, "{field} IN (")?;
                join(f, literals, ",")?;
                f.write_str(")")
            }
            Self::NotNull(field) => write!(f, "{field} != null"),
            Self::AtLeast(field, literal) => write!(f, "{field} >= {literal}"),
            Self::Before(field, literal) => write!(f, "{field} < {literal}"),
            // Also alone, so that no clause of a query can follow.
            Self::Written(text) => write!(f, "({text})"),
            Self::All(conditions) => join(f, conditions.iter().map(Nested), " AND "),
            Self::Any(conditions) => join(f, conditions.iter().map(Nested), " OR "),
        }
    }
}

/// A condition inside of another. SOQL does not mix `AND` and `OR` without parentheses (SOQL and SOSL Reference,
/// "Condition Expression Syntax").
struct Nested<'c>(&'c Condition);

impl fmt::Display for Nested<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Condition::All(_) | Condition::Any(_) => write!(f, "({})", self.0),
            condition => condition.fmt(f),
        }
    }
}

impl Soql {
    /// A query for fields of all records of an object. A field of a record that it refers to is a path such as
    /// `Account.External_Id__c`.
    pub fn select<F: Into<String>>(object: impl Into<String>, fields: impl IntoIterator<Item = F>) -> Self {
        Self { object: object.into(), fields: fields.into_iter().map(Into::into).collect(), condition: None }
    }

    /// The same query without some of its fields.
    #[must_use]
    pub fn without(mut self, fields: &[String]) -> Self {
        self.fields.retain(|field| !fields.contains(field));
        self
    }

    /// The same query, for the records for which this condition is true as well.
    #[must_use]
    pub fn filtered(self, condition: Condition) -> Self {
        let condition = match self.condition {
            Some(before) => Condition::All(vec![before, condition]),
            None => condition,
        };
        Self { condition: Some(condition), ..self }
    }

    /// The object.
    pub fn object(&self) -> &str {
        &self.object
    }

    /// The fields, in the order of the query.
    pub fn fields(&self) -> &[String] {
        &self.fields
    }

    #[cfg(test)]
    pub(super) fn condition(&self) -> Option<&Condition> {
        self.condition.as_ref()
    }

    /// Checks what Salesforce would refuse or understand in another way. Names go into the query as they are, so they
    /// must be names.
    pub(super) fn check(&self) -> Result<(), Fault> {
        check_name(&self.object)?;
        if self.fields.is_empty() {
            return Err(empty("a list of fields"));
        }
        self.fields.iter().try_for_each(|field| check_name(field))?;
        self.condition.as_ref().map_or(Ok(()), Condition::check)?;
        let length = self.to_string().chars().count();
        if length > LONGEST_QUERY {
            let text = format!("a query has {length} characters, and Salesforce takes {LONGEST_QUERY} at most");
            return Err(Fault::new(FaultKind::Unexpected, text));
        }
        Ok(())
    }
}

impl Soql {
    /// The query that counts the records which this one finds.
    pub(super) fn counting(&self) -> String {
        let all = format!("SELECT count() FROM {}", self.object);
        self.condition.as_ref().map_or(all.clone(), |condition| format!("{all} WHERE {condition}"))
    }
}

impl fmt::Display for Soql {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SELECT ")?;
        join(f, &self.fields, ",")?;
        write!(f, " FROM {}", self.object)?;
        self.condition.as_ref().map_or(Ok(()), |condition| write!(f, " WHERE {condition}"))
    }
}

fn join<T: fmt::Display>(f: &mut fmt::Formatter<'_>, parts: impl IntoIterator<Item = T>, between: &str) -> fmt::Result {
    for (at, part) in parts.into_iter().enumerate() {
        if at > 0 {
            f.write_str(between)?;
        }
        part.fmt(f)?;
    }
    Ok(())
}

fn empty(what: &str) -> Fault {
    Fault::new(FaultKind::Unexpected, format!("{what} of a query is empty"))
}

/// Checks that a written condition ends where it seems to end: its quotes are closed, and so is each parenthesis that it
/// opens. Otherwise the conditions beside it would mean something else. Whether it is a condition, Salesforce decides.
fn check_written(text: &str) -> Result<(), Fault> {
    let wrong = |what: &str| Err(Fault::new(FaultKind::Configuration, format!("the condition {what}")));
    if text.trim().is_empty() {
        return wrong("is empty");
    }
    let (mut depth, mut is_quoted) = (0_usize, false);
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' if is_quoted => drop(characters.next()),
            '\'' => is_quoted = !is_quoted,
            '(' if !is_quoted => depth += 1,
            ')' if !is_quoted && depth == 0 => return wrong("closes a parenthesis that it does not open"),
            ')' if !is_quoted => depth -= 1,
            _ => {}
        }
    }
    match (is_quoted, depth) {
        (true, _) => wrong("does not close a quote"),
        (false, 0) => Ok(()),
        (false, _) => wrong("does not close a parenthesis"),
    }
}

/// Checks that a text is the name of an object or a path to a field.
fn check_name(text: &str) -> Result<(), Fault> {
    let is_name = |name: &str| {
        name.starts_with(|first: char| first.is_ascii_alphabetic())
            && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
    };
    if text.split('.').all(is_name) {
        return Ok(());
    }
    Err(Fault::new(FaultKind::Configuration, format!("'{text}' cannot be the name of an object or a field")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_written_with_its_conditions() {
        let query = Soql::select("Contact", ["Id", "Email"]);
        let (email, level) = (Condition::not_null("Email"), Condition::equals("Level__c", Literal::text("A")));
        let ids = Condition::is_in("Score__c", [Literal::number("1").unwrap(), Literal::number("2.5").unwrap()]);
        for (query, text) in [
            (query.clone(), "SELECT Id,Email FROM Contact"),
            (query.clone().filtered(email.clone()), "SELECT Id,Email FROM Contact WHERE Email != null"),
            (
                query.clone().filtered(email.clone()).filtered(ids.clone()),
                "SELECT Id,Email FROM Contact WHERE Email != null AND Score__c IN (1,2.5)",
            ),
            (
                query.filtered(Condition::Any(vec![Condition::All(vec![email, level.clone()]), ids])),
                "SELECT Id,Email FROM Contact WHERE (Email != null AND Level__c = 'A') OR Score__c IN (1,2.5)",
            ),
            (
                Soql::select("A", ["Id"]).filtered(Condition::Any(vec![level.clone()])).filtered(level),
                "SELECT Id FROM A WHERE (Level__c = 'A') AND Level__c = 'A'",
            ),
        ] {
            assert_eq!(query.to_string(), text);
            let (_, rest) = text.split_once(" FROM ").unwrap();
            assert_eq!(query.counting(), format!("SELECT count() FROM {rest}"));
            query.check().unwrap();
        }
    }

    #[test]
    fn a_written_condition_stays_one_condition() {
        let from = Condition::at_least("SystemModstamp", Literal::datetime("2026-01-02T03:04:05Z").unwrap());
        let until = Condition::before("SystemModstamp", Literal::datetime("2026-01-03T00:00:00Z").unwrap());
        let query = |text: &str| Soql::select("A", ["Id"]).filtered(Condition::written(text));
        let filtered = query("Amount > 1000 OR Name = 'a)'").filtered(from).filtered(until);
        let expected = "SELECT Id FROM A WHERE ((Amount > 1000 OR Name = 'a)') AND SystemModstamp >= \
                        2026-01-02T03:04:05Z) AND SystemModstamp < 2026-01-03T00:00:00Z";
        filtered.check().unwrap();
        assert_eq!(filtered.to_string(), expected);
        for text in ["(a = 1 OR b = 2) AND c = 3", r"a = 'it\'s' AND b = '\\'", "a IN ('(', ')')"] {
            assert!(query(text).check().is_ok(), "{text}");
            assert!(query(text).to_string().ends_with(&format!("WHERE ({text})")), "no clause can follow");
        }
        for text in ["", " ", "a = 1) OR (b = 2", "(a = 1", "a = 'x", r"a = 'x\'", "a = 1)"] {
            assert_eq!(query(text).check().unwrap_err().kind(), FaultKind::Configuration, "{text}");
        }
    }

    #[test]
    fn what_is_no_name_never_reaches_a_query() {
        for name in ["", "a b", "a'b", "Id,Name", "Id FROM User", "1a", "a.", ".a", "a..b", "ä", "a)", "COUNT()"] {
            let condition = Condition::not_null(name);
            for query in [
                Soql::select(name, ["Id"]),
                Soql::select("A", [name]),
                Soql::select("A", ["Id"]).filtered(condition.clone()),
                Soql::select("A", ["Id"]).filtered(Condition::All(vec![Condition::Any(vec![condition])])),
            ] {
                assert_eq!(query.check().unwrap_err().kind(), FaultKind::Configuration, "{query}");
            }
        }
        Soql::select("My_Ns__Thing__c", ["Owner.Manager.Name", "A1__r.b__c"]).check().unwrap();
    }

    #[test]
    fn an_empty_or_endless_query_is_not_sent() {
        let all = || Soql::select("A", ["Id"]);
        let long = Condition::is_in("F", vec![Literal::text("x".repeat(99)); 1_000]);
        for query in [
            Soql::select("A", [""; 0]),
            all().filtered(Condition::is_in("F", [])),
            all().filtered(Condition::Any(Vec::new())),
            all().filtered(long),
        ] {
            assert_eq!(query.check().unwrap_err().kind(), FaultKind::Unexpected);
        }
    }

    #[test]
    fn a_query_has_at_most_a_hundred_thousand_characters() {
        let of_length = |length: usize| {
            let query =
                |text: &str| Soql::select("Contact", ["Id"]).filtered(Condition::equals("Name", Literal::text(text)));
            let empty = query("").to_string().chars().count();
            let query = query(&"\u{e9}".repeat(length - empty));
            assert_eq!(query.to_string().chars().count(), length);
            query.check()
        };
        assert!(of_length(100_000).is_ok());
        assert_eq!(of_length(100_001).unwrap_err().kind(), FaultKind::Unexpected);
    }
}
