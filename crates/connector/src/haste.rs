//! How much faster than in a sync the waits pass.

/// How many times faster waits pass. Only the integration tests set it, and a release build ignores it.
pub fn test_haste() -> u32 {
    const VARIABLE: &str = "DESTINATION_SALESFORCE_TEST_HASTE";
    if !cfg!(debug_assertions) {
        return 1;
    }
    let haste = std::env::var(VARIABLE).ok().and_then(|text| text.parse().ok());
    haste.filter(|haste| *haste > 0).unwrap_or(1)
}
