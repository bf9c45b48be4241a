//! The pattern of a `LIKE`.

/// A text with wildcards (SOQL and SOSL Reference, "Comparison Operators"): `%` stands for any characters or none, `_`
/// for one, and a backslash before either makes it an ordinary character. "The LIKE operator performs a case-insensitive
/// match".
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern(Vec<Part>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Exactly(char),
    One,
    Any,
}

impl Pattern {
    /// A pattern of a text. `escaped` are the positions of characters that are no wildcards.
    pub(super) fn new(text: &str, escaped: &[usize]) -> Self {
        let mut parts = Vec::new();
        for (at, character) in text.chars().enumerate() {
            match character {
                '%' if !escaped.contains(&at) => parts.push(Part::Any),
                '_' if !escaped.contains(&at) => parts.push(Part::One),
                _ => parts.extend(character.to_lowercase().map(Part::Exactly)),
            }
        }
        Self(parts)
    }

    /// Whether the whole text fits.
    pub(crate) fn fits(&self, text: &str) -> bool {
        let text: Vec<char> = text.to_lowercase().chars().collect();
        let (mut part, mut at) = (0, 0);
        // Where to go on if the rest does not fit: after the last `%`, one character further each time.
        let mut retry = None;
        while at < text.len() || part < self.0.len() {
            match self.0.get(part) {
                Some(Part::Any) => {
                    retry = Some((part, at + 1));
                    part += 1;
                    continue;
                }
                Some(Part::One) if at < text.len() => (part, at) = (part + 1, at + 1),
                Some(Part::Exactly(character)) if text.get(at) == Some(character) => (part, at) = (part + 1, at + 1),
                _ => match retry.filter(|(_, next)| *next <= text.len()) {
                    Some(next) => (part, at) = next,
                    None => return false,
                },
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_fits_as_a_whole_whatever_its_case() {
        for (pattern, text, fits) in [
            ("", "", true),
            ("", "a", false),
            ("abc", "ABC", true),
            ("abc", "abcd", false),
            ("a%", "a", true),
            ("a%", "Abcdef", true),
            ("%c", "abc", true),
            ("%c", "abcd", false),
            ("a_c", "abc", true),
            ("a_c", "ac", false),
            ("_", "東", true),
            ("%b%d%", "abcde", true),
            ("%b%d", "abcdcd", true),
            ("%b%d", "abcdce", false),
            ("%%", "", true),
            ("ÄÖ%", "äöü", true),
        ] {
            assert_eq!(Pattern::new(pattern, &[]).fits(text), fits, "{pattern} {text}");
        }
        assert!(Pattern::new("a%_", &[1, 2]).fits("A%_"));
        assert!(!Pattern::new("a%_", &[1, 2]).fits("abc"));
    }
}
