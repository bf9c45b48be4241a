//! The report of a sync: one page of HTML for a person, which is kept in the bucket with the rejected records.
//!
//! `model` is what a page says, and knows no HTML. `page` and its parts (`streams`, `timeline`, `rejections`,
//! `allowances`) make HTML of it, and `html` lets only escaped text into it. The page loads nothing: its style is
//! `page.css`, and it has no script.

mod allowances;
mod figures;
mod html;
mod model;
mod page;
mod rejections;
mod streams;
mod timeline;

#[cfg(test)]
pub(crate) use model::Phase;
pub(crate) use model::{
    After, AllowanceUse, Fate, JobStory, Jobs, PhaseTotals, Rejection, RejectionExample, SearchStory, StreamStory,
    SyncReport, Target,
};
pub(crate) use page::page;

#[cfg(test)]
mod tests;
