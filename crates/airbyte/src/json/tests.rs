//! Compares the cursor with serde_json: both accept the same texts and read the same values.

use proptest::prelude::*;
use serde_json::value::RawValue;

use super::{Cursor, Decoded, NotUnicode, Text, Value};

/// The value of a whole text, as it is written and as the cursor reads it.
fn by_cursor(json: &str) -> Option<(&str, Value<'_>)> {
    let mut cursor = Cursor::new(json);
    let mut second = cursor;
    let written = cursor.raw_value()?;
    let value = second.value()?;
    cursor.is_at_end().then_some((written, value))
}

/// Compares the cursor with serde_json.
fn agrees(json: &str) -> Result<(), String> {
    decodes_while_reading(json)?;
    finds_plain_texts(json)?;
    let reference = serde_json::from_str::<&RawValue>(json).ok().map(RawValue::get);
    let read = by_cursor(json);
    if read.map(|(written, _)| written) != reference {
        return Err(format!("{json:?}: {read:?} and not {reference:?}"));
    }
    let Some((written, Value::Text(text))) = read else { return Ok(()) };
    let mut decoded = String::new();
    let escapes = text.decode(&mut decoded);
    let decoded = escapes.map(|_| decoded);
    if decoded.as_ref().ok() != serde_json::from_str::<String>(written).ok().as_ref() {
        return Err(format!("{json:?}: {decoded:?}"));
    }
    if let (Ok(escapes), Ok(decoded)) = (escapes, &decoded) {
        // Of these characters only a comma can be written without an escape.
        let needs_quotes = decoded.contains(['"', '\n', '\r', ',']);
        if needs_quotes != (escapes.needs_quotes || text.has_comma) || escapes.has_return != decoded.contains('\r') {
            return Err(format!("{json:?}: {escapes:?}"));
        }
    }
    if text.has_escape != text.raw.contains('\\') || text.has_comma != text.raw.contains(',') {
        return Err(format!("{json:?}: {text:?}"));
    }
    Ok(())
}

/// Compares the cursor's way for strings without an escape with its way for all values.
fn finds_plain_texts(json: &str) -> Result<(), String> {
    let (mut cursor, mut other) = (Cursor::new(json), Cursor::new(json));
    let plain = cursor.plain_text();
    let expected = match other.value() {
        Some(Value::Text(text)) if !text.has_escape => Some(text),
        _ => None,
    };
    let end = if expected.is_some() { other.text_before() } else { "" };
    if plain != expected || cursor.text_before() != end {
        return Err(format!("{json:?}: {plain:?} and not {expected:?}"));
    }
    Ok(())
}

/// Compares a value that is decoded while it is read with one that is decoded afterwards.
fn decodes_while_reading(json: &str) -> Result<(), String> {
    let (mut cursor, mut other) = (Cursor::new(json), Cursor::new(json));
    let mut decoded = "of another value".to_owned();
    let (read, value) = (cursor.value_decoded(&mut decoded), other.value());
    let expected = match value {
        Some(Value::Text(text)) if text.has_escape => {
            let mut expected = String::new();
            match text.decode(&mut expected) {
                Ok(_) if expected != decoded => return Err(format!("{json:?}: {decoded:?} and not {expected:?}")),
                Ok(escapes) => Decoded::Text(escapes),
                Err(NotUnicode) => Decoded::NotUnicode,
            }
        }
        _ => Decoded::Nothing,
    };
    if read != value.map(|value| (value, expected)) || (value.is_some() && cursor.text_before() != other.text_before())
    {
        return Err(format!("{json:?}: {read:?} and not {value:?}"));
    }
    Ok(())
}

#[test]
fn the_edge_cases_of_the_grammar() {
    let texts = [
        "",
        " ",
        "nul",
        "nulll",
        "null",
        " true\n",
        "\tfalse\r",
        "\u{c}null",
        "\u{a0}1",
        "0",
        "-0",
        "-",
        "01",
        "-01",
        "1.",
        ".1",
        "1.0",
        "1e",
        "1e+",
        "1E-0",
        "1e5.2",
        "+1",
        "1 2",
        "12345678901234567890123.5e-999",
        "0x1",
        "NaN",
        "\"",
        "\"\"",
        "\"a",
        "\"a\\\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\\u00e9\"",
        "\"\\ud83d\\ude00\"",
        "\"\\ud83d\"",
        "\"\\ude00\"",
        "\"\\ud83d\\u0041\"",
        "\"\\ud83dx\"",
        "\"\\ud83d\\n\"",
        "\"\\ud83d\\ud83d\\ude00\"",
        "\"\t\"",
        "\"\u{7f}\"",
        "\"\u{80}\u{2028}\"",
        "\"12345678\"",
        "\"1234567,\"",
        "\"1234567\",",
        "\"12,45678\\n,\"",
        "\"\\b\\f\\n\\r\\t\\/\\\\\"",
        // Each of them alone: some need quotes in CSV.
        "\"a\\nb\"",
        "\"a\\rb\"",
        "\"a\\tb\"",
        "\"a\\\"b\"",
        "\"a\\u002cb\"",
        "\"a\\u000db\"",
        "\"a,b\\t\"",
        "[]",
        "[ ]",
        "[1,]",
        "[,]",
        "[1 2]",
        "[1,2]",
        "[[],[[]],{}]",
        "[",
        "]",
        "[}",
        "{",
        "{}",
        "{ }",
        "{]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{,}",
        "{\"a\" : 1 , \"b\" :[ 2 ] }",
        "{a:1}",
        "{\"a\":1 \"b\":2}",
        "{\"a\":{\"b\":{\"c\":[{}]}}}",
        "{1:2}",
        "{\"a\":1}}",
        "[\"\\ud800\"]",
        "{\"\\ud800\":1}",
        "\u{feff}1",
        "//\n1",
    ];
    for text in texts {
        agrees(text).unwrap();
    }
}

#[test]
fn nesting_may_be_of_any_depth() {
    for levels in [63, 64, 65, 1_000, 100_000] {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let inner = if open == "[" { "" } else { "1" };
            let whole = format!("{}{inner}{}", open.repeat(levels), close.repeat(levels));
            agrees(&whole).unwrap();
            agrees(&format!("{whole} ")).unwrap();
            agrees(&whole[..whole.len() - 1]).unwrap();
            agrees(&format!("[{whole},{whole}]")).unwrap();
            agrees(&format!("{}]", &whole[..whole.len() - 1])).unwrap();
        }
    }
}

#[test]
fn the_cursor_steps_through_the_members_of_an_object() {
    let mut cursor = Cursor::new(r#" { "a" : 1, "b\n":[2] , "c":"x" } "#);
    cursor.enter_object().unwrap();
    assert_eq!(cursor.next_member(true), Some(true));
    assert!(!cursor.skip_key("\"b\""));
    assert!(!cursor.skip_known("\"a\":"));
    assert!(cursor.skip_key("\"a\""));
    assert_eq!(cursor.value(), Some(Value::Number("1")));
    assert_eq!(cursor.next_member(false), Some(true));
    assert_eq!(cursor.key(), Some(Text { raw: "b\\n", has_escape: true, has_comma: false }));
    assert_eq!(cursor.raw_value(), Some("[2]"));
    assert!(cursor.skip_known(" , \"c\":"));
    assert!(matches!(cursor.value(), Some(Value::Text(text)) if text.raw == "x"));
    assert_eq!(cursor.next_member(false), Some(false));
    assert!(cursor.is_at_end());
}

#[test]
fn half_a_surrogate_pair_is_not_unicode() {
    let text = Text { raw: "a\\ud800b", has_escape: true, has_comma: false };
    assert_eq!(text.decode(&mut String::new()), Err(NotUnicode));
}

/// JSON and nearly JSON.
fn any_text() -> impl Strategy<Value = String> {
    let token = prop_oneof![
        6 => prop::sample::select(vec![
            "{", "}", "[", "]", ",", ":", "\"", "\"a\"", "\"key\":", " ", "\n", "\\", "\\u", "\\n", "\\ud83d\\ude00", "null",
            "true", "false", "0", "-1", "2.50", "1e9", "é", "東,", "12345678",
        ]).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(token, 0..12).prop_map(|tokens| tokens.concat())
}

fn any_value() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        any::<String>().prop_map(Into::into),
        "[a-z,\"\\\\\n\r\u{1}é東😀]{0,24}".prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            prop::collection::btree_map("[a-z\"\n]{0,9}", inner, 0..6)
                .prop_map(|members| members.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

proptest! {
    #[test]
    fn the_cursor_accepts_what_serde_json_accepts(text in any_text()) {
        agrees(&text).map_err(TestCaseError::fail)?;
    }

    #[test]
    fn the_cursor_reads_what_serde_json_writes(value in any_value(), pretty in any::<bool>(), cut in any::<prop::sample::Index>()) {
        let json = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
        agrees(&json).map_err(TestCaseError::fail)?;
        let end = json.char_indices().map(|(at, _)| at).nth(cut.index(json.chars().count())).unwrap();
        agrees(&json[..end]).map_err(TestCaseError::fail)?;
    }
}
