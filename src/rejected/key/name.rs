//! The name of a stream or a namespace as one segment of a key.

use icu_normalizer::DecomposingNormalizerBorrowed;
use icu_normalizer::properties::CanonicalCombiningClassMapBorrowed;

/// The most characters of a name in a key. Two names, the rest of the default formats and 500 bytes of `bucket_path`
/// fit into the 1024 bytes of a key. Names with the same first 200 characters share a folder, whose part numbers keep
/// their objects apart.
pub(super) const MAX_NAME_BYTES: usize = 200;

/// Drops accents, and puts an underscore for every character that would open a folder or that not all S3 clients accept
/// in a key (Amazon S3 User Guide, "Naming Amazon S3 objects").
pub(in crate::rejected) fn safe_name(name: &str) -> String {
    let marks = CanonicalCombiningClassMapBorrowed::new();
    let letters = DecomposingNormalizerBorrowed::new_nfkd();
    // Cut before decomposing, which makes at most 18 characters of one, and cut again after it.
    let safe: String = letters
        .normalize_iter(name.chars().take(MAX_NAME_BYTES))
        .filter(|character| marks.get_u8(*character) == 0)
        .map(|character| if is_safe(character) { character } else { '_' })
        .take(MAX_NAME_BYTES)
        .collect();
    match safe.as_str() {
        "." => "_".to_owned(),
        ".." => "__".to_owned(),
        _ => safe,
    }
}

pub(super) fn is_safe(character: char) -> bool {
    character.is_ascii_alphanumeric() || "!_.*')(&$@=;:+,?-".contains(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_becomes_one_safe_segment() {
        let cases = [
            ("accounts", "accounts"),
            ("Opportunity Line Item", "Opportunity_Line_Item"),
            ("Verkäufe", "Verkaufe"),
            ("\u{fb01}nance", "finance"),
            ("a/b", "a_b"),
            ("/etc/passwd", "_etc_passwd"),
            ("..", "__"),
            (".", "_"),
            ("...", "..."),
            ("a\\b", "a_b"),
            ("line\nbreak\0nul", "line_break_nul"),
            ("😀 smile", "__smile"),
            ("{part_number}", "_part_number_"),
            ("quote\"<tag>#%", "quote__tag___"),
            ("kept!.*')(&$@=;:+,?-", "kept!.*')(&$@=;:+,?-"),
            ("顧客", "__"),
            ("", ""),
        ];
        for (name, expected) in cases {
            assert_eq!(safe_name(name), expected, "{name:?}");
        }
    }

    #[test]
    fn a_long_name_is_cut() {
        assert_eq!(safe_name(&"a".repeat(200)), "a".repeat(200));
        assert_eq!(safe_name(&"é".repeat(201)), "e".repeat(200));
        assert_eq!(safe_name(&"é".repeat(5000)), "e".repeat(200));
        assert_eq!(safe_name(&"\u{fdfa}".repeat(5000)).len(), 200);
    }
}
