//! What Salesforce tells of a job.

use serde::{Deserialize, Deserializer, de};

use super::JobEnd;

/// The state of a job (Bulk API 2.0 guide, "Job States").
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) enum State {
    Open,
    UploadComplete,
    InProgress,
    JobComplete,
    Failed,
    Aborted,
    /// A state that this version does not know: the job is neither open nor at its end.
    #[serde(other)]
    Other,
}

impl State {
    /// The spelling in a request; a client sets only two of them.
    pub(super) fn api_name(&self) -> &'static str {
        match self {
            Self::UploadComplete => "UploadComplete",
            _ => "Aborted",
        }
    }
}

/// The answer to the creation of a job.
#[derive(Debug, Deserialize)]
pub(super) struct Created {
    #[serde(deserialize_with = "job_id")]
    pub(super) id: String,
}

/// The answer to a question for a job. Counts are there once there is data, the message when the job failed.
#[derive(Debug, Deserialize)]
pub(super) struct Info {
    pub(super) state: State,
    #[serde(rename = "numberRecordsProcessed")]
    pub(super) processed: Option<u64>,
    #[serde(rename = "numberRecordsFailed")]
    pub(super) failed: Option<u64>,
    #[serde(rename = "errorMessage")]
    pub(super) message: Option<String>,
}

impl Info {
    /// How the job ended, if it has.
    pub(super) fn end(self) -> Option<JobEnd> {
        match self.state {
            State::JobComplete => Some(JobEnd::Complete),
            State::Failed => Some(JobEnd::Failed { message: self.message.unwrap_or_default() }),
            State::Aborted => Some(JobEnd::Aborted),
            State::Open | State::UploadComplete | State::InProgress | State::Other => None,
        }
    }
}

/// An id becomes a part of addresses and log lines, so it must look like one.
fn job_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let id = String::deserialize(deserializer)?;
    let sound = matches!(id.len(), 15 | 18) && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if sound { Ok(id) } else { Err(de::Error::custom("a job id of 15 or 18 letters and digits is missing")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_recorded_shape_is_read() {
        let open = r#"{"id":"7503h00000CV7GpAAL","operation":"update","object":"Account","state":"Open",
            "apiVersion":62.0,"contentUrl":"services/data/v62.0/jobs/ingest/7503h00000CV7GpAAL/batches"}"#;
        let info: Info = serde_json::from_str(open).unwrap();
        assert_eq!((info.state, info.processed, info.failed), (State::Open, None, None));
        assert_eq!(serde_json::from_str::<Created>(open).unwrap().id, "7503h00000CV7GpAAL");
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
            assert_eq!(serde_json::from_str::<Info>(body).unwrap().end(), end, "{body}");
        }
        assert!(serde_json::from_str::<Info>("{}").is_err());
    }

    #[test]
    fn an_id_that_could_lead_elsewhere_is_none() {
        for id in ["", "750", "../../sobjects/User", "7503h00000CV7Gp/../x", "7503h00000CV7Gp\\u0020AL"] {
            assert!(serde_json::from_str::<Created>(&format!(r#"{{"id":"{id}"}}"#)).is_err(), "{id}");
        }
        assert!(serde_json::from_str::<Created>(r#"{"id":"7503h00000CV7Gp"}"#).is_ok());
    }
}
