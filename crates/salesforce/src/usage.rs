//! The header in which every answer tells how many API requests are used up.

use reqwest::header::HeaderMap;

/// The API requests of 24 hours as a response header tells them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApiUsage {
    /// The requests made.
    pub used: u64,
    /// The requests allowed.
    pub max: u64,
}

/// Reads `Sforce-Limit-Info: api-usage=18/5000; per-app-api-usage=17/250(appName=loader)` (REST API guide, "Limit Info
/// Header"): the part of the org, wherever it stands.
pub(super) fn api_usage(headers: &HeaderMap) -> Option<ApiUsage> {
    let header = headers.get("sforce-limit-info")?.to_str().ok()?;
    let value = header.split([';', ',']).find_map(|part| part.trim().strip_prefix("api-usage="))?;
    let (used, max) = value.trim().split_once('/')?;
    Some(ApiUsage { used: used.trim().parse().ok()?, max: max.trim().parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_part_of_the_org_is_read_in_every_form() {
        let usage = |used, max| Some(ApiUsage { used, max });
        for (header, expected) in [
            ("api-usage=18/5000", usage(18, 5000)),
            ("api-usage=25/5000; per-app-api-usage=17/250(appName=loader)", usage(25, 5000)),
            ("per-app-api-usage=17/250(appName=loader); api-usage=25/5000", usage(25, 5000)),
            ("per-app-api-usage=17/250(appName=loader)", None),
            ("api-usage=18", None),
            ("api-usage=many/5000", None),
            ("", None),
        ] {
            let headers = HeaderMap::from_iter([("sforce-limit-info".parse().unwrap(), header.parse().unwrap())]);
            assert_eq!(api_usage(&headers), expected, "{header}");
        }
        assert_eq!(api_usage(&HeaderMap::new()), None);
    }
}
