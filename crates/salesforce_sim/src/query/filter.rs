//! Which records a condition is true for.

use std::collections::HashSet;

use super::{column::Column, comparison::Kind};
use crate::{
    reply::ApiError,
    schema::{Field, FieldType, Object},
    soql::{Condition, Operator, Pattern, Value},
    store::{Table, Tables},
};

/// A condition, made ready for the records of one object.
#[derive(Debug, Clone)]
pub(super) enum Filter {
    /// One of these values, or null.
    In {
        column: Column,
        kind: Kind,
        forms: HashSet<String>,
        has_null: bool,
        is_negated: bool,
    },
    /// Before or after a value. Null is neither.
    Order {
        column: Column,
        kind: Kind,
        operator: Operator,
        form: Option<String>,
    },
    /// A text that fits a pattern.
    Like {
        column: Column,
        pattern: Pattern,
    },
    /// A multi-select picklist with one of these choices. Each has the values that are selected together.
    Includes {
        column: Column,
        choices: Vec<Vec<String>>,
        is_negated: bool,
    },
    Not(Box<Filter>),
    All(Vec<Filter>),
    Any(Vec<Filter>),
}

impl Filter {
    /// Makes a condition ready, or returns what is wrong with it.
    pub(super) fn new(tables: &Tables, object: &Object, condition: &Condition) -> Result<Self, ApiError> {
        let each = |conditions: &[Condition]| -> Result<Vec<Self>, ApiError> {
            conditions.iter().map(|condition| Self::new(tables, object, condition)).collect()
        };
        match condition {
            Condition::Not(inner) => Ok(Self::Not(Box::new(Self::new(tables, object, inner)?))),
            Condition::All(inner) => Ok(Self::All(each(inner)?)),
            Condition::Any(inner) => Ok(Self::Any(each(inner)?)),
            Condition::In { field, values, is_negated } => Self::within(tables, object, field, values, *is_negated),
            Condition::Like { field, pattern } => Ok(Self::Like {
                column: matched(tables, object, field, "LIKE", |field, kind| {
                    matches!(kind, Kind::Text { .. }) && field.kind != FieldType::MultiPicklist
                })?,
                pattern: pattern.clone(),
            }),
            Condition::Includes { field, choices, is_negated } => {
                let is_selection = |field: &Field, _| field.kind == FieldType::MultiPicklist;
                let column = matched(tables, object, field, "INCLUDES and EXCLUDES", is_selection)?;
                let lower = |choice: &Vec<String>| choice.iter().map(|value| value.to_lowercase()).collect();
                Ok(Self::Includes { column, choices: choices.iter().map(lower).collect(), is_negated: *is_negated })
            }
            Condition::Compare { field, operator: operator @ (Operator::Equal | Operator::NotEqual), value } => {
                Self::within(tables, object, field, std::slice::from_ref(value), *operator == Operator::NotEqual)
            }
            Condition::Compare { field, operator, value } => {
                let (column, field, kind) = filtered(tables, object, field)?;
                if matches!(kind, Kind::Boolean | Kind::Id) {
                    let text = format!("invalid operator on field '{}'", field.name);
                    return Err(ApiError::new(400, "INVALID_QUERY_FILTER_OPERATOR", text));
                }
                Ok(Self::Order { column, kind, operator: *operator, form: kind.form_of(field, value)? })
            }
        }
    }

    fn within(
        tables: &Tables,
        object: &Object,
        field: &str,
        values: &[Value],
        is_negated: bool,
    ) -> Result<Self, ApiError> {
        let (column, field, kind) = filtered(tables, object, field)?;
        let (mut forms, mut has_null) = (HashSet::new(), false);
        for value in values {
            match kind.form_of(field, value)? {
                Some(form) => drop(forms.insert(form)),
                None => has_null = true,
            }
        }
        // "WHERE Test__c != null" is "WHERE Test__c = true" for a checkbox (SOQL and SOSL Reference,
        // "Use null in WHERE").
        if has_null && kind == Kind::Boolean {
            forms.insert("false".to_owned());
        }
        Ok(Self::In { column, kind, forms, has_null, is_negated })
    }

    /// Whether the condition is true for a record. A field that is null is unequal to every value.
    pub(super) fn holds(&self, tables: &Tables, table: &Table, record: usize) -> bool {
        match self {
            Self::In { column, kind, forms, has_null, is_negated } => {
                let is_within = match column.value(tables, table, record) {
                    Some(value) => kind.form(&value).is_some_and(|form| forms.contains(form.as_ref())),
                    None => *has_null,
                };
                is_within != *is_negated
            }
            Self::Order { column, kind, operator, form } => {
                let value = column.value(tables, table, record);
                let value = value.as_deref().and_then(|value| kind.form(value));
                let order = value.zip(form.as_ref()).and_then(|(value, form)| kind.order(&value, form));
                order.is_some_and(|order| match operator {
                    Operator::Less => order.is_lt(),
                    Operator::LessOrEqual => order.is_le(),
                    Operator::Greater => order.is_gt(),
                    Operator::GreaterOrEqual => order.is_ge(),
                    Operator::Equal => order.is_eq(),
                    Operator::NotEqual => order.is_ne(),
                })
            }
            Self::Like { column, pattern } => {
                column.value(tables, table, record).is_some_and(|value| pattern.fits(&value))
            }
            Self::Includes { column, choices, is_negated } => {
                let value = column.value(tables, table, record).unwrap_or_default().to_lowercase();
                let is_selected = |wanted: &String| value.split(';').any(|selected| selected == wanted);
                choices.iter().any(|choice| choice.iter().all(is_selected)) != *is_negated
            }
            Self::Not(inner) => !inner.holds(tables, table, record),
            Self::All(inner) => inner.iter().all(|filter| filter.holds(tables, table, record)),
            Self::Any(inner) => inner.iter().any(|filter| filter.holds(tables, table, record)),
        }
    }

    /// The live records among which all found ones are, where an index or the ids in the condition say so: a list of some
    /// hundred values does not look at a million records.
    pub(super) fn candidates(&self, table: &Table) -> Option<Vec<usize>> {
        match self {
            Self::In { column, kind, forms, has_null: false, is_negated: false } => {
                let position = column.own()?;
                let field = &table.object.fields[position];
                let mut found: Vec<usize> = if field.kind == FieldType::Id {
                    forms.iter().filter_map(|form| Some(table.locate(form)?.0)).collect()
                } else if table.is_indexed(position) && has_same_forms(field, *kind) {
                    forms.iter().flat_map(|form| table.find(position, form)).map(|record| *record as usize).collect()
                } else {
                    return None;
                };
                found.sort_unstable();
                found.dedup();
                Some(found)
            }
            Self::All(inner) => inner.iter().find_map(|filter| filter.candidates(table)),
            _ => None,
        }
    }
}

/// Whether the index of a field finds every record that a condition is true for. The index of an external id that is not
/// unique counts case, and conditions do not.
fn has_same_forms(field: &Field, kind: Kind) -> bool {
    matches!(kind, Kind::Text { counts_case } if counts_case == field.counts_case())
}

/// The column of a condition whose operator is for some types alone.
fn matched(
    tables: &Tables,
    object: &Object,
    path: &str,
    operator: &str,
    is_allowed: impl Fn(&Field, Kind) -> bool,
) -> Result<Column, ApiError> {
    let (column, field, kind) = filtered(tables, object, path)?;
    if is_allowed(field, kind) {
        return Ok(column);
    }
    let text = format!("field '{}' does not support the filter operator {operator}", field.name);
    Err(ApiError::new(400, "INVALID_QUERY_FILTER_OPERATOR", text))
}

/// The column of a condition. A field that describe calls not filterable is refused.
fn filtered<'t>(tables: &'t Tables, object: &'t Object, path: &str) -> Result<(Column, &'t Field, Kind), ApiError> {
    let column = Column::resolve(tables, object, path)?;
    let field = column.field(tables, object).ok_or_else(ApiError::not_found)?;
    let kind = Kind::of(field).filter(|_| field.is_filterable());
    let Some(kind) = kind else {
        let text = match field.is_filterable() {
            false => format!("field '{}' can not be filtered in a query call", field.name),
            true => format!("this simulated org cannot compare the field '{}'", field.name),
        };
        return Err(ApiError::new(400, "INVALID_FIELD", text));
    };
    Ok((column, field, kind))
}
