//! Garbage collections: what is recorded of each, and what follows from many.

pub mod histogram;
pub mod recorder;
pub mod tally;
pub mod threads;
pub mod trend;
