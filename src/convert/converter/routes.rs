//! Where the source columns of a record go.

use std::collections::HashMap;
use std::sync::Arc;

use airbyte::json::Cursor;

use super::{Stop, decoded};
use crate::convert::column::{Column, Columns};
use crate::convert::rejection::Rejection;
use crate::convert::source_column::SourceColumn;

/// The most bytes around a key that is remembered: a comma, two quotes, a colon, and the blanks between them, as writers of
/// JSON indent it.
const MOST_AROUND_A_KEY: usize = 32;

/// Where a source column goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route {
    /// To a column of the row.
    Column(usize),
    /// To the columns of its members: it is this nested object.
    Nested(usize),
    /// Nowhere: it describes the related record of a nested object, and cannot name it.
    Description,
    /// Nowhere: it is a mark that says whether the source has deleted the record.
    DeletionMark(usize),
    /// Nowhere.
    Ignored,
}

/// The routes of all known source columns.
#[derive(Debug, Default)]
pub(super) struct Routes {
    /// What the last record has before each value, from the end of the value before: comma, key and colon, with their
    /// blanks; and the routes. Records of a stream nearly always have the same keys in the same order and form, so what
    /// stands at the same position is compared before any lookup.
    expected: Vec<(Box<str>, Route)>,
    by_name: HashMap<Box<str>, Route>,
    nested: Vec<NestedObject>,
}

/// A nested object whose members are source columns.
#[derive(Debug)]
pub(super) struct NestedObject {
    name: Box<str>,
    routes: HashMap<Box<str>, Route>,
    /// The columns that a null in place of the object clears; `None` if that is not known.
    null_columns: Option<Arc<[usize]>>,
}

impl NestedObject {
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn route(&self, member: &str) -> Option<Route> {
        self.routes.get(member).copied()
    }

    pub(super) fn null_columns(&self) -> Option<Arc<[usize]>> {
        self.null_columns.clone()
    }

    /// From now on a null in place of the object changes nothing.
    pub(super) fn keep_null(&mut self) {
        self.null_columns = Some(Arc::from([]));
    }

    /// Finds what a null clears, in the columns of the object.
    fn set_null_columns(&mut self, columns: &Columns) {
        let is_own = |column: &Column| match column.clears() {
            true => column.source().name() == &*self.name,
            false => column.source().parent() == Some(&*self.name),
        };
        let own = columns.iter().enumerate().filter(|(_, column)| is_own(column));
        let found: Arc<[usize]> = own.map(|(index, _)| index).collect();
        let keeps_null = self.null_columns.as_ref().is_some_and(|columns| columns.is_empty());
        if !found.is_empty() || !keeps_null {
            self.null_columns = (!found.is_empty()).then_some(found);
        }
    }
}

impl Routes {
    pub(super) fn set(&mut self, source: &SourceColumn, route: Route) {
        self.expected.clear();
        let routes = match source.parent() {
            Some(parent) => &mut self.nest(parent).routes,
            None => &mut self.by_name,
        };
        routes.insert(source.name().into(), route);
    }

    /// The nested object `name`, added if it is new.
    pub(super) fn nest(&mut self, name: &str) -> &mut NestedObject {
        let known = self.nested.iter().position(|object| *object.name == *name);
        let index = known.unwrap_or_else(|| {
            self.nested.push(NestedObject { name: name.into(), routes: HashMap::new(), null_columns: None });
            self.nested.len() - 1
        });
        self.expected.clear();
        self.by_name.insert(name.into(), Route::Nested(index));
        &mut self.nested[index]
    }

    /// Sends all columns to their places in the row.
    pub(super) fn set_columns(&mut self, columns: &Columns) {
        for (index, column) in columns.iter().enumerate().filter(|(_, column)| !column.clears()) {
            self.set(column.source(), Route::Column(index));
        }
        for object in &mut self.nested {
            object.set_null_columns(columns);
        }
    }

    pub(super) fn nested(&self, index: usize) -> &NestedObject {
        &self.nested[index]
    }

    /// Steps to the value at `position` of its record and returns its route; `None` if there is no further value.
    #[inline(always)]
    pub(super) fn next(&mut self, position: usize, data: &mut Cursor<'_>) -> Result<Option<Route>, Stop> {
        if let Some((written, route)) = self.expected.get(position)
            && data.skip_known(written)
        {
            return Ok(Some(*route));
        }
        self.look_up(position, data)
    }

    fn look_up(&mut self, position: usize, data: &mut Cursor<'_>) -> Result<Option<Route>, Stop> {
        let start = data.text_before().len();
        if !data.next_member(position == 0).ok_or(Stop::Malformed)? {
            return Ok(None);
        }
        let key = data.key().ok_or(Stop::Malformed)?;
        let name = decoded(key).map_err(|_| Rejection::name_is_not_unicode())?;
        let route = match self.by_name.get(&*name) {
            Some(route) => *route,
            None => return Err(Stop::NewColumn(SourceColumn::top(name))),
        };
        let written = &data.text_before()[start..];
        // Without the bounds, a record of blanks or one that repeats its keys would make this grow without end.
        if written.len() <= key.raw.len() + MOST_AROUND_A_KEY {
            let entry = (written.into(), route);
            if let Some(expected) = self.expected.get_mut(position) {
                *expected = entry;
            } else if position == self.expected.len() && position < 2 * self.by_name.len() + 64 {
                self.expected.push(entry);
            }
        }
        Ok(Some(route))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A record of blanks, or one that repeats its keys, takes no room.
    #[test]
    fn what_is_remembered_of_a_record_has_a_bound() {
        let mut routes = Routes::default();
        routes.set(&SourceColumn::top("a"), Route::Column(0));
        let read = |routes: &mut Routes, json: &str| {
            let mut data = Cursor::new(json);
            data.enter_object().unwrap();
            for position in 0.. {
                match routes.next(position, &mut data) {
                    Ok(Some(route)) => assert_eq!(route, Route::Column(0)),
                    Ok(None) => break,
                    Err(_) => panic!("{json}"),
                }
                data.value().unwrap();
            }
        };
        let blanks = " ".repeat(1_000);
        read(&mut routes, &format!(r#"{{{blanks}"a":1,{blanks}"a"{blanks}:2}}"#));
        read(&mut routes, &format!(r#"{{{blanks}"a":1,"a":2}}"#));
        assert!(routes.expected.is_empty(), "what is not remembered leaves no gap");
        read(&mut routes, &format!(r#"{{"a":1{}}}"#, r#", "a":2"#.repeat(1_000)));
        assert_eq!(routes.expected.len(), 66);
        assert_eq!(&*routes.expected[1].0, r#", "a":"#);
    }
}
