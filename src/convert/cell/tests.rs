use super::*;

const TEXT: Kind = Kind::Text { longest: None };

fn cell(kind: Kind, json: &str) -> Result<String, CellError> {
    cell_of(kind, json, NullHandling::Ignore).map(|(text, _)| text)
}

/// The text of a cell, and whether it is cut.
fn cell_of(kind: Kind, json: &str, nulls: NullHandling) -> Result<(String, bool), CellError> {
    let mut text = String::new();
    let (value, outcome) = Cursor::new(json).value_decoded(&mut text).unwrap();
    let decoded = DecodedText { text: &text, outcome };
    let unchanged = unchanged(kind, &value, decoded, nulls);
    let cell = convert(kind, value, decoded, nulls);
    if let Some((text, needs_quotes)) = unchanged {
        assert_eq!(cell, Ok(Cell { text: text.into(), needs_quotes, is_truncated: false }), "{json}");
    }
    let cell = cell?;
    assert_eq!(cell.needs_quotes, needs_quotes(&cell.text), "{json}");
    Ok((cell.text.into_owned(), cell.is_truncated))
}

#[test]
fn each_json_type_is_converted_for_each_kind_of_field() {
    use Kind::{Boolean, Date, DateTime, MultiPicklist, Number, Time};
    const WRONG: Result<&str, CellError> = Err(CellError::WrongType);
    let table = [
        (TEXT, r#""plain""#, Ok("plain")),
        (TEXT, r#""tab\tquote\"é\u6771""#, Ok("tab\tquote\"é東")),
        (TEXT, r#""a\r\nb\rc\nd""#, Ok("a\nb\nc\nd")),
        (TEXT, "12.50", Ok("12.50")),
        (TEXT, "true", Ok("true")),
        (TEXT, r#"{"a": [1, "x"]}"#, Ok(r#"{"a": [1, "x"]}"#)),
        (TEXT, "[1,2]", Ok("[1,2]")),
        (TEXT, "[1,\r2]", Ok("[1,\n2]")),
        (Number, r#""1\r\n""#, Ok("1\n")),
        (MultiPicklist, r#"["A\r","B"]"#, Ok("A\n;B")),
        (TEXT, r##""#N/A""##, Err(CellError::NullMarker)),
        (TEXT, r##""#N/A ""##, Ok("#N/A ")),
        (TEXT, r#""\ud800""#, Err(CellError::NotUnicode)),
        (TEXT, r#""\ud83d\ude00""#, Ok("😀")),
        (Number, "12345678901234567890123456789012345678", Ok("12345678901234567890123456789012345678")),
        (Number, "1.10", Ok("1.10")),
        (Number, "3E+7", Ok("3E+7")),
        (Number, r#""1.000000000""#, Ok("1.000000000")),
        (Number, "true", WRONG),
        (Number, "[1]", WRONG),
        (Boolean, "true", Ok("true")),
        (Boolean, "1", Ok("true")),
        (Boolean, "0", Ok("false")),
        (Boolean, "2", WRONG),
        (Boolean, r#""FALSE""#, Ok("false")),
        (Boolean, r#""yes""#, WRONG),
        (Date, r#""2026-02-28""#, Ok("2026-02-28")),
        (Date, "20260228", WRONG),
        (Date, "{}", WRONG),
        (DateTime, r#""2026-02-28 10:00:00.123456+00""#, Ok("2026-02-28T10:00:00.123+00:00")),
        (DateTime, r#""soon""#, WRONG),
        (Date, r#""2026-02-28x""#, WRONG),
        (DateTime, r#""2026-02-28T10:00:00Zx""#, WRONG),
        (Time, r#""09:30:00x""#, WRONG),
        (Time, r#""09:30""#, Ok("09:30:00.000Z")),
        (Time, "false", WRONG),
        (MultiPicklist, r#"["A","B \"C\"",3]"#, Ok("A;B \"C\";3")),
        (MultiPicklist, r#""A;B""#, Ok("A;B")),
        (MultiPicklist, r#"["A;B"]"#, WRONG),
        (MultiPicklist, r#"[["A"]]"#, WRONG),
        (MultiPicklist, "[]", Ok("")),
        (MultiPicklist, "[null]", WRONG),
        (MultiPicklist, r#"[""]"#, WRONG),
        (MultiPicklist, r#"["A",null]"#, WRONG),
        (MultiPicklist, "{}", WRONG),
        (TEXT, "[]", Ok("[]")),
        (TEXT, "{}", Ok("{}")),
        (Number, "-0", Ok("-0")),
        (Number, "1e3", Ok("1e3")),
        (Number, "0.1000000000000000055511151231257827", Ok("0.1000000000000000055511151231257827")),
        (Number, "9007199254740993", Ok("9007199254740993")),
        (Boolean, "1.0", WRONG),
        (Date, r#""2026-02-30""#, Err(CellError::NoSuchMoment)),
        (Date, r#""0001-01-01""#, Err(CellError::YearOutOfRange)),
        (DateTime, r#""2026-02-30T00:00:00Z""#, Err(CellError::NoSuchMoment)),
        (DateTime, r#""9999-12-31T00:00:00Z""#, Err(CellError::YearOutOfRange)),
        (Time, r#""24:00""#, Err(CellError::NoSuchMoment)),
        (MultiPicklist, r##"["#N/A"]"##, Err(CellError::NullMarker)),
        (TEXT, r#""a,\tb""#, Ok("a,\tb")),
        (TEXT, "false", Ok("false")),
        (Boolean, "false", Ok("false")),
        (Boolean, r#""tRUE""#, Ok("true")),
        (Boolean, r#""true ""#, WRONG),
        (Boolean, r#""1""#, Ok("true")),
        (Boolean, r#""0""#, Ok("false")),
        (Boolean, "[]", WRONG),
        (Number, "false", WRONG),
        (Number, "{}", WRONG),
        (Date, "true", WRONG),
        (DateTime, "1767225600", WRONG),
        (DateTime, "true", WRONG),
        (Time, "930", WRONG),
        (MultiPicklist, "true", WRONG),
        (MultiPicklist, "7", Ok("7")),
        (MultiPicklist, r#"[true,"A",false]"#, Ok("true;A;false")),
        (MultiPicklist, r#"["A","B","A"]"#, Ok("A;B;A")),
        (MultiPicklist, r#"["A",{"b":1}]"#, WRONG),
        (MultiPicklist, r#"["A","B;C"]"#, WRONG),
        (MultiPicklist, r#"["","A"]"#, WRONG),
        (MultiPicklist, r#"["A","\ud800"]"#, Err(CellError::NotUnicode)),
        (MultiPicklist, r##"["#N/A","A"]"##, Ok("#N/A;A")),
    ];
    for (kind, json, expected) in table {
        assert_eq!(cell(kind, json), expected.map(str::to_owned), "{kind:?} {json}");
    }
}

#[test]
fn null_and_empty_text_follow_the_setting() {
    for json in ["null", "\"\""] {
        for (nulls, expected) in [(NullHandling::Ignore, ""), (NullHandling::Clear, NULL_MARKER)] {
            for kind in [TEXT, Kind::Number, Kind::Date, Kind::DateTime, Kind::Time, Kind::MultiPicklist] {
                assert_eq!(cell_of(kind, json, nulls).unwrap().0, expected, "{kind:?}");
            }
            assert_eq!(cell_of(Kind::Boolean, json, nulls).unwrap().0, "", "a checkbox cannot be null");
        }
    }
}

#[test]
fn an_empty_list_of_picklist_values_is_null() {
    for (nulls, expected) in [(NullHandling::Ignore, ""), (NullHandling::Clear, NULL_MARKER)] {
        for json in ["[]", "[ ]"] {
            assert_eq!(cell_of(Kind::MultiPicklist, json, nulls).unwrap().0, expected);
        }
        assert_eq!(cell_of(TEXT, "[]", nulls).unwrap().0, "[]", "in a text it is a value");
    }
}

#[test]
fn text_is_cut_and_json_and_numbers_are_not() {
    for (json, longest, expected, is_truncated) in [
        (r#""abcdef""#, 3, "abc", true),
        (r#""abc""#, 3, "abc", false),
        (r#""ééé""#, 3, "ééé", false),
        (r#""cafe\u0301""#, 4, "caf", true),
        (r##""#N/A, or not known""##, 4, "#N/A, or not known", false),
        (r#"{"a":[1]}"#, 3, r#"{"a":[1]}"#, false),
        ("[1, 2]", 3, "[1, 2]", false),
        ("12345", 3, "12345", false),
        (r#""a\r\nb""#, 3, "a\nb", false),
        (r#""a\r\nbc""#, 3, "a\nb", true),
        (r#""\r\r\n\r""#, 2, "\n\n", true),
        (r#""ab,c""#, 2, "ab", true),
        (r#""a,bc""#, 2, "a,", true),
        (r#""a\"bc""#, 2, "a\"", true),
    ] {
        let kind = Kind::Text { longest: Some(longest) };
        let (text, cut) = cell_of(kind, json, NullHandling::Ignore).unwrap();
        assert_eq!((&*text, cut), (expected, is_truncated), "{json}");
    }
}

#[test]
fn a_text_over_the_limit_of_any_field_is_rejected() {
    for (character, longest) in [("x", 131_072), ("é", 131_072), ("\\\"", 131_072), ("😀", 65_536)] {
        let fits = format!("\"{}\"", character.repeat(longest));
        assert!(cell(TEXT, &fits).is_ok(), "{character}");
        let over = format!("\"{}\"", character.repeat(longest + 1));
        assert_eq!(cell(TEXT, &over), Err(CellError::TooLong), "{character}");
    }
}

#[test]
fn the_limit_of_any_field_also_holds_for_numbers_lists_and_json_texts() {
    for (kind, before, after) in [
        (Kind::Number, "\"", "\""),
        (Kind::MultiPicklist, "\"", "\""),
        (Kind::MultiPicklist, "[\"", "\"]"),
        (TEXT, "[", "]"),
        (Kind::Text { longest: Some(5) }, "[", "]"),
    ] {
        let of_digits = |digits: usize| format!("{before}{}{after}", "1".repeat(digits));
        // JSON in a text keeps its brackets.
        let around = if after == "]" { 2 } else { 0 };
        assert!(cell(kind, &of_digits(131_072 - around)).is_ok(), "{kind:?} {before}");
        assert_eq!(cell(kind, &of_digits(131_073 - around)), Err(CellError::TooLong), "{kind:?} {before}");
    }
}

#[test]
fn an_escaped_text_that_is_the_marker_for_null_is_rejected() {
    for json in [r##""\u0023N/A""##, r##""#N\/A""##] {
        for kind in [TEXT, Kind::Number, Kind::Boolean, Kind::Date, Kind::DateTime, Kind::Time, Kind::MultiPicklist] {
            assert_eq!(cell(kind, json), Err(CellError::NullMarker), "{kind:?} {json}");
        }
    }
}
