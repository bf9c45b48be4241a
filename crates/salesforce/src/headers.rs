//! The response headers of Salesforce's own that are read.

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::header::{DATE, HeaderMap, HeaderName};

/// API requests used and allowed; every answer has it (REST API guide, "Limit Info Header").
const LIMIT_INFO: HeaderName = HeaderName::from_static("sforce-limit-info");
/// The next page of a result (Bulk API 2.0 guide, "Get Results for a Query Job").
const LOCATOR: HeaderName = HeaderName::from_static("sforce-locator");
/// The rows of this page of a result, the header row not counted (same page).
const NUMBER_OF_RECORDS: HeaderName = HeaderName::from_static("sforce-numberofrecords");

/// The API requests of the org in the last 24 hours, as a response header counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApiUsage {
    /// The requests made.
    pub used: u64,
    /// The requests allowed.
    pub max: u64,
}

/// Reads `api-usage=18/5000; per-app-api-usage=17/250(appName=loader)`: the part of the org, in any position.
pub(crate) fn api_usage(headers: &HeaderMap) -> Option<ApiUsage> {
    let header = text(headers, &LIMIT_INFO)?;
    let value = header.split([';', ',']).find_map(|part| part.trim().strip_prefix("api-usage="))?;
    let (used, max) = value.trim().split_once('/')?;
    Some(ApiUsage { used: used.trim().parse().ok()?, max: max.trim().parse().ok()? })
}

/// The locator of the next page. On the last page the header is missing or says `null`.
pub(crate) fn next_locator(headers: &HeaderMap) -> Option<String> {
    text(headers, &LOCATOR).filter(|locator| !locator.is_empty() && *locator != "null").map(str::to_owned)
}

/// The number of rows that the org says a page has.
pub(crate) fn row_count(headers: &HeaderMap) -> Option<u64> {
    text(headers, &NUMBER_OF_RECORDS)?.trim().parse().ok()
}

/// The time of the server that answered.
pub(crate) fn date(headers: &HeaderMap) -> Option<Timestamp> {
    Some(rfc2822::parse(text(headers, &DATE)?).ok()?.timestamp())
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &str, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name.parse().unwrap(), value.parse().unwrap())])
    }

    #[test]
    fn the_usage_of_the_org_is_read_in_every_form() {
        let usage = |used, max| Some(ApiUsage { used, max });
        for (header, expected) in [
            ("api-usage=18/5000", usage(18, 5000)),
            ("api-usage=25/5000; per-app-api-usage=17/250(appName=loader)", usage(25, 5000)),
            ("per-app-api-usage=17/250(appName=loader); api-usage=25/5000", usage(25, 5000)),
            ("api-usage=25/5000,per-app-api-usage=17/250(appName=loader)", usage(25, 5000)),
            ("per-app-api-usage=17/250(appName=loader), api-usage=25/5000", usage(25, 5000)),
            ("per-app-api-usage=17/250(appName=loader)", None),
            ("api-usage=18", None),
            ("api-usage=many/5000", None),
            ("", None),
        ] {
            assert_eq!(api_usage(&headers("Sforce-Limit-Info", header)), expected, "{header}");
        }
        assert_eq!(api_usage(&HeaderMap::new()), None);
    }

    #[test]
    fn the_last_page_has_no_locator() {
        assert_eq!(next_locator(&headers("Sforce-Locator", "MTAwMDA")), Some("MTAwMDA".to_owned()));
        for none in ["null", ""] {
            assert_eq!(next_locator(&headers("Sforce-Locator", none)), None);
        }
        assert_eq!(next_locator(&HeaderMap::new()), None);
    }

    #[test]
    fn a_page_says_how_many_rows_it_has() {
        assert_eq!(row_count(&headers("Sforce-NumberOfRecords", "50000")), Some(50_000));
        assert_eq!(row_count(&headers("Sforce-NumberOfRecords", "7 ")), Some(7));
        for unreadable in ["", "-1", "many"] {
            assert_eq!(row_count(&headers("Sforce-NumberOfRecords", unreadable)), None);
        }
        assert_eq!(row_count(&HeaderMap::new()), None);
    }
}
