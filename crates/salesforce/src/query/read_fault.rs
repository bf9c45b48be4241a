//! Why records cannot be read on.

use std::fmt;

use crate::fault::{Fault, FaultKind};

/// A query job, or a page of a query, that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadFault {
    reason: ReadFailure,
    fault: Fault,
}

/// What a reader can do differently about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadFailure {
    /// The job does not exist: someone deleted it, or it is older than seven days.
    JobGone,
    /// The job failed. Salesforce need not say why.
    JobFailed,
    /// Someone aborted the job.
    JobAborted,
    /// The job was created with another version of the API.
    OtherVersion,
    /// The locator of the page does not work any more.
    LocatorExpired,
    /// A page does not have the columns of the query, or of the page before it.
    HeaderChanged,
    /// A page is not a CSV with a cell for each column, or is not UTF-8.
    Malformed,
    /// There are not as many rows as Salesforce says, or it does not say how many there are.
    Unproven,
    /// Anything else: the [`fault`](ReadFault::fault) says it.
    Other,
}

impl ReadFault {
    pub(super) fn new(reason: ReadFailure, fault: Fault) -> Self {
        Self { reason, fault }
    }

    /// A fault of an answer that may come from something else than Salesforce, or too early, so that another may differ.
    pub(super) fn foreign(reason: ReadFailure, text: impl Into<String>) -> Self {
        Self::new(reason, Fault::new(FaultKind::Transient, text))
    }

    /// What happened, as far as a reader can do something about it.
    pub fn reason(&self) -> ReadFailure {
        self.reason
    }

    /// The fault with its text.
    pub fn fault(&self) -> &Fault {
        &self.fault
    }

    /// The fault without the reason.
    pub fn into_fault(self) -> Fault {
        self.fault
    }

    /// Whether the same page may be another after some tries, and is wrong if it is not: an outage does not look like it.
    pub(super) fn is_wrong_if_it_stays(&self) -> bool {
        use ReadFailure::{HeaderChanged, LocatorExpired, Malformed, Unproven};
        matches!(self.reason, LocatorExpired | HeaderChanged | Malformed | Unproven)
    }
}

impl From<Fault> for ReadFault {
    fn from(fault: Fault) -> Self {
        Self::new(ReadFailure::Other, fault)
    }
}

impl fmt::Display for ReadFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fault.fmt(f)
    }
}

impl std::error::Error for ReadFault {}
