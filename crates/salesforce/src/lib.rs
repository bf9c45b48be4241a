//! A client for one Salesforce org: signing in, describing objects, and loading records with Bulk API 2.0 ingest jobs.

mod describe;
mod fault;
mod headers;
mod host;
mod http;
mod job;
mod limits;
mod operation;
mod results;
mod row_error;
mod timing;
mod token;
mod transport;
mod upload;

#[cfg(test)]
mod stub_org;

use std::sync::Arc;

use tokio::sync::watch;
use url::Url;

pub use describe::{Describe, Field, FieldType, ObjectSummary};
pub use fault::{Fault, FaultKind, Limit, Outcome};
pub use headers::ApiUsage;
pub use host::{LoginUrl, UrlRule};
pub use job::{CloseError, FinishedJob, JobEnd, JobSpec, OpenJob, RunningJob, UploadError, UploadedJob};
pub use limits::{Allowance, Limits};
pub use operation::Operation;
pub use results::{ResultRow, ResultRows, RowReader};
pub use row_error::RowError;
pub use token::{OAuthFlow, OnNewRefreshToken, PrivateKey, PrivateKeyError, SignIn};
pub use upload::CsvBody;

use http::Http;
use timing::Timing;

/// The version of the API that every call uses.
pub const API_VERSION: &str = "62.0";

/// A signed-in org. Every call goes through it; a clone is cheap and shares the access token.
#[derive(Clone)]
pub struct Org {
    http: Arc<Http>,
}

impl Org {
    /// Signs in. `user_agent` is the `User-Agent` of every request, by which the org's event logs name the program, such
    /// as `loader/1.0`. `on_new_refresh_token` is called with every refresh token that takes the place of the one
    /// before, and the call that renewed the token continues only after that.
    ///
    /// # Errors
    /// Salesforce refuses the credentials ([`FaultKind::SignIn`]) or cannot be reached.
    pub async fn sign_in(
        sign_in: SignIn,
        user_agent: &str,
        on_new_refresh_token: OnNewRefreshToken,
    ) -> Result<Self, Fault> {
        Self::sign_in_timed(sign_in, user_agent, on_new_refresh_token, Timing::default()).await
    }

    async fn sign_in_timed(
        sign_in: SignIn,
        user_agent: &str,
        on_new_refresh_token: OnNewRefreshToken,
        timing: Timing,
    ) -> Result<Self, Fault> {
        Ok(Self { http: Arc::new(Http::sign_in(sign_in, user_agent, on_new_refresh_token, timing).await?) })
    }

    /// The URL of the instance, which the newest sign-in names.
    pub fn instance_url(&self) -> Url {
        self.http.instance_url()
    }

    /// The API requests of the org, as the last answer counts them; none before the first answer.
    pub fn api_usage(&self) -> Option<ApiUsage> {
        *self.http.usage().borrow()
    }

    /// Follows [`api_usage`](Self::api_usage).
    pub fn watch_api_usage(&self) -> watch::Receiver<Option<ApiUsage>> {
        self.http.usage().subscribe()
    }
}
