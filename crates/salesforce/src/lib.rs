//! Salesforce: signing in, the Bulk API 2.0, and what the org says of itself.

mod http;
mod operation;
mod poll;
mod wire;

pub mod describe;
pub mod fault;
pub mod host;
pub mod job;
pub mod limits;
pub mod results;
pub mod row_error;
pub mod token;
pub mod upload;
pub mod usage;

#[cfg(test)]
mod stub_org;

use std::sync::Arc;

use tokio::sync::watch;
use url::Url;

pub use operation::Operation;

use fault::Fault;
use http::Http;
use token::{OnRotation, SignIn};
use usage::ApiUsage;
use wire::Timing;

/// The version of the API that every call names.
pub const API_VERSION: &str = "62.0";

/// A signed-in org: a handle that is cheap to clone, through which every call goes.
#[derive(Clone)]
pub struct Org {
    http: Arc<Http>,
}

impl Org {
    /// Signs in. `on_rotation` is told every refresh token that takes the place of the one before, before the call
    /// that caused it goes on.
    pub async fn sign_in(sign_in: SignIn, on_rotation: OnRotation) -> Result<Self, Fault> {
        Self::sign_in_timed(sign_in, on_rotation, Timing::default()).await
    }

    async fn sign_in_timed(sign_in: SignIn, on_rotation: OnRotation, timing: Timing) -> Result<Self, Fault> {
        Ok(Self { http: Arc::new(Http::sign_in(sign_in, on_rotation, timing).await?) })
    }

    /// The address of the instance, as the newest token answer names it.
    pub fn instance_url(&self) -> Url {
        self.http.instance_url()
    }

    /// What the org last said of its API requests, once it has said anything.
    pub fn api_usage(&self) -> Option<ApiUsage> {
        *self.http.usage().borrow()
    }

    /// Every later word of the org on its API requests.
    pub fn watch_api_usage(&self) -> watch::Receiver<Option<ApiUsage>> {
        self.http.usage().subscribe()
    }
}
