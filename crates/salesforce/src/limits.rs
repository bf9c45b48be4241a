//! The allowances of an org, and how much of each is left.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::Value;

use crate::Org;
use crate::fault::Fault;
use crate::http::Call;

/// The rows of a bulk batch, which Salesforce makes of the rows of a job; the last one of a job may have fewer. The
/// allowance of the org counts them (Bulk API 2.0 guide, "How Requests Are Processed").
pub const ROWS_OF_BULK_BATCH: u64 = 10_000;

/// An allowance of the org.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Allowance {
    /// The whole allowance.
    pub max: u64,
    /// What is left.
    pub remaining: u64,
}

/// The allowances that a loader uses up. One that the user is not allowed to see is missing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// API requests in 24 hours.
    pub daily_api_requests: Option<Allowance>,
    /// Bulk API batches in 24 hours.
    pub daily_bulk_batches: Option<Allowance>,
    /// Data storage in MB.
    pub data_storage_mb: Option<Allowance>,
}

impl Org {
    /// Reads the org's allowances (REST API guide, "Limits").
    ///
    /// # Errors
    /// The user is not allowed to see them (HTTP status 403), or Salesforce cannot be reached.
    pub async fn limits(&self) -> Result<Limits, Fault> {
        let call = Call::get(&["limits"]).patience(self.http.preparing("reading the limits of the org"));
        Ok(Limits::from(self.http.json(&call).await?))
    }

    /// Lists the API versions that the instance serves, such as `62.0` (REST API guide, "Versions").
    ///
    /// # Errors
    /// Salesforce cannot be reached.
    pub async fn versions(&self) -> Result<Vec<String>, Fault> {
        #[derive(Deserialize)]
        struct Version {
            version: String,
        }
        let versions: Vec<Version> = self.http.json(&Call::get(&[])).await?;
        Ok(versions.into_iter().map(|version| version.version).collect())
    }
}

impl Limits {
    fn from(answer: HashMap<String, Value>) -> Self {
        // Beside the two numbers an allowance may have maps of single apps. In old samples the batches are named
        // requests.
        let allowance = |name: &str| Allowance::deserialize(answer.get(name)?).ok();
        Self {
            daily_api_requests: allowance("DailyApiRequests"),
            daily_bulk_batches: allowance("DailyBulkApiBatches").or_else(|| allowance("DailyBulkApiRequests")),
            data_storage_mb: allowance("DataStorageMB"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use wiremock::ResponseTemplate;

    use super::*;
    use crate::stub_org::StubOrg;

    fn limits(body: Value) -> Limits {
        Limits::from(serde_json::from_value(body).unwrap())
    }

    #[test]
    fn allowances_are_read_under_every_name() {
        let allowance = |max, remaining| Some(Allowance { max, remaining });
        let all = limits(json!({
            "DailyApiRequests": {"Max": 15000, "Remaining": 14998, "Loader": {"Max": 0, "Remaining": 0}},
            "DailyBulkApiBatches": {"Max": 15000, "Remaining": 14999},
            "DailyBulkApiRequests": {"Max": 1, "Remaining": 1},
            "DataStorageMB": {"Max": 5, "Remaining": 0},
        }));
        assert_eq!(all.daily_api_requests, allowance(15000, 14998));
        assert_eq!(all.daily_bulk_batches, allowance(15000, 14999));
        assert_eq!(all.data_storage_mb, allowance(5, 0));
        let old = limits(json!({"DailyBulkApiRequests": {"Max": 5000, "Remaining": 7}}));
        assert_eq!(old, Limits { daily_bulk_batches: allowance(5000, 7), ..Limits::default() });
        assert_eq!(limits(json!({"DailyApiRequests": {"Max": -1}, "DataStorageMB": null})), Limits::default());
    }

    #[tokio::test]
    async fn versions_and_limits_have_their_addresses() {
        let stub = StubOrg::start().await;
        stub.answer("GET", "", ResponseTemplate::new(200).set_body_json(json!([{"version": "62.0", "label": "x"}])))
            .await;
        stub.answer("GET", "/v62.0/limits", ResponseTemplate::new(200).set_body_json(json!({}))).await;
        let org = stub.org().await;
        assert_eq!(org.versions().await.unwrap(), ["62.0"]);
        assert_eq!(org.limits().await.unwrap(), Limits::default());
    }
}
