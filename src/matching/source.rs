//! Where the records come from: queries of the org.

use super::find::{Adder, FindError};
use super::sizes::QuerySizes;
use crate::budget::Lease;
use salesforce::{JobWatcher, Org, QueryRows, Soql};

/// Answers queries.
pub(crate) trait RecordSource: Sync {
    /// Adds the records of a query that finds few.
    fn query(&self, soql: &Soql, add: &mut Adder<'_>) -> impl Future<Output = Result<(), FindError>> + Send;

    /// Adds the records of a query that may find millions.
    fn query_job(&self, soql: &Soql, add: &mut Adder<'_>) -> impl Future<Output = Result<(), FindError>> + Send;

    /// How many records a query finds, if that can be known with one request at most.
    fn size(&self, soql: &Soql) -> impl Future<Output = Option<u64>> + Send;
}

/// The records of an org.
pub(crate) struct OrgRecords<'o, W> {
    pub(crate) org: &'o Org,
    /// Counts each query, and decides the waits of query jobs.
    pub(crate) watcher: &'o W,
    /// A lease from the budget that covers the pages of answers.
    pub(crate) lease: Lease,
    /// What the sync knows of the sizes of queries.
    pub(crate) sizes: &'o QuerySizes,
}

impl<W: JobWatcher + Sync> RecordSource for OrgRecords<'_, W> {
    async fn query(&self, soql: &Soql, add: &mut Adder<'_>) -> Result<(), FindError> {
        self.watcher.asks();
        self.read(self.org.query(soql).await?, add).await.map(|_| ())
    }

    async fn query_job(&self, soql: &Soql, add: &mut Adder<'_>) -> Result<(), FindError> {
        self.watcher.asks();
        let rows = self.read(self.org.query_job(soql, self.watcher).await?, add).await?;
        self.sizes.set(soql, Some(rows));
        Ok(())
    }

    async fn size(&self, soql: &Soql) -> Option<u64> {
        if let Some(known) = self.sizes.get(soql) {
            return known;
        }
        self.watcher.asks();
        let size = self.org.count(soql).await.ok();
        if let Some(records) = size {
            tracing::debug!(records, "counted records");
        }
        self.sizes.set(soql, size);
        size
    }
}

impl<W: JobWatcher + Sync> OrgRecords<'_, W> {
    /// Adds the rows, and returns how many they are.
    async fn read(&self, mut rows: QueryRows, add: &mut Adder<'_>) -> Result<u64, FindError> {
        let outcome = self.read_rows(&mut rows, add).await;
        rows.finish().await;
        outcome
    }

    async fn read_rows(&self, rows: &mut QueryRows, add: &mut Adder<'_>) -> Result<u64, FindError> {
        let mut requests = rows.requests();
        let mut page = self.lease.another();
        let mut count = 0;
        loop {
            let Some(row) = rows.next().await? else { return Ok(count) };
            add.add(|name| row.get(name))?;
            count += 1;
            page.set(rows.held());
            // Each page is a request that the caller does not know of.
            (requests..rows.requests()).for_each(|_| self.watcher.asks());
            requests = rows.requests();
        }
    }
}
