//! The HTTP side: which call a request is, who may make it, and the form of the answers.

mod reply;
mod route;
mod serve;

pub(crate) use reply::{ApiError, Reply, csv, empty, json};
pub use route::Endpoint;
pub(crate) use route::Route;
pub use serve::Request;
pub(crate) use serve::{listen, rest_value};
