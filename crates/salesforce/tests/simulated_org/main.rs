//! The client against the simulated org, through its public API.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod describe;
mod ingest;
mod limits;
mod query;
mod reading;
mod replication;
mod sign_in;

use std::sync::Arc;

use salesforce::{LoginUrl, OAuthFlow, Org, SignIn};
use salesforce_sim::{Credentials, Settings, SimulatedOrg};

const USER_AGENT: &str = "loader/1.0";

/// The flow that needs nothing but the app.
fn client_credentials() -> OAuthFlow {
    let Credentials { client_id, client_secret, .. } = Credentials::default();
    OAuthFlow::ClientCredentials { client_id, client_secret: client_secret.into() }
}

fn sign_in_with(sim: &SimulatedOrg, flow: OAuthFlow) -> SignIn {
    SignIn { login_url: LoginUrl::parse(&sim.url()).unwrap(), flow }
}

async fn signed_in(sim: &SimulatedOrg) -> Org {
    Org::sign_in(sign_in_with(sim, client_credentials()), USER_AGENT, Arc::new(|_| {})).await.unwrap()
}

async fn start(settings: Settings) -> (SimulatedOrg, Org) {
    let sim = SimulatedOrg::start(settings).await.unwrap();
    let org = signed_in(&sim).await;
    (sim, org)
}
