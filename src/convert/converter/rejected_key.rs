//! The key of a rejected record. It may stand behind what the record is rejected for.

use airbyte::json::Cursor;

use super::routes::Route;
use super::{Converter, Stop};

impl Converter {
    /// Reads a rejected record once more, from its start, for its key alone. A key that cannot be sent is none.
    pub(super) fn read_rejected_key(&mut self, mut start: Cursor<'_>) {
        if self.columns.naming_columns().is_empty() {
            return;
        }
        self.row.begin();
        self.key = None;
        let is_read = start.enter_object().is_some() && self.read_key_alone(&mut start).is_ok();
        if !is_read {
            self.key = None;
        } else if self.columns.are_found() {
            let is_whole = self.columns.first_unnamed(|column| self.row.cell(column)).is_none();
            self.key = is_whole.then(|| self.found_key());
        }
    }

    fn read_key_alone(&mut self, data: &mut Cursor<'_>) -> Result<(), Stop> {
        let mut position = 0;
        while let Some(route) = self.next_route(position, data, &mut |_| true)? {
            match route {
                Route::Nested(nested) => self.read_nested_key(nested, data)?,
                Route::Column(column) if self.names_record(column) => {
                    let (value, decoded) = data.value_decoded(&mut self.decoded).ok_or(Stop::Malformed)?;
                    self.convert_cell(column, value, decoded)?;
                }
                _ => drop(data.value().ok_or(Stop::Malformed)?),
            }
            position += 1;
        }
        Ok(())
    }
}
