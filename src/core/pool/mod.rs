//! Pooled memory: a [`depot`] of slabs for the process, from which a [`mod@pool`] takes runs of pages and splits them into chunks
//! of size classes.
//!
//! JavaScript sees a chunk as an ArrayBuffer, so what is in it changes behind the back of Rust. Nothing here makes a
//! reference to it: [`memory`] alone touches bytes. Memory is never unmapped: somebody who writes to a chunk that he no longer
//! has, such as a job of the thread pool on a Buffer that was released, spoils bytes, and does not end the process.

pub mod bits;
pub mod depot;
pub mod memory;
#[expect(clippy::module_inception, reason = "the pool of this module; the others are its parts")]
pub mod pool;
pub mod secure;
pub mod span;
