//! Records for measurements, generated from a seed in several shapes, so that nothing can be tuned to one file.

mod contact;
mod every_type;
mod field;
mod generic;
mod pass;
mod random;
mod shape;
mod source;
mod text;

pub use field::Field;
pub use pass::Pass;
pub use shape::Shape;
pub use source::{Source, loaded};
