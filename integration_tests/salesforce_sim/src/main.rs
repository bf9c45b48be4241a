//! Runs the simulated org.
fn main() {}
