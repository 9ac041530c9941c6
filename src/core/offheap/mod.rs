//! The off-heap store: keys and values as bytes, bounded in bytes, shared by threads.
//!
//! A [`store`] is some [`shard`]s, each behind a lock. A shard is an [`arena`] of memory in which entries lie, laid out as
//! [`mod@entry`] says, linked from the newest to the oldest, and an [`index`] that finds them. The [`sweeper`] removes what has
//! expired.

pub mod arena;
pub mod claims;
pub mod clock;
pub mod entry;
pub mod index;
pub mod pages;
pub mod registry;
pub mod shard;
pub mod snapshot;
pub mod store;
pub mod sweeper;
pub mod transfer;
