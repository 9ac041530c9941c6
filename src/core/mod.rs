//! Policies in pure Rust. Nothing here knows Node-API; `cargo test --no-default-features` builds only this.

pub mod cache;
pub mod gc;
pub mod heap_snapshot;
pub mod offheap;
pub mod pool;
pub mod process;
pub mod ring;
pub mod sync;
