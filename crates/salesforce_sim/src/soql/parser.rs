//! Reads a query (SOQL and SOSL Reference, "SOQL SELECT Syntax"). What this org does not know is an error: a clause that
//! is read over would return other records than Salesforce does.

use super::{Condition, Operator, Pattern, Query, Selection, SortKey, SyntaxError, Value, lexer, lexer::Token};

/// Reads a query.
pub(crate) fn parse(text: &str) -> Result<Query, SyntaxError> {
    let mut parser = Parser { tokens: lexer::tokens(text)?, at: 0 };
    parser.expect_word("SELECT")?;
    let selection = parser.selection()?;
    parser.expect_word("FROM")?;
    let object = parser.name()?;
    let condition = if parser.takes_word("WHERE") { Some(parser.condition()?) } else { None };
    let order = if parser.takes_word("ORDER") { parser.order()? } else { Vec::new() };
    let limit = if parser.takes_word("LIMIT") { Some(parser.count()?) } else { None };
    match parser.peek() {
        Token::End => Ok(Query { selection, object, condition, order, limit }),
        _ => parser.unexpected(),
    }
}

/// Words that are no names.
const KEYWORDS: [&str; 14] = [
    "SELECT", "FROM", "WHERE", "AND", "OR", "NOT", "IN", "LIKE", "INCLUDES", "EXCLUDES", "ORDER", "LIMIT", "NULL",
    "TYPEOF",
];

struct Parser {
    tokens: Vec<(usize, Token)>,
    at: usize,
}

impl Parser {
    fn peek(&self) -> &Token {
        &self.tokens[self.at].1
    }

    fn next(&mut self) -> Token {
        let token = self.peek().clone();
        // The end stays where it is.
        self.at = (self.at + 1).min(self.tokens.len() - 1);
        token
    }

    fn unexpected<T>(&self) -> Result<T, SyntaxError> {
        let (column, token) = &self.tokens[self.at];
        Err(SyntaxError { column: *column, message: format!("unexpected token: {}", token.shown()) })
    }

    fn takes_word(&mut self, word: &str) -> bool {
        let is_next = matches!(self.peek(), Token::Word(next) if next.eq_ignore_ascii_case(word));
        if is_next {
            self.next();
        }
        is_next
    }

    fn expect_word(&mut self, word: &str) -> Result<(), SyntaxError> {
        if self.takes_word(word) { Ok(()) } else { self.unexpected() }
    }

    fn takes_sign(&mut self, sign: &'static str) -> bool {
        let is_next = *self.peek() == Token::Sign(sign);
        if is_next {
            self.next();
        }
        is_next
    }

    fn expect_sign(&mut self, sign: &'static str) -> Result<(), SyntaxError> {
        if self.takes_sign(sign) { Ok(()) } else { self.unexpected() }
    }

    fn name(&mut self) -> Result<String, SyntaxError> {
        match self.peek() {
            Token::Word(word) if !KEYWORDS.iter().any(|keyword| keyword.eq_ignore_ascii_case(word)) => {
                let name = word.clone();
                self.next();
                Ok(name)
            }
            _ => self.unexpected(),
        }
    }

    fn selection(&mut self) -> Result<Selection, SyntaxError> {
        let mut fields = vec![self.name()?];
        if fields[0].eq_ignore_ascii_case("count") && self.takes_sign("(") {
            self.expect_sign(")")?;
            return Ok(Selection::Count);
        }
        while self.takes_sign(",") {
            fields.push(self.name()?);
        }
        Ok(Selection::Fields(fields))
    }

    /// `AND` and `OR` do not mix without parentheses ("Condition Expression Syntax").
    fn condition(&mut self) -> Result<Condition, SyntaxError> {
        let first = self.term()?;
        let mut terms = vec![first];
        for (word, join) in [("AND", Condition::All as fn(Vec<Condition>) -> Condition), ("OR", Condition::Any)] {
            while self.takes_word(word) {
                terms.push(self.term()?);
            }
            if terms.len() > 1 {
                return Ok(join(terms));
            }
        }
        Ok(terms.remove(0))
    }

    fn term(&mut self) -> Result<Condition, SyntaxError> {
        if self.takes_word("NOT") {
            return Ok(Condition::Not(Box::new(self.term()?)));
        }
        if self.takes_sign("(") {
            let condition = self.condition()?;
            self.expect_sign(")")?;
            return Ok(condition);
        }
        let field = self.name()?;
        let is_negated = self.takes_word("NOT");
        if is_negated || matches!(self.peek(), Token::Word(word) if word.eq_ignore_ascii_case("IN")) {
            self.expect_word("IN")?;
            return Ok(Condition::In { field, values: self.list()?, is_negated });
        }
        if self.takes_word("LIKE") {
            return Ok(Condition::Like { field, pattern: self.pattern()? });
        }
        for (word, is_negated) in [("INCLUDES", false), ("EXCLUDES", true)] {
            if self.takes_word(word) {
                return Ok(Condition::Includes { field, choices: self.choices()?, is_negated });
            }
        }
        Ok(Condition::Compare { field, operator: self.operator()?, value: self.value()? })
    }

    fn operator(&mut self) -> Result<Operator, SyntaxError> {
        let operator = match self.peek() {
            Token::Sign("=") => Operator::Equal,
            Token::Sign("!=" | "<>") => Operator::NotEqual,
            Token::Sign("<") => Operator::Less,
            Token::Sign("<=") => Operator::LessOrEqual,
            Token::Sign(">") => Operator::Greater,
            Token::Sign(">=") => Operator::GreaterOrEqual,
            _ => return self.unexpected(),
        };
        self.next();
        Ok(operator)
    }

    fn list(&mut self) -> Result<Vec<Value>, SyntaxError> {
        self.expect_sign("(")?;
        let mut values = vec![self.value()?];
        while self.takes_sign(",") {
            values.push(self.value()?);
        }
        self.expect_sign(")")?;
        Ok(values)
    }

    fn pattern(&mut self) -> Result<Pattern, SyntaxError> {
        let pattern = match self.peek() {
            Token::Text(text) => Pattern::new(text, &[]),
            Token::Pattern(text, escaped) => Pattern::new(text, escaped),
            _ => return self.unexpected(),
        };
        self.next();
        Ok(pattern)
    }

    /// The choices of a multi-select picklist: `('A;B', 'C')` is A and B together, or C.
    fn choices(&mut self) -> Result<Vec<Vec<String>>, SyntaxError> {
        let start = self.at;
        let choice = |value: Value| match value {
            Value::Text(text) => Some(text.split(';').map(str::to_owned).collect()),
            _ => None,
        };
        let choices: Option<Vec<_>> = self.list()?.into_iter().map(choice).collect();
        choices.map_or_else(
            || {
                self.at = start;
                self.unexpected()
            },
            Ok,
        )
    }

    fn value(&mut self) -> Result<Value, SyntaxError> {
        let value = match self.peek() {
            Token::Text(text) => Value::Text(text.clone()),
            Token::Word(word) if word.eq_ignore_ascii_case("true") => Value::Boolean(true),
            Token::Word(word) if word.eq_ignore_ascii_case("false") => Value::Boolean(false),
            Token::Word(word) if word.eq_ignore_ascii_case("null") => Value::Null,
            Token::Digits(digits) if is_number(digits) => Value::Number(digits.clone()),
            Token::Digits(digits) if digits.parse::<jiff::civil::Date>().is_ok() && digits.len() == 10 => {
                Value::Date(digits.clone())
            }
            Token::Digits(digits) if digits.contains('T') && digits.parse::<jiff::Timestamp>().is_ok() => {
                Value::DateTime(digits.clone())
            }
            _ => return self.unexpected(),
        };
        self.next();
        Ok(value)
    }

    fn order(&mut self) -> Result<Vec<SortKey>, SyntaxError> {
        self.expect_word("BY")?;
        let mut keys = vec![self.sort_key()?];
        while self.takes_sign(",") {
            keys.push(self.sort_key()?);
        }
        Ok(keys)
    }

    /// Null comes first by default ("ORDER BY").
    fn sort_key(&mut self) -> Result<SortKey, SyntaxError> {
        let field = self.name()?;
        let is_descending = self.takes_word("DESC");
        if !is_descending {
            self.takes_word("ASC");
        }
        let has_nulls_last = self.takes_word("NULLS") && {
            let is_last = self.takes_word("LAST");
            if !is_last {
                self.expect_word("FIRST")?;
            }
            is_last
        };
        Ok(SortKey { field, is_descending, has_nulls_last })
    }

    fn count(&mut self) -> Result<usize, SyntaxError> {
        let count = match self.peek() {
            Token::Digits(digits) => digits.parse().ok(),
            _ => None,
        };
        let Some(count) = count else { return self.unexpected() };
        self.next();
        Ok(count)
    }
}

/// Digits with or without a sign and a point. No document says that a number may have an exponent.
fn is_number(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (is_digits(whole) || whole.is_empty()) && is_digits(fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn condition(text: &str) -> Condition {
        parse(&format!("SELECT Id FROM A WHERE {text}")).unwrap().condition.unwrap()
    }

    fn compare(field: &str, operator: Operator, value: Value) -> Condition {
        Condition::Compare { field: field.to_owned(), operator, value }
    }

    #[test]
    fn a_query_has_its_clauses() {
        let query = parse("select Id , Account.Name from Contact where Email!=null order by Id desc limit 7").unwrap();
        assert_eq!(query.selection, Selection::Fields(vec!["Id".to_owned(), "Account.Name".to_owned()]));
        assert_eq!((query.object.as_str(), query.limit), ("Contact", Some(7)));
        let by = |field: &str, is_descending, has_nulls_last| SortKey {
            field: field.to_owned(),
            is_descending,
            has_nulls_last,
        };
        assert_eq!(query.order, [by("Id", true, false)]);
        assert_eq!(query.condition, Some(compare("Email", Operator::NotEqual, Value::Null)));
        assert_eq!(parse("SELECT count() FROM A").unwrap().selection, Selection::Count);
        let sorted =
            parse("SELECT Id FROM A ORDER BY B.Name ASC NULLS LAST, C NULLS FIRST, D DESC NULLS LAST").unwrap();
        assert_eq!(sorted.order, [by("B.Name", false, true), by("C", false, false), by("D", true, true)]);
    }

    #[test]
    fn a_value_has_its_type() {
        for (text, value) in [
            ("'x'", Value::Text("x".to_owned())),
            ("-1.50", Value::Number("-1.50".to_owned())),
            ("2", Value::Number("2".to_owned())),
            ("TRUE", Value::Boolean(true)),
            ("2026-02-28", Value::Date("2026-02-28".to_owned())),
            ("2026-02-28T01:02:03Z", Value::DateTime("2026-02-28T01:02:03Z".to_owned())),
            ("2026-02-28T01:02:03.004+01:00", Value::DateTime("2026-02-28T01:02:03.004+01:00".to_owned())),
            ("null", Value::Null),
        ] {
            assert_eq!(condition(&format!("a = {text}")), compare("a", Operator::Equal, value), "{text}");
        }
    }

    #[test]
    fn conditions_join_with_one_word_or_in_parentheses() {
        let (a, b) = (compare("a", Operator::Equal, Value::Null), compare("b", Operator::Less, Value::Boolean(true)));
        let any = Condition::Any(vec![a.clone(), b.clone()]);
        assert_eq!(condition("a = null OR b < true"), any);
        assert_eq!(condition("a = null AND (a = null OR b < true)"), Condition::All(vec![a.clone(), any]));
        assert_eq!(condition("NOT (a = null)"), Condition::Not(Box::new(a)));
        let within = Condition::In { field: "b".to_owned(), values: vec![Value::Null], is_negated: true };
        assert_eq!(condition("b NOT IN (null)"), within);
        let like = |text: &str, escaped: &[usize]| Condition::Like {
            field: "b".to_owned(),
            pattern: Pattern::new(text, escaped),
        };
        assert_eq!(condition("b like 'x%'"), like("x%", &[]));
        assert_eq!(condition(r"NOT b LIKE 'x\%'"), Condition::Not(Box::new(like("x%", &[1]))));
        let choices = vec![vec!["A".to_owned(), "B".to_owned()], vec!["C".to_owned()]];
        let includes = |is_negated| Condition::Includes { field: "b".to_owned(), choices: choices.clone(), is_negated };
        assert_eq!(condition("b INCLUDES ('A;B', 'C')"), includes(false));
        assert_eq!(condition("b EXCLUDES ('A;B', 'C')"), includes(true));
    }

    #[test]
    fn what_is_not_known_is_refused() {
        for query in [
            "",
            "SELECT",
            "SELECT FROM A",
            "SELECT Id",
            "SELECT Id, FROM A",
            "SELECT Id FROM A a",
            "SELECT COUNT(Id) FROM A",
            "SELECT FIELDS(ALL) FROM A",
            "SELECT Id, (SELECT Id FROM Contacts) FROM A",
            "SELECT Id FROM A, B",
            "SELECT Id FROM A WHERE",
            "SELECT Id FROM A WHERE a",
            "SELECT Id FROM A WHERE a = b",
            "SELECT Id FROM A WHERE a = \"b\"",
            "SELECT Id FROM A WHERE a = 1e3",
            "SELECT Id FROM A WHERE a = 2026-02-30",
            "SELECT Id FROM A WHERE a = 2026-02-28T01:02:03",
            "SELECT Id FROM A WHERE a = TODAY",
            "SELECT Id FROM A WHERE a IN ()",
            "SELECT Id FROM A WHERE a IN ('b',)",
            "SELECT Id FROM A WHERE a IN (SELECT Id FROM B)",
            "SELECT Id FROM A WHERE a LIKE b",
            "SELECT Id FROM A WHERE a NOT LIKE 'b%'",
            r"SELECT Id FROM A WHERE a = 'b\%'",
            r"SELECT Id FROM A WHERE a = 'b\_'",
            "SELECT Id FROM A WHERE a INCLUDES 'b'",
            "SELECT Id FROM A WHERE a INCLUDES (1)",
            "SELECT Id FROM A WHERE a = 1 AND b = 2 OR c = 3",
            "SELECT Id FROM A WHERE (a = 1",
            "SELECT Id FROM A WHERE CALENDAR_YEAR(a) = 2026",
            "SELECT Id FROM A GROUP BY Id",
            "SELECT Id FROM A ORDER BY",
            "SELECT Id FROM A ORDER BY Name NULLS",
            "SELECT Id FROM A ORDER BY Name,",
            "SELECT Id FROM A ORDER BY COUNT(Id)",
            "SELECT Id FROM A USING SCOPE mine",
            "SELECT TYPEOF What WHEN Account THEN Name END FROM A",
            "SELECT toLabel(Name) FROM A",
            "SELECT Id FROM A WITH SECURITY_ENFORCED",
            "SELECT Id FROM A HAVING Id = null",
            "SELECT Id FROM A LIMIT",
            "SELECT Id FROM A LIMIT 1 OFFSET 2",
            "SELECT Id FROM A FOR UPDATE",
            "SELECT Id FROM A; DELETE",
        ] {
            assert!(parse(query).is_err(), "{query}: {:?}", parse(query));
        }
        let error = parse("SELECT Id FROM A WHERE a = b").unwrap_err();
        assert_eq!((error.column, error.message.as_str()), (28, "unexpected token: 'b'"));
    }
}
