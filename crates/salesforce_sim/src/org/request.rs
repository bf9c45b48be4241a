//! The log of requests.

use crate::route::Endpoint;

/// A request as the org received it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Which call it was.
    pub endpoint: Endpoint,
    /// The HTTP method.
    pub method: String,
    /// The host and port in its `Host` header.
    pub host: String,
    /// The path, with the query.
    pub path: String,
    /// The status of the answer; `None` until there is one. An answer that a fault keeps from the client counts too.
    pub status: Option<u16>,
}
