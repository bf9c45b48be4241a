//! Finds the records that keys name.

use std::collections::HashSet;

use retry::Policy;

use super::cost::{FEW_LISTS, REQUESTS_OF_DOUBTS, REQUESTS_OF_UNCERTAIN, most_lists};
use super::lists::{self, List};
use super::plan::MatchPlan;
use super::source::RecordSource;
use super::wanted::{Asked, MOST_SHOWN, MOST_WRITTEN, Matches, NotAnId};
use crate::budget::Lease;
use crate::config::OnSeveral;
use crate::user_error::IntoUserError;
use airbyte::{Error, Result};
use salesforce::Fault;

/// The rows of a batch, whose values in the key fields name records.
pub(crate) trait KeyRows: Sync {
    /// How many rows there are.
    fn len(&self) -> usize;

    /// The values of each row in the order of the fields, from the first row on. Blank values name nothing.
    fn keys(&self) -> Box<dyn Iterator<Item = Vec<String>> + Send + '_>;
}

/// Why the records are not known.
#[derive(Debug)]
pub(crate) enum FindError {
    Fault(Fault),
    /// An answer has something else where the id of a record should be.
    NotAnId,
}

impl FindError {
    fn is_timeout(&self) -> bool {
        matches!(self, Self::Fault(fault) if fault.code() == Some("QUERY_TIMEOUT"))
    }

    /// Whether Salesforce refuses the whole query because of one value in it.
    fn is_refused_value(&self) -> bool {
        let Self::Fault(fault) = self else { return false };
        match fault.code() {
            Some("INVALID_QUERY_FILTER_OPERATOR") => true,
            // It is the code of a field that is not there too.
            Some("INVALID_FIELD") => fault.message().contains("filter criterion"),
            _ => false,
        }
    }
}

impl From<Fault> for FindError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<NotAnId> for FindError {
    fn from(_: NotAnId) -> Self {
        Self::NotAnId
    }
}

/// Finds the records that the keys of these rows name. What may pass is tried again from the start, within `patience`.
///
/// # Errors
/// The org refuses a query, or cannot be reached.
pub(crate) async fn find_records(
    source: &impl RecordSource,
    plan: &MatchPlan,
    rows: &impl KeyRows,
    patience: &Policy,
    lease: Lease,
) -> Result<Matches> {
    let most_ids = if plan.on_several == OnSeveral::UpdateAll { MOST_WRITTEN + 1 } else { MOST_SHOWN };
    // A list that grows would take twice the room.
    let mut keys = Vec::with_capacity(rows.len());
    keys.extend(rows.keys().filter_map(|values| plan.row_key(values.iter().map(String::as_str)).ok()));
    let mut matches = Matches::new(keys, most_ids, lease);
    let doing = format!("looking up records of {} by {}", plan.object, plan.names());
    let mut attempt = 1;
    let started = tokio::time::Instant::now();
    let mut search = Search { source, plan, rows, may_list: true };
    loop {
        let error = match search.run(&mut matches).await {
            Ok(()) => return Ok(matches),
            Err(error) => error,
        };
        if search.may_list && error.is_timeout() {
            tracing::warn!(
                object = plan.object,
                "lists of keys take too long to look up: a query job reads all records instead"
            );
            search.may_list = false;
            matches.forget_all();
            continue;
        }
        let wait = match &error {
            FindError::Fault(fault) if !fault.is_transient() => None,
            _ => patience.next_wait(attempt, started.elapsed(), None),
        };
        let Some(wait) = wait else { return Err(into_error(error, &doing)) };
        let reason = match &error {
            // The message may repeat the query, and with it values of records.
            FindError::Fault(fault) => fault.code().unwrap_or("no usable answer"),
            FindError::NotAnId => "an answer is not one of Salesforce",
        };
        tracing::warn!(object = plan.object, reason, "looking up records failed and is tried again");
        tokio::time::sleep(wait).await;
        attempt += 1;
        matches.forget_all();
    }
}

fn into_error(error: FindError, doing: &str) -> Error {
    match error {
        // The message may repeat the query, and with it values of records.
        FindError::Fault(fault) => fault.without_message().into_error(doing),
        FindError::NotAnId => Error::transient(format!(
            "Salesforce sent something other than a record id while {doing}. No row of this batch was sent. Run the \
             sync again."
        )),
    }
}

/// One look for the records of the rows.
struct Search<'s, S, R> {
    source: &'s S,
    plan: &'s MatchPlan,
    rows: &'s R,
    /// Whether the org has time for lists.
    may_list: bool,
}

impl<S: RecordSource, R: KeyRows> Search<'_, S, R> {
    async fn run(&self, matches: &mut Matches) -> Result<(), FindError> {
        let mut doubts = REQUESTS_OF_DOUBTS;
        let lists = if self.may_list { self.cheap_lists(matches).await } else { None };
        let (object, keys, lists_of_keys) = (&self.plan.object, matches.len(), lists.as_ref().map(Vec::len));
        tracing::debug!(object, keys, lists_of_keys, "looking up records, without lists with a query job");
        match lists {
            Some(lists) => self.ask(lists, matches, &mut doubts).await?,
            None => {
                let mut adder = Adder::new(self.plan, matches, Asked::All);
                self.source.query_job(&lists::of_all_records(self.plan), &mut adder).await?;
            }
        }
        if self.may_list { self.ask_for_uncertain(matches, &mut doubts).await } else { Ok(()) }
    }

    /// The lists of all keys, where they take no more requests than a query job. Its cost grows with the records that it
    /// reads, so they are counted where they decide.
    async fn cheap_lists(&self, matches: &Matches) -> Option<Vec<List>> {
        if let Some(few) = self.lists(matches, |_, _| true, FEW_LISTS) {
            return Some(few);
        }
        let all = lists::of_all_records(self.plan);
        let records = self.source.size(&all).await;
        self.lists(matches, |_, _| true, most_lists(records, all.fields().len()))
    }

    /// Asks again for the keys of which no document says what they name, so that the org says it: first in lists without
    /// another key that is alike, where it may find nothing, then each alone. Where they are so many that it would cost
    /// more than a query job, they stay uncertain, and so does what a record may not keep as it was sent.
    async fn ask_for_uncertain(&self, matches: &mut Matches, doubts: &mut usize) -> Result<(), FindError> {
        let is_kept = |values: &[String]| self.plan.is_kept(values);
        let mut left = REQUESTS_OF_UNCERTAIN;
        let mut uncertain = matches.uncertain();
        while !uncertain.is_empty() {
            // Of keys that are alike one is asked for at a time.
            let now = matches.first_of_alike(&uncertain);
            uncertain.retain(|position| now.binary_search(position).is_err());
            let lists =
                self.lists(matches, |position, values| is_kept(values) && now.binary_search(&position).is_ok(), left);
            let Some(lists) = lists else { return Ok(()) };
            left -= lists.len();
            lists.iter().flat_map(List::positions).for_each(|position| matches.forget(position));
            self.ask(lists, matches, doubts).await?;
        }
        let uncertain = matches.uncertain();
        if uncertain.is_empty() || !self.plan.is_compared_by_queries() {
            return Ok(());
        }
        let is_chosen = |position, values: &[String]| is_kept(values) && uncertain.binary_search(&position).is_ok();
        let lists = self.lists(matches, is_chosen, left);
        let alone = lists.into_iter().flatten().flat_map(List::keys).take(left);
        for list in alone {
            list.positions().into_iter().for_each(|position| matches.forget(position));
            self.ask(vec![list], matches, doubts).await?;
        }
        Ok(())
    }

    /// The lists of the keys at the chosen positions that a query can ask for. `None` if they are more than `most`.
    fn lists(&self, matches: &Matches, is_chosen: impl Fn(usize, &[String]) -> bool, most: usize) -> Option<Vec<List>> {
        let mut is_packed = vec![false; matches.len()];
        let keys = self.rows.keys().filter_map(|values| {
            let position = self.position(matches, &values).filter(|position| is_chosen(*position, &values))?;
            (!std::mem::replace(&mut is_packed[position], true)).then_some((position, values))
        });
        lists::pack(self.plan, keys, most)
    }

    /// Asks for the keys of lists. A list whose answer cannot be used is halved, until one key is left: that is uncertain.
    async fn ask(&self, mut lists: Vec<List>, matches: &mut Matches, doubts: &mut usize) -> Result<(), FindError> {
        lists.reverse();
        while let Some(list) = lists.pop() {
            if self.is_answered(&list, matches).await? {
                continue;
            }
            let positions = list.positions();
            positions.iter().for_each(|position| matches.forget(*position));
            match list.halves() {
                Ok([first, second]) if *doubts >= 2 => {
                    *doubts -= 2;
                    lists.extend([second, first]);
                }
                _ => positions.iter().for_each(|position| matches.doubt(*position)),
            }
        }
        Ok(())
    }

    /// Asks for the keys of a list. Returns whether the answer says what they name: it does not if Salesforce refuses a
    /// value, or finds a record for a key that is not the record's, by a rule that no document has.
    async fn is_answered(&self, list: &List, matches: &mut Matches) -> Result<bool, FindError> {
        let positions = list.positions();
        let asked = match &*positions {
            [position] if list.is_kept() && self.plan.is_compared_by_queries() => Asked::Alone(*position),
            positions => Asked::Together(positions),
        };
        let mut adder = Adder { in_any_case: list.in_any_case(), ..Adder::new(self.plan, matches, asked) };
        match self.source.query(&list.query(self.plan), &mut adder).await {
            Ok(()) => Ok(!adder.has_unasked),
            Err(error) if error.is_refused_value() => {
                tracing::warn!(
                    object = self.plan.object,
                    keys = positions.len(),
                    "Salesforce refused a list of keys: it is divided and sent again"
                );
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    fn position(&self, matches: &Matches, values: &[String]) -> Option<usize> {
        matches.position(self.plan.row_key(values.iter().map(String::as_str)).ok()?)
    }
}

/// Adds the records of an answer to what the keys have found.
pub(crate) struct Adder<'m> {
    plan: &'m MatchPlan,
    matches: &'m mut Matches,
    asked: Asked<'m>,
    /// What the keys that were asked for are in any case, where case counts for the plan: a query finds them in any case.
    in_any_case: HashSet<u64>,
    /// Whether there is a record whose key was not asked for.
    has_unasked: bool,
}

impl<'m> Adder<'m> {
    fn new(plan: &'m MatchPlan, matches: &'m mut Matches, asked: Asked<'m>) -> Self {
        Self { plan, matches, asked, in_any_case: HashSet::new(), has_unasked: false }
    }

    /// Adds a record. `value` gives its values by the names of the fields; none is null.
    pub(super) fn add<'v>(&mut self, value: impl Fn(&str) -> Option<&'v str>) -> Result<(), FindError> {
        let id = value("Id").ok_or(FindError::NotAnId)?;
        let values = || self.plan.keys.iter().map(|field| value(&field.name).unwrap_or_default());
        let is_asked = match self.plan.row_key(values()) {
            Ok(key) => self.matches.add(key, id, self.asked)?,
            Err(_) => matches!(self.asked, Asked::All),
        };
        self.has_unasked |= !is_asked && !self.in_any_case.contains(&self.plan.in_any_case(values()));
        Ok(())
    }
}

#[cfg(test)]
mod tests;
