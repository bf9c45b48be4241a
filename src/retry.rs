//! The loop that repeats a call that failed for a passing reason.
