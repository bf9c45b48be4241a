//! The queries that ask for keys.

use super::cost::{LONGEST_CONDITIONS, MOST_CONDITIONS, length_in_address};
use super::literal::literal;
use super::plan::MatchPlan;
use salesforce::{Condition, Soql};

/// Queries for these keys, packed into as few as fit. A key that no record can have is in none.
pub(super) fn of_keys(plan: &MatchPlan, keys: &[Vec<String>]) -> Vec<Soql> {
    if let [field] = &*plan.keys {
        let literals: Vec<_> = keys.iter().filter_map(|values| literal(field, values.first()?)).collect();
        return selection(plan).in_lists(&field.name, literals).collect();
    }
    let mut queries = Vec::new();
    let (mut packed, mut length) = (Vec::new(), 0);
    for condition in keys.iter().filter_map(|values| condition(plan, values)) {
        let added = length_in_address(&condition.to_string()) + "%28%29 OR ".len();
        if packed.len() == MOST_CONDITIONS || (length + added > LONGEST_CONDITIONS && !packed.is_empty()) {
            queries.push(selection(plan).filtered(Condition::Any(std::mem::take(&mut packed))));
            length = 0;
        }
        packed.push(condition);
        length += added;
    }
    if !packed.is_empty() {
        queries.push(selection(plan).filtered(Condition::Any(packed)));
    }
    queries
}

/// The condition that asks for one key. `None` if no record can have it.
fn condition(plan: &MatchPlan, values: &[String]) -> Option<Condition> {
    let equals = |(field, value): (&super::plan::KeyField, &String)| {
        Some(Condition::equals(&field.name, literal(field, value)?))
    };
    plan.keys.iter().zip(values).map(equals).collect::<Option<_>>().map(Condition::All)
}

/// The query that reads the keys of all records that have one.
pub(super) fn of_all_records(plan: &MatchPlan) -> Soql {
    let have_value = plan.keys.iter().filter(|field| !is_id(&field.name)).map(|field| Condition::not_null(&field.name));
    have_value.fold(selection(plan), Soql::filtered)
}

fn selection(plan: &MatchPlan) -> Soql {
    let keys = plan.keys.iter().map(|field| field.name.as_str()).filter(|name| !is_id(name));
    Soql::select(&plan.object, std::iter::once("Id").chain(keys))
}

fn is_id(name: &str) -> bool {
    name.eq_ignore_ascii_case("Id")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convert::KeyComparison::{Exact, Id, IgnoreCase, Moment, Number};
    use crate::matching::plan::ValueType;
    use crate::matching::plan::tests::plan;

    fn queries(plan: &MatchPlan, keys: &[&[&str]]) -> Vec<String> {
        let keys: Vec<Vec<String>> = keys.iter().map(|key| key.iter().map(|it| (*it).to_owned()).collect()).collect();
        of_keys(plan, &keys).iter().map(Soql::to_string).collect()
    }

    #[test]
    fn keys_of_one_field_are_a_list() {
        let email = plan(&[("Email", IgnoreCase)]);
        assert_eq!(
            queries(&email, &[&["ann@example.com"], &[" O'Neil\\ \"x\", 50%\n"]]),
            [r#"SELECT Id,Email FROM Contact WHERE Email IN ('ann@example.com','O\'Neil\\ \"x\", 50%\n')"#]
        );
        assert_eq!(queries(&email, &[]), [""; 0]);
    }

    #[test]
    fn keys_of_several_fields_are_conditions() {
        let both = plan(&[("Account.Code__c", IgnoreCase), ("Level__c", Number { scale: 0 })]);
        assert_eq!(
            queries(&both, &[&["A-1", "1e3"], &["A-2", "-0.50"]]),
            ["SELECT Id,Account.Code__c,Level__c FROM Contact WHERE (Account.Code__c = 'A-1' AND Level__c = 1000) OR \
              (Account.Code__c = 'A-2' AND Level__c = -0.5)"]
        );
        let many: Vec<Vec<String>> = (0..250).map(|number| vec!["A".to_owned(), number.to_string()]).collect();
        assert_eq!(of_keys(&both, &many).len(), 3);
        let long: Vec<Vec<String>> = (0..90).map(|number| vec!["\u{6771}".repeat(40), number.to_string()]).collect();
        assert_eq!(of_keys(&both, &long).len(), 6, "each takes more than 400 bytes");
    }

    #[test]
    fn each_type_has_its_form_and_what_no_record_can_have_is_not_asked_for() {
        let too_long = "x".repeat(81);
        for (comparison, value_type, value, expected) in [
            (Moment, ValueType::Moment, "2026-01-31T09:30:00+02:00", Some("2026-01-31T07:30:00Z")),
            (Moment, ValueType::Moment, "tomorrow", None),
            (Id, ValueType::Id, "003000000000001AAA", Some("'003000000000001AAA'")),
            (Id, ValueType::Id, "x' OR Id != null", None),
            (Number { scale: 2 }, ValueType::Number, "1.50", Some("1.5")),
            (Number { scale: 2 }, ValueType::Number, "n/a", None),
            (Number { scale: 2 }, ValueType::Number, "1e999", None),
            (Exact, ValueType::Date, "2026-01-31", Some("2026-01-31")),
            (Exact, ValueType::Date, "31.1.2026", None),
            (Exact, ValueType::Boolean, "true", Some("true")),
            (IgnoreCase, ValueType::Text, "x", Some("'x'")),
            (IgnoreCase, ValueType::Text, &too_long, None),
        ] {
            let mut plan = plan(&[("F", comparison)]);
            plan.keys[0].value_type = value_type;
            let expected: Vec<String> =
                expected.iter().map(|it| format!("SELECT Id,F FROM Contact WHERE F IN ({it})")).collect();
            assert_eq!(queries(&plan, &[&[value]]), expected, "{value}");
        }
    }

    #[test]
    fn a_query_job_reads_the_keys_of_all_records() {
        let plan = plan(&[("Id", Id), ("Account.Name", IgnoreCase)]);
        let expected = "SELECT Id,Account.Name FROM Contact WHERE Account.Name != null";
        assert_eq!(of_all_records(&plan).to_string(), expected);
    }
}
