//! Records that were refused, and the bucket they are kept in.
