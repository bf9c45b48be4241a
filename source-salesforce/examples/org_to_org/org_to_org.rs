//! The steps: two orgs, a first copy, changes in the first org, a second sync that moves only these, and the proof.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use salesforce_sim::{Settings, SimulatedOrg};
use serde_json::Value;
use tokio::runtime::Runtime;

use super::connection;
use super::look::{Look, look};
use super::people::{Change, People, WITHOUT_KEY, account_key, contact_key, contacts_of};
use super::platform::{Compared, Platform, Start, Synced};

/// A sync leaves the changes of the last minute or two to the next one.
const A_WHILE: Duration = Duration::from_secs(5 * 60);

/// Two orgs, and the connections from the first to the second.
pub(crate) struct OrgToOrg<'s> {
    pub(crate) first: SimulatedOrg,
    pub(crate) second: SimulatedOrg,
    people: People,
    platform: Platform<'s>,
    accounts: Value,
    contacts: Value,
    /// The orgs run on its threads.
    _runtime: Runtime,
}

impl<'s> OrgToOrg<'s> {
    /// Starts both orgs, fills the first, and sets up the connections.
    pub(crate) fn start(folder: &Path, start: Start<'s>) -> Result<Self> {
        let runtime = Runtime::new()?;
        let org = || runtime.block_on(SimulatedOrg::start(Settings::default())).context("An org cannot listen.");
        let (first, second) = (org()?, org()?);
        let people = People::move_in(&first)?;
        [&first, &second].iter().for_each(|org| org.advance_clock(A_WHILE));
        let destination = connection::destination(&second, &Platform::rejected(folder));
        let platform = Platform::new(folder, start, &connection::source(&first), &destination)?;
        let offered = platform.discover()?;
        let (accounts, contacts) = (connection::stream(&offered, "Account")?, connection::stream(&offered, "Contact")?);
        Ok(Self { first, second, people, platform, accounts, contacts, _runtime: runtime })
    }

    pub(crate) fn sync_accounts(&mut self) -> Result<Synced> {
        self.platform.sync("accounts", std::slice::from_ref(&self.accounts))
    }

    pub(crate) fn sync_contacts(&mut self) -> Result<Synced> {
        self.platform.sync("contacts", std::slice::from_ref(&self.contacts))
    }

    /// People work in the first org. Returns what they do, each as a sentence.
    pub(crate) fn change_first_org(&self) -> Result<Vec<String>> {
        let accounts = &self.people.accounts;
        let name = |text: &str| ("LastName", text.to_owned());
        let keyed = Change::Account(WITHOUT_KEY, vec![(connection::KEY, account_key(WITHOUT_KEY))]);
        // A contact is read with the key of its account, and a new key of the account is no change of the contact.
        let saved =
            contacts_of(WITHOUT_KEY).map(|contact| Change::Contact(contact, vec![("Title", "Buyer".to_owned())]));
        let moved = vec![
            ("Name", "Renamed Lanterns".to_owned()),
            ("Website", String::new()),
            ("ParentId", accounts[235].clone()),
        ];
        let work = [
            (
                format!("Account {} is renamed, loses its website, and gets another parent.", account_key(5)),
                vec![Change::Account(5, moved)],
            ),
            (
                format!("Contact {} has another name, and works for another account.", contact_key(10)),
                vec![Change::Contact(10, vec![name("Newly-Wed"), ("AccountId", accounts[99].clone())])],
            ),
            (format!("Contact {} is deleted.", contact_key(21)), vec![Change::DeletedContact(21)]),
            (
                format!(
                    "The account without an external id becomes {}, and its contacts are saved again.",
                    account_key(WITHOUT_KEY)
                ),
                std::iter::once(keyed).chain(saved).collect(),
            ),
        ];
        for change in work.iter().flat_map(|(_, changes)| changes) {
            self.people.make(&self.first, change)?;
        }
        [&self.first, &self.second].iter().for_each(|org| org.advance_clock(A_WHILE));
        Ok(work.into_iter().map(|(sentence, _)| sentence).collect())
    }

    /// A contact of the second org is gone, and nobody tells the connectors. Returns its external id.
    pub(crate) fn lose_a_contact(&self) -> Result<String> {
        let key = contact_key(300);
        let records = self.second.records("Contact");
        let contact = records.iter().find(|record| record["External_Id__c"].as_ref() == Some(&key));
        let id = contact.and_then(|contact| contact["Id"].clone()).context("The contact is not in the second org.")?;
        self.second.erase("Contact", &id);
        Ok(key)
    }

    /// Compares the orgs with the source: which records are there, and which are older.
    pub(crate) fn compare(&self) -> Result<Compared> {
        self.platform.compare(&[self.accounts.clone(), self.contacts.clone()], connection::KEY)
    }

    /// Compares the orgs without the connectors: each value, and each parent.
    pub(crate) fn look(&self) -> Look {
        look(&self.first, &self.second, &["Account", "Contact"])
    }

    /// Proves that nothing is missing, nothing extra and nothing different.
    pub(crate) fn prove(&self) -> Result<(Compared, Look)> {
        let (compared, look) = (self.compare()?, self.look());
        let differences = [("compare", &compared.differences), ("a look into both orgs", &look.differences)];
        let sentences: Vec<String> = differences
            .iter()
            .flat_map(|(by, sentences)| sentences.iter().map(move |sentence| format!("{by}: {sentence}")))
            .collect();
        if !sentences.is_empty() {
            bail!("The two orgs are different:\n- {}", sentences.join("\n- "));
        }
        Ok((compared, look))
    }
}
