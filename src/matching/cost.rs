//! What it costs to find records, in requests: by lists of keys, or by one query job.

/// The requests of a query job: one creates it, about ten ask for its state in the minutes that it takes, and the rest read
/// its results, a page for some hundred thousand records.
pub(super) const REQUESTS_OF_A_QUERY_JOB: usize = 16;

/// The most requests that find out which key of a list is the cause where an answer cannot be used: its lists are halved
/// until one key is left.
pub(super) const REQUESTS_OF_DOUBTS: usize = 64;

/// The most conditions of a list of keys of several fields. No document has a limit but the length of the query, and a
/// query with hundreds of conditions can be refused as too complicated.
pub(super) const MOST_CONDITIONS: usize = 100;

/// The most bytes that a query may take in the address of a request. Salesforce takes 16,384 bytes of URI and headers
/// together, and expects about 8,000 of headers (Salesforce Help 000386264).
pub(super) const LONGEST_LIST: usize = 7_400;

/// The bytes of a text in the address of a request.
pub(super) fn length_in_address(text: &str) -> usize {
    text.bytes().map(|byte| if byte.is_ascii_alphanumeric() || b"-._* ".contains(&byte) { 1 } else { 3 }).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_an_address_encodes_count_three_times() {
        assert_eq!(length_in_address("a = 'a@b.c'"), 7 + 4 * 3);
        assert_eq!(length_in_address("\u{fc}"), 6);
    }
}
