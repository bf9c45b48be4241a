//! The JSON of a job. Each call shows a different part of it.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::org::{Job, JobState, ShownStatus};

/// The part that all answers share.
fn common(job: &Job) -> Map<String, Value> {
    let mut shown = Map::new();
    let mut put = |key: &str, value: Value| drop(shown.insert(key.to_owned(), value));
    put("id", json!(job.id));
    put("operation", json!(job.request.operation.as_str()));
    put("object", json!(job.request.object));
    put("createdById", json!(job.created_by));
    put("createdDate", json!(date(job.created)));
    put("systemModstamp", json!(date(job.modified)));
    put("state", json!(job.state.as_str()));
    if let Some(field) = &job.request.external_id_field {
        put("externalIdFieldName", json!(field));
    }
    if let Some(rule) = &job.request.assignment_rule_id {
        put("assignmentRuleId", json!(rule));
    }
    put("concurrencyMode", json!("Parallel"));
    put("contentType", json!("CSV"));
    put("apiVersion", json!(job.request.api_version));
    shown
}

fn add_format(job: &Job, shown: &mut Map<String, Value>) {
    if job.state == JobState::Open {
        let version = job.request.api_version;
        let url = format!("services/data/v{version:.1}/jobs/ingest/{}/batches", job.id);
        shown.insert("contentUrl".to_owned(), json!(url));
    }
    shown.insert("lineEnding".to_owned(), json!(job.request.line_ending.as_str()));
    shown.insert("columnDelimiter".to_owned(), json!(job.request.delimiter.0));
}

/// The answer to a change of the state.
pub(super) fn patched(job: &Job) -> Value {
    Value::Object(common(job))
}

/// The answer to the creation of the job.
pub(super) fn created(job: &Job) -> Value {
    let mut shown = common(job);
    add_format(job, &mut shown);
    Value::Object(shown)
}

/// The entry in the list of jobs.
pub(super) fn listed(job: &Job) -> Value {
    let mut shown = common(job);
    shown.remove("externalIdFieldName");
    shown.insert("jobType".to_owned(), json!("V2Ingest"));
    add_format(job, &mut shown);
    Value::Object(shown)
}

/// The answer to a request for the job.
pub(super) fn info(job: &Job, status: ShownStatus) -> Value {
    let mut shown = common(job);
    shown.insert("state".to_owned(), json!(status.state.as_str()));
    shown.insert("jobType".to_owned(), json!("V2Ingest"));
    add_format(job, &mut shown);
    if job.upload.is_some() {
        shown.insert("numberRecordsProcessed".to_owned(), json!(status.counts.processed));
        shown.insert("numberRecordsFailed".to_owned(), json!(status.counts.failed));
    }
    let time = u64::try_from(job.processing_time().as_millis()).unwrap_or(u64::MAX);
    shown.insert("retries".to_owned(), json!(0));
    shown.insert("totalProcessingTime".to_owned(), json!(time));
    shown.insert("apiActiveProcessingTime".to_owned(), json!(time));
    shown.insert("apexProcessingTime".to_owned(), json!(0));
    if let Some(message) = job.error_message.as_ref().filter(|_| status.state.is_final()) {
        shown.insert("errorMessage".to_owned(), json!(message));
    }
    Value::Object(shown)
}

/// Salesforce's form of a point in time: milliseconds, and an offset without a colon.
fn date(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S%.3f+0000").to_string()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::{
        nature::Nature,
        org::{JobRequest, Operation},
    };

    fn job() -> Job {
        let request = JobRequest::for_test("Account", Operation::Upsert, Some("External_Id__c"));
        Job::new("750Sim000000001AAA".to_owned(), request, "005Sim000000001AAA".to_owned())
    }

    fn shown(job: &mut Job) -> Value {
        let status = job.read_status(Nature::kind());
        info(job, status)
    }

    fn keys(value: &Value) -> Vec<&str> {
        value.as_object().unwrap().keys().map(String::as_str).collect()
    }

    #[tokio::test]
    async fn each_call_shows_its_own_part_of_a_job() {
        let mut job = job();
        let created = created(&job);
        assert!(!keys(&created).contains(&"jobType"));
        assert_eq!(created["contentUrl"], "services/data/v62.0/jobs/ingest/750Sim000000001AAA/batches");
        assert_eq!(created["apiVersion"].to_string(), "62.0");
        assert!(!keys(&shown(&mut job)).contains(&"numberRecordsProcessed"));

        job.upload = Some(Bytes::from_static(b"External_Id__c\n"));
        assert_eq!(shown(&mut job)["numberRecordsProcessed"], 0);
        job.enter(JobState::UploadComplete);
        assert!(!keys(&shown(&mut job)).contains(&"contentUrl"));
        let patched = patched(&job);
        for absent in ["jobType", "lineEnding", "columnDelimiter", "contentUrl", "numberRecordsProcessed"] {
            assert!(!keys(&patched).contains(&absent), "{absent}");
        }
        assert!(!keys(&listed(&job)).contains(&"externalIdFieldName"));
    }

    #[test]
    fn dates_have_an_offset_without_a_colon() {
        let time: Timestamp = "2026-02-03T04:05:06.7Z".parse().unwrap();
        assert_eq!(date(time), "2026-02-03T04:05:06.700+0000");
    }
}
