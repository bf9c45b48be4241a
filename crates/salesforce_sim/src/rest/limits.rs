//! `GET .../limits`.

use serde_json::{Value, json};

use crate::org::Org;

/// The limits of the org. Only requests, batches, query jobs and their results are ever used.
pub(super) fn limits(org: &Org) -> Value {
    let allowance = &org.allowance;
    let unused = |max: u64| json!({"Max": max, "Remaining": max});
    json!({
        "DailyApiRequests": {
            "Max": allowance.requests_max,
            "Remaining": allowance.requests_max - allowance.requests_used,
        },
        "DailyAsyncApexExecutions": unused(250_000),
        "DailyBulkApiBatches": {
            "Max": allowance.batches_max,
            "Remaining": allowance.batches_max - allowance.batches_used,
        },
        "DailyBulkV2QueryFileStorageMB": {
            "Max": allowance.query_kilobytes_max / 1_024,
            "Remaining": allowance.query_kilobytes_left() / 1_024,
        },
        "DailyBulkV2QueryJobs": {
            "Max": allowance.query_jobs_max,
            "Remaining": allowance.query_jobs_max - allowance.query_jobs_used,
        },
        "DataStorageMB": unused(10_240),
        "FileStorageMB": unused(10_240),
    })
}
