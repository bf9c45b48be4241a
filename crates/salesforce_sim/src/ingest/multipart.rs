//! Creating a job and uploading its data in one call (Bulk API 2.0, "Create a Multipart Request").

/// The two parts of the call.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Parts<'a> {
    pub(super) job: &'a [u8],
    pub(super) content: &'a [u8],
}

/// The boundary in a `Content-Type`; `None` if it is not `multipart/form-data`.
pub(super) fn boundary(content_type: &str) -> Option<&str> {
    let rest = content_type.strip_prefix("multipart/form-data")?;
    let boundary = rest.split(';').find_map(|parameter| parameter.trim().strip_prefix("boundary="))?;
    Some(boundary.trim_matches('"'))
}

/// Splits the body into its parts `job` and `content`; `None` if one is missing.
pub(super) fn parts<'a>(body: &'a [u8], boundary: &str) -> Option<Parts<'a>> {
    let marker = format!("--{boundary}");
    let mut starts = find_all(body, marker.as_bytes());
    let (mut job, mut content) = (None, None);
    let mut start = starts.next()? + marker.len();
    for next in starts {
        let part = body.get(start..next)?;
        let part = part.strip_prefix(b"\r\n").or_else(|| part.strip_prefix(b"\n"))?;
        let (head, data) = split_head(part)?;
        let data = data.strip_suffix(b"\r\n").or_else(|| data.strip_suffix(b"\n")).unwrap_or(data);
        if head.contains("name=\"job\"") {
            job = Some(data);
        } else if head.contains("name=\"content\"") {
            content = Some(data);
        }
        start = next + marker.len();
    }
    Some(Parts { job: job?, content: content? })
}

fn find_all<'a>(body: &'a [u8], marker: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    let at_line_start = |at: &usize| *at == 0 || body[at - 1] == b'\n';
    (0..body.len()).filter(at_line_start).filter(move |at| body[*at..].starts_with(marker))
}

fn split_head(part: &[u8]) -> Option<(String, &[u8])> {
    let split = |gap: &[u8]| part.windows(gap.len()).position(|window| window == gap).map(|at| (at, at + gap.len()));
    let (end, start) = split(b"\r\n\r\n").or_else(|| split(b"\n\n"))?;
    Some((String::from_utf8_lossy(&part[..end]).into_owned(), &part[start..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_splits_into_job_and_content() {
        let body = "--XX\r\nContent-Type: application/json\r\nContent-Disposition: form-data; name=\"job\"\r\n\r\n\
                    {\"object\":\"Account\"}\r\n--XX\r\nContent-Type: text/csv\r\n\
                    Content-Disposition: form-data; name=\"content\"; filename=\"content\"\r\n\r\n\
                    Name\nOne\n\r\n--XX--";
        for body in [body.to_owned(), body.replace("\r\n", "\n")] {
            let parts = parts(body.as_bytes(), "XX").unwrap();
            assert_eq!(parts.job, b"{\"object\":\"Account\"}");
            assert_eq!(parts.content, b"Name\nOne\n");
        }
        assert_eq!(parts(body.as_bytes(), "YY"), None);
        assert_eq!(parts(b"--XX\r\n\r\n", "XX"), None);
    }

    #[test]
    fn the_content_type_names_the_boundary() {
        for (content_type, expected) in [
            ("multipart/form-data; boundary=abc", Some("abc")),
            ("multipart/form-data; charset=UTF-8; boundary=\"a b\"", Some("a b")),
            ("multipart/form-data", None),
            ("application/json", None),
        ] {
            assert_eq!(boundary(content_type), expected);
        }
    }
}
