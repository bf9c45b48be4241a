//! What Salesforce says about a job.

use serde::{Deserialize, Deserializer, de};

use super::JobEnd;

/// The state of a job (Bulk API 2.0 guide, "Job States").
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub(super) enum JobState {
    Open,
    UploadComplete,
    InProgress,
    JobComplete,
    Failed,
    Aborted,
    /// A state that this version does not know: the job is neither open nor ended.
    Other(String),
}

impl From<String> for JobState {
    fn from(name: String) -> Self {
        match name.as_str() {
            "Open" => Self::Open,
            "UploadComplete" => Self::UploadComplete,
            "InProgress" => Self::InProgress,
            "JobComplete" => Self::JobComplete,
            "Failed" => Self::Failed,
            "Aborted" => Self::Aborted,
            _ => Self::Other(name.chars().take(LONGEST_STATE).collect()),
        }
    }
}

impl JobState {
    /// The name of the state in the API.
    fn name(&self) -> &str {
        match self {
            Self::Open => "Open",
            Self::UploadComplete => "UploadComplete",
            Self::InProgress => "InProgress",
            Self::JobComplete => "JobComplete",
            Self::Failed => "Failed",
            Self::Aborted => "Aborted",
            Self::Other(name) => name,
        }
    }
}

/// The most of an unknown state that is kept, in characters: it goes to the log.
const LONGEST_STATE: usize = 40;

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

/// The status of a job. It has counts once there is data, and a message if the job failed.
#[derive(Debug, Deserialize)]
pub(crate) struct JobStatus {
    #[serde(deserialize_with = "job_id")]
    id: String,
    pub(super) state: JobState,
    #[serde(rename = "numberRecordsProcessed")]
    pub(crate) rows_processed: Option<u64>,
    #[serde(rename = "numberRecordsFailed")]
    pub(super) rows_failed: Option<u64>,
    #[serde(rename = "errorMessage")]
    pub(super) message: Option<String>,
}

/// Reads the answer to the creation of a job: the id of an open job.
pub(super) fn created(body: &[u8]) -> Result<String, String> {
    let JobStatus { id, state, .. } = parse(body)?;
    if state == JobState::Open { Ok(id) } else { Err(format!("a new job cannot be in the state {}", state.name())) }
}

/// Reads the answer to the creation of a query job, which begins immediately (Bulk API 2.0 guide, "Create a Query
/// Job").
pub(crate) fn query_created(body: &[u8]) -> Result<String, String> {
    let JobStatus { id, state, .. } = parse(body)?;
    if state == JobState::Open { Err("a query job cannot be open".to_owned()) } else { Ok(id) }
}

/// Reads the status of the job with this id.
pub(crate) fn of_job(id: &str, body: &[u8]) -> Result<JobStatus, String> {
    let status = parse(body)?;
    // An id has 15 characters; the last three of the long form only repeat which of them are capitals.
    let is_same = status.id.get(..15) == id.get(..15);
    if is_same { Ok(status) } else { Err("it is about another job".to_owned()) }
}

/// Reads the answer to a change of the state. A job that is closed may be further by now.
pub(super) fn changed(id: &str, requested: RequestedState, body: &[u8]) -> Result<(), String> {
    let JobStatus { state, .. } = of_job(id, body)?;
    let has_changed = match requested {
        RequestedState::UploadComplete => !matches!(state, JobState::Open | JobState::Other(_)),
        RequestedState::Aborted => state == JobState::Aborted,
    };
    if has_changed { Ok(()) } else { Err(format!("the job is in the state {}", state.name())) }
}

fn parse(body: &[u8]) -> Result<JobStatus, String> {
    serde_json::from_slice(body).map_err(|error| error.to_string())
}

impl JobStatus {
    /// How the job ended, if it has.
    pub(crate) fn end(self) -> Option<JobEnd> {
        match self.state {
            JobState::JobComplete => Some(JobEnd::Complete),
            JobState::Failed => Some(JobEnd::Failed { message: self.message.unwrap_or_default() }),
            JobState::Aborted => Some(JobEnd::Aborted),
            JobState::Open | JobState::UploadComplete | JobState::InProgress | JobState::Other(_) => None,
        }
    }
}

/// Whether a text has the form of the id of a job.
pub(crate) fn is_job_id(text: &str) -> bool {
    matches!(text.len(), 15 | 18) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Checks an id, which becomes a part of addresses and log lines.
fn job_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let id = String::deserialize(deserializer)?;
    if is_job_id(&id) { Ok(id) } else { Err(de::Error::custom("a job id of 15 or 18 letters and digits is missing")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "7503h00000CV7GpAAL";

    fn answer(state: &str) -> Vec<u8> {
        format!(r#"{{"id":"{ID}","state":"{state}"}}"#).into_bytes()
    }

    #[test]
    fn every_recorded_status_is_read() {
        let open = br#"{"id":"7503h00000CV7GpAAL","operation":"update","object":"Account","state":"Open",
            "apiVersion":62.0,"contentUrl":"services/data/v62.0/jobs/ingest/7503h00000CV7GpAAL/batches"}"#;
        let status = of_job(ID, open).unwrap();
        assert_eq!((status.state, status.rows_processed, status.rows_failed), (JobState::Open, None, None));
        assert_eq!(created(open).unwrap(), ID);
        for (rest, end) in [
            (r#""state":"UploadComplete""#, None),
            (r#""state":"InProgress","numberRecordsProcessed":10,"numberRecordsFailed":1"#, None),
            (r#""state":"SomethingNew""#, None),
            (r#""state":"JobComplete""#, Some(JobEnd::Complete)),
            (r#""state":"Aborted""#, Some(JobEnd::Aborted)),
            (r#""state":"Failed""#, Some(JobEnd::Failed { message: String::new() })),
            (
                r#""state":"Failed","errorMessage":"InvalidBatch : no""#,
                Some(JobEnd::Failed { message: "InvalidBatch : no".into() }),
            ),
        ] {
            let body = format!(r#"{{"id":"7503h00000CV7Gp",{rest}}}"#);
            assert_eq!(of_job(ID, body.as_bytes()).unwrap().end(), end, "{body}");
        }
    }

    #[test]
    fn an_answer_about_something_else_is_no_status() {
        for body in ["", "{}", "<html>", r#"{"state":"JobComplete"}"#, r#"{"id":"7503h00000CV7GqAAL","state":"Open"}"#]
        {
            assert!(of_job(ID, body.as_bytes()).is_err(), "{body}");
        }
    }

    #[test]
    fn a_new_job_is_open() {
        assert!(created(&answer("Open")).is_ok());
        for state in ["UploadComplete", "JobComplete", "SomethingNew"] {
            assert!(created(&answer(state)).is_err(), "{state}");
        }
    }

    #[test]
    fn a_new_query_job_is_never_open() {
        for state in ["UploadComplete", "InProgress", "JobComplete"] {
            assert_eq!(query_created(&answer(state)).unwrap(), ID);
        }
        assert!(query_created(&answer("Open")).is_err());
    }

    #[test]
    fn a_change_is_done_when_the_answer_says_so() {
        use RequestedState as R;
        for (requested, state, is_done) in [
            (R::UploadComplete, "Open", false),
            (R::UploadComplete, "SomethingNew", false),
            (R::UploadComplete, "UploadComplete", true),
            (R::UploadComplete, "InProgress", true),
            (R::UploadComplete, "JobComplete", true),
            (R::UploadComplete, "Failed", true),
            (R::UploadComplete, "Aborted", true),
            (R::Aborted, "JobComplete", false),
            (R::Aborted, "UploadComplete", false),
            (R::Aborted, "Aborted", true),
            (R::Aborted, "Open", false),
        ] {
            assert_eq!(changed(ID, requested, &answer(state)).is_ok(), is_done, "{requested:?} {state}");
        }
    }

    #[test]
    fn a_state_that_does_not_fit_is_named() {
        for state in ["Open", "UploadComplete", "InProgress", "JobComplete", "Failed", "SomethingNew"] {
            let error = changed(ID, RequestedState::Aborted, &answer(state)).unwrap_err();
            assert_eq!(error, format!("the job is in the state {state}"));
        }
        let error = created(&answer("Aborted")).unwrap_err();
        assert_eq!(error, "a new job cannot be in the state Aborted");
        let long = changed(ID, RequestedState::Aborted, &answer(&"x".repeat(41))).unwrap_err();
        assert_eq!(long, format!("the job is in the state {}", "x".repeat(40)), "it may be any text");
    }

    #[test]
    fn an_id_that_could_change_an_address_is_refused() {
        for id in [
            "",
            "750",
            "7503h00000CV7G",
            "7503h00000CV7GpA",
            "7503h00000CV7GpAA",
            "7503h00000CV7GpAALA",
            "7503h00000CV7Gp-AL",
            "../../sobjects/User",
            "7503h00000CV7Gp/../x",
            "7503h00000CV7Gp\\u0020AL",
        ] {
            assert!(created(format!(r#"{{"id":"{id}","state":"Open"}}"#).as_bytes()).is_err(), "{id}");
        }
        assert!(created(br#"{"id":"7503h00000CV7Gp","state":"Open"}"#).is_ok());
    }
}
