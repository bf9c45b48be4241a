//! Names of streams and namespaces as one segment of an object key.

use icu_normalizer::DecomposingNormalizerBorrowed;
use icu_normalizer::properties::CanonicalCombiningClassMapBorrowed;

/// How much of a name goes into a key. Two of them, the rest of the default formats and 500 bytes of `bucket_path` fit
/// into the 1024 bytes of a key; names that agree so far share a folder, and its part numbers keep the objects apart.
pub(super) const MAX_NAME_BYTES: usize = 200;

/// The letter without its accent where there is one, and an underscore for what S3 clients do not all take in a key
/// (Amazon S3 User Guide, "Naming Amazon S3 objects"), or what would open another folder.
pub(super) fn safe_name(name: &str) -> String {
    let marks = CanonicalCombiningClassMapBorrowed::new();
    let letters = DecomposingNormalizerBorrowed::new_nfkd();
    // No name that long is told from another by what follows; decomposing a character gives at most 18.
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

fn is_safe(character: char) -> bool {
    character.is_ascii_alphanumeric() || "!_.*')(&$@=;:+,?-".contains(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_safe_segment() {
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
        assert_eq!(safe_name(&"é".repeat(5000)), "e".repeat(MAX_NAME_BYTES));
        assert_eq!(safe_name(&"\u{fdfa}".repeat(5000)).len(), MAX_NAME_BYTES);
    }
}
