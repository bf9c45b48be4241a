//! Before the first record: checks each stream against the org, and makes a plan of it.

mod columns;
mod deletes;
mod entries;
mod fields;
mod matching;
mod packed;
mod permissions;
mod plan;
mod planning;
mod quota;
mod related;
mod request;
mod settings_check;
mod source_key;
mod written_objects;

pub(super) use columns::ResolvedField;
pub(crate) use entries::catalog_problems;
pub(super) use plan::StreamPlan;
pub(super) use planning::{PlannedStream, plan_streams};
pub(super) use quota::{Claim, Quota};
pub(super) use request::StreamRequest;
pub(crate) use settings_check::{SettingsFindings, check_settings};
pub(super) use written_objects::{BatchOnItsWay, WriteProgress};
