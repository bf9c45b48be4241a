//! The first org: accounts and contacts, all invented, the same in every run.

use std::ops::RangeInclusive;

use anyhow::{Context, Result};
use salesforce_sim::SimulatedOrg;

const ACCOUNTS: usize = 240;
const CONTACTS: usize = 720;

/// The account that nobody has given an external id.
pub(crate) const WITHOUT_KEY: usize = 17;

const FIRST_NAMES: [&str; 7] = ["Ann", "Bo", "Çela", "Dov", "Eun", "Fritz", "Gül"];
const LAST_NAMES: [&str; 8] =
    ["Example", "Sample", "Plåceholder", "Testwell", "O'Fake", "  Two Blanks ", "N/A", "\"Mockley\", jr."];
const TRADES: [&str; 6] =
    ["Lanterns", "Ümbrellas & Söhne", "Kites, \"Ltd\"", " Teapots  with  blanks ", "東京 Buttons 🙂", "null"];
const INDUSTRIES: [&str; 4] = ["Retail", "Manufacturing", "Agriculture", "Technology"];
const LEVELS: [&str; 3] = ["Primary", "Secondary", "Tertiary"];
const CHANNELS: [&str; 4] = ["Web", "Web;Store", "Phone;Store;Partner", ""];

/// The ids that the first org gave to its records, by the numbers of these.
pub(crate) struct People {
    pub(crate) accounts: Vec<String>,
    pub(crate) contacts: Vec<String>,
}

/// What changes in a record of the first org. An empty text clears a field.
pub(crate) enum Change {
    Account(usize, Vec<(&'static str, String)>),
    Contact(usize, Vec<(&'static str, String)>),
    /// The contact is moved to the recycle bin.
    DeletedContact(usize),
}

impl People {
    /// Fills an org. One contact is in the recycle bin from the beginning.
    pub(crate) fn move_in(org: &SimulatedOrg) -> Result<Self> {
        let accounts = insert_all(org, "Account", (1..=ACCOUNTS).map(account))?;
        // Branches are older than their head offices, so that a child is read before its parent.
        for number in 1..=ACCOUNTS {
            if let Some(parent) = head_office(number) {
                org.update("Account", &accounts[number - 1], &[("ParentId", &accounts[parent - 1])]);
            }
        }
        let contacts = insert_all(org, "Contact", (1..=CONTACTS).map(|number| contact(number, &accounts)))?;
        for number in (1..CONTACTS).step_by(9) {
            org.update("Contact", &contacts[number - 1], &[("ReportsToId", &contacts[number])]);
        }
        let left = org.insert("Contact", &[("LastName", "Left long ago"), ("External_Id__c", "K-00000")]);
        org.recycle("Contact", &left.context("The org has no contacts.")?);
        Ok(Self { accounts, contacts })
    }

    /// Makes a change in the org.
    pub(crate) fn make(&self, org: &SimulatedOrg, change: &Change) -> Result<()> {
        let update = |object: &str, id: &str, values: &[(&'static str, String)]| {
            let pairs: Vec<(&str, &str)> = values.iter().map(|(field, value)| (*field, value.as_str())).collect();
            org.update(object, id, &pairs)
        };
        let is_made = match change {
            Change::Account(number, values) => update("Account", &self.accounts[number - 1], values),
            Change::Contact(number, values) => update("Contact", &self.contacts[number - 1], values),
            Change::DeletedContact(number) => org.recycle("Contact", &self.contacts[number - 1]),
        };
        is_made.then_some(()).context("A record of the first org is not there.")
    }
}

pub(crate) fn account_key(number: usize) -> String {
    format!("A-{number:04}")
}

pub(crate) fn contact_key(number: usize) -> String {
    format!("K-{number:05}")
}

/// The contacts that belong to an account.
pub(crate) fn contacts_of(account: usize) -> RangeInclusive<usize> {
    account * 3 - 2..=account * 3
}

fn account_of(contact: usize) -> usize {
    contact.div_ceil(3)
}

/// Three levels: the last eight accounts are head offices, and each of the others belongs to one of a higher number.
fn head_office(number: usize) -> Option<usize> {
    let last = ACCOUNTS - 8;
    match number {
        _ if number > last => None,
        _ if number > last - 40 => Some(last + 1 + number % 8),
        _ => Some(last - 39 + number % 40),
    }
}

fn insert_all(
    org: &SimulatedOrg,
    object: &str,
    records: impl Iterator<Item = Vec<(&'static str, String)>>,
) -> Result<Vec<String>> {
    let insert = |values: Vec<(&'static str, String)>| {
        let pairs: Vec<(&str, &str)> = values
            .iter()
            .map(|(field, value)| (*field, value.as_str()))
            .filter(|(_, value)| !value.is_empty())
            .collect();
        org.insert(object, &pairs).with_context(|| format!("The org has no {object}."))
    };
    records.map(insert).collect()
}

fn account(number: usize) -> Vec<(&'static str, String)> {
    let key = if number == WITHOUT_KEY { String::new() } else { account_key(number) };
    let address = if number.is_multiple_of(3) { "1 Example Street\nBack yard" } else { "" };
    vec![
        ("External_Id__c", key),
        ("Name", format!("{} No. {number}", pick(&TRADES, number))),
        ("Industry", pick(&INDUSTRIES, number)),
        ("NumberOfEmployees", (number % 90).to_string()),
        ("AnnualRevenue", (number * 12_345_678).to_string()),
        ("Website", format!("https://shop-{number}.example.com/?a=1&b=2")),
        ("Sic", format!("{:04}", number % 7)),
        ("BillingStreet", address.to_owned()),
        ("BillingCity", pick(&["Köln", "Example Town", ""], number)),
        ("Description", pick(&["", "Two lines,\nand \"quotes\"; a tab:\t.", "N/A"], number)),
        ("Score__c", format!("{}.5", number % 100)),
        ("Is_Key_Account__c", number.is_multiple_of(4).to_string()),
        ("Customer_Since__c", format!("19{:02}-{:02}-{:02}", number % 100, number % 12 + 1, number % 28 + 1)),
        ("Last_Order_At__c", format!("2026-01-{:02}T09:30:00.{:03}Z", number % 28 + 1, number)),
        ("Opens_At__c", pick(&["09:30:00.000Z", ""], number)),
        ("Channels__c", pick(&CHANNELS, number)),
    ]
}

fn contact(number: usize, accounts: &[String]) -> Vec<(&'static str, String)> {
    vec![
        ("External_Id__c", contact_key(number)),
        ("AccountId", accounts[account_of(number) - 1].clone()),
        ("FirstName", pick(&FIRST_NAMES, number)),
        ("LastName", pick(&LAST_NAMES, number)),
        ("Email", format!("contact.{number}@example.com")),
        ("Phone", pick(&["", "+1 (555) 0100", "-"], number)),
        ("Birthdate", format!("19{:02}-{:02}-{:02}", number % 60 + 30, number % 12 + 1, number % 28 + 1)),
        ("HasOptedOutOfEmail", number.is_multiple_of(5).to_string()),
        ("Level__c", pick(&LEVELS, number)),
        ("MailingCity", pick(&["Zoë am See", ""], number)),
        ("MailingLatitude", pick(&["52.5200066", "", "-0.25"], number)),
    ]
}

fn pick(choices: &[&str], number: usize) -> String {
    choices[number % choices.len()].to_owned()
}
