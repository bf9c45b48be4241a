//! Records with a field of every type that can be written, and what an org has when they are loaded.

use std::fmt::Write as _;
use std::io::Write as _;

use destination_salesforce::convert::Kind;

use crate::random::Random;
use crate::text::{self, Letters, STREETS};

const TEXT: Kind = Kind::Text { longest: None };

/// The fields. `benches/whole/every_type.json` has their object, in the words of a describe.
pub(crate) const FIELDS: [(&str, Kind); 19] = [
    ("External_Id__c", TEXT),
    ("Text__c", TEXT),
    ("Area__c", TEXT),
    ("Rich_Text__c", TEXT),
    ("Choice__c", TEXT),
    ("Choices__c", Kind::MultiPicklist),
    ("Email__c", TEXT),
    ("Phone__c", TEXT),
    ("Url__c", TEXT),
    ("Secret__c", TEXT),
    ("Flag__c", Kind::Boolean),
    ("Count__c", Kind::Number),
    ("Number__c", Kind::Number),
    ("Amount__c", Kind::Number),
    ("Share__c", Kind::Number),
    ("Day__c", Kind::Date),
    ("Moment__c", Kind::DateTime),
    ("Clock__c", Kind::Time),
    ("Account__r.External_Id__c", TEXT),
];

/// The accounts that records refer to: `A-00` to `A-99`.
const ACCOUNTS: usize = 100;

const CHOICES: [&str; 4] = ["First", "Second; or so", "Third, \"or\" so", "Vierte Möglichkeit"];

/// Values of a list of which several can be chosen, so none has a semicolon.
const SEVERAL: [&str; 4] = ["Web", "Phone", "Shop, own", "Händler"];

/// Texts that other programs take for something else.
const ODD_TEXTS: [&str; 10] =
    ["N/A", "null", "None", "0123", "1e3", " blanks at both ends ", "-", "true", "=1+1", "tab\there"];

/// Which form of a record is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// The one that a source sends.
    Sent,
    /// The one in which `docs/values.md` says that it is loaded, as it is read again.
    Loaded,
}

/// Appends the data of the record `number`. It depends on nothing but the seed and the number.
pub(crate) fn write(out: &mut Vec<u8>, seed: u64, number: u64, form: Form) {
    out.push(b'{');
    for (index, (field, _)) in FIELDS.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        let _ = write!(out, "\"{field}\":");
        // Each value has random numbers of its own, so both forms of a value can take as many as they need.
        let mut random = Random::new(seed.rotate_left(48) ^ number.rotate_left(8) ^ index as u64);
        write_value(out, field, (seed, number), form, &mut random);
    }
    out.push(b'}');
}

fn write_value(out: &mut Vec<u8>, field: &str, (seed, number): (u64, u64), form: Form, random: &mut Random) {
    let is_sent = form == Form::Sent;
    if field == "External_Id__c" {
        let _ = write!(out, "\"T-{seed}-{number:09}\"");
        return;
    }
    if random.chance(8) {
        // The three forms of nothing. A checkbox gets its default.
        let nothing = match (is_sent, field) {
            (false, "Flag__c") => "false",
            (false, _) => "null",
            (true, "Choices__c") => random.pick(&["null", "\"\"", "[]"]),
            (true, _) => random.pick(&["null", "\"\""]),
        };
        out.extend_from_slice(nothing.as_bytes());
        return;
    }
    let _ = match field {
        "Text__c" if random.chance(25) => write_text(out, random.pick(&ODD_TEXTS)),
        "Text__c" | "Secret__c" => {
            let (street, house) = (random.pick(&STREETS), random.below(250) + 1);
            write_text(out, &format!("{street} {house}"))
        }
        "Area__c" | "Rich_Text__c" => {
            let mut remark = String::with_capacity(256);
            let characters = 20 + random.below(150);
            text::remark(&mut remark, characters, random);
            if field == "Rich_Text__c" {
                remark = format!("<p>{remark}</p>");
            }
            write_text(out, &if is_sent { remark } else { remark.replace("\r\n", "\n") })
        }
        "Choice__c" => write_text(out, random.pick(&CHOICES)),
        "Choices__c" => {
            let chosen: Vec<&str> = SEVERAL.into_iter().filter(|_| random.chance(40)).collect();
            let chosen = if chosen.is_empty() { vec![SEVERAL[0]] } else { chosen };
            match is_sent && random.chance(50) {
                true => write!(out, "[\"{}\"]", chosen.join("\",\"")),
                false => write_text(out, &chosen.join(";")),
            }
        }
        "Email__c" => write!(out, "\"person.{number}@mail{}.example.com\"", random.below(900)),
        "Phone__c" => write!(out, "\"+{} (555) {:07}\"", random.below(98) + 1, random.below(10_000_000)),
        "Url__c" => write!(out, "\"https://www.example.com/?number={number}&part={}\"", random.below(100)),
        "Flag__c" => {
            let is_set = random.chance(50);
            match is_sent && random.chance(20) {
                true => write!(out, "{}", u8::from(is_set)),
                false => write!(out, "{is_set}"),
            }
        }
        "Count__c" => write!(out, "{}", random.below(200_000_000) as i64 - 100_000_000 + 1),
        "Number__c" => match random.below(4) {
            0 => write!(out, "{}e-{}", random.below(1_000), random.below(4)),
            1 => write!(out, "-0.{:06}", random.below(1_000_000)),
            _ => write!(out, "{}.{:06}", random.below(10_000_000), random.below(1_000_000)),
        },
        "Amount__c" => write!(out, "{}.{:02}", random.below(10_000_000_000), random.below(100)),
        "Share__c" => write!(out, "{}.{}", random.below(100), random.below(10)),
        "Day__c" => {
            let (year, month, day) = (1700 + random.below(2_300), 1 + random.below(12), 1 + random.below(28));
            match is_sent && random.chance(20) {
                true => write!(out, "\"{year}-{month:02}-{day:02}T00:00:00Z\""),
                false => write!(out, "\"{year}-{month:02}-{day:02}\""),
            }
        }
        "Moment__c" => write_moment(out, is_sent, random),
        "Clock__c" => {
            let (hour, minute) = (random.below(24), random.below(60));
            match is_sent && random.chance(20) {
                true => write!(out, "\"{hour:02}:{minute:02}\""),
                false => write!(out, "\"{hour:02}:{minute:02}:00.000\""),
            }
        }
        _ => write!(out, "\"A-{:02}\"", random.below(ACCOUNTS)),
    };
}

/// Writes a point in time. A source sends it in UTC or with an offset, and with more digits than Salesforce has.
fn write_moment(out: &mut Vec<u8>, is_sent: bool, random: &mut Random) -> std::io::Result<()> {
    let (year, month, day) = (1990 + random.below(60), 1 + random.below(12), 1 + random.below(28));
    let (hour, minute, second) = (3 + random.below(18), random.below(60), random.below(60));
    let milliseconds = random.below(1_000);
    let mut text = format!("{year}-{month:02}-{day:02}");
    // Writing to a text does not fail.
    let _ = match (is_sent, random.below(3)) {
        (true, 0) => write!(text, " {:02}:{minute:02}:{second:02}.{milliseconds:03}456+02", hour + 2),
        (true, 1) => write!(text, "T{:02}:{minute:02}:{second:02}.{milliseconds:03}-03:00", hour - 3),
        _ => write!(text, "T{hour:02}:{minute:02}:{second:02}.{milliseconds:03}Z"),
    };
    write!(out, "\"{text}\"")
}

fn write_text(out: &mut Vec<u8>, text: &str) -> std::io::Result<()> {
    text::string(out, text, Letters::Plain);
    Ok(())
}
