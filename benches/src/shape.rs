//! What records look like.

use std::io::Write;
use std::sync::Arc;

use airbyte::JsonTypes;
use clap::ValueEnum;
use destination_salesforce::convert::{Column, Columns, Kind, SourceColumn};

use crate::contact;
use crate::random::Random;
use crate::text;

/// What records look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Shape {
    /// A contact of a CRM: fifteen columns.
    Contact,
    /// The same contact, with all that is not ASCII in escapes, as Python's `json` writes it.
    Escaped,
    /// 200 columns, half of them empty.
    Wide,
    /// 3 columns.
    Narrow,
}

/// A column of a shape.
#[derive(Debug, Clone)]
pub struct Field {
    /// Its name, in the record and in Salesforce.
    pub name: String,
    /// What it takes.
    pub kind: Kind,
}

impl Field {
    /// The type that the schema of a source gives it.
    pub fn json_type(&self) -> &'static str {
        match self.kind {
            Kind::Number => "number",
            Kind::Boolean => "boolean",
            _ => "string",
        }
    }

    fn types(&self) -> JsonTypes {
        let name = self.json_type();
        JsonTypes {
            text: name == "string",
            number: name == "number",
            boolean: name == "boolean",
            ..JsonTypes::default()
        }
    }
}

impl Shape {
    /// Every shape.
    pub const ALL: [Self; 4] = [Self::Contact, Self::Escaped, Self::Wide, Self::Narrow];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Contact => "contact",
            Self::Escaped => "escaped",
            Self::Wide => "wide",
            Self::Narrow => "narrow",
        }
    }

    /// Its columns.
    pub fn fields(self) -> Vec<Field> {
        let text = Kind::Text { longest: None };
        match self {
            Self::Contact | Self::Escaped => {
                contact::FIELDS.iter().map(|(name, kind)| Field { name: (*name).to_owned(), kind: *kind }).collect()
            }
            Self::Wide => {
                let kinds =
                    [text, text, Kind::Number, text, Kind::Boolean, Kind::Date, text, Kind::Number, Kind::DateTime];
                let field = |index| Field { name: format!("Field_{index:03}__c"), kind: kinds[index % kinds.len()] };
                (0..200).map(field).collect()
            }
            Self::Narrow => [("External_Id__c", text), ("Amount__c", Kind::Number), ("Day__c", Kind::Date)]
                .map(|(name, kind)| Field { name: name.to_owned(), kind })
                .to_vec(),
        }
    }

    /// Its columns as the connector has them.
    pub fn columns(self) -> Arc<Columns> {
        let column =
            |field: &Field| Column::new(SourceColumn::top(&*field.name), &*field.name, field.kind, field.types());
        Arc::new(Columns::new(self.fields().iter().map(column).collect(), None))
    }

    /// Appends the data of the record `number`.
    pub(crate) fn write(self, out: &mut Vec<u8>, fields: &[Field], seed: u64, number: u64, random: &mut Random) {
        match self {
            Self::Contact | Self::Escaped => {
                contact::write(out, fields, seed, number, self == Self::Escaped, random);
            }
            Self::Wide | Self::Narrow => plain(out, fields, number, random, if self == Self::Wide { 50 } else { 0 }),
        }
    }
}

/// A record of which so many fields in a hundred are null, and the others what their kind takes.
fn plain(out: &mut Vec<u8>, fields: &[Field], number: u64, random: &mut Random, nulls: usize) {
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
                text::string(out, &scratch, false);
                Ok(())
            }
        };
    }
    out.push(b'}');
}
