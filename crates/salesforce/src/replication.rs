//! `/updated` and `/deleted`: which records changed or were deleted in a span of time, and up to which point in time the
//! org vouches for the answer.

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::Org;
use crate::fault::Fault;
use crate::http::Call;
use crate::patience::CallPatience;

/// The records of an object that were created or changed in a span of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Updated {
    /// The ids of the records, 600,000 at most.
    pub ids: Vec<String>,
    /// Changes with a stamp before it are all committed: "if Salesforce executes a long-running transaction on your
    /// instance, the value in this field is the start time of that long-running transaction until it completes" (SOAP API
    /// guide, "GetUpdatedResult"). An answer need not have it.
    pub latest_date_covered: Option<Timestamp>,
    /// The time of the org's clock, as the header `Date` of the answer has it.
    pub answered_at: Option<Timestamp>,
}

/// The records of an object that were deleted in a span of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deleted {
    /// The records, 600,000 at most.
    pub records: Vec<DeletedRecord>,
    /// Deletions before it may be missing, because the log of deletions was purged.
    pub earliest_date_available: Option<Timestamp>,
    /// As for [`Updated::latest_date_covered`].
    pub latest_date_covered: Option<Timestamp>,
}

/// An id in its 18 characters, without memory of its own: an answer has 600,000 of them at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId([u8; 18]);

impl RecordId {
    fn of(text: &str) -> Option<Self> {
        text.is_ascii().then(|| text.as_bytes().try_into().ok().map(Self)).flatten()
    }

    /// The id.
    pub fn as_str(&self) -> &str {
        // It is made of ASCII alone.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// A deleted record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeletedRecord {
    /// The record.
    pub id: RecordId,
    /// When it was deleted, to the recycle bin or for good.
    pub deleted_at: Timestamp,
}

/// A point in time as an answer has it, such as `2013-05-08T21:20:00.000+0000`.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
struct Moment(Timestamp);

impl TryFrom<String> for Moment {
    type Error = jiff::Error;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(Self)
    }
}

impl Org {
    /// Asks which records of an object were created or changed from one point in time to before another (REST API guide,
    /// "sObject Get Updated"). Salesforce ignores the seconds of both, takes spans of more than a minute, and goes back 30
    /// days.
    ///
    /// # Errors
    /// Salesforce refuses the call, which it does for objects that are not `replicateable`, for more than 600,000 ids
    /// (code `EXCEEDED_ID_LIMIT`) and for wrong spans (`INVALID_REPLICATION_DATE`), or cannot be reached.
    pub async fn updated(&self, object: &str, from: Timestamp, to: Timestamp) -> Result<Updated, Fault> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Answer {
            ids: Vec<String>,
            latest_date_covered: Option<Moment>,
        }
        let call = call(object, "updated", from, to);
        let (answer, answered_at): (Answer, _) = self.http.json_with_date(&call).await?;
        let latest_date_covered = answer.latest_date_covered.map(|moment| moment.0);
        Ok(Updated { ids: answer.ids, latest_date_covered, answered_at })
    }

    /// Asks up to when the changes of a span are complete, as [`updated`](Self::updated) does, and keeps no id. The org's
    /// clock is the bound of the answer.
    ///
    /// # Errors
    /// As for [`updated`](Self::updated).
    pub async fn covered(&self, object: &str, from: Timestamp, to: Timestamp) -> Result<Option<Timestamp>, Fault> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Answer {
            #[serde(rename = "ids")]
            _ids: IgnoredAny,
            latest_date_covered: Option<Moment>,
        }
        let call = call(object, "updated", from, to);
        let Some((_, answer, now)) = self.http.list::<(), Answer>(&call, usize::MAX, |_| Some(())).await? else {
            return Ok(None);
        };
        let covered = answer.latest_date_covered.map(|moment| moment.0);
        Ok(covered.map(|covered| now.map_or(covered, |now| covered.min(now))))
    }

    /// Asks which records of an object were deleted from one point in time to before another (REST API guide, "sObject Get
    /// Deleted"). Salesforce ignores the seconds of both, takes spans of more than a minute, and goes back 15 days.
    ///
    /// None if the answer names more deletions than `most`.
    ///
    /// # Errors
    /// As for [`updated`](Self::updated). A span that begins before what the log of deletions still has is refused with
    /// the code `INVALID_REPLICATION_DATE` ("Polling for Changes").
    pub async fn deleted(
        &self,
        object: &str,
        (from, to): (Timestamp, Timestamp),
        most: usize,
    ) -> Result<Option<Deleted>, Fault> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Answer {
            #[serde(rename = "deletedRecords")]
            _deleted_records: IgnoredAny,
            earliest_date_available: Option<Moment>,
            latest_date_covered: Option<Moment>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Record<'a> {
            id: &'a str,
            deleted_date: Moment,
        }
        let record = |element: &[u8]| {
            let Record { id, deleted_date } = serde_json::from_slice(element).ok()?;
            Some(DeletedRecord { id: RecordId::of(id)?, deleted_at: deleted_date.0 })
        };
        let answer = self.http.list::<_, Answer>(&call(object, "deleted", from, to), most, record).await?;
        Ok(answer.map(|(records, answer, _)| Deleted {
            records,
            earliest_date_available: answer.earliest_date_available.map(|moment| moment.0),
            latest_date_covered: answer.latest_date_covered.map(|moment| moment.0),
        }))
    }

    /// Asks for the time of the org's clock: the header `Date` of an answer. None if a proxy has taken it away.
    ///
    /// # Errors
    /// Salesforce cannot be reached.
    pub async fn now(&self) -> Result<Option<Timestamp>, Fault> {
        let call = Call::get(&[]).patience(CallPatience::Long("asking for the time of the org"));
        let (_, date): (IgnoredAny, _) = self.http.json_with_date(&call).await?;
        Ok(date)
    }
}

fn call(object: &str, what: &str, from: Timestamp, to: Timestamp) -> Call {
    let moment = |moment: Timestamp| moment.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string();
    Call::get(&["sobjects", object, what, ""])
        .query("start", moment(from))
        .query("end", moment(to))
        .patience(CallPatience::Long("asking for the changes of a span of time"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use wiremock::ResponseTemplate;

    use super::*;
    use crate::stub_org::StubOrg;

    #[tokio::test]
    async fn answers_without_their_dates_are_read_too() {
        let stub = StubOrg::start().await;
        let answer = |body| ResponseTemplate::new(200).set_body_json(body);
        stub.answer("GET", "/v62.0/sobjects/Account/updated/", answer(json!({"ids": []}))).await;
        stub.answer("GET", "/v62.0/sobjects/Account/deleted/", answer(json!({"deletedRecords": []}))).await;
        let org = stub.org().await;
        let (from, to) = ("2026-01-02T03:04:05Z".parse().unwrap(), "2026-01-02T03:14:05Z".parse().unwrap());
        let updated = org.updated("Account", from, to).await.unwrap();
        assert_eq!((updated.ids.len(), updated.latest_date_covered), (0, None));
        assert_eq!(org.covered("Account", from, to).await.unwrap(), None);
        let deleted = org.deleted("Account", (from, to), 9).await.unwrap().unwrap();
        assert_eq!(deleted, Deleted { records: vec![], earliest_date_available: None, latest_date_covered: None });
    }

    /// Servers of one org may differ in their clocks.
    #[tokio::test]
    async fn nothing_is_covered_that_is_later_than_the_clock_of_the_server_that_says_so() {
        let (from, to) = ("2026-01-02T03:04:00Z".parse().unwrap(), "2026-01-02T03:14:00Z".parse().unwrap());
        for (date, expected) in [
            (Some("Fri, 02 Jan 2026 03:09:30 GMT"), "2026-01-02T03:09:30Z"),
            (Some("Fri, 02 Jan 2026 03:10:30 GMT"), "2026-01-02T03:10:00Z"),
            (None, "2026-01-02T03:10:00Z"),
        ] {
            let stub = StubOrg::start().await;
            let body = json!({"ids": [], "latestDateCovered": "2026-01-02T03:10:00.000+0000"});
            let mut answer = ResponseTemplate::new(200).set_body_json(body);
            // Without a date of its own the stub names the present time, which is later.
            if let Some(date) = date {
                answer = answer.insert_header("Date", date);
            }
            stub.answer("GET", "/v62.0/sobjects/Account/updated/", answer).await;
            let covered = stub.org().await.covered("Account", from, to).await.unwrap();
            assert_eq!(covered, Some(expected.parse().unwrap()), "{date:?}");
        }
    }

    #[tokio::test]
    async fn no_more_deletions_are_held_than_the_caller_wants() {
        let stub = StubOrg::start().await;
        let record = |number: usize| json!({"id": format!("0010000000{number:05}AAA"), "deletedDate": "2026-01-02T03:05:00.000+0000"});
        let records: Vec<_> = (0..5).map(record).collect();
        let answer = json!({"deletedRecords": records, "latestDateCovered": "2026-01-02T03:10:00.000+0000"});
        stub.answer("GET", "/v62.0/sobjects/Account/deleted/", ResponseTemplate::new(200).set_body_json(answer)).await;
        let org = stub.org().await;
        let span = ("2026-01-02T03:04:05Z".parse().unwrap(), "2026-01-02T03:14:05Z".parse().unwrap());
        assert_eq!(org.deleted("Account", span, 4).await.unwrap(), None);
        let deleted = org.deleted("Account", span, 5).await.unwrap().unwrap();
        let ids: Vec<&str> = deleted.records.iter().map(|record| record.id.as_str()).collect();
        assert_eq!((ids.len(), ids[3]), (5, "001000000000003AAA"));
        assert_eq!(deleted.latest_date_covered, Some("2026-01-02T03:10:00Z".parse().unwrap()));
    }

    #[tokio::test]
    async fn a_deletion_without_an_id_is_no_answer_of_salesforce() {
        let stub = StubOrg::start().await;
        let answer = json!({"deletedRecords": [{"id": "short", "deletedDate": "2026-01-02T03:05:00.000+0000"}]});
        stub.answer("GET", "/v62.0/sobjects/Account/deleted/", ResponseTemplate::new(200).set_body_json(answer)).await;
        let span = ("2026-01-02T03:04:05Z".parse().unwrap(), "2026-01-02T03:14:05Z".parse().unwrap());
        assert!(stub.org().await.deleted("Account", span, 5).await.unwrap_err().is_transient());
    }
}
