//! The calls of the REST API. All of them only read.

mod composite;
mod limits;
mod read;
mod replication;
mod resources;

pub(crate) use composite::composite;
pub(crate) use read::{read, wait};
pub(crate) use resources::{add_date, add_last_modified, check_version, is_unchanged, versions};
