//! Parses faults from text, for the command line.

use std::{fmt, str::FromStr, time::Duration};

use super::{Answer, Effect, Fault, JobFault, QueryJobFault, RequestFault, RowFault, Truncation};
use crate::route::Endpoint;

/// The names of the endpoints on the command line.
const ENDPOINTS: [(&str, Endpoint); 31] = [
    ("token", Endpoint::Token),
    ("revoke", Endpoint::Revoke),
    ("userinfo", Endpoint::UserInfo),
    ("versions", Endpoint::Versions),
    ("resources", Endpoint::Resources),
    ("limits", Endpoint::Limits),
    ("query", Endpoint::Query),
    ("queryall", Endpoint::QueryAll),
    ("more", Endpoint::QueryMore),
    ("composite", Endpoint::Composite),
    ("objects", Endpoint::Objects),
    ("describe", Endpoint::Describe),
    ("updated", Endpoint::Updated),
    ("deleted", Endpoint::Deleted),
    ("record", Endpoint::Record),
    ("create", Endpoint::JobCreate),
    ("list", Endpoint::JobList),
    ("info", Endpoint::JobInfo),
    ("patch", Endpoint::JobPatch),
    ("delete", Endpoint::JobDelete),
    ("upload", Endpoint::JobUpload),
    ("successful", Endpoint::SuccessfulResults),
    ("failed", Endpoint::FailedResults),
    ("unprocessed", Endpoint::UnprocessedRecords),
    ("querycreate", Endpoint::QueryJobCreate),
    ("querylist", Endpoint::QueryJobList),
    ("queryinfo", Endpoint::QueryJobInfo),
    ("querypatch", Endpoint::QueryJobPatch),
    ("querydelete", Endpoint::QueryJobDelete),
    ("queryresults", Endpoint::QueryJobResults),
    ("querypages", Endpoint::QueryJobPages),
];

/// Why a text is not a [`Fault`]. Its text names the word that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseFaultError(String);

impl fmt::Display for ParseFaultError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ParseFaultError {}

fn error<T>(message: impl Into<String>) -> Result<T, ParseFaultError> {
    Err(ParseFaultError(message.into()))
}

impl FromStr for Fault {
    type Err = ParseFaultError;

    fn from_str(text: &str) -> Result<Self, ParseFaultError> {
        let mut words = Words(text);
        match words.next("an endpoint, `job`, `queryjob` or `rows`")? {
            "job" => job(&mut words).map(Fault::Job),
            "queryjob" => query_job(&mut words).map(Fault::QueryJob),
            "rows" => rows(&mut words).map(Fault::Rows),
            at => request(at, &mut words).map(Fault::Request),
        }
    }
}

/// Takes words from the left of a text.
struct Words<'a>(&'a str);

impl<'a> Words<'a> {
    fn optional(&mut self) -> Option<&'a str> {
        let text = self.0.trim_start();
        let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        self.0 = rest;
        (!word.is_empty()).then_some(word)
    }

    fn next(&mut self, what: &str) -> Result<&'a str, ParseFaultError> {
        self.optional().map_or_else(|| error(format!("{what} is missing")), Ok)
    }

    fn number<T: FromStr>(&mut self, what: &str) -> Result<T, ParseFaultError> {
        let word = self.next(what)?;
        word.parse().or_else(|_| error(format!("'{word}' is not {what}")))
    }

    fn rest(&mut self, what: &str) -> Result<&'a str, ParseFaultError> {
        let rest = std::mem::take(&mut self.0).trim();
        if rest.is_empty() { error(format!("{what} is missing")) } else { Ok(rest) }
    }

    fn end(&mut self) -> Result<(), ParseFaultError> {
        self.optional().map_or(Ok(()), |word| error(format!("'{word}' is one word too many")))
    }
}

/// `ENDPOINT[@FIRST][xTIMES|+] EFFECT`
fn request(at: &str, words: &mut Words<'_>) -> Result<RequestFault, ParseFaultError> {
    let (name, numbers) = at.split_at(at.find(|c: char| !c.is_ascii_lowercase() || c == 'x').unwrap_or(at.len()));
    let Some((_, endpoint)) = ENDPOINTS.iter().find(|(known, _)| *known == name) else {
        let names: Vec<&str> = ENDPOINTS.iter().map(|(name, _)| *name).collect();
        return error(format!("'{name}' is not an endpoint; the endpoints are {}", names.join(", ")));
    };
    let effect = effect(words)?;
    words.end()?;
    let mut fault = RequestFault::new(*endpoint, effect);
    let number =
        |digits: &str| digits.parse::<usize>().or_else(|_| error(format!("'{at}' needs numbers after '@' and 'x'")));
    let times = match numbers.strip_prefix('@') {
        Some(rest) => {
            let (first, times) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len()));
            fault = fault.starting_at(number(first)?);
            times
        }
        None => numbers,
    };
    match times {
        "" => Ok(fault),
        "+" => Ok(fault.always()),
        times => Ok(fault.times(number(times.strip_prefix('x').unwrap_or(times))?)),
    }
}

/// The effect on a request.
fn effect(words: &mut Words<'_>) -> Result<Effect, ParseFaultError> {
    Ok(match words.next("what happens to the request")? {
        "cut" => Effect::Cut,
        "lost" => Effect::LostAnswer,
        "replaced" => Effect::Replaced(answer(words.next("a status")?, words)?),
        "truncated" => {
            let bytes = words.number("a number of bytes")?;
            let ending = match words.optional() {
                None | Some("chunked") => Truncation::Chunked,
                Some("length") => Truncation::Length,
                Some("unnoticed") => Truncation::Unnoticed,
                Some(other) => return error(format!("'{other}' is not one of chunked, length, unnoticed")),
            };
            Effect::Truncated(bytes, ending)
        }
        "type" => {
            let text = words.rest("a content type or `none`")?;
            Effect::ContentType((text != "none").then(|| text.to_owned()))
        }
        "delayed" => {
            let seconds = words.number("a number of seconds")?;
            Effect::Delayed(Duration::try_from_secs_f64(seconds).or_else(|_| error("the delay is not a time"))?)
        }
        "header" => {
            let name = words.next("the name of a header")?.to_owned();
            let text = words.rest("a value or `none`")?;
            Effect::Header(name, (text != "none").then(|| text.to_owned()))
        }
        "locators-expire" => Effect::LocatorsExpired,
        "record-left-out" => Effect::RecordLeftOut,
        "sessions-end" => Effect::SessionsEnded,
        "revoked" => Effect::ConnectionRevoked,
        status => Effect::Answer(answer(status, words)?),
    })
}

/// `STATUS [html|empty] [retry-after SECONDS]` or `STATUS json TEXT`
fn answer(status: &str, words: &mut Words<'_>) -> Result<Answer, ParseFaultError> {
    let Some(status) = status.parse().ok().filter(|status| (200..600).contains(status)) else {
        return error(format!(
            "'{status}' is not a status and not one of cut, lost, replaced, truncated, type, header, delayed, sessions-end, \
             locators-expire, record-left-out, revoked"
        ));
    };
    let mut word = words.optional();
    let answer = match word {
        Some("html") => Answer::html(status),
        Some("empty") => Answer::empty(status),
        Some("json") => return Ok(Answer::json(status, words.rest("JSON")?)),
        _ => Answer::status(status),
    };
    if matches!(word, Some("html" | "empty")) {
        word = words.optional();
    }
    match word {
        None => Ok(answer),
        Some("retry-after") => Ok(answer.retry_after(words.number("a number of seconds")?)),
        Some(other) => error(format!("'{other}' is not one of html, empty, json, retry-after")),
    }
}

/// `job OBJECT EFFECT`
fn job(words: &mut Words<'_>) -> Result<JobFault, ParseFaultError> {
    const CHUNKS: &str = "a number of chunks";
    let object = words.next("an object")?;
    let fault = match words.next("what happens to the job")? {
        "failed" => JobFault::failed(object, words.number(CHUNKS)?, words.rest("the message")?),
        "aborted" => JobFault::aborted(object, words.number(CHUNKS)?),
        "completed" => JobFault::completed(object, words.number(CHUNKS)?),
        "endless" => JobFault::never_ends(object, words.number(CHUNKS)?),
        "out-of-batches" => JobFault::out_of_batches(object, words.number(CHUNKS)?),
        "miscounted" => {
            let processed = words.number("a number of processed rows")?;
            JobFault::miscounted(object, processed, words.number("a number of failed rows")?)
        }
        other => {
            return error(format!(
                "'{other}' is not one of failed, aborted, completed, endless, out-of-batches, miscounted"
            ));
        }
    };
    words.end()?;
    Ok(fault)
}

/// `queryjob OBJECT [after ROWS] EFFECT`
fn query_job(words: &mut Words<'_>) -> Result<QueryJobFault, ParseFaultError> {
    const ROWS: &str = "a number of rows";
    let object = words.next("an object")?;
    let (mut rows_done, mut effect) = (0, words.next("what happens to the query job")?);
    if effect == "after" {
        rows_done = words.number(ROWS)?;
        effect = words.next("what happens to the query job")?;
    }
    let fault = match effect {
        "failed" => QueryJobFault::failed(object, words.rest("the message").unwrap_or_default()),
        "aborted" => QueryJobFault::aborted(object),
        "endless" => QueryJobFault::never_ends(object),
        "miscounted" => QueryJobFault::miscounted(object, words.number(ROWS)?),
        "uncounted" => QueryJobFault::uncounted(object),
        "miscounted-pages" => QueryJobFault::miscounted_pages(object, words.number(ROWS)?),
        "row-repeated" => QueryJobFault::row_repeated(object),
        "row-left-out" => QueryJobFault::row_left_out(object),
        "row-exchanged" => QueryJobFault::row_exchanged(object),
        "field-removed" => QueryJobFault::field_removed(object, words.next("a field")?),
        other => {
            return error(format!(
                "'{other}' is not one of failed, aborted, endless, miscounted, uncounted, miscounted-pages, \
                 row-repeated, row-left-out, row-exchanged, field-removed"
            ));
        }
    };
    words.end()?;
    Ok(fault.after_rows(rows_done))
}

/// `rows OBJECT [xTIMES] ERROR`
fn rows(words: &mut Words<'_>) -> Result<RowFault, ParseFaultError> {
    let object = words.next("an object")?;
    let error = words.rest("the text of sf__Error")?;
    let times = error.strip_prefix('x').and_then(|rest| {
        let (times, error) = rest.split_once(' ')?;
        Some((times.parse().ok()?, error.trim_start()))
    });
    Ok(match times {
        Some((times, error)) => RowFault::new(object, error).times(times),
        None => RowFault::new(object, error),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_parse() {
        let request = |endpoint, effect: Effect| RequestFault::new(endpoint, effect);
        let at = Endpoint::JobInfo;
        for (text, fault) in [
            ("create 503", request(Endpoint::JobCreate, Answer::status(503).into())),
            ("info@2 503 html", request(at, Answer::html(503).into()).starting_at(2)),
            ("infox3 420 html", request(at, Answer::html(420).into()).times(3)),
            ("info@2x3 406 empty", request(at, Answer::empty(406).into()).starting_at(2).times(3)),
            ("info+ 429 empty retry-after 2", request(at, Answer::empty(429).retry_after(2).into()).always()),
            ("info@4+ cut", request(at, Effect::Cut).starting_at(4).always()),
            ("patch 200 json {\"state\": 1}", request(Endpoint::JobPatch, Answer::json(200, "{\"state\": 1}").into())),
            ("patch replaced 200 html", request(Endpoint::JobPatch, Effect::Replaced(Answer::html(200)))),
            ("upload lost", request(Endpoint::JobUpload, Effect::LostAnswer)),
            ("failed truncated 100", request(Endpoint::FailedResults, Effect::Truncated(100, Truncation::Chunked))),
            ("failed truncated 0 length", request(Endpoint::FailedResults, Effect::Truncated(0, Truncation::Length))),
            ("info type text/html; charset=x", request(at, Effect::ContentType(Some("text/html; charset=x".into())))),
            ("info type none", request(at, Effect::ContentType(None))),
            ("info delayed 0.5", request(at, Effect::Delayed(Duration::from_millis(500)))),
            (
                "queryresultsx2 header Sforce-NumberOfRecords none",
                request(Endpoint::QueryJobResults, Effect::Header("Sforce-NumberOfRecords".into(), None)).times(2),
            ),
            (
                "queryresults header Sforce-Locator a b",
                request(Endpoint::QueryJobResults, Effect::Header("Sforce-Locator".into(), Some("a b".into()))),
            ),
            ("querypages locators-expire", request(Endpoint::QueryJobPages, Effect::LocatorsExpired)),
            ("more record-left-out", request(Endpoint::QueryMore, Effect::RecordLeftOut)),
            ("patch sessions-end", request(Endpoint::JobPatch, Effect::SessionsEnded)),
            ("token revoked", request(Endpoint::Token, Effect::ConnectionRevoked)),
        ] {
            assert_eq!(
                format!("{:?}", text.parse::<Fault>().unwrap()),
                format!("{:?}", Fault::Request(fault)),
                "{text}"
            );
        }
        for (text, fault) in [
            ("job Contact failed 3 Timeout : too long", JobFault::failed("Contact", 3, "Timeout : too long")),
            ("job Contact aborted 3", JobFault::aborted("Contact", 3)),
            ("job Contact completed 0", JobFault::completed("Contact", 0)),
            ("job Contact endless 1", JobFault::never_ends("Contact", 1)),
            ("job Contact out-of-batches 50", JobFault::out_of_batches("Contact", 50)),
            ("job Contact miscounted -1 2", JobFault::miscounted("Contact", -1, 2)),
        ] {
            assert_eq!(format!("{:?}", text.parse::<Fault>().unwrap()), format!("{:?}", Fault::Job(fault)), "{text}");
        }
        for (text, fault) in [
            ("queryjob Contact failed", QueryJobFault::failed("Contact", "")),
            ("queryjob Contact failed Timeout : too long", QueryJobFault::failed("Contact", "Timeout : too long")),
            ("queryjob Contact aborted", QueryJobFault::aborted("Contact")),
            ("queryjob Contact endless", QueryJobFault::never_ends("Contact")),
            ("queryjob Contact miscounted -1", QueryJobFault::miscounted("Contact", -1)),
            ("queryjob Contact uncounted", QueryJobFault::uncounted("Contact")),
            ("queryjob Contact miscounted-pages 1", QueryJobFault::miscounted_pages("Contact", 1)),
            ("queryjob Contact row-repeated", QueryJobFault::row_repeated("Contact")),
            ("queryjob Contact row-left-out", QueryJobFault::row_left_out("Contact")),
            ("queryjob Contact row-exchanged", QueryJobFault::row_exchanged("Contact")),
            ("queryjob Contact field-removed Email", QueryJobFault::field_removed("Contact", "Email")),
            ("queryjob Contact after 7 failed too long", QueryJobFault::failed("Contact", "too long").after_rows(7)),
            ("queryjob Contact after 7 aborted", QueryJobFault::aborted("Contact").after_rows(7)),
        ] {
            let parsed = text.parse::<Fault>().unwrap();
            assert_eq!(format!("{parsed:?}"), format!("{:?}", Fault::QueryJob(fault)), "{text}");
        }
        for (text, fault) in [
            ("rows Contact E:e:--", RowFault::new("Contact", "E:e:--")),
            ("rows Contact x2 E:e f:--", RowFault::new("Contact", "E:e f:--").times(2)),
            ("rows Contact x-ray", RowFault::new("Contact", "x-ray")),
        ] {
            assert_eq!(format!("{:?}", text.parse::<Fault>().unwrap()), format!("{:?}", Fault::Rows(fault)), "{text}");
        }
    }

    #[test]
    fn an_error_names_the_wrong_word() {
        for (text, part) in [
            ("", "an endpoint, `job`, `queryjob` or `rows` is missing"),
            ("crate 503", "'crate' is not an endpoint; the endpoints are token,"),
            ("create", "what happens to the request is missing"),
            ("create 5o3", "'5o3' is not a status and not one of cut, lost"),
            ("create 99", "'99' is not a status and not one of"),
            ("create 503 xml", "'xml' is not one of html"),
            ("create cut off", "'off' is one word too many"),
            ("create@x 503", "'create@x' needs numbers after '@' and 'x'"),
            ("info truncated", "a number of bytes is missing"),
            ("info delayed -1", "the delay is not a time"),
            ("job Contact", "what happens to the job is missing"),
            ("job Contact failed 3", "the message is missing"),
            ("job Contact vanished 3", "'vanished' is not one of failed"),
            ("queryjob Contact vanished", "'vanished' is not one of failed, aborted, endless, miscounted"),
            ("queryjob Contact after", "a number of rows is missing"),
            ("queryjob Contact field-removed", "a field is missing"),
            ("queryresults header", "the name of a header is missing"),
            ("queryresults header Sforce-Locator", "a value or `none` is missing"),
            ("rows Contact", "the text of sf__Error is missing"),
        ] {
            let message = text.parse::<Fault>().unwrap_err().to_string();
            assert!(message.contains(part), "{text}: {message}");
        }
    }
}
