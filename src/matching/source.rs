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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use retry::Policy;
    use salesforce_sim::{Credentials, Nature, Settings, SimulatedOrg};

    use super::*;
    use crate::budget::Budget;
    use crate::convert::KeyComparison::IgnoreCase;
    use crate::matching::find::{KeyRows, find_records};
    use crate::matching::plan::tests::plan;
    use crate::matching::wanted::Found;
    use salesforce::{LoginUrl, OAuthFlow, SignIn};

    /// Counts requests.
    #[derive(Default)]
    struct Counting(AtomicUsize);

    impl JobWatcher for Counting {
        fn progressed(&self, _: u64) {}

        fn asks(&self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    struct OneKey;

    impl KeyRows for OneKey {
        fn len(&self) -> usize {
            1
        }

        fn keys(&self) -> Box<dyn Iterator<Item = Vec<String>> + Send + '_> {
            Box::new(std::iter::once(vec!["ann@example.com".to_owned()]))
        }
    }

    const ONCE: Policy = Policy {
        attempts: 1,
        first_wait: Duration::ZERO,
        longest_wait: Duration::ZERO,
        total: Duration::ZERO,
        jitter: || 0.0,
    };

    /// The quota of a sync is used up by them too.
    #[tokio::test]
    async fn each_page_of_an_answer_counts_as_a_request() {
        let sim = SimulatedOrg::start(Settings { nature: Nature::kind(), ..Settings::default() }).await.unwrap();
        let Credentials { client_id, client_secret, .. } = Credentials::default();
        let sign_in = SignIn {
            login_url: LoginUrl::parse(&sim.url()).unwrap(),
            flow: OAuthFlow::ClientCredentials { client_id, client_secret: client_secret.into() },
        };
        let org = Org::sign_in(sign_in, "loader/1.0", Arc::new(|_| {})).await.unwrap();
        for records in [1, 4_500] {
            while sim.count("Contact") < records {
                sim.insert("Contact", &[("LastName", "Example"), ("Email", "ann@example.com")]).unwrap();
            }
            let before = sim.requests().len();
            let (watcher, sizes, budget) = (Counting::default(), QuerySizes::default(), Budget::new(1_000_000));
            let source = OrgRecords { org: &org, watcher: &watcher, lease: budget.lease(), sizes: &sizes };
            let plan = plan(&[("Email", IgnoreCase)]);
            let matches = find_records(&source, &plan, &OneKey, &ONCE, budget.lease()).await.unwrap();
            let found = matches.of(plan.row_key(["ann@example.com"]).unwrap());
            let count = if let Found::Several { count, .. } = found { count } else { 1 };
            assert_eq!(count, records);
            let requests = sim.requests().len() - before;
            assert_eq!(requests > 1, records > 1, "{requests} pages");
            assert_eq!(watcher.0.into_inner(), requests, "{records} records");
        }
    }
}
