//! Reads the headers of a request. HTTP ignores case in header names and in authentication schemes (RFC 9110, sections
//! 5.1 and 11.1).

use axum::http::{HeaderMap, HeaderName, header};

/// The value of a header; `None` if it is missing or is not text.
pub(crate) fn value(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// The credentials of the `Authorization` header; `None` if it uses another scheme.
pub(crate) fn credentials<'a>(headers: &'a HeaderMap, scheme: &str) -> Option<&'a str> {
    let (used, credentials) = value(headers, header::AUTHORIZATION)?.split_once(' ')?;
    used.eq_ignore_ascii_case(scheme).then(|| credentials.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_of_credentials_may_have_any_case() {
        for (value, expected) in
            [("Bearer abc", Some("abc")), ("bearer  abc", Some("abc")), ("OAuth abc", None), ("Bearer", None)]
        {
            let headers = HeaderMap::from_iter([(header::AUTHORIZATION, value.parse().unwrap())]);
            assert_eq!(credentials(&headers, "Bearer"), expected, "{value}");
        }
        assert_eq!(credentials(&HeaderMap::new(), "Bearer"), None);
    }
}
