//! A contact of a CRM: fifteen fields, some of them often empty.

use std::io::Write;

use destination_salesforce::convert::Kind;

use crate::random::Random;
use crate::text::{self, CITIES, FIRST_NAMES, LAST_NAMES, Letters, SOURCES, STREETS, TITLES};

const TEXT: Kind = Kind::Text { longest: None };

/// The fields, all of the standard object.
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

/// How many of a hundred values are null.
fn nulls(field: &str) -> usize {
    match field {
        // Salesforce's booleans are never null.
        "External_Id__c" | "FirstName" | "LastName" | "HasOptedOutOfEmail" => 0,
        "Description" => 20,
        _ => 12,
    }
}

/// Appends the data of the contact `number`.
pub(crate) fn write(out: &mut Vec<u8>, seed: u64, number: u64, letters: Letters, random: &mut Random) {
    let mut scratch = String::with_capacity(256);
    out.push(b'{');
    for (index, (field, _)) in FIELDS.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        let _ = write!(out, "\"{field}\":");
        scratch.clear();
        let nulls = nulls(field);
        if nulls > 0 && random.chance(nulls) {
            out.extend_from_slice(b"null");
            continue;
        }
        match *field {
            "External_Id__c" => _ = write!(out, "\"C-{seed}-{number:09}\""),
            "FirstName" => text::string(out, random.pick(&FIRST_NAMES), letters),
            "LastName" => text::string(out, random.pick(&LAST_NAMES), letters),
            "Email" => _ = write!(out, "\"contact.{number}@mail{}.example.com\"", random.below(900)),
            "Phone" | "MobilePhone" => {
                _ = write!(out, "\"+{} (555) {:07}\"", random.below(98) + 1, random.below(10_000_000));
            }
            "Title" => text::string(out, random.pick(&TITLES), letters),
            "Birthdate" => {
                let (year, month, day) = (1940 + random.below(65), 1 + random.below(12), 1 + random.below(28));
                _ = write!(out, "\"{year}-{month:02}-{day:02}\"");
            }
            "HasOptedOutOfEmail" => _ = write!(out, "{}", random.chance(15)),
            "LeadSource" => text::string(out, random.pick(&SOURCES), letters),
            "MailingStreet" => {
                let line = if random.chance(25) { "\nBuilding B, 2nd floor" } else { "" };
                let (street, house) = (random.pick(&STREETS), random.below(250) + 1);
                _ = std::fmt::Write::write_fmt(&mut scratch, format_args!("{street} {house}{line}"));
                text::string(out, &scratch, letters);
            }
            "MailingCity" => text::string(out, random.pick(&CITIES), letters),
            "MailingLatitude" => _ = write!(out, "{}.{:06}", random.below(180) as i64 - 89, random.below(1_000_000)),
            "MailingLongitude" => _ = write!(out, "{}.{:04}", random.below(360) as i64 - 179, random.below(10_000)),
            _ => {
                let characters = 20 + random.below(150);
                text::remark(&mut scratch, characters, random);
                text::string(out, &scratch, letters);
            }
        }
    }
    out.push(b'}');
}
