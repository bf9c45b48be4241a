//! `GET .../limits`.

use serde_json::{Value, json};

use crate::org::Org;

/// The limits of the org; only requests and batches are ever used up.
pub(crate) fn limits(org: &Org) -> Value {
    let allowance = &org.allowance;
    let untouched = |max: u64| json!({"Max": max, "Remaining": max});
    json!({
        "DailyApiRequests": {
            "Max": allowance.requests_max,
            "Remaining": allowance.requests_max - allowance.requests_used,
        },
        "DailyAsyncApexExecutions": untouched(250_000),
        "DailyBulkApiBatches": {
            "Max": allowance.batches_max,
            "Remaining": allowance.batches_max - allowance.batches_used,
        },
        "DailyBulkV2QueryFileStorageMB": untouched(976_562),
        "DailyBulkV2QueryJobs": untouched(10_000),
        "DataStorageMB": untouched(10_240),
        "FileStorageMB": untouched(10_240),
    })
}
