//! What a connector holds in memory: it leases bytes from one budget, and packs what it holds for long.

mod budget;
mod piece;

pub use budget::{Budget, Lease};
pub use piece::{PIECE_SIZE, PackedPiece, Spares};
