//! Records to measure with: made up from a seed, in several shapes, so that nothing can be tuned to one file.

mod contact;
mod pass;
mod random;
mod shape;
mod source;
mod text;

pub use pass::Pass;
pub use shape::{Field, Shape};
pub use source::Source;
