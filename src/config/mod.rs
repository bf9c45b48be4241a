//! Raw configuration becomes validated configuration.
