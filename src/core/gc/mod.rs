//! Garbage collections: what is recorded of each, and what follows from many.

pub mod trend;
