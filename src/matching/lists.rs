//! The queries that ask for keys.

use std::collections::HashSet;

use super::cost::MOST_CONDITIONS;
use super::literal::literals;
use super::plan::{KeyField, MatchPlan, ValueType};
use salesforce::{Condition, Literal, Soql, url_length};

/// Keys that one query asks for. There is at least one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct List(Vec<ListedKey>);

/// A key in a list.
#[derive(Debug, PartialEq, Eq)]
struct ListedKey {
    /// Its number among the different keys.
    position: usize,
    /// What is asked for in each field.
    literals: Vec<Vec<Literal>>,
    /// Whether a record keeps its values as they were sent.
    is_kept: bool,
    /// What it is in any case, if case counts for the plan.
    in_any_case: Option<u64>,
}

/// Packs keys, each with its number, into as few lists as fit. A key that a query cannot ask for is in none. `None` as soon
/// as they are more than `most`.
pub(super) fn pack(
    plan: &MatchPlan,
    keys: impl Iterator<Item = (usize, Vec<String>)>,
    most: usize,
) -> Option<Vec<List>> {
    let mut lists: Vec<List> = Vec::new();
    let empty = format!("{} WHERE {} IN ()", selection(plan), plan.names());
    let room = Soql::LONGEST_IN_ADDRESS.saturating_sub(url_length(&empty));
    let mut left = 0;
    for (position, values) in keys {
        let literals = plan.keys.iter().zip(&values).map(|(field, value)| literals(field, value));
        let Some(literals) = literals.collect() else { continue };
        let in_any_case = (!plan.is_compared_by_queries()).then(|| plan.in_any_case(values.iter().map(String::as_str)));
        let key = ListedKey { position, literals, is_kept: plan.is_kept(&values), in_any_case };
        let length = key.length(plan);
        if let Some(list) = lists.last_mut().filter(|list| length <= left && list.has_room(plan)) {
            left -= length;
            list.0.push(key);
            continue;
        }
        if lists.len() == most {
            return None;
        }
        left = room.saturating_sub(length);
        lists.push(List(vec![key]));
    }
    Some(lists)
}

impl ListedKey {
    /// The bytes that the key takes in an address.
    fn length(&self, plan: &MatchPlan) -> usize {
        match &*self.literals {
            [literals] => literals.iter().map(|it| url_length(&it.to_string()) + "%2C".len()).sum(),
            _ => url_length(&self.condition(plan).to_string()) + "%28%29 OR ".len(),
        }
    }

    /// The condition that asks for the key.
    fn condition(&self, plan: &MatchPlan) -> Condition {
        let each = plan.keys.iter().zip(&self.literals).map(|(field, literals)| match &**literals {
            [literal] => Condition::equals(&field.name, literal.clone()),
            literals => Condition::is_in(&field.name, literals.to_vec()),
        });
        Condition::All(each.collect())
    }
}

impl List {
    fn has_room(&self, plan: &MatchPlan) -> bool {
        plan.keys.len() == 1 || self.0.len() < MOST_CONDITIONS
    }

    /// The numbers of its keys, in order.
    pub(super) fn positions(&self) -> Vec<usize> {
        let mut positions: Vec<usize> = self.0.iter().map(|key| key.position).collect();
        positions.sort_unstable();
        positions
    }

    /// The query that asks for its keys.
    pub(super) fn query(&self, plan: &MatchPlan) -> Soql {
        let condition = match &*plan.keys {
            [field] => Condition::is_in(&field.name, self.0.iter().flat_map(|key| &key.literals).flatten().cloned()),
            _ => Condition::Any(self.0.iter().map(|key| key.condition(plan)).collect()),
        };
        selection(plan).filtered(condition)
    }

    /// Whether records keep the values of all its keys as they were sent.
    pub(super) fn is_kept(&self) -> bool {
        self.0.iter().all(|key| key.is_kept)
    }

    /// What its keys are in any case, where case counts for the plan.
    pub(super) fn in_any_case(&self) -> HashSet<u64> {
        self.0.iter().filter_map(|key| key.in_any_case).collect()
    }

    /// A list of each of its keys.
    pub(super) fn keys(self) -> impl Iterator<Item = Self> {
        self.0.into_iter().map(|key| Self(vec![key]))
    }

    /// Its two halves. The list itself if it has one key.
    pub(super) fn halves(mut self) -> Result<[Self; 2], Self> {
        if self.0.len() < 2 {
            return Err(self);
        }
        let second = self.0.split_off(self.0.len() / 2);
        Ok([self, Self(second)])
    }
}

/// The query that reads the keys of all records that have one. A checkbox always has a value, and a condition takes false
/// for null (SOQL and SOSL Reference, "Use null in WHERE").
pub(super) fn of_all_records(plan: &MatchPlan) -> Soql {
    let may_be_null = |field: &&KeyField| !is_id(&field.name) && field.value_type != ValueType::Boolean;
    let have_value = plan.keys.iter().filter(may_be_null).map(|field| Condition::not_null(&field.name));
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

    fn lists<S: AsRef<str>>(plan: &MatchPlan, keys: &[Vec<S>], most: usize) -> Option<Vec<List>> {
        let keys = keys.iter().map(|key| key.iter().map(|it| it.as_ref().to_owned()).collect());
        pack(plan, keys.enumerate(), most)
    }

    fn queries(plan: &MatchPlan, keys: &[&[&str]]) -> Vec<String> {
        let keys: Vec<Vec<&str>> = keys.iter().map(|key| key.to_vec()).collect();
        lists(plan, &keys, 99).unwrap().iter().map(|list| list.query(plan).to_string()).collect()
    }

    #[test]
    fn keys_of_one_field_are_a_list() {
        let email = plan(&[("Email", IgnoreCase)]);
        assert_eq!(
            queries(&email, &[&["ann@example.com"], &[" O'Neil\\ \"x\", 50%"]]),
            [r#"SELECT Id,Email FROM Contact WHERE Email IN ('ann@example.com','O\'Neil\\ \"x\", 50%')"#]
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
        assert_eq!(lists(&both, &many, 3).unwrap().len(), 3);
        let sizes = |keys| lists(&both, keys, 9).unwrap().iter().map(|list| list.0.len()).collect::<Vec<_>>();
        assert_eq!((sizes(&many[..100]), sizes(&many[..101])), (vec![100], vec![100, 1]));
        let long: Vec<Vec<String>> = (0..90).map(|number| vec!["\u{6771}".repeat(40), number.to_string()]).collect();
        assert_eq!(lists(&both, &long, 9).unwrap().len(), 6, "each takes more than 400 bytes");
        // What stands around the conditions counts too.
        let half: Vec<Vec<String>> = (0..300).map(|number| vec!["\u{fc}".repeat(25), number.to_string()]).collect();
        for list in lists(&both, &half, 99).unwrap() {
            let length = url_length(&list.query(&both).to_string());
            assert!(length <= Soql::LONGEST_IN_ADDRESS && list.0.len() < 100, "{length}");
        }
    }

    #[test]
    fn packing_ends_with_the_list_that_is_too_much() {
        let email = plan(&[("Email", IgnoreCase)]);
        let mut packed = 0;
        let keys = (0..1_000_000).map(|number| (number, vec![format!("person-{number}@example.com")]));
        assert_eq!(pack(&email, keys.inspect(|_| packed += 1), 2), None);
        assert!((300..700).contains(&packed), "{packed} keys");
        let keys = (0..1_000).map(|number| (number, vec![format!("person-{number}@example.com")]));
        let lists = pack(&email, keys, 9).unwrap();
        let lengths: Vec<usize> = lists.iter().map(|it| url_length(&it.query(&email).to_string())).collect();
        assert!(lengths.iter().all(|length| *length <= Soql::LONGEST_IN_ADDRESS), "{lengths:?}");
        assert_eq!(lists.iter().flat_map(List::positions).collect::<Vec<_>>(), (0..1_000).collect::<Vec<_>>());
    }

    #[test]
    fn a_list_is_halved_down_to_one_key() {
        let email = plan(&[("Email", IgnoreCase)]);
        let [first, second] = lists(&email, &[vec!["a"], vec!["b"], vec!["c"]], 1).unwrap().remove(0).halves().unwrap();
        assert_eq!((first.positions(), second.positions()), (vec![0], vec![1, 2]));
        assert!(first.halves().is_err());
        let [one, other] = second.halves().unwrap();
        assert_eq!((one.positions(), other.positions()), (vec![1], vec![2]));
    }

    #[test]
    fn line_ends_are_asked_for_in_both_forms() {
        let name = plan(&[("Name", IgnoreCase)]);
        assert_eq!(
            queries(&name, &[&["a\nb\nc"]]),
            [r"SELECT Id,Name FROM Contact WHERE Name IN ('a\nb\nc','a\r\nb\r\nc')"]
        );
        let both = plan(&[("Name", IgnoreCase), ("Level__c", Number { scale: 0 })]);
        let expected = r"SELECT Id,Name,Level__c FROM Contact WHERE (Name IN ('a\nb','a\r\nb') AND Level__c = 1)";
        assert_eq!(queries(&both, &[&["a\nb", "1"]]), [expected]);
    }

    #[test]
    fn each_type_has_its_form_and_what_a_query_cannot_ask_for_is_in_none() {
        let too_long = "x".repeat(81);
        for (comparison, value_type, value, expected) in [
            (Moment, ValueType::Moment, "2026-01-31T09:30:00+02:00", Some("2026-01-31T07:30:00Z")),
            (Moment, ValueType::Moment, "tomorrow", None),
            (Id, ValueType::Id, "003000000000001AAA", Some("'003000000000001AAA'")),
            (Id, ValueType::Id, "x' OR Id != null", None),
            (Number { scale: 2 }, ValueType::Number, "1.50", Some("1.5")),
            (Number { scale: 2 }, ValueType::Number, "n/a", None),
            (Number { scale: 2 }, ValueType::Number, "1e999", None),
            (Number { scale: 0 }, ValueType::Int, "-7.0", Some("-7")),
            (Number { scale: 0 }, ValueType::Int, "1.5", None),
            (Number { scale: 0 }, ValueType::Int, "99999999999", None),
            (Number { scale: 0 }, ValueType::Long, "99999999999", Some("99999999999")),
            (Exact, ValueType::Date, "2026-01-31", Some("2026-01-31")),
            (Exact, ValueType::Date, "31.1.2026", None),
            (Exact, ValueType::Boolean, "true", Some("true")),
            (IgnoreCase, ValueType::Text, "x", Some("'x'")),
            (IgnoreCase, ValueType::Text, &too_long, None),
            (IgnoreCase, ValueType::Text, &too_long[1..], Some(&format!("'{}'", &too_long[1..]))),
            (Exact, ValueType::Boolean, "1", None),
            (Number { scale: 0 }, ValueType::Int, "2147483647", Some("2147483647")),
            (Number { scale: 0 }, ValueType::Int, "2147483648", None),
            (Number { scale: 0 }, ValueType::Long, "9223372036854775808", None),
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
        let expected = "SELECT Id,Account.Name FROM Contact WHERE Account.Name != null";
        for id in ["Id", "id", "ID"] {
            assert_eq!(of_all_records(&plan(&[(id, Id), ("Account.Name", IgnoreCase)])).to_string(), expected);
        }
        let mut plan = plan(&[("Id", Id), ("Account.Name", IgnoreCase)]);
        plan.keys[0] = KeyField { name: "Active__c".into(), value_type: ValueType::Boolean, ..plan.keys[0].clone() };
        let expected = "SELECT Id,Active__c,Account.Name FROM Contact WHERE Account.Name != null";
        assert_eq!(of_all_records(&plan).to_string(), expected, "a false checkbox would be left out");
    }

    #[test]
    fn a_text_may_have_4000_characters_where_its_field_has_no_limit_or_a_larger_one() {
        for longest in [None, Some(32_000)] {
            let mut plan = plan(&[("F", IgnoreCase)]);
            plan.keys[0].longest = longest;
            let of_length = |length: usize| lists(&plan, &[vec!["x".repeat(length)]], 9).unwrap().len();
            assert_eq!([of_length(4_000), of_length(4_001)], [1, 0], "{longest:?}");
        }
    }
}
