//! Finds the records that keys name.

use retry::Policy;

use super::cost::{MOST_LISTED_KEYS, REQUESTS_OF_A_QUERY_JOB};
use super::lists;
use super::plan::MatchPlan;
use super::source::RecordSource;
use super::wanted::{MOST_SHOWN, MOST_WRITTEN, Matches, NotAnId};
use crate::budget::Lease;
use crate::config::OnSeveral;
use crate::user_error::IntoUserError;
use airbyte::{Error, Result};
use salesforce::{Fault, Soql};

/// The rows of a batch, whose values in the key fields name records.
pub(crate) trait KeyRows: Sync {
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
    let keys = rows.keys().filter_map(|values| plan.row_key(values.iter().map(String::as_str)).ok()).collect();
    let mut matches = Matches::new(keys, most_ids, lease);
    let doing = format!("looking for records of {} by {}", plan.object, plan.names());
    let mut attempt = 1;
    let started = tokio::time::Instant::now();
    loop {
        let error = match (Search { source, plan, rows }).run(&mut matches).await {
            Ok(()) => return Ok(matches),
            Err(error) => error,
        };
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
        tracing::warn!(object = plan.object, reason, "records could not be looked for, and are looked for again");
        tokio::time::sleep(wait).await;
        attempt += 1;
        matches.forget_all();
    }
}

fn into_error(error: FindError, doing: &str) -> Error {
    match error {
        FindError::Fault(fault) => fault.into_error(doing),
        FindError::NotAnId => Error::transient(format!(
            "Salesforce sent something else than the id of a record while {doing}. Nothing of this batch is sent. Run the \
             sync again."
        )),
    }
}

/// One look for the records of the rows.
struct Search<'s, S, R> {
    source: &'s S,
    plan: &'s MatchPlan,
    rows: &'s R,
}

impl<S: RecordSource, R: KeyRows> Search<'_, S, R> {
    async fn run(&self, matches: &mut Matches) -> Result<(), FindError> {
        let queries = self.few_queries(matches, &mut vec![true; matches.len()]);
        tracing::debug!(object = self.plan.object, keys = matches.len(), lists = ?queries.as_ref().map(Vec::len), "looking");
        match queries {
            Some(queries) => self.ask(&queries, matches).await?,
            None => {
                let mut adder = Adder { plan: self.plan, matches, only: None };
                self.source.query_job(&lists::of_all_records(self.plan), &mut adder).await?;
            }
        }
        self.ask_for_uncertain(matches).await
    }

    /// Asks for the keys of which no document says what they name: alone, so that the answer is about each. Where they are
    /// so many that it would cost more than a query job, they stay uncertain.
    async fn ask_for_uncertain(&self, matches: &mut Matches) -> Result<(), FindError> {
        let mut left = REQUESTS_OF_A_QUERY_JOB;
        let mut uncertain = matches.uncertain();
        while !uncertain.is_empty() {
            // Of keys that are alike one is asked for at a time.
            let now = matches.first_of_alike(&uncertain);
            uncertain.retain(|position| now.binary_search(position).is_err());
            let mut asked = vec![false; matches.len()];
            now.iter().for_each(|position| asked[*position] = true);
            let queries = self.few_queries(matches, &mut asked.clone()).filter(|queries| queries.len() <= left);
            let Some(queries) = queries else { return Ok(()) };
            left -= queries.len();
            now.iter().for_each(|position| matches.forget(*position));
            for query in &queries {
                self.source.query(query, &mut Adder { plan: self.plan, matches, only: Some(&asked) }).await?;
            }
        }
        Ok(())
    }

    /// The queries that ask for the chosen keys in lists. `None` if a query job is cheaper.
    fn few_queries(&self, matches: &Matches, chosen: &mut [bool]) -> Option<Vec<Soql>> {
        let mut keys = Vec::new();
        if chosen.contains(&true) {
            for values in self.rows.keys() {
                if self.position(matches, &values).is_some_and(|position| std::mem::take(&mut chosen[position])) {
                    keys.push(values);
                    if keys.len() > MOST_LISTED_KEYS {
                        return None;
                    }
                }
            }
        }
        let queries = lists::of_keys(self.plan, &keys);
        (queries.len() <= REQUESTS_OF_A_QUERY_JOB).then_some(queries)
    }

    async fn ask(&self, queries: &[Soql], matches: &mut Matches) -> Result<(), FindError> {
        for query in queries {
            self.source.query(query, &mut Adder { plan: self.plan, matches, only: None }).await?;
        }
        Ok(())
    }

    fn position(&self, matches: &Matches, values: &[String]) -> Option<usize> {
        matches.position(self.plan.row_key(values.iter().map(String::as_str)).ok()?)
    }
}

/// Adds the records of an answer to what the keys have found.
pub(crate) struct Adder<'m> {
    plan: &'m MatchPlan,
    matches: &'m mut Matches,
    /// The keys that the answer is about, if it is not about all.
    only: Option<&'m [bool]>,
}

impl Adder<'_> {
    /// Adds a record. `value` gives its values by the names of the fields; none is null.
    pub(super) fn add<'v>(&mut self, value: impl Fn(&str) -> Option<&'v str>) -> Result<(), FindError> {
        let id = value("Id").ok_or(FindError::NotAnId)?;
        let values = self.plan.keys.iter().map(|field| value(&field.name).unwrap_or_default());
        if let Ok(key) = self.plan.row_key(values) {
            self.matches.add(key, id, self.only)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
