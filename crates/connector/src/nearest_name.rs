//! The nearest name to one that does not exist.

use std::collections::HashSet;

/// The longest text that may be a misspelt name, in bytes. A comparison takes as many steps as the lengths of both names
/// multiplied.
const LONGEST_NAME: usize = 255;

/// The name that is most similar to `typed`, if one is similar at all.
pub fn nearest_name<'n>(typed: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    if typed.len() > LONGEST_NAME {
        return None;
    }
    let typed = normalize(typed);
    let mut seen = HashSet::new();
    names
        .filter(|name| seen.insert(*name))
        .map(|name| (strsim::normalized_damerau_levenshtein(&typed, &normalize(name)), name))
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        // Below 0.5, two names share less than half of their letters.
        .filter(|(similarity, _)| *similarity >= 0.5)
        .map(|(_, name)| name)
}

/// Whether `typed` is probably a misspelt `name`: at least seven of ten letters are the same. Names with other numbers,
/// such as `orders_2025` and `orders_2026`, differ on purpose.
pub fn is_misspelt(typed: &str, name: &str) -> bool {
    let numbers = |name: &str| name.bytes().filter(u8::is_ascii_digit).collect::<Vec<_>>();
    numbers(typed) == numbers(name)
        && strsim::normalized_damerau_levenshtein(&normalize(typed), &normalize(name)) >= 0.7
}

/// A name without the differences between the spellings of warehouses and of Salesforce.
fn normalize(name: &str) -> String {
    let name = name.to_ascii_lowercase();
    name.strip_suffix("__c").unwrap_or(&name).replace('_', "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_name_has_most_of_its_letters() {
        for (typed, name, expected) in [
            ("Acount", "Account", true),
            ("lead", "Laed", true),
            ("customer_address", "CustomerAddresses", true),
            ("orders", "users", false),
            ("accounts_archive", "accounts", false),
            ("orders_2026", "order_2026", true),
            ("orders_2025", "orders_2026", false),
            ("email_2", "email", false),
        ] {
            assert_eq!(is_misspelt(typed, name), expected, "{typed} {name}");
        }
    }

    #[test]
    fn a_text_that_is_longer_than_any_name_is_not_compared() {
        let name = "x".repeat(255);
        for (length, is_found) in [(254, true), (255, true), (256, false)] {
            assert_eq!(nearest_name(&"x".repeat(length), [&*name].into_iter()).is_some(), is_found, "{length}");
        }
    }

    #[test]
    fn the_nearest_name_is_found_across_spellings() {
        let names = ["LastName", "FirstName", "Invoice_Number__c", "Email"];
        for (typed, expected) in [
            ("last_name", Some("LastName")),
            ("Lastname", Some("LastName")),
            ("invoice_number", Some("Invoice_Number__c")),
            ("InvoiceNumer__c", Some("Invoice_Number__c")),
            ("mail", Some("Email")),
            ("shoe_size", None),
        ] {
            assert_eq!(nearest_name(typed, names.into_iter()), expected, "{typed}");
        }
    }
}
