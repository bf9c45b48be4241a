use super::*;

#[test]
fn a_moment_that_does_not_exist_and_a_year_that_salesforce_does_not_take_have_their_reasons() {
    use NotAMoment::{DoesNotExist, WrongForm, YearOutOfRange};
    for (text, expected) in [
        ("2026-02-28", Ok(())),
        ("2026-02-29", Err(DoesNotExist)),
        ("2024-02-29", Ok(())),
        ("1900-02-29", Err(DoesNotExist)),
        ("2000-02-29", Ok(())),
        ("2026-02-30", Err(DoesNotExist)),
        ("2026-04-31", Err(DoesNotExist)),
        ("2026-06-31", Err(DoesNotExist)),
        ("2026-09-31", Err(DoesNotExist)),
        ("2026-11-31", Err(DoesNotExist)),
        ("2026-12-31", Ok(())),
        ("2026-12-32", Err(DoesNotExist)),
        ("2026-01-00", Err(DoesNotExist)),
        ("2026-00-01", Err(DoesNotExist)),
        ("2026-13-01", Err(DoesNotExist)),
        ("1699-12-31", Err(YearOutOfRange)),
        ("1700-01-01", Ok(())),
        ("4000-12-31", Ok(())),
        ("4001-01-01", Err(YearOutOfRange)),
        ("0000-00-00", Err(YearOutOfRange)),
        ("0001-01-01", Err(YearOutOfRange)),
        ("9999-12-31", Err(YearOutOfRange)),
        ("2026-1-1", Err(WrongForm)),
    ] {
        assert_eq!(date(text).map(|_| ()), expected, "{text}");
        assert_eq!(date_time(text).map(|_| ()), expected, "{text}");
        for clock in ["T00:00:00Z", " 00:00:00.000"] {
            let text = format!("{text}{clock}");
            assert_eq!(date(&text).map(|_| ()), expected, "{text}");
            assert_eq!(date_time(&text).map(|_| ()), expected, "{text}");
        }
    }
    for (clock, expected) in [
        ("23:59:59", Ok(())),
        ("24:00:00", Err(DoesNotExist)),
        ("24:00", Err(DoesNotExist)),
        ("12:60:00", Err(DoesNotExist)),
        ("23:59:60", Err(DoesNotExist)),
        ("12:00:00+25:00", Err(DoesNotExist)),
        ("12:00:00+01:60", Err(DoesNotExist)),
        ("1:00:00", Err(WrongForm)),
    ] {
        assert_eq!(date_time(&format!("2026-01-31T{clock}")).map(|_| ()), expected, "{clock}");
        if !clock.contains('+') {
            assert_eq!(time(clock).map(|_| ()), expected, "{clock}");
        }
    }
}

#[test]
fn dates() {
    for (text, expected) in [
        ("2026-01-31", Some("2026-01-31")),
        ("2026-01-31T00:00:00Z", Some("2026-01-31")),
        ("2026-01-31 00:00:00.000000+02:00", Some("2026-01-31")),
        ("2026-01-31T00:00:01Z", None),
        ("2026-01-31T00:00:00.001Z", None),
        ("2026-01-31T", None),
        ("2026-13-01", None),
        ("2026-1-1", None),
        ("31.01.2026", None),
        ("12026-01-31", None),
        ("2026-01-3é", None),
        ("", None),
    ] {
        assert_eq!(date(text).ok(), expected, "{text}");
    }
}

#[test]
fn date_times() {
    for (text, expected) in [
        ("2026-01-31T09:30:00Z", Some("2026-01-31T09:30:00Z")),
        ("2026-01-31T09:30:00.5-05:30", Some("2026-01-31T09:30:00.500-05:30")),
        ("2026-01-31T09:30:00.123456789Z", Some("2026-01-31T09:30:00.123Z")),
        ("2026-01-31T09:30:00", Some("2026-01-31T09:30:00Z")),
        ("2026-01-31 09:30:00.000 UTC", Some("2026-01-31T09:30:00.000Z")),
        ("2026-01-31 09:30:00+02", Some("2026-01-31T09:30:00+02:00")),
        ("2026-01-31T09:30:00+0200", Some("2026-01-31T09:30:00+02:00")),
        ("2026-01-31T09:30Z", Some("2026-01-31T09:30:00Z")),
        ("2026-01-31", Some("2026-01-31T00:00:00Z")),
        ("2026-01-31T24:00:00Z", None),
        ("2026-01-31T09:60:00Z", None),
        ("2026-01-31T09:30:00.Z", None),
        ("2026-01-31T09:30:00 CET", None),
        ("2026-01-31T09:30:00+2", None),
        ("2026-01-31X09:30:00Z", None),
        ("2026-01-31T09:30:0éZ", None),
        ("2026-01-31T1é:30", None),
        ("2026-01-31T12é30", None),
        ("tomorrow at noon", None),
    ] {
        assert_eq!(date_time(text).ok().as_deref(), expected, "{text}");
    }
}

#[test]
fn times() {
    for (text, expected) in [
        ("09:30:00", Some("09:30:00.000Z")),
        ("09:30", Some("09:30:00.000Z")),
        ("09:30:00.5Z", Some("09:30:00.500Z")),
        ("23:59:59.999999+00:00", Some("23:59:59.999Z")),
        ("09:30:00+02:00", None),
        ("9:30:00", None),
        ("1é:30", None),
        ("12é30", None),
        ("0:930", None),
        ("2026-01-31T09:30:00Z", None),
    ] {
        assert_eq!(time(text).ok().as_deref(), expected, "{text}");
    }
}

#[test]
fn each_month_has_its_last_day() {
    for (month, last) in [(1, 31), (2, 28), (3, 31), (4, 30), (5, 31), (6, 30)].into_iter().chain([
        (7, 31),
        (8, 31),
        (9, 30),
        (10, 31),
        (11, 30),
        (12, 31),
    ]) {
        let day = |day: u32| format!("2026-{month:02}-{day:02}");
        assert_eq!(date(&day(last)), Ok(&*day(last)));
        assert_eq!(date(&day(1)), Ok(&*day(1)));
        assert_eq!(date(&day(last + 1)), Err(NotAMoment::DoesNotExist), "{month}");
    }
}

/// What follows a date must be a midnight, to its end: else the value says more than a date keeps.
#[test]
fn a_date_takes_nothing_behind_it_but_a_midnight() {
    for midnight in ["T00:00", "t00:00:00", " 00:00:00", "T00:00:00.000", "T00:00:00z", "T00:00:00 UTC", " 00:00-05"] {
        let text = format!("2026-01-31{midnight}");
        assert_eq!(date(&text), Ok("2026-01-31"), "{text}");
    }
    for other in [
        "x",
        " ",
        "Z",
        "00:00:00",
        "T00:00:00x",
        "T00:00:00 x",
        "T00:00:00Zx",
        "T00:00:00.000x",
        "T00:00:00 CET",
        "T01:00",
        "T00:01",
        "T01:00:00",
        "T00:01:00",
        "T00:00:01",
        "T10:00:00",
        "T00:00:00.0001",
        "T00:00:00+2",
        " and more",
    ] {
        let text = format!("2026-01-31{other}");
        assert_eq!(date(&text), Err(NotAMoment::WrongForm), "{text}");
    }
    assert_eq!(date("2026-01-31T00:00:00+19:00"), Err(NotAMoment::DoesNotExist));
    assert_eq!(date("2026/01/31"), Err(NotAMoment::WrongForm));
    assert_eq!(date("2026-01/31"), Err(NotAMoment::WrongForm));
    assert_eq!(date("2026101-31"), Err(NotAMoment::WrongForm));
}

#[test]
fn a_date_time_is_rewritten_only_where_its_form_is_another() {
    for (text, expected) in [
        ("2026-01-31t09:30:00Z", "2026-01-31T09:30:00Z"),
        ("2026-01-31 09:30:00Z", "2026-01-31T09:30:00Z"),
        ("2026-01-31T09:30:00z", "2026-01-31T09:30:00Z"),
        ("2026-01-31T09:30:00UTC", "2026-01-31T09:30:00Z"),
        ("2026-01-31T09:30:00   +01:59", "2026-01-31T09:30:00+01:59"),
        ("2026-01-31T09:30:00+18:00", "2026-01-31T09:30:00+18:00"),
        ("2026-01-31T09:30:00-18:59", "2026-01-31T09:30:00-18:59"),
        ("2026-01-31T09:30:00-05", "2026-01-31T09:30:00-05:00"),
        ("2026-01-31T09:30:00-0530", "2026-01-31T09:30:00-05:30"),
        ("2026-01-31T09:30+0530", "2026-01-31T09:30:00+05:30"),
        ("2026-01-31T09:30:00.1Z", "2026-01-31T09:30:00.100Z"),
        ("2026-01-31T09:30:00.12Z", "2026-01-31T09:30:00.120Z"),
        ("2026-01-31T09:30:00.123Z", "2026-01-31T09:30:00.123Z"),
        ("2026-01-31T09:30:00.9999Z", "2026-01-31T09:30:00.999Z"),
        ("2026-01-31T23:59:59.000+00:00", "2026-01-31T23:59:59.000+00:00"),
    ] {
        assert_eq!(date_time(text).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn an_offset_has_its_form_and_exists() {
    use NotAMoment::{DoesNotExist, WrongForm};
    for (offset, expected) in [
        ("x02", WrongForm),
        ("x0200", WrongForm),
        ("x02:00", WrongForm),
        ("0200", WrongForm),
        ("+", WrongForm),
        ("+2", WrongForm),
        ("+020", WrongForm),
        ("+02:0", WrongForm),
        ("+02x00", WrongForm),
        ("+02:00x", WrongForm),
        ("+0a:00", WrongForm),
        ("+02:0a", WrongForm),
        ("+0\u{e9}0", WrongForm),
        ("+\u{e9}", WrongForm),
        ("\t+02:00", WrongForm),
        ("\u{a0}+02:00", WrongForm),
        ("ZZ", WrongForm),
        ("GMT", WrongForm),
        ("utc", WrongForm),
        ("+19:00", DoesNotExist),
        ("-19", DoesNotExist),
        ("+02:60", DoesNotExist),
        ("-1860", DoesNotExist),
    ] {
        assert_eq!(date_time(&format!("2026-01-31T09:30:00{offset}")), Err(expected), "{offset}");
        assert_eq!(date(&format!("2026-01-31T00:00:00{offset}")), Err(expected), "{offset}");
        assert_eq!(time(&format!("09:30:00{offset}")), Err(expected), "{offset}");
    }
}

#[test]
fn a_time_of_day_has_no_offset_but_zero() {
    for offset in ["", "Z", "z", "+00:00", "-00:00", "+00", "-0000", " UTC"] {
        assert_eq!(time(&format!("09:30:00.25{offset}")).as_deref(), Ok("09:30:00.250Z"), "{offset}");
    }
    for offset in ["+00:01", "-00:01", "+01:00", "-01"] {
        assert_eq!(time(&format!("09:30:00{offset}")), Err(NotAMoment::WrongForm), "{offset}");
    }
    for (text, expected) in [("00:00", "00:00:00.000Z"), ("23:59:59", "23:59:59.000Z")] {
        assert_eq!(time(text).as_deref(), Ok(expected));
    }
    for text in [
        "09:30:",
        "09:30:0",
        "09-30",
        "0a:30",
        "09:3a",
        "09:30:0a",
        "09:30:00.",
        "09:30:00,5",
        "0:030",
        "000:5",
        ":0030",
    ] {
        assert_eq!(time(text), Err(NotAMoment::WrongForm), "{text}");
    }
}

#[test]
fn the_year_is_that_of_a_text_that_begins_with_a_date_alone_or_before_a_time() {
    for (text, year) in [
        ("2026-01-31", Some(2026)),
        ("1700-01-01T00:00:00Z", Some(1700)),
        ("2026-01-31 9", Some(2026)),
        ("2026-01-31T", None),
        ("2026-01-31Tx", None),
        ("2026-01-31x", None),
        ("2026-02-29", None),
        ("x2026-01-31", None),
    ] {
        assert_eq!(year_of(text), year, "{text}");
    }
}
