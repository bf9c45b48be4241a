//! What goes wrong on purpose: requests, jobs, rows, or anything at random.
//!
//! A fault is data. Requests are asked for theirs in `http::serve::pass`, jobs in `ingest::processing`, rows where
//! they are saved.

mod answer;
mod effect;
mod job_fault;
mod parse;
mod random_faults;
mod request_fault;
mod row_fault;

pub use answer::Answer;
pub(crate) use effect::cut;
pub use effect::{Effect, Hold, Truncation};
pub use job_fault::JobFault;
pub use parse::ParseFaultError;
pub use random_faults::{Random, RandomFaults};
pub use request_fault::RequestFault;
pub use row_fault::{RowFault, UploadedRow};

use crate::http::Endpoint;

/// Anything that can be made to go wrong. It can be read from text, as the README describes.
#[derive(Debug)]
pub enum Fault {
    /// Requests to one endpoint.
    Request(RequestFault),
    /// A job.
    Job(JobFault),
    /// Rows.
    Rows(RowFault),
    /// Requests at random.
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

impl From<RowFault> for Fault {
    fn from(rule: RowFault) -> Self {
        Self::Rows(rule)
    }
}

impl From<RandomFaults> for Fault {
    fn from(faults: RandomFaults) -> Self {
        Self::Random(faults)
    }
}

/// The faults that wait for their occasion.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    requests: Vec<RequestFault>,
    jobs: Vec<JobFault>,
    pub(crate) rows: Vec<RowFault>,
    random: Option<RandomFaults>,
}

impl Faults {
    pub(crate) fn add(&mut self, fault: Fault) {
        match fault {
            Fault::Request(fault) => self.requests.push(fault),
            Fault::Job(fault) => self.jobs.push(fault),
            Fault::Rows(rule) => self.rows.push(rule),
            Fault::Random(faults) => self.random = Some(faults),
        }
    }

    /// What happens to a request that has just arrived. The first fault that fits counts; all of them count the
    /// request.
    pub(crate) fn meet_request(&mut self, endpoint: Endpoint) -> Option<Effect> {
        let chosen: Vec<Effect> = self.requests.iter_mut().filter_map(|fault| fault.meet(endpoint)).collect();
        let random = self.random.as_mut().and_then(|faults| faults.meet(endpoint));
        chosen.into_iter().next().or(random)
    }

    /// The fault of a job that begins.
    pub(crate) fn take_job(&mut self, object: &str) -> Option<JobFault> {
        let at = self.jobs.iter().position(|fault| fault.object.eq_ignore_ascii_case(object))?;
        Some(self.jobs.remove(at))
    }
}
