//! What Salesforce says about a job.

use serde::{Deserialize, Deserializer, de};

use super::JobEnd;

/// The state of a job (Bulk API 2.0 guide, "Job States").
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) enum JobState {
    Open,
    UploadComplete,
    InProgress,
    JobComplete,
    Failed,
    Aborted,
    /// A state that this version does not know: the job is neither open nor ended.
    #[serde(other)]
    Other,
}

/// The states that a client may set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RequestedState {
    /// Closes the job: Salesforce begins to process it.
    UploadComplete,
    /// Aborts the job.
    Aborted,
}

impl RequestedState {
    pub(super) fn api_name(self) -> &'static str {
        match self {
            Self::UploadComplete => "UploadComplete",
            Self::Aborted => "Aborted",
        }
    }
}

/// The answer to the creation of a job.
#[derive(Debug, Deserialize)]
pub(super) struct CreatedJob {
    #[serde(deserialize_with = "job_id")]
    pub(super) id: String,
}

/// The status of a job. It has counts once there is data, and a message if the job failed.
#[derive(Debug, Deserialize)]
pub(super) struct JobStatus {
    pub(super) state: JobState,
    #[serde(rename = "numberRecordsProcessed")]
    pub(super) rows_processed: Option<u64>,
    #[serde(rename = "numberRecordsFailed")]
    pub(super) rows_failed: Option<u64>,
    #[serde(rename = "errorMessage")]
    pub(super) message: Option<String>,
}

impl JobStatus {
    /// How the job ended, if it has.
    pub(super) fn end(self) -> Option<JobEnd> {
        match self.state {
            JobState::JobComplete => Some(JobEnd::Complete),
            JobState::Failed => Some(JobEnd::Failed { message: self.message.unwrap_or_default() }),
            JobState::Aborted => Some(JobEnd::Aborted),
            JobState::Open | JobState::UploadComplete | JobState::InProgress | JobState::Other => None,
        }
    }
}

/// Checks an id, which becomes a part of addresses and log lines.
fn job_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let id = String::deserialize(deserializer)?;
    let is_id = matches!(id.len(), 15 | 18) && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if is_id { Ok(id) } else { Err(de::Error::custom("a job id of 15 or 18 letters and digits is missing")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_recorded_status_is_read() {
        let open = r#"{"id":"7503h00000CV7GpAAL","operation":"update","object":"Account","state":"Open",
            "apiVersion":62.0,"contentUrl":"services/data/v62.0/jobs/ingest/7503h00000CV7GpAAL/batches"}"#;
        let status: JobStatus = serde_json::from_str(open).unwrap();
        assert_eq!((status.state, status.rows_processed, status.rows_failed), (JobState::Open, None, None));
        assert_eq!(serde_json::from_str::<CreatedJob>(open).unwrap().id, "7503h00000CV7GpAAL");
        for (body, end) in [
            (r#"{"state":"UploadComplete"}"#, None),
            (r#"{"state":"InProgress","numberRecordsProcessed":10,"numberRecordsFailed":1}"#, None),
            (r#"{"state":"SomethingNew"}"#, None),
            (r#"{"state":"JobComplete"}"#, Some(JobEnd::Complete)),
            (r#"{"state":"Aborted"}"#, Some(JobEnd::Aborted)),
            (r#"{"state":"Failed"}"#, Some(JobEnd::Failed { message: String::new() })),
            (
                r#"{"state":"Failed","errorMessage":"InvalidBatch : no"}"#,
                Some(JobEnd::Failed { message: "InvalidBatch : no".into() }),
            ),
        ] {
            assert_eq!(serde_json::from_str::<JobStatus>(body).unwrap().end(), end, "{body}");
        }
        assert!(serde_json::from_str::<JobStatus>("{}").is_err());
    }

    #[test]
    fn an_id_that_could_change_an_address_is_refused() {
        for id in ["", "750", "../../sobjects/User", "7503h00000CV7Gp/../x", "7503h00000CV7Gp\\u0020AL"] {
            assert!(serde_json::from_str::<CreatedJob>(&format!(r#"{{"id":"{id}"}}"#)).is_err(), "{id}");
        }
        assert!(serde_json::from_str::<CreatedJob>(r#"{"id":"7503h00000CV7Gp"}"#).is_ok());
    }
}
