//! Salesforce: signing in, the Bulk API 2.0, and what the org says of itself.

mod operation;

pub mod describe;
pub mod fault;
pub mod host;
pub mod job;
pub mod limits;
pub mod results;
pub mod row_error;
pub mod token;

pub use operation::Operation;

use fault::Fault;
use token::{OnRotation, SignIn};

/// The version of the API that every call names.
pub const API_VERSION: &str = "62.0";

/// A signed-in org: a handle that is cheap to clone, through which every call goes.
#[derive(Clone)]
pub struct Org {}

impl Org {
    /// Signs in. `on_rotation` is told every refresh token that takes the place of the one before, before the call
    /// that caused it goes on.
    pub async fn sign_in(sign_in: SignIn, on_rotation: OnRotation) -> Result<Self, Fault> {
        let _ = (sign_in, on_rotation);
        unimplemented!()
    }

    /// What the org last said of its daily API requests (`Sforce-Limit-Info`), once it has said anything.
    pub fn api_usage(&self) -> Option<limits::ApiUsage> {
        unimplemented!()
    }
}
