//! Cuts a query into words, literals and signs.

use super::SyntaxError;

/// A part of a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// A keyword or a name, with its dots.
    Word(String),
    /// The value of a quoted text.
    Text(String),
    /// A quoted text with escaped wildcards, which is one for `LIKE` alone, and their positions.
    Pattern(String, Vec<usize>),
    /// A number, a date or a point in time.
    Digits(String),
    /// `(`, `)`, `,` or an operator.
    Sign(&'static str),
    End,
}

impl Token {
    /// How an error names it.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Word(text) | Self::Digits(text) => format!("'{text}'"),
            Self::Text(_) | Self::Pattern(..) => "a quoted text".to_owned(),
            Self::Sign(sign) => format!("'{sign}'"),
            Self::End => "'<EOF>'".to_owned(),
        }
    }
}

/// Longer signs come before their beginnings.
const SIGNS: [&str; 10] = ["<=", ">=", "!=", "<>", "=", "<", ">", "(", ")", ","];

/// The tokens of a query with their positions; the last is [`Token::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<(usize, Token)>, SyntaxError> {
    let mut rest = Characters { characters: text.chars().collect(), at: 0 };
    let mut tokens = Vec::new();
    loop {
        rest.take_while(char::is_whitespace);
        let start = rest.at;
        let token = rest.token()?;
        let is_last = token == Token::End;
        tokens.push((start + 1, token));
        if is_last {
            return Ok(tokens);
        }
    }
}

struct Characters {
    characters: Vec<char>,
    at: usize,
}

impl Characters {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.characters.get(self.at + ahead).copied()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek(0);
        self.at += usize::from(next.is_some());
        next
    }

    fn take_while(&mut self, is_part: impl Fn(char) -> bool) -> String {
        let length = self.characters[self.at..].iter().take_while(|character| is_part(**character)).count();
        let taken = self.characters[self.at..self.at + length].iter().collect();
        self.at += length;
        taken
    }

    fn error<T>(&self, message: impl Into<String>) -> Result<T, SyntaxError> {
        Err(SyntaxError { column: self.at, message: message.into() })
    }

    fn token(&mut self) -> Result<Token, SyntaxError> {
        let Some(first) = self.peek(0) else { return Ok(Token::End) };
        let is_digit = |character: Option<char>| character.is_some_and(|character| character.is_ascii_digit());
        if first == '\'' {
            self.at += 1;
            return self.quoted();
        }
        if is_digit(Some(first)) || (matches!(first, '-' | '+' | '.') && is_digit(self.peek(1))) {
            let is_part = |character: char| character.is_ascii_alphanumeric() || "+-.:".contains(character);
            return Ok(Token::Digits(self.take_while(is_part)));
        }
        if first.is_ascii_alphabetic() {
            let is_part = |character: char| character.is_ascii_alphanumeric() || "_.".contains(character);
            return Ok(Token::Word(self.take_while(is_part)));
        }
        let sign = SIGNS.into_iter().find(|sign| sign.chars().enumerate().all(|(at, c)| self.peek(at) == Some(c)));
        match sign {
            Some(sign) => {
                self.at += sign.len();
                Ok(Token::Sign(sign))
            }
            None => {
                self.at += 1;
                self.error(format!("unexpected token: '{first}'"))
            }
        }
    }

    /// Reads a text up to its closing quote, and its escapes (SOQL and SOSL Reference, "Quoted String Escape
    /// Sequences"). `%` and `_` have a meaning for `LIKE` alone.
    fn quoted(&mut self) -> Result<Token, SyntaxError> {
        let mut units: Vec<u16> = Vec::new();
        let mut escaped = Vec::new();
        loop {
            let character = match self.next() {
                None => return self.error("unterminated string literal"),
                Some('\'') => break,
                Some('\\') => match self.escape()? {
                    Escaped::Character(character) => character,
                    Escaped::Unit(unit) => {
                        units.push(unit);
                        continue;
                    }
                    Escaped::Wildcard(character) => {
                        escaped.push(String::from_utf16_lossy(&units).chars().count());
                        character
                    }
                },
                Some(control) if control.is_control() => {
                    return self.error("a control character in a string literal must be escaped");
                }
                Some(character) => character,
            };
            units.extend_from_slice(character.encode_utf16(&mut [0; 2]));
        }
        match String::from_utf16(&units) {
            Ok(text) if escaped.is_empty() => Ok(Token::Text(text)),
            Ok(text) => Ok(Token::Pattern(text, escaped)),
            Err(_) => self.error("half of a surrogate pair in a string literal"),
        }
    }

    fn escape(&mut self) -> Result<Escaped, SyntaxError> {
        let Some(letter) = self.next() else { return self.error("unterminated string literal") };
        let character = match letter.to_ascii_lowercase() {
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'b' => '\u{8}',
            'f' => '\u{c}',
            '"' | '\'' | '\\' => letter,
            '%' | '_' => return Ok(Escaped::Wildcard(letter)),
            'u' if letter == 'u' => {
                let digits: String = (0..4).filter_map(|_| self.next()).collect();
                let is_code = digits.len() == 4 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
                return match u16::from_str_radix(&digits, 16) {
                    Ok(unit) if is_code => Ok(Escaped::Unit(unit)),
                    _ => self.error(format!("Illegal character sequence '\\u{digits}' in string literal")),
                };
            }
            _ => return self.error(format!("Illegal character sequence '\\{letter}' in string literal")),
        };
        Ok(Escaped::Character(character))
    }
}

/// What an escape stands for.
enum Escaped {
    Character(char),
    /// A unit of UTF-16. A character outside of the basic plane takes two.
    Unit(u16),
    /// `%` or `_`
    Wildcard(char),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(text: &str) -> Result<Token, String> {
        let tokens = tokens(text).map_err(|error| error.message)?;
        assert_eq!(tokens.len(), 2, "{text}: {tokens:?}");
        Ok(tokens[0].1.clone())
    }

    #[test]
    fn a_quoted_text_has_the_documented_escapes() {
        for (quoted, text) in [
            ("''", ""),
            ("'plain'", "plain"),
            (r"'O\'Hara'", "O'Hara"),
            (r#"'\"\\'"#, "\"\\"),
            (r"'\n\N\r\t\b\f'", "\n\n\r\t\u{8}\u{c}"),
            (r"'\u00e9\u00E9'", "éé"),
            (r"'\ud83d\ude00'", "😀"),
            ("'%_--; # 東京'", "%_--; # 東京"),
        ] {
            assert_eq!(only(quoted), Ok(Token::Text(text.to_owned())), "{quoted}");
        }
    }

    #[test]
    fn a_text_with_another_escape_or_without_an_end_is_refused() {
        for text in [r"'\q'", r"'\u12'", r"'\u12g4'", r"'\ud83d'", "'open", r"'open\'", "'a\nb'"] {
            assert!(only(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_escaped_wildcard_has_its_position() {
        assert_eq!(only(r"'😀\%a\_'"), Ok(Token::Pattern("😀%a_".to_owned(), vec![1, 3])));
    }

    #[test]
    fn words_digits_and_signs_are_cut_apart() {
        let cut: Vec<Token> = tokens("a.B__c>=-1.5 and(x!='y')").unwrap().into_iter().map(|(_, token)| token).collect();
        let word = |text: &str| Token::Word(text.to_owned());
        let expected = [
            word("a.B__c"),
            Token::Sign(">="),
            Token::Digits("-1.5".to_owned()),
            word("and"),
            Token::Sign("("),
            word("x"),
            Token::Sign("!="),
            Token::Text("y".to_owned()),
            Token::Sign(")"),
            Token::End,
        ];
        assert_eq!(cut, expected);
        assert_eq!(only("2026-01-02T03:04:05.000Z"), Ok(Token::Digits("2026-01-02T03:04:05.000Z".to_owned())));
        for refused in ["\"a\"", "a # b", "{", "-"] {
            assert!(tokens(refused).is_err(), "{refused}");
        }
    }
}
