//! The shapes of records.

use std::sync::Arc;

use clap::ValueEnum;
use destination_salesforce::convert::{Column, Columns, Kind, SourceColumn};

use crate::every_type::Form;
use crate::field::Field;
use crate::random::Random;
use crate::text::Letters;
use crate::{contact, every_type, generic};

/// The shape of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Shape {
    /// A contact of a CRM: fifteen fields.
    Contact,
    /// The same contact, with all letters beyond ASCII in escapes, as Python's `json` writes them.
    Escaped,
    /// 200 fields, half of them empty.
    Wide,
    /// 3 fields.
    Narrow,
    /// A field of every type that can be written.
    EveryType,
}

impl Shape {
    /// The shapes that the destination is measured with.
    pub const ALL: [Self; 4] = [Self::Contact, Self::Escaped, Self::Wide, Self::Narrow];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Contact => "contact",
            Self::Escaped => "escaped",
            Self::Wide => "wide",
            Self::Narrow => "narrow",
            Self::EveryType => "every-type",
        }
    }

    /// Its fields.
    pub fn fields(self) -> Vec<Field> {
        let text = Kind::Text { longest: None };
        match self {
            Self::Contact | Self::Escaped => named(&contact::FIELDS),
            Self::EveryType => named(&every_type::FIELDS),
            Self::Wide => {
                let kinds =
                    [text, text, Kind::Number, text, Kind::Boolean, Kind::Date, text, Kind::Number, Kind::DateTime];
                let field = |index| Field { name: format!("Field_{index:03}__c"), kind: kinds[index % kinds.len()] };
                (0..200).map(field).collect()
            }
            Self::Narrow => named(&[("External_Id__c", text), ("Amount__c", Kind::Number), ("Day__c", Kind::Date)]),
        }
    }

    /// The columns into which the connector converts its fields.
    pub fn columns(self) -> Arc<Columns> {
        let column =
            |field: &Field| Column::new(SourceColumn::top(&*field.name), &*field.name, field.kind, field.types());
        Arc::new(Columns::new(self.fields().iter().map(column).collect(), None))
    }

    /// Appends the data of the record `number`. `fields` are the fields of the shape.
    pub(crate) fn write(self, out: &mut Vec<u8>, fields: &[Field], seed: u64, number: u64, random: &mut Random) {
        match self {
            Self::Contact => contact::write(out, seed, number, Letters::Plain, random),
            Self::Escaped => contact::write(out, seed, number, Letters::Escaped, random),
            Self::Wide => generic::write(out, fields, number, 50, random),
            Self::Narrow => generic::write(out, fields, number, 0, random),
            Self::EveryType => every_type::write(out, seed, number, Form::Sent),
        }
    }
}

fn named(fields: &[(&str, Kind)]) -> Vec<Field> {
    fields.iter().map(|(name, kind)| Field { name: (*name).to_owned(), kind: *kind }).collect()
}
