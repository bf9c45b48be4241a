//! Keys: which of them certainly mean the same record, and which of them perhaps do.
//!
//! Where no document says how Salesforce compares two keys, both answers are guesses, and each could lose a record. So
//! such keys are called alike: a load neither merges their rows nor has them in one job, and a comparison of two orgs
//! takes them for two.

mod number;

use std::borrow::Cow;
use std::hash::{BuildHasher, Hasher};

use foldhash::quality::FixedState;
use icu_normalizer::DecomposingNormalizerBorrowed;

use crate::describe::{Field, FieldType};
use crate::record_id::{capitals, check_characters};
use number::Decimal;

/// How the values of a key field are compared. Spaces at the ends never count: Salesforce cuts them off (pull request
/// 1453 of forcedotcom/dataloader).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyComparison {
    /// Case counts, as in a custom text field that is case-sensitive or not unique (Apex guide, "Upserting Records").
    Exact,
    /// The case of ASCII letters does not count, as in a custom text field that is unique and not case-sensitive (the
    /// same page).
    IgnoreCase,
    /// Equal texts are one key. Whether case counts is not documented: standard fields, and types other than text.
    Text,
    /// Numbers.
    Number {
        /// The number of decimal places that the field keeps.
        scale: u32,
    },
    /// Record ids, in their form of 15 or 18 characters (REST API guide, "sObject IDs"). The last three of 18
    /// characters encode the case of the first 15.
    Id,
    /// Dates with a time of day. No document says whether a field keeps fractions of a second.
    Moment,
}

impl KeyComparison {
    /// How the org compares the values of a field as a key.
    pub fn of(field: &Field) -> Self {
        use FieldType::{Currency, Double, Id, Int, Long, Percent, Reference, String};
        match field.field_type {
            Id | Reference => Self::Id,
            Int | Long | Double | Currency | Percent => Self::Number { scale: field.scale },
            _ if field.case_sensitive => Self::Exact,
            // The rule of the Apex guide ("Upserting Records") is about custom fields.
            String if field.custom && field.unique => Self::IgnoreCase,
            String if field.custom => Self::Exact,
            _ => Self::Text,
        }
    }

    /// The text that a value shares with every value that is certainly the same key, however it is written. `None` for a
    /// value that is no key, because it has nothing but blanks.
    pub fn identity(self, text: &str) -> Option<String> {
        if text.trim().is_empty() {
            return None;
        }
        let canonical = self.canonical(text).unwrap_or(text.into());
        Some(self.certain(&canonical).into_owned())
    }

    /// A value in the one form that it has for this comparison, however the source or the org writes it: a number
    /// without an exponent, a moment in UTC, an id in its longest form that is certain. `None` if it is not a value of
    /// the kind, so that no record can have it.
    pub fn canonical(self, text: &str) -> Option<Cow<'_, str>> {
        let trimmed = text.trim_matches(' ');
        match self {
            Self::Exact | Self::IgnoreCase | Self::Text => Some(trimmed.into()),
            Self::Number { .. } => Decimal::parse(trimmed)?.to_plain().map(Cow::Owned),
            Self::Id => {
                let is_id = matches!(trimmed.len(), 15 | 18) && trimmed.bytes().all(|it| it.is_ascii_alphanumeric());
                is_id.then_some(trimmed.into())
            }
            Self::Moment => {
                let moment: jiff::Timestamp = trimmed.parse().ok()?;
                Some(moment.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string().into())
            }
        }
    }

    /// Whether a record certainly has a value as it was sent, so that a query for the value finds it. No document says
    /// what a record keeps of line ends, of other characters that nobody sees, of blanks at the ends that are not
    /// spaces, of accents apart from their letters, and of fractions of a second. A number of more than 15 digits may
    /// be rounded (Salesforce Help 000394530), and one with more decimal places than its field is shown rounded
    /// (000387302).
    pub fn is_kept(self, text: &str) -> bool {
        let trimmed = text.trim_matches(' ');
        match self {
            Self::Exact | Self::IgnoreCase | Self::Text => {
                let is_changed = |it: char| it.is_control() || is_invisible(it) || is_accent(it);
                trimmed.trim_matches(is_blank) == trimmed && !trimmed.contains(is_changed)
            }
            Self::Number { scale } => Decimal::parse(trimmed).is_some_and(|number| number.is_kept(scale)),
            Self::Id => true,
            Self::Moment => self.canonical(trimmed).is_some_and(|moment| moment.ends_with(".000Z")),
        }
    }

    /// Adds a canonical value to two hashes: one that values share which are certainly one, and one that they also
    /// share with those that are perhaps one.
    pub fn add_to_hashes(self, canonical: &str, certain: &mut impl Hasher, alike: &mut impl Hasher) {
        for (hasher, form) in
            [(certain as &mut dyn Hasher, self.certain(canonical)), (alike as &mut dyn Hasher, self.coarse(canonical))]
        {
            hasher.write_usize(form.len());
            hasher.write(form.as_bytes());
        }
    }

    /// Whether two keys certainly mean the same record.
    pub fn are_equal(self, one: &str, other: &str) -> bool {
        self.certain(one) == self.certain(other)
    }

    /// The hash of a key: equal for equal keys, and for keys that are alike. It has 128 bits, so two keys of a batch do
    /// not share one by chance.
    pub fn hash_of_alike(self, text: &str) -> u128 {
        let form = self.coarse(text);
        let half = |seed| {
            let mut hasher = FixedState::with_seed(seed).build_hasher();
            hasher.write(form.as_bytes());
            u128::from(hasher.finish())
        };
        half(1) << 64 | half(2)
    }

    /// The same text for keys that certainly mean the same record.
    fn certain(self, text: &str) -> Cow<'_, str> {
        let trimmed = text.trim_matches(' ');
        match self {
            Self::Exact | Self::Text => trimmed.into(),
            Self::IgnoreCase => lower_case(trimmed),
            Self::Number { .. } => Decimal::parse_plain(text).map_or(text.into(), |number| number.to_text().into()),
            Self::Id => short_id(text).unwrap_or(text).into(),
            Self::Moment => self.canonical(text).unwrap_or(text.into()),
        }
    }

    /// The same text for keys that perhaps mean the same record.
    fn coarse(self, text: &str) -> Cow<'_, str> {
        match self {
            Self::Exact => loose(text, false),
            Self::IgnoreCase | Self::Text => loose(text, true),
            Self::Number { scale } => {
                let loose = loose(text, true);
                let rounded = Decimal::parse(&loose).and_then(|number| number.rounded(scale));
                rounded.map_or(loose, Cow::Owned)
            }
            Self::Id => {
                let trimmed = text.trim_matches(is_blank);
                repaired_id(trimmed).map_or(trimmed.into(), Cow::Owned)
            }
            Self::Moment => {
                let canonical = self.certain(text);
                let to_second = canonical.len().min("yyyy-MM-ddTHH:mm:ss".len());
                canonical.get(..to_second).map_or(canonical.clone(), |it| it.to_owned().into())
            }
        }
    }
}

fn lower_case(text: &str) -> Cow<'_, str> {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) { text.to_ascii_lowercase().into() } else { text.into() }
}

/// A text without what some comparison of text ignores: blanks at the ends, kinds of line ends, accents, width and
/// other forms of a letter, and invisible characters; with `any_case` also case.
fn loose(text: &str, any_case: bool) -> Cow<'_, str> {
    let trimmed = text.trim_matches(is_blank);
    if trimmed.contains('\r') {
        return loose(&trimmed.replace("\r\n", "\n").replace('\r', "\n"), any_case).into_owned().into();
    }
    if trimmed.is_ascii() {
        return if any_case { lower_case(trimmed) } else { trimmed.into() };
    }
    let mut letters = String::with_capacity(trimmed.len());
    let decomposed = DecomposingNormalizerBorrowed::new_nfkd().normalize_iter(trimmed.chars());
    for character in decomposed.filter(|character| !is_accent(*character) && !is_invisible(*character)) {
        match plain_letters(character) {
            Some(plain) => letters.push_str(plain),
            None => letters.push(character),
        }
    }
    let letters = letters.trim_matches(is_blank);
    // Upper case first, because it knows more letters: both small sigmas become one.
    if any_case { letters.to_uppercase().to_lowercase().into() } else { letters.to_owned().into() }
}

/// Whether a character does not count at the ends of a key for some program.
fn is_blank(character: char) -> bool {
    character.is_whitespace() || character.is_control() || is_invisible(character)
}

/// Soft hyphen, zero-width characters, and marks of direction and byte order.
fn is_invisible(character: char) -> bool {
    matches!(character, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
}

/// The accents of Latin, Greek and Cyrillic letters (Unicode, "Combining Diacritical Marks").
fn is_accent(character: char) -> bool {
    matches!(character, '\u{300}'..='\u{36f}')
}

/// The letters of ASCII that some comparison takes for a Latin letter which does not decompose (Unicode Technical
/// Standard 10 has most of them beside these letters).
fn plain_letters(letter: char) -> Option<&'static str> {
    Some(match letter {
        '\u{e6}' => "ae",
        '\u{c6}' => "AE",
        '\u{153}' => "oe",
        '\u{152}' => "OE",
        '\u{df}' => "ss",
        '\u{1e9e}' => "SS",
        '\u{f8}' => "o",
        '\u{d8}' => "O",
        '\u{142}' => "l",
        '\u{141}' => "L",
        '\u{111}' | '\u{f0}' => "d",
        '\u{110}' | '\u{d0}' => "D",
        '\u{127}' => "h",
        '\u{126}' => "H",
        '\u{131}' => "i",
        '\u{fe}' => "th",
        '\u{de}' => "TH",
        '\u{167}' => "t",
        '\u{166}' => "T",
        '\u{14b}' => "n",
        '\u{14a}' => "N",
        _ => return None,
    })
}

/// The 15 characters of an id whose 18 characters fit together. `None` for other text; Salesforce rejects most of it.
fn short_id(text: &str) -> Option<&str> {
    let (id, suffix) = text.as_bytes().split_first_chunk().filter(|_| text.is_ascii())?;
    check_characters(id).eq_ignore_ascii_case(suffix).then_some(&text[..id.len()])
}

/// The 15 characters of an id of 18 characters, with the case that the last three give them.
fn repaired_id(text: &str) -> Option<String> {
    let (id, suffix) = text.split_at_checked(15).filter(|_| text.len() == 18 && text.is_ascii())?;
    let mut repaired = id.to_ascii_lowercase().into_bytes();
    for (five, character) in repaired.chunks_mut(5).zip(suffix.bytes()) {
        let bits = capitals(character)?;
        for (_, byte) in five.iter_mut().enumerate().filter(|(position, _)| bits >> position & 1 == 1) {
            if !byte.is_ascii_lowercase() {
                return None;
            }
            byte.make_ascii_uppercase();
        }
    }
    String::from_utf8(repaired).ok()
}

#[cfg(test)]
mod tests;
