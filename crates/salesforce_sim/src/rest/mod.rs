//! The part of the REST API that a loader reads.

mod composite;
mod limits;
mod query;
mod resources;

pub(crate) use composite::batch;
pub(crate) use limits::limits;
pub(crate) use query::query;
pub(crate) use resources::{check_version, describe, is_unchanged, objects, record, resources, stamp, versions};
