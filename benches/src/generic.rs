//! Records of any fields, with values that fit their kinds.

use std::io::Write;

use destination_salesforce::convert::Kind;

use crate::field::Field;
use crate::random::Random;
use crate::text::{self, Letters};

/// Appends the data of the record `number`. In a hundred values, `nulls` are null.
pub(crate) fn write(out: &mut Vec<u8>, fields: &[Field], number: u64, nulls: usize, random: &mut Random) {
    let mut scratch = String::new();
    out.push(b'{');
    for (index, field) in fields.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        let _ = write!(out, "\"{}\":", field.name);
        let (year, month, day) = (1990 + random.below(36), 1 + random.below(12), 1 + random.below(28));
        let _ = match field.kind {
            _ if index == 0 => write!(out, "\"R-{number:012}\""),
            _ if random.chance(nulls) => write!(out, "null"),
            Kind::Number => write!(out, "{}.{:02}", random.below(100_000), random.below(100)),
            Kind::Boolean => write!(out, "{}", random.chance(50)),
            Kind::Date => write!(out, "\"{year}-{month:02}-{day:02}\""),
            Kind::DateTime => write!(out, "\"{year}-{month:02}-{day:02}T12:{:02}:07Z\"", random.below(60)),
            _ => {
                scratch.clear();
                let characters = 4 + random.below(24);
                text::remark(&mut scratch, characters, random);
                text::string(out, &scratch, Letters::Plain);
                Ok(())
            }
        };
    }
    out.push(b'}');
}
