//! Prints what happens.

use std::io::Write;
use std::path::Path;

use anyhow::Result;

use super::connection::KEY;
use super::look::Look;
use super::org_to_org::OrgToOrg;
use super::platform::{Compared, Rejected, Synced};

/// The most differences that are printed.
const SHOWN: usize = 5;

/// Prints while the orgs are copied.
pub(crate) struct Report<W> {
    out: W,
    steps: usize,
}

impl<W: Write> Report<W> {
    pub(crate) fn new(out: W) -> Self {
        Self { out, steps: 0 }
    }

    pub(crate) fn orgs(&mut self, orgs: &OrgToOrg<'_>) -> Result<()> {
        let counts = ["Account", "Contact"].map(|object| with_commas(orgs.first.count(object)));
        writeln!(self.out, "One Salesforce org becomes two. This process simulates both:")?;
        writeln!(self.out, "  first org    {}   {} accounts, {} contacts", orgs.first.url(), counts[0], counts[1])?;
        writeln!(self.out, "  second org   {}   empty", orgs.second.url())?;
        Ok(())
    }

    /// A sync of a connection.
    pub(crate) fn synced(&mut self, title: &str, synced: &Synced) -> Result<()> {
        let connection = synced.connection;
        let state = if synced.goes_on { format!(" --state {connection}_states.json") } else { String::new() };
        self.step(title)?;
        writeln!(self.out, "   source-salesforce read --config first.json --catalog {connection}.json{state} |")?;
        writeln!(self.out, "     destination-salesforce write --config second.json --catalog {connection}.json")?;
        let deleted = match synced.deleted {
            0 => String::new(),
            deleted => format!(" ({deleted} deleted)"),
        };
        let [read, written, rejected] = [synced.read, synced.written, synced.rejected.len()].map(with_commas);
        writeln!(self.out, "   {read} read{deleted}, {written} written, {rejected} rejected")?;
        for Rejected { name, reason, message } in &synced.rejected {
            writeln!(self.out, "   rejected, and kept: {name}: {reason}, {message}")?;
        }
        Ok(())
    }

    /// What an external id cannot carry yet.
    pub(crate) fn still_different(&mut self, compared: &Compared, look: &Look) -> Result<()> {
        self.compared("What is different now? An account without an external id cannot be matched", compared)?;
        writeln!(self.out, "   a look into both orgs, without the connectors:")?;
        self.list(&look.differences)
    }

    fn compared(&mut self, title: &str, compared: &Compared) -> Result<()> {
        self.step(title)?;
        writeln!(
            self.out,
            "   source-salesforce compare --config first.json --with second.json --catalog both.json \\"
        )?;
        writeln!(self.out, "     --key Account={KEY} --key Contact={KEY}")?;
        for stream in &compared.streams {
            writeln!(self.out, "   {stream}")?;
        }
        Ok(())
    }

    pub(crate) fn changes(&mut self, changes: &[String]) -> Result<()> {
        self.step("Work goes on in the first org")?;
        self.list(changes)
    }

    pub(crate) fn loss(&mut self, contact: &str) -> Result<()> {
        self.step("The second org loses a contact, and nobody tells the connectors")?;
        writeln!(self.out, "   Contact {contact} is gone.")?;
        Ok(())
    }

    pub(crate) fn proof(&mut self, compared: &Compared, look: &Look) -> Result<()> {
        self.compared("The proof", compared)?;
        let [equal, parents] = [look.equal, look.parents].map(with_commas);
        writeln!(
            self.out,
            "   a look into both orgs, without the connectors: {equal} values equal, {parents} parents right"
        )?;
        Ok(())
    }

    pub(crate) fn end(&mut self, folder: &Path) -> Result<()> {
        writeln!(self.out, "\nThe second org has what the first one has.")?;
        writeln!(self.out, "All messages and files are in {}.", relative(folder))?;
        writeln!(self.out, "With orgs of your own: docs/org-to-org.md.")?;
        Ok(())
    }

    fn step(&mut self, title: &str) -> Result<()> {
        self.steps += 1;
        writeln!(self.out, "\n{}. {title}", self.steps)?;
        Ok(())
    }

    fn list(&mut self, sentences: &[String]) -> Result<()> {
        for sentence in sentences.iter().take(SHOWN) {
            writeln!(self.out, "   - {sentence}")?;
        }
        if sentences.len() > SHOWN {
            writeln!(self.out, "   - and {} more", sentences.len() - SHOWN)?;
        }
        Ok(())
    }
}

/// A number with commas between the thousands.
fn with_commas(number: usize) -> String {
    match number {
        0..1_000 => number.to_string(),
        _ => format!("{},{:03}", with_commas(number / 1_000), number % 1_000),
    }
}

/// A path relative to the current folder.
fn relative(path: &Path) -> String {
    let current = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(current).unwrap_or(path).display().to_string()
}
