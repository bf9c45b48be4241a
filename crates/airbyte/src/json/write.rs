//! Writes a text as JSON.

use super::scan::find_stop;

/// Adds a text with its quotes to `json`. A text without a character to escape, which most are, is copied as it is.
pub fn write_text(text: &str, json: &mut Vec<u8>) {
    if find_stop(text.as_bytes(), 0).is_some() {
        // Writing to memory does not fail.
        let _ = serde_json::to_writer(json, text);
        return;
    }
    json.push(b'"');
    json.extend_from_slice(text.as_bytes());
    json.push(b'"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn a_text_is_written_as_serde_json_writes_it(
            text in prop_oneof![".{0,70}", r#"[ -~"\\\u{0}-\u{20}\u{7f}\u{2028}é東😀]{0,40}"#],
        ) {
            let mut json = b"x".to_vec();
            write_text(&text, &mut json);
            prop_assert_eq!(String::from_utf8(json).unwrap(), format!("x{}", serde_json::to_string(&text).unwrap()));
        }
    }
}
