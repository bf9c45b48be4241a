//! Where the records come from: queries of the org.

use super::find::{Adder, FindError};
use salesforce::{JobWatcher, Org, QueryRows, Soql};

/// Answers queries.
pub(crate) trait RecordSource: Sync {
    /// Adds the records of a query that finds few.
    fn query(&self, soql: &Soql, add: &mut Adder<'_>) -> impl Future<Output = Result<(), FindError>> + Send;

    /// Adds the records of a query that may find millions.
    fn query_job(&self, soql: &Soql, add: &mut Adder<'_>) -> impl Future<Output = Result<(), FindError>> + Send;
}

/// The records of an org.
pub(crate) struct OrgRecords<'o, W> {
    pub(crate) org: &'o Org,
    /// Counts each query, and decides the waits of query jobs.
    pub(crate) watcher: &'o W,
}

impl<W: JobWatcher + Sync> RecordSource for OrgRecords<'_, W> {
    async fn query(&self, soql: &Soql, add: &mut Adder<'_>) -> Result<(), FindError> {
        self.watcher.asks();
        self.read(self.org.query(soql).await?, add).await
    }

    async fn query_job(&self, soql: &Soql, add: &mut Adder<'_>) -> Result<(), FindError> {
        self.watcher.asks();
        self.read(self.org.query_job(soql, self.watcher).await?, add).await
    }
}

impl<W: JobWatcher + Sync> OrgRecords<'_, W> {
    async fn read(&self, mut rows: QueryRows, add: &mut Adder<'_>) -> Result<(), FindError> {
        let outcome = self.read_rows(&mut rows, add).await;
        rows.finish().await;
        outcome
    }

    async fn read_rows(&self, rows: &mut QueryRows, add: &mut Adder<'_>) -> Result<(), FindError> {
        let mut requests = rows.requests();
        loop {
            let Some(row) = rows.next().await? else { return Ok(()) };
            add.add(|name| row.get(name))?;
            // Each page is a request that the caller has not been told of.
            (requests..rows.requests()).for_each(|_| self.watcher.asks());
            requests = rows.requests();
        }
    }
}
