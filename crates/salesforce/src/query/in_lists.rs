//! Packs many values into few queries.

use super::literal::url_length;
use super::{Condition, Literal, Soql};
use crate::fault::{Fault, FaultKind};

/// The most bytes of the address of a query. Salesforce takes 16,384 bytes of URI and headers together, and expects about
/// 8,000 of headers (Salesforce Help 000386264): an access token alone can have some thousands. The same page warns that
/// a long query can fail before its URI is too long, so a part of the rest is left free.
const LONGEST_ADDRESS: usize = 7_500;

/// The bytes of an address before the query, with a long host: `/services/data/v62.0/query?q=`.
const ADDRESS_BEFORE: usize = 100;

/// The bytes of an address that is not sent: Salesforce, or a proxy before it, would answer with a page of HTML that looks
/// like an outage.
const TOO_LONG_ADDRESS: usize = 12_000;

impl Soql {
    /// The most bytes that a query may take in the address of a REST call, as [`url_length`] counts them.
    pub const LONGEST_IN_ADDRESS: usize = LONGEST_ADDRESS - ADDRESS_BEFORE;

    /// Checks that the query fits into the address of a REST call.
    pub(super) fn check_address(&self) -> Result<(), Fault> {
        let length = ADDRESS_BEFORE + url_length(&self.to_string());
        if length < TOO_LONG_ADDRESS {
            return Ok(());
        }
        let text = format!("a query takes {length} bytes of an address, which is too long for a REST call");
        Err(Fault::new(FaultKind::Unexpected, text))
    }

    /// Queries like this one for the records whose `field` has one of these values, as few as fit into the addresses of
    /// REST calls. Every value is in one query. A value that is too long for any has one of its own, which
    /// [`Org::query`](crate::Org::query) may refuse: a query job takes it.
    pub fn in_lists<I>(&self, field: &str, literals: I) -> impl Iterator<Item = Soql>
    where
        I: IntoIterator<Item = Literal>,
    {
        let (query, field) = (self.clone(), field.to_owned());
        let list = |literals| query.clone().filtered(Condition::In(field.clone(), literals));
        let room = Self::LONGEST_IN_ADDRESS.saturating_sub(url_length(&list(Vec::new()).to_string()));
        let mut literals = literals.into_iter().peekable();
        std::iter::from_fn(move || {
            let mut packed = vec![literals.next()?];
            let mut length = packed[0].url_length();
            // A comma takes three bytes.
            while let Some(next) = literals.next_if(|next| length + 3 + next.url_length() <= room) {
                length += 3 + next.url_length();
                packed.push(next);
            }
            Some(query.clone().filtered(Condition::In(field.clone(), packed)))
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pack(texts: &[String]) -> Vec<Soql> {
        let query = Soql::select("Contact", ["Id", "Email"]).filtered(Condition::not_null("Name"));
        query.in_lists("Email", texts.iter().map(Literal::text)).collect()
    }

    fn address(query: &Soql) -> usize {
        ADDRESS_BEFORE + url_length(&query.to_string())
    }

    #[test]
    fn a_query_takes_as_many_values_as_fit() {
        let emails: Vec<String> = (0..1_000).map(|number| format!("person{number:06}@example.com")).collect();
        let queries = pack(&emails);
        assert_eq!(queries.len(), 5, "about 208 addresses in each");
        assert!(queries.iter().all(|query| address(query) <= LONGEST_ADDRESS));
        assert!(
            queries[..4].iter().all(|query| address(query) > LONGEST_ADDRESS - 40),
            "no query has room for one more"
        );
        assert!(pack(&[]).is_empty());
    }

    #[test]
    fn a_value_that_just_fits_is_in_the_query() {
        let query = Soql::select("A", ["Id"]);
        let empty = query.clone().filtered(Condition::In("B".to_owned(), Vec::new()));
        let room = Soql::LONGEST_IN_ADDRESS - url_length(&empty.to_string());
        // Each quote and the comma take three bytes.
        for (length, queries) in [(room - 15, 1), (room - 14, 2)] {
            let literals = ["x".repeat(length / 2), "x".repeat(length - length / 2)].map(Literal::text);
            assert_eq!(query.in_lists("B", literals).count(), queries, "{length}");
        }
    }

    /// An address of less than 12,000 bytes, with the 100 bytes before the query.
    #[test]
    fn a_query_is_not_sent_at_an_address_of_12_000_bytes() {
        let of_length = |length: usize| {
            let query = |text: &str| Soql::select("A", ["Id"]).filtered(Condition::equals("B", Literal::text(text)));
            let room = length - url_length(&query("").to_string());
            query(&"x".repeat(room))
        };
        for (length, is_sent) in [(11_899, true), (11_900, false)] {
            let query = of_length(length);
            assert_eq!(url_length(&query.to_string()), length);
            assert_eq!(query.check_address().is_ok(), is_sent, "{length}");
        }
        assert_eq!(Soql::LONGEST_IN_ADDRESS, 7_400);
    }

    #[test]
    fn a_value_that_fits_nowhere_has_a_query_of_its_own() {
        let texts = ["a".to_owned(), "東".repeat(1_000), "b".to_owned()];
        let queries = pack(&texts);
        assert_eq!(queries.len(), 3);
        assert!(queries[2].to_string().ends_with("Email IN ('b')"));
        assert!(queries[1].check_address().is_ok());
        let too_long = &pack(&["東".repeat(1_400)])[0];
        assert_eq!(too_long.check_address().unwrap_err().kind(), FaultKind::Unexpected);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn every_value_is_in_one_query(texts in proptest::collection::vec("\\PC{0,400}", 0..60)) {
            let mut packed = Vec::new();
            for query in pack(&texts) {
                let Some(Condition::All(mut conditions)) = query.condition().cloned() else { panic!("{query}") };
                let Some(Condition::In(_, literals)) = conditions.pop() else { panic!("{query}") };
                prop_assert!(literals.len() == 1 || address(&query) <= LONGEST_ADDRESS);
                packed.extend(literals);
            }
            prop_assert_eq!(packed, texts.iter().map(Literal::text).collect::<Vec<_>>());
        }
    }
}
