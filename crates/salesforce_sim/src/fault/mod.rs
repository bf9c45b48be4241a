//! What a test makes go wrong: requests, jobs or rows.
//!
//! A fault is data. `http` asks for the faults of requests, `ingest::processing` for those of jobs, and
//! `ingest::row_saver` for those of rows.

mod answer;
mod effect;
mod job_fault;
mod parse;
mod query_job_fault;
mod random_faults;
mod request_fault;
mod row_fault;

pub use answer::Answer;
pub(crate) use effect::cut_connection;
pub use effect::{Effect, Hold, Truncation};
pub use job_fault::JobFault;
pub(crate) use job_fault::{JobEnd, LateChunks};
pub use parse::ParseFaultError;
pub use query_job_fault::QueryJobFault;
pub(crate) use query_job_fault::{QueryJobEnd, WrongRows};
pub use random_faults::RandomFaults;
pub use request_fault::RequestFault;
pub use row_fault::{RowFault, UploadedRow};

use crate::{route::Endpoint, schema::is_same_name};

/// Anything that [`SimulatedOrg::inject`](crate::SimulatedOrg::inject) takes.
///
/// It also parses from text, in the syntax that the README describes:
///
/// ```
/// use salesforce_sim::Fault;
///
/// let fault: Fault = "info@2x3 503 html".parse()?;
/// # Ok::<(), salesforce_sim::ParseFaultError>(())
/// ```
#[derive(Debug)]
pub enum Fault {
    /// Requests to one endpoint.
    Request(RequestFault),
    /// An ingest job.
    Job(JobFault),
    /// A query job.
    QueryJob(QueryJobFault),
    /// Rows.
    Rows(RowFault),
    /// Random requests.
    Random(RandomFaults),
}

impl From<RequestFault> for Fault {
    fn from(fault: RequestFault) -> Self {
        Self::Request(fault)
    }
}

impl From<JobFault> for Fault {
    fn from(fault: JobFault) -> Self {
        Self::Job(fault)
    }
}

impl From<QueryJobFault> for Fault {
    fn from(fault: QueryJobFault) -> Self {
        Self::QueryJob(fault)
    }
}

impl From<RowFault> for Fault {
    fn from(fault: RowFault) -> Self {
        Self::Rows(fault)
    }
}

impl From<RandomFaults> for Fault {
    fn from(faults: RandomFaults) -> Self {
        Self::Random(faults)
    }
}

/// The injected faults.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    requests: Vec<RequestFault>,
    jobs: Vec<JobFault>,
    query_jobs: Vec<QueryJobFault>,
    pub(crate) rows: Vec<RowFault>,
    random: Option<RandomFaults>,
}

impl Faults {
    pub(crate) fn add(&mut self, fault: Fault) {
        match fault {
            Fault::Request(fault) => self.requests.push(fault),
            Fault::Job(fault) => self.jobs.push(fault),
            Fault::QueryJob(fault) => self.query_jobs.push(fault),
            Fault::Rows(fault) => self.rows.push(fault),
            Fault::Random(faults) => self.random = Some(faults),
        }
    }

    /// Counts a request in every fault, and returns the effect of the first fault that applies to it.
    pub(crate) fn effect_on_request(&mut self, endpoint: Endpoint) -> Option<Effect> {
        let effects: Vec<Effect> = self.requests.iter_mut().filter_map(|fault| fault.effect_on(endpoint)).collect();
        let random = self.random.as_mut().and_then(|faults| faults.effect_on(endpoint));
        effects.into_iter().next().or(random)
    }

    /// Removes and returns the fault of a query job that begins.
    pub(crate) fn take_query_job_fault(&mut self, object: &str) -> Option<QueryJobFault> {
        let at = self.query_jobs.iter().position(|fault| is_same_name(&fault.object, object))?;
        Some(self.query_jobs.remove(at))
    }

    /// Removes and returns the fault of an ingest job that begins.
    pub(crate) fn take_job_fault(&mut self, object: &str) -> Option<JobFault> {
        let at = self.jobs.iter().position(|fault| is_same_name(&fault.object, object))?;
        Some(self.jobs.remove(at))
    }
}
