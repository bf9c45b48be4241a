//! What went wrong at Salesforce, classified once.

/// A failed call or job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    kind: FaultKind,
    status: Option<u16>,
    code: Option<String>,
    message: String,
}

/// What a fault means for the one who met it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// It may pass: network, maintenance, load, locks.
    Transient,
    /// A limit of the org is used up.
    LimitReached(Limit),
    /// The credentials are refused.
    SignIn,
    /// The user may not do this.
    Permission,
    /// What the call named does not exist.
    NotFound,
    /// Something that the user chose does not fit the org.
    Configuration,
    /// The job is not in the state that the call needs.
    InvalidJobState,
    /// The answer to a call that must not be repeated was lost: whether it took effect is unknown.
    Lost,
    /// An answer that fits no rule.
    Unexpected,
}

/// A limit that the org reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// API requests of 24 hours.
    DailyRequests,
    /// Long requests at the same time.
    ConcurrentRequests,
    /// Bulk batches of 24 hours.
    DailyBatches,
    /// Logins of an hour.
    Logins,
    /// Room for data.
    Storage,
    /// A limit that only Salesforce's own words name.
    Other,
}

impl Fault {
    /// Classifies the `errorMessage` of a job that ended as `Failed`.
    pub fn of_failed_job(error_message: &str) -> Self {
        let _ = error_message;
        unimplemented!()
    }

    /// What the fault means.
    pub fn kind(&self) -> FaultKind {
        self.kind
    }

    /// The HTTP status, where there was an answer.
    pub fn status(&self) -> Option<u16> {
        self.status
    }

    /// Salesforce's error code, where it gave one.
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// Salesforce's own words, or what happened on the way to it.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Whether the same call may succeed a little later.
    pub fn is_passing(&self) -> bool {
        unimplemented!()
    }

    /// The error for the user; `doing` completes "while ...": "creating a job for Contact".
    pub fn into_error(self, doing: &str) -> crate::error::Error {
        let _ = doing;
        unimplemented!()
    }
}
