//! A contact as a CRM has them: fifteen columns, some of them often empty.

use std::io::Write;

use destination_salesforce::convert::Kind;

use crate::random::Random;
use crate::shape::Field;
use crate::text::{self, CITIES, FIRST_NAMES, LAST_NAMES, SOURCES, STREETS, TITLES};

const TEXT: Kind = Kind::Text { longest: None };

/// The columns, each a field of the standard object.
pub(crate) const FIELDS: [(&str, Kind); 15] = [
    ("External_Id__c", TEXT),
    ("FirstName", TEXT),
    ("LastName", TEXT),
    ("Email", TEXT),
    ("Phone", TEXT),
    ("MobilePhone", TEXT),
    ("Title", TEXT),
    ("Birthdate", Kind::Date),
    ("HasOptedOutOfEmail", Kind::Boolean),
    ("LeadSource", TEXT),
    ("MailingStreet", TEXT),
    ("MailingCity", TEXT),
    ("MailingLatitude", Kind::Number),
    ("MailingLongitude", Kind::Number),
    ("Description", TEXT),
];

/// Appends the data of the contact `number`.
pub(crate) fn write(out: &mut Vec<u8>, fields: &[Field], seed: u64, number: u64, in_ascii: bool, random: &mut Random) {
    let mut scratch = String::with_capacity(256);
    out.push(b'{');
    for (index, field) in fields.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        // A name of a field is written as it is.
        let _ = write!(out, "\"{}\":", field.name);
        scratch.clear();
        // Salesforce's booleans are never null.
        let is_missing = index > 2 && index != 8 && random.chance(if index == 14 { 20 } else { 12 });
        if is_missing {
            out.extend_from_slice(b"null");
            continue;
        }
        match index {
            0 => _ = write!(out, "\"C-{seed}-{number:09}\""),
            1 => text::string(out, random.pick(&FIRST_NAMES), in_ascii),
            2 => text::string(out, random.pick(&LAST_NAMES), in_ascii),
            3 => _ = write!(out, "\"contact.{number}@mail{}.example.com\"", random.below(900)),
            4 | 5 => _ = write!(out, "\"+{} (555) {:07}\"", random.below(98) + 1, random.below(10_000_000)),
            6 => text::string(out, random.pick(&TITLES), in_ascii),
            7 => {
                let (year, month, day) = (1940 + random.below(65), 1 + random.below(12), 1 + random.below(28));
                _ = write!(out, "\"{year}-{month:02}-{day:02}\"");
            }
            8 => _ = write!(out, "{}", random.chance(15)),
            9 => text::string(out, random.pick(&SOURCES), in_ascii),
            10 => {
                let line = if random.chance(25) { "\nBuilding B, 2nd floor" } else { "" };
                let (street, house) = (random.pick(&STREETS), random.below(250) + 1);
                _ = std::fmt::Write::write_fmt(&mut scratch, format_args!("{street} {house}{line}"));
                text::string(out, &scratch, in_ascii);
            }
            11 => text::string(out, random.pick(&CITIES), in_ascii),
            12 => _ = write!(out, "{}.{:06}", random.below(180) as i64 - 89, random.below(1_000_000)),
            13 => _ = write!(out, "{}.{:04}", random.below(360) as i64 - 179, random.below(10_000)),
            _ => {
                let characters = 20 + random.below(150);
                text::remark(&mut scratch, characters, random);
                text::string(out, &scratch, in_ascii);
            }
        }
    }
    out.push(b'}');
}
