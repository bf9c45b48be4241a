//! The way of a batch through Salesforce: it waits in a lane, is loaded as a job, and its results are judged.

pub(super) mod event;
mod judge;
pub(super) mod lane;
pub(super) mod load;
pub(super) mod reason;
